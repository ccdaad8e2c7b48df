import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import calls, judge
from firmware import strategies as some
from firmware.structs import TYPES


@pytest.mark.parametrize("x_type", TYPES)
@pytest.mark.parametrize("book", [name for name, levels in some.CODEBOOKS.items() if len(levels) == 16])
def test_every_code_meets_every_activation(kernels, x_type, book):
    """One input, sixteen outputs; the multipliers halve from output to output, so y shows every bit of the product."""
    levels = some.CODEBOOKS[book]
    shift = (2**31 - 1) // (some.largest(x_type) * max(abs(v) for v in levels))
    shift = shift.bit_length() - 1
    rows = [[c] for c in range(16) for _ in range(24)]
    m = [2 ** max(0, 31 - shift - bit) for _ in range(16) for bit in range(24)]
    bias = [0] * len(rows)
    lo, hi = judge.RANGE[x_type]
    for x in range(lo, hi + 1):
        expected = judge.dense([x], lambda o, i: rows[o][i], levels, bias, m, shift, "s8", 0)
        y = calls.dense(kernels, [x], (1,), x_type, rows, levels, bias, m, shift, (len(rows),), "s8", 0)
        assert y == judge.pack(expected, "s8")


@pytest.mark.parametrize("x_type", ["u4", "s4"])
def test_every_byte_of_codes_meets_every_byte_of_activations(kernels, x_type):
    levels = some.CODEBOOKS["posit4"]
    rows = [[byte & 15, byte >> 4] for byte in range(256)]
    lo, hi = judge.RANGE[x_type]
    for first in range(lo, hi + 1):
        for second in range(lo, hi + 1):
            x = [first, second]
            expected = judge.dense(x, lambda o, i: rows[o][i], levels, [0] * 256, [2**30], 1, "s8", 3)
            y = calls.dense(kernels, x, (2,), x_type, rows, levels, [0] * 256, [2**30], 1, (256,), "s8", 3)
            assert y == judge.pack(expected, "s8")


@pytest.mark.parametrize("x_type", TYPES)
def test_every_byte_as_a_weight_meets_every_activation(kernels, x_type):
    """One input, 256 outputs, each product once in its upper and once in its lower bits."""
    levels = some.CODEBOOKS["int8"]
    rows = [[c] for c in range(256) for _ in range(2)]
    m = [2**24, 2**31 - 1] * 256
    lo, hi = judge.RANGE[x_type]
    for x in range(lo, hi + 1):
        expected = judge.dense([x], lambda o, i: rows[o][i], levels, [0] * 512, m, 1, "s8", 0)
        y = calls.dense(kernels, [x], (1,), x_type, rows, levels, [0] * 512, m, 1, (512,), "s8", 0)
        assert y == judge.pack(expected, "s8")


@pytest.mark.parametrize("x_type", TYPES)
@some.cases
@given(data=st.data())
def test_dense_equals_the_judge(kernels, x_type, data):
    random, levels, y_type = data.draw(some.randoms), data.draw(some.codebooks), data.draw(some.types)
    x_shape = data.draw(st.sampled_from(((1,), (2,), (17,), (64,), (3, 5), (3, 3, 5), (2, 3, 4))))
    y_shape = data.draw(st.sampled_from(((1,), (2,), (7,), (2, 5), (3, 1, 3))))
    outputs, inputs = calls.count(y_shape), calls.count(x_shape)
    rows = [[random.randrange(len(levels)) for _ in range(inputs)] for _ in range(outputs)]
    sums = [sum(abs(levels[c]) for c in row) * some.largest(x_type) for row in rows]
    bias, m, s = data.draw(some.requants(random, sums, y_type))
    y_zero = data.draw(some.zeros(y_type))
    x = some.values(random, inputs, x_type)
    expected = judge.dense(x, lambda o, i: rows[o][i], levels, bias, m, s, y_type, y_zero)
    y = calls.dense(kernels, x, x_shape, x_type, rows, levels, bias, m, s, y_shape, y_type, y_zero)
    assert y == judge.pack(expected, y_type)
