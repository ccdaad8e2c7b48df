"""mixcomp-edge export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixcomp_edge.cli.common import JsonFlag, TargetOption, output, print_json
from mixcomp_edge.targets import DEFAULT


def register(app: typer.Typer) -> None:
    @app.command()
    def export(
        bundle: Annotated[Path, typer.Argument(help="A bundle.", metavar="M.mce")],
        folder: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.", metavar="DIR")],
        target: TargetOption = None,
        force: Annotated[bool, typer.Option("--force", help="Replace a folder that we did not make.")] = False,
        json: JsonFlag = False,
    ) -> None:
        """Write a bundle as C: a folder that builds by itself and drops into a firmware.

        Example: mixcomp-edge export resnet8.mce --target cortex-m4 -o resnet8_c
        """
        from mixcomp_edge.bundle import load_bundle
        from mixcomp_edge.codegen.project import export as write

        layout = write(load_bundle(bundle), target or DEFAULT, folder, force=force)
        sizes = {"weight_bytes": layout.weight_bytes, "arena_bytes": layout.arena.total_bytes}
        if json:
            print_json({"model": layout.graph.name, "target": layout.target.name, "folder": str(folder), **sizes})
            return
        output.print(
            f"{folder}: {layout.graph.name} for {layout.target.name}, {len(layout.steps)} layers, "
            f"{layout.weight_bytes} B of weights, {layout.arena.total_bytes} B of arena.",
            highlight=False,
        )
