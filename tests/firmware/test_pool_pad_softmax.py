import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import calls, judge
from firmware import strategies as some
from firmware.structs import TYPES


def shapes(data):
    return tuple(data.draw(some.size(1, high)) for high in (6, 6, 5))


@some.cases
@given(data=st.data())
def test_avgpool2d_equals_the_judge(kernels, data):
    random, x_type, y_type = data.draw(some.randoms), data.draw(some.types), data.draw(some.types)
    x_shape = shapes(data)
    k, oh, ow = data.draw(some.windows(x_shape, least=1))
    x_zero, y_zero = data.draw(some.zeros(x_type)), data.draw(some.zeros(y_type))
    lo, hi = judge.RANGE[x_type]
    taps = k["KH"] * k["KW"]
    bound = taps * max(x_zero - lo, hi - x_zero)
    s = data.draw(st.integers(0, 31 - bound.bit_length()))
    # mean: m[n] = 2**(32 - s) / n, where that fits
    mean = [min(2**31 - 1, 2 ** (32 - s) // n) for n in range(1, taps + 1)]
    m = data.draw(st.sampled_from((mean, [mean[-1]], [random.randrange(2**31) for _ in mean])))
    x, y_shape = some.values(random, calls.count(x_shape), x_type), (oh, ow, x_shape[2])
    expected = judge.avgpool2d(x, x_shape, x_zero, y_shape, y_type, y_zero, k, m, s)
    y = calls.pool(kernels, "avgpool2d", x, x_shape, x_type, x_zero, y_shape, y_type, y_zero, k, m, s)
    assert y == judge.pack(expected, y_type)


@some.cases
@given(data=st.data())
def test_maxpool2d_equals_the_judge(kernels, data):
    random, type_, x_shape = data.draw(some.randoms), data.draw(some.types), shapes(data)
    k, oh, ow = data.draw(some.windows(x_shape, least=1))
    zero = data.draw(some.zeros(type_))
    x, y_shape = some.values(random, calls.count(x_shape), type_), (oh, ow, x_shape[2])
    y = calls.pool(kernels, "maxpool2d", x, x_shape, type_, zero, y_shape, type_, zero, k)
    assert y == judge.pack(judge.maxpool2d(x, x_shape, y_shape, k), type_)


@some.cases
@given(data=st.data())
def test_pad_equals_the_judge(kernels, data):
    random, type_, x_shape = data.draw(some.randoms), data.draw(some.types), shapes(data)
    before = [data.draw(some.size(0, 3)) for _ in range(3)]
    y_shape = tuple(n + b + data.draw(some.size(0, 3)) for n, b in zip(x_shape, before, strict=True))
    zero = data.draw(some.zeros(type_))
    x = some.values(random, calls.count(x_shape), type_)
    y = calls.pad(kernels, x, x_shape, type_, zero, y_shape, *before)
    assert y == judge.pack(judge.pad(x, x_shape, zero, y_shape, *before), type_)


def exponentials(type_, scale):
    n = 16 if type_ in ("u4", "s4") else 256
    return [round(2**15 * math.exp(-d * scale)) for d in range(n)]


@some.cases
@given(data=st.data())
def test_softmax_equals_the_judge(kernels, data):
    random, type_ = data.draw(some.randoms), data.draw(some.types)
    shape = (data.draw(some.size(1, 2)), data.draw(some.size(1, 3)), data.draw(some.size(1, 40)))
    table = exponentials(type_, data.draw(st.sampled_from((0.001, 0.02, 0.3, 1.0, 20.0))))
    x = some.values(random, calls.count(shape), type_)
    rows = [x[i : i + shape[2]] for i in range(0, len(x), shape[2])]
    expected = [v for row in rows for v in judge.softmax(row, table)]
    assert calls.softmax(kernels, x, shape, type_, table) == bytes(expected)


@pytest.mark.parametrize("type_", TYPES)
def test_softmax_holds_65535_equal_elements_and_one_alone(kernels, type_):
    hi = judge.RANGE[type_][1]
    table = exponentials(type_, 0.1)
    assert calls.softmax(kernels, [hi], (1,), type_, table) == b"\xff"
    assert calls.softmax(kernels, [hi] * 65535, (65535,), type_, table) == bytes(65535)
