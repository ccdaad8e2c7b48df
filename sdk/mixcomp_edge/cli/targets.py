"""mixcomp-edge targets"""

from __future__ import annotations

import typer
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, output, print_json


def register(app: typer.Typer) -> None:
    @app.command()
    def targets(json: JsonFlag = False) -> None:
        """List the targets that export, verify and simulate know.

        Example: mixcomp-edge targets
        """
        from mixcomp_edge.targets import targets as known

        rows = [
            {"name": t.name, "description": t.description, "emulated": bool(t.core), "isas": list(t.isas)}
            for t in known().values()
        ]
        if json:
            print_json({"targets": rows})
            return
        table = Table("target", "core", "emulated", "kernels")
        for t in known().values():
            table.add_row(t.name, t.description, "yes" if t.core else "no", ", ".join(t.isas))
        output.print(table)
