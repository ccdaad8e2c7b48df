"""mixcomp-edge mac"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, console, output, print_json, progress_bar

if TYPE_CHECKING:
    from mixcomp_sim.mac.measure import Figure
    from mixcomp_sim.mac.table import Table as Result

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
        json: JsonFlag = False,
    ) -> None:
        """Area and energy of multiply-accumulate units in Verilog: FixP4, Posit4, both, and what Posit layers cost.

        Gates are simulated on operands of real layers; every sum is compared with arithmetic on the way. How it is
        counted, and what it is worth: host_sim/mac/README.md.
        """
        from mixcomp_sim.mac.table import make_table

        if synthesize:
            _synthesize()
        if record:
            _record()
        with progress_bar() as tell:
            result = make_table(tried=structures, tell=tell)
        if json:
            print_json(result.as_dict())
        else:
            print_result(result)


def _synthesize() -> None:
    from mixcomp_sim.mac.netlist import store
    from mixcomp_sim.mac.synth import synthesize, version
    from mixcomp_sim.mac.units import variants

    with console.status("yosys: Verilog to gates (the first run of the wheel compiles it, about a minute)"):
        store(synthesize(variants()), version())


def _record() -> None:
    from mixcomp_edge.numerics import codebook
    from mixcomp_edge.train.operands import FORMATS, ORIGIN, record
    from mixcomp_sim.mac.streams import Stream, Streams, save

    layers = []
    for network, count in COUNTS.items():
        with console.status(f"quantize {network} and record its operands"):
            layers += [Stream(network=network, **vars(layer)) for layer in record(network, count)]
    save(Streams(tuple(layers), {name: codebook(name).levels for name in FORMATS}, ORIGIN))


def print_result(result: Result) -> None:
    """The tables, for people."""
    gates = Table("unit", "", "x", title="gates (area in gate equivalents, NAND2 = 1; depth in NAND2 delays)")
    for column in ("acc bits", "gates", "logic GE", "flip-flops", "their GE", "depth"):
        gates.add_column(column, justify="right")
    for s in result.structures:
        gates.add_row(
            s.unit, s.description, s.x, str(s.acc_bits), str(s.gates), f"{s.gate_equivalents:.0f}", str(s.flipflops),
            f"{s.register_equivalents:.0f}", str(s.depth),
        )  # fmt: skip
    output.print(gates)

    energy = Table("network", "unit", "weights", title=f"energy a MAC, {result.process} (range: glitches, wires)")
    for column in ("acc bits", "logic fJ", "registers fJ", "total fJ", "to fx4"):
        energy.add_column(column, justify="right")
    for e in result.energies:
        energy.add_row(
            e.network, e.unit, e.weights, str(e.acc_bits), _figure(e.logic_fj, ".0f"), f"{e.register_fj.nominal:.0f}",
            _figure(e.total_fj, ".0f"), _figure(e.relative, ".3f"),
        )  # fmt: skip
    output.print(energy)

    if result.overheads:
        over = Table(
            "network", "parameters in Posit", "layers", title=f"energy overhead (the source: {100 * result.claim} %)"
        )
        for column in ("MACs in Posit", "mixed unit", "two units"):
            over.add_column(column, justify="right")
        for o in result.overheads:
            over.add_row(
                o.network, f"{100 * o.eta:.0f} %", o.choice, f"{100 * o.posit_macs:.1f} %", _percent(o.mixed),
                _percent(o.apart),
            )  # fmt: skip
        output.print(over)
    output.print(f"operands: {result.operands}", highlight=False)


def _figure(value: Figure, form: str) -> str:
    return f"{value.nominal:{form}} ({value.low:{form}}–{value.high:{form}})"


def _percent(value: Figure) -> str:
    return f"{100 * value.nominal:.2f} % ({100 * value.low:.2f}–{100 * value.high:.2f})"
