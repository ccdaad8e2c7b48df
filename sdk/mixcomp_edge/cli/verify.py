"""mixcomp-edge verify"""

from __future__ import annotations

from typing import Annotated

import typer

from mixcomp_edge.cli.common import (
    ChainOption,
    JsonFlag,
    SourceArgument,
    TargetOption,
    output,
    print_json,
    progress_bar,
)


def register(app: typer.Typer) -> None:
    @app.command()
    def verify(
        source: SourceArgument,
        on: Annotated[str, typer.Option("--on", help="Where the C runs: host or emulator.")] = "host",
        target: TargetOption = None,
        count: Annotated[int, typer.Option("--count", "-n", help="Number of inputs.", min=1)] = 10,
        seed: Annotated[int, typer.Option("--seed", help="Seed of the inputs.", min=0)] = 0,
        toolchain: ChainOption = None,
        json: JsonFlag = False,
    ) -> None:
        """Prove that the C computes what Python computed: every element of every layer.

        Exit code 1 when an element differs.

        Example: mixcomp-edge verify resnet8.mce --on emulator --target cortex-m0plus
        """
        from mixcomp_edge.verification import verify as check

        with progress_bar() as tell:
            verdict = check(
                source, on=on, target_name=target, count=count, chain_name=toolchain, seed=seed,
                progress=lambda done, of: tell(f"verify on {on}", done, of),
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
        raise typer.Exit(1 if verdict.mismatches else 0)
