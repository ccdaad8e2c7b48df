"""mixcomp-edge boards"""

from __future__ import annotations

from typing import Any

import typer
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, output, print_json
from mixcomp_edge.targets.boards import Board

RAN = {
    "nowhere": "built only", "qemu": "ran in QEMU", "rp2040js": "ran in rp2040js", "board": "ran on the board",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    @app.command()
    def boards(json: JsonFlag = False) -> None:
        """List the boards that export, flash and verify know.

        "built only": both compilers build the port, and its start ran on a model of the chip's registers, written from
        the reference manual; neither a board nor somebody else's emulator has run it yet.
        """
        from mixcomp_edge.targets.boards import boards as known

        if json:
            print_json({"boards": [as_dict(board) for board in known().values()]})
            return
        table = Table("board", "core", "clock", "flash", "RAM", "port", "flash it by")
        for name in ("clock", "flash", "RAM"):
            next(column for column in table.columns if column.header == name).justify = "right"
        for board in known().values():
            table.add_row(
                board.name, board.target.name, f"{board.clock_hz / 1e6:g} MHz", f"{board.flash_bytes >> 10:,} KiB",
                f"{board.ram_bytes >> 10:,} KiB", RAN[board.proved], how_to_flash(board),
            )  # fmt: skip
        output.print(table)


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
