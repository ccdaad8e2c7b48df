"""Fake quantization: float in, float out on the grid of an integer type or a codebook, with learned steps.

Steps live in the log domain: a step stays positive, and one learning rate fits layers of every magnitude. The gradient
is the straight-through one with the learned-step term (LSQ, arXiv 1902.08153, eq. 2-3)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.ir.types import QType
from mixcomp_edge.lower.assign_types import ValueType
from mixcomp_edge.numerics import LEARNED, Codebook, members
from mixcomp_edge.quant_plan import LayerPlan
from mixcomp_edge.train.method.calibrate import activation_step, choose_codebook, weight_scale, zero_points
from mixcomp_edge.train.method.estimators import slope
from mixcomp_edge.train.method.histogram import Histogram
from mixcomp_edge.train.method.levels import learn_levels
from mixcomp_edge.train.recipe import Recipe

LOG_2 = math.log(2.0)


class _RoundToInteger(torch.autograd.Function):
    """y = step * clamp(round(x / step), low, high).

    dy/dx = 1 inside the range, 0 outside. dy/dlog(step) = y - x inside, y outside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, low: int, high: int) -> Tensor:
        step = log_step.exp()
        u = x / step
        inside = (u >= low - 0.5) & (u <= high + 0.5)
        y = u.round_().clamp_(low, high).mul_(step)
        ctx.save_for_backward(x, y, inside)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, y, inside = ctx.saved_tensors
        (gradient,) = gradients
        gradient_x = gradient * inside
        gradient_log = (gradient * y).sum() - torch.where(inside, gradient_x * x, 0.0).sum()  # x may be infinite
        return gradient_x, gradient_log, None, None


class _RoundToLevels(torch.autograd.Function):
    """y = scale * nearest level of w / scale; w (O, ...), log_scale (O,) or (1,).

    dy/dw is the estimator's slope, 0 beyond the outermost levels; dy/dlog(scale) = y - w dy/dw."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, log_scale: Tensor, values: Tensor, estimator: str) -> Tensor:
        scale = log_scale.exp().reshape(-1, *[1] * (w.dim() - 1))
        u = w / scale
        midpoints = (values[:-1] + values[1:]) / 2
        y = values[torch.bucketize(u, midpoints)] * scale
        ctx.save_for_backward(w, y, slope(estimator, u, values))
        ctx.scales = log_scale.numel()
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        w, y, slopes = ctx.saved_tensors
        (gradient,) = gradients
        gradient_w = gradient * slopes
        terms = gradient * y - gradient_w * w
        log_gradient = terms.flatten(1).sum(1) if ctx.scales > 1 else terms.sum().reshape(1)
        return gradient_w, log_gradient, None, None


class ActivationQuantizer(nn.Module):
    """Quantizes one value of the graph. The step is learned, unless `fix` has set it for good (input, softmax). A
    skewed value has a zero point that leaves room for numbers down to -depth, whatever the step."""

    zero_point: Tensor
    fixed_step: Tensor
    depth: Tensor

    def __init__(self, value_type: ValueType) -> None:
        super().__init__()
        self.value_type = value_type
        probe = QType(value_type.dtype, 1.0)
        self.low, self.high = probe.low, probe.high
        self.log_step = nn.Parameter(torch.zeros(()))
        self.register_buffer("zero_point", torch.zeros((), dtype=torch.int64))
        self.register_buffer("fixed_step", torch.zeros((), dtype=torch.float64))  # 0: learned
        if value_type.skewed:
            self.register_buffer("depth", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        zero = self.zero()
        y: Tensor = _RoundToInteger.apply(  # type: ignore[no-untyped-call]
            x, self.bounded_log_step(), self.low - zero, self.high - zero
        )
        return y

    def bounded_log_step(self) -> Tensor:
        """After ReLU6 the largest code may not exceed 6."""
        if self.value_type.limit is None:
            return self.log_step
        return self.log_step.clamp(max=float(np.log(self.value_type.limit / self.high)))

    def zero(self) -> int:
        """The zero point: for a skewed value, that of the step as it is."""
        if not self.value_type.skewed:
            return int(self.zero_point)
        return int(zero_points(float(self.depth), np.array(self.step()), self.high))

    def step(self) -> float:
        return float(self.fixed_step) or float(np.exp(np.float64(self.bounded_log_step().item())))

    def set_step(self, step: float) -> None:
        """The step to start learning from."""
        with torch.no_grad():
            self.log_step.fill_(float(np.log(step)))

    def calibrate(self, seen: Histogram) -> None:
        """Sets the step to start learning from, and what a skewed value needs below 0."""
        if self.value_type.skewed:
            self.depth.fill_(seen.depth)
        step = activation_step(seen, self.low, self.high, seen.depth if self.value_type.skewed else None)
        limit = self.value_type.limit
        if self.value_type.held and limit is not None and max(seen.peaks) >= limit:
            step = max(step, limit / self.high)
        self.set_step(step)

    def fix(self, step: float, zero_point: int = 0) -> None:
        """Sets step and zero point, exactly and for good."""
        self.set_step(step)
        self.fixed_step.fill_(step)
        self.zero_point.fill_(zero_point)
        self.requires_grad_(False)

    def qtype(self) -> QType:
        """The integer type that this quantizer stands for."""
        return QType(self.value_type.dtype, self.step(), self.zero())


class WeightQuantizer(nn.Module):
    """Quantizes a weight (O, ...) to a codebook, with one scale or one for each output channel.

    learned: the scale is trained. pow2: it is rounded to a power of two, straight through for the gradient. The
    estimator shapes the gradient of uneven codebooks; on even ones all but the straight one would only add noise."""

    values: Tensor

    def __init__(self, codebook: Codebook, channels: int, *, learned: bool = True, pow2: bool = False) -> None:
        super().__init__()
        self.codebook, self.pow2 = codebook, pow2
        self.estimator = "straight"
        self.log_scale = nn.Parameter(torch.zeros(channels), requires_grad=learned)
        self.register_buffer("values", torch.tensor(codebook.sorted_values, dtype=torch.float32), persistent=False)

    def forward(self, w: Tensor) -> Tensor:
        log_scale: Tensor = self.log_scale
        if self.pow2:
            rounded = torch.round(log_scale.detach() / LOG_2) * LOG_2
            log_scale = log_scale + (rounded - log_scale).detach()
        estimator = "straight" if self.codebook.even else self.estimator
        y: Tensor = _RoundToLevels.apply(w, log_scale, self.values, estimator)  # type: ignore[no-untyped-call]
        return y

    def set_scale(self, scale: np.ndarray) -> None:
        with torch.no_grad():
            self.log_scale.copy_(torch.from_numpy(np.log(scale)))

    def scale(self) -> np.ndarray:
        """(O,) or (1,) float64; exact powers of two with pow2."""
        logarithm = self.log_scale.detach().cpu().numpy().astype(np.float64)
        return np.exp2(np.rint(logarithm / LOG_2)) if self.pow2 else np.exp(logarithm)


def weight_quantizer(w: np.ndarray, plan: LayerPlan, recipe: Recipe) -> WeightQuantizer:
    """The quantizer of a layer's weight w (O, ...), calibrated on it: plan and recipe say how."""
    books, method = members(plan.weights), plan.quantizer
    if method == "recipe":
        method = recipe.quantizer_even if books[0].even else recipe.quantizer_uneven
    per_channel, pow2 = plan.granularity == "channel", plan.scale == "pow2"
    book = choose_codebook(w, books, per_channel=per_channel, method=method, pow2=pow2)
    if book.name == LEARNED:
        learned = learn_levels(w, book, weight_scale(w, book, per_channel=per_channel))
        book = choose_codebook(w, (learned, book), per_channel=per_channel, method=method, pow2=pow2)
    quantizer = WeightQuantizer(book, len(w) if per_channel else 1, learned=method == "learned", pow2=pow2)
    quantizer.set_scale(weight_scale(w, book, per_channel=per_channel, method=method, pow2=pow2))
    return quantizer
