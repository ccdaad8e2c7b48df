"""lookup: the functions of numerics/functions.py in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.numerics.functions import RELATIONS, Formula, evaluate
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.train.operators.forms import forward, terms

TORCH: dict[str, Callable[..., Tensor]] = {
    "constant": lambda value: torch.tensor(value, dtype=torch.float64),
    "affine": lambda x, gain, offset: gain * x + offset,
    "sum": torch.add, "difference": torch.sub, "product": torch.mul, "quotient": torch.div,
    "least": torch.minimum, "greatest": torch.maximum,
    "choice": lambda which, a, b: torch.where(which != 0, a, b),
    **RELATIONS,
    "remainder": torch.remainder, "fmod": torch.fmod, "power": torch.pow,
    "exponential": lambda x, base: torch.pow(base, x),
    "abs": torch.abs, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc,
    "round": torch.round, "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1, "log": torch.log,
    "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "square": torch.square, "reciprocal": torch.reciprocal, "erf": torch.erf, "erfc": torch.erfc,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "asin": torch.asin, "acos": torch.acos, "atan": torch.atan,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh, "asinh": torch.asinh, "acosh": torch.acosh,
    "atanh": torch.atanh,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "clamp": lambda x, low, high: torch.clamp(x, low, high),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "elu": torch.ops.aten.elu.default,
    "leaky_relu": F.leaky_relu,
    "softplus": F.softplus,
    "mish": F.mish,
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
    "threshold": F.threshold,
}  # fmt: skip


@forward.register
def _(node: Lookup, inputs: list[Tensor]) -> Tensor:
    if len(inputs) > 1 or not torch.is_grad_enabled():
        return _value(node.function, inputs)
    y: Tensor = _Pointwise.apply(inputs[0], node.function)  # type: ignore[no-untyped-call]
    return y


@terms.register
def _(node: Lookup, inputs: list[Tensor], sizes: list[Tensor]) -> Tensor:
    """Rounding moves x by a small part of its terms, and f(x) by f'(x) times as much; f itself is computed from numbers
    as large as x."""
    with torch.enable_grad():
        known = [x.detach().double().requires_grad_() for x in inputs]
        y = _value(node.function, known)
        slopes = torch.autograd.grad(y.nan_to_num(0, 0, 0).sum(), known, allow_unused=True) if y.requires_grad else ()
    moved = [s * (d.abs().nan_to_num(1).clamp(1) if d is not None else 1) for s, d in zip(sizes, slopes, strict=False)]
    return y.detach().abs() + sum(moved, torch.zeros_like(y))


def _value(function: Formula, operands: list[Tensor]) -> Tensor:
    x = operands[0]
    y: Any = evaluate(function, [v if v.is_floating_point() else v.to(x) for v in operands], TORCH)
    return y.to(x if x.is_floating_point() else torch.float64).expand(x.shape)


class _Pointwise(torch.autograd.Function):
    """f(x) with its slope beside it. Where either is infinite, as that of a square root at 0, no gradient flows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Formula) -> Tensor:
        with torch.enable_grad():
            known = x.detach().requires_grad_()
            y = _value(function, [known])
            slope = torch.autograd.grad(y.sum(), known)[0] if y.requires_grad else torch.zeros_like(x)
        ctx.save_for_backward(torch.where(y.detach().isfinite() & slope.isfinite(), slope, 0.0))
        return y.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None
