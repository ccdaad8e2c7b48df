"""Integer graphs for tests: a small one by hand, random ones by hypothesis. All obey the rules of the IR."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt, prod

import numpy as np
from hypothesis import strategies as st

from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import DTYPES, QType, Requant, Weights
from mixcomp_edge.numerics import codebook, learned
from mixcomp_edge.operators.adaptive2d import QAdaptiveAvg2d, QAdaptiveMax2d, divisors
from mixcomp_edge.operators.add import QAdd
from mixcomp_edge.operators.arg_max import QArgMax
from mixcomp_edge.operators.avgpool2d import QAvgPool2d
from mixcomp_edge.operators.blend import QBlend, QMaximum, QMinimum
from mixcomp_edge.operators.concat import QConcat
from mixcomp_edge.operators.constant import QConstant
from mixcomp_edge.operators.conv2d import QConv2d, QConv2dAdd
from mixcomp_edge.operators.conv2d_transpose import QConv2dTranspose
from mixcomp_edge.operators.cumsum import QCumSum
from mixcomp_edge.operators.dense import QDense
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.operators.embedding import QEmbedding
from mixcomp_edge.operators.gather import QGather
from mixcomp_edge.operators.gru import QGru
from mixcomp_edge.operators.input import QInput, QTokenInput
from mixcomp_edge.operators.log_softmax import QLogSoftmax
from mixcomp_edge.operators.lookup import QLookup
from mixcomp_edge.operators.lstm import QLstm
from mixcomp_edge.operators.matmul import QMatMul
from mixcomp_edge.operators.maxpool2d import QMaxPool2d
from mixcomp_edge.operators.mul import QMul
from mixcomp_edge.operators.normalize import QNormalize
from mixcomp_edge.operators.pad import QPad
from mixcomp_edge.operators.prelu import QPRelu
from mixcomp_edge.operators.push import QPush
from mixcomp_edge.operators.reduce import QReduceMax, QReduceNorm, QReduceSum
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.operators.reshape import QReshape
from mixcomp_edge.operators.resize import QResize
from mixcomp_edge.operators.rnn import QRnn
from mixcomp_edge.operators.slice import QSlice
from mixcomp_edge.operators.softmax import QSoftmax
from mixcomp_edge.operators.tokens import QLengthMask, QTokenOffset
from mixcomp_edge.operators.transpose import QTranspose

TOP = 2**31 - 1
FORMATS = ("fixp4", "posit4", "posit4sc4", "posit4sc8", "posit4e1", "e2m1", "nf4", "lut4", "int8")
LEVELS = (0, 127, -127, 126, -126, 1, -1, 2, 100, 64, -64, 0, 17, -33, 50, -51)  # of lut4
WINDOWED = ("conv2d", "conv2d_add", "dwconv2d", "avgpool2d", "maxpool2d")
REDUCING = ("arg_max", "reduce_sum", "reduce_max", "reduce_norm")
PAIRS = ("mul", "blend", "minimum", "maximum")
SPATIAL = ("gather", "resize", "adaptiveavg2d", "adaptivemax2d", "conv2d_transpose")
RECURRENT = ("gru", "lstm", "rnn")
COMPUTING = (
    *WINDOWED,
    *REDUCING,
    *SPATIAL,
    "normalize",
    "matmul",
    "log_softmax",
    "cumsum",
    "dense",
    *RECURRENT,
    "add",
    *PAIRS,
    "rescale",
    "lookup",
    "prelu",
    "concat",
    "pad",
    "reshape",
    "transpose",
    "slice",
    "push",
)


def requant(rng: np.random.Generator, peak: int, y: QType, length: int = 1) -> Requant:
    """Multipliers for accumulators of at most `peak`: half of the time so that y fills its range, else any."""
    shift = int(rng.integers(0, min(30, (TOP // max(peak, 1)).bit_length() - 1) + 1))
    fitting = min(TOP, 2 * (y.high - y.low + 1) * 2 ** (32 - shift) // max(peak, 1))
    multiplier = rng.integers(0, (fitting if rng.random() < 0.75 else TOP) + 1, length)
    return Requant(multiplier.astype(np.int32), shift)


def weights(rng: np.random.Generator, shape: tuple[int, int], out: int, x: QType, y: QType, name: str) -> Weights:
    """Codes (R, K); the reduction is K for K = inputs and R for depthwise layers, where K is `out`."""
    book = learned(LEVELS) if name == "lut4" else codebook(name)
    codes = rng.choice([c for c in range(1 << book.bits) if c not in book.unused], shape).astype(np.uint8)
    largest = max(abs(x.low), abs(x.high)) * max(map(abs, book.levels)) * (prod(shape) // out)
    bias = rng.integers(-largest, largest + 1, out).astype(np.int32)
    lengths = 1 if rng.random() < 0.5 else out
    return Weights(book, codes, bias, requant(rng, 2 * largest, y, lengths))


class Builder:
    """Grows a graph node by node; `values` are the nodes so far."""

    def __init__(self, draw, *shapes: tuple[int, ...]) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        names = ("input", "input_2", "input_3")
        self.values: list[QNode] = [
            QInput(name=name, inputs=(), shape=shape, type=self.type())
            for name, shape in zip(names, shapes, strict=False)
        ]

    def size(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def type(self) -> QType:
        dtype = self.draw(st.sampled_from(DTYPES))
        plain = QType(dtype, 0.0625)
        return QType(dtype, 2.0 ** -self.size(0, 8), self.draw(st.sampled_from([0, plain.low, plain.high, 3])))

    def put(self, cls: type, sources: list[QNode], shape: tuple[int, ...], type_: QType, **more) -> QNode:
        name = f"{cls.op}{len(self.values)}"
        node = cls(name=name, inputs=tuple(s.name for s in sources), shape=shape, type=type_, **more)
        self.values.append(node)
        return node

    def window(self, shape: tuple[int, ...], *, pool: bool) -> Window:
        if len(shape) == 2:  # one row
            flat = self.window((1, *shape), pool=pool)
            (_, k), (_, s), (_, d), (_, left, _, right) = flat.kernel, flat.stride, flat.dilation, flat.padding
            window = Window((1, k), (1, s), (1, d), (0, left, 0, right))
            return window if window.output_size(1, shape[0])[1] > 0 else Window((1, 1), (1, s))
        kernel, stride, dilation = (tuple(self.size(1, top) for _ in range(2)) for top in (3, 3, 2))
        padding = tuple(self.size(0, dilation[i % 2] * (kernel[i % 2] - 1) if pool else 3) for i in range(4))
        window = Window(kernel, stride, dilation, padding)
        out = window.output_size(*shape[:2])
        empty = pool and any(
            not any(0 <= o * s - before + t * d < extent for t in range(k))
            for extent, n, k, s, d, before in zip(shape[:2], out, kernel, stride, dilation, padding[:2], strict=True)
            for o in range(n)
        )
        return Window((1, 1), stride) if min(out) < 1 or empty else window

    def grow(self, op: str, x: QNode) -> QNode | None:
        """One more node that reads x; None where op does not fit x."""
        if op in (*WINDOWED, *SPATIAL) and len(x.shape) not in (2, 3):
            return None
        return getattr(self, op)(x)

    def conv2d(self, x: QNode) -> QNode:
        channels, y = x.shape[-1], self.type()
        groups = self.draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
        out = groups * self.size(1, 3)
        window = self.window(x.shape, pool=False)
        packed = weights(self.rng, (out, prod(window.kernel) * channels // groups), out, x.type, y, self.format())
        shape = windowed(window, x.shape, out)
        return self.put(QConv2d, [x], shape, y, weights=packed, window=window, groups=groups)

    def conv2d_add(self, x: QNode) -> QNode:
        """The residual is any value as high and wide as x, or x itself; the convolution keeps height and width."""
        near = [v for v in self.values if len(v.shape) == len(x.shape) and v.shape[:-1] == x.shape[:-1]]
        residual, y = self.draw(st.sampled_from(near)), self.type()
        channels, out = x.shape[-1], residual.shape[-1]
        groups = self.draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0 and out % g == 0]))
        before = self.draw(st.sampled_from([(0, 0), (1, 1), (1, 0)]))
        after = self.draw(st.sampled_from([(0, 0), (1, 1), (0, 1)]))
        if len(x.shape) == 2:
            before, after = (0, before[1]), (0, after[1])
        window = Window(tuple(1 + b + a for b, a in zip(before, after, strict=True)), padding=(*before, *after))
        packed = weights(self.rng, (out, prod(window.kernel) * channels // groups), out, x.type, y, self.format())
        by = requant(self.rng, residual.type.peak, y)
        return self.put(
            QConv2dAdd, [x, residual], residual.shape, y, weights=packed, window=window, groups=groups,
            residual_multiplier=int(by.multiplier[0]), residual_shift=by.shift,
        )  # fmt: skip

    def dwconv2d(self, x: QNode) -> QNode:
        out, y, window = x.shape[-1] * self.size(1, 3), self.type(), self.window(x.shape, pool=False)
        packed = weights(self.rng, (prod(window.kernel), out), out, x.type, y, self.format())
        return self.put(
            QDwConv2d, [x], windowed(window, x.shape, out), y, weights=packed, window=window
        )  # fmt: skip

    def dense(self, x: QNode) -> QNode:
        out, y = self.size(1, 9), self.type()
        packed = weights(self.rng, (out, prod(x.shape)), out, x.type, y, self.format())
        return self.put(QDense, [x], (out,), y, weights=packed)

    def gru(self, x: QNode) -> QNode:
        return self.recurrent(QGru, x)

    def lstm(self, x: QNode) -> QNode:
        return self.recurrent(QLstm, x)

    def rnn(self, x: QNode) -> QNode:
        return self.recurrent(QRnn, x, relu=self.size(0, 1))

    def recurrent(self, cls: type, x: QNode, **more) -> QNode:
        """The first elements of x as rows of gates, or one of them again and again where these are too few; the first
        states are other values as large, or 0."""
        steps, size, elements = self.size(1, 4), self.size(1, 5), prod(x.shape)
        count = steps * cls.gates * size
        flat = self.put(QReshape, [x], (elements,), x.type)
        part = self.put(QSlice, [flat], (count,), x.type, start=(0,), step=(int(count <= elements),))
        x, gates, y = self.put(QReshape, [part], (steps, cls.gates * size), x.type), cls.gates, self.type()
        near = [v for v in self.values if prod(v.shape) == size]
        given = [self.draw(st.sampled_from(near)) for _ in range(cls.states)] if near and self.size(0, 1) else []
        gate = QType("s16", 1.0)
        packed = weights(self.rng, (gates * size, size), gates * size, y, gate, self.format())
        return self.put(
            cls, [x, *given], (x.shape[0], size), y, weights=packed, backward=self.size(0, 1),
            x_requant=requant(self.rng, x.type.peak, gate), y_requant=requant(self.rng, 1 << 15, y),
            initial=tuple(requant(self.rng, v.type.peak, gate) for v in given), **more,
        )  # fmt: skip

    def add(self, x: QNode) -> QNode:
        other = self.draw(st.sampled_from([v for v in self.values if v.shape == x.shape]))
        pair = self.draw(st.permutations([x, other]))
        shift = self.size(1, 28)
        room = (TOP - 2 ** (shift - 1)) // 2
        fitting = [min(room // v.type.peak, 2 ** (shift + 1)) for v in pair]
        a, b = (int(self.rng.integers(0, limit + 1)) for limit in fitting)
        return self.put(QAdd, pair, x.shape, self.type(), a_multiplier=a, b_multiplier=b, shift=shift)

    def partner(self, x: QNode) -> tuple[list[QNode], tuple[int, ...]]:
        """x and a value that repeats to one shape with it, or a constant, in either order; the shape."""
        if self.draw(st.integers(0, 3)) == 0:
            shape = tuple(self.draw(st.sampled_from((1, size))) for size in x.shape)
            type_ = self.type()
            nbytes = -(-prod(shape) * type_.bits // 8)
            data = self.rng.integers(0, 256, nbytes).astype(np.uint8)
            data[-1] &= 0x0F if prod(shape) % 2 and type_.bits == 4 else 0xFF
            self.put(QConstant, [], shape, type_, data=data)
            return self.draw(st.permutations([x, self.values[-1]])), x.shape
        near = [v for v in self.values if len(v.shape) == len(x.shape)]
        near = [v for v in near if all(m == n or 1 in (m, n) for m, n in zip(v.shape, x.shape, strict=True))]
        pair = self.draw(st.permutations([x, self.draw(st.sampled_from(near))]))
        return pair, tuple(max(sizes) for sizes in zip(*(v.shape for v in pair), strict=True))

    def mul(self, x: QNode) -> QNode:
        (a, b), shape = self.partner(x)
        y = self.type()
        return self.put(QMul, [a, b], shape, y, requant=requant(self.rng, a.type.peak * b.type.peak, y))

    def blend(self, x: QNode, kind: type = QBlend) -> QNode:
        pair, shape = self.partner(x)
        shift = self.size(1, 28)
        room = (TOP - 2 ** (shift - 1)) // 2
        fitting = [min(room // v.type.peak, 2 ** (shift + 1)) for v in pair]
        a, b = (int(self.rng.integers(-limit, limit + 1)) for limit in fitting)
        return self.put(kind, pair, shape, self.type(), a_multiplier=a, b_multiplier=b, shift=shift)

    def minimum(self, x: QNode) -> QNode:
        return self.blend(x, QMinimum)

    def maximum(self, x: QNode) -> QNode:
        return self.blend(x, QMaximum)

    def rescale(self, x: QNode) -> QNode:
        y = self.type()
        return self.put(QRescale, [x], x.shape, y, requant=requant(self.rng, x.type.peak, y))

    def lookup(self, x: QNode) -> QNode:
        y = self.type()
        table = self.rng.integers(0, 1 << y.bits, 1 << x.type.bits).astype(np.uint8)
        return self.put(QLookup, [x], x.shape, y, table=table)

    def prelu(self, x: QNode) -> QNode:
        y = self.type()
        by = requant(self.rng, x.type.peak, y, 1 + x.shape[-1])
        signs = np.concatenate([[1], self.rng.choice([-1, 1, 1], x.shape[-1])]).astype(np.int32)
        return self.put(QPRelu, [x], x.shape, y, requant=Requant(by.multiplier * signs, by.shift))

    def concat(self, x: QNode) -> QNode:
        axis = self.size(0, len(x.shape) - 1)
        fits = [v for v in self.values if joinable(v.shape, x.shape, axis)]
        return self.join([x, *self.draw(st.lists(st.sampled_from(fits), max_size=2))], axis)

    def join(self, sources: list[QNode], axis: int) -> QNode:
        first, y = sources[0].shape, self.type()
        shape = (*first[:axis], sum(s.shape[axis] for s in sources), *first[axis + 1 :])
        requants = tuple(requant(self.rng, s.type.peak, y) for s in sources)
        return self.put(QConcat, sources, shape, y, axis=axis, requants=requants)

    def avgpool2d(self, x: QNode) -> QNode:
        window, y = self.window(x.shape, pool=True), self.type()
        size = prod(window.kernel)
        by = requant(self.rng, size * x.type.peak, y, self.draw(st.sampled_from([1, size])))
        return self.put(QAvgPool2d, [x], windowed(window, x.shape, x.shape[-1]), y, window=window, requant=by)

    def maxpool2d(self, x: QNode) -> QNode:
        window = self.window(x.shape, pool=True)
        return self.put(QMaxPool2d, [x], windowed(window, x.shape, x.shape[-1]), x.type, window=window)

    def pad(self, x: QNode) -> QNode:
        before, after = (tuple(self.size(0, 2) for _ in x.shape) for _ in range(2))
        shape = tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True))
        return self.put(QPad, [x], shape, x.type, before=before, after=after)

    def conv2d_transpose(self, x: QNode) -> QNode:
        read, channels, y = self.sizes(x)[0], x.shape[-1], self.type()
        groups = self.draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
        out, row = groups * self.size(1, 3), len(x.shape) == 2
        kernel, stride, dilation = (
            tuple(1 if row and axis == 0 else self.size(1, top) for axis in (0, 1)) for top in (3, 3, 2)
        )
        cut = tuple(0 if row and axis == 0 else self.size(0, 2) for axis in (0, 1))
        made = (1 if row else self.size(1, 7), self.size(1, 7))
        packed = weights(self.rng, (out, prod(kernel) * channels // groups), out, x.type, y, self.format())
        packed = replace(packed, bias=packed.bias // 2)  # room for x's zero point
        return self.put(
            QConv2dTranspose, [x], (*made, out)[-len(x.shape) :], y, weights=packed, groups=groups, read=read,
            made=made, window=Window(kernel, stride, dilation, (*cut, 0, 0)),
        )  # fmt: skip

    def gather(self, x: QNode) -> QNode:
        sizes, made = self.sizes(x)
        rows, columns = (self.rng.integers(0, n, m).astype(np.uint16) for n, m in zip(sizes, made, strict=True))
        shape = (*made, x.shape[-1])[-len(x.shape) :]
        return self.put(QGather, [x], shape, x.type, rows=rows, columns=columns)

    def resize(self, x: QNode) -> QNode:
        sizes, made = self.sizes(x)
        places = (self.rng.integers(0, 1024 * (n - 1) + 1, m) for n, m in zip(sizes, made, strict=True))
        rows, columns = (p.astype(np.int32) for p in places)
        shape = (*made, x.shape[-1])[-len(x.shape) :]
        return self.put(QResize, [x], shape, x.type, rows=rows, columns=columns)

    def adaptivemax2d(self, x: QNode) -> QNode:
        read, made = self.sizes(x)
        return self.put(QAdaptiveMax2d, [x], (*made, x.shape[-1])[-len(x.shape) :], x.type, read=read, made=made)

    def adaptiveavg2d(self, x: QNode) -> QNode:
        (read, made), y = self.sizes(x), self.type()
        by = requant(self.rng, x.type.peak * divisors(read, made)[-1], y, 4)
        shape = (*made, x.shape[-1])[-len(x.shape) :]
        return self.put(QAdaptiveAvg2d, [x], shape, y, read=read, made=made, requant=by)

    def sizes(self, x: QNode) -> tuple[tuple[int, int], tuple[int, int]]:
        """Height and width of x, and others; (W, C) stays one row."""
        if len(x.shape) == 2:
            return (1, x.shape[0]), (1, self.size(1, 6))
        return x.shape[:2], (self.size(1, 5), self.size(1, 5))

    def reshape(self, x: QNode) -> QNode:
        flat = prod(x.shape)
        shape = self.draw(st.sampled_from([(flat,), (1, 1, flat), (flat, 1), (*x.shape, 1)[:4], x.shape]))
        return self.put(QReshape, [x], shape, x.type)

    def reduce(self, cls: type, x: QNode, type_: QType, peak: int = 0, **more) -> QNode:
        """Over any axes of x; `peak` is what one element may add."""
        axes = tuple(sorted(self.draw(st.sets(st.integers(0, len(x.shape) - 1), min_size=1))))
        count, shape = prod(x.shape[a] for a in axes), tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        if peak:
            largest = peak * count if cls is QReduceSum else isqrt(peak**2 * count << 16)
            more["requant"] = requant(self.rng, largest, type_)
        return self.put(cls, [x], shape, type_, axes=axes, count=count, **more)

    def arg_max(self, x: QNode) -> QNode | None:
        axis = self.size(0, len(x.shape) - 1)
        shape = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
        if x.shape[axis] > 256:
            return None
        return self.put(QArgMax, [x], shape, QType("u8", 1.0), axes=(axis,), count=x.shape[axis])

    def reduce_sum(self, x: QNode) -> QNode:
        return self.reduce(QReduceSum, x, self.type(), x.type.peak)

    def reduce_max(self, x: QNode) -> QNode:
        return self.reduce(QReduceMax, x, x.type, least=self.size(0, 1))

    def reduce_norm(self, x: QNode) -> QNode:
        return self.reduce(QReduceNorm, x, self.type(), x.type.peak)

    def normalize(self, x: QNode) -> QNode:
        """Over any axes; a gain and an offset along any."""
        axes = tuple(sorted(self.draw(st.sets(st.integers(0, len(x.shape) - 1), min_size=1, max_size=2))))
        over = tuple(sorted(self.draw(st.sets(st.integers(0, len(x.shape) - 1)))))
        parameters = prod(x.shape[a] for a in over)
        return self.put(
            QNormalize, [x], x.shape, self.type(), view=x.shape, axes=axes, over=over,
            epsilon=self.draw(st.sampled_from([0, 1, 10, 2**30, 2**61 - 1])), centred=self.size(0, 1),
            multiplier=self.rng.integers(-(2**22), 2**22, parameters).astype(np.int32),
            offset=self.rng.integers(-(2**26), 2**26, parameters).astype(np.int32),
        )  # fmt: skip

    def matmul(self, x: QNode) -> QNode:
        """x as it is with any value as wide, summed along the last axis of both."""
        other, y = self.draw(st.sampled_from([v for v in self.values if v.shape[-1] == x.shape[-1]])), self.type()
        flat = [self.put(QReshape, [v], (prod(v.shape[:-1]), v.shape[-1]), v.type) for v in (x, other)]
        by = requant(self.rng, x.type.peak * other.type.peak * x.shape[-1], y)
        shape, axes = (flat[0].shape[0], flat[1].shape[0]), [(0, 2), (1, 2)]
        if self.draw(st.booleans()):
            shape, axes = shape[::-1], axes[::-1]
        return self.put(QMatMul, flat, shape, y, a_axes=axes[0], b_axes=axes[1], count=x.shape[-1], requant=by)

    def transpose(self, x: QNode) -> QNode:
        axes = tuple(self.draw(st.permutations(range(len(x.shape)))))
        return self.put(QTranspose, [x], tuple(x.shape[axis] for axis in axes), x.type, axes=axes)

    def slice(self, x: QNode) -> QNode:
        start = tuple(self.size(0, n - 1) for n in x.shape)
        step = tuple(self.draw(st.sampled_from([0, 1, 1, -1, min(2, n)])) for n in x.shape)
        room = [
            3 if s == 0 else ((n - 1 - a) // s if s > 0 else a) for a, s, n in zip(start, step, x.shape, strict=True)
        ]
        shape = tuple(1 + self.size(0, r) for r in room)
        return self.put(QSlice, [x], shape, x.type, start=start, step=step)

    def push(self, x: QNode) -> QNode:
        axis = self.size(0, len(x.shape) - 1)
        size = (*x.shape[:axis], self.size(1, x.shape[axis]), *x.shape[axis + 1 :])
        start = tuple(n - m for n, m in zip(x.shape, size, strict=True))
        new = self.put(QSlice, [x], size, x.type, start=start, step=(1,) * len(size))
        return self.put(QPush, [x, new], x.shape, x.type, axis=axis)

    def softmax(self, x: QNode) -> QNode:
        table = np.rint(2.0**15 * np.exp(-np.arange(1 << x.type.bits) * x.type.scale)).astype(np.uint16)
        return self.put(QSoftmax, [x], x.shape, QType("u8", 1 / 256), table=table)

    def log_softmax(self, x: QNode) -> QNode:
        table = np.rint(2.0**15 * np.exp(-np.arange(1 << x.type.bits) * x.type.scale)).astype(np.uint16)
        step, octave = (int(self.rng.integers(0, 1 << bits)) for bits in (18, 20))
        return self.put(QLogSoftmax, [x], x.shape, self.type(), table=table, step=step, octave=octave)

    def cumsum(self, x: QNode) -> QNode:
        y = self.type()
        return self.put(QCumSum, [x], x.shape, y, requant=requant(self.rng, x.type.peak * x.shape[-1], y))

    def format(self) -> str:
        return self.draw(st.sampled_from(FORMATS))

    def fan_out(self) -> Graph:
        """What nobody reads leaves the graph, and so may what others read; no two of these are the same bytes."""
        read = {name for node in self.values for name in node.inputs}
        for node in [v for v in self.values if v.name not in read and not v.inputs]:
            self.rescale(node)
        taken: dict[QNode, QNode] = {}
        for node in reversed(self.values):
            home = node
            while isinstance(home, QReshape):
                home = next(v for v in self.values if v.name == home.inputs[0])
            loose = all(node.name not in other.inputs for other in self.values)
            if home.inputs and home not in taken and (loose or self.draw(st.integers(0, 3)) == 0):
                taken[home] = node
            elif loose:
                made = self.rescale(node)
                taken[made] = made
        nodes = list(taken.values())
        names = ["output"] if len(nodes) == 1 else [f"Out.{i}" for i in range(len(nodes))]
        return Graph("random_net", tuple(self.values), {n: v.name for n, v in zip(names, nodes, strict=True)})

    def finish(self) -> Graph:
        """Every value that nobody reads is flattened and joined into the output."""
        read = {name for node in self.values for name in node.inputs}
        loose = [v for v in self.values if v.name not in read]
        if len(loose) > 1:
            flat = [v if len(v.shape) == 1 else self.put(QReshape, [v], (prod(v.shape),), v.type) for v in loose]
            self.join(flat, 0)
        return Graph("random_net", tuple(self.values), self.values[-1].name)


def windowed(window: Window, shape: tuple[int, ...], channels: int) -> tuple[int, ...]:
    """The output's shape for an input (H, W, C) or (W, C)."""
    return (*window.output_size(*(1, *shape)[-3:-1]), channels)[-len(shape) :]


def joinable(a: tuple[int, ...], b: tuple[int, ...], axis: int) -> bool:
    return len(a) == len(b) and all(m == n for i, (m, n) in enumerate(zip(a, b, strict=True)) if i != axis)


@st.composite
def graphs(draw, ops: tuple[str, ...] = COMPUTING, least: int = 1, most: int = 8, *, several: bool = False) -> Graph:
    """Graphs of `least` to `most` nodes that read any earlier value, so that they branch and meet again. several: with
    one to three inputs, and with outputs as they come."""
    shapes = [draw(st.sampled_from([(5, 4, 2), (3, 3, 3), (1, 6, 1), (4, 1, 4), (2, 2, 6), (7, 3)]))]
    for _ in range(draw(st.integers(0, 2)) if several else 0):
        shapes.append(draw(st.sampled_from([shapes[0], (4,), (3, 5)])))
    builder = Builder(draw, *shapes)
    for _ in range(draw(st.integers(least, most))):
        latest = builder.values[-2:] if draw(st.booleans()) else builder.values
        source = draw(st.sampled_from(latest))
        fitting = [op for op in ops if len(source.shape) > 1 or op not in (*WINDOWED, *SPATIAL)] or ["rescale"]
        if builder.grow(draw(st.sampled_from(fitting)), source) is None:
            builder.rescale(source)
    return builder.fan_out() if several else builder.finish()


@st.composite
def inputs(draw, graph: Graph, count: int = 3) -> np.ndarray:
    """(count + 2, *shape): random inputs, then one of the smallest and one of the largest number everywhere."""
    node = graph.nodes[0]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = node.type.low, node.type.high
    edges = [np.full((1, *node.shape), edge) for edge in (low, high)]
    return np.concatenate([rng.integers(low, high + 1, (count, *node.shape)), *edges])


@st.composite
def runs(draw, **options) -> tuple[Graph, np.ndarray]:
    graph = draw(graphs(**options))
    return graph, draw(inputs(graph))


def small_graph() -> Graph:
    """One node of each operator, seeded: the graph that the bundle's tests damage."""
    rng = np.random.default_rng(7)
    u8, s4 = QType("u8", 0.02, 3), QType("s4", 0.25)
    x = QInput(name="input", inputs=(), shape=(6, 6, 2), type=u8)
    window = Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
    conv = QConv2d(
        name="block.conv", inputs=("input",), shape=(6, 6, 3), type=s4, window=window, groups=1,
        weights=weights(rng, (3, 18), 3, u8, s4, "fixp4"),
    )  # fmt: skip
    dw = QDwConv2d(
        name="block.dw", inputs=("block.conv",), shape=(6, 6, 3), type=s4, window=window,
        weights=weights(rng, (9, 3), 3, s4, s4, "posit4"),
    )  # fmt: skip
    add = QAdd(
        name="add", inputs=("block.conv", "block.dw"), shape=(6, 6, 3), type=s4,
        a_multiplier=2**20, b_multiplier=2**19, shift=20,
    )  # fmt: skip
    rescale = QRescale(
        name="relu", inputs=("add",), shape=(6, 6, 3), type=QType("u4", 0.125), requant=requant(rng, 8, s4)
    )
    join = QConv2dAdd(
        name="join", inputs=("relu", "block.conv"), shape=(6, 6, 3), type=rescale.type, window=Window((1, 1)), groups=1,
        weights=weights(rng, (3, 3), 3, rescale.type, rescale.type, "posit4"),
        residual_multiplier=2**30, residual_shift=3,
    )  # fmt: skip
    pool = QMaxPool2d(name="maxpool", inputs=("join",), shape=(3, 3, 3), type=join.type, window=Window((2, 2), (2, 2)))
    pad = QPad(name="pad", inputs=("maxpool",), shape=(4, 4, 3), type=pool.type, before=(1, 0, 0), after=(0, 1, 0))
    average = QAvgPool2d(
        name="avgpool", inputs=("pad",), shape=(2, 2, 3), type=s4, window=Window((2, 2), (2, 2)),
        requant=requant(rng, 60, s4),
    )  # fmt: skip
    concat = QConcat(
        name="concat", inputs=("avgpool", "avgpool"), shape=(2, 2, 6), type=s4, axis=2,
        requants=(requant(rng, 8, s4), requant(rng, 8, s4)),
    )  # fmt: skip
    moved = QTranspose(name="moved", inputs=("concat",), shape=(6, 2, 2), type=s4, axes=(2, 0, 1))
    turned = QSlice(name="turned", inputs=("moved",), shape=(6, 2, 2), type=s4, start=(5, 0, 0), step=(-1, 1, 0))
    flat = QReshape(name="flatten", inputs=("turned",), shape=(24,), type=s4)
    logits = QType("s8", 0.1, -4)
    dense = QDense(
        name="fc", inputs=("flatten",), shape=(5,), type=logits,
        weights=weights(rng, (5, 24), 5, s4, logits, "posit4sc4"),
    )  # fmt: skip
    bend = QPRelu(
        name="prelu", inputs=("larger",), shape=(5,), type=logits,
        requant=Requant(np.array([2**30, 2**28, -(2**27), 0, 2**29, 2**26], np.int32), 1),
    )  # fmt: skip
    turn = QLookup(
        name="lookup", inputs=("prelu",), shape=(5,), type=logits, table=rng.permutation(256).astype(np.uint8)
    )
    table = np.rint(2.0**15 * np.exp(-np.arange(256) * logits.scale)).astype(np.uint16)
    product = QMul(
        name="product", inputs=("fc", "fc"), shape=(5,), type=logits,
        requant=requant(rng, logits.peak**2, logits),
    )  # fmt: skip
    held = QConstant(
        name="held", inputs=(), shape=(5,), type=QType("s4", 0.25), data=np.array([0x7E, 0x18, 0x03], np.uint8)
    )
    fields = {"shape": (5,), "type": logits, "a_multiplier": 2**20, "shift": 20}
    difference = QBlend(name="difference", inputs=("product", "fc"), b_multiplier=-(2**19), **fields)
    smaller = QMinimum(name="smaller", inputs=("difference", "fc"), b_multiplier=2**20, **fields)
    larger = QMaximum(name="larger", inputs=("smaller", "held"), b_multiplier=2**20, **fields)
    softmax = QSoftmax(name="softmax", inputs=("lookup",), shape=(5,), type=QType("u8", 1 / 256), table=table)
    nodes = (x, conv, dw, add, rescale, join, pool, pad, average, concat, moved, turned, flat, dense, product, held,
             difference, smaller, larger, bend, turn, softmax)  # fmt: skip
    return Graph("small_net", nodes, "softmax")


def forked_graph() -> Graph:
    """Two inputs and three outputs, seeded. One output is read elsewhere too, one has the name of an input."""
    rng = np.random.default_rng(11)
    image = QInput(name="image", inputs=(), shape=(4, 4, 2), type=QType("u8", 0.02, 3))
    state = QInput(name="state", inputs=(), shape=(3,), type=QType("u8", 0.05, 128))
    s8 = QType("s8", 0.1, -4)
    conv = QConv2d(
        name="conv", inputs=("image",), shape=(4, 4, 3), type=s8, window=Window((3, 3), padding=(1, 1, 1, 1)), groups=1,
        weights=weights(rng, (3, 18), 3, image.type, s8, "fixp4"),
    )  # fmt: skip
    flat = QReshape(name="flat", inputs=("conv",), shape=(48,), type=s8)
    concat = QConcat(
        name="concat", inputs=("flat", "state"), shape=(51,), type=s8, axis=0,
        requants=(requant(rng, 132, s8), requant(rng, 128, s8)),
    )  # fmt: skip
    cell = QDense(
        name="cell", inputs=("concat",), shape=(3,), type=state.type,
        weights=weights(rng, (3, 51), 3, s8, state.type, "posit4"),
    )  # fmt: skip
    head = QDense(
        name="head", inputs=("cell",), shape=(5,), type=s8, weights=weights(rng, (5, 3), 5, state.type, s8, "fixp4")
    )
    outputs = {"map": "conv", "logits": "head", "state": "cell"}
    return Graph("forked_net", (image, state, conv, flat, concat, cell, head), outputs)


def worded_graph() -> Graph:
    """Tokens of 16 bits and a length, seeded; what is made of them leaves the graph."""
    rng = np.random.default_rng(13)
    tokens = QTokenInput(name="tokens", inputs=(), shape=(6,), type=QType("u16", 1.0), words=300)
    length = QTokenInput(name="length", inputs=(), shape=(1,), type=QType("u8", 1.0), words=7)
    s4, u8 = QType("s4", 0.1), QType("u8", 1.0)
    table = QEmbedding(
        name="table", inputs=("tokens",), shape=(6, 5), type=s4,
        weights=Weights(
            codebook("posit4"), rng.integers(0, 8, (300, 5)).astype(np.uint8), np.zeros(0, np.int32),
            requant(rng, 16, s4, 300),
        ),
    )  # fmt: skip
    offset = QTokenOffset(name="offset", inputs=("tokens",), shape=(6,), type=u8, start=255)
    places = QLengthMask(name="places", inputs=("length",), shape=(6,), type=u8, start=0)
    outputs = {"rows": "table", "around": "offset", "within": "places"}
    return Graph("worded_net", (tokens, length, table, offset, places), outputs)


def samples(graph: Graph, count: int = 3, seed: int = 0) -> tuple[np.ndarray, ...]:
    """(count, *shape) random integers for each input."""
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(n.ends[0], n.ends[1] + 1, (count, *n.shape)) for n in graph.inputs)
