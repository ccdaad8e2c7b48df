"""gru, lstm and rnn, SPEC.md 4.29: the table's error, and the integers against the float layer they were made of."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.numerics import codebook
from mixcomp_edge.numerics.gates import sigmoid, tanh
from mixcomp_edge.operators.gru import Gru
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.lstm import Lstm
from mixcomp_edge.operators.rnn import Rnn

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
