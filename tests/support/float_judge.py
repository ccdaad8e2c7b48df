"""The float operators by torch.nn.functional in float64, channels first: the judge of the passes in lower/."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F


def run(graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Value (N, *shape) of every node of a float graph on inputs (N, *input shape)."""
    first = graph.nodes[0]
    value = torch.tensor(x, dtype=torch.float64)
    values = {first.name: value if first.gain is None else _affine(first, value)}
    for node in graph.nodes[1:]:
        values[node.name] = evaluate(node, *(values[name] for name in node.inputs))
    return {name: value.numpy() for name, value in values.items()}


def evaluate(node, *inputs: torch.Tensor) -> torch.Tensor:
    y = globals()[f"_{node.op}"](node, *inputs)
    high = getattr(getattr(node, "activation", None), "high", None)
    return y if high is None else y.clamp(0, high)


def _real(a: np.ndarray) -> torch.Tensor:
    return torch.tensor(a, dtype=torch.float64)


def _first(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2)


def _last(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)


def _padded(x: torch.Tensor, window, fill: float = 0.0) -> torch.Tensor:
    top, left, bottom, right = window.padding
    return F.pad(_first(x), (left, right, top, bottom), value=fill)


def _conv2d(node, x, residual=0):
    w = node.window
    weight = _real(node.weight).permute(0, 3, 1, 2)
    return _last(F.conv2d(_padded(x, w), weight, _real(node.bias), w.stride, 0, w.dilation, node.groups)) + residual


def _dense(node, x):
    return F.linear(x.flatten(1), _real(node.weight), _real(node.bias))


def _affine(node, x):
    return x * _real(node.gain) + _real(node.offset)


def _add(node, a, b):
    return a + b


def _constant(node):
    return _real(node.values)[None]


def _mul(node, a, b):
    return a * b


def _blend(node, a, b):
    return float(node.factors[0]) * a + float(node.factors[1]) * b


def _minimum(node, a, b):
    return torch.minimum(a, b)


def _maximum(node, a, b):
    return torch.maximum(a, b)


def _relu(node, x):
    return x


def _concat(node, *xs):
    return torch.cat(xs, dim=1 + node.axis)


def _avgpool2d(node, x):
    w = node.window
    ones = torch.ones(x.shape[3], 1, *w.kernel, dtype=torch.float64)

    def sums(v):
        return _last(F.conv2d(_padded(v, w), ones, None, w.stride, 0, w.dilation, x.shape[3]))

    return sums(x) / (w.kernel[0] * w.kernel[1] if node.count_include_pad else sums(torch.ones_like(x)))


def _maxpool2d(node, x):
    w = node.window
    return _last(F.max_pool2d(_padded(x, w, -torch.inf), w.kernel, w.stride, 0, w.dilation))


def _pad(node, x):
    return F.pad(x, [n for pair in zip(reversed(node.before), reversed(node.after), strict=True) for n in pair])


def _reduce_sum(node, x):
    return (torch.mean if node.mean else torch.sum)(x, [axis + 1 for axis in node.axes], keepdim=True)


def _reduce_max(node, x):
    return (torch.amin if node.least else torch.amax)(x, [axis + 1 for axis in node.axes], keepdim=True)


def _arg_max(node, x):
    return x.argmax(node.axes[0] + 1, keepdim=True).double()


def _reduce_norm(node, x):
    return torch.linalg.vector_norm(x, 2, [axis + 1 for axis in node.axes], keepdim=True)


def _normalize(node, x):
    seen, dims = x.reshape(len(x), *node.view), [axis + 1 for axis in node.axes]
    mean = seen.mean(dims, keepdim=True) if node.centred else 0
    size = ((seen - mean) ** 2).mean(dims, keepdim=True) + node.eps
    shape = [n if axis in node.over else 1 for axis, n in enumerate(node.view)]
    gain, offset = _real(node.gain).reshape(shape), _real(node.offset).reshape(shape)
    return ((seen - mean) * size.rsqrt() * gain + offset).reshape(x.shape)


def _matmul(node, a, b):
    def letters(axes):
        return "".join("abcdefgh"[axis] for axis in axes)

    axes = f"z{letters(node.a_axes)},z{letters(node.b_axes)}->z{letters(range(len(node.shape)))}"
    return node.factor * torch.einsum(axes, a, b)


def _reshape(node, x):
    return x.reshape(len(x), *node.shape)


def _slice(node, x):
    for axis, (start, step, size) in enumerate(zip(node.start, node.step, node.shape, strict=True)):
        x = torch.stack([x.select(1 + axis, start + i * step) for i in range(size)], 1 + axis)
    return x


def _transpose(node, x):
    return x.permute(0, *(1 + axis for axis in node.axes))


def _softmax(node, x):
    return torch.softmax(x, -1)


def _log_softmax(node, x):
    return torch.log_softmax(x, -1)


def _cumsum(node, x):
    return x.cumsum(-1)
