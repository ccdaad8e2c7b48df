"""Whole numbers that a model is given: rows of a table for them, comparisons, and masks made of lengths. How many there
may be, and so their type, shows when all that reads them is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import fx

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export.calls import BATCH, arguments, refused, torch_shape
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.layout import viewed
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import FloatNode
from mixcomp_edge.numerics.functions import Formula, Step
from mixcomp_edge.operators.embedding import Embedding
from mixcomp_edge.operators.input import BYTE, MOST_WORDS, TokenInput
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.reshape import Reshape
from mixcomp_edge.operators.slice import Slice
from mixcomp_edge.operators.tokens import LengthMask, TokenOffset
from mixcomp_edge.operators.transpose import Transpose

TURNED = {"below": "above", "above": "below", "up_to": "from", "from": "up_to"}
PLACES = {"below": (0, False), "up_to": (1, False), "above": (1, True), "from": (0, True)}  # before by, whether not
READERS = (Embedding, LengthMask, TokenOffset)  # of tokens beyond a byte
MOVES = (Reshape, Slice, Transpose)


@handles("embedding.default")
def _embedding(importer: Importer, node: fx.Node) -> None:
    """Each row lies behind the dimensions of its token, in the order in which the tokens lie."""
    weight, _, padding = arguments(node, None, None, -1)[:3]
    table, read = importer.tensor(weight), importer.read(node, 1)
    if table is None:
        raise refused(node, "an embedding whose table is computed")
    root = _root(importer, read.node)
    if not isinstance(root, FloatNode) or root.fixed_step != 1.0:
        raise refused(node, "an embedding of computed numbers", "only tokens that are given, and argmax, have rows")
    if len(table) > MOST_WORDS:
        raise refused(node, f"an embedding of {len(table)} rows", f"tokens have 16 bits: {MOST_WORDS} rows at most")
    made = Embedding(
        name=importer.layer_name(node, weight), inputs=(read.node.name,), shape=(*read.node.shape, table.shape[1]),
        weight=table, bias=np.zeros(0, np.float32), padding=int(padding),
    )  # fmt: skip
    importer.add(node, made, (*read.order, len(read.order)))


def _root(importer: Importer, node: Node) -> Node:
    """What made a value that was moved since."""
    while isinstance(node, MOVES):
        node = importer.nodes[node.inputs[0]]
    return node


def compared(importer: Importer, node: fx.Node, function: str) -> bool:
    """Adds the comparison of a value of whole numbers with a constant; False where it is another."""
    value, constant = node.args[:2]
    turned = value not in importer.alias
    if turned:
        value, constant = constant, value
    stored = importer.alias.get(value) if isinstance(value, fx.Node) else None
    if stored is None or not isinstance(_root(importer, importer.nodes[stored.node]), TokenInput):
        return False
    given = importer.constants.get(constant) if isinstance(constant, fx.Node) else constant
    if given is None:
        raise refused(node, f"{node.target} of tokens and a value")
    numbers = torch.as_tensor(given).double()
    if numbers.numel() == 1:
        importer.alias[node] = _with_number(importer, node, stored, float(numbers), function, turned)
    elif math.prod(stored.placement.shape) == BATCH:
        importer.alias[node] = _with_places(importer, node, stored, numbers, function, turned)
    else:
        raise refused(node, f"{node.target} of tokens and several numbers")
    return True


def _with_number(
    importer: Importer, node: fx.Node, stored: Stored, number: float, function: str, turned: bool
) -> Stored:
    """By a table of the tokens around the number."""
    source = importer.nodes[stored.node]
    start = max(0, math.floor(number) - 1) if number >= BYTE - 1 else 0
    offset = TokenOffset(
        name=importer.unique(f"{node.name}_tokens"), inputs=(source.name,), shape=source.shape, start=start
    )
    offset_name = importer.once(offset, (start,)).name
    formula: Formula = (Step("constant", (), (number - start,)), Step(function, (1, 0) if turned else (0, 1)))
    name = importer.unique(node.name)
    importer.nodes[name] = Lookup(name=name, inputs=(offset_name,), shape=source.shape, function=formula)
    return replace(stored, node=name, call=node.name)


def _with_places(
    importer: Importer, node: fx.Node, stored: Stored, places: torch.Tensor, function: str, turned: bool
) -> Stored:
    """By the place: a length with 0, 1, 2 and so on."""
    flat = places.flatten()
    start, size = int(flat[0]), len(flat)
    if not torch.equal(flat, start + torch.arange(size)) or size != math.prod(torch_shape(node)[1:]):
        raise refused(node, f"{node.target} of a length and numbers that are not one behind the other")
    said = function if turned else TURNED.get(function, function)  # of a place against the length
    if said not in PLACES:
        raise refused(node, f"{node.target} of a length and places", "write places < length")
    before, beyond = PLACES[said]
    name = importer.unique(f"{node.name}_within" if beyond else node.name)
    importer.nodes[name] = mask = LengthMask(name=name, inputs=(stored.node,), shape=(size,), start=start - before)
    if beyond:
        name, opposite = importer.unique(node.name), (Step("affine", (0,), (-1.0, 1.0)),)
        importer.nodes[name] = Lookup(name=name, inputs=(mask.name,), shape=mask.shape, function=opposite)
    made = Stored(name, placed((BATCH, size), (0,)), node.name)
    return viewed(importer, node, made, torch_shape(node))


def with_words(graph: Graph) -> Graph:
    """The graph with the number of tokens that each of its inputs may hold: as many as its tables have rows; else a
    byte of them, or two where something asks for more. UnsupportedError for what computes with those of two bytes."""
    words = {node.name: _words(graph, node) for node in graph.nodes if isinstance(node, TokenInput)}
    gone = {}
    for name, count in words.items():
        for reader in _readers(graph, name):
            if count <= BYTE and isinstance(reader, TokenOffset) and reader.start == 0:
                gone[reader.name] = reader.inputs[0]
            elif count > BYTE and not isinstance(reader, READERS):
                raise UnsupportedError(
                    f"{graph.name}: '{reader.name}' computes with the tokens of '{name}', of which there are {count}; "
                    "tables of them and comparisons with numbers are supported. Do the rest outside."
                )
    graph = graph.without(gone)
    nodes = [replace(node, words=words[node.name]) if isinstance(node, TokenInput) else node for node in graph.nodes]
    return graph.with_nodes(nodes)


def _words(graph: Graph, node: TokenInput) -> int:
    if node.words:
        return node.words
    readers = _readers(graph, node.name)
    rows = [len(reader.weight) for reader in readers if isinstance(reader, Embedding)]
    beyond = any(isinstance(r, TokenOffset) and r.start > 0 for r in readers) or any(
        isinstance(r, LengthMask) and r.start + r.shape[0] >= BYTE for r in readers
    )
    return min(rows, default=MOST_WORDS if beyond else BYTE)


def _readers(graph: Graph, name: str) -> list[Node]:
    """What reads a value, wherever it is moved."""
    found: list[Node] = []
    for user in graph.users[name]:
        found += _readers(graph, user.name) if isinstance(user, MOVES) else [user]
    return found
