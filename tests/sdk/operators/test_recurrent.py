"""gru, lstm and rnn, SPEC.md 4.29: the table's error, and the integers against the float layer they were made of."""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant, Weights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics import codebook
from mixcomp_edge.numerics.gates import sigmoid, tanh
from mixcomp_edge.operators.first_states import QFirstStates
from mixcomp_edge.operators.gru import Gru
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.lstm import Lstm, QLstmStates
from mixcomp_edge.operators.narrow import QNarrow
from mixcomp_edge.operators.rnn import Rnn
from mixcomp_edge.operators.slice import QSlice
from support import torch_judge

KINDS = {"gru": Gru, "lstm": Lstm, "rnn": Rnn}
ALL = np.arange(-(2**15), 2**15)


@pytest.mark.parametrize(
    ("ours", "real", "most"),
    [(sigmoid, lambda v: 1 / (1 + math.exp(-v)), 6.6e-5), (tanh, math.tanh, 1.4e-4)],
    ids=["sigmoid", "tanh"],
)
def test_a_gate_is_near_its_function_for_every_integer_and_never_falls(ours, real, most):
    found = ours(ALL)
    error = found / 2**15 - np.array([real(u / 2**12) for u in ALL])
    assert np.abs(error).max() <= most
    assert np.diff(found).min() >= 0
    assert abs(found).max() <= 2**15


def layer(kind: str, size: int, steps: int, **fields):
    """(the float node, its weights as int8, types of x and y); the real weights are those of the codes, exactly, and
    small where nothing bounds the state."""
    rng, gates = np.random.default_rng(5), KINDS[kind].gates
    book, scale = codebook("int8"), np.full(gates * size, 1.5)
    codes = book.encode(rng.normal(0, 0.1 if fields else 0.5, (gates * size, size)).astype(np.float32), scale)
    weight = np.array(book.levels)[codes] * 2.0**-book.shift * scale[:, None]
    node = KINDS[kind](
        name="y", inputs=("x",), shape=(steps, size), weight=weight.astype(np.float32),
        bias=rng.normal(0, 0.3, gates * size).astype(np.float32), backward=0, **fields,
    )  # fmt: skip
    return node, QuantizedWeights(book, codes, scale), QType("s8", 1 / 32), QType("s8", 1 / 127)


def reference(node, x: np.ndarray, stored) -> np.ndarray:
    """Unit by unit in floats, for x (T, gates * H)."""
    size, found = node.shape[-1], []
    h, c = [0.0] * size, [0.0] * size
    sig = lambda v: 1 / (1 + math.exp(-v))  # noqa: E731
    for row in x:
        kept = [
            float(b) + sum(float(w) * stored(v) for w, v in zip(line, h, strict=True))
            for line, b in zip(node.weight, node.bias, strict=True)
        ]
        new = []
        for i in range(size):
            a, k = row[i::size], kept[i::size]
            if node.op == "gru":
                z, n = sig(a[1] + k[1]), math.tanh(a[2] + sig(a[0] + k[0]) * k[2])
                new.append((1 - z) * n + z * h[i])
            elif node.op == "lstm":
                c[i] = sig(a[1] + k[1]) * c[i] + sig(a[0] + k[0]) * math.tanh(a[2] + k[2])
                new.append(sig(a[3] + k[3]) * math.tanh(c[i]))
            else:
                new.append(max(a[0] + k[0], 0.0) if node.relu else math.tanh(a[0] + k[0]))
        h = new
        found.append(h)
    return np.array(found)


CASES = [("gru", {}), ("lstm", {}), ("rnn", {}), ("rnn", {"relu": 1})]


@pytest.mark.parametrize(("kind", "fields"), CASES, ids=["gru", "lstm", "rnn", "rnn of relu"])
def test_the_integers_are_near_the_float_layer(kind, fields):
    """Of what goes in as it is rounded and of a state rounded to 8 bits where it is multiplied, the rest adds half a
    step of 8 bits at most to the half step of y, but where both fall on other sides of a rounding."""
    node, weights, x_type, y_type = layer(kind, 12, 20, **fields)
    y_type = replace(y_type, dtype="u8", scale=1 / 40) if fields else y_type
    made = node.lower(y_type, [x_type], weights)
    rng = np.random.default_rng(1)
    x = np.clip(rng.normal(0, 40, (20, made.gates * 12)), -128, 127).astype(np.int64)
    source = QInput(name="x", inputs=(), shape=x.shape, type=x_type)
    found = y_type.dequantize(interp.run(verify(Graph("m", (source, made), "y")), x[None]))[0]
    stored = lambda v: min(max(round(v / y_type.scale), y_type.low), y_type.high) * y_type.scale  # noqa: E731
    error = np.abs(found - np.clip(reference(node, x_type.dequantize(x), stored), None, y_type.high * y_type.scale))
    assert np.sqrt((error**2).mean()) <= 0.35 * y_type.scale
    assert error.max() <= 2 * y_type.scale


def test_a_state_moves_however_slowly():
    """z = sigmoid(7.9) keeps 0.9996 of a state: 2,000 steps go half of the way to 1, where 8 bits would stand still
    from the first on."""
    node, weights, _, y_type = layer("gru", 1, 2000)
    node = replace(node, weight=node.weight * 0, bias=node.bias * 0)
    weights = replace(weights, codes=weights.codes * 0)
    x_type = QType("s8", 1 / 16)
    made = node.lower(y_type, [x_type], weights)
    x = np.tile(np.array([0, 126, 127]), (2000, 1))
    source = QInput(name="x", inputs=(), shape=x.shape, type=x_type)
    y = interp.run(verify(Graph("m", (source, made), "y")), x[None])[0, :, 0]
    assert 50 <= y[-1] <= 90


def with_cell(rng: np.random.Generator, backward: int, stored: QType) -> Graph:
    """An LSTM of x and of the states h and c, and of its own its outputs and its last cell."""
    size, steps, wide = int(rng.integers(1, 8)), int(rng.integers(1, 5)), QType("s16", 2.0**-15)
    any_type = lambda dtype: QType(dtype, 0.03, int(rng.integers(-3, 4)) + (8 if dtype[0] == "u" else 0))  # noqa: E731
    by = lambda most=27: Requant(np.array([rng.integers(1 << 20, 1 << most)], np.int32), 6)  # noqa: E731
    x, h, c = (
        QInput(name=name, inputs=(), shape=shape, type=any_type(dtype))
        for name, shape, dtype in (("x", (steps, 4 * size), "s8"), ("h", (1, size), "u4"), ("c", (size,), "s8"))
    )
    book = codebook("nf4")
    codes, bias = rng.integers(0, 16, (4 * size, size)), rng.integers(-999, 999, 4 * size)
    held = Weights(
        book, codes.astype(np.uint8), bias.astype(np.int32),
        Requant(rng.integers(1, 1 << 24, 4 * size).astype(np.int32), 6),
    )  # fmt: skip
    first = QFirstStates(name="first", inputs=("h", "c"), shape=(1, 2 * size), type=wide, initial=(by(), by(28)))
    states = QLstmStates(
        name="states", inputs=("x", "first"), shape=(steps, 2 * size), type=wide, stored=stored, weights=held,
        backward=backward, initial=(), x_requant=by(), y_requant=Requant(np.array([1 << 24], np.int32), 0),
    )  # fmt: skip
    last = QSlice(
        name="last", inputs=("states",), shape=(1, size), type=wide, start=(0 if backward else steps - 1, size),
        step=(1, 1),
    )  # fmt: skip
    y = QNarrow(name="y", inputs=("states",), shape=(steps, size), type=any_type("u4"), requant=by(24))
    cell = QNarrow(name="cell", inputs=("last",), shape=(1, size), type=any_type("s8"), requant=by(25))
    return Graph("m", (x, h, c, first, states, last, y, cell), {"y": "y", "cell": "cell"})


@pytest.mark.parametrize("stored", [QType("s8", 1 / 127), QType("u4", 1 / 7, 8)], ids=["8 bits", "4 bits"])
@pytest.mark.parametrize("backward", [0, 1])
def test_states_that_are_given_and_read_are_to_the_bit_what_units_one_by_one_make(backward, stored):
    rng = np.random.default_rng(backward)
    for _ in range(6):
        graph = verify(with_cell(rng, backward, stored))
        given = [rng.integers(n.type.low, n.type.high + 1, (3, *n.shape)) for n in graph.inputs]
        found, expected = dict(interp.steps(graph, tuple(given))), torch_judge.run(graph, *given)
        assert all(np.array_equal(found[name], value) for name, value in expected.items())
        assert len(np.unique(expected["cell"])) > 2


def test_a_cell_is_near_that_of_torch_and_so_is_what_goes_on_from_it():
    """As many steps at once as in two calls, of which the second gets what the first gave."""
    torch.manual_seed(1)
    model, x, zero = _Carried().eval(), torch.randn(64, 12, 6), torch.zeros(64, 1, 10)
    states = tuple(torch.tanh(torch.randn(64, 1, 10)) * size for size in (0.6, 1.2))
    plan = QuantPlan(LayerPlan(weights="int8", act_bits=8))
    graph = convert(prepare(model, (x[:, :6], *states), plan, "carried")).graph
    sinks = [graph[name].type for name in graph.outputs.values()]
    real, whole = (zero, zero), (zero.numpy(), zero.numpy())
    for part in (x[:, :6], x[:, 6:]):
        with torch.no_grad():
            _, *real = model(part, *real)
        given = zip(graph.inputs, (part.numpy(), *whole), strict=True)
        made = interp.outputs(graph, tuple(n.type.quantize(v.transpose(0, 2, 1)) for n, v in given))
        _, *whole = (t.dequantize(v).transpose(0, 2, 1) for t, v in zip(sinks, made, strict=True))
    for state, expected in zip(whole, real, strict=True):
        assert np.sqrt(((state - expected.numpy()) ** 2).mean()) <= 0.03 * float(expected.abs().max())


class _Carried(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(6, 10, batch_first=True)

    def forward(self, x, h, c):
        y, (h, c) = self.layer(x, (h.transpose(0, 1), c.transpose(0, 1)))
        return Named(y, h.transpose(0, 1), c.transpose(0, 1))


Named = namedtuple("Named", ("y", "h_n", "c_n"))


def changed(**fields) -> Graph:
    node, weights, x_type, y_type = layer("gru", 4, 3)
    made = replace(node.lower(y_type, [x_type], weights), **fields)
    return Graph("m", (QInput(name="x", inputs=(), shape=(3, 12), type=x_type), made), "y")


BROKEN = {
    "other gates": ({"shape": (3, 3)}, GraphError, "shape"),
    "a state that nobody gives": (
        {"initial": (Requant(np.zeros(1, np.int32), 0),)},
        GraphError,
        "1 requantizers for 0",
    ),
    "neither forwards nor backwards": ({"backward": 2}, GraphError, "expected 0 or 1"),
    "two multipliers of x": ({"x_requant": Requant(np.zeros(2, np.int32), 0)}, GraphError, "2 multipliers"),
    "a state beyond 32 bits": ({"y_requant": Requant(np.zeros(1, np.int32), 17)}, LoweringError, "beyond int32"),
}


@pytest.mark.parametrize(("fields", "error", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_a_kernel_could_not_run_is_refused(fields, error, reason):
    verify(changed())
    with pytest.raises(error, match=reason):
        verify(changed(**fields))


ONE = Requant(np.ones(1, np.int32), 0)
WITHOUT_A_CELL = {
    "a cell of another size": ("c", {"shape": (9,)}, GraphError, "states of"),
    "no requantizer for the cell": ("first", {"initial": (ONE,)}, GraphError, "1 req"),
    "two multipliers of a state": ("first", {"initial": (ONE, Requant(np.ones(2, np.int32), 0))}, GraphError, "2 mult"),
    "a state beyond 32 bits": ("first", {"initial": (ONE, Requant(np.ones(1, np.int32), 30))}, LoweringError, "int32"),
    "first states of 8 bits": ("first", {"type": QType("s8", 2.0**-15)}, GraphError, "s16"),
    "another scale of the first states": ("first", {"type": QType("s16", 1.0)}, GraphError, "like it"),
    "neither forwards nor backwards": ("states", {"backward": 2}, GraphError, "goes on from"),
    "requantizers for states of 16 bits": ("states", {"initial": (ONE,)}, GraphError, "expected none"),
    "a state that is multiplied in 16 bits": ("states", {"stored": QType("s16", 1.0)}, GraphError, "4 or 8 bits"),
    "rows of one state": ("states", {"shape": (1, 1)}, GraphError, "shape"),
    "more than a row has": ("cell", {"shape": (1, 99)}, GraphError, "shape|first of each"),
}


@pytest.mark.parametrize(("name", "fields", "error", "reason"), WITHOUT_A_CELL.values(), ids=WITHOUT_A_CELL)
def test_states_that_a_kernel_could_not_read_or_make_are_refused(name, fields, error, reason):
    graph = verify(with_cell(np.random.default_rng(4), 0, QType("s8", 1 / 127)))
    nodes = tuple(replace(n, **fields) if n.name == name else n for n in graph.nodes)
    with pytest.raises(error, match=reason):
        verify(replace(graph, nodes=nodes))
