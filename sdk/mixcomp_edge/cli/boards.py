"""mixcomp-edge boards"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, output, print_json, progress_bar
from mixcomp_edge.targets.boards import Board

if TYPE_CHECKING:
    from mixcomp_edge.sizing import FirmwareSize

RAN = {
    "nowhere": "built only", "qemu": "ran in QEMU", "rp2040js": "ran in rp2040js", "board": "ran on the board",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    @app.command()
    def boards(
        sizes: Annotated[
            Path | None,
            typer.Option("--sizes", help="Build this bundle's firmware for every board and show its size."),
        ] = None,
        json: JsonFlag = False,
    ) -> None:
        """List the boards that export, flash and verify know.

        "built only": both compilers build the port, and its start ran on a model of the chip's registers, written from
        the reference manual; neither a board nor somebody else's emulator has run it yet.

        Example: mixcomp-edge boards --sizes resnet8.mce
        """
        from mixcomp_edge.targets.boards import boards as known

        if sizes is not None:
            from mixcomp_edge.bundle import load_bundle
            from mixcomp_edge.sizing import firmware_sizes

            bundle = load_bundle(sizes)
            with progress_bar() as tell:
                rows = firmware_sizes(bundle, lambda done, of: tell("firmware", done, of))
            if json:
                print_json({"model": bundle.graph.name, "firmware": [row.as_dict() for row in rows]})
            else:
                output.print(size_table(bundle.graph.name, rows))
        elif json:
            print_json({"boards": [as_dict(board) for board in known().values()]})
        else:
            output.print(board_table(list(known().values())))


def board_table(boards: list[Board]) -> Table:
    """A row a board."""
    table = Table("board", "core")
    for name in ("clock", "flash", "RAM"):
        table.add_column(name, justify="right")
    table.add_column("port")
    table.add_column("flash it by")
    for board in boards:
        table.add_row(
            board.name, board.target.name, f"{board.clock_hz / 1e6:g} MHz", f"{board.flash_bytes >> 10:,} KiB",
            f"{board.ram_bytes >> 10:,} KiB", RAN[board.proved], how_to_flash(board),
        )  # fmt: skip
    return table


def size_table(model: str, rows: list[FirmwareSize]) -> Table:
    """A row a board, two columns a compiler."""
    compilers = list(dict.fromkeys(row.compiler for row in rows))
    table = Table("board", title=f"firmware of {model}, bytes")
    for compiler in compilers:
        table.add_column(f"{compiler}: flash", justify="right")
        table.add_column("RAM", justify="right")
    for name in dict.fromkeys(row.board for row in rows):
        cells = []
        for row in (row for row in rows if row.board == name):
            cells += ["too small", ""] if row.refused else [f"{row.flash_bytes:,}", f"{row.ram_bytes:,}"]
        table.add_row(name, *cells)
    return table


def how_to_flash(board: Board) -> str:
    """What a person has to do."""
    if board.flash == "qemu":
        return f"QEMU starts it (-M {board.qemu})"
    if board.flash == "uf2":
        return f"UF2: plug in with BOOTSEL held; or a probe: pyOCD ({board.pyocd})"
    return f"USB to the probe on board: pyOCD ({board.pyocd})"


def as_dict(board: Board) -> dict[str, Any]:
    """The facts of --json."""
    return {
        "name": board.name, "description": board.description, "target": board.target.name, "clock_hz": board.clock_hz,
        "flash_bytes": board.flash_bytes, "ram_bytes": board.ram_bytes, "proved": board.proved, "flash": board.flash,
        "how_to_flash": how_to_flash(board),
    }  # fmt: skip
