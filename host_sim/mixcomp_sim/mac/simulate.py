"""A netlist run on many cycles at once: bit t of a net's words is its value in cycle t. Values are exact Boolean
functions of the gate library; what is modelled is when a net changes.

zero-delay   each net changes at most once a cycle, to its final value: a lower bound on transitions.
gate delays  every input changes at the clock edge and each gate answers after its own delay (gates.toml); a net may go
             to and fro before it settles, and each of these glitches counts, however short: an upper bound, since real
             gates swallow pulses shorter than their own delay.

The state register needs no loop over time: the caller knows what it holds in every cycle, and compares `next_state`,
what the gates make of it, with what must come next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .gates import Lanes, library
from .netlist import Netlist

Cycles = NDArray[np.int64]


def to_lanes(bits: NDArray[np.integer]) -> Lanes:
    """bits (T,) of 0 and 1 to words, cycle t in bit t % 64 of word t // 64; filled up with the last cycle's value."""
    padded = np.pad(bits.astype(np.uint8), (0, -len(bits) % 64), mode="edge")
    return np.packbits(padded, bitorder="little").view(np.uint64)


def to_bits(lanes: Lanes, count: int) -> NDArray[np.uint8]:
    """The first `count` cycles of words."""
    return np.unpackbits(lanes.view(np.uint8), bitorder="little")[:count]


def delayed(lanes: Lanes) -> Lanes:
    """Each cycle's bit moved to the next cycle; the first cycle keeps its own."""
    before = np.concatenate([lanes[:1] << np.uint64(63), lanes[:-1]])  # its highest bit is the cycle before this word
    return (lanes << np.uint64(1)) | (before >> np.uint64(63))


def settle(netlist: Netlist, values: Mapping[str, Cycles], state: Cycles) -> list[Lanes]:
    """Final value of every net in every cycle.

    values: for each input port its value (T,), taken modulo its width; state (T,): what the registers hold, the bits in
    the order of the output port `acc`."""
    first = next(iter(values.values()))
    zero = np.zeros(-(-len(first) // 64), np.uint64)
    nets: list[Lanes] = [zero, ~zero, *[zero] * (netlist.nets - 2)]
    for name, bits in netlist.inputs.items():
        for position, net in enumerate(bits):
            nets[net] = to_lanes((values[name] >> position) & 1)
    for position, net in enumerate(netlist.outputs["acc"]):
        nets[net] = to_lanes((state >> position) & 1)
    for cell in netlist.cells:
        inputs = [nets[net] for net in cell.inputs]
        for net, function in zip(cell.outputs, library().gates[cell.gate].functions, strict=True):
            nets[net] = function(*inputs)
    return nets


def next_state(netlist: Netlist, nets: list[Lanes], count: int) -> Cycles:
    """What the registers take at the end of each of `count` cycles, as a signed number."""
    data = {q: d for d, q in netlist.registers}
    bits = [to_bits(nets[data.get(net, net)], count).astype(np.int64) for net in netlist.outputs["acc"]]
    value = np.sum([bit << position for position, bit in enumerate(bits)], axis=0)
    width = len(bits)
    return np.where(bits[-1] == 1, value - (1 << width), value)


@dataclass(frozen=True)
class Activity:
    """transitions[net] over `cycles` clock cycles."""

    transitions: NDArray[np.int64]
    cycles: int


def zero_delay(netlist: Netlist, nets: list[Lanes], count: int) -> Activity:
    """Transitions from each cycle's final values to the next's."""
    mask = _mask(count)
    counts = [int(np.bitwise_count((lanes ^ delayed(lanes)) & mask).sum()) for lanes in nets]
    return Activity(np.array(counts, np.int64), count - 1)


def with_glitches(netlist: Netlist, nets: list[Lanes], count: int) -> Activity:
    """Transitions until everything has settled, each gate with its delay.

    Each cycle starts from the final values of the one before, so all cycles still run at once; ends when nothing
    moves."""
    mask = _mask(count)
    gates = library().gates
    sources = {net for bits in netlist.inputs.values() for net in bits} | {q for _, q in netlist.registers}
    horizon = max(gate.delay for gate in gates.values()) + 1
    before = [delayed(lanes) for lanes in nets]
    history = [list(before) for _ in range(horizon)]  # history[time % horizon][net]
    moved = [set[int]() for _ in range(horizon)]
    transitions = np.zeros(netlist.nets, np.int64)
    for net in sources:
        change = (nets[net] ^ before[net]) & mask
        transitions[net] = int(np.bitwise_count(change).sum())
        if transitions[net]:
            history[0][net] = nets[net]
            moved[0].add(net)
    time, idle = 0, 0
    while idle < horizon:
        time += 1
        now = list(history[(time - 1) % horizon])
        moving = set[int]()
        for cell in netlist.cells:
            gate = gates[cell.gate]
            then = (time - gate.delay) % horizon
            if time < gate.delay or moved[then].isdisjoint(cell.inputs):
                continue
            inputs = [history[then][net] for net in cell.inputs]
            for net, function in zip(cell.outputs, gate.functions, strict=True):
                value = function(*inputs)
                changes = int(np.bitwise_count((value ^ now[net]) & mask).sum())
                if changes:
                    transitions[net] += changes
                    now[net] = value
                    moving.add(net)
        history[time % horizon], moved[time % horizon] = now, moving
        idle = 0 if moving else idle + 1
    assert all(np.array_equal(a & mask, b & mask) for a, b in zip(now, nets, strict=True)), "did not settle"
    return Activity(transitions, count - 1)


def _mask(count: int) -> Lanes:
    """Cycles 1 .. count - 1: those that have one before them."""
    mask = np.ones(count, np.uint8)
    mask[0] = 0
    return np.packbits(np.pad(mask, (0, -count % 64)), bitorder="little").view(np.uint64)
