"""From the graph of a whole sequence to that of a step: each node is asked for its own (ir/frames.py); here is what
they share, the axis that is time, and the frames that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import StreamError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import Q32, Graph, Kept
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.verify import symbol, verify
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.push import QPush
from mixcomp_edge.operators.slice import QSlice

STEP_FRAMES = "step_frames"  # in a bundle's origin: frames a step, where its task runs frame by frame
MOST_WAYS = 64  # of choosing the axes of inputs
Axes = tuple[int | None, ...]  # of each input, along which frames lie; None: it has none


@dataclass(frozen=True)
class StepForm:
    """The step's graph. `frames`: of the input that a step takes, of which the whole sequence has `whole`. `inputs` and
    `outputs`: how frames lie in these."""

    graph: Graph
    frames: int
    whole: int
    inputs: dict[str, Frames | None]
    outputs: dict[str, Frames]

    def as_dict(self) -> dict[str, Any]:
        """For a bundle's origin: also by how many of its frames each output is late; None where it is of a step's last
        frame alone."""
        lag = {name: None if frames.is_last else frames.lag for name, frames in self.outputs.items()}
        return {"frames": self.frames, "whole": self.whole, "lag": lag}


@dataclass(frozen=True)
class Described:
    """What a bundle's origin says of its step form."""

    frames: int
    late: dict[str, int]


def described(origin: Mapping[str, Any]) -> Described | None:
    """Of a file's origin, which may hold anything; None where it says nothing of a step form."""
    found = origin.get("stream")
    frames, lag = (found.get("frames"), found.get("lag")) if isinstance(found, dict) else (None, None)
    if type(frames) is not int or frames < 1 or not isinstance(lag, dict):
        return None
    return Described(frames, {str(name): by for name, by in lag.items() if type(by) is int})


def step_form(graph: Graph, frames: int, dim: int | None = None) -> StepForm:
    """The step form of a graph of a whole sequence, so many frames of its first input a step. dim: PyTorch's number of
    the dimension along which frames lie, where more than one could be. StreamError, which names the module, where a
    frame of an output needs later ones."""
    if graph.kept:
        raise StreamError(f"{graph.name}: is a step of a stream already.")
    if graph.contract != Q32:
        raise StreamError(f"{graph.name}: rounds by contract {graph.contract}; step forms are of {Q32}.")
    if frames < 1:
        raise StreamError(f"{graph.name}: {frames} frames a step, expected 1 or more.")
    found: dict[Axes, StepForm] = {}
    refusals: list[tuple[int, StreamError]] = []
    for axes in _ways(graph, dim):
        deriving = _Deriving(graph, frames, axes)
        try:
            found[axes] = deriving.run()
        except StreamError as error:
            refusals.append((deriving.done, error))
    if not found:
        raise max(refusals, key=lambda refusal: refusal[0])[1]
    most = max(len(axes) - axes.count(None) for axes in found)
    best = {axes: form for axes, form in found.items() if len(axes) - axes.count(None) == most}
    if len(best) > 1:
        source, dims = graph.inputs[0], sorted({_dim(axes[0], len(graph.inputs[0].shape)) for axes in best})
        raise StreamError(
            f"{source.name}: frames may lie along dimensions {', '.join(map(str, dims))} of PyTorch's; say which, "
            f"as in --stream-dim {dims[-1]}."
        )
    form = next(iter(best.values()))
    if not form.graph.kept:
        raise StreamError(
            f"{graph.name}: makes each frame of itself alone, so it keeps nothing. Give the model an input of {frames} "
            "frames instead, or of one."
        )
    return form


def _ways(graph: Graph, dim: int | None) -> list[Axes]:
    """The axes along which frames may lie."""
    options: list[list[int | None]] = []
    for source in graph.inputs:
        rank = len(source.shape)
        axes = [axis for axis in range(rank) if source.shape[axis] > 1 and dim in (None, _dim(axis, rank))]
        options.append([*axes, *([None] if len(graph.inputs) > 1 else [])])
    ways = [way for way in product(*options) if any(axis is not None for axis in way)]
    if not ways:
        raise StreamError(f"{graph.name}: no input has frames along dimension {dim}, of {graph.inputs[0].shape}.")
    if len(ways) > MOST_WAYS:
        raise StreamError(f"{graph.name}: has {len(graph.inputs)} inputs; say along which dimension their frames lie.")
    return ways


def _dim(axis: int | None, rank: int) -> int:
    """PyTorch's number of a stored axis: channels, its first, come last here."""
    assert axis is not None
    return 1 if axis == rank - 1 else axis + 2


@dataclass(frozen=True)
class _Past:
    """What is kept of a value before the first step: `count` frames from index `first` of the whole sequence on; `fill`
    stands in those before its first one."""

    value: str
    axis: int
    first: int
    count: int
    fill: int


class _Deriving(Steps):
    def __init__(self, whole: Graph, frames: int, axes: Axes) -> None:
        self.whole, self.step_frames, self.axes = whole, frames, axes
        self.done = 0  # nodes
        self.nodes: dict[str, QNode] = {}
        self.kept_inputs: dict[str, QNode] = {}
        self.kept: list[tuple[str, str, _Past | bytes]] = []  # input, output, start
        self.sources: dict[str, QNode] = {}  # of the whole graph's values
        self.times: dict[str, Frames | None] = {}
        self.pushed: dict[tuple[str, int, _Past], QNode] = {}
        self.symbols = {symbol(node.name) for node in whole.nodes}
        first = next(i for i, axis in enumerate(axes) if axis is not None)
        self.length = whole.inputs[first].shape[axes[first] or 0]

    def run(self) -> StepForm:
        for node, axis in zip(self.whole.inputs, self.axes, strict=True):
            self._input(node, axis)
        for node in self.whole.nodes[len(self.axes) :]:
            assert isinstance(node, QNode)
            self.sources[node.name], self.times[node.name] = node.in_steps(self)
            self.done += 1
        outputs = {name: self._checked(name, node) for name, node in self.whole.outputs.items()}
        inputs = {node.name: self.times[node.name] for node in self.whole.inputs}
        return StepForm(self._graph(), self.step_frames, self.length, inputs, outputs)

    def _input(self, node: Any, axis: int | None) -> None:
        frames = None
        if axis is not None:
            frames = Frames(axis, node.shape[axis], Fraction(node.shape[axis], self.length), node.shape[axis])
            node = node.of_size(axis, self.rows(node.name, frames.each))
        self.sources[node.name], self.times[node.name] = self.put(node), frames

    def _checked(self, name: str, node: str) -> Frames:
        """How frames lie in an output."""
        frames = self.times[node]
        if frames is None:
            raise StreamError(f"{self.whole.name}: the output {name!r} is the same at all times.")
        if frames.good < frames.length:
            late = self.whole[frames.late]
            assert isinstance(late, QNode)
            raise self.refused(late, "pads behind the last frame, so that frames need later ones", _CAUSAL)
        if frames.lag < 0:
            made = self.whole[node]
            assert isinstance(made, QNode)
            raise self.refused(made, "begins with frames of padding alone, which no step gives", "Pad less.")
        return frames

    def _graph(self) -> Graph:
        nodes = (*(n for n in self.nodes.values() if n.is_input), *self.kept_inputs.values())
        others = (n for n in self.nodes.values() if not n.is_input)
        outputs = {name: self.sources[node].name for name, node in self.whole.outputs.items()}
        outputs |= {output: output for _, output, _ in self.kept}
        starts = self._starts()
        kept = tuple(Kept(source, sink, starts[source]) for source, sink, _ in self.kept)
        graph = Graph(self.whole.name, (*nodes, *others), outputs, kept=kept)
        return verify(graph.without_unread())

    def _starts(self) -> dict[str, NDArray[np.uint8]]:
        """The bytes of each kept input. Frames that are kept before there are any do not depend on the input."""
        pasts = [(source, start) for source, _, start in self.kept if isinstance(start, _Past)]
        wanted = {past.value for _, past in pasts if past.first + past.count > 0}
        found: dict[str, Any] = {}
        if wanted:
            x = tuple(np.full((1, *n.shape), n.ends[0]) for n in self.whole.inputs if isinstance(n, QNode))
            found = {name: value[0] for name, value in interp.steps(self.whole, x) if name in wanted}
        starts = {source: np.frombuffer(start, np.uint8) for source, _, start in self.kept if isinstance(start, bytes)}
        for source, past in pasts:
            node = self.kept_inputs[source]
            values, axis = np.full(node.shape, past.fill, np.int64), past.axis
            known = past.first + past.count
            if known > 0:
                frames = found[past.value].take(range(max(past.first, 0), known), axis)
                at = [slice(None)] * values.ndim
                at[axis] = slice(node.shape[axis] - frames.shape[axis], None)
                values[tuple(at)] = frames
            starts[source] = np.frombuffer(pack_elements(values, node.type.bits), np.uint8)
        return starts

    def frames(self, name: str) -> Frames | None:
        return self.times[name]

    def source(self, name: str) -> QNode:
        return self.sources[name]

    def put(self, node: QNode) -> QNode:
        self.nodes[node.name] = node
        self.symbols.add(symbol(node.name))
        return node

    def rows(self, name: str, each: Fraction) -> int:
        rows = self.step_frames * each
        if rows.denominator > 1:
            multiple = each.denominator
            raise StreamError(
                f"{name}: makes {each.numerator} frames of {multiple}; take steps of a multiple of {multiple} frames, "
                f"not of {self.step_frames}."
            )
        return int(rows)

    def ends_at(self, frames: Frames) -> bool:
        return frames.length + frames.lag == -(-self.length * frames.each.numerator // frames.each.denominator)

    def zero(self, name: str) -> int:
        node = self.whole[name]
        assert isinstance(node, QNode)
        return node.type.zero_point

    def unique(self, name: str) -> str:
        name = name[-80:].lstrip(".")  # with room for what makes it the only one
        taken, count = name, 2
        while symbol(taken) in self.symbols:
            taken, count = f"{name}_{count}", count + 1
        self.symbols.add(symbol(taken))
        return taken

    def keep(self, name: str, node: QNode, output: str, start: bytes | _Past) -> QNode:
        made = QInput(name=self.unique(name), inputs=(), shape=node.shape, type=node.type)
        self.kept_inputs[made.name] = made
        self.kept.append((made.name, output, start))
        return made

    def reaching(self, name: str, back: int, fill: int, x: QNode, lag: int) -> QNode:
        frames = self.times[name]
        assert frames is not None
        past = _Past(name, frames.place, -back - lag, back, fill)
        known = self.pushed.get((x.name, back, past))
        if known is None:
            at = frames.place
            wide = (*x.shape[:at], back + x.shape[at], *x.shape[at + 1 :])
            push = QPush(
                name=self.unique(f"{name}.frames"), inputs=(), shape=wide, type=x.type, axis=at
            )  # fmt: skip
            before = self.keep(f"{name}.past", push, push.name, past)
            known = self.pushed[x.name, back, past] = self.put(replace(push, inputs=(before.name, x.name)))
        return known

    def cut(self, name: str, x: QNode, axis: int, start: int, count: int, by: int = 1) -> QNode:
        rank = len(x.shape)
        starts, steps = [0] * rank, [1] * rank
        starts[axis], steps[axis] = start, by
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        return self.put(
            QSlice(name=name, inputs=(x.name,), shape=shape, type=x.type, start=tuple(starts), step=tuple(steps))
        )


_CAUSAL = (
    "Pad on the left alone, as F.pad(x, ((k - 1) * dilation, 0)) before a convolution without padding, or cut the last "
    "frames off behind it."
)
