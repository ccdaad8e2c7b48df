"""Functions of one value that torch knows by a name of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import arguments, operator_of, refused, torch_shape
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.lifting import Lift
from mixcomp_edge.frontend.torch_export.pairs import joined, operand
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.numerics.functions import Formula, Step
from mixcomp_edge.operators.blend import Maximum, Minimum
from mixcomp_edge.operators.cumsum import CumSum
from mixcomp_edge.operators.log_softmax import LogSoftmax
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.prelu import PRelu
from mixcomp_edge.operators.rescale import Relu
from mixcomp_edge.operators.softmax import Softmax

PLAIN = {  # without parameters: torch's name, ours where it differs
    **{name: name for name in (
        "abs", "sign", "floor", "ceil", "trunc", "round", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p",
        "sqrt", "rsqrt", "square", "reciprocal", "erf", "erfc", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
        "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "log_sigmoid", "hardsigmoid", "hardswish", "silu", "mish",
    )},
    "sgn": "sign", "special_expit": "sigmoid", "special_exp2": "exp2", "special_expm1": "expm1", "fix": "trunc",
    "special_log1p": "log1p", "special_erf": "erf", "special_erfc": "erfc", "special_round": "round",
}  # fmt: skip
SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)  # alpha, scale; torch.nn.SELU


def lookup(importer: Importer, node: fx.Node, function: str, *parameters: float) -> None:
    """Adds a function of the call's first operand."""
    importer.pointwise(node, Lookup, function=(Step(function, (0,), tuple(map(float, parameters))),))


def of_several(importer: Importer, node: fx.Node, function: str, operands: list[Any]) -> None:
    """Adds a function of several operands: values of one shape and constants that are one number."""
    values = list(dict.fromkeys(o for o in operands if isinstance(o, fx.Node) and o in importer.alias))
    if any(importer.stored(node, value).placement.shape != torch_shape(node) for value in values):
        raise refused(node, f"aten.{operator_of(node)} of different shapes")
    constants = [Step("constant", (), (number_of(importer, node, o),)) for o in operands if o not in values]
    places = {value: i for i, value in enumerate(values)}
    numbers = iter(range(len(values), len(values) + len(constants)))
    of = tuple(places[o] if o in places else next(numbers) for o in operands)
    formula: Formula = (*constants, Step(function, of))
    importer.pointwise(node, Lookup, *values, function=formula)


def is_number(importer: Importer, argument: Any) -> bool:
    """Whether it is one, of all elements, or none is given."""
    value = importer.constants.get(argument) if isinstance(argument, fx.Node) else None
    return argument not in importer.alias and (value is None or bool((value == value.flatten()[0]).all()))


def number_of(importer: Importer, node: fx.Node, argument: Any) -> float:
    value = importer.constants.get(argument, argument) if isinstance(argument, fx.Node) else argument
    if isinstance(value, torch.Tensor) and value.numel() and (value == value.flatten()[0]).all():
        value = value.flatten()[0]
    if isinstance(value, fx.Node) or (isinstance(value, torch.Tensor) and value.numel() != 1):
        raise refused(node, f"aten.{operator_of(node)} with a constant that is not one number")
    return float(value)


@handles(*(f"{name}.default" for name in PLAIN))
def _plain(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, PLAIN[operator_of(node)])


@handles("relu.default")
def _relu(importer: Importer, node: fx.Node) -> None:
    importer.pointwise(node, Relu, activation=Activation.RELU)


@handles("relu6.default")
def _relu6(importer: Importer, node: fx.Node) -> None:
    importer.pointwise(node, Relu, activation=Activation.RELU6)


@handles("hardtanh.default", *(f"{name}.{kind}" for name in ("clamp", "clip", "clamp_min", "clamp_max")
                               for kind in ("default", "Tensor")))  # fmt: skip
def _clamp(importer: Importer, node: fx.Node) -> None:
    name, given = operator_of(node), arguments(node, None, None, None)[1:]
    low, high = (None, given[0]) if name == "clamp_max" else given
    if not all(is_number(importer, bound) for bound in (low, high)):
        importer.alias[node] = _between(importer, node, low, high)
        return None
    if name == "hardtanh":
        low, high = (-1.0 if low is None else low), (1.0 if high is None else high)
    low, high = (
        end if bound is None else number_of(importer, node, bound)
        for bound, end in ((low, -math.inf), (high, math.inf))
    )
    if low >= high:
        raise refused(node, f"a clamp to [{low}, {high}], which leaves one number")
    if low == 0.0:
        return importer.pointwise(node, Relu, activation=Activation(high))
    return lookup(importer, node, "clamp", low, high)


def _between(importer: Importer, node: fx.Node, low: Any, high: Any) -> Stored:
    """Bounds that are values, or several numbers."""
    value = importer.stored(node)
    for kind, bound in ((Maximum, low), (Minimum, high)):
        if bound is not None:
            value = joined(importer, node, kind, value, operand(importer, node, bound))
    return value


@handles("gelu.default")
def _gelu(importer: Importer, node: fx.Node) -> None:
    approximate = node.kwargs.get("approximate", "none")
    lookup(importer, node, "gelu_tanh" if approximate == "tanh" else "gelu")


@handles("elu.default")
def _elu(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, "elu", *arguments(node, None, 1, 1, 1)[1:])


@handles("selu.default")
def _selu(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, "elu", *SELU, 1)


@handles("celu.default")
def _celu(importer: Importer, node: fx.Node) -> None:
    alpha = float(arguments(node, None, 1.0)[1])
    lookup(importer, node, "elu", alpha, 1, 1 / alpha)


@handles("leaky_relu.default")
def _leaky_relu(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, "leaky_relu", arguments(node, None, 0.01)[1])


@handles("prelu.default")
def _prelu(importer: Importer, node: fx.Node) -> None:
    slope = importer.tensor(node.args[1])
    if slope is None:
        raise refused(node, "a prelu whose slopes are computed")
    if slope.size == 1:
        return lookup(importer, node, "leaky_relu", slope.item())
    return importer.unary(node, PRelu, slope=slope.astype(np.float64).ravel())


@handles("rrelu.default")
def _rrelu(importer: Importer, node: fx.Node) -> None:
    """Outside of training the slope is the middle of its range."""
    _, lower, upper, training = arguments(node, None, 1 / 8, 1 / 3, False)
    if training:
        raise refused(node, "rrelu with training=True, which draws its slope at random")
    lookup(importer, node, "leaky_relu", (lower + upper) / 2)


@handles("softplus.default")
def _softplus(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, "softplus", *arguments(node, None, 1, 20)[1:])


@handles("hardshrink.default", "softshrink.default")
def _shrink(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, operator_of(node), arguments(node, None, 0.5)[1])


@handles("threshold.default")
def _threshold(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, "threshold", *arguments(node, None, None, None)[1:])


@handles("pow.Tensor_Scalar", "pow.Tensor_Tensor")
def _power(importer: Importer, node: fx.Node) -> None:
    if node.args[0] not in importer.alias:
        return _exponential(importer, node)
    return lookup(importer, node, "power", number_of(importer, node, node.args[1]))


@handles("pow.Scalar")
def _exponential(importer: Importer, node: fx.Node) -> None:
    base = number_of(importer, node, node.args[0])
    importer.pointwise(node, Lookup, 1, function=(Step("exponential", (0,), (base,)),))


@handles(*(f"{name}.{kind}" for name in ("remainder", "fmod") for kind in ("Scalar", "Tensor")))
def _remainder(importer: Importer, node: fx.Node) -> None:
    lookup(importer, node, operator_of(node), number_of(importer, node, node.args[1]))


@handles("floor_divide.default", "floor_divide.Scalar", "div.Tensor_mode", "div.Scalar_mode")
def _whole_quotient(importer: Importer, node: fx.Node) -> None:
    divisor, rounding = number_of(importer, node, node.args[1]), node.kwargs.get("rounding_mode", "floor")
    rounded = (Step(str(rounding), (2,)),) if rounding else ()
    function = (Step("constant", (), (divisor,)), Step("quotient", (0, 1)), *rounded)
    importer.pointwise(node, Lookup, function=function)


@handles("heaviside.default")
def _heaviside(importer: Importer, node: fx.Node) -> None:
    """A step at 0, where it has a value of its own."""
    at_zero = Step("constant", (), (number_of(importer, node, node.args[1]),))
    compared = (Step("above", (0, 1)), Step("equal", (0, 1)))
    function = (Step("constant", (), (0.0,)), *compared, at_zero, Step("choice", (3, 4, 2)))
    importer.pointwise(node, Lookup, function=function)


@handles("softmax.int", lift=Lift.ALONG)
def _softmax(importer: Importer, node: fx.Node) -> None:
    _along_one(importer, node, Softmax)


@handles("log_softmax.int", lift=Lift.ALONG)
def _log_softmax(importer: Importer, node: fx.Node) -> None:
    _along_one(importer, node, LogSoftmax)


@handles("cumsum.default", lift=Lift.ALONG)
def _cumsum(importer: Importer, node: fx.Node) -> None:
    _along_one(importer, node, CumSum)


def _along_one(importer: Importer, node: fx.Node, make: type[Softmax | LogSoftmax | CumSum]) -> None:
    """Adds make(...), which goes along the last axis: the dimension that the call names is to lie there."""
    order = importer.read(node).order
    dim = int(node.args[1]) % (len(order) + 1) - 1  # type: ignore[arg-type]
    if dim < 0:
        raise refused(
            node, f"{node.target} over the batch", "each sample is computed by itself: name another dimension"
        )
    order = (*(other for other in order if other != dim), dim)
    source = importer.source_as(node, 0, order)
    importer.add(node, make(name=importer.unique(node.name), inputs=(source.name,), shape=source.shape), order)
