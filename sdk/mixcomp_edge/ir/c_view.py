"""How C sees a node, as data that codegen_templates/layers.j2 prints: constant arrays, and the parameter struct of each
call of its kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from numpy.typing import NDArray

from mixcomp_edge.ir.graph import Shape, Window
from mixcomp_edge.ir.types import QType, Requant


@dataclass(frozen=True, eq=False)
class Array:
    """A constant of the layer: static const ctype <layer>_<name>[], each value printed in that form."""

    name: str
    ctype: str
    values: NDArray[Any]
    form: str = "{}"


@dataclass(frozen=True)
class Ref:
    """An array that the layer reads, its node's or its packing's; 0 where it has none of that name."""

    name: str


CValue = int | str | Ref | tuple[Any, ...]  # a number, a constant of types.h, an array, or several of these in braces
Fields = dict[str, CValue]


@dataclass(frozen=True, eq=False)
class Call:
    """A call of the layer's kernel: the fields of its struct as they stand in lines, and the values it reads.

    member: where the struct begins with another, the lines are those of that member; `behind` are the fields after it.
    suffix: of the parameters' name, where a layer makes several calls."""

    struct: str
    lines: tuple[Fields, ...]
    reads: tuple[str, ...]
    member: str = ""
    behind: Fields = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """A node as C sees it in a contract."""

    constants: tuple[Array, ...]
    calls: tuple[Call, ...]


def type_of(type_: QType) -> str:
    """An mce_type."""
    return f"MCE_{type_.dtype.upper()}"


def three_axes(shape: Shape) -> tuple[int, int, int]:
    """A shape as h, w, c of mce_tensor: h counts all rows before the last two axes."""
    *outer, w, c = (1, *shape)
    return prod(outer), w, c


def tensor(shape: Shape, type_: QType) -> CValue:
    """An mce_tensor: h, w, c, zero point, type."""
    return (*three_axes(shape), type_.zero_point, type_of(type_))


def window(w: Window) -> CValue:
    """An mce_window: kernel, stride, dilation, padding before, each vertical, horizontal."""
    return (*w.kernel, *w.stride, *w.dilation, *w.padding[:2])


def multiplier(requant: Requant, name: str = "multiplier") -> Array:
    """The array that `requantizer` points to."""
    return Array(name, "int32_t", requant.words)


def requantizer(requant: Requant, name: str = "multiplier") -> CValue:
    """An mce_requant: multipliers, whether there is one a channel, shift."""
    return (Ref(name), int(requant.per_channel), requant.shift)
