"""What other software needs for the same layers, from peers.toml. Layers are matched by operator and shape, never by
position alone; what a peer runs in several layers and we in one is compared as a whole; what we do not run is named."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import BenchError
from mixcomp_edge.ir.c_view import three_axes
from mixcomp_edge.ir.graph import Graph, Node, Shape, Window
from mixcomp_edge.ir.nodes import QNode

CMSIS_NN = "CMSIS-NN"


@dataclass(frozen=True)
class PeerLayer:
    """Instructions of one layer of other software: int8, and int4 weights where it has them, which for a layer without
    weights is the same kernel."""

    name: str  # "conv3x3 s1 32x32x16>32x32x16"
    s8: int
    s4: int | None


@dataclass(frozen=True)
class Matched:
    """The peer's layers for each of our nodes, by name, and those that no node of ours does."""

    peer: str
    of: dict[str, tuple[PeerLayer, ...]]
    left: tuple[PeerLayer, ...]


@cache
def peers() -> dict[str, Any]:
    """The data file."""
    return read_toml(Path(__file__).parent / "peers.toml", BenchError)


def peer_layers(model: str, core: str) -> tuple[PeerLayer, ...]:
    """The layers of a network on a core, in the order in which the peer runs them; empty where nothing is known."""
    table = peers()
    if core not in table["cores"] or model not in table["layers"]:
        return ()
    at = table["cores"].index(core)
    return tuple(
        PeerLayer(name.partition(" ")[2], row["s8"][at], row.get("s4", row["s8"])[at])
        for name, row in table["layers"][model].items()
    )


def match(graph: Graph, layers: tuple[PeerLayer, ...]) -> Matched:
    """Each node takes the first free layer for every part of its work, or none at all."""
    free, of = list(layers), {}
    for node in graph.nodes:
        names, taken = work(graph, node), []
        for name in names:
            found = next((layer for layer in free if layer.name == name and layer not in taken), None)
            if found is not None:
                taken.append(found)
        if names and len(taken) == len(names):
            of[node.name] = tuple(taken)
            for layer in taken:
                free.remove(layer)
    return Matched(CMSIS_NN, of, tuple(free))


def work(graph: Graph, node: Node) -> tuple[str, ...]:
    """The layers that a peer runs for a node, as peers.toml names them."""
    if not node.inputs or (isinstance(node, QNode) and node.is_view):
        return ()
    x, y = _dims(graph.sources(node)[0].shape), _dims(node.shape)
    window: Window | None = getattr(node, "window", None)
    stride, kernel = (window.stride[0], "x".join(map(str, window.kernel))) if window else (1, "")
    first, *more = peers()["work"].get(node.op, [node.op])
    return (f"{first.replace('KERNEL', kernel)} s{stride} {x}>{y}", *(f"{name} s1 {y}>{y}" for name in more))


def _dims(shape: Shape) -> str:
    return "x".join(map(str, three_axes(shape)))
