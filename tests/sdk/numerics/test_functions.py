"""Functions of one value in float64, against Python's math and against torch."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from mixcomp_edge.numerics.functions import DOMAINS, NUMPY, Step, comes_to_rest, evaluate, extent, guarded, joined
from mixcomp_edge.train.operators.lookup import TORCH

X = [-37.5, -6.0, -3.0, -1.25, -1.0, -0.75, -0.5, -1e-3, 0.0, 1e-3, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.5, 20.0]


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def tanh_gelu(x):
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


MATH = {  # (parameters, meaning)
    "affine": ((2.5, -1.0), lambda x: 2.5 * x - 1),
    "remainder": ((0.75,), lambda x: x - 0.75 * math.floor(x / 0.75)), "fmod": ((0.75,), lambda x: math.fmod(x, 0.75)),
    "power": ((3.0,), lambda x: x * x * x),
    "exponential": ((1.5,), lambda x: math.pow(1.5, x)),
    "abs": ((), math.fabs), "floor": ((), math.floor), "ceil": ((), math.ceil), "trunc": ((), math.trunc),
    "round": ((), round), "sign": ((), lambda x: math.copysign(1, x) if x else 0),
    "exp": ((), math.exp), "exp2": ((), lambda x: 2.0**x), "expm1": ((), math.expm1),
    "log": ((), math.log), "log2": ((), math.log2), "log10": ((), math.log10), "log1p": ((), math.log1p),
    "sqrt": ((), math.sqrt), "rsqrt": ((), lambda x: 1 / math.sqrt(x)), "square": ((), lambda x: x * x),
    "reciprocal": ((), lambda x: 1 / x), "erf": ((), math.erf), "erfc": ((), math.erfc),
    "sin": ((), math.sin), "cos": ((), math.cos), "tan": ((), math.tan), "asin": ((), math.asin),
    "acos": ((), math.acos), "atan": ((), math.atan), "sinh": ((), math.sinh), "cosh": ((), math.cosh),
    "tanh": ((), math.tanh), "asinh": ((), math.asinh), "acosh": ((), math.acosh), "atanh": ((), math.atanh),
    "sigmoid": ((), logistic), "log_sigmoid": ((), lambda x: -softplus(-x)),
    "clamp": ((-0.6, 2.5), lambda x: min(max(x, -0.6), 2.5)),
    "hardsigmoid": ((), lambda x: min(max(x / 6 + 0.5, 0), 1)),
    "hardswish": ((), lambda x: x * min(max(x / 6 + 0.5, 0), 1)),
    "silu": ((), lambda x: x * logistic(x)),
    "gelu": ((), lambda x: x / 2 * math.erfc(-x / math.sqrt(2))),
    "gelu_tanh": ((), tanh_gelu),
    "elu": ((0.7, 1.1, 0.5), lambda x: 1.1 * (x if x > 0 else 0.7 * math.expm1(0.5 * x))),
    "leaky_relu": ((0.2,), lambda x: x if x > 0 else 0.2 * x),
    "softplus": ((2.0, 10.0), lambda x: x if 2 * x > 10 else softplus(2 * x) / 2),
    "mish": ((), lambda x: x * math.tanh(softplus(x))),
    "hardshrink": ((0.4,), lambda x: x if abs(x) > 0.4 else 0),
    "softshrink": ((0.4,), lambda x: x - 0.4 if x > 0.4 else x + 0.4 if x < -0.4 else 0),
    "threshold": ((0.4, -2.0), lambda x: x if x > 0.4 else -2.0),
}  # fmt: skip
OF_SEVERAL = {
    "constant", "sum", "difference", "product", "quotient", "least", "greatest", "choice", "above", "from", "below",
    "up_to", "equal", "unequal",
}  # fmt: skip


def defined(name, x):
    try:
        return math.isfinite(MATH[name][1](x))
    except (ValueError, ZeroDivisionError):
        return False


def test_every_function_has_a_form_in_numpy_and_in_torch_and_is_judged():
    assert set(NUMPY) == set(TORCH) == set(MATH) | OF_SEVERAL


@pytest.mark.parametrize("name", MATH)
def test_a_function_is_that_of_python_and_of_torch(name):
    parameters, meaning = MATH[name]
    x = [v for v in X if defined(name, v)]
    found = evaluate((Step(name, (0,), parameters),), [np.array(x)])
    assert_allclose(found, [meaning(v) for v in x], rtol=1e-13, atol=1e-14)
    theirs = evaluate((Step(name, (0,), parameters),), [torch.tensor(x, dtype=torch.float64)], TORCH)
    assert_allclose(theirs.numpy(), found, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", sorted(OF_SEVERAL - {"constant"}))
def test_a_function_of_several_values_is_that_of_torch(name):
    random = np.random.default_rng(1)
    operands = [random.integers(-2, 3, 50).astype(np.float64) for _ in range(3 if name == "choice" else 2)]
    formula = (Step(name, tuple(range(len(operands)))),)
    ours, theirs = evaluate(formula, operands), evaluate(formula, [torch.tensor(v) for v in operands], TORCH)
    assert_array_equal(ours, theirs.numpy())


@pytest.mark.parametrize("name", DOMAINS)
def test_outside_its_domain_a_guarded_function_has_the_value_of_the_nearest_end(name):
    low, high = DOMAINS[name]
    inside = evaluate((Step(name),), [np.array([low, high])])
    found = evaluate(guarded((Step(name),)), [np.array([low - 1, high + 1])])
    assert_array_equal(found, inside)
    assert not np.isnan(found).any()


def test_a_fractional_power_is_guarded_and_a_whole_one_is_not():
    assert evaluate(guarded((Step("power", (0,), (0.5,)),)), [np.array([-4.0, 4.0])]).tolist() == [0.0, 2.0]
    assert guarded((Step("power", (0,), (3.0,)),)) == (Step("power", (0,), (3.0,)),)


def test_formulas_of_formulas_compute_one_after_the_other():
    double, shift = (Step("affine", (0,), (2.0, 0.0)),), (Step("affine", (0,), (1.0, 3.0)), Step("square", (1,)))
    product = (Step("product", (0, 1)), Step("affine", (2,), (1.0, -1.0)))
    x = np.array([0.5, -2.0])
    assert_array_equal(evaluate(joined(shift, [double]), [x]), (2 * x + 3) ** 2)
    assert_array_equal(evaluate(joined(product, [double, shift]), [x]), 2 * x * (x + 3) ** 2 - 1)
    assert_array_equal(evaluate(joined(product, [shift, ()]), [x]), (x + 3) ** 2 * x - 1)
    assert_array_equal(evaluate(joined((), [shift]), [x]), (x + 3) ** 2)


@pytest.mark.parametrize(
    ("name", "low", "least", "most"),
    [
        ("sigmoid", -math.inf, 0, 1), ("tanh", -math.inf, -1, 1), ("tanh", 0.0, 0, 1), ("square", -math.inf, 0, None),
        ("exp", -math.inf, 0, math.inf), ("hardsigmoid", -math.inf, 0, 1), ("cos", -math.inf, -1, 1),
        ("silu", -math.inf, -0.27846, None), ("mish", -math.inf, -0.30884, None), ("gelu", 0.0, 0, None),
        ("hardswish", -math.inf, -0.375, None), ("log_sigmoid", 0.0, -math.log(2), 0),
    ],
)  # fmt: skip
def test_the_extent_of_a_function(name, low, least, most):
    found = extent((Step(name),), low)
    assert found[0] == pytest.approx(least, abs=1e-4)
    assert found[1] == pytest.approx(most, abs=1e-4) if most is not None else found[1] > 1e30


def test_where_a_function_comes_to_rest():
    assert comes_to_rest((Step("hardsigmoid"),)) == (pytest.approx(3, abs=0.05), False)
    assert comes_to_rest((Step("sigmoid"),)) == (pytest.approx(math.log(511), abs=0.05), False)
    assert comes_to_rest((Step("clamp", (0,), (-0.5, 4.0)),)) == (pytest.approx(4, abs=0.05), False)
    assert comes_to_rest((Step("silu"),)) is None
    assert comes_to_rest((Step("exp"),)) is None
    assert comes_to_rest((Step("sin"),)) is None


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_a_quotient_by_a_power_and_a_little_more_never_comes_to_rest(power):
    """However little of its range is left, which the smallest x make: all of the others may lie there."""
    formula = (Step("abs"), Step("power", (1,), (power,)), Step("affine", (2,), (1.0, 1e-3)), Step("reciprocal", (3,)))
    assert comes_to_rest(formula) is None
    assert comes_to_rest((Step("affine", parameters=(1.0, 1e-3)), Step("reciprocal", (1,)))) is None


@pytest.mark.parametrize("at", [-3.0, -0.1, 1e-3, 0.5, 2.0**-9, 1.9999999, 700.0])
@pytest.mark.parametrize("step", ["above", "from", "below", "up_to"])
def test_where_a_jump_is_done_it_is_done_in_single_precision_too(step, at):
    reach, jumps = comes_to_rest((Step("affine", parameters=(1.0, -at)), Step(step, (1,), (0.0,))))
    assert jumps
    assert abs(at) * 1.005 < reach < abs(at) * 1.02
