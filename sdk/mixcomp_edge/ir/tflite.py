"""How TensorFlow Lite sees a node, as data that mixcomp_edge/tflite writes into a file: operations on tensors, the last
of which makes the node's value.

All values are int8 there: an unsigned one less 128, one of 4 bits as it is; what an operation makes of 4 bits is held
in their range by MINIMUM and MAXIMUM behind it. Shapes have the batch, of one, and a value (W, C) is one row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir.graph import Graph, Node, Shape, Window
from mixcomp_edge.ir.types import QType

if TYPE_CHECKING:
    from mixcomp_edge.ir.nodes import QNode

LOW, HIGH = -128, 127
SAME, VALID = 0, 1
MAX_TOLD = 8  # refusals in one message


@dataclass(frozen=True, eq=False)
class Tensor:
    """real value = scale * (q - zero_point); scale (1,), or (C,) along `axis`, or None. data: a constant's."""

    name: str
    shape: Shape
    type: str = "INT8"
    scale: NDArray[np.float32] | None = None
    zero_point: int = 0
    axis: int = 0
    data: NDArray[np.int64] | None = None

    def named(self, suffix: str, **fields: Any) -> Tensor:
        """Another of its kind, with a name behind its own."""
        return replace(self, name=f"{self.name}/{suffix}", **fields)


@dataclass(frozen=True, eq=False)
class Operation:
    """kind and settings by the schema's names; version: 0 for the one that the kind has with int8."""

    kind: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0


Operations = tuple[Operation, ...]


def shape_of(shape: Shape) -> Shape:
    """A value's shape with the batch."""
    return (1, 1, *shape) if len(shape) == 2 else (1, *shape)


def axis_of(node: Node, axis: int) -> int:
    """An axis of a value of the node's rank, there."""
    return axis + len(shape_of(node.shape)) - len(node.shape)


def offset(type_: QType) -> int:
    """What is taken off an element, so that it is an int8."""
    return 0 if type_.signed else -LOW


def tensor(name: str, shape: Shape, type_: QType) -> Tensor:
    """A value (*shape) of that type."""
    scale = np.array([type_.scale], np.float32)
    return Tensor(name, shape_of(shape), scale=scale, zero_point=type_.zero_point - offset(type_))


def value(node: QNode) -> Tensor:
    """The node's value; one that is constant with its elements."""
    made = tensor(node.name, node.shape, node.type)
    if not node.is_constant:
        return made
    return replace(made, data=(node.evaluate([], []) - offset(node.type)).reshape(made.shape))


def numbers(name: str, values: ArrayLike) -> Tensor:
    """A constant of plain int32."""
    array = np.asarray(values, np.int64)
    return Tensor(name, array.shape, "INT32", data=array)


def refuse(node: Node, what: str) -> UnsupportedError:
    """TensorFlow Lite Micro has nothing that does it."""
    return UnsupportedError(f"{node.name}: TensorFlow Lite Micro has no {what}.")


def check_factor(node: Node, found: ArrayLike, expected: ArrayLike) -> None:
    """TFLM takes factors from scales: refuses a node whose own are others."""
    if not np.allclose(found, expected, rtol=1e-4, atol=2**-31):
        raise refuse(node, "factors but those of the scales")


def rescaled(x: Tensor, y: Tensor) -> tuple[Tensor, Operations]:
    """x in the type of y, in a tensor of y's name, and the operation that makes it so, if one is needed."""
    if x.scale is not None and y.scale is not None and x.scale == y.scale and x.zero_point == y.zero_point:
        return x, ()
    made = replace(y, shape=x.shape)
    return made, (Operation("QUANTIZE", (x,), made),)


def steps(window: Window, padding: int, *, dilated: bool = False) -> dict[str, int]:
    """Settings of what moves a window."""
    found = {"padding": padding, "strideH": window.stride[0], "strideW": window.stride[1]}
    dilation = {"dilationHFactor": window.dilation[0], "dilationWFactor": window.dilation[1]}
    return found | dilation if dilated else found


def kernel(window: Window) -> dict[str, int]:
    """And of a pool."""
    return {"filterHeight": window.kernel[0], "filterWidth": window.kernel[1]}


def cast(x: Tensor, y: Tensor) -> Operation:
    return Operation("CAST", (x,), y, {"inDataType": x.type, "outDataType": y.type})


def part(x: Tensor, begin: Iterable[int], y: Tensor) -> Operation:
    """What lies in x from there on, in y's shape."""
    start, size = numbers(f"{y.name}/begin", list(begin)), numbers(f"{y.name}/size", y.shape)
    return Operation("SLICE", (x, start, size), y)


def taken(x: Tensor, places: Mapping[int, ArrayLike], y: Tensor) -> Operations:
    """y of the elements of x at so many places along each axis."""
    moved = {axis: p for axis, given in places.items() if list(p := np.asarray(given)) != [*range(x.shape[axis])]}
    moved = moved or {axis: np.arange(x.shape[axis]) for axis in [next(iter(places))]}
    made: list[Operation] = []
    for axis, indices in moved.items():
        shape = (*x.shape[:axis], len(indices), *x.shape[axis + 1 :])
        result = y if len(made) == len(moved) - 1 else y.named(f"axis{axis}", shape=shape)
        made.append(Operation("GATHER", (x, numbers(f"{y.name}/places{axis}", indices)), result, {"axis": axis}))
        x = result
    return tuple(made)


def looked_up(x: Tensor, start: int, table: Tensor, y: Tensor) -> Operations:
    """y of the elements of a table at x + start."""
    whole = Tensor(f"{y.name}/code", x.shape, "INT32")
    index, by = whole.named("index"), numbers(f"{y.name}/start", [start])
    gather = Operation("GATHER", (table, index), y, {"axis": 0})
    return cast(x, whole), Operation("ADD", (whole, by), index), gather


def padded(
    node: QNode, x: Tensor, window: Window, made: tuple[int, int], fill: int | None = None, *, implied: bool = True
) -> tuple[Tensor, int, Operations]:
    """x under a window that makes so many rows and columns: (x, perhaps with a border, SAME or VALID, what makes the
    border). fill: elements of the border, x's zero point if None. Not `implied`, SAME will not do."""
    before, need, ends = window.padding[:2], [], []
    for axis in (0, 1):
        size, stride = x.shape[1 + axis], window.stride[axis]
        extent = (window.kernel[axis] - 1) * window.dilation[axis] + 1
        need.append(max(0, (made[axis] - 1) * stride + extent - size))
        ends.append(made[axis] == -(-size // stride) and before[axis] == need[axis] // 2)
    if not any(need) and not any(before):
        return x, VALID, ()
    if implied and all(ends):
        return x, SAME, ()
    after = [max(0, n - b) for n, b in zip(need, before, strict=True)]
    border = numbers(f"{node.name}/border", [[0, 0], *zip(before, after, strict=True), [0, 0]])
    h, w = (x.shape[1 + i] + before[i] + after[i] for i in (0, 1))
    wider = x.named(f"{node.name}/padded", shape=(1, h, w, x.shape[3]), data=None)
    if fill is None:
        return wider, VALID, (Operation("PAD", (x, border), wider),)
    constant = x.named(f"{node.name}/fill", shape=(1,), data=np.array([fill]))
    return wider, VALID, (Operation("PADV2", (x, border, constant), wider),)


def bounded(node: QNode, operations: Operations) -> Operations:
    """The operations, and what holds their result in the range of the node's type."""
    type_ = node.type
    low, high = type_.low - offset(type_), type_.high - offset(type_)
    bounds = [("MINIMUM", high)] * (high < HIGH) + [("MAXIMUM", low)] * (low > LOW)
    if not operations or node.keeps_type or not bounds:
        return operations
    *first, last = operations
    held = [*first, replace(last, output=last.output.named("unbounded"))]
    for i, (kind, bound) in enumerate(bounds):
        y = last.output if i == len(bounds) - 1 else last.output.named("below")
        limit = last.output.named(kind.lower(), shape=(1,), data=np.array([bound]))
        held.append(Operation(kind, (held[-1].output, limit), y))
    return tuple(held)


def written(graph: Graph) -> dict[str, Operations]:
    """What makes each node's value. UnsupportedError names all nodes for which there is nothing."""
    found: dict[str, Operations] = {}
    refusals: list[str] = []
    for node in graph.nodes:
        sources: Any = list(graph.sources(node))
        try:
            found[node.name] = operations(node, sources)  # type: ignore[arg-type]
        except UnsupportedError as error:
            refusals.append(str(error))
    if refusals:
        more = len(refusals) - MAX_TOLD
        told = [*refusals[:MAX_TOLD], *([f"and {more} more."] if more > 0 else [])]
        raise UnsupportedError(f"{graph.name} has no form for TensorFlow Lite Micro: " + " ".join(told))
    return found


def operations(node: QNode, sources: list[QNode]) -> Operations:
    """All that makes the node's value of those of its sources. UnsupportedError where TFLM cannot."""
    found = bounded(node, node.tflite(sources))
    for operation in found:
        for each in (*operation.inputs, operation.output):
            if len(each.shape) > 4:
                raise refuse(node, f"{node.title or node.op} of {len(each.shape) - 1} dimensions")
            if prod(each.shape) == 0:
                raise refuse(node, "empty values")
    for value_ in (node, *sources):
        if value_.type.bits > 8:
            raise refuse(node, f"{node.title or node.op} of {value_.type.dtype}")
    return found
