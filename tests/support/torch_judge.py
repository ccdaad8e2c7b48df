"""The integer operators by PyTorch's float64 operators, channels first: exact below 2**53, and no code of ours."""

from __future__ import annotations

from math import exp, isqrt, prod
from types import SimpleNamespace

import numpy as np
import torch
from torch.nn import functional as F

SAME = SimpleNamespace(multiplier=[2**30], shift=2)  # requantizes to what it is given
RANGE = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}
POSIT = [0, 1, 2, 3, 4, 6, 8, 16]
POSIT1 = [0, 1, 4, 8, 16, 32, 64, 256]
LEVELS = (
    {"fixp4": [*range(8), *range(-8, 0)]}
    | {
        name: [*positive, None, *(-v for v in reversed(positive[1:]))]
        for name, positive in {"posit4": POSIT, "posit4sc4": POSIT, "posit4sc8": POSIT, "posit4e1": POSIT1}.items()
    }
    | {
        "e2m1": [0, 1, 2, 3, 4, 6, 8, 12, None, -1, -2, -3, -4, -6, -8, -12],
        "nf4": [0, 10, 20, 31, 43, 56, 71, 92, 127, -127, -88, -67, -50, -36, -23, -12],
        "lut4": [0, 127, -127, 126, -126, 1, -1, 2, 100, 64, -64, 0, 17, -33, 50, -51],
        "int8": [*range(128), None, *range(-127, 0)],
    }
)


def run(graph, *inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Value (N, *shape) of every node."""
    nodes = {node.name: node for node in graph.nodes}
    given = [node for node in graph.nodes if node.op in ("input", "affine_input")]
    values = {n.name: torch.tensor(x, dtype=torch.float64) for n, x in zip(given, inputs, strict=True)}
    for node in graph.nodes[len(given) :]:
        function = globals()[f"_{node.op}"]
        sources = [nodes[name] for name in node.inputs]
        y = function(node, *(values[name] for name in node.inputs), types=[s.type for s in sources])
        y = y[:, 0] if y.ndim == len(node.shape) + 2 else y  # the one row of (N, W, C)
        values[node.name] = y.expand(len(inputs[0]), *y.shape[1:])  # a constant is one sample
    return {name: value.numpy().astype(np.int64) for name, value in values.items()}


def _levels(node) -> torch.Tensor:
    table = torch.tensor([0 if v is None else v for v in LEVELS[node.weights.codebook.name]], dtype=torch.float64)
    return table[torch.tensor(node.weights.codes.astype(np.int64))]


def _first(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) of (N, H, W, C), or of (N, W, C), which is one row."""
    return (x[:, None] if x.ndim == 3 else x).permute(0, 3, 1, 2)


def _last(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)


def _padded(x: torch.Tensor, window, fill: float) -> torch.Tensor:
    top, left, bottom, right = window.padding
    return F.pad(_first(x), (left, right, top, bottom), value=float(fill))


def _store(node, acc: torch.Tensor, requant, multiplier=None) -> torch.Tensor:
    """clamp(zero + round half up of acc * m * 2**(s - 32)); the product is below 2**62, so int64 holds it."""
    m = torch.tensor(requant.multiplier.astype(np.int64)) if multiplier is None else multiplier
    product = acc.to(torch.int64) * 2**requant.shift * m
    rounded = torch.div(product + 2**31, 2**32, rounding_mode="floor")
    return _clamp(node, rounded.double())


def _clamp(node, y: torch.Tensor) -> torch.Tensor:
    return torch.clamp(y + node.type.zero_point, *RANGE[node.type.dtype])


def _accumulate(node, x, types, weight, groups):
    bias = torch.tensor(node.weights.bias).double()
    window = node.window
    padded = _padded(x, window, types[0].zero_point)
    acc = F.conv2d(padded, weight, bias, window.stride, 0, window.dilation, groups)
    return _last(acc)


def _convolve(node, x, types):
    (kh, kw), group = node.window.kernel, x.shape[-1] // node.groups
    weight = _levels(node).reshape(-1, kh, kw, group).permute(0, 3, 1, 2)
    return _accumulate(node, x, types, weight, node.groups)


def _conv2d(node, x, *, types):
    return _store(node, _convolve(node, x, types), node.weights.requant)


def _conv2d_add(node, x, r, *, types):
    """Both products are below 2**62, so int64 holds their sum."""
    requant = node.weights.requant
    m = torch.tensor(requant.multiplier.astype(np.int64))
    product = _convolve(node, x, types).to(torch.int64) * 2**requant.shift * m
    residual = (r.reshape_as(product) - types[1].zero_point).to(torch.int64)
    residual *= 2**node.residual_shift * node.residual_multiplier
    return _clamp(node, torch.div(product + residual + 2**31, 2**32, rounding_mode="floor").double())


def _dwconv2d(node, x, *, types):
    weight = _levels(node).T.reshape(-1, 1, *node.window.kernel)
    return _store(node, _accumulate(node, x, types, weight, x.shape[-1]), node.weights.requant)


def _dense(node, x, *, types):
    acc = F.linear(x.flatten(1), _levels(node), torch.tensor(node.weights.bias).double())
    return _store(node, acc, node.weights.requant)


def _add(node, a, b, *, types):
    total = (a - types[0].zero_point) * node.a_multiplier + (b - types[1].zero_point) * node.b_multiplier
    return _clamp(node, torch.floor(total / 2**node.shift + 0.5))


def _constant(node, *, types):
    """One sample, which stands for all."""
    low, high = RANGE[node.type.dtype]
    codes = [v for b in node.data.tolist() for v in ((b & 15, b >> 4) if high - low == 15 else (b,))]
    values = [v - (high - low + 1) if v > high else v for v in codes][: np.prod(node.shape)]
    return torch.tensor(values, dtype=torch.float64).reshape(1, *node.shape)


def _mul(node, a, b, *, types):
    return _store(node, (a - types[0].zero_point) * (b - types[1].zero_point), node.requant)


def _terms(node, a, b, types):
    return (a - types[0].zero_point) * node.a_multiplier, (b - types[1].zero_point) * node.b_multiplier


def _blend(node, a, b, *, types):
    return _clamp(node, torch.floor(sum(_terms(node, a, b, types)) / 2**node.shift + 0.5))


def _minimum(node, a, b, *, types):
    return _clamp(node, torch.floor(torch.minimum(*_terms(node, a, b, types)) / 2**node.shift + 0.5))


def _maximum(node, a, b, *, types):
    return _clamp(node, torch.floor(torch.maximum(*_terms(node, a, b, types)) / 2**node.shift + 0.5))


def _rescale(node, x, *, types):
    return _store(node, x - types[0].zero_point, node.requant)


def _lookup(node, x, *, types):
    """By bits: a negative code is one of the upper half."""
    (low, high), table = RANGE[node.type.dtype], torch.tensor(node.table.astype(np.int64))
    y = table[x.to(torch.int64) % len(table)]
    return torch.where(y > high, y - (high - low + 1), y).double()


def _prelu(node, x, *, types):
    v = x - types[0].zero_point
    m = torch.tensor(node.requant.multiplier.astype(np.int64))
    factor = torch.where(v >= 0, m[0], m[1:])
    turned = torch.where(factor < 0, -v, v)
    return _store(node, turned, node.requant, factor.abs())


def _concat(node, *xs, types):
    triples = zip(xs, types, node.requants, strict=True)
    return torch.cat([_store(node, x - t.zero_point, r) for x, t, r in triples], dim=1 + node.axis)


def _sums(x, window):
    """Sum under each window, by a convolution with ones: average pooling has no dilation in PyTorch."""
    channels = x.shape[-1]
    ones = torch.ones(channels, 1, *window.kernel, dtype=torch.float64)
    return _last(F.conv2d(_padded(x, window, 0), ones, None, window.stride, 0, window.dilation, channels))


def _avgpool2d(node, x, *, types):
    acc = _sums(x - types[0].zero_point, node.window)
    if len(node.requant.multiplier) == 1:
        return _store(node, acc, node.requant)
    inside = _sums(torch.ones_like(x), node.window).to(torch.int64)
    assert inside.min() > 0
    return _store(node, acc, node.requant, torch.tensor(node.requant.multiplier.astype(np.int64))[inside - 1])


def _maxpool2d(node, x, *, types):
    window = node.window
    return _last(F.max_pool2d(_padded(x, window, -torch.inf), window.kernel, window.stride, 0, window.dilation))


def _pad(node, x, *, types):
    amounts = [n for pair in zip(reversed(node.before), reversed(node.after), strict=True) for n in pair]
    return F.pad(x, amounts, value=float(types[0].zero_point))


def _rows(x: torch.Tensor) -> torch.Tensor:
    """(N, H, W, C) of (N, H, W, C), or of (N, W, C), which is one row."""
    return x[:, None] if x.ndim == 3 else x


def _gather(node, x, *, types):
    rows, columns = (torch.tensor(i.astype(np.int64)) for i in (node.rows, node.columns))
    return _rows(x).index_select(1, rows).index_select(2, columns)


def _conv2d_transpose(node, x, *, types):
    """By torch's own, without cut; what lies beyond it holds the bias alone."""
    (kh, kw), groups = node.window.kernel, node.groups
    weight = _levels(node).reshape(groups, node.shape[-1] // groups, kh, kw, -1).permute(0, 4, 1, 2, 3).flatten(0, 1)
    acc = F.conv_transpose2d(
        _first(x - types[0].zero_point), weight, None, node.window.stride, 0, 0, groups, node.window.dilation
    )
    (top, left, _, _), (height, width) = node.window.padding, node.made
    acc = F.pad(acc, (0, max(0, left + width - acc.shape[3]), 0, max(0, top + height - acc.shape[2])))
    acc = acc[:, :, top : top + height, left : left + width] + torch.tensor(node.weights.bias).double()[:, None, None]
    return _store(node, _last(acc), node.weights.requant)


def _resize(node, x, *, types):
    """By a matrix for each axis, whose rows hold the weights of what an element lies between."""

    def matrix(places, size):
        weights = torch.zeros(len(places), size + 1, dtype=torch.float64)
        for i, place in enumerate(places.tolist()):
            whole, part = divmod(place, 1024)
            weights[i, whole] += 1024 - part
            weights[i, whole + 1] += part
        assert not weights[:, size].any()
        return weights[:, :size]

    x = _rows(x)
    acc = torch.einsum("hr,nrsc,ws->nhwc", matrix(node.rows, x.shape[1]), x, matrix(node.columns, x.shape[2]))
    return torch.floor((acc + 2**19) / 2**20)


def _adaptivemax2d(node, x, *, types):
    return _last(F.adaptive_max_pool2d(_first(x), node.made))


def _adaptiveavg2d(node, x, *, types):
    """The sum of a window is its mean times its size, to less than a half."""
    x = _first(x - types[0].zero_point)
    read = x.shape[2:]
    sizes = [[-(-(i + 1) * n // m) - i * n // m for i in range(m)] for n, m in zip(read, node.made, strict=True)]
    rows, columns = (torch.tensor(size) for size in sizes)
    acc = (F.adaptive_avg_pool2d(x, node.made) * (rows[:, None] * columns)).round()
    least_rows, least_columns = (-(-n // m) for n, m in zip(read, node.made, strict=True))
    kind = 2 * (rows[:, None] - least_rows) + columns - least_columns
    multiplier = torch.tensor(node.requant.multiplier.astype(np.int64))[kind]
    return _store(node, _last(acc), node.requant, multiplier[:, :, None])


def _reshape(node, x, *, types):
    return x.reshape(len(x), *node.shape)


def _dims(node) -> list[int]:
    return [axis + 1 for axis in node.axes]


def _reduce_sum(node, x, *, types):
    return _store(node, (x - types[0].zero_point).sum(_dims(node), keepdim=True), node.requant)


def _reduce_max(node, x, *, types):
    return (torch.amin if node.least else torch.amax)(x, _dims(node), keepdim=True)


def _arg_max(node, x, *, types):
    """The lowest of several, which PyTorch does not promise."""
    (dim,) = _dims(node)
    places = torch.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.dim())])
    return torch.where(x == x.amax(dim, keepdim=True), places, 256).amin(dim, keepdim=True).double()


def _reduce_norm(node, x, *, types):
    squares = ((x - types[0].zero_point) ** 2).sum(_dims(node), keepdim=True)
    roots = torch.tensor([isqrt(int(v) << 16) for v in squares.flatten()]).reshape(squares.shape)
    return _store(node, roots, node.requant)


def _normalize(node, x, *, types):
    """In Python's integers, group by group."""
    n, low, high = node.count, *RANGE[node.type.dtype]
    kept = [a for a in range(len(node.view)) if a not in node.axes]
    where = torch.arange(prod(node.view)).reshape(node.view).permute(*kept, *node.axes).reshape(-1, n).tolist()
    shape = [size if a in node.over else 1 for a, size in enumerate(node.view)]
    which = torch.arange(prod(shape)).reshape(shape).expand(node.view).flatten().tolist()
    gains, offsets = node.multiplier.tolist(), node.offset.tolist()
    result = []
    for sample in x.to(torch.int64).flatten(1).tolist():
        y = [0] * len(sample)
        for group in where:
            d = [sample[i] - types[0].zero_point for i in group]
            total = sum(d) if node.centred else 0
            spread = n * sum(v * v for v in d) - total * total + node.epsilon
            steps = 0
            while spread and spread * 4 ** (steps + 1) < 2**62:
                steps += 1
            root = (2**61 - 1) // isqrt(spread * 4**steps) if spread else 0
            for i, v in zip(group, d, strict=True):
                z = ((n * v - total) * root + 2 ** (44 - steps)) // 2 ** (45 - steps)
                acc = z * gains[which[i]] + offsets[which[i]] * 2**12
                y[i] = min(max(node.type.zero_point + (acc + 2**31) // 2**32, low), high)
        result.append(y)
    return torch.tensor(result, dtype=torch.float64).reshape(x.shape)


def _matmul(node, a, b, *, types):
    """Both spread out over all axes of y and of the sums, then multiplied and summed."""

    def spread(x, axes, zero):
        rank = max(*node.a_axes, *node.b_axes) + 1
        full = (x - zero).reshape(*x.shape, *[1] * (rank - len(axes)))
        missing = [axis for axis in range(rank) if axis not in axes]
        places = [*axes, *missing]
        return full.permute(0, *(1 + places.index(axis) for axis in range(rank)))

    product = spread(a, node.a_axes, types[0].zero_point) * spread(b, node.b_axes, types[1].zero_point)
    summed = list(range(1 + len(node.shape), product.dim()))
    return _store(node, product.sum(summed) if summed else product, node.requant)


def _cumsum(node, x, *, types):
    sums = [sum((x[..., j] - types[0].zero_point for j in range(i + 1)), torch.zeros(())) for i in range(x.shape[-1])]
    return _store(node, torch.stack(sums, -1), node.requant)


def _log_softmax(node, x, *, types):
    """The logarithm bit by bit, in Python's integers."""

    def row(values: list[int]) -> list[int]:
        d = [max(values) - v for v in values]
        total = sum(int(node.table[v]) for v in d)
        octaves, mantissa = total.bit_length() - 16, total * 2 ** (31 - total.bit_length())
        for _ in range(16):
            mantissa = mantissa * mantissa // 2**30
            octaves, mantissa = (2 * octaves + 1, mantissa // 2) if mantissa >= 2**31 else (2 * octaves, mantissa)
        logarithm = octaves * node.octave // 2**16
        return [-((v * node.step + logarithm + 2**15) // 2**16) for v in d]

    flat = x.reshape(-1, x.shape[-1]).to(torch.int64).tolist()
    return _clamp(node, torch.tensor([row(values) for values in flat], dtype=torch.float64).reshape(x.shape))


def _slice(node, x, *, types):
    for axis, (start, step, size) in enumerate(zip(node.start, node.step, node.shape, strict=True)):
        x = torch.stack([x.select(1 + axis, start + i * step) for i in range(size)], 1 + axis)
    return x


def _push(node, kept, x, *, types):
    both = torch.cat([kept, x], 1 + node.axis)
    return both.narrow(1 + node.axis, x.shape[1 + node.axis], node.shape[node.axis])


def _transpose(node, x, *, types):
    return x.permute(0, *(1 + axis for axis in node.axes))


def _softmax(node, x, *, types):
    def row(values: list[int]) -> list[int]:
        e = [int(node.table[max(values) - v]) for v in values]
        return [min(255, (256 * v + sum(e) // 2) // sum(e)) for v in e]

    flat = x.reshape(-1, x.shape[-1]).to(torch.int64).tolist()
    return torch.tensor([row(values) for values in flat], dtype=torch.float64).reshape(x.shape)


def _gru(node, *xs, types):
    def step(x, h, state):
        r, z = (_sigmoid(_clamp16(x[i] + h[i])) for i in (0, 1))
        n = _tanh(_clamp16(x[2] + (r * h[2] + 2**14) // 2**15))
        return [((2**15 - z) * n + 2 * z * state[0] + 2**15) // 2**16]

    return _steps(node, xs, types, 3, 1, step)


def _lstm(node, *xs, types, all_states=False):
    def step(x, h, state):
        i, f, g, o = (_clamp16(a + b) for a, b in zip(x, h, strict=True))
        new = (_sigmoid(i) * _tanh(g) + 8) // 16
        cell = _clamp16((_sigmoid(f) * state[1] + new + 2**14) // 2**15)
        return [(_sigmoid(o) * _tanh(_clamp16(2 * cell)) + 2**14) // 2**15, cell]

    return _steps(node, xs, types, 4, 2, step, all_states)


def _lstm_states(node, x, before, types):
    """As _lstm, with all states as its value, of those before in 16 bits."""
    whole = SimpleNamespace(
        shape=(node.shape[0], node.shape[1] // 2), type=node.stored, weights=node.weights, backward=node.backward,
        x_requant=node.x_requant, y_requant=node.y_requant, initial=[SAME] * 2,
    )  # fmt: skip
    h, c = before.flatten(1).chunk(2, 1)
    return _lstm(whole, x, h, c, types=[types[0], *types[1:] * 2], all_states=True)


def _first_states(node, *xs, types):
    made = [
        [[_clamp16(_q32(int(v) - type_.zero_point, by)) for v in row] for row in x.flatten(1).tolist()]
        for x, type_, by in zip(xs, types, node.initial, strict=True)
    ]
    return torch.tensor([[h + c] for h, c in zip(*made, strict=True)], dtype=torch.float64)


def _narrow(node, x, types):
    rows = x[..., : node.shape[-1]].to(torch.int64).tolist()
    found = [[[_stored(node, v - types[0].zero_point, node.requant) for v in r] for r in one] for one in rows]
    return torch.tensor(found, dtype=torch.float64)


def _rnn(node, *xs, types):
    def step(x, h, state):
        u = _clamp16(x[0] + h[0])
        return [max(u, 0) if node.relu else _clamp16(_tanh(u))]

    return _steps(node, xs, types, 1, 1, step)


def _steps(node, xs, types, gates, states, step, all_states=False):
    """Unit by unit in Python's integers; step(gates of x, gates of the state, states) makes a unit's states."""
    size, by = node.shape[-1], node.weights.requant
    levels, bias, ms = (v.tolist() for v in (_levels(node).long(), node.weights.bias, by.multiplier))
    result = []
    for values in zip(*(x.to(torch.int64).flatten(1).tolist() for x in xs), strict=True):
        x, *given = (
            [_q32(v - type_.zero_point, r) for v in value]
            for value, type_, r in zip(values, types, (node.x_requant, *node.initial), strict=True)
        )
        before = [[_clamp16(v) for v in value] for value in given] or [[0] * size] * states
        rows = [x[t * gates * size :][: gates * size] for t in range(node.shape[0])]
        made = []
        for row in rows[::-1] if node.backward else rows:
            stored = [_stored(node, v) for v in before[0]]
            h = []
            for o, line in enumerate(levels):
                acc = bias[o] + sum(w * v for w, v in zip(line, stored, strict=True))
                h.append(_clamp16((acc * 2**by.shift * ms[o if len(ms) > 1 else 0] + 2**31) // 2**32))
            units = (step(row[i::size], h[i::size], [v[i] for v in before]) for i in range(size))
            before = [list(v) for v in zip(*units, strict=True)]
            made.append([*before[0], *before[1]] if all_states else [_stored(node, v) for v in before[0]])
        result.append(made[::-1] if node.backward else made)
    return torch.tensor(result, dtype=torch.float64)


def _stored(node, state: int, by=None) -> int:
    low, high = RANGE[node.type.dtype]
    return min(max(node.type.zero_point + _q32(state, by or node.y_requant), low), high)


def _q32(v: int, by) -> int:
    return (v * 2**by.shift * int(by.multiplier[0]) + 2**31) // 2**32


def _clamp16(v: int) -> int:
    return min(max(v, -(2**15)), 2**15 - 1)


def _sigmoid(u: int) -> int:
    """By straight lines between places a sixteenth apart; u in 2**-12."""
    place, part = divmod(abs(u), 256)
    a, b = (round(2**15 / (1 + exp(-i / 16))) for i in (place, place + 1))
    right = a + ((b - a) * part + 128) // 256
    return right if u >= 0 else 2**15 - right


def _tanh(u: int) -> int:
    right = 2 * _sigmoid(min(2 * abs(u), 2**16 - 1)) - 2**15
    return right if u >= 0 else -right
