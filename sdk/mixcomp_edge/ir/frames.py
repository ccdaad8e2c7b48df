"""Time in a graph, for the step form of a model, SPEC.md 7.1: how the frames of a whole sequence lie in each value, and
what a node asks of whoever makes the nodes of a step for it.

A step takes so many frames more and gives what these add to each value. What a window reaches back to is kept from
one step to the next: a node asks for it with `reaching`. A node whose frames need later ones, or all, is refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mixcomp_edge.errors import StreamError
from mixcomp_edge.ir.graph import Graph, Shape, Window

if TYPE_CHECKING:
    from mixcomp_edge.ir.nodes import QNode

CUT_IT = "Pad on the left alone (F.pad(x, (k - 1, 0)) before a convolution without padding), or cut what is too much."


@dataclass(frozen=True)
class Frames:
    """A value over time. `axis`: along which its frames lie; None: it is of the last frame alone. `length`: frames of
    the whole sequence, `each`: for one frame of the model's input. Steps make frame i of the whole sequence as frame
    i + lag. The first `good` frames do not depend on where the sequence ends; others do because of the node `late`."""

    axis: int | None
    length: int
    each: Fraction
    good: int
    lag: int = 0
    late: str = ""

    @property
    def place(self) -> int:
        """The axis of what has frames."""
        assert self.axis is not None
        return self.axis

    @property
    def is_last(self) -> bool:
        return self.axis is None


class Steps(ABC):
    """Whoever makes the step form of the graph `whole`, and what it knows of its nodes' values."""

    whole: Graph

    @abstractmethod
    def frames(self, name: str) -> Frames | None:
        """Of the value of a node of the whole graph; None for one that is the same at all times."""

    @abstractmethod
    def source(self, name: str) -> QNode:
        """The node of the step that makes it."""

    @abstractmethod
    def put(self, node: QNode) -> QNode:
        """The node, as one of the step."""

    @abstractmethod
    def rows(self, name: str, each: Fraction) -> int:
        """Frames a step, where there are so many for one of the input. StreamError where that is no whole number."""

    @abstractmethod
    def reaching(self, name: str, back: int, fill: int, x: QNode, lag: int) -> QNode:
        """The frames of a value that a step makes in node x, with a lag, behind `back` earlier ones. fill: what stands
        in all elements of frames before the first one."""

    @abstractmethod
    def cut(self, name: str, x: QNode, axis: int, start: int, count: int, by: int = 1) -> QNode:
        """Indices start, start + by, … along an axis, as the value of a node of that name."""

    @abstractmethod
    def keep(self, name: str, node: QNode, output: str, start: bytes) -> QNode:
        """An input like a node, with the value that an output of that name had a step ago. start: its first bytes."""

    @abstractmethod
    def ends_at(self, frames: Frames) -> bool:
        """Whether the last frame of the whole sequence is the last one of a step."""

    @abstractmethod
    def zero(self, name: str) -> int:
        """The integer that stands for 0 in a value."""

    @abstractmethod
    def unique(self, name: str) -> str:
        """A name that no node of the step has."""

    def refused(self, node: QNode, why: str, remedy: str) -> StreamError:
        return StreamError(
            f"{node.name}: {node.title or node.op} {why}: {self.whole.name} cannot run frame by frame. {remedy}"
        )

    def delayed(self, node: QNode, name: str, by: int, fill: int) -> QNode:
        """The node of the step that makes a value so many frames late."""
        if by == 0:
            return self.source(name)
        frames = self.frames(name)
        assert frames is not None
        wide = self.reaching(name, by, fill, self.source(name), frames.lag)
        return self.cut(self.unique(f"{node.name}.late"), wide, frames.place, 0, wide.shape[frames.place] - by)

    def apart(self, node: QNode) -> tuple[QNode, Frames | None]:
        """A node each of whose frames is made of the same frame of what it reads."""
        known = [self.frames(name) for name in node.inputs]
        moving = [(which, f) for which, f in enumerate(known) if f is not None and not f.is_last]
        if not moving:
            read = tuple(self.source(name).name for name in node.inputs)
            return self.put(replace(node, inputs=read)), next((f for f in known if f is not None), None)
        axes = {node.carried(which, f.place, self.whole[node.inputs[which]].shape) for which, f in moving}
        if len(axes) > 1 or None in axes:
            raise self.refused(node, node.mixes, node.stream_remedy)
        (axis,) = axes
        first, lag = moving[0][1], max(f.lag for _, f in moving)
        assert axis is not None
        if any((f.length, f.each) != (first.length, first.each) for _, f in moving):
            raise self.refused(node, "joins values of different rates or lengths", "Give both the same strides.")
        late = min((f for _, f in moving), key=lambda f: f.good)
        names = []
        for which, name in enumerate(node.inputs):
            f = known[which]
            if f is None and self._varies(node, which, axis):
                raise self._of_places(node, name)
            if f is not None and f.is_last:
                raise self.refused(node, f"reads the last frame ('{name}') at all others", node.stream_remedy)
            names.append((self.delayed(node, name, lag - f.lag, self.zero(name)) if f else self.source(name)).name)
        rows = self.rows(node.name, first.each)
        made = replace(node.of_size(axis, rows), inputs=tuple(names))
        frames = Frames(axis, first.length, first.each, late.good, lag, late.late)
        return self.put(made), frames

    def _of_places(self, node: QNode, name: str) -> StreamError:
        why = f"reads '{name}', which differs from frame to frame, at places of the whole sequence"
        return self.refused(node, why, "Leave out positions, or give them as an input.")

    def _varies(self, node: QNode, which: int, axis: int) -> bool:
        """Whether an operand that is the same at all times has more than one frame along the axis of the value."""
        shape = self.whole[node.inputs[which]].shape
        return any(size > 1 and node.carried(which, at, shape) == axis for at, size in enumerate(shape))

    def windowed(self, node: Any, fill: int) -> tuple[QNode, Frames | None]:
        """A node with a `window` over its first input; a second one, of the same shape, meets what it makes."""
        name = node.inputs[0]
        frames, window = self.frames(name), node.window
        if frames is None or frames.is_last:
            return self.apart(node)
        axis, rank = frames.place, len(node.shape)
        if axis == rank - 1:
            if node.carried(0, axis, self.whole[name].shape) is not None:
                return self.apart(node)
            raise self.refused(node, "reads all frames as channels", node.stream_remedy)
        way = axis + 3 - rank  # of the window: 0 rows, 1 columns
        before = window.padding[way]
        stride, span = window.stride[way], window.dilation[way] * (window.kernel[way] - 1)
        if 0 < span >= frames.length - 1 and not before:
            raise self.refused(node, "reads all frames at once", node.stream_remedy)
        late = [f for f in map(self.frames, node.inputs[1:]) if f is not None]
        wait = max((late[0].lag - (span - before + frames.lag) // stride) * stride, 0) if late else 0
        phase = (span - before + frames.lag + wait) % stride  # of a window's last row among those of an output
        lag = (span - before + frames.lag + wait) // stride
        if before and frames.lag > 0:
            raise self.refused(node, "pads a value whose first frames come late", "Pad the earlier ones as well.")
        x, back = self.delayed(node, name, wait, fill), span - phase
        if back > 0:
            x = self.reaching(name, back, fill, x, frames.lag + wait)
        elif back < 0:
            x = self.cut(self.unique(f"{node.name}.from"), x, axis, -back, x.shape[axis] + back)
        each, length = frames.each / stride, node.shape[axis]
        rows = self.rows(node.name, each)
        good = max(0, min((frames.good - 1 + before - span) // stride + 1, length))
        made = Frames(axis, length, each, good, lag, "" if good == length else frames.late or node.name)
        read = [x.name]
        for other in node.inputs[1:]:
            f = self.frames(other)
            if f is None:
                raise self._of_places(node, other)
            if (f.axis, f.length, f.each) != (axis, length, each):
                raise self.refused(node, f"adds '{other}', which has other frames", "Give both the same strides.")
            read.append(self.delayed(node, other, lag - f.lag, self.zero(other)).name)
            if f.good < made.good:
                made = replace(made, good=f.good, late=f.late)
        step = replace(node.of_size(axis, rows), inputs=tuple(read), window=_without_padding(window, way))
        return self.put(step), made


def _without_padding(window: Window, way: int) -> Window:
    top, left, bottom, right = window.padding
    return replace(window, padding=(top, 0, bottom, 0) if way else (0, left, 0, right))


def regrouped(shape: Shape, axis: int, other: Shape) -> int | None:
    """The axis of a shape with the same elements whose indices go along that of the first: with as many, or a part or a
    multiple of them, where each then holds more or fewer elements. None where there is none."""
    before, size = _product(shape[:axis]), shape[axis]
    found = [at for at in range(len(other)) if _product(other[:at]) == before]
    found = [at for at in found if size % other[at] == 0 or other[at] % size == 0]
    exact = [at for at in found if other[at] == size]
    if exact:
        return exact[0]
    parts = sorted((at for at in found if other[at] > 1), key=lambda at: -other[at])
    return parts[0] if parts else None


def _product(sizes: Shape) -> int:
    found = 1
    for size in sizes:
        found *= size
    return found
