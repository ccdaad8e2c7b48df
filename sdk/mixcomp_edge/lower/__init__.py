"""Passes from the float graph to the integer graph. One pass a file, each a function from a graph to a new graph."""

from __future__ import annotations

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.fold_affine import fold_affine
from mixcomp_edge.lower.fold_padding import fold_padding
from mixcomp_edge.lower.fuse_activation import fuse_activation
from mixcomp_edge.lower.fuse_add import fuse_add
from mixcomp_edge.lower.join_functions import join_functions
from mixcomp_edge.lower.merge_slices import merge_slices
from mixcomp_edge.lower.merge_strides import merge_strides
from mixcomp_edge.lower.quantize import QuantizedGraph, lower

SIMPLIFY = (join_functions, fold_affine, fold_padding, merge_strides, merge_slices, fuse_activation, fuse_add)


def simplify(graph: Graph) -> Graph:
    """The float graph with every fold and fusion done, each pass checked. Exact in real arithmetic."""
    for step in SIMPLIFY:
        graph = verify(step(graph))
    return graph


__all__ = ["SIMPLIFY", "QuantizedGraph", "lower", "simplify"]
