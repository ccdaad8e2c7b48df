import random as seeded

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import calls, judge
from firmware import strategies as some
from firmware.structs import TYPES

SHAPES = st.sampled_from(((1,), (2,), (5,), (3, 3), (2, 3, 5), (4, 2, 3)))
LONGER = st.sampled_from(((8,), (3, 9), (4, 4, 8), (129,), (3, 5, 17)))  # more than a strip of 128, too


def bits(type_):
    return type_[1]


def extremes(type_, zero, m):
    lo, hi = judge.RANGE[type_]
    return (lo - zero) * m, (hi - zero) * m


@pytest.mark.parametrize("isa", ["c", "dsp"])
@some.cases
@given(data=st.data())
def test_add_equals_the_judge_also_in_place(kernels, isa, data):
    random, shape = data.draw(some.randoms), data.draw(st.one_of(SHAPES, LONGER))
    a_type, b_type, y_type = (data.draw(some.types) for _ in range(3))
    a_zero, b_zero, y_zero = (data.draw(some.zeros(t)) for t in (a_type, b_type, y_type))
    in_place = data.draw(
        st.sampled_from([None, *(n for n, t in (("a", a_type), ("b", b_type)) if bits(t) == bits(y_type))])
    )
    if in_place and a_type == b_type and data.draw(st.booleans()):
        in_place, b_zero = "both", a_zero
    least = 2 if isa == "dsp" else 1
    ma, mb, s = data.draw(st.integers(0, 2**28)), data.draw(st.integers(0, 2**28)), data.draw(st.integers(least, 30))

    def fits():
        (a_lo, a_hi), (b_lo, b_hi) = extremes(a_type, a_zero, ma), extremes(b_type, b_zero, mb)
        half = 2 ** (s - 1)
        low = a_lo + b_lo - half if isa == "dsp" else a_lo + b_lo + half
        return low >= -(2**31) and a_hi + b_hi + half < 2**31

    while not fits():
        ma, mb, s = ma // 2, mb // 2, max(least, s - 1)
    n = calls.count(shape)
    a, b = some.values(random, n, a_type), some.values(random, n, b_type)
    b = a if in_place == "both" else b
    expected = judge.add(a, a_zero, ma, b, b_zero, mb, s, y_type, y_zero)
    y = calls.add(kernels, shape, a, a_type, a_zero, ma, b, b_type, b_zero, mb, s, y_type, y_zero, in_place, isa)
    assert y == judge.pack(expected, y_type)


def test_add_reaches_both_ends_of_int32(kernels):
    """s8 at both ends with the largest legal multipliers: the sum, rounding included, is -2**31 and 2**31 - 1."""
    for s in (1, 15, 23):
        half = 2 ** (s - 1)
        m = (2**31 + half) // 256  # (-128 * 2 * m) + half >= -2**31
        assert -256 * m + half >= -(2**31)
        for v in (-128, 126, -1, 0, 1):
            expected = judge.add([v], 0, m, [v], 0, m, s, "s8", 0)
            assert calls.add(kernels, (1,), [v], "s8", 0, m, [v], "s8", 0, m, s, "s8", 0) == judge.pack(expected, "s8")


@st.composite
def rescaling(draw, type_, zero):
    """m and s for which (x - zero) << s stays in int32 for all x."""
    lo, hi = judge.RANGE[type_]
    s = draw(st.integers(0, 31 - max(zero - lo, hi - zero).bit_length()))
    m = draw(st.one_of(st.integers(0, 2**31 - 1), st.just(2 ** (31 - min(s, 30))), st.just(2**31 - 1)))
    return min(m, 2**31 - 1), min(s, 30)


@pytest.mark.parametrize("isa", ["c", "dsp"])
@some.cases
@given(data=st.data())
def test_rescale_equals_the_judge_also_in_place(kernels, isa, data):
    random, shape = data.draw(some.randoms), data.draw(st.one_of(SHAPES, LONGER))
    x_type, y_type = data.draw(some.types), data.draw(some.types)
    x_zero, y_zero = data.draw(some.zeros(x_type)), data.draw(some.zeros(y_type))
    m, s = data.draw(rescaling(x_type, x_zero))
    in_place = bits(x_type) == bits(y_type) and data.draw(st.booleans())
    x = some.values(random, calls.count(shape), x_type)
    expected = judge.rescale(x, x_zero, m, s, y_type, y_zero)
    y = calls.rescale(kernels, shape, x, x_type, x_zero, m, s, y_type, y_zero, in_place, isa)
    assert y == judge.pack(expected, y_type)


@pytest.mark.parametrize("isa", ["c", "dsp"])
@some.cases
@given(data=st.data())
def test_concat_along_any_axis_equals_the_judge(kernels, isa, data):
    random, y_type = data.draw(some.randoms), data.draw(some.types)
    rank = data.draw(st.integers(1, 3))
    axis = data.draw(st.integers(0, rank - 1))
    base = [data.draw(some.size(1, 4)) for _ in range(rank)]
    y_zero = data.draw(some.zeros(y_type))
    shapes, parts, rescaled = [], [], []
    for _ in range(data.draw(some.size(1, 4))):
        shape = list(base)
        shape[axis] = data.draw(st.sampled_from((1, 2, 3, 4, 8, 9, 21)))
        x_type = data.draw(some.types)
        x_zero = data.draw(some.zeros(x_type))
        m, s = data.draw(rescaling(x_type, x_zero))
        if data.draw(st.booleans()):  # as it is, where the types are y's
            x_type, x_zero, m, s = y_type, y_zero, 2**30, 2
        x = some.values(random, calls.count(shape), x_type)
        shapes.append(shape)
        parts.append((x, x_type, x_zero, calls.count(shape[axis:]), m, s))
        rescaled.append(judge.rescale(x, x_zero, m, s, y_type, y_zero))
    outer, stride = calls.count(base[:axis]), sum(part[3] for part in parts)
    y = calls.concat(kernels, parts, y_type, y_zero, outer, stride, isa)
    assert y == judge.pack(judge.concat(rescaled, shapes, axis), y_type)


@pytest.mark.parametrize("isa", ["c", "mve"])
@pytest.mark.parametrize("y_type", TYPES)
@pytest.mark.parametrize("x_type", TYPES)
def test_lookup_equals_the_judge_for_all_types_and_in_place(kernels, x_type, y_type, isa):
    random = seeded.Random(f"{x_type} {y_type}")
    table = [random.randrange(2 ** int(bits(y_type))) for _ in range(2 ** int(bits(x_type)))]
    for n in (*range(1, 70), 255, 256, 257):
        x = some.values(random, n, x_type)
        expected = judge.pack(judge.lookup(x, table, y_type), y_type)
        for in_place in (False, True) if bits(x_type) >= bits(y_type) else (False,):
            assert calls.lookup(kernels, (n,), x, x_type, table, y_type, in_place, isa) == expected, (n, in_place)


@pytest.mark.parametrize("isa", ["c", "dsp"])
@some.cases
@given(data=st.data())
def test_prelu_equals_the_judge_also_in_place(kernels, isa, data):
    random, shape = data.draw(some.randoms), data.draw(st.one_of(SHAPES, LONGER))
    x_type, y_type = data.draw(some.types), data.draw(some.types)
    x_zero, y_zero = data.draw(some.zeros(x_type)), data.draw(some.zeros(y_type))
    top, s = data.draw(rescaling(x_type, x_zero))
    m = [top, *(random.choice([top, -top, 0, random.randint(-(2**31) + 1, 2**31 - 1)]) for _ in range(shape[-1]))]
    in_place = bits(x_type) == bits(y_type) and data.draw(st.booleans())
    x = some.values(random, calls.count(shape), x_type)
    expected = judge.prelu(x, shape[-1], x_zero, m, s, y_type, y_zero)
    y = calls.prelu(kernels, shape, x, x_type, x_zero, m, s, y_type, y_zero, in_place, isa)
    assert y == judge.pack(expected, y_type)
