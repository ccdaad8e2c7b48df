"""mixcomp-edge export"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixcomp_edge.cli.common import ChainOption, JsonFlag, TargetOption, output, print_json
from mixcomp_edge.errors import ExportError
from mixcomp_edge.targets import DEFAULT

if TYPE_CHECKING:
    from mixcomp_edge.targets.boards import Board

BoardOption = Annotated[
    str | None, typer.Option("--board", "-b", help="Make a firmware for this board, see `mixcomp-edge boards`.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="MLPerf Tiny benchmark that the firmware answers as: ic01, kws01, vww01, ad01."),
]


def register(app: typer.Typer) -> None:
    @app.command()
    def export(
        bundle: Annotated[Path, typer.Argument(help="A bundle.", metavar="M.mce")],
        folder: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.", metavar="DIR")],
        target: TargetOption = None,
        board: BoardOption = None,
        profile: ProfileOption = None,
        toolchain: ChainOption = None,
        force: Annotated[bool, typer.Option("--force", help="Replace a folder that we did not make.")] = False,
        json: JsonFlag = False,
    ) -> None:
        """Write a bundle as C: a folder that builds by itself and drops into a firmware.

        With --board the folder is a whole firmware, and build/firmware.elf is it, compiled: it answers `verify --on
        serial:PORT` and the MLPerf Tiny runner.

        Examples: mixcomp-edge export resnet8.mce --target cortex-m4 -o resnet8_c

        mixcomp-edge export resnet8.mce --board mps2-an386 -o resnet8_fw
        """
        from mixcomp_edge.bundle import load_bundle
        from mixcomp_edge.codegen.project import export as write

        the_board = _board(board, target, profile)
        layout = write(load_bundle(bundle), target or DEFAULT, folder, force=force, board=the_board, profile=profile)
        sizes: dict[str, object] = {"weight_bytes": layout.weight_bytes, "arena_bytes": layout.arena.total_bytes}
        if the_board is not None:
            sizes |= _build(folder, the_board, toolchain)
        if json:
            print_json({"model": layout.graph.name, "target": layout.target.name, "folder": str(folder), **sizes})
            return
        output.print(
            f"{folder}: {layout.graph.name} for {layout.target.name}, {len(layout.steps)} layers, "
            f"{layout.weight_bytes} B of weights, {layout.arena.total_bytes} B of arena.",
            highlight=False,
        )
        if the_board is not None:
            output.print(
                f"{sizes['elf']}: {sizes['flash_bytes']:,} of {the_board.flash_bytes:,} B of flash, "
                f"{sizes['ram_bytes']:,} of {the_board.ram_bytes:,} B of RAM ({sizes['compiler']}).",
                highlight=False,
            )


def _board(name: str | None, target: str | None, profile: str | None) -> Board | None:
    if name is None:
        if profile is not None:
            raise ExportError("--profile is for a firmware: give --board too.")
        return None
    from mixcomp_edge.targets.boards import board

    found = board(name)
    if target not in (None, found.target.name):
        raise ExportError(f"{name} is a {found.target.name}, not a {target}. Drop --target.")
    return found


def _build(folder: Path, board: Board, chain_name: str | None) -> dict[str, object]:
    from mixcomp_edge.build.cross import toolchain
    from mixcomp_edge.build.firmware import build_firmware
    from mixcomp_edge.build.image import read_image

    chain = toolchain(chain_name)
    elf = build_firmware(folder, board, chain)
    sizes = read_image(elf, board).sizes()
    return {"board": board.name, "elf": str(elf), "compiler": chain.version(), **sizes}
