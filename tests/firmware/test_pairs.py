"""Products, blends, minima and maxima of two values of any types, one of which may repeat along any axes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import calls, judge
from firmware import strategies as some

BLENDS = ("mce_blend__c", "mce_blend__dsp", "mce_minimum__c", "mce_minimum__dsp", "mce_maximum__c", "mce_maximum__dsp")
KERNELS = ("mce_mul__c", "mce_mul__dsp", *BLENDS)
TOP = 2**31 - 1


@st.composite
def shapes(draw):
    """(a, b, y) of one to four axes: as large as one another, or each repeats where the other does not. Some are
    longer than a strip of 128, some have vectors of up to 80."""
    y = [draw(st.sampled_from((1, 2, 3, 5))) for _ in range(draw(st.integers(1, 4)))]
    y[-1] = draw(st.sampled_from((1, 2, 3, 7, 8, 12, 16, 33)))
    if calls.count(y) < 40:
        y[-1] *= draw(st.sampled_from((1, 5)))
    a, b = list(y), list(y)
    for axis in range(len(y)):
        repeats = draw(st.sampled_from((None, None, a, b)))
        if repeats is not None:
            repeats[axis] = 1
    return tuple(a), tuple(b), tuple(y)


def multipliers(data, op, a_peak, b_peak, s):
    """(ma, mb) for which nothing leaves int32; half of the time as large as they may be."""
    half = 2 ** (s - 1) if s else 0
    most = TOP if op == "mul" else (TOP - half) // (a_peak + b_peak)
    some_of_it = st.one_of(st.just(most), st.integers(0, most))
    ma, mb = data.draw(some_of_it), data.draw(some_of_it)
    if op == "mul":
        return ma, 0
    return ma * data.draw(st.sampled_from((1, -1))), mb * data.draw(st.sampled_from((1, -1)))


@pytest.mark.parametrize("kernel", KERNELS)
@some.cases
@given(data=st.data())
def test_two_values_that_repeat_equal_the_judge_also_in_place(kernels, kernel, data):
    op = kernel.removeprefix("mce_").partition("__")[0]
    random, (a_shape, b_shape, y_shape) = data.draw(some.randoms), data.draw(shapes())
    a_type, b_type, y_type = (data.draw(some.types) for _ in range(3))
    a_zero, b_zero, y_zero = (data.draw(some.zeros(t)) for t in (a_type, b_type, y_type))
    fitting = [n for n, t, shape in (("a", a_type, a_shape), ("b", b_type, b_shape))
               if t[1] == y_type[1] and shape == y_shape]  # fmt: skip
    in_place = data.draw(st.sampled_from([None, *fitting]))
    if in_place and (a_type, a_shape) == (b_type, b_shape) and data.draw(st.booleans()):
        in_place = "both"
    a_peak, b_peak = peak(a_type, a_zero), peak(b_type, b_zero)
    if op == "mul":
        room = (TOP // (a_peak * b_peak)).bit_length() - 1
        s = data.draw(st.integers(0, min(room, 7 if "dsp" in kernel else 30)))
    else:
        s = data.draw(st.integers(2 if "dsp" in kernel else 1, 24))
    ma, mb = multipliers(data, op, a_peak, b_peak, s)
    a, b = some.values(random, calls.count(a_shape), a_type), some.values(random, calls.count(b_shape), b_type)
    b = a if in_place == "both" else b
    operands = (a, a_shape, a_zero, ma, b, b_shape, b_zero, mb, s, y_shape, y_type, y_zero)
    expected = judge.pair(op, *operands)
    y = calls.pair(
        kernels, kernel, a, a_shape, a_type, a_zero, ma, b, b_shape, b_type, b_zero, mb, s, y_shape, y_type, y_zero,
        in_place,
    )  # fmt: skip
    assert y == judge.pack(expected, y_type)


def peak(type_, zero):
    low, high = judge.RANGE[type_]
    return max(high - zero, zero - low)


@pytest.mark.parametrize("kernel", BLENDS)
def test_a_blend_reaches_both_ends_of_int32(kernels, kernel):
    op = kernel.removeprefix("mce_").partition("__")[0]
    for s in (2 if "dsp" in kernel else 1, 15, 23):
        m = (2**31 - 1 - 2 ** (s - 1)) // 255
        for a, b in ((-128, 127), (127, -128), (127, 127), (-128, -127)):
            expected = judge.pair(op, [a], (1,), 0, m, [b], (1,), 0, -m, s, (1,), "s8", 0)
            found = calls.pair(
                kernels, kernel, [a], (1,), "s8", 0, m, [b], (1,), "s8", 0, -m, s, (1,), "s8", 0
            )  # fmt: skip
            assert found == judge.pack(expected, "s8")


@pytest.mark.parametrize("channels", [*range(1, 20), 24, 30, 33, 40, 64, 72, 130])
def test_a_product_with_a_vector_of_any_length_equals_the_judge(kernels, channels):
    """Strips hold whole periods of a short vector where they can."""
    x = [(7 * i) % 16 for i in range(9 * channels)]
    gate = [(5 * i + 3) % 16 for i in range(channels)]
    shapes = ((9, channels), (1, channels))
    expected = judge.pack(judge.pair("mul", x, shapes[0], 0, 2**28, gate, shapes[1], 0, 0, 1, shapes[0], "u4", 0), "u4")
    for kernel in ("mce_mul__c", "mce_mul__dsp"):
        for types in (("u4", "u4"), ("u8", "u4"), ("u8", "u8")):
            found = calls.pair(
                kernels, kernel, x, shapes[0], types[0], 0, 2**28, gate, shapes[1], types[1], 0, 0, 1, shapes[0], "u4",
                0,
            )  # fmt: skip
            assert found == expected
