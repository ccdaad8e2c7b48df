"""The page's pictures as SVG shapes, worked out here so that the template only prints them: the network with what reads
what, and the arena over the layers' time."""

from __future__ import annotations

from dataclasses import dataclass

from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.plan.layout import Layout

ROW, BOX = 34, 24  # pixels from node to node, and of a node's box
LANE = 10  # pixels between the curves of values that wait
LEFT, WIDTH = 130, 330  # of a box
ARENA_WIDTH, ARENA_HEIGHT = 900, 260


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
