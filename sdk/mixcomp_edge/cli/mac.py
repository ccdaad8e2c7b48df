"""mixcomp-edge mac"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, console, output, print_json, progress_bar
from mixcomp_edge.errors import ToolchainError

if TYPE_CHECKING:
    from mixcomp_sim.mac.measure import Figure
    from mixcomp_sim.mac.table import Table as Result

WORDS = ("network", "unit", "weights", "layers", "x")  # columns that hold words
COUNTS = {"resnet8": 4096, "mobilenet": 1536}  # operand pairs a layer: about equal for both networks


def register(app: typer.Typer) -> None:
    @app.command()
    def mac(
        structures: Annotated[bool, typer.Option("--structures", help="Show the structures that lost.")] = False,
        synthesize: Annotated[
            bool, typer.Option("--synthesize", help="First make the netlists again from the Verilog, with yosys.")
        ] = False,
        record: Annotated[
            bool, typer.Option("--record", help="First record the operands again: torch, reference weights, CIFAR-10.")
        ] = False,
        markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
        json: JsonFlag = False,
    ) -> None:
        """Area and energy of multiply-accumulate units in Verilog: FixP4, Posit4, both, and what Posit layers cost.

        Gates are simulated on operands of real layers; every sum is compared with arithmetic on the way. How it is
        counted, and what it is worth: host_sim/mac/README.md.

        Example: mixcomp-edge mac --markdown
        """
        try:
            from mixcomp_sim.mac.table import make_table
        except ModuleNotFoundError as error:
            raise ToolchainError(f"mac: {error.name} is missing: pip install 'mixcomp-edge[mac]'.") from error
        if synthesize:
            _synthesize()
        if record:
            _record()
        with progress_bar() as tell:
            result = make_table(tried=structures, tell=tell)
        if json:
            print_json(result.as_dict())
        else:
            print_result(result, markdown=markdown)


def _synthesize() -> None:
    from mixcomp_sim.mac.netlist import store
    from mixcomp_sim.mac.synth import synthesize, version
    from mixcomp_sim.mac.units import variants

    units = variants()
    with progress_bar() as tell:
        tell("yosys, which its wheel compiles first, once", 0, 1)
        tool = version()
        tell("yosys, which its wheel compiles first, once", 1, 1)
        store(synthesize(units, lambda done: tell("synthesize", done, len(units))), tool)


def _record() -> None:
    from mixcomp_edge.numerics import codebook
    from mixcomp_edge.train.operands import FORMATS, ORIGIN, record
    from mixcomp_sim.mac.streams import Stream, Streams, save

    layers = []
    for network, count in COUNTS.items():
        with console.status(f"quantize {network} and record its operands"):
            layers += [Stream(network=network, **vars(layer)) for layer in record(network, count)]
    save(Streams(tuple(layers), {name: codebook(name).levels for name in FORMATS}, ORIGIN))


def print_result(result: Result, *, markdown: bool = False) -> None:
    """The tables, for people or for a page of documentation."""
    claim = f"{100 * result.claim:.2f} %"
    tables = {
        "gates: area in gate equivalents (NAND2 = 1), depth in NAND2 delays, flip-flops apart": _gates(result),
        f"energy a MAC, {result.process}; ranges span glitches and wires, those of ratios both processes too":
            _energies(result),
        f"energy overhead over FixP4 everywhere, by share in Posit (the source: {claim})": _overheads(result),
    }  # fmt: skip
    for title, rows in tables.items():
        if len(rows) > 1:
            _print_table(title, rows, markdown=markdown)
    output.print(f"operands: {result.operands}", highlight=False)


def _gates(result: Result) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("unit", "x", "acc", "gates", "logic GE", "flip-flops GE", "depth")]
    for s in result.structures:
        area = f"{s.gate_equivalents:.0f}", f"{s.register_equivalents:.0f}"
        rows.append((s.unit, s.x, str(s.acc_bits), str(s.gates), *area, str(s.depth)))
    return rows


def _energies(result: Result) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("network", "unit", "weights", "logic", "ff", "total fJ", "over fx4 %")]
    for e in result.energies:
        name = e.unit if e.acc_bits == 24 else f"{e.unit}/{e.acc_bits}"
        parts = f"{e.logic_fj.nominal:.0f}", f"{e.register_fj.nominal:.0f}", _figure(e.total_fj, ".0f")
        rows.append((e.network, name, e.weights, *parts, _percent(e.over_fx4, ".1f")))
    return rows


def _overheads(result: Result) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("network", "weights", "layers", "MACs", "mixed unit %", "two units %")]
    for o in result.overheads:
        shares = f"{100 * o.eta:.0f} %", o.choice, f"{100 * o.posit_macs:.1f} %"
        rows.append((o.network, *shares, _percent(o.mixed), _percent(o.apart)))
    return rows


def _print_table(title: str, rows: list[tuple[str, ...]], *, markdown: bool) -> None:
    if markdown:
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines.insert(1, "|" + "---|" * len(rows[0]))
        sys.stdout.write("\n".join([f"**{title}**", "", *lines, "", ""]))
        return
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=0)
    for column in rows[0]:
        table.add_column(column, justify="left" if column in WORDS else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    output.print(table)


def _percent(value: Figure, form: str = ".2f") -> str:
    return f"{100 * value.nominal:{form}} ({100 * value.low:.1f}–{100 * value.high:.1f})"


def _figure(value: Figure, form: str) -> str:
    return f"{value.nominal:{form}} ({value.low:{form}}–{value.high:{form}})"
