"""From a function to the table that C reads, judged by exact fractions."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir.types import DTYPES, QType
from mixcomp_edge.numerics.functions import Step, guarded
from mixcomp_edge.operators.lookup import Lookup, QLookup
from mixcomp_edge.operators.prelu import PRelu, QPRelu

RANGE = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}


def node(*function: Step, shape=(4,)) -> Lookup:
    return Lookup(name="f", inputs=("x",), shape=shape, function=guarded(function))


def nearest(value: Fraction) -> int:
    """To the nearest integer, ties to the even one."""
    below = floor(value)
    rest = value - below
    return below + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1))


def codes(dtype):
    low, high = RANGE[dtype]
    return range(low, high + 1)


def values_of(lookup: QLookup, x: QType) -> list[int]:
    """What it makes of every code of x, in ascending order."""
    found = lookup.evaluate([np.array([[code] for code in codes(x.dtype)])], [x])
    return found[:, 0].tolist()


@pytest.mark.parametrize("y_dtype", DTYPES)
@pytest.mark.parametrize("x_dtype", DTYPES)
def test_a_table_holds_the_nearest_code_of_every_value(x_dtype, y_dtype):
    """A rational function, so that fractions say exactly which code is nearest."""
    x, y = QType(x_dtype, 0.125, 3), QType(y_dtype, 0.25, 5)
    function = (Step("affine", (0,), (0.75, 0.5)), Step("square", (1,)), Step("affine", (2,), (0.0625, -1.0)))
    low, high = RANGE[y_dtype]
    expected = []
    for code in codes(x_dtype):
        real = Fraction(code - 3, 8)
        made = (Fraction(3, 4) * real + Fraction(1, 2)) ** 2 / 16 - 1
        expected.append(min(max(nearest(made * 4) + 5, low), high))
    lowered = node(*function).lower(y, [x], None)
    lowered.check([x])
    assert values_of(lowered, x) == expected


def test_an_infinite_value_is_an_end_of_the_range():
    y = QType("s8", 0.01)
    x = QType("u8", 0.1)
    assert values_of(node(Step("log")).lower(y, [x], None), x)[0] == -128
    assert values_of(node(Step("reciprocal")).lower(y, [x], None), x)[0] == 127
    assert values_of(node(Step("exp")).lower(y, [QType("u8", 10.0)], None), QType("u8", 10.0))[-1] == 127


def test_below_its_domain_a_function_is_that_of_the_domains_end():
    x = QType("s8", 0.1)
    found = values_of(node(Step("sqrt")).lower(QType("u8", 0.02), [x], None), x)
    assert found[: 128 + 1] == [0] * 129
    assert found[128 + 10] == 50


def test_a_function_without_a_value_is_refused_with_the_number_and_a_remedy():
    entropy = (Step("log"), Step("product", (0, 1)))
    with pytest.raises(LoweringError, match=r"^f: has no value at 0, .* add a small constant"):
        node(*entropy).lower(QType("s8", 0.1), [QType("u8", 0.1)], None)


@pytest.mark.parametrize("y_dtype", DTYPES)
@pytest.mark.parametrize("x_dtype", DTYPES)
def test_a_lookup_with_8_bits_on_both_sides_gives_the_same_numbers(x_dtype, y_dtype):
    x, y = QType(x_dtype, 0.5, 2), QType(y_dtype, 0.25, 1)
    narrow = node(Step("silu")).lower(y, [x], None)
    wide = replace(narrow, type=y.wide).widen(y, [x])
    wide.check([x.wide])
    given = np.array([[code] for code in codes(x_dtype)])
    assert_array_equal(
        y.wide.dequantize(wide.evaluate([given * x.finer], [x.wide])), y.dequantize(narrow.evaluate([given], [x]))
    )


def test_what_a_lookup_says_of_its_value():
    sigmoid, silu, exp = node(Step("sigmoid")), node(Step("silu")), node(Step("exp"))
    assert (sigmoid.limit, exp.limit) == (1.0, None)
    assert [f.is_nonnegative([False]) for f in (sigmoid, silu, exp)] == [True, False, True]
    assert silu.is_nonnegative([True])
    assert node(Step("clamp", (0,), (-1.0, 3.0))).limit == 4.0
    assert node(Step("clamp", (0,), (-3.0, -2.0))).limit == 3.0  # 0 has a code, too


def test_several_values_of_other_shapes_are_refused():
    two = Lookup(name="f", inputs=("a", "b"), shape=(3,), function=(Step("least", (0, 1)),))
    with pytest.raises(GraphError, match="which must be one"):
        two.output_shape([(3,), (4,)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_prelu_is_the_nearest_code_but_for_its_multiplier(dtype):
    slopes = [0.25, -0.5, 0.0, 1.5]
    x, y = QType(dtype, 0.25, 3), QType("s8", 0.0625, -7)
    made = PRelu(name="p", inputs=("x",), shape=(4,), slope=np.array(slopes)).lower(y, [x], None)
    assert isinstance(made, QPRelu)
    made.check([x])
    given = np.array([[code] * 4 for code in codes(dtype)])
    expected = []
    for code in codes(dtype):
        real = (code - 3) * 4
        row = [real if real >= 0 else real * Fraction(s) for s in slopes]
        expected += [min(max(v - 7, -128), 127) for v in row]
    found = made.evaluate([given], [x])
    assert max(abs(f - e) for f, e in zip(found.ravel().tolist(), expected, strict=True)) <= Fraction(1, 2)


def test_a_prelu_cannot_be_negative_where_its_slopes_are_not_above_0():
    def prelu(*slope):
        return PRelu(name="p", inputs=("x",), shape=(2,), slope=np.array(slope))

    assert prelu(-1.0, 0.0).is_nonnegative([False])
    assert not prelu(-1.0, 0.5).is_nonnegative([False])
    assert prelu(-1.0, 0.5).is_nonnegative([True])
    with pytest.raises(GraphError, match="2 slopes for 3 channels"):
        prelu(1.0, 1.0).output_shape([(3,)])
