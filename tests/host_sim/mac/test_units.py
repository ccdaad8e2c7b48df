"""Every unit's gates against exact fractions from the number systems' definitions, never against level tables."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mixcomp_edge.numerics import CODEBOOKS, fixp, posit
from mixcomp_sim.mac import UNITS, netlist, simulate, unit
from mixcomp_sim.mac.units import variants

SCALE = {"posit4": 1, "posit4sc4": 4, "posit4sc8": 8}
VARIANTS = [(u, f) for u in variants() for f in u.formats]
NAMES = [f"{u.key}-{f}" for u, f in VARIANTS]


def value(weight_format: str, code: int) -> Fraction:
    """What a weight code stands for; NaR, which no quantizer emits, counts 0."""
    if weight_format == "fixp4":
        return fixp.decode(code, 4, 3)
    return (posit.decode(code, 4, 0) or Fraction(0)) / SCALE[weight_format]


def activation(u, bits: int) -> Fraction:
    if u.x_format:
        return posit.decode(bits, 4, 0) or Fraction(0)
    return fixp.decode(bits, u.x_bits, 0) if u.x_signed else Fraction(bits)


def unit_in_last_place(u, weight_format: str) -> Fraction:
    """What the accumulator's last bit stands for: the finest weight, times the finest activation."""
    finest = min(abs(value(weight_format, code)) for code in range(16) if value(weight_format, code))
    return finest / 4 if u.x_format else finest


def wrapped(number: int, bits: int) -> int:
    return (number + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def step(u, weight_format, w, x, start, state):
    """The register's next value in each of the given cycles, which need not follow one another."""
    ports = {"w": w, "x": x, "start": start, "posit": np.full(len(w), u.formats.index(weight_format))}
    gates = netlist.netlist(u)
    return simulate.next_state(gates, simulate.settle(gates, ports, state), len(w))


@pytest.mark.parametrize(("u", "weight_format"), VARIANTS, ids=NAMES)
def test_every_operand_pair_is_added_exactly(u, weight_format):
    last = unit_in_last_place(u, weight_format)
    random = np.random.default_rng(1)
    top = 1 << (u.acc_bits - 1)
    states = np.array([0, -1, 1, top - 1, -top, top // 2, *random.integers(-top, top, 6)])
    w, x, state = (a.ravel() for a in np.meshgrid(np.arange(16), np.arange(1 << u.x_bits), states, indexing="ij"))
    start = random.integers(0, 2, len(w))
    product = {
        (c, b): int(value(weight_format, c) * activation(u, b) / last) for c in range(16) for b in range(1 << u.x_bits)
    }
    assert all(
        product[c, b] * last == value(weight_format, c) * activation(u, b) for c, b in product
    )  # nothing is lost
    want = [
        wrapped((0 if s else q) + product[c, b], u.acc_bits)
        for c, b, s, q in zip(w.tolist(), x.tolist(), start.tolist(), state.tolist(), strict=True)
    ]
    np.testing.assert_array_equal(step(u, weight_format, w, x, start, state), want)


@pytest.mark.parametrize("name", UNITS)
def test_long_sums_come_out_and_wrap(name):
    """20,000 random cycles one after another, in each of which the gates see their own last result; a sum of thousands
    of largest products leaves 20 bits."""
    u = unit(name)
    u = u.with_(ACC_BITS=20) if u.with_(ACC_BITS=20).key in {v.key for v in variants()} else u
    random = np.random.default_rng(2)
    w, x = random.integers(0, 16, 20000), random.integers(0, 1 << u.x_bits, 20000)
    w[5000:] = np.where(random.random(15000) < 0.9, 7, w[5000:])
    x[5000:] = np.where(random.random(15000) < 0.9, 15 if not u.x_format else 7, x[5000:])
    start = (random.random(20000) < 1e-4).astype(int)
    for weight_format in u.formats:
        last = unit_in_last_place(u, weight_format)
        products = [
            value(weight_format, c) * activation(u, b) / last for c, b in zip(w.tolist(), x.tolist(), strict=True)
        ]
        total, sums = Fraction(0), []
        for begins, product in zip(start.tolist(), products, strict=True):
            total = product if begins else total + product
            sums.append(wrapped(int(total), u.acc_bits))
        state = np.array([0, *sums[:-1]])
        np.testing.assert_array_equal(step(u, weight_format, w, x, start, state), sums)
        if u.acc_bits == 20:
            assert max(np.abs(np.diff(sums))) > 1 << 19, "no sum wrapped"


def test_the_mode_bit_may_change_at_any_cycle():
    u, random = unit("mixed4"), np.random.default_rng(3)
    w, x, mode = (random.integers(0, n, 4000) for n in (16, 16, 2))
    quarters = [4 * value("posit4", c) for c in range(16)]
    eighths = [8 * value("fixp4", c) for c in range(16)]
    sums = np.cumsum([int((quarters if m else eighths)[c] * b) for c, b, m in zip(w, x, mode, strict=True)])
    gates = netlist.netlist(u)
    ports = {"w": w, "x": x, "start": np.zeros(4000, int), "posit": mode}
    state = np.concatenate([[0], sums[:-1]])
    np.testing.assert_array_equal(simulate.next_state(gates, simulate.settle(gates, ports, state), 4000), sums)


def test_the_scale_of_a_posit_is_a_binary_point_and_costs_no_gate():
    gates = [netlist.netlist(unit(name)).as_dict() for name in ("p4", "p4sc4", "p4sc8")]
    assert gates[0] == gates[1] == gates[2]
    last = [unit_in_last_place(unit(name), unit(name).formats[0]) for name in ("p4", "p4sc4", "p4sc8")]
    assert last == [Fraction(1, 4), Fraction(1, 16), Fraction(1, 32)]
    assert last == [Fraction(1, 1 << CODEBOOKS[f].shift) for f in SCALE]
