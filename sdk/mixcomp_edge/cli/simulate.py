"""mixcomp-edge simulate"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from mixcomp_edge.cli.common import ChainOption, JsonFlag, SourceArgument, TargetOption, output, print_json
from mixcomp_edge.simulation import Simulation


def register(app: typer.Typer) -> None:
    @app.command()
    def simulate(
        source: SourceArgument,
        target: TargetOption = None,
        count: Annotated[int, typer.Option("--count", "-n", help="Inputs to average over.", min=1)] = 1,
        toolchain: ChainOption = None,
        json: JsonFlag = False,
    ) -> None:
        """Count the instructions of one inference on an emulated core, by layer; flash, RAM and stack of the image.

        Exit code 1 when the core's output differs from Python's.
        """
        from mixcomp_edge.simulation import simulate as measure

        result = measure(source, target_name=target, count=count, chain_name=toolchain)
        if json:
            print_json(result.as_dict())
        else:
            print_simulation(result)
        raise typer.Exit(0 if result.bit_exact else 1)


def print_simulation(result: Simulation) -> None:
    """One row a layer, and the totals."""
    table = Table("layer", "operator", "weights", "act", title=f"{result.model} on {result.target} ({result.compiler})")
    for column in ("MAC", "instructions", "%", "a MAC"):
        table.add_column(column, justify="right")
    for layer in result.layers:
        share = 100 * layer.instructions / result.instructions
        table.add_row(
            layer.name, layer.op, layer.weights, str(layer.act_bits), f"{layer.macs:,}", f"{layer.instructions:,}",
            f"{share:.1f}", f"{layer.instructions / layer.macs:.2f}" if layer.macs else "",
        )  # fmt: skip
    output.print(table)
    flash, ram = result.flash_bytes, result.ram_bytes
    output.print(
        f"{result.instructions:,} instructions, {result.macs:,} MAC\n"
        f"flash {flash['total']:,} B = weights {flash['weights']:,} + code and tables {flash['code']:,}\n"
        f"RAM {ram['total']:,} B = arena {ram['arena']:,} (input and output in it) + stack {ram['stack']:,}\n"
        f"output {'equal to Python, to the bit' if result.bit_exact else 'DIFFERS from Python'}",
        highlight=False,
    )
