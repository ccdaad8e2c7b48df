"""A whole sequence as the steps of a stream, and what steps made as a whole: how a step form is held against the model
that it was made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mixcomp_edge.errors import StreamError
from mixcomp_edge.ir import ends
from mixcomp_edge.ir.frames import Frames
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import Value
from mixcomp_edge.streaming.derive import StepForm
from mixcomp_edge.streaming.session import started

Run = Callable[[Values], Values]  # each output (N, *shape) of all inputs (N, *shape) of a step's graph


def in_steps(
    form: StepForm, x: Values, run: Run, progress: Callable[[int, int], None] = lambda done, of: None
) -> Values:
    """The outputs (N, *shape) of whole sequences (N, *shape), made in steps: all sequences a step at a time.
    StreamError as of `check_whole`."""
    check_whole(form)
    graph, count = form.graph, -(-form.whole // form.frames)
    sources, sinks = ends.inputs(graph), ends.outputs(graph)
    given = dict(zip(form.inputs, x, strict=True))
    kept = {k.input: np.repeat(started(graph[k.input], k.start)[None], len(x[0]), 0) for k in graph.kept}
    made = []
    for step in range(count):
        read = tuple(
            kept[end.name] if end.kept else _part(given[end.name], form.inputs[end.name], form, step) for end in sources
        )
        values = dict(zip(graph.outputs, run(read), strict=True))
        kept = {k.input: values[k.output] for k in graph.kept}
        made.append(tuple(values[end.name] for end in sinks if not end.kept))
        progress(step + 1, count)
    return tuple(_joined(list(v), f) for v, f in zip(zip(*made, strict=True), form.outputs.values(), strict=True))


def check_whole(form: StepForm) -> None:
    """StreamError where the last frame of a whole sequence, which an output is of, is not the last one of a step."""
    if form.whole % form.frames and any(frames.is_last for frames in form.outputs.values()):
        raise StreamError(
            f"{form.graph.name}: its {form.whole} frames are no whole number of steps of {form.frames}; no step ends "
            "where they do. Take steps that divide them."
        )


def _part(x: Value, frames: Frames | None, form: StepForm, step: int) -> Value:
    """What a step reads of an input; behind the end of the sequence its last frame again."""
    if frames is None:
        return x
    rows = int(form.frames * frames.each)
    wanted = np.minimum(np.arange(step * rows, (step + 1) * rows), frames.length - 1)
    return x.take(wanted, 1 + frames.place)


def _joined(made: list[Value], frames: Frames) -> Value:
    if frames.is_last:
        return made[-1]
    axis = 1 + frames.place
    return np.concatenate(made, axis).take(range(frames.lag, frames.lag + frames.length), axis)
