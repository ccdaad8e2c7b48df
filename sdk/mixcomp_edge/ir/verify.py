"""The rules of the IR: every pass ends with `verify`, and so does loading a bundle. A graph that breaks a rule never
reaches the next stage; the error names the node, what it holds and what it should hold. Here are the rules for every
node; an operator's own are its `output_shape` and `check`."""

from __future__ import annotations

import re
from itertools import permutations
from math import prod

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import tflm
from mixcomp_edge.ir.bounds import MAX_DIMENSION, MAX_ELEMENTS, MAX_RANK
from mixcomp_edge.ir.graph import CONTRACTS, OUTPUT, TFLM, Graph, Node
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import DTYPES, WIDE

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,95}")
MODEL_NAME = re.compile(r"[a-z](?:_?[a-z0-9]){0,47}")  # no __: it marks kernels
NAME_RULE = "must be letters, digits, '_' and '.', 96 characters at most."
MAX_NODES = 4096
MAX_ENDS = 32  # inputs, and outputs: parameters of a C function, of which every compiler takes 127
END_WORDS = {"set", "get", "norm"}  # what follows the name of an input or output in C, SPEC.md 7


def verify(graph: Graph) -> Graph:
    """The graph itself, if it obeys every rule; else GraphError or LoweringError."""
    check_model_name(graph.name)
    if not 1 <= len(graph.nodes) <= MAX_NODES:
        raise GraphError(f"{graph.name}: {len(graph.nodes)} nodes, expected 1 to {MAX_NODES}.")
    seen: dict[str, Node] = {}
    symbols: set[str] = set()
    inputs = len(graph.inputs)
    if inputs == 0:
        raise GraphError(f"{graph.name}: has no input.")
    for index, node in enumerate(graph.nodes):
        if not NAME.fullmatch(node.name):
            raise GraphError(f"node {index}: the name {node.name!r} {NAME_RULE}")
        if symbol(node.name) in symbols:
            raise GraphError(f"{node.name}: two nodes have this name in C ('.' and '_' are one there).")
        if node.is_input != (index < inputs):
            raise GraphError(f"{node.name}: the inputs must be the first nodes.")
        for source in node.inputs:
            if source not in seen:
                raise GraphError(f"{node.name}: reads {source!r}, which no earlier node makes (a cycle, or cut off).")
        _check_node(node, [seen[source] for source in node.inputs])
        seen[node.name] = node
        symbols.add(symbol(node.name))
    _check_ends(graph, seen)
    _check_kept(graph)
    for name, users in graph.users.items():
        if not users and name not in graph.leaving:
            raise GraphError(f"{name}: nobody reads its value.")
    if graph.contract not in CONTRACTS:
        raise GraphError(f"{graph.name}: rounds by {graph.contract!r}; known are {' and '.join(CONTRACTS)}.")
    if graph.contract == TFLM:
        tflm.check_graph(graph)
    return graph


def _check_ends(graph: Graph, seen: dict[str, Node]) -> None:
    """What goes in and comes out: of how many values and under which names; outputs of integers lie apart."""
    for side, names in (("input", [node.name for node in graph.inputs]), ("output", list(graph.outputs))):
        if not 1 <= len(names) <= MAX_ENDS:
            raise GraphError(f"{graph.name}: {len(names)} {side}s, expected 1 to {MAX_ENDS}.")
        for name in names:
            if not NAME.fullmatch(name):
                raise GraphError(f"{graph.name}: {side} {name!r}: {NAME_RULE}")
        for first, second in permutations([end_symbol(side, name) for name in names], 2):
            if first == second or (first.startswith(f"{second}_") and first[len(second) + 1 :] in END_WORDS):
                raise GraphError(f"{graph.name}: the {side}s {second!r} and {first!r} have names that meet in C.")
    if len(graph.outputs) == 1 and OUTPUT not in graph.outputs:
        raise GraphError(f"{graph.name}: the only output is called {next(iter(graph.outputs))!r}, not {OUTPUT!r}.")
    for name in graph.outputs.values():
        if name not in seen:
            raise GraphError(f"{graph.name}: the output {name!r} is not made by any node.")
    for name in graph.leaving:
        origin = graph[home(graph, name)]
        if isinstance(origin, QNode) and origin.is_constant:
            raise GraphError(f"{graph.name}: the output {name!r} is a constant.")
    if all(seen[name].is_input for name in graph.leaving):
        raise GraphError(f"{graph.name}: the model returns its input unchanged; there is nothing to compute.")
    if len(graph.outputs) > 1 and isinstance(graph.nodes[0], QNode):
        homes = [home(graph, name) for name in graph.outputs.values()]
        for name, place in zip(graph.outputs, homes, strict=True):
            if homes.count(place) > 1 or graph[place].is_input:
                raise GraphError(f"{graph.name}: the output {name!r} is the bytes of another output or of an input.")


def _check_kept(graph: Graph) -> None:
    """What one run keeps for the next may lie in one place: all that read it run before what writes it anew, or that
    writes over it."""
    order = {node.name: i for i, node in enumerate(graph.nodes)}
    for side, names in (("input", [k.input for k in graph.kept]), ("output", [k.output for k in graph.kept])):
        known = [n.name for n in graph.inputs] if side == "input" else list(graph.outputs)
        if len(set(names)) != len(names) or not set(names) <= set(known) or (graph.kept and len(names) == len(known)):
            raise GraphError(f"{graph.name}: keeps {', '.join(names)}, not some of its {side}s, each once.")
    for kept in graph.kept:
        old, new = graph[kept.input], graph[graph.outputs[kept.output]]
        if not isinstance(old, QNode) or not isinstance(new, QNode):
            raise GraphError(f"{graph.name}: keeps real numbers.")
        if (old.shape, old.type, old.ends) != (new.shape, new.type, new.ends):
            raise GraphError(f"{kept.output}: {new.shape} of {new.type} is kept as {old.shape} of {old.type}.")
        if kept.start.shape != (old.nbytes,):
            raise GraphError(f"{kept.input}: starts with {kept.start.size} bytes, expected {old.nbytes}.")
        if old.type.bits == 4 and old.elements % 2 and kept.start[-1] >> 4:
            raise GraphError(f"{kept.input}: the last half byte of its start is not 0.")
        if new.is_view:
            raise GraphError(f"{kept.output}: is kept, but is the bytes of another value.")
        for node in graph.nodes:
            if home(graph, node.name) == old.name and (node.name in graph.leaving or _late(graph, node, new, order)):
                raise GraphError(f"{kept.input}: is read when {new.name} has written it anew.")


def _late(graph: Graph, old: Node, new: QNode, order: dict[str, int]) -> bool:
    """Whether the bytes of a value are read after another one is written over them, or while it is."""
    readers = {user.name for user in graph.users[old.name] if not (isinstance(user, QNode) and user.is_view)}
    over = new.inputs[slice(*new.in_place)]
    return any(order[name] > order[new.name] or (name == new.name and old.name not in over) for name in readers)


def check_model_name(name: str) -> None:
    """GraphError, with a name that would do, unless it is one that C and file systems take."""
    if not MODEL_NAME.fullmatch(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        near = (near if near[:1].isalpha() else f"net_{near}")[:48].strip("_")
        raise GraphError(
            f"the model name {name!r} must be a C name: a small letter, then small letters, digits and single '_', "
            f"at most 48 characters. Use {near!r}."
        )


def symbol(name: str) -> str:
    """The C identifier of a node; a word before it keeps it apart from all other names in C."""
    return f"layer_{name.replace('.', '_').lower()}"


def end_symbol(side: str, name: str) -> str:
    """How the name of an input or output stands in C, behind the side, `input` or `output`, which it need not say."""
    plain = name.replace(".", "_").lower()
    return plain.removeprefix(f"{side}_") or plain


def home(graph: Graph, name: str) -> str:
    """The value whose bytes a value is: its own, but for views."""
    node = graph[name]
    while isinstance(node, QNode) and node.is_view:
        node = graph[node.inputs[0]]
    return node.name


def _check_node(node: Node, sources: list[Node]) -> None:
    arity = node.arity
    if (arity is None and not sources) or (arity is not None and len(sources) != arity):
        raise GraphError(f"{node.name}: {node.op} reads {len(sources)} values, expected {arity or 'one or more'}.")
    if not 1 <= len(node.shape) <= MAX_RANK or not all(1 <= size <= MAX_DIMENSION for size in node.shape):
        raise GraphError(
            f"{node.name}: shape {node.shape} must have 1 to {MAX_RANK} dimensions of 1 to {MAX_DIMENSION}."
        )
    if prod(node.shape) > MAX_ELEMENTS:
        raise GraphError(f"{node.name}: {prod(node.shape)} elements, more than {MAX_ELEMENTS}.")
    expected = node.output_shape([source.shape for source in sources])
    if expected != node.shape:
        raise GraphError(f"{node.name}: shape is {node.shape}, but its inputs make {expected}.")
    if isinstance(node, QNode):
        _check_type(node, sources)
        node.check([source.type for source in sources if isinstance(source, QNode)])


def _check_type(node: QNode, sources: list[Node]) -> None:
    if node.type.dtype not in DTYPES + WIDE:
        raise GraphError(f"{node.name}: unknown type {node.type.dtype!r}; known: {', '.join(DTYPES + WIDE)}.")
    if node.type.dtype in WIDE and not node.makes_16_bits:
        raise GraphError(f"{node.name}: {node.op} makes no {node.type.dtype}.")
    for source in sources:
        if isinstance(source, QNode) and source.type.dtype in WIDE and not node.reads_16_bits:
            raise GraphError(f"{node.name}: {node.op} does not read {source.type.dtype}, which '{source.name}' makes.")
    if not (np.isfinite(node.type.scale) and 1e-30 < node.type.scale < 1e30):
        raise GraphError(f"{node.name}: scale {node.type.scale} must be a positive number.")
    if not node.type.low <= node.type.zero_point <= node.type.high:
        raise GraphError(f"{node.name}: zero point {node.type.zero_point} leaves the range of {node.type.dtype}.")
    if node.keeps_type:
        source = sources[0]
        if isinstance(source, QNode) and source.type != node.type:
            raise GraphError(f"{node.name}: {node.op} must keep the type of '{source.name}'.")
