"""The rules of the IR: every pass ends with `verify`, and so does loading a bundle. A graph that breaks a rule never
reaches the next stage; the error names the node, what it holds and what it should hold."""

from __future__ import annotations

import re
from math import prod

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import ops, qops
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.shapes import MAX_DIMENSION, MAX_ELEMENTS, output_shape
from mixcomp_edge.numerics.requant import MAX_SHIFT

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,95}")
MODEL_NAME = re.compile(r"[a-z](?:_?[a-z0-9]){0,47}")  # no __: it marks kernels
MAX_NODES = 4096
INT32_MAX = 2**31 - 1

ARITY = {
    ops.Input: 0, ops.Add: 2, ops.Concat: None,
    qops.Input: 0, qops.AffineInput: 0, qops.Add: 2, qops.Concat: None,
}  # fmt: skip  # None: one or more; all others read one value


def verify(graph: Graph) -> Graph:
    """The graph itself, if it obeys every rule; else GraphError or LoweringError."""
    if not MODEL_NAME.fullmatch(graph.name):
        raise GraphError(
            f"the model name {graph.name!r} must be a C name of small letters, digits and single '_', "
            "at most 48 characters."
        )
    if not 1 <= len(graph.nodes) <= MAX_NODES:
        raise GraphError(f"{graph.name}: {len(graph.nodes)} nodes, expected 1 to {MAX_NODES}.")
    seen: dict[str, Node] = {}
    symbols: set[str] = set()
    for index, node in enumerate(graph.nodes):
        if not NAME.fullmatch(node.name):
            raise GraphError(
                f"node {index}: the name {node.name!r} must be letters, digits, '_' and '.', 96 characters at most."
            )
        if symbol(node.name) in symbols:
            raise GraphError(f"{node.name}: two nodes have this name in C ('.' and '_' are one there).")
        if isinstance(node, ops.Input | qops.Input) != (index == 0):
            raise GraphError(f"{node.name}: the input must be the first node, and the only one of its kind.")
        for source in node.inputs:
            if source not in seen:
                raise GraphError(f"{node.name}: reads {source!r}, which no earlier node makes (a cycle, or cut off).")
        _check_node(node, [seen[source] for source in node.inputs])
        seen[node.name] = node
        symbols.add(symbol(node.name))
    if graph.output not in seen:
        raise GraphError(f"{graph.name}: the output {graph.output!r} is not made by any node.")
    if graph.output == graph.nodes[0].name:
        raise GraphError(f"{graph.name}: the model returns its input unchanged; there is nothing to compute.")
    for name, users in graph.users.items():
        if not users and name != graph.output:
            raise GraphError(f"{name}: nobody reads its value.")
    return graph


def symbol(name: str) -> str:
    """The C identifier of a node; a name that starts with a digit gets a word before it."""
    identifier = name.replace(".", "_").lower()
    return f"layer_{identifier}" if identifier[0].isdigit() else identifier


def _check_node(node: Node, sources: list[Node]) -> None:
    arity = 2 if _has_residual(node) else ARITY.get(type(node), 1)
    if (arity is None and not sources) or (arity is not None and len(sources) != arity):
        raise GraphError(f"{node.name}: {node.op} reads {len(sources)} values, expected {arity or 'one or more'}.")
    if not 1 <= len(node.shape) <= 3 or not all(1 <= size <= MAX_DIMENSION for size in node.shape):
        raise GraphError(f"{node.name}: shape {node.shape} must have 1 to 3 dimensions of 1 to {MAX_DIMENSION}.")
    if prod(node.shape) > MAX_ELEMENTS:
        raise GraphError(f"{node.name}: {prod(node.shape)} elements, more than {MAX_ELEMENTS}.")
    expected = output_shape(node, [source.shape for source in sources])
    if expected != node.shape:
        raise GraphError(f"{node.name}: shape is {node.shape}, but its inputs make {expected}.")
    if isinstance(node, qops.QNode):
        _check_type(node, sources)
        _check_integers(node, sources)


def _has_residual(node: Node) -> bool:
    """Whether the node is a convolution with a residual input; a float one may or may not have one."""
    return isinstance(node, qops.Conv2dAdd) or (isinstance(node, ops.Conv2d) and len(node.inputs) == 2)


def _check_type(node: qops.QNode, sources: list[Node]) -> None:
    if node.type.dtype not in qops.DTYPES:
        raise GraphError(f"{node.name}: unknown type {node.type.dtype!r}; known: {', '.join(qops.DTYPES)}.")
    if not (np.isfinite(node.type.scale) and 1e-30 < node.type.scale < 1e30):
        raise GraphError(f"{node.name}: scale {node.type.scale} must be a positive number.")
    if not node.type.low <= node.type.zero_point <= node.type.high:
        raise GraphError(f"{node.name}: zero point {node.type.zero_point} leaves the range of {node.type.dtype}.")
    if isinstance(node, qops.KEEPS_TYPE):
        source = sources[0]
        if isinstance(source, qops.QNode) and source.type != node.type:
            raise GraphError(f"{node.name}: {node.op} must keep the type of '{source.name}'.")


def _check_integers(node: qops.QNode, sources: list[Node]) -> None:
    types = [source.type for source in sources if isinstance(source, qops.QNode)]
    if isinstance(node, qops.WEIGHTED):
        _check_weights(node, types[0])
        if isinstance(node, qops.Conv2dAdd):
            _check_residual(node, types[1])
    elif isinstance(node, qops.Add):
        if not 1 <= node.shift <= 30 or min(node.a_multiplier, node.b_multiplier) < 0:
            raise GraphError(f"{node.name}: shift {node.shift} or a multiplier is out of range.")
        peak = types[0].peak * node.a_multiplier + types[1].peak * node.b_multiplier + (1 << (node.shift - 1))
        if peak > INT32_MAX:
            raise LoweringError(f"{node.name}: the sum may reach {peak}, beyond int32.")
    elif isinstance(node, qops.AffineInput):
        if not node.gain.shape == node.offset.shape == node.shape[-1:]:
            raise GraphError(
                f"{node.name}: gain {node.gain.shape}, offset {node.offset.shape} do not fit {node.shape}."
            )
        if not (np.isfinite(node.gain).all() and np.isfinite(node.offset).all()):
            raise GraphError(f"{node.name}: a gain or offset is not finite.")
    elif isinstance(node, qops.Rescale):
        _check_requant(node.name, node.requant, (1,), types[0].peak)
    elif isinstance(node, qops.Concat):
        if len(node.requants) != len(types):
            raise GraphError(f"{node.name}: {len(node.requants)} requantizers for {len(types)} inputs.")
        for type_, requant in zip(types, node.requants, strict=True):
            _check_requant(node.name, requant, (1,), type_.peak)
    elif isinstance(node, qops.AvgPool2d):
        size = prod(node.window.kernel)
        _check_requant(node.name, node.requant, (1, size), types[0].peak * size)
    elif isinstance(node, qops.Softmax):
        if node.table.shape != (1 << types[0].bits,):
            raise GraphError(
                f"{node.name}: the table has {node.table.size} entries, {types[0].dtype} needs {1 << types[0].bits}."
            )
        if (node.type.dtype, node.type.scale, node.type.zero_point) != ("u8", 1 / 256, 0):
            raise GraphError(f"{node.name}: softmax makes u8 with scale 1/256 and zero point 0.")
        if node.table[0] != 1 << 15 or np.any(node.table > 1 << 15):
            raise GraphError(f"{node.name}: the table must start with 32768 and never exceed it.")


def _check_weights(node: qops.Conv2d | qops.DwConv2d | qops.Dense, x: qops.QType) -> None:
    weights = node.weights
    out = node.shape[-1]
    if np.any(weights.codes > 15) or np.isin(weights.codes, weights.codebook.unused).any():
        raise GraphError(f"{node.name}: holds a code that {weights.codebook.name} never emits.")
    if weights.bias.shape != (out,):
        raise GraphError(f"{node.name}: {weights.bias.size} biases for {out} outputs.")
    if max(map(abs, weights.codebook.levels)) > 32_767:
        raise LoweringError(
            f"{node.name}: {weights.codebook.name} has levels above 16 bits, which no kernel takes. "
            "Choose another format for this layer in the plan."
        )
    _check_requant(node.name, weights.requant, (1, out), accumulator_peak(node, x))


def _check_residual(node: qops.Conv2dAdd, residual: qops.QType) -> None:
    if not 0 <= node.residual_multiplier <= INT32_MAX or not 0 <= node.residual_shift <= MAX_SHIFT:
        raise GraphError(f"{node.name}: the residual's multiplier or shift is out of range.")
    if residual.peak << node.residual_shift > INT32_MAX:
        raise LoweringError(f"{node.name}: the residual may reach {residual.peak} * 2**{node.residual_shift}.")


def accumulator_peak(node: qops.Conv2d | qops.DwConv2d | qops.Dense, x: qops.QType) -> int:
    """Largest |accumulator| that any input of type x can cause at any point of any summation order. Exact bound:
    |bias[o]| + sum |level| * max|x|."""
    size: NDArray[np.int64] = np.abs(qops.reduction(node)).sum(axis=1) * max(abs(x.low), abs(x.high))
    return int(np.max(np.abs(node.weights.bias.astype(np.int64)) + size))


def _check_requant(name: str, requant: qops.Requant, lengths: tuple[int, ...], peak: int) -> None:
    if requant.multiplier.ndim != 1 or len(requant.multiplier) not in lengths:
        raise GraphError(f"{name}: {requant.multiplier.size} multipliers, expected {' or '.join(map(str, lengths))}.")
    if np.any(requant.multiplier < 0) or not 0 <= requant.shift <= MAX_SHIFT:
        raise GraphError(f"{name}: a multiplier is negative or the shift {requant.shift} is not in 0..{MAX_SHIFT}.")
    if peak << requant.shift > INT32_MAX:
        raise LoweringError(
            f"{name}: the accumulator may reach {peak} * 2**{requant.shift}, beyond int32. "
            "The output scale is too small for these weights: calibrate on more data or use 8-bit activations here."
        )
