"""Functions of one value as data: a formula is a few steps, each of which names a function below. Here they are in
float64, for the tables that C reads; train/operators/lookup.py is their form in PyTorch.

What a formula is like (its sign, its extent, where it is flat) is found by looking, on a grid that reaches as far as
float64 is of use: a formula that a user wrote has no properties to look up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One function of earlier values, with its parameters. `of` numbers the values: first the formula's operands, then
    what its steps made."""

    function: str
    of: tuple[int, ...] = (0,)
    parameters: tuple[float, ...] = ()


Formula = tuple[Step, ...]  # its value is the last step's

OCTAVE = 128  # places
_reach = np.exp2(np.concatenate([np.arange(-12, 12, 1 / OCTAVE), np.arange(12, 128)]))
GRID: Doubles = np.concatenate([-_reach[::-1], [0.0], _reach])  # where a formula is looked at
FAR = 4096.0  # up to here it is looked at closely
SEEN = 2.0**-9  # half a step of 8 bits, of the whole range

_erf, _erfc = (np.vectorize(function, otypes=[np.float64]) for function in (math.erf, math.erfc))


def _softplus(x: Doubles, beta: float, threshold: float) -> Doubles:
    return np.where(beta * x > threshold, x, np.logaddexp(0.0, beta * x) / beta)


def _elu(x: Doubles, alpha: float, scale: float, input_scale: float) -> Doubles:
    return scale * np.where(x > 0, x, alpha * np.expm1(input_scale * np.minimum(x, 0)))


def _sigmoid(x: Doubles) -> Doubles:
    return np.exp(-np.logaddexp(0.0, -x))


RELATIONS: dict[str, Callable[..., Any]] = {  # 1 where it holds, else 0, of arrays and of tensors
    "above": lambda a, b: 1.0 * (a > b), "from": lambda a, b: 1.0 * (a >= b), "below": lambda a, b: 1.0 * (a < b),
    "up_to": lambda a, b: 1.0 * (a <= b), "equal": lambda a, b: 1.0 * (a == b), "unequal": lambda a, b: 1.0 * (a != b),
}  # fmt: skip

NUMPY: dict[str, Callable[..., Any]] = {
    "constant": lambda value: np.float64(value),
    "affine": lambda x, gain, offset: gain * x + offset,
    "sum": np.add, "difference": np.subtract, "product": np.multiply, "quotient": np.divide,
    "least": np.minimum, "greatest": np.maximum, "choice": lambda which, a, b: np.where(which != 0, a, b),
    **RELATIONS,
    "remainder": lambda x, divisor: np.remainder(x, divisor), "fmod": lambda x, divisor: np.fmod(x, divisor),
    "power": lambda x, exponent: np.power(x, exponent), "exponential": lambda x, base: np.power(base, x),
    "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "square": np.square,
    "reciprocal": lambda x: 1 / x, "erf": _erf, "erfc": _erfc,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -np.logaddexp(0.0, -x),
    "clamp": np.clip,
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * (np.clip(x + 3, 0, 6) / 6),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * _erfc(-x / math.sqrt(2)) / 2,
    "gelu_tanh": lambda x: x * _sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)),
    "elu": _elu,
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "softplus": _softplus,
    "mish": lambda x: x * np.tanh(np.logaddexp(0.0, x)),
    "hardshrink": lambda x, bound: np.where(np.abs(x) > bound, x, 0.0),
    "softshrink": lambda x, bound: np.sign(x) * np.maximum(np.abs(x) - bound, 0.0),
    "threshold": lambda x, bound, value: np.where(x > bound, x, value),
}  # fmt: skip

DOMAINS: dict[str, tuple[float, float]] = {  # where a function of one value has a value, infinities among them
    "log": (0, math.inf), "log2": (0, math.inf), "log10": (0, math.inf), "log1p": (-1, math.inf),
    "sqrt": (0, math.inf), "rsqrt": (0, math.inf), "asin": (-1, 1), "acos": (-1, 1), "acosh": (1, math.inf),
    "atanh": (-1, 1),
}  # fmt: skip


def evaluate(formula: Formula, operands: Sequence[Any], functions: Mapping[str, Callable[..., Any]] = NUMPY) -> Any:
    """The value of a formula, by these functions."""
    values = list(operands)
    with np.errstate(all="ignore"):
        for step in formula:
            values.append(functions[step.function](*(values[i] for i in step.of), *step.parameters))
    return values[-1]


def guarded(formula: Formula) -> Formula:
    """The formula of one operand with a clamp before each function that has no value everywhere: the same where it has
    one, and that of the nearest end elsewhere."""
    steps: list[Step] = []
    now = [0]  # the number that each value has from here on
    for step in formula:
        of = tuple(now[i] for i in step.of)
        fractional = step.function == "power" and not step.parameters[0].is_integer()
        bounds = (0.0, math.inf) if fractional else DOMAINS.get(step.function)
        if bounds is not None:
            steps.append(Step("clamp", of, bounds))
            of = (len(steps),)
        steps.append(replace(step, of=of))
        now.append(len(steps))
    return tuple(steps)


def joined(formula: Formula, operands: Sequence[Formula]) -> Formula:
    """The formula of one operand x that `formula` of these functions of x is; an empty one is x itself."""
    steps: list[Step] = []
    now = []
    for operand in operands:
        first = len(steps)
        steps += [replace(step, of=tuple(i + first if i else 0 for i in step.of)) for step in operand]
        now.append(len(steps) if operand else 0)
    for step in formula:
        steps.append(replace(step, of=tuple(now[i] for i in step.of)))
        now.append(len(steps))
    return tuple(steps)


@cache
def extent(formula: Formula, low: float = -math.inf) -> tuple[float, float]:
    """The least and the largest value of a formula of one operand x >= low."""
    x = GRID[low <= GRID]
    values: Doubles = np.broadcast_to(evaluate(formula, [x]), x.shape).astype(np.float64)
    values = values[~np.isnan(values)]
    return float(values.min(initial=math.inf)), float(values.max(initial=-math.inf))


@cache
def comes_to_rest(formula: Formula) -> tuple[float, bool] | None:
    """The |x| from which on a formula of one operand x differs from its ends by less than a step of 8 bits can show,
    and whether it jumps there; None where it does not come to rest on both sides, or as slowly as a quotient by x,
    which at every size of x tells apart what is larger. Where it jumps, the |x| is a little more, so that what is cut
    there has jumped."""
    values = np.asarray(evaluate(formula, [GRID]), np.float64)
    least, most = extent(formula)
    if values.shape != GRID.shape or not math.isfinite(most - least) or np.isnan(values).any():
        return None
    off = np.abs(values - np.where(GRID < 0, values[0], values[-1])) / (most - least or 1.0)
    sides = [_last_off(off[: len(_reach)][::-1]), _last_off(off[-len(_reach) :])]
    last = max(at for at, _ in sides)
    if last < 0 or _reach[last] >= FAR or any(at >= 0 and slow for at, slow in sides):
        return None
    jumps = max(off[len(_reach) + 1 + last], off[len(_reach) - 1 - last]) > 8 * SEEN
    return float(_reach[last + 2 * jumps]), bool(jumps)


def _last_off(off: Doubles) -> tuple[int, bool]:
    """Of how far a function is from its end at each of _reach: the last place where that can be seen, or -1, and
    whether an octave behind it there is still a tenth of what there is next to it."""
    last = int(np.flatnonzero(off > SEEN).max(initial=-1))
    return last, bool(10 * off[min(last + 1 + OCTAVE, len(off) - 1)] > off[last + 1])
