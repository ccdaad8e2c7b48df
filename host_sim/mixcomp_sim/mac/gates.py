"""The gate library, gates.toml: what each gate computes, its area, and what one transition costs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import MacError, folder

Lanes = NDArray[np.uint64]  # 64 cycles to a word
Function = Callable[..., Lanes]


@dataclass(frozen=True)
class Costs:
    """Of one gate in one process: fF of each input, fJ of one transition at each input and at each output."""

    pin_ff: tuple[float, ...]
    in_fj: tuple[float, ...]
    out_fj: tuple[float, ...]


@dataclass(frozen=True)
class Gate:
    """`expressions` holds one Boolean expression an output, in the syntax of genlib: ! * + ^."""

    name: str
    ge: float
    delay: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    expressions: tuple[str, ...]
    functions: tuple[Function, ...]
    costs: dict[str, Costs]  # by process


@dataclass(frozen=True)
class FlipFlop:
    """Costs of a D flip-flop: `clock_fj` is one whole clock cycle, the others one transition."""

    d_ff: float
    clk_ff: float
    d_fj: float
    q_fj: float
    clock_fj: float


@dataclass(frozen=True)
class Process:
    """Where the costs come from: supply voltage, and fF of wire for each driven pin with its range."""

    name: str
    description: str
    volt: float
    wire_ff: float
    wire_ff_range: tuple[float, float]
    flipflop: FlipFlop


@dataclass(frozen=True)
class Library:
    gates: dict[str, Gate]
    flipflop_ge: float
    processes: dict[str, Process]
    text: str  # of gates.toml

    def genlib(self) -> str:
        """The one-output gates as ABC reads them: area in gate equivalents, delay in NAND2 delays."""
        lines = ["GATE ZERO 0 y=CONST0;", "GATE ONE 0 y=CONST1;", "GATE BUF 2 y=a; PIN * NONINV 1 999 2 0 2 0"]
        for gate in self.gates.values():
            if len(gate.outputs) == 1:
                timing = f"PIN * UNKNOWN 1 999 {gate.delay} 0 {gate.delay} 0"
                lines.append(f"GATE {gate.name} {gate.ge} {gate.outputs[0]}={gate.expressions[0]}; {timing}")
        return "\n".join(lines) + "\n"


@cache
def library() -> Library:
    """The library of gates.toml."""
    text = (folder() / "synth" / "gates.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    processes = {
        name: Process(
            name, row["description"], row["volt"], row["wire_ff"], tuple(row["wire_ff_range"]),
            FlipFlop(**table["flipflop"][name]),
        )
        for name, row in table["libraries"].items()
    }  # fmt: skip
    gates = {name: _gate(name, row, list(processes)) for name, row in table["gates"].items()}
    return Library(gates, table["flipflop"]["ge"], processes, text)


def _gate(name: str, row: dict[str, Any], processes: list[str]) -> Gate:
    expressions = tuple(row["outputs"].values())
    inputs = tuple(sorted({letter for e in expressions for letter in re.findall("[a-z]", e)}))
    costs = {process: Costs(**{key: tuple(values) for key, values in row[process].items()}) for process in processes}
    for process, cost in costs.items():
        if not len(cost.pin_ff) == len(cost.in_fj) == len(inputs) or len(cost.out_fj) != len(expressions):
            raise MacError(f"gates.toml: {name}.{process} needs {len(inputs)} inputs and {len(expressions)} outputs.")
    functions = tuple(compiled(expression, inputs) for expression in expressions)
    return Gate(name, row["ge"], row["delay"], inputs, tuple(row["outputs"]), expressions, functions, costs)


def compiled(expression: str, inputs: tuple[str, ...]) -> Function:
    """A Boolean expression of genlib as a function of 64 cycles at a time."""
    if not re.fullmatch(r"[a-z!*+^()]+", expression):
        raise MacError(f"gates.toml: {expression!r} is no Boolean expression of letters and ! * + ^ ( ).")
    python = expression.replace("!", "~").replace("*", "&").replace("+", "|")
    function: Function = eval(f"lambda {', '.join(inputs)}: {python}", {"__builtins__": {}})
    return function
