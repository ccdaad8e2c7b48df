"""The MAC units' gates against the C kernels, product by product."""

import numpy as np
import pytest

from firmware import calls, judge
from mixcomp_edge.numerics import CODEBOOKS
from mixcomp_sim.mac import netlist, simulate, unit


@pytest.mark.parametrize(("name", "books"), [("fx4", ["fixp4"]), ("p4", ["posit4", "posit4sc4", "posit4sc8"])])
@pytest.mark.parametrize("x_type", ["u4", "s4"])
def test_every_product_equals_the_c_kernels(kernels, name, books, x_type):
    """A dense kernel with one input, requantized by exactly 1, returns products; three zero points show all of them
    through its eight bits."""
    gates = netlist.netlist(unit(name).with_(X_SIGNED=int(x_type == "s4")))
    rows, zeros = [[code] for code in range(16)], np.zeros(16, int)
    for x in range(-8, 8) if x_type == "s4" else range(16):
        ports = {"w": np.arange(16), "x": np.full(16, x & 15), "start": zeros + 1}
        products = simulate.next_state(gates, simulate.settle(gates, ports, zeros), 16)
        for book in books:
            levels = list(CODEBOOKS[book].levels)
            for zero in (-128, 0, 127):
                y = calls.dense(kernels, [x], (1,), x_type, rows, levels, [0] * 16, [2**30], 2, (16,), "s8", zero)
                assert y == judge.pack(np.clip(products + zero, -128, 127).tolist(), "s8")
