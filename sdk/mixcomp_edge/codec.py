"""The integer graph as JSON plus tensors, and back. One rule for each kind of field; the nodes' own definitions in
operators/ are the schema, so a new operator needs nothing here. Decoding trusts nothing: a field of another type, an
unknown or a missing field is an error that names the node."""

from __future__ import annotations

import types
import typing
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np

from mixcomp_edge.errors import BundleError, PlanError
from mixcomp_edge.ir.graph import Graph, Kept, Node, Window
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.numerics import CODEBOOKS, LEARNED, Codebook, codebook, learned
from mixcomp_edge.numerics.packing import pack_rows, unpack_rows
from mixcomp_edge.operators import INTEGER

Tensors = dict[str, np.ndarray]


def encode_graph(graph: Graph) -> tuple[dict[str, Any], Tensors]:
    """JSON-ready description, and the tensors it refers to by name."""
    tensors: Tensors = {}
    nodes = [
        {"op": node.op}
        | {f.name: _encode(getattr(node, f.name), f"{node.name}/{f.name}", tensors) for f in fields(node)}
        for node in graph.nodes
    ]
    kept = [_encode_kept(kept, tensors) for kept in graph.kept]
    more = {"kept": kept} if kept else {}
    return {"name": graph.name, **_encode_outputs(graph), "nodes": nodes, **more}, tensors


def _encode_kept(kept: Kept, tensors: Tensors) -> list[str]:
    return [kept.input, kept.output, _encode(kept.start, f"{kept.input}/start", tensors)]


def _encode_outputs(graph: Graph) -> dict[str, Any]:
    """A graph with one input and one output is what it was before there were others."""
    if graph.has_one_of_each:
        return {"output": graph.output}
    return {"outputs": [[name, node] for name, node in graph.outputs.items()]}


def _encode(value: Any, path: str, tensors: Tensors) -> Any:
    if isinstance(value, np.ndarray):
        tensors[path] = np.ascontiguousarray(value)
        return path
    if isinstance(value, Weights):
        tensors[f"{path}/codes"] = np.ascontiguousarray(pack_rows(value.codes) if value.bits == 4 else value.codes)
        return {
            "codebook": _encode_codebook(value.codebook),
            "codes": f"{path}/codes",
            "row_length": value.codes.shape[1],
            "bias": _encode(value.bias, f"{path}/bias", tensors),
            "requant": _encode(value.requant, f"{path}/requant", tensors),
        }
    if isinstance(value, QType | Requant | Window):
        return {f.name: _encode(getattr(value, f.name), f"{path}/{f.name}", tensors) for f in fields(value)}
    if isinstance(value, tuple):
        return [_encode(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]
    return value


def decode_graph(description: Any, tensors: Tensors) -> Graph:
    """The graph of a description; `verify` has still to be run on it. Every tensor must be used exactly once."""
    one = isinstance(description, dict) and "output" in description
    steps = isinstance(description, dict) and "kept" in description
    wanted = {"name", "output" if one else "outputs", "nodes", *(["kept"] if steps else [])}
    table = _fields(description, wanted, "graph")
    unused = dict(tensors)
    name = _expect(table["name"], str, "graph name")
    outputs = _expect(table["output"], str, "graph output") if one else _decode_outputs(table["outputs"])
    nodes = tuple(_decode_node(entry, unused) for entry in _expect(table["nodes"], list, "graph nodes"))
    kept = tuple(_decode_kept(entry, unused) for entry in _expect(table["kept"], list, "graph kept")) if steps else ()
    if unused:
        raise BundleError(f"holds a tensor that no layer uses: {min(unused)!r}.")
    if steps and not kept:
        raise BundleError("graph: keeps nothing, and says so.")
    graph = Graph(name, nodes, outputs, kept=kept)
    if graph.has_one_of_each != one:
        raise BundleError("graph: a lone input and output stand as 'output', others as 'outputs'.")
    return graph


def _decode_outputs(value: Any) -> dict[str, str]:
    pairs = [_decode(tuple[str, str], pair, "graph outputs", {}) for pair in _expect(value, list, "graph outputs")]
    if len(dict(pairs)) != len(pairs):
        raise BundleError("graph outputs: two have the same name.")
    return dict(pairs)


def _decode_kept(entry: Any, unused: Tensors) -> Kept:
    source, sink, start = _decode(tuple[str, str, str], entry, "graph kept", {})
    return Kept(source, sink, _take(start, np.dtype(np.uint8), f"graph kept {source[:96]!r}", unused))


def _decode_node(entry: Any, unused: Tensors) -> Node:
    name = str(entry.get("name", "?"))[:96] if isinstance(entry, dict) else "?"
    operator = INTEGER.get(entry["op"]) if isinstance(entry, dict) and isinstance(entry.get("op"), str) else None
    if operator is None:
        raise BundleError(f"node {name!r}: its operator is missing or unknown.")
    hints = _types(operator)  # type: ignore[arg-type]  # mypy takes an instance's __hash__ for that of its class
    wanted = [f.name for f in fields(operator)]
    table = _fields(entry, {"op", *wanted}, f"node {name!r}")
    values = {key: _decode(hints[key], table[key], f"node {name!r}: {key}", unused) for key in wanted}
    return operator(**values)


@cache
def _types(declared: type[Any]) -> dict[str, Any]:
    """Of each field of a dataclass."""
    return typing.get_type_hints(declared)


def _decode(hint: Any, value: Any, where: str, unused: Tensors) -> Any:
    """value as the type that a field is declared with."""
    hint = _unaliased(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is np.ndarray:
        return _take(value, np.dtype(typing.get_args(arguments[1])[0]), where, unused)
    if hint is Weights:
        return _decode_weights(value, where, unused)
    if hint in (QType, Requant, Window):
        hints = _types(hint)
        table = _fields(value, set(hints), where)
        return hint(**{key: _decode(hints[key], table[key], f"{where}.{key}", unused) for key in hints})
    if origin is tuple:
        items = _expect(value, list, where)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            inner: list[Any] = [arguments[0]] * len(items)
        else:
            inner = list(arguments)
        if len(inner) != len(items):
            raise BundleError(f"{where} has {len(items)} entries, expected {len(inner)}.")
        return tuple(_decode(kind, item, where, unused) for kind, item in zip(inner, items, strict=True))
    if hint is float:
        return float(_expect(value, (float, int), where))
    if isinstance(hint, types.UnionType):
        raise TypeError(f"{where}: no rule for {hint}")
    return _expect(value, hint, where)


def _unaliased(hint: Any) -> Any:
    """What an alias such as NDArray[np.int32] stands for; newer NumPy declares it by a `type` statement."""
    target = getattr(typing.get_origin(hint), "__value__", None)
    return hint if target is None else target[typing.get_args(hint)]


def _decode_weights(value: Any, where: str, unused: Tensors) -> Weights:
    table = _fields(value, {"codebook", "codes", "row_length", "bias", "requant"}, where)
    book = _decode_codebook(table["codebook"], f"{where}.codebook")
    packed = _take(table["codes"], np.dtype(np.uint8), f"{where}.codes", unused)
    length = _expect(table["row_length"], int, f"{where}.row_length")
    if packed.ndim != 2 or length < 1 or packed.shape[1] != (length * book.bits + 7) // 8:
        raise BundleError(f"{where}: codes of shape {packed.shape} cannot hold rows of {length} {book.name}.")
    if book.bits == 4 and length % 2 and np.any(packed[:, -1] >> 4):
        raise BundleError(f"{where}: the last half byte of a row is not 0.")
    bias = _take(table["bias"], np.dtype(np.int32), f"{where}.bias", unused)
    requant = _decode(Requant, table["requant"], f"{where}.requant", unused)
    return Weights(book, unpack_rows(packed, length) if book.bits == 4 else packed, bias, requant)


def _encode_codebook(book: Codebook) -> str | dict[str, Any]:
    return book.name if book.name in CODEBOOKS else {"name": book.name, "levels": list(book.levels)}


def _decode_codebook(value: Any, where: str) -> Codebook:
    """By name, or with its levels where they were learned."""
    try:
        if not isinstance(value, dict):
            return codebook(_expect(value, str, where))
        table = _fields(value, {"name", "levels"}, where)
        if table["name"] != LEARNED:
            raise BundleError(f"{where}: only {LEARNED} has levels of its own.")
        return learned(_decode(tuple[int, ...], table["levels"], where, {}))
    except PlanError as error:
        raise BundleError(f"{where}: {error}") from error


def _take(name: Any, dtype: np.dtype[Any], where: str, unused: Tensors) -> np.ndarray:
    """The tensor of that name and type, which nobody else may take."""
    tensor = unused.pop(_expect(name, str, where), None)
    if tensor is None:
        raise BundleError(f"{where}: the tensor {name!r} is missing, or used twice.")
    if tensor.dtype != dtype:
        raise BundleError(f"{where}: the tensor {name!r} is {tensor.dtype}, expected {dtype}.")
    return tensor


def _fields(value: Any, names: set[str], where: str) -> dict[str, Any]:
    table: dict[str, Any] = _expect(value, dict, where)
    if set(table) != names:
        odd = min(set(table) ^ names, key=str)
        raise BundleError(f"{where}: the field {odd!r} is {'unknown' if odd in table else 'missing'}.")
    return table


def _expect(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BundleError(f"{where} is {str(value)[:40]!r}, which has the wrong type.")
    return value
