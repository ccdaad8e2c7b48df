"""How weights lie in flash, one function a layout: each reads a node and gives what its kernels expect, or None where
they would not be exact or cannot run. A layout is the kernel's: codes, biases and scratch belong together.

The functions that split a reduction also prove it: for the layer's real weights and every input, no field of a packed
accumulator overflows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.plan.packing.depthwise import cells
from mixcomp_edge.plan.packing.dsp import (
    dense_four,
    dense_quad,
    dense_table,
    dense_two,
    dw3x3,
    groups_of_words,
    pair,
    pair_table,
    rows_in_halves,
    rows_of_words,
    strip_of_columns,
    strips_of_terms,
    strips_of_values,
)
from mixcomp_edge.plan.packing.dw_triples import dw_triples
from mixcomp_edge.plan.packing.in_bytes import (
    byte_3x3,
    byte_fours,
    byte_pairs,
    byte_rows,
    byte_rows3x3,
    byte_rows_gathered,
)
from mixcomp_edge.plan.packing.mve import (
    channel_fours,
    channel_fours_table,
    channel_pairs,
    channel_pairs_table,
    channels16,
    slices3x3,
)
from mixcomp_edge.plan.packing.packed import Packed
from mixcomp_edge.plan.packing.phases import by_phases
from mixcomp_edge.plan.packing.points import points
from mixcomp_edge.plan.packing.portable import rows, rows3x3, rows_gathered, strips, words
from mixcomp_edge.plan.packing.quad import dense_lanes, quad, quad_bytes, quad_halves, quad_sums
from mixcomp_edge.plan.packing.steps import by_steps
from mixcomp_edge.plan.packing.swar import dense_swar, rows_joined, swar
from mixcomp_edge.plan.packing.trio import trio
from mixcomp_edge.plan.packing.triples import triples_dsp, triples_v7m

__all__ = ["PACKINGS", "Packed"]

OF_CONVOLUTIONS: dict[str, Callable[[Any, QNode], Packed | None]] = {
    "rows_gathered": rows_gathered,
    "quad": quad,
    "quad_bytes": quad_bytes,
    "quad_halves": quad_halves,
    "triples_dsp": triples_dsp,
    "triples_v7m": triples_v7m,
    "pair": pair,
    "pair_table": pair_table,
    "swar2": partial(swar, channels=2),
    "swar4": partial(swar, channels=4),
    "channel_pairs": channel_pairs,
    "channel_pairs_table": channel_pairs_table,
    "byte_rows_gathered": byte_rows_gathered,
    "byte_pairs": byte_pairs,
}
OF_STEPS: dict[str, Callable[[Any, QNode], Packed | None]] = {
    "rows": rows,
    "byte_rows": byte_rows,
    "dense_four": dense_four,
    "dense_table": dense_table,
    "byte_fours": byte_fours,
}
PACKINGS: dict[str, Callable[[Any, QNode], Packed | None]] = {
    **OF_CONVOLUTIONS,
    **{f"steps_{name}": partial(by_steps, packing=packing) for name, packing in OF_STEPS.items()},
    **{f"phases_{name}": partial(by_phases, packing=packing) for name, packing in OF_CONVOLUTIONS.items()},
    "quad_sums": quad_sums,
    "points": points,
    "trio": trio,
    "rows": rows,
    "rows3x3": rows3x3,
    "dense_lanes": dense_lanes,
    "dense_quad": dense_quad,
    "dense_four": dense_four,
    "dense_table": dense_table,
    "dense_two": dense_two,
    "rows_joined1": partial(rows_joined, row_stride=1),
    "rows_joined2": partial(rows_joined, row_stride=2),
    "dense_swar": dense_swar,
    "words": words,
    "strips": strips,
    "strips_of_values": strips_of_values,
    "strips_of_terms": strips_of_terms,
    "rows_in_halves": rows_in_halves,
    "rows_of_words": rows_of_words,
    "groups_of_words": groups_of_words,
    "strip_of_columns": strip_of_columns,
    "cells": cells,
    "byte_cells": partial(cells, bits=8),
    "channel_fours": channel_fours,
    "channel_fours_table": channel_fours_table,
    "channels16": channels16,
    "slices3x3": slices3x3,
    "dw_triples": dw_triples,
    "dw3x3s1": partial(dw3x3, row_stride=1),
    "dw3x3s2": partial(dw3x3, row_stride=2),
    "byte_rows": byte_rows,
    "byte_rows3x3": byte_rows3x3,
    "byte_fours": byte_fours,
    "byte_3x3s1": partial(byte_3x3, row_stride=1),
    "byte_3x3s2": partial(byte_3x3, row_stride=2),
}
