"""embedding, token_offset and length_mask against loops over Python's integers, and what their rules refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firmware import layers
from mixcomp_edge import Bundle
from mixcomp_edge.bundle import parse_bundle
from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.embedding import Embedding
from mixcomp_edge.operators.input import QInput, QTokenInput
from mixcomp_edge.operators.tokens import QLengthMask, QTokenOffset

LIMITS = {"u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127)}


def naive(node, x: np.ndarray) -> list[int]:
    tokens = [int(token) for token in x.ravel()]
    if node.op == "token_offset":
        return [min(max(token - node.start, 0), 255) for token in tokens]
    if node.op == "length_mask":
        return [1 if node.start + i < tokens[0] else 0 for i in range(node.shape[0])]
    y, (low, high) = [], LIMITS[node.type.dtype]
    book, codes, by = node.weights.codebook, node.weights.codes.tolist(), node.weights.requant
    for token in tokens:
        row = min(token, len(codes) - 1)
        m = int(by.multiplier[row if len(by.multiplier) > 1 else 0])
        for code in codes[row]:
            scaled = (book.levels[code] * 2**by.shift * m + 2**31) // 2**32
            y.append(min(max(node.type.zero_point + scaled, low), high))
    return y


@pytest.mark.parametrize("dtype", ["u8", "u16"])
@pytest.mark.parametrize("op", ["embedding", "token_offset", "length_mask"])
def test_an_operator_of_tokens_is_what_loops_over_integers_say(op, dtype):
    rng = np.random.default_rng(5)
    for _ in range(25):
        graph, inputs = layers.layer(op, dtype, rng)
        for x in inputs:
            assert interp.run(graph, x[None]).ravel().tolist() == naive(graph.nodes[-1], x)


def table(rows: int = 9, depth: int = 5, *, book: str = "nf4", per_row: bool = True, y: QType | None = None) -> Graph:
    """An embedding of random numbers, of rows of very different sizes."""
    rng = np.random.default_rng(1)
    weight = (rng.standard_normal((rows, depth)) * np.geomspace(0.05, 3, rows)[:, None]).astype(np.float32)
    format_ = codebook(book)
    scale = np.abs(weight).max(axis=1 if per_row else None, keepdims=True).ravel() / float(format_.sorted_values[-1])
    held = QuantizedWeights(format_, format_.encode(weight, scale), scale.astype(np.float64))
    x = QTokenInput(name="x", inputs=(), shape=(4,), type=QType("u16", 1.0), words=rows)
    node = Embedding(name="y", inputs=("x",), shape=(4, depth), weight=weight, bias=np.zeros(0, np.float32))
    return verify(Graph("m", (x, node.lower(y or QType("s8", 0.03, 2), [x.type], held)), "y"))


@pytest.mark.parametrize("per_row", [True, False])
@pytest.mark.parametrize("book", ["fixp4", "posit4", "nf4", "int8"])
def test_an_embedding_is_its_codes_to_half_a_step(book, per_row):
    graph = table(book=book, per_row=per_row)
    node = graph.nodes[-1]
    tokens = np.arange(9)[:, None].repeat(4, 1)
    by = np.broadcast_to(node.weights.requant.real * node.type.scale, 9)
    real = np.array(node.weights.codebook.levels)[node.weights.codes] * by[:, None]
    found = node.type.dequantize(interp.run(graph, tokens))[:, 0]
    low, high = (node.type.scale * (end - node.type.zero_point) for end in (node.type.low, node.type.high))
    assert np.abs(found - np.clip(real, low, high)).max() <= 0.5001 * node.type.scale


def test_an_embedding_of_4_bits_has_a_form_of_8_with_the_same_rows():
    graph = table(y=QType("s4", 0.4))
    wide, tokens = widen(graph), np.arange(9)[:, None].repeat(4, 1)
    narrow, eight = (g.nodes[-1].type.dequantize(interp.run(g, tokens)) for g in (graph, wide))
    inside = np.abs(eight) < 2.8
    assert np.abs(narrow - eight)[inside].max() <= 0.21


def test_a_token_beyond_the_table_is_an_error_that_names_the_input():
    graph = table()
    with pytest.raises(GraphError, match=r"x: input leaves its range 0 to 8: 0 to 9"):
        interp.run(graph, np.array([[0, 3, 9, 1]]))
    for token, said in ((9, "9"), (-1, "-1"), (2.5, "2.5"), (np.nan, "nan")):
        with pytest.raises(GraphError, match=rf"x: {said} at \[0, 2\] is no token; .* whole numbers from 0 to 8"):
            Bundle(graph).predict(np.array([[0, 3, token, 1]]))


def test_a_bundle_with_an_embedding_comes_back_as_it_was():
    bundle = Bundle(table())
    again = parse_bundle(bundle.to_bytes())
    tokens = np.random.default_rng(0).integers(0, 9, (20, 4))
    assert again.sha256 == bundle.sha256
    assert (interp.run(again.graph, tokens) == interp.run(bundle.graph, tokens)).all()


def broken(**changes) -> tuple:
    graph = table()
    x, y = graph.nodes
    of_x = {key: changes.pop(key) for key in ("words",) if key in changes}
    of_weights = {key: changes.pop(key) for key in ("bias", "requant") if key in changes}
    x = replace(x, **of_x, **({"type": changes.pop("x_type")} if "x_type" in changes else {}))
    y = replace(y, weights=replace(y.weights, **of_weights), **changes)
    return x, y


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"words": 0}, GraphError, "x: 0 words, u16 holds 1 to 65536"),
        ({"words": 65_537}, GraphError, "x: 65537 words"),
        ({"x_type": QType("u16", 0.5)}, GraphError, "x: tokens are u8 or u16 with scale 1 and zero point 0"),
        ({"x_type": QType("s16", 1.0)}, GraphError, "x: tokens are u8 or u16"),
        ({"bias": np.zeros(5, np.int32)}, GraphError, "y: 5 biases, an embedding has none"),
        ({"shape": (4, 6)}, GraphError, r"y: shape is \(4, 6\), but its inputs make \(4, 5\)"),
    ],
)
def test_what_breaks_a_rule_of_tokens_is_refused(changes, error, said):
    with pytest.raises(error, match=said):
        verify(Graph("m", broken(**changes), "y"))


def test_multipliers_that_do_not_fit_the_rows_or_32_bits_are_refused():
    by = table().nodes[-1].weights.requant
    with pytest.raises(GraphError, match="y: 8 multipliers, expected 1 or 9"):
        verify(Graph("m", broken(requant=replace(by, multiplier=by.multiplier[1:])), "y"))
    with pytest.raises(LoweringError, match=r"y: the accumulator may reach 127 \* 2\*\*30"):
        verify(Graph("m", broken(requant=replace(by, shift=30)), "y"))


def test_tokens_are_not_made_of_rounded_numbers():
    x = QInput(name="x", inputs=(), shape=(1,), type=QType("u8", 0.1, 3))
    for node in (
        QTokenOffset(name="y", inputs=("x",), shape=(1,), type=QType("u8", 1.0), start=0),
        QLengthMask(name="y", inputs=("x",), shape=(7,), type=QType("u8", 1.0), start=0),
    ):
        with pytest.raises(GraphError, match="y: tokens are u8 or u16"):
            verify(Graph("m", (x, node), "y"))
