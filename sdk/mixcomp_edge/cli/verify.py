"""mixcomp-edge verify"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixcomp_edge.cli.common import (
    ChainOption,
    EditedFlag,
    JsonFlag,
    ModelOption,
    SourceArgument,
    StreamDimOption,
    StreamOption,
    TargetOption,
    console,
    output,
    print_json,
    progress_bar,
    show_next,
)
from mixcomp_edge.errors import ExportError


def register(app: typer.Typer) -> None:
    @app.command()
    def verify(
        source: SourceArgument,
        on: Annotated[
            str,
            typer.Option(
                "--on",
                help="Where the C runs: host, emulator, qemu:BOARD, serial:PORT. Or what runs the .tflite file: "
                "tflm; litert and tensorflow, which are measured.",
            ),
        ] = "host",
        target: TargetOption = None,
        model: ModelOption = None,
        count: Annotated[int, typer.Option("--count", "-n", help="Number of inputs.", min=1)] = 10,
        seed: Annotated[int, typer.Option("--seed", help="Seed of the inputs.", min=0)] = 0,
        toolchain: ChainOption = None,
        stream: StreamOption = None,
        stream_dim: StreamDimOption = None,
        edited: EditedFlag = False,
        json: JsonFlag = False,
    ) -> None:
        """Prove that the C computes what Python computed: every element of every layer.

        Exit code 1 when an element differs.

        On a board (qemu:BOARD or serial:PORT, a device or a pyserial URL) the firmware of `export --board` must run;
        each layer is compared by its CRC-32, and fetched where that differs.

        LiteRT and TensorFlow round in ways of their own: --on litert and tensorflow tell how far off they are.

        Examples: mixcomp-edge verify resnet8.mce --on emulator --target cortex-m0plus

        mixcomp-edge verify resnet8_tflm.mce --on tflm

        mixcomp-edge verify resnet8_tflm.mce --on litert

        mixcomp-edge verify resnet8_fw --on serial:/dev/ttyACM0 --count 20
        """
        from mixcomp_edge.verification import verify as check

        if stream and on in ("tflm", "litert", "tensorflow"):
            raise ExportError(f"--on {on} runs whole sequences: leave --stream out.")
        if on in ("litert", "tensorflow"):
            _measure(source, on, count, seed, json=json)
            return
        with progress_bar() as tell:
            verdict = check(
                source, on=on, target_name=target, model=model, count=count, chain_name=toolchain, seed=seed,
                edited=edited, stream=stream, stream_dim=stream_dim,
                progress=lambda done, of: tell(f"verify on {on}", done, of),
                notice=lambda text: console.print(text, highlight=False),
            )  # fmt: skip
        if json:
            print_json(verdict.as_dict())
        else:
            where = f"{verdict.transport}, {verdict.target}: {verdict.inputs} inputs, {verdict.elements} elements"
            output.print(f"{where}, {verdict.mismatches} mismatches.", highlight=False)
            if verdict.first_mismatch is not None:
                m = verdict.first_mismatch
                output.print(
                    f"first: input {m.input}, layer {m.layer}, element {m.element}: expected {m.expected}, got {m.got}",
                    highlight=False,
                )
            elif on == "tflm":
                show_next(f"mixcomp-edge export {source} --as tflite -o {Path(source).with_suffix('.tflite')}")
            else:
                show_next(f"mixcomp-edge simulate {source}{f' -t {target}' if target else ''} --per-layer")
        raise typer.Exit(1 if verdict.mismatches else 0)


def _measure(source: Path, on: str, count: int, seed: int, *, json: bool) -> None:
    """How far an interpreter that proves nothing is."""
    from mixcomp_edge.bundle import load_bundle
    from mixcomp_edge.tflite.others import differences
    from mixcomp_edge.verification import make_inputs

    if source.is_dir():
        raise ExportError(f"{source} is a folder of C; --on {on} takes a bundle.")
    bundle = load_bundle(source)
    found = differences(bundle, on, make_inputs(bundle.graph, count, seed))
    if json:
        print_json({"transport": on, "proof": False, "differences": {way: d.as_dict() for way, d in found.items()}})
        return
    for way, difference in found.items():
        output.print(f"{on}, {way}: {difference}", highlight=False)
    output.print(f"No proof either way: {on} rounds as its kernels do. --on tflm proves.", highlight=False)
