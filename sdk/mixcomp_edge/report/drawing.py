"""The page's pictures as SVG shapes, worked out here so that the template only prints them: the network with what reads
what, the arena over the layers' time, and what a layer gets out of an instruction and out of a byte."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log2

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.simulation import LayerCost

ROW, BOX = 34, 24  # pixels from node to node, and of a node's box
LANE = 10  # pixels between the curves of values that wait
LEFT, WIDTH = 130, 330  # of a box
ARENA_WIDTH, ARENA_HEIGHT = 900, 260
ROOF_WIDTH, ROOF_HEIGHT, MARGIN = 640, 260, 46


@dataclass(frozen=True)
class Box:
    """A node: `kind` is what the style colours, the format of its weights or the lack of them."""

    x: int
    y: int
    width: int
    text: str
    kind: str
    title: str


@dataclass(frozen=True)
class Block:
    """A buffer in the arena: the rectangle, and what lies there."""

    x: float
    y: float
    width: float
    height: float
    title: str
    shade: int  # 0 to 5


@dataclass(frozen=True)
class Network:
    boxes: tuple[Box, ...]
    curves: tuple[str, ...]  # SVG paths
    width: int
    height: int


@dataclass(frozen=True)
class ArenaMap:
    blocks: tuple[Block, ...]
    steps: int
    nbytes: int
    width: int = ARENA_WIDTH
    height: int = ARENA_HEIGHT


@dataclass(frozen=True)
class Point:
    """A layer."""

    x: float
    y: float
    kind: str  # as a Box has it
    title: str


@dataclass(frozen=True)
class Tick:
    at: float  # pixels along the axis
    text: str


@dataclass(frozen=True)
class Roofline:
    """Both axes logarithmic, of base 2; `roof`: where the best layer lies."""

    points: tuple[Point, ...]
    columns: tuple[Tick, ...]  # MAC a byte
    rows: tuple[Tick, ...]  # MAC an instruction
    roof: float
    best: float
    width: int = ROOF_WIDTH
    height: int = ROOF_HEIGHT
    margin: int = MARGIN


def roofline(graph: Graph, layers: tuple[LayerCost, ...]) -> Roofline | None:
    """Layers by MAC an instruction, and by MAC a byte of their weights, of what they read and of what they make."""
    costs = [layer for layer in layers if layer.macs and layer.instructions]
    if not costs:
        return None
    at = [(layer.macs / _traffic(graph, layer), layer.macs / layer.instructions) for layer in costs]
    across = _Axis([x for x, _ in at], MARGIN, ROOF_WIDTH - MARGIN / 2)
    upwards = _Axis([y for _, y in at], ROOF_HEIGHT - MARGIN, MARGIN / 2)
    points = tuple(
        Point(
            across(x),
            upwards(y),
            _box(node, 0).kind if isinstance(node := graph[layer.name], QNode) else "plain",
            f"{layer.name}: {y:.2f} MAC an instruction, {x:.1f} MAC a byte",
        )
        for layer, (x, y) in zip(costs, at, strict=True)
    )
    best = max(y for _, y in at)
    return Roofline(points, across.ticks, upwards.ticks, upwards(best), best)


def _traffic(graph: Graph, layer: LayerCost) -> int:
    node = graph[layer.name]
    values = [n.nbytes for n in (node, *graph.sources(node)) if isinstance(n, QNode) and not n.is_constant]
    return max(1, layer.flash_bytes + sum(values))


class _Axis:
    """Pixels between two ends, over the powers of two that hold all values."""

    def __init__(self, values: list[float], first: float, last: float) -> None:
        self.low, self.high = floor(log2(min(values))), ceil(log2(max(values)))
        self.high += self.low == self.high
        self.first, self.step = first, (last - first) / (self.high - self.low)

    def __call__(self, value: float) -> float:
        return round(self.first + self.step * (log2(value) - self.low), 1)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        powers = range(self.low, self.high + 1)
        return tuple(Tick(self(2.0**n), str(2**n) if n >= 0 else f"1/{2**-n}") for n in powers)


def network(graph: Graph) -> Network:
    """Nodes below each other in the order in which they run; a value that waits goes round on the left."""
    at = {node.name: i for i, node in enumerate(graph.nodes)}
    boxes = tuple(_box(node, 8 + ROW * i) for i, node in enumerate(graph.nodes) if isinstance(node, QNode))
    curves, lanes = [], list[int]()  # of each lane the row down to which it is taken
    for node in graph.nodes:
        for source in dict.fromkeys(node.inputs):
            a, b = at[source], at[node.name]
            top, bottom = 8 + ROW * a + BOX, 8 + ROW * b
            if b == a + 1:
                curves.append(f"M{LEFT + WIDTH // 2} {top}V{bottom}")
                continue
            lane = next((i for i, taken in enumerate(lanes) if taken <= a), len(lanes))
            lanes[lane : lane + 1] = [b]
            x = LEFT - 12 - LANE * (lane % 10)
            curves.append(f"M{LEFT} {top - BOX // 2}H{x + 6}Q{x} {top - BOX // 2} {x} {top}V{bottom}"
                          f"Q{x} {bottom + BOX // 2} {x + 6} {bottom + BOX // 2}H{LEFT}")  # fmt: skip
    return Network(boxes, tuple(curves), LEFT + WIDTH + 8, 16 + ROW * len(graph.nodes))


def _box(node: QNode, y: int) -> Box:
    shape = "×".join(map(str, node.shape))
    if isinstance(node, Weighted):
        form = node.weights.codebook.name
        kind = "even" if node.weights.codebook.even else "uneven"
        text = f"{node.name} · {node.op} {form} · {shape} {node.type.dtype}"
        return Box(LEFT, y, WIDTH, text, kind, f"{node.name}: {node.op}, weights {form}, {node.macs:,} MAC")
    kind = "view" if node.is_view else "plain"
    return Box(LEFT, y, WIDTH, f"{node.name} · {node.op} · {shape} {node.type.dtype}", kind, f"{node.name}: {node.op}")


def arena_map(layout: Layout) -> ArenaMap:
    """Bytes from below to above, layers from left to right."""
    steps, nbytes = len(layout.graph.nodes), max(1, layout.arena.total_bytes)
    wide, high = ARENA_WIDTH / steps, ARENA_HEIGHT / nbytes
    blocks = tuple(
        Block(
            round(buffer.first * wide, 2),
            round(ARENA_HEIGHT - (offset + buffer.nbytes) * high, 2),
            round((buffer.last - buffer.first + 1) * wide, 2),
            round(buffer.nbytes * high, 2),
            f"{', '.join(buffer.values) or buffer.name}: {buffer.nbytes:,} B at {offset:,}",
            i % 6,
        )
        for i, (buffer, offset) in enumerate(layout.arena.buffers)
    )
    return ArenaMap(blocks, steps, layout.arena.total_bytes)
