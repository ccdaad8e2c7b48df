"""mixcomp-edge doctor"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, output, print_json
from mixcomp_edge.doctor.check import Check


def register(app: typer.Typer) -> None:
    @app.command()
    def doctor(
        folder: Annotated[
            Path | None, typer.Argument(help="A folder of `export --board`: does its board run it?", metavar="DIR")
        ] = None,
        port: Annotated[str | None, typer.Option("--port", help="Ask the firmware at this serial port.")] = None,
        json: JsonFlag = False,
    ) -> None:
        """Look for what the verbs need: packages, compilers, QEMU, serial ports, permissions, probes, drives.

        With --port the firmware there is asked who it is, at other baud rates too; with DIR, whether it is the folder's
        (ports that may be its board's are asked unless --port names one). Otherwise no port is opened.

        What is wrong comes with its remedy. Exit code 1 when something is missing or wrong that is not optional.

        Example: mixcomp-edge doctor resnet8_fw --port /dev/ttyACM0
        """
        from mixcomp_edge.doctor.hardware import firmware, hardware
        from mixcomp_edge.doctor.software import software

        board = build_id = None
        if folder is not None:
            from mixcomp_edge.codegen.project import read_firmware

            board, identity = read_firmware(folder)
            build_id = identity.hex()
        checks = [*software(), *hardware(), *firmware(port, board, build_id)]
        healthy = all(check.ok or check.optional for check in checks)
        if json:
            print_json({"ok": healthy, "checks": [asdict(check) for check in checks]})
        else:
            output.print(table(checks))
        raise typer.Exit(0 if healthy else 1)


def table(checks: list[Check]) -> Table:
    """A row a check; the remedy only where it is wanted."""
    shown = Table("", "what", "found", "needed for", "remedy")
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[yellow]optional[/]" if check.optional else "[red]wrong[/]"
        remedy = "" if check.ok else check.remedy
        shown.add_row(mark, *map(escape, (check.name, check.found, check.needed_for, remedy)))
    return shown
