"""A unit as gates. Nets are numbered; nets 0 and 1 are the constants. Cells stand in an order in which each reads only
what earlier cells, registers and inputs make."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from .files import MacError, folder
from .gates import library
from .units import Unit

Bits = tuple[int, ...]  # nets of a port, least significant first


@dataclass(frozen=True)
class Cell:
    gate: str
    inputs: Bits
    outputs: Bits


@dataclass(frozen=True)
class Netlist:
    """registers holds (d, q) of each flip-flop; all share one clock, which is no net here."""

    key: str
    nets: int
    inputs: dict[str, Bits]
    outputs: dict[str, Bits]
    cells: tuple[Cell, ...]
    registers: tuple[tuple[int, int], ...]

    @property
    def gates(self) -> Counter[str]:
        return Counter(cell.gate for cell in self.cells)

    @property
    def gate_equivalents(self) -> float:
        """Area of the gates without the registers; NAND2 = 1."""
        return sum(library().gates[cell.gate].ge for cell in self.cells)

    @property
    def register_equivalents(self) -> float:
        return library().flipflop_ge * len(self.registers)

    @cached_property
    def depth(self) -> int:
        """The longest path from an input or register to a register, in NAND2 delays."""
        arrival = [0] * self.nets
        for cell in self.cells:
            latest = max(arrival[net] for net in cell.inputs) + library().gates[cell.gate].delay
            for net in cell.outputs:
                arrival[net] = latest
        return max((arrival[d] for d, _ in self.registers), default=0)

    def as_dict(self) -> dict[str, Any]:
        return {
            "nets": self.nets,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "cells": [[cell.gate, *cell.inputs, *cell.outputs] for cell in self.cells],
            "registers": self.registers,
        }


def from_dict(key: str, table: dict[str, Any]) -> Netlist:
    """A netlist as `as_dict` wrote it."""
    gates = library().gates

    def cell(name: str, *nets: int) -> Cell:
        count = len(gates[name].inputs)
        return Cell(name, nets[:count], nets[count:])

    return Netlist(
        key, table["nets"],
        {name: tuple(bits) for name, bits in table["inputs"].items()},
        {name: tuple(bits) for name, bits in table["outputs"].items()},
        tuple(cell(*row) for row in table["cells"]),
        tuple((d, q) for d, q in table["registers"]),
    )  # fmt: skip


def from_yosys(key: str, module: dict[str, Any]) -> Netlist:
    """The netlist of one module of yosys' write_json, mapped to gates of the library and $_DFF_P_."""
    alias: dict[int | str, int | str] = {}
    cells: list[tuple[str, list[Any], list[Any]]] = []
    registers: list[tuple[Any, Any]] = []
    gates = library().gates
    for cell in module["cells"].values():
        kind, pins = cell["type"], {name: bits[0] for name, bits in cell["connections"].items()}
        if kind == "BUF":
            alias[pins["y"]] = pins["a"]
        elif kind in ("ZERO", "ONE"):
            alias[pins["y"]] = "0" if kind == "ZERO" else "1"
        elif kind == "$_DFF_P_":
            registers.append((pins["D"], pins["Q"]))
        elif kind in gates:
            gate = gates[kind]
            cells.append(
                (kind, [pins[i] for i in gate.inputs], [pins.get(o, f"open{len(cells)}{o}") for o in gate.outputs])
            )
        else:
            raise MacError(f"{key}: synthesis left a cell '{kind}' that the gate library does not hold.")

    numbers: dict[int | str, int] = {"0": 0, "1": 1, "x": 0}

    def net(bit: int | str) -> int:
        while bit in alias:
            bit = alias[bit]
        return numbers.setdefault(bit, len(numbers) - 1)  # "x" and "0" are one net

    ports: dict[str, dict[str, Bits]] = {"input": {}, "output": {}}
    for name, port in module["ports"].items():
        if name != "clk":
            ports[port["direction"]][name] = tuple(net(bit) for bit in port["bits"])
    flops = tuple((net(d), net(q)) for d, q in registers)
    known = {0, 1, *(q for _, q in flops), *(bit for bits in ports["input"].values() for bit in bits)}
    ordered = _ordered(key, [Cell(kind, tuple(map(net, i)), tuple(map(net, o))) for kind, i, o in cells], known)
    return Netlist(key, len(numbers) - 1, ports["input"], ports["output"], ordered, flops)


def _ordered(key: str, cells: Sequence[Cell], known: Iterable[int]) -> tuple[Cell, ...]:
    """Cells so that each reads only known nets and outputs of earlier ones."""
    ready, waiting, order = set(known), list(cells), []
    while waiting:
        now = [cell for cell in waiting if ready.issuperset(cell.inputs)]
        if not now:
            raise MacError(f"{key}: the netlist has a loop or a net that nothing drives.")
        order += now
        ready.update(net for cell in now for net in cell.outputs)
        waiting = [cell for cell in waiting if not ready.issuperset(cell.outputs)]
    return tuple(order)


NETLISTS = "netlists.json"


def sources() -> dict[str, str]:
    """Every file that netlists depend on, by its path in the folder."""
    root = folder()
    files = [*root.glob("rtl/**/*.v"), *root.glob("synth/*.v"), *root.glob("synth/*.ys")]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(files)}


def digest() -> str:
    """Of the Verilog, the synthesis script and the gates as ABC reads them; comments and spaces make no gate."""
    code = {path: " ".join(re.sub(r"//.*|^#.*", "", text, flags=re.M).split()) for path, text in sources().items()}
    return hashlib.sha256(json.dumps([code, library().genlib()], sort_keys=True).encode()).hexdigest()


@cache
def _stored() -> dict[str, Any]:
    path = folder() / "synth" / NETLISTS
    hint = "Make them again with `mixcomp-edge mac --synthesize`, which needs pip install 'mixcomp-edge[mac]'."
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MacError(f"{path}: cannot read the netlists ({error}). {hint}") from error
    if stored["digest"] != digest():
        raise MacError(f"{path}: the Verilog or the gate library has changed since these netlists were made. {hint}")
    return stored


def netlist(unit: Unit) -> Netlist:
    """The stored netlist of a unit."""
    table = _stored()["units"]
    if unit.key not in table:
        raise MacError(f"{unit.name}: no netlist for {unit.key}. There are: {', '.join(table)}.")
    return from_dict(unit.key, table[unit.key])


def store(netlists: Iterable[Netlist], tool: str, path: Path | None = None) -> None:
    """Writes the netlists of all units, one line each."""
    lines = [f"{json.dumps(n.key)}: {json.dumps(n.as_dict(), separators=(',', ':'))}" for n in netlists]
    head = f'{{"digest": "{digest()}",\n"tool": {json.dumps(tool)},\n"units": {{\n'
    (path or folder() / "synth" / NETLISTS).write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
    _stored.cache_clear()
