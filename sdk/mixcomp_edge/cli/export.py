"""mixcomp-edge export"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mixcomp_edge.choosing import Goal
from mixcomp_edge.cli.common import (
    ChainOption,
    ForceFlag,
    JsonFlag,
    StreamDimOption,
    StreamOption,
    TargetOption,
    output,
    print_json,
    progress_bar,
    show_next,
    warn,
)
from mixcomp_edge.codegen.packaging import Packaging
from mixcomp_edge.errors import ExportError
from mixcomp_edge.targets import DEFAULT
from mixcomp_edge.targets import target as find_target

if TYPE_CHECKING:
    from mixcomp_edge.bundle import Bundle
    from mixcomp_edge.choosing import Choice
    from mixcomp_edge.plan.layout import Layout
    from mixcomp_edge.targets.boards import Board
    from mixcomp_edge.tflite.difference import Difference
    from mixcomp_edge.tflite.network import Network

MEASURED = 16  # inputs
STATE_HEAD = 4  # bytes of a state that say whose it is
BoardOption = Annotated[
    str | None, typer.Option("--board", "-b", help="Make a firmware for this board, see `mixcomp-edge boards`.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="MLPerf Tiny benchmark that the firmware answers as: ic01, kws01, vww01, ad01."),
]
BaudOption = Annotated[
    int | None,
    typer.Option("--baud", help="Speed of the firmware's UART.", show_default="115200, in energy mode 9600"),
]
EnergyOption = Annotated[
    bool,
    typer.Option("--energy", help="MLPerf Tiny's energy mode: times are marked on the board's timestamp pin."),
]


class Posit(StrEnum):
    """How weights lie in a .tflite file that no int4 holds."""

    INT8 = "int8"
    DECODE = "decode"


PACKAGE_NEXT = {
    Packaging.ARDUINO: "put the folder among your sketchbook's libraries, then File, Examples, selftest",
    Packaging.PLATFORMIO: "put the folder into your project's lib, then pio run",
    Packaging.ZEPHYR: "west build -b BOARD samples/selftest_…, with the folder in ZEPHYR_EXTRA_MODULES",
    Packaging.ESP_IDF: "put the folder among your project's components, or idf.py build in examples/selftest_…",
    Packaging.CMSIS_PACK: "packchk, zip it as a .pack, and add it by cpackget or your IDE",
}


def register(app: typer.Typer) -> None:
    @app.command()
    def export(
        bundles: Annotated[
            list[Path], typer.Argument(help="A bundle, or several for one firmware.", metavar="M.mce...")
        ],
        folder: Annotated[
            Path,
            typer.Option("-o", "--output", help="The folder to write; of --as tflite the file.", metavar="DIR|FILE"),
        ],
        target: TargetOption = None,
        board: BoardOption = None,
        profile: ProfileOption = None,
        baud: BaudOption = None,
        energy: EnergyOption = False,
        toolchain: ChainOption = None,
        optimize: Annotated[
            Goal | None,
            typer.Option(
                "-O",
                "--optimize",
                help="Choose each layer's kernel by measuring all that can serve it: fewest instructions on the "
                "emulated core (speed), least flash (size), or least of their product (balanced).",
                show_default="fast kernels, as far as their code takes no more than 4-bit weights save; no measuring",
            ),
        ] = None,
        flash_budget: Annotated[
            int | None,
            typer.Option("--flash-budget", help="Measure; the fastest within so many bytes of flash.", min=1),
        ] = None,
        max_instructions: Annotated[
            int | None,
            typer.Option("--max-instructions", help="Measure; the smallest within so many an inference.", min=1),
        ] = None,
        like: Annotated[
            Path | None, typer.Option("--like", help="Take the kernels of an earlier export.", metavar="DIR")
        ] = None,
        packaging: Annotated[
            Packaging,
            typer.Option(
                "--as", help="Lay the folder out as a package of these tools; tflite: a file for TFLite Micro."
            ),
        ] = Packaging.CMAKE,
        approximate: Annotated[
            bool,
            typer.Option(
                "--approximate", help="With --as tflite: TFLite Micro may round otherwise; how far off is told."
            ),
        ] = False,
        posit: Annotated[
            Posit | None,
            typer.Option(
                "--posit",
                help="With --as tflite: 4-bit weights beyond int4 as int8, or as codes and a table that TFLM_DECODE "
                "reads, which takes less flash and more RAM.",
                show_default="int8",
            ),
        ] = None,
        stream: StreamOption = None,
        stream_dim: StreamDimOption = None,
        force: ForceFlag = False,
        json: JsonFlag = False,
    ) -> None:
        """Write a bundle as C: a folder that builds by itself and drops into a firmware.

        Several bundles become one folder, with the code that they share in it once.

        With --board the folder is a whole firmware, and firmware/firmware.elf, .hex and .bin are it, compiled: it
        answers `verify --on serial:PORT` and the MLPerf Tiny runner.

        With --stream T the C works frame by frame: mce_<model>_step takes T more frames and keeps what it needs of the
        earlier ones in a struct of yours. Its outputs, one behind the other, equal those of the whole sequence.

        An earlier export of the model in DIR is replaced; your own files in there stay. Links are followed.

        Examples: mixcomp-edge export resnet8.mce --target cortex-m4 -o resnet8_c

        mixcomp-edge export resnet8.mce --board mps2-an386 -o resnet8_fw

        mixcomp-edge export resnet8.mce --flash-budget 50000 -o resnet8_small

        mixcomp-edge export keywords.mce speaker.mce --target cortex-m4 -o models_c

        mixcomp-edge export keywords.mce --stream 1 -o keywords_c

        mixcomp-edge export resnet8.mce --as arduino -o libraries/mce_resnet8

        mixcomp-edge export resnet8.mce --as tflite --approximate -o resnet8.tflite
        """
        from mixcomp_edge.bundle import load_bundle
        from mixcomp_edge.codegen.packages import export_several
        from mixcomp_edge.codegen.project import check_export, chosen_kernels
        from mixcomp_edge.codegen.project import export as write
        from mixcomp_edge.verification import form_of

        if packaging is Packaging.TFLITE:
            given = (target, board, profile, baud, toolchain, optimize, flash_budget, max_instructions, like, stream)
            if len(bundles) > 1 or energy or any(option is not None for option in given):
                raise ExportError(
                    "--as tflite writes one model, for no target: give M.mce, -o, --approximate, --posit alone."
                )
            _export_tflite(bundles[0], folder, approximate=approximate, decode=posit is Posit.DECODE, json=json)
            return
        if approximate:
            raise ExportError("--approximate is for --as tflite: C computes the same integers everywhere.")
        if posit is not None:
            raise ExportError("--posit is for --as tflite: C has 4-bit weights whatever their format.")
        if optimize is None and (flash_budget or max_instructions):
            optimize = Goal.speed if flash_budget else Goal.size
        if optimize is not None and like is not None:
            raise ExportError(
                "-O and limits measure anew and --like takes what an earlier export chose: give one of them."
            )
        if len(bundles) > 1:
            if any(option is not None for option in (board, profile, optimize, like, stream)):
                raise ExportError(
                    "--board, --profile, -O, limits, --like and --stream are for one model: export each by itself."
                )
            _export_several(bundles, target or DEFAULT, folder, packaging, force=force, json=json)
            return
        if board is not None and packaging is not Packaging.CMAKE:
            raise ExportError("--board makes a firmware and --as a package for your own: give one of them.")
        the_board = _board(board, target, profile, baud, energy)
        if the_board is not None or optimize is not None:
            from mixcomp_edge.build.cross import toolchain as find_chain

            wanted = the_board.target if the_board else find_target(target or DEFAULT)
            find_chain(toolchain, wanted.triple)  # a missing compiler is told before anything is written
        the_bundle = form_of(load_bundle(bundles[0]), stream, stream_dim)
        check_export(folder, the_bundle.graph.name, force=force)
        target = the_board.target.name if the_board else target or DEFAULT
        kernels = chosen_kernels(like) if like else None
        limits = {"flash_budget": flash_budget, "max_instructions": max_instructions}
        choice = _choose(the_bundle, target, optimize, toolchain, limits) if optimize else None
        kernels = choice.kernels if choice else kernels
        if packaging is Packaging.CMAKE:
            layout = write(
                the_bundle, target, folder, force=force, board=the_board, profile=profile, kernels=kernels, warn=warn
            )
        else:
            [layout] = export_several(
                [the_bundle], target, folder, packaging=packaging, force=force, kernels=kernels, warn=warn
            )
        sizes: dict[str, object] = {"weight_bytes": layout.weight_bytes, "arena_bytes": layout.arena.total_bytes}
        if choice is not None:
            sizes |= {"choice": choice.as_dict()}
        if the_board is not None:
            sizes |= _build(folder, the_board, toolchain, layout, profile)
        if json:
            print_json({"model": layout.graph.name, "target": layout.target.name, "folder": str(folder), **sizes})
            return
        _print_layout(folder, layout)
        if choice is not None:
            output.print(_table(choice))
        if the_board is not None:
            _print_firmware(sizes, the_board)
        if packaging is not Packaging.CMAKE:
            show_next(f"{PACKAGE_NEXT[packaging]} (self-tests lie in {folder})")
            return
        runs = "--on emulator" if layout.target.core else "--on host"
        show_next(f"mixcomp-edge flash {folder}" if the_board else f"mixcomp-edge verify {folder} {runs}")


def _export_tflite(bundle: Path, path: Path, *, approximate: bool, decode: bool, json: bool) -> None:
    from mixcomp_edge.bundle import load_bundle
    from mixcomp_edge.ir.graph import Q32
    from mixcomp_edge.storage import check_file
    from mixcomp_edge.tflite.export import export as write
    from mixcomp_edge.tflite.micro import INSTALL
    from mixcomp_edge.tflite.resolver import beside as resolver_of

    loaded = load_bundle(bundle)
    if not approximate and loaded.graph.contract == Q32:
        raise ExportError(
            f"{bundle}: rounds by contract q32, TensorFlow Lite Micro by its own rule: outputs would differ a little. "
            "Quantize with --contract tflm, or pass --approximate to write the file and be told by how much."
        )
    check_file(path)
    network, data = write(loaded, path, decode=decode)
    found = _difference(loaded, network, data)
    if json:
        told = {"model": network.name, "file": str(path), "bytes": len(data), "operations": len(network.operations)}
        told |= {"resolver": str(resolver_of(path)), "registered": network.registered}
        print_json({**told, "difference": found.as_dict() if found else None})
        return
    output.print(f"{path}: {network.name}, {len(network.operations)} operations, {len(data):,} B.", highlight=False)
    if found is None:
        warn(f"how far it is from the bundle is not measured: the package tflite-micro is missing. {INSTALL}")
    else:
        output.print(f"TensorFlow Lite Micro: {found}", highlight=False)
    output.print(
        f"Its operators for TFLite Micro's resolver, in C++: {resolver_of(path)} ({', '.join(network.registered)}).",
        highlight=False,
        markup=False,
    )


def _difference(bundle: Bundle, network: Network, data: bytes) -> Difference | None:
    from mixcomp_edge.tflite.difference import measure
    from mixcomp_edge.tflite.micro import Micro, available
    from mixcomp_edge.verification import make_inputs

    if not available():
        return None
    return measure(bundle.graph, Micro(network, data), make_inputs(bundle.graph, MEASURED))


def _export_several(
    bundles: list[Path], target: str, folder: Path, packaging: Packaging, *, force: bool, json: bool
) -> None:
    from mixcomp_edge.bundle import load_bundle
    from mixcomp_edge.codegen.packages import export_several

    loaded = [load_bundle(path) for path in bundles]
    layouts = export_several(loaded, target, folder, packaging=packaging, force=force, warn=warn)
    if json:
        models = {x.graph.name: {"weight_bytes": x.weight_bytes, "arena_bytes": x.arena.total_bytes} for x in layouts}
        print_json({"target": target, "folder": str(folder), "models": models})
        return
    for layout in layouts:
        _print_layout(folder, layout)


def _print_layout(folder: Path, layout: Layout) -> None:
    output.print(
        f"{folder}: {layout.graph.name} for {layout.target.name}, {len(layout.steps)} layers, "
        f"{layout.weight_bytes} B of weights, {layout.arena.total_bytes} B of arena"
        f"{f', {layout.arena.kept_bytes + STATE_HEAD} B a state' if layout.arena.kept_bytes else ''}.",
        highlight=False,
    )


def _choose(bundle: Bundle, target: str, goal: Goal, toolchain: str | None, limits: dict[str, int | None]) -> Choice:
    from mixcomp_edge.choosing import choose

    with progress_bar() as tell:
        return choose(bundle, target, goal, toolchain, lambda done, of: tell(f"kernels for {goal}", done, of), **limits)


def _table(choice: Choice) -> Table:
    unit = "bytes of code and weights" if choice.instructions is None else "instructions"
    cost = f"{choice.flash_bytes:,} B" + (
        "" if choice.instructions is None else f", {choice.instructions:,} instructions"
    )
    table = Table(title=f"Kernels for {choice.goal}, {choice.compiler}: {cost}", title_justify="left")
    for heading in ("layer", "kernel", unit, "instead of"):
        table.add_column(heading, overflow="fold")
    for layer in choice.layers:
        others = ", ".join(f"{name} {cost:,}" for name, cost in layer.costs.items() if name != layer.kernel)
        table.add_row(layer.layer, layer.kernel, f"{layer.costs[layer.kernel]:,}", others)
    return table


def _board(name: str | None, target: str | None, profile: str | None, baud: int | None, energy: bool) -> Board | None:
    if name is None:
        for word, given in (("--profile", profile), ("--baud", baud), ("--energy", energy)):
            if given:
                raise ExportError(f"{word} is for a firmware: give --board too.")
        return None
    from mixcomp_edge.targets.boards import board

    found = board(name)
    if target not in (None, found.target.name):
        raise ExportError(f"{name} is a {found.target.name}, not a {target}. Drop --target.")
    return found.configured(baud, energy)


def _print_firmware(sizes: dict[str, Any], board: Board) -> None:
    """What it takes, and of what: the model's own are weights, arena and some of the code."""
    output.print(f"{sizes['elf']}, .hex and .bin, by {sizes['compiler']}:", highlight=False, soft_wrap=True)
    for memory, there in (("flash", board.flash_bytes), ("RAM", board.ram_bytes)):
        of = sizes[f"{memory.lower()}_parts"]
        output.print(
            f"  {sizes[f'{memory.lower()}_bytes']:,} of {there:,} B of {memory}: "
            f"{', '.join(f'{what} {size:,}' for what, size in of.items())}.",
            highlight=False,
            soft_wrap=True,
        )


def _build(
    folder: Path, board: Board, chain_name: str | None, layout: Layout, profile: str | None
) -> dict[str, object]:
    from mixcomp_edge.build.cross import toolchain
    from mixcomp_edge.build.firmware import build_firmware
    from mixcomp_edge.build.image import read_image
    from mixcomp_edge.codegen.firmware import parts

    chain = toolchain(chain_name, board.target.triple)
    elf = build_firmware(folder, board, chain)
    sizes = read_image(elf, board).sizes()
    of = parts(layout, board, profile, **sizes)
    return {"board": board.name, "elf": str(elf), "compiler": chain.version(), **sizes, **of}
