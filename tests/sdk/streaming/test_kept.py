"""What a step keeps for the next: its rules hold on every load, and its C has room for it once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mixcomp_edge.bundle import Bundle, parse_bundle
from mixcomp_edge.errors import MixcompError
from mixcomp_edge.ir.graph import Graph, Kept
from mixcomp_edge.ir.types import QType, Requant
from mixcomp_edge.ir.verify import verify
from mixcomp_edge.lower.widen import widen
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.push import QPush
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.operators.slice import QSlice
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.targets import target

TYPE = QType("s4", 0.5, -3)
ONE = Requant(np.array([1 << 30], np.int32), 2)
START = np.array([0xDD, 0xDD, 0xDD, 0xDD, 0x0D], np.uint8)  # nine elements of -3


def step() -> Graph:
    """Frames of three elements: the sum of nothing, but a copy of the last three frames, one late."""
    x = QInput(name="x", inputs=(), shape=(1, 3), type=TYPE)
    past = QInput(name="x.past", inputs=(), shape=(3, 3), type=TYPE)
    push = QPush(name="x.frames", inputs=("x.past", "x"), shape=(3, 3), type=TYPE, axis=0)
    late = QSlice(name="late", inputs=("x.frames",), shape=(1, 3), type=TYPE, start=(1, 0), step=(1, 1))
    y = QRescale(name="y", inputs=("late",), shape=(1, 3), type=TYPE, requant=ONE)
    outputs = {"output": "y", "x.frames": "x.frames"}
    return Graph("net", (x, past, push, late, y), outputs, kept=(Kept("x.past", "x.frames", START),))


def with_kept(*kept: Kept) -> Graph:
    return replace(step(), kept=kept)


def with_reader(name: str) -> Graph:
    """Another node reads the old frames behind the one that writes the new ones."""
    graph = step()
    more = QRescale(name="old", inputs=(name,), shape=(3, 3), type=TYPE, requant=ONE)
    return replace(graph, nodes=(*graph.nodes, more), outputs={**graph.outputs, "old": "old"})


def typed(type_: QType) -> Graph:
    graph = step()
    past = replace(graph.nodes[1], type=type_)
    return replace(graph, nodes=(graph.nodes[0], past, *graph.nodes[2:]))


BROKEN = {
    "an input that is none": (lambda: with_kept(Kept("late", "x.frames", START)), "not some of its inputs"),
    "an output that is none": (lambda: with_kept(Kept("x.past", "nothing", START)), "not some of its outputs"),
    "an input twice": (lambda: with_kept(*step().kept, Kept("x.past", "output", START)), "not some of its inputs"),
    "all outputs": (
        lambda: replace(with_kept(*step().kept), outputs={"x.frames": "x.frames"}), "the only output is called",
    ),
    "another shape": (lambda: with_kept(Kept("x.past", "output", START)), "is kept as"),
    "another type": (lambda: typed(QType("s4", 0.5, -2)), "must keep the type|is kept as"),
    "too few bytes": (lambda: with_kept(Kept("x.past", "x.frames", START[:4])), "starts with 4 bytes, expected 5"),
    "a spare half byte": (
        lambda: with_kept(Kept("x.past", "x.frames", START | 0x10)), "last half byte of its start is not 0",
    ),
    "an old value read late": (lambda: with_reader("x.past"), "is read when x.frames has written it anew"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_step_that_breaks_a_rule_of_what_it_keeps_is_refused(what):
    make, text = BROKEN[what]
    with pytest.raises(MixcompError, match=text):
        verify(make())


def test_the_new_value_may_be_read_late():
    assert verify(with_reader("x.frames")).kept


def test_a_bundle_of_a_step_has_format_3_and_comes_back_as_it_was():
    data = Bundle(verify(step())).to_bytes()
    assert b'\\"format\\": 3' in data
    back = parse_bundle(data)
    assert [(k.input, k.output, k.start.tobytes()) for k in back.graph.kept] == [
        ("x.past", "x.frames", START.tobytes())
    ]
    assert back.to_bytes() == data


def test_the_int8_form_of_a_step_starts_with_the_same_numbers():
    wide = widen(verify(step()))
    assert wide.kept[0].start.view(np.int8).tolist() == [-3 * 16] * 9


def test_old_and_new_lie_in_one_place_behind_the_arena():
    arena = lay_out(verify(step()), target("cortex-m4")).arena
    assert arena.offsets["x.past"] == arena.offsets["x.frames"] == arena.total_bytes
    assert arena.kept_bytes == 8
    assert all(arena.offsets[name] + 2 <= arena.total_bytes for name in ("x", "late", "y"))


def test_a_session_starts_anew():
    session = Bundle(step()).session()
    x = np.array([[1, 2, 3]])
    made = [session.step((x + i,))[0].tolist() for i in range(3)]
    assert made == [[[-3] * 3], [[1, 2, 3]], [[2, 3, 4]]]
    session.start()
    assert session.step((x,))[0].tolist() == [[-3] * 3]
