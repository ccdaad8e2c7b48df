"""Single layers for kernel tests: one operator on an input of any type, weights and inputs random or the worst there
are. Shapes leave every remainder: 1 to 17 channels and more, odd sizes, strides, dilation, paddings beyond the
kernel."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt, prod

import numpy as np

from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import DTYPES, QType, Requant, Weights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.numerics import codebook, learned
from mixcomp_edge.operators.adaptive2d import QAdaptiveAvg2d, QAdaptiveMax2d, divisors
from mixcomp_edge.operators.add import QAdd
from mixcomp_edge.operators.arg_max import QArgMax
from mixcomp_edge.operators.avgpool2d import QAvgPool2d
from mixcomp_edge.operators.blend import QBlend, QMaximum, QMinimum
from mixcomp_edge.operators.concat import QConcat
from mixcomp_edge.operators.conv2d import QConv2d, QConv2dAdd
from mixcomp_edge.operators.conv2d_transpose import QConv2dTranspose
from mixcomp_edge.operators.cumsum import QCumSum
from mixcomp_edge.operators.dense import QDense
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.operators.embedding import QEmbedding
from mixcomp_edge.operators.first_states import QFirstStates
from mixcomp_edge.operators.gather import QGather
from mixcomp_edge.operators.gru import QGru, QGruStates
from mixcomp_edge.operators.input import QInput, QTokenInput
from mixcomp_edge.operators.log_softmax import QLogSoftmax
from mixcomp_edge.operators.lookup import QLookup
from mixcomp_edge.operators.lstm import QLstm, QLstmStates
from mixcomp_edge.operators.matmul import QMatMul
from mixcomp_edge.operators.maxpool2d import QMaxPool2d
from mixcomp_edge.operators.mul import QMul
from mixcomp_edge.operators.narrow import QNarrow
from mixcomp_edge.operators.normalize import QNormalize
from mixcomp_edge.operators.pad import QPad
from mixcomp_edge.operators.prelu import QPRelu
from mixcomp_edge.operators.push import QPush
from mixcomp_edge.operators.reduce import QReduceMax, QReduceNorm, QReduceSum
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.operators.resize import QResize
from mixcomp_edge.operators.rnn import QRnn, QRnnStates
from mixcomp_edge.operators.slice import QSlice
from mixcomp_edge.operators.softmax import QSoftmax
from mixcomp_edge.operators.tokens import QLengthMask, QTokenOffset
from mixcomp_edge.operators.transpose import QTranspose

TOP = 2**31 - 1
BOOKS = tuple(
    codebook(name) for name in ("fixp4", "fixp4", "posit4", "posit4sc8", "posit4e1", "e2m1", "nf4", "int8", "int8")
)
LEARNED = learned((0, 127, -127, 126, -126, 1, -1, 2, 100, 64, -64, 0, 17, -33, 50, -51))
RECURRENT = {"gru": QGru, "lstm": QLstm, "rnn": QRnn}
STATES = {"gru_states": QGruStates, "lstm_states": QLstmStates, "rnn_states": QRnnStates}
SPATIAL = ("gather", "resize", "adaptiveavg2d", "adaptivemax2d")
TOKENS = ("embedding", "token_offset", "length_mask")
CHANNELS = (*range(1, 18), 8, 16, 16, 24, 32, 40)
Rng = np.random.Generator


def layer(op: str, dtype: str, rng: Rng) -> tuple[Graph, np.ndarray]:
    """(a graph that ends in the operator, inputs (N, *shape) that push it to its ends)."""
    while True:
        graph = _graph(op, dtype, rng)
        if graph is not None:
            return verify(graph), _inputs(graph, rng)


def values(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """The value (*shape) of every node for an input x; other inputs are random."""
    rng = np.random.default_rng(int(np.abs(x).sum()))
    others = (rng.integers(n.ends[0], n.ends[1] + 1, n.shape) for n in graph.inputs[1:])
    return {name: value[0] for name, value in interp.steps(graph, tuple(v[None] for v in (x, *others)))}


def _graph(op: str, dtype: str, rng: Rng) -> Graph | None:
    x_type, y_type = _type(dtype, rng), _type(str(rng.choice(DTYPES)), rng)
    if op == "dense":
        shape = (int(rng.choice([*range(1, 34), 64, 250, 256, 640, 4400])),)
        x = QInput(name="x", inputs=(), shape=shape, type=x_type)
        out = int(rng.choice([1, 2, *range(1, 14)])) if shape[0] < 1000 else 3
        if dtype[1] == "4" and rng.random() < 0.25:  # what a kernel for many outputs asks for
            shape, out = (8 * int(rng.integers(1, 25)),), 4 * int(rng.integers(8, 12))
            x = replace(x, shape=shape)
        node = QDense(
            name="y",
            inputs=("x",),
            shape=(out,),
            type=y_type,
            weights=_weights((out, shape[0]), out, x_type, y_type, rng),
        )
        return Graph("alone", (x, node), "y")
    if op in TOKENS:
        return _of_tokens(op, dtype, y_type, rng)
    if op == "transpose":
        return _transpose(x_type, rng)
    if op == "slice":
        return _slice(x_type, rng)
    if op == "push":
        return _push(x_type, rng)
    if op in ("add", "rescale", "concat", "lookup", "maxpool2d", "pad", "prelu", "softmax", "log_softmax", "cumsum"):
        return _unweighted(op, x_type, y_type, rng)
    if op == "conv2d_transpose":
        return _transposed(x_type, y_type, rng)
    if op in SPATIAL:
        return _spatial(op, x_type, y_type, rng)
    if op.startswith("reduce") or op == "arg_max":
        return _reduced(op, x_type, y_type, rng)
    if op == "normalize":
        return _normalized(x_type, y_type, rng)
    if op == "matmul":
        return _multiplied(x_type, y_type, rng)
    if op in RECURRENT:
        return _recurrent(op, y_type, x_type, rng)
    if op in STATES:
        return _states(op, y_type, x_type, rng)
    if op == "first_states":
        return _first_states(x_type, y_type, rng)
    if op == "narrow":
        return _narrow(x_type, y_type, rng)
    if op in ("mul", "blend", "minimum", "maximum"):
        return _pair(op, x_type, y_type, rng)
    group_channels, groups = int(rng.choice(CHANNELS)), int(rng.choice([1, 1, 2, 3]))
    channels = group_channels * (1 if op in ("dwconv2d", "avgpool2d") else groups)
    if op in ("dwconv2d", "avgpool2d") and rng.random() < 0.5:  # what kernels that read words ask for
        channels = int(rng.choice([8, 16, 24]))
    shape = (int(rng.integers(1, 8)), int(rng.integers(1, 8)), channels)
    window = _window(op, rng)
    if rng.random() < 0.1:  # one row
        shape, window = (int(rng.choice([*range(1, 30), 150, 300])), channels), _of_a_row(window)
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    size = window.output_size(*(1, *shape)[-3:-1])
    if min(size) < 1:
        return None
    size = size[3 - len(shape) :]
    common = {"name": "y", "inputs": ("x",), "type": y_type, "window": window}
    taps = prod(window.kernel)
    if op == "avgpool2d":
        return _pool(x, common, size, rng)
    if op == "dwconv2d":
        out = channels * int(rng.choice([1, 1, 1, 2]))
        if rng.random() < 0.6 and out == channels:  # as wide as x: what the kernels for DSP and MVE ask for
            common["type"] = y_type = _type(str(rng.choice(["u", "s"])) + dtype[1], rng)
        weights = _weights((taps, out), out, x_type, y_type, rng, depthwise=True)
        return Graph("alone", (x, QDwConv2d(shape=(*size, out), weights=weights, **common)), "y")
    out = groups * int(rng.integers(1, 10 if groups == 1 else 6))
    if dtype[1] == "4" and rng.random() < 0.4:
        return _of_points(x_type, rng) if op == "conv2d" and rng.random() < 0.4 else _of_threes(op, x_type, rng)
    common |= {"shape": (*size, out), "groups": groups}
    common["weights"] = _weights((out, taps * group_channels), out, x_type, y_type, rng)
    if op == "conv2d":
        return Graph("alone", (x, QConv2d(**common)), "y")
    return _with_residual(x, common, rng)


def _unweighted(op: str, x_type: QType, y_type: QType, rng: Rng) -> Graph | None:
    """One operator of a kernel of its own for all types; what has two inputs reads x in two types."""
    shape = tuple(int(n) for n in rng.integers(1, 7, 3))
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    z_type = _type(str(rng.choice(DTYPES)), rng)
    z = QRescale(name="z", inputs=("x",), shape=shape, type=z_type, requant=_requant(x_type.peak, z_type, rng, 1))
    common = {"name": "y", "inputs": ("x",), "shape": shape, "type": y_type}
    if op == "rescale":
        node = QRescale(**common, requant=_requant(x_type.peak, y_type, rng, 1))
    elif op == "pad":
        before, after = (tuple(int(n) for n in rng.integers(0, 4, 3)) for _ in range(2))
        shape = tuple(b + n + a for b, n, a in zip(before, shape, after, strict=True))
        node = QPad(**common | {"shape": shape, "type": x_type}, before=before, after=after)
    elif op == "log_softmax":
        table = np.floor(2.0**15 * np.exp(-rng.choice([0.001, 0.3, 20.0]) * np.arange(1 << x_type.bits)) + 0.5)
        step, octave = int(rng.choice([0, 2**15, 2**22 - 1])), int(rng.choice([0, 2**17, 2**26 - 1]))
        node = QLogSoftmax(**common, table=table.astype(np.uint16), step=step, octave=octave)
    elif op == "cumsum":
        node = QCumSum(**common, requant=_requant(x_type.peak * shape[-1], y_type, rng, 1))
    elif op == "lookup":
        shape = (int(rng.integers(1, 140)),) if rng.random() < 0.5 else shape  # kernels take 32 elements at a time
        x = replace(x, shape=shape)
        table = rng.integers(0, 1 << y_type.bits, 1 << x_type.bits).astype(np.uint8)
        node = QLookup(**common | {"shape": shape}, table=table)
    elif op == "prelu":
        by = _requant(x_type.peak, y_type, rng, 1 + shape[-1])
        signs = np.concatenate([[1], rng.choice([-1, 1, 1], shape[-1])]).astype(np.int32)
        node = QPRelu(**common, requant=replace(by, multiplier=by.multiplier * signs))
    elif op == "softmax":
        table = np.floor(2.0**15 * np.exp(-rng.choice([0.001, 0.3, 20.0]) * np.arange(1 << x_type.bits)) + 0.5)
        node = QSoftmax(**common | {"type": QType("u8", 1 / 256)}, table=table.astype(np.uint16))
    elif op == "maxpool2d":
        window = _window("avgpool2d", rng)
        if rng.random() < 0.5:  # what kernels that read words ask for
            shape = (*shape[:2], int(rng.choice([8, 16])))
            x = replace(x, shape=shape)
        size = window.output_size(*shape[:2])
        if min(size) < 1 or not _all_inside(shape, size, window):
            return None
        node = QMaxPool2d(**common | {"shape": (*size, shape[2]), "type": x_type}, window=window)
    elif op == "concat":
        axis = int(rng.integers(0, 3))
        shape = tuple(2 * n if i == axis else n for i, n in enumerate(shape))
        by = tuple(_requant(type_.peak, y_type, rng, 1) for type_ in (x_type, z_type))
        node = QConcat(**common | {"inputs": ("x", "z"), "shape": shape}, axis=axis, requants=by)
        return Graph("alone", (x, z, node), "y")
    else:
        shift = int(rng.integers(1, 31))
        room = (TOP - (1 << shift >> 1)) // max(x_type.peak + z_type.peak, 1)
        ma, mb = (int(m) for m in rng.integers(0, room + 1, 2))
        node = QAdd(**common | {"inputs": ("x", "z")}, a_multiplier=ma, b_multiplier=mb, shift=shift)
        return Graph("alone", (x, z, node), "y")
    return Graph("alone", (x, node), "y")


def _transposed(x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """Any stride, dilation and cut, also phases without taps, and outputs that no input reaches."""
    depth, groups = int(rng.choice(CHANNELS)), int(rng.choice([1, 1, 2, 3]))
    out = groups * int(rng.integers(1, 10 if groups == 1 else 5))
    choices = ([1, 2, 3, 4], [1, 2, 2, 3], [1, 1, 2])
    kernel, stride, dilation = (tuple(int(n) for n in rng.choice(choice, 2)) for choice in choices)
    window = Window(kernel, stride, dilation, (*(int(n) for n in rng.integers(0, 4, 2)), 0, 0))
    read = tuple(int(n) for n in rng.integers(1, 6, 2))
    row = rng.random() < 0.2
    if row:
        window, read = _of_a_row(window), (1, read[1])
    reach = (
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(read, window.stride, window.kernel, window.dilation, strict=True)
    )
    ends = zip(reach, window.padding, rng.integers(-2, 3, 2), strict=False)
    made = tuple(max(1, int(n - before + more)) for n, before, more in ends)
    made, rank = ((1, made[1]), 2) if row else (made, 3)
    x = QInput(name="x", inputs=(), shape=(*read, depth * groups)[-rank:], type=x_type)
    held = _weights((out, prod(window.kernel) * depth), out, x_type, y_type, rng)
    most = np.abs(held.levels).sum(axis=1).max() * x_type.peak + np.abs(held.bias.astype(np.int64)).max()
    bias = held.bias // 2 if most > TOP else held.bias
    held = replace(held, bias=bias.astype(np.int32), requant=_requant(min(int(most), TOP), y_type, rng, 1))
    node = QConv2dTranspose(
        name="y", inputs=("x",), shape=(*made, out)[-rank:], type=y_type, weights=held, window=window, groups=groups,
        read=read, made=made,
    )  # fmt: skip
    return Graph("alone", (x, node), "y")


def _spatial(op: str, x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """Rows and columns made of those of x, whose channels fill bytes or do not."""
    x_size, size = (tuple(int(n) for n in rng.integers(1, 9, 2)) for _ in range(2))
    if rng.random() < 0.25:  # one row
        x_size, size = (1, x_size[1]), (1, size[1])
    rank, channels = (3 if max(x_size[0], size[0]) > 1 else 2), int(rng.integers(1, 10))
    x = QInput(name="x", inputs=(), shape=(*x_size, channels)[-rank:], type=x_type)
    common = {"name": "y", "inputs": ("x",), "shape": (*size, channels)[-rank:], "type": x_type}
    if op == "gather":
        rows, columns = (rng.integers(0, n, m).astype(np.uint16) for n, m in zip(x_size, size, strict=True))
        node = QGather(**common, rows=rows, columns=columns)
    elif op == "resize":
        places = (rng.integers(0, 1024 * (n - 1) + 1, m) for n, m in zip(x_size, size, strict=True))
        rows, columns = (np.where(rng.random(len(p)) < 0.3, p // 1024 * 1024, p).astype(np.int32) for p in places)
        node = QResize(**common, rows=rows, columns=columns)
    elif op == "adaptivemax2d":
        node = QAdaptiveMax2d(**common, read=x_size, made=size)
    else:
        by = _requant(x_type.peak * divisors(x_size, size)[-1], y_type, rng, 4)
        node = QAdaptiveAvg2d(**common | {"type": y_type}, read=x_size, made=size, requant=by)
    return Graph("alone", (x, node), "y")


def _reduced(op: str, x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """Over any axes; now and then over as many elements as the bounds allow."""
    shape = tuple(int(n) for n in rng.integers(1, 9, rng.integers(1, 4)))
    if op == "arg_max":
        shape = (*shape[:-1], int(rng.integers(1, 257)))
    elif rng.random() < 0.1:
        shape = (int(rng.choice([250, 1000, 33_000 if x_type.bits == 8 else 60_000])),)
    axes = tuple(axis for axis in range(len(shape)) if rng.random() < 0.5) or (len(shape) - 1,)
    axes = axes[:1] if op == "arg_max" else axes
    count = prod(shape[axis] for axis in axes)
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    common = {"name": "y", "inputs": ("x",), "shape": kept, "type": y_type, "axes": axes, "count": count}
    if op == "arg_max":
        node = QArgMax(**common | {"type": QType("u8", 1.0)})
    elif op == "reduce_max":
        node = QReduceMax(**common | {"type": x_type}, least=int(rng.integers(0, 2)))
    elif op == "reduce_sum":
        node = QReduceSum(**common, requant=_requant(x_type.peak * count, y_type, rng, 1))
    else:
        node = QReduceNorm(**common, requant=_requant(isqrt(x_type.peak**2 * count << 16), y_type, rng, 1))
    return Graph("alone", (x, node), "y")


def _normalized(x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """Groups and parameters along any axes of a view; gains of both signs that leave the range of y or do not."""
    view = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 5)))
    if rng.random() < 0.1:
        view = (int(rng.choice([300, 2000, 60_000])),)
    while True:
        inside = rng.random(len(view)) < 0.5
        if 1 <= inside.sum() <= 2 and (~inside).sum() <= 2:
            break
    axes = tuple(int(a) for a in np.flatnonzero(inside))
    over = tuple(int(a) for a in np.flatnonzero(rng.random(len(view)) < 0.5)) if prod(view) < 1000 else ()
    if rng.random() < 0.2:  # rows of whole words
        view, axes = (int(rng.integers(1, 5)), 4 * int(rng.integers(1, 20))), (1,)
        over = axes if rng.random() < 0.7 else ()
    parameters = prod(view[a] for a in over)
    shape = (prod(view[:-1]), view[-1])
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    largest = int(rng.choice([2**16, 2**21, 2**31 - 1]))
    node = QNormalize(
        name="y", inputs=("x",), shape=shape, type=y_type, view=view, axes=axes, over=over,
        epsilon=int(rng.choice([0, 1, 1000, 2**40, 2**61 - 1])), centred=int(rng.integers(0, 2)),
        multiplier=rng.integers(-largest, largest + 1, parameters).astype(np.int32),
        offset=rng.integers(-TOP, TOP + 1, parameters).astype(np.int32) >> int(rng.choice([0, 6])),
    )  # fmt: skip
    return Graph("alone", (x, node), "y")


def _multiplied(x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """x with a rescaled x: as (H, W, C) with any axes summed, or as matrices (H, W) with (W, H). Now and then an axis
    is longer than the eight vectors that kernels take at a time, or long when summed."""
    sizes = rng.integers(1, 8, 3)
    if rng.random() < 0.3:
        sizes[rng.integers(0, 3)] = rng.choice([12, 17, 33])
    shape = tuple(int(n) for n in sizes)
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    z_type = _type(str(rng.choice(DTYPES)), rng)
    z = QRescale(name="z", inputs=("x",), shape=shape, type=z_type, requant=_requant(x_type.peak, z_type, rng, 1))
    roles = rng.permutation(["both", "sum", str(rng.choice(["apart", "sum", "both"]))])  # of each axis of x and z
    apart = sum(role == "apart" for role in roles)
    names = [str(i) for i in range(3)]
    kept = [*(n for n, role in zip(names, roles, strict=True) if role != "sum"), *["z"] * apart]
    kept = [str(name) for name in rng.permutation(kept)]
    summed = [n for n, role in zip(names, roles, strict=True) if role == "sum"]
    number = {name: i for i, name in enumerate([*kept, *summed])}
    a_axes = tuple(number[n] for n in names)
    b_axes = tuple(number["z" if role == "apart" else n] for n, role in zip(names, roles, strict=True))
    sizes = dict(zip([*a_axes, *b_axes], [*shape, *shape], strict=True))
    count = prod(sizes[number[name]] for name in summed)
    node = QMatMul(
        name="y", inputs=("x", "z"), shape=tuple(sizes[i] for i in range(len(kept))), type=y_type, a_axes=a_axes,
        b_axes=b_axes, count=count, requant=_requant(x_type.peak * z_type.peak * count, y_type, rng, 1),
    )  # fmt: skip
    return Graph("alone", (x, z, node), "y")


def _recurrent(op: str, x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """Forwards and backwards, of states that are given, as two parts of what goes in, or not. Kernels are of y's type,
    which comes second here."""
    kind, size, steps = RECURRENT[op], int(rng.choice(CHANNELS)), int(rng.integers(1, 6))
    x = QInput(name="x", inputs=(), shape=(steps, kind.gates * size), type=x_type)
    states = [
        QSlice(name=f"z{i}", inputs=("x",), shape=(1, size), type=x_type, start=(steps - 1, i), step=(0, 1))
        for i in range(kind.states)
    ]  # fmt: skip
    given = [] if rng.random() < 0.5 else states
    held = _weights((kind.gates * size, size), kind.gates * size, y_type, QType("s16", 1.0), rng)
    node = kind(
        name="y", inputs=("x", *(state.name for state in given)), shape=(steps, size), type=y_type, weights=held,
        backward=int(rng.integers(0, 2)), x_requant=_requant(x_type.peak, QType("s16", 1.0), rng, 1),
        y_requant=_requant(1 << 15, y_type, rng, 1),
        initial=tuple(_requant(x_type.peak, QType("s16", 1.0), rng, 1) for _ in given),
        **({"relu": int(rng.integers(0, 2))} if kind is QRnn else {}),
    )  # fmt: skip
    return Graph("alone", (x, *given, node), "y")


def _states(op: str, x_type: QType, stored: QType, rng: Rng) -> Graph:
    """From any states, which are an input. Kernels are of the type in which these are multiplied."""
    kind, size, steps = STATES[op], int(rng.choice(CHANNELS)), int(rng.integers(1, 5))
    wide, rows = QType("s16", 2.0**-15), (kind.gates * size, size)
    x = QInput(name="x", inputs=(), shape=(steps, rows[0]), type=x_type)
    before = QInput(name="before", inputs=(), shape=(1, kind.states * size), type=wide)
    node = kind(
        name="y", inputs=("x", "before"), shape=(steps, kind.states * size), type=wide, stored=stored,
        backward=int(rng.integers(0, 2)),
        initial=(), weights=_weights(rows, rows[0], stored, QType("s16", 1.0), rng),
        x_requant=_requant(x_type.peak, QType("s16", 1.0), rng, 1), y_requant=_requant(1 << 15, stored, rng, 1),
        **({"relu": int(rng.integers(0, 2))} if kind is QRnnStates else {}),
    )  # fmt: skip
    return Graph("alone", (x, before, node), "y")


def _first_states(x_type: QType, other: QType, rng: Rng) -> Graph:
    """h and a cell of another type."""
    size, wide = int(rng.choice(CHANNELS)), QType("s16", 2.0**-15)
    h, c = (QInput(name=name, inputs=(), shape=(1, size), type=t) for name, t in (("x", x_type), ("c", other)))
    initial = tuple(_requant(t.peak, wide, rng, 1) for t in (x_type, other))
    node = QFirstStates(name="y", inputs=("x", "c"), shape=(1, 2 * size), type=wide, initial=initial)
    return Graph("alone", (h, c, node), "y")


def _narrow(x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """Rows of which all or the first elements stay."""
    rows, width = int(rng.integers(1, 5)), int(rng.integers(1, 20))
    size = int(rng.integers(1, width + 1))
    x = QInput(name="x", inputs=(), shape=(rows, width), type=x_type)
    node = QNarrow(
        name="y", inputs=("x",), shape=(rows, size), type=y_type, requant=_requant(x_type.peak, y_type, rng, 1)
    )  # fmt: skip
    return Graph("alone", (x, node), "y")


def _pair(op: str, x_type: QType, y_type: QType, rng: Rng) -> Graph:
    """x and the middle of it, or what a pooling leaves of it along one axis or two, which repeats."""
    shape = (int(rng.integers(1, 6)), int(rng.integers(1, 6)), int(rng.choice(CHANNELS)))
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    kernel = tuple(n if rng.random() < 0.5 else 1 for n in shape[:2])
    small = (shape[0] // kernel[0], shape[1] // kernel[1], shape[2])
    z = QMaxPool2d(name="z", inputs=("x",), shape=small, type=x_type, window=Window(kernel))
    w_type = _type(str(rng.choice(DTYPES)), rng)
    w = QRescale(name="w", inputs=("z",), shape=small, type=w_type, requant=_requant(x_type.peak, w_type, rng, 1))
    common = {"name": "y", "inputs": ("x", "w") if rng.random() < 0.5 else ("w", "x"), "shape": shape, "type": y_type}
    if op == "mul":
        node = QMul(**common, requant=_requant(x_type.peak * w_type.peak, y_type, rng, 1))
    else:
        shift = int(rng.integers(1, 31))
        room = (TOP - (1 << shift >> 1)) // (x_type.peak + w_type.peak)
        ma, mb = (int(m) for m in rng.integers(-room, room + 1, 2))
        kind = {"blend": QBlend, "minimum": QMinimum, "maximum": QMaximum}[op]
        node = kind(**common, a_multiplier=ma, b_multiplier=mb, shift=shift)
    return Graph("alone", (x, z, w, node), "y")


def _of_tokens(op: str, dtype: str, y_type: QType, rng: Rng) -> Graph:
    """Tables of one row, of some, and of more than a byte tells apart; tokens beyond the table."""
    most = QType(dtype, 1.0).high + 1
    words = min(most, int(rng.choice([1, 2, 7, 256, 300, most])))
    shape = (1,) if op == "length_mask" else tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 4)))
    x = QTokenInput(name="x", inputs=(), shape=shape, type=QType(dtype, 1.0), words=words)
    if op == "embedding":
        rows, depth = max(1, min(400, words) - int(rng.integers(0, 2))), int(rng.integers(1, 20))
        book = (*BOOKS, LEARNED)[int(rng.integers(len(BOOKS) + 1))]
        codes = rng.choice([c for c in range(1 << book.bits) if c not in book.unused], (rows, depth)).astype(np.uint8)
        by = _requant(max(map(abs, book.levels)), y_type, rng, int(rng.choice([1, rows])))
        held = Weights(book, codes, np.zeros(0, np.int32), by)
        node = QEmbedding(name="y", inputs=("x",), shape=(*shape, depth), type=y_type, weights=held)
        return Graph("alone", (x, node), "y")
    start = int(rng.choice([-1, 0, 0, 1, words - 1, int(rng.integers(0, words))]))
    common = {"name": "y", "inputs": ("x",), "type": QType("u8", 1.0), "start": start}
    if op == "token_offset":
        return Graph("alone", (x, QTokenOffset(shape=shape, **common)), "y")
    return Graph("alone", (x, QLengthMask(shape=(int(rng.integers(1, 40)),), **common)), "y")


def _transpose(type_: QType, rng: Rng) -> Graph:
    """Up to four axes, some of 1, some long, some that stay neighbours; three of 16 bits."""
    shape = tuple(int(n) for n in rng.choice([1, 2, 2, 3, 4, 5, 8, 13], int(rng.integers(1, _axes(type_) + 1))))
    axes = tuple(int(n) for n in rng.permutation(len(shape)))
    x = QInput(name="x", inputs=(), shape=shape, type=type_)
    y = QTranspose(name="y", inputs=("x",), shape=tuple(shape[axis] for axis in axes), type=type_, axes=axes)
    return Graph("alone", (x, y), "y")


def _axes(type_: QType) -> int:
    """Of values that are moved."""
    return 3 if type_.bits == 16 else 4


def _slice(type_: QType, rng: Rng) -> Graph:
    """Forwards and backwards, in steps of any size, and of none."""
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 8, 13], int(rng.integers(1, _axes(type_) + 1))))
    start = tuple(int(rng.integers(0, n)) for n in shape)
    step = tuple(int(rng.choice([0, 1, 1, 1, 2, -1, -2, 3])) for _ in shape)
    step = tuple(max(-n, min(n, s)) for s, n in zip(step, shape, strict=True))
    room = [
        5 if s == 0 else ((n - 1 - a) // s if s > 0 else a // -s) for a, s, n in zip(start, step, shape, strict=True)
    ]
    size = tuple(1 + (r if rng.random() < 0.5 else int(rng.integers(0, r + 1))) for r in room)
    if rng.random() < 0.3:  # whole axes
        start, step, size = ((v, *b) for v, b in zip((0, 1, shape[0]), (start[1:], step[1:], size[1:]), strict=True))
    x = QInput(name="x", inputs=(), shape=shape, type=type_)
    return Graph("alone", (x, QSlice(name="y", inputs=("x",), shape=size, type=type_, start=start, step=step)), "y")


def _push(type_: QType, rng: Rng) -> Graph:
    """New frames, a part of the old ones in another order, along any axis: none of these may stay."""
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 5, 8, 17], int(rng.integers(1, 5))))
    axis = int(rng.integers(0, len(shape)))
    count = int(rng.integers(1, shape[axis] + 1))
    x = QInput(name="x", inputs=(), shape=shape, type=type_)
    size = (*shape[:axis], count, *shape[axis + 1 :])
    start = tuple(n - 1 for n in size)
    z = QSlice(name="z", inputs=("x",), shape=size, type=type_, start=start, step=(-1,) * len(size))
    return Graph("alone", (x, z, QPush(name="y", inputs=("x", "z"), shape=shape, type=type_, axis=axis)), "y")


def _of_points(x_type: QType, rng: Rng) -> Graph:
    """A convolution of single pixels, enough of them and of whole words: what kernels of its own serve."""
    shape = (int(rng.integers(3, 7)), int(rng.integers(5, 9)), int(rng.choice([8, 16, 24, 72])))
    x, out = QInput(name="x", inputs=(), shape=shape, type=x_type), int(rng.choice([4, 8, 12]))
    y_type = _type(str(rng.choice(["u4", "s4"])), rng)
    weights = _weights((out, shape[2]), out, x_type, y_type, rng)
    common = {"name": "y", "inputs": ("x",), "type": y_type, "window": Window((1, 1)), "groups": 1, "weights": weights}
    return Graph("alone", (x, QConv2d(shape=(*shape[:2], out), **common)), "y")


def _of_threes(op: str, x_type: QType, rng: Rng) -> Graph | None:
    """A convolution with three taps a row as kernels of its own ask for it: channels in words, outputs in fours."""
    shape = (int(rng.integers(1, 6)), int(rng.integers(1, 16)), 8 * int(rng.integers(1, 5)))
    padding = tuple(int(n) for n in rng.choice([0, 1, 1, 2, 5], 4))
    stride = tuple(int(n) for n in rng.choice([1, 1, 1, 2, 3], 2))
    window = Window((int(rng.choice([1, 2, 3, 3, 3])), 3), stride, padding=padding)
    if rng.random() < 0.1:
        shape, window = (int(rng.integers(1, 80)), shape[-1]), _of_a_row(window)
    size = window.output_size(*(1, *shape)[-3:-1])
    if min(size) < 1:
        return None
    y_type, out = _type(str(rng.choice(["u4", "s4"])), rng), 4 * int(rng.integers(1, 6))
    held = _weights((out, prod(window.kernel) * shape[-1]), out, x_type, y_type, rng)
    if rng.random() < 0.8:
        held = replace(held, requant=replace(held.requant, shift=0))
    common = {"name": "y", "inputs": ("x",), "type": y_type, "window": window}
    common |= {"shape": (*size[3 - len(shape) :], out), "groups": 1, "weights": held}
    x = QInput(name="x", inputs=(), shape=shape, type=x_type)
    return _with_residual(x, common, rng) if op == "conv2d_add" else Graph("alone", (x, QConv2d(**common)), "y")


def _with_residual(x: QNode, common: dict, rng: Rng) -> Graph:
    """The residual is a convolution of x itself, so that it is as large as y, of any type."""
    r_type = _type(str(rng.choice([common["type"].dtype, *DTYPES])), rng)
    r = QConv2d(**common | {"name": "r", "type": r_type, "weights": common["weights"]})
    shift = int(rng.integers(0, min(30, (TOP // r_type.peak).bit_length() - 1) + 1))
    multiplier = min(
        TOP, int(rng.choice([0, TOP, 2**30, 2 ** (31 - shift), 3 * 2 ** (29 - shift) if shift < 30 else 1]))
    )
    node = QConv2dAdd(**common | {"inputs": ("x", "r")}, residual_multiplier=multiplier, residual_shift=shift)
    return Graph("alone", (x, r, node), "y")


def _pool(x: QNode, common: dict, size: tuple[int, ...], rng: Rng) -> Graph | None:
    window = common["window"]
    if not _all_inside(x.shape, size, window):
        return None
    taps = prod(window.kernel)
    by = _requant(taps * x.type.peak, common["type"], rng, int(rng.choice([1, taps])))
    between = QMaxPool2d(name="z", inputs=("x",), shape=x.shape, type=x.type, window=Window((1, 1)))  # as it is
    node = QAvgPool2d(shape=(*size, x.shape[-1]), requant=by, **common | {"inputs": ("z",)})
    return Graph("alone", (x, between, node), "y")


def _all_inside(shape: tuple[int, ...], size: tuple[int, ...], window: Window) -> bool:
    """Whether each window of a pooling holds an element of x, (H, W, C) or (W, C)."""
    extents, sizes = (1, *shape)[-3:-1], (1, *size)[-2:]
    axes = zip(extents, sizes, window.kernel, window.stride, window.dilation, window.padding[:2], strict=True)
    return all(
        any(0 <= o * stride - before + t * step < extent for t in range(k))
        for extent, n, k, stride, step, before in axes
        for o in range(n)
    )


def _window(op: str, rng: Rng) -> Window:
    kernels = {"dwconv2d": [3, 3, 3, 3, 3, 1, 2, 5, 7], "avgpool2d": [1, 2, 3, 7]}.get(op, [1, 1, 2, 3, 3, 4])
    kernel = tuple(int(k) for k in rng.choice(kernels, 2))
    if rng.random() < 0.5:
        kernel = (kernel[0], kernel[0])
    stride, dilation = (tuple(int(n) for n in rng.choice(choice, 2)) for choice in ([1, 1, 2, 2, 3], [1, 1, 1, 1, 2]))
    if op == "avgpool2d":
        dilation = (1, 1)
    if op == "dwconv2d" and rng.random() < 0.6:  # what kernels of its own serve
        kernel, stride, dilation = (3, 3), (int(rng.integers(1, 3)), stride[1]), (1, 1)
    most = 1 if op == "avgpool2d" else 6
    padding = tuple(int(n) for n in rng.choice([0, 0, 1, 1, min(2, most), most], 4))
    return Window(kernel, stride, dilation, padding)


def _of_a_row(window: Window) -> Window:
    (_, k), (_, s), (_, d), (_, left, _, right) = window.kernel, window.stride, window.dilation, window.padding
    return Window((1, k), (1, s), (1, d), (0, left, 0, right))


def _type(dtype: str, rng: Rng) -> QType:
    return QType(dtype, 0.0625, _zero(dtype, rng))


def _zero(dtype: str, rng: Rng) -> int:
    plain = QType(dtype, 1.0)
    return int(rng.choice([0, 0, plain.low, plain.high, 3]))


def _requant(peak: int, y: QType, rng: Rng, length: int) -> Requant:
    """Half of the time without a shift, which has a short way in some kernels, else any that fits."""
    room = min(30, (TOP // max(peak, 1)).bit_length() - 1)
    shift = 0 if rng.random() < 0.5 else int(rng.integers(0, room + 1))
    fitting = min(TOP, 2 * (y.high - y.low + 1) * 2 ** (32 - shift) // max(peak, 1))
    multiplier = rng.integers(0, (fitting if rng.random() < 0.75 else TOP) + 1, length)
    return Requant(multiplier.astype(np.int32), shift)


def _weights(shape: tuple[int, int], out: int, x: QType, y: QType, rng: Rng, *, depthwise: bool = False) -> Weights:
    """Random codes, or the extreme level of a sign for each place of the reduction, the other sign for some outputs and
    nothing for others."""
    book = (*BOOKS, LEARNED)[int(rng.integers(len(BOOKS) + 1))]
    codes = rng.choice([c for c in range(1 << book.bits) if c not in book.unused], shape)
    if rng.random() < (0.25 if depthwise else 0.5):
        high, low = int(np.argmax(book.levels)), int(np.argmin(book.levels))
        place = rng.random(prod(shape) // out) < rng.choice([0.5, 0.0, 1.0])
        signs = place[None, :] ^ (rng.random(out) < 0.5)[:, None]  # (O, K)
        signs = signs.T if depthwise else signs
        codes = np.where(signs, high, low)
        idle = rng.random(out) < rng.choice([0.0, 0.4])
        codes[(slice(None), idle) if depthwise else idle] = 0
    magnitudes = np.abs(np.array(book.levels)[codes]).sum(axis=0 if depthwise else 1)  # (O,)
    sums = int(magnitudes.max()) * max(abs(x.low), abs(x.high))
    spread = int(rng.choice([0, sums, TOP - sums, min(TOP - sums, 64 * sums + 1)]))
    bias = rng.integers(-spread, spread + 1, out)
    by = _requant(sums + spread, y, rng, int(rng.choice([1, out])))
    return Weights(book, codes.astype(np.uint8), bias.astype(np.int32), by)


def _inputs(graph: Graph, rng: Rng) -> np.ndarray:
    """(5, *shape): random, the ends, and what makes the last node's first output as large or as small as it can be."""
    x, node = graph.nodes[0], graph.nodes[-1]
    low, high = x.ends
    found = [rng.integers(low, high + 1, x.shape), np.full(x.shape, low), np.full(x.shape, high)]
    if isinstance(node, Weighted) and node.weights.bias.size:
        signs = node.reduction[int(rng.integers(0, node.weights.bias.size))] > 0  # (K,)
        period = np.resize(signs, x.shape)
        found += [np.where(period, high, low), np.where(period, low, high)]
    return np.array(found)
