"""mixcomp-edge doctor"""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, output, print_json
from mixcomp_edge.doctor.check import Check


def register(app: typer.Typer) -> None:
    @app.command()
    def doctor(json: JsonFlag = False) -> None:
        """Look for what the verbs need: packages, compilers, QEMU, serial ports, permissions, probes, drives.

        What is wrong comes with its remedy. Exit code 1 when something is missing or wrong that is not optional.
        """
        from mixcomp_edge.doctor.hardware import hardware
        from mixcomp_edge.doctor.software import software

        checks = [*software(), *hardware()]
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
