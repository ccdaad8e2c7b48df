"""Layout to text: prepares what the Jinja2 templates print. Templates hold no arithmetic, this holds no C."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from mixcomp_edge import __version__
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen import sharing
from mixcomp_edge.codegen.environment import environment
from mixcomp_edge.ir import ends, interp
from mixcomp_edge.ir.c_view import three_axes
from mixcomp_edge.ir.graph import Graph, Shape
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.verify import home, symbol
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.kernels import Kernel
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.streaming import Session

COLUMNS = 110  # of a line of numbers
GOLDEN_STEPS = 8  # of a stream
Ends = tuple[ends.End, ...]


def render_project(models: Sequence[tuple[Bundle, Layout]]) -> dict[str, str]:
    """Path -> text of the generated files of a project with one model or several."""
    contexts, files = [], {}
    for bundle, layout in models:
        jinja = environment_of(layout)
        name = bundle.graph.name
        test = "test/selftest.c" if len(models) == 1 else f"test/selftest_{name}.c"
        contexts.append(context_of(bundle, layout) | {"test": test})
        for path, template in (
            (f"include/mce_{name}.h", "model.h.j2"),
            (f"src/mce_{name}.c", "model.c.j2"),
            (f"src/mce_{name}__weights.h", "weights.h.j2"),
            (test, "selftest.c.j2"),
        ):
            files[path] = jinja.get_template(template).render(contexts[-1])
    context = {"version": __version__, "models": contexts, "kernels": kernels_of(models)}
    for path in ("CMakeLists.txt", "README.md"):
        files[path] = jinja.get_template(f"{path}.j2").render(context)
    return files


def kernels_of(models: Sequence[tuple[Bundle, Layout]]) -> list[Kernel]:
    """The kernels that models call, each once, by name."""
    return sorted({step.kernel for _, layout in models for step in layout.steps}, key=lambda kernel: kernel.name)


def render_image(layout: Layout) -> str:
    """The C file with the emulated image's entry and arena."""
    all_ends = (*ends.inputs(layout.graph), *ends.outputs(layout.graph))
    jinja = environment_of(layout)
    return jinja.get_template("image.c.j2").render(model=layout.graph.name, ends=all_ends, arena=layout.arena)


def environment_of(layout: Layout) -> jinja2.Environment:
    """Jinja2 with what templates of a model ask for."""
    jinja = environment()
    placement = _Placement(layout)
    jinja.filters |= {"numbers": numbers, "dims": dims, "symbol": symbol, "c_float": c_float, "c_text": c_text}
    jinja.filters["pointer"] = placement.pointer
    jinja.filters["shared_name"] = sharing.shared_name
    jinja.globals["placement"] = placement
    return jinja


def context_of(bundle: Bundle, layout: Layout) -> dict[str, Any]:
    """What templates print of a model."""
    graph = bundle.graph
    sources, sinks = ends.callers(ends.inputs(graph)), ends.callers(ends.outputs(graph))
    tables = {}
    for step in layout.steps:
        if isinstance(step.node, Weighted) and step.packed.table:
            book = step.node.weights.codebook
            tables[step.packed.table, book.symbol] = book
    return {
        "version": __version__,
        "sha256": bundle.sha256,
        "model": graph.name,
        "layout": layout,
        "graph": graph,
        "inputs": sources,
        "outputs": sinks,
        "every_end": (*ends.inputs(graph), *ends.outputs(graph)),
        "one_of_each": len(sources) == len(sinks) == 1,
        "prototype": _prototype(graph),
        "stream": stream_of(bundle) if graph.kept else None,
        "classes": bundle.classes,
        "tables": [(tables[key], key[0]) for key in sorted(tables)],
        "kernels": kernels_of([(bundle, layout)]),
        "check": sharing.check(),
        "macs": sum(step.node.macs for step in layout.steps),
        **_golden(graph, sources, sinks),
    }


def _golden(graph: Graph, sources: Ends, sinks: Ends) -> dict[str, list[NDArray[np.uint8]]]:
    """The bytes of each input of the caller and of each output; of a stream those of GOLDEN_STEPS steps."""
    if not graph.kept:
        runs = [golden_vector(graph)]
    else:
        random, session = np.random.default_rng(1), Session(graph)
        xs = [_random(sources, random) for _ in range(GOLDEN_STEPS)]
        runs = [(ends.pack(sources, x), ends.pack(sinks, session.step(x))) for x in xs]
    x, y = ([ends.parts(side, run[i]) for run in runs] for i, side in ((0, sources), (1, sinks)))
    joined = {"golden_x": x, "golden_y": y}
    return {name: [np.frombuffer(b"".join(p), np.uint8) for p in zip(*v, strict=True)] for name, v in joined.items()}


def _prototype(graph: Graph, what: str = "run", before: str = "", *, every: bool = True) -> str:
    sources, sinks = ends.inputs(graph), ends.outputs(graph)
    sources, sinks = (sources, sinks) if every else (ends.callers(sources), ends.callers(sinks))
    parameters = [f"const void *{end.parameter}" for end in sources]
    parameters += [f"void *{end.parameter}" for end in sinks]
    return f"mce_status mce_{graph.name}_{what}({before}void *arena, {', '.join(parameters)})"


def stream_of(bundle: Bundle) -> dict[str, Any]:
    """What templates print of a step of a stream."""
    graph = bundle.graph
    names = [kept.input for kept in graph.kept]
    kept = {end.name: end for end in ends.inputs(graph) if end.kept}
    given = {kept.input: kept.start for kept in graph.kept}
    arguments = [f"state->{end.member}" if end.kept else end.parameter for end in ends.inputs(graph)]
    arguments += [f"state->{end.member}" if end.kept else end.parameter for end in ends.outputs(graph)]
    return {
        "members": [(kept[name], -(-kept[name].node.nbytes // 4) * 4, given[name]) for name in names],
        "id": int(hashlib.sha256(bundle.sha256.encode()).hexdigest()[:8], 16) | 1,  # memory that is all 0 is none
        "prototype": _prototype(graph, "step", f"mce_{graph.name}_state *state, ", every=False),
        "arguments": ", ".join(arguments),
        "steps": GOLDEN_STEPS,
    }


def golden_vector(graph: Graph) -> tuple[bytes, bytes]:
    """One seeded input and the output that the definition gives for it, as bytes in memory; several of a side one
    behind the other."""
    sources, random = ends.inputs(graph), np.random.default_rng(1)
    x = _random(sources, random)
    y = interp.outputs(graph, tuple(value[None] for value in x))
    return ends.pack(sources, x), ends.pack(ends.outputs(graph), y)


def _random(sources: Ends, random: np.random.Generator) -> Values:
    return tuple(random.integers(e.node.ends[0], e.node.ends[1] + 1, e.node.shape) for e in sources)


class _Placement:
    """Which C expression points to a value: a caller's input or output, an array in flash, or a place in the arena."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        graph, one = layout.graph, layout.graph.has_one_of_each
        ends_ = {end.node.name: "x" if one else f"(const uint8_t *){end.parameter}" for end in ends.inputs(graph)}
        ends_ |= {end.node.name: "y" if one else f"(uint8_t *){end.parameter}" for end in ends.outputs(graph)}
        self.callers: dict[str, str] = {}
        for buffer, _ in layout.arena.buffers:
            for value in buffer.values:
                if value in ends_:
                    self.callers |= dict.fromkeys(buffer.values, ends_[value])

    def pointer(self, name: str) -> str:
        node = self.layout.graph[home(self.layout.graph, name)]
        if isinstance(node, QNode) and node.is_constant:
            return f"{symbol(node.name)}_data"
        return self.callers.get(name) or self.at(self.layout.arena.offsets[name])

    def scratch(self, name: str) -> str:
        offset = self.layout.arena.scratch.get(name)
        return "NULL" if offset is None else f"(mce_scratch *)(void *)({self.at(offset)})"

    @staticmethod
    def at(offset: int) -> str:
        return f"a + {offset}" if offset else "a"


def dims(shape: Shape) -> str:
    """A shape as the three numbers h, w, c of mce_tensor."""
    return ", ".join(map(str, three_axes(shape)))


def c_float(value: float) -> str:
    """A C float constant that reads back as the same float32."""
    text = f"{value:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def c_text(text: str) -> str:
    """A C string literal of its UTF-8, in plain ASCII; octal digits are three, so that none behind them joins."""
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"?\\' else f"\\{byte:03o}" for byte in text.encode())
    return f'"{"".join(plain)}"'


def numbers(values: Iterable[Any], form: str = "{}") -> str:
    """An array's entries, in lines that fit a page."""
    lines, line = [], "   "
    for value in np.asarray(values).ravel().tolist():
        entry = f" {form.format(value)},"
        if len(line) + len(entry) > COLUMNS:
            lines.append(line)
            line = "   "
        line += entry
    return "\n".join([*lines, line])
