"""One network on one target: built, run, counted, and put beside the peer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mixcomp_edge.bench import NETWORKS
from mixcomp_edge.bench.boards import BoardResult, on_boards
from mixcomp_edge.bench.int8 import compare_int8
from mixcomp_edge.bench.peers import Matched, PeerLayer, match, peer_layers
from mixcomp_edge.ir import ends
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.weighted import Weighted
from mixcomp_edge.simulation import LayerCost, Simulation, measure_core, symbol_bytes
from mixcomp_edge.verification import emulated_core, make_inputs, opened


@dataclass(frozen=True)
class LayerResult:
    """A layer beside the peer's layers that do the same work; their figures are None where there are none."""

    name: str
    op: str
    kind: str  # conv, 1x1, depthwise, dense, pool or the operator
    weights: str
    act_bits: int  # of what the layer writes
    input_bits: int
    macs: int
    instructions: int
    peer_layers: tuple[str, ...]
    peer_instructions: int | None  # int8
    peer_s4_instructions: int | None
    ratio: float | None  # instructions / peer_instructions


@dataclass(frozen=True)
class NetworkResult:
    """A network on a target. Peer figures sum the layers that both run; `peer_left` names the peer's others. The peer
    is CMSIS-NN for MLPerf Tiny's networks, our own int8 build for others."""

    target: str
    model: str
    act_bits: int
    granularity: str  # of the scales: tensor, channel, or plan
    compiler: str
    bit_exact: bool
    instructions: int
    macs: int
    flash_bytes: dict[str, int]  # weights, code, total
    ram_bytes: dict[str, int]  # arena, stack, total
    packing: float  # bytes of weight codes / bytes at 4 bits each
    peer: str
    peer_instructions: int | None
    peer_s4_instructions: int | None
    ratio: float | None
    peer_left: tuple[str, ...]
    boards: tuple[BoardResult, ...]
    layers: tuple[LayerResult, ...]
    symbols: dict[str, int]  # bytes in flash of each function and constant of the image

    def as_dict(self) -> dict[str, Any]:
        """For --json: without the target, which stands above, and the symbols."""
        return {key: value for key, value in asdict(self).items() if key not in ("target", "symbols")}


def measure(
    bundle_file: Path, target: str, act_bits: int, granularity: str, chain_names: tuple[str, ...]
) -> NetworkResult:
    """The result with the compiler that needs the fewest instructions. act_bits and granularity say what the plan's
    default was."""
    results = [_measure(bundle_file, target, act_bits, granularity, name) for name in chain_names]
    return min(results, key=lambda result: (not result.bit_exact, result.instructions))


def _measure(bundle_file: Path, target: str, act_bits: int, granularity: str, chain_name: str) -> NetworkResult:
    with opened(bundle_file, target) as (bundle, layout, project):
        core = emulated_core(project, layout, chain_name)
        try:
            inputs = make_inputs(bundle.graph, 1)
            simulation = measure_core(core, layout, inputs)
            boards = on_boards(core, simulation.model, ends.pack(core.inputs, tuple(value[0] for value in inputs)))
            symbols = symbol_bytes(core.elf)
        finally:
            core.close()
    if simulation.model in NETWORKS:
        matched = match(bundle.graph, peer_layers(simulation.model, target))
    else:
        int8 = compare_int8(bundle_file, simulation, chain_name=chain_name).int8
        matched = Matched("our int8", {x.name: (PeerLayer(x.op, x.instructions, None),) for x in int8.layers}, ())
    return compare(bundle.graph, simulation, matched, act_bits, granularity, symbols, boards)


def compare(
    graph: Graph,
    simulation: Simulation,
    matched: Matched,
    act_bits: int,
    granularity: str,
    symbols: dict[str, int],
    boards: tuple[BoardResult, ...],
) -> NetworkResult:
    """A simulation beside the peer's layers."""
    layers = tuple(_layer(graph, cost, matched) for cost in simulation.layers)
    rows = [layer for layers in matched.of.values() for layer in layers]
    s8, s4 = _sum(row.s8 for row in rows), _sum(row.s4 for row in rows)
    codes = _code_bytes(graph)
    return NetworkResult(
        target=simulation.target,
        model=simulation.model,
        act_bits=act_bits,
        granularity=granularity,
        compiler=simulation.compiler,
        bit_exact=simulation.bit_exact,
        instructions=simulation.instructions,
        macs=simulation.macs,
        flash_bytes=simulation.flash_bytes,
        ram_bytes=simulation.ram_bytes,
        packing=round(1 + (simulation.flash_bytes["weights"] - _constant_bytes(graph) - codes) / codes, 4),
        peer=matched.peer,
        peer_instructions=s8,
        peer_s4_instructions=s4,
        ratio=_ratio(simulation.instructions, s8),
        peer_left=tuple(layer.name for layer in matched.left),
        boards=boards,
        layers=layers,
        symbols=symbols,
    )


def _layer(graph: Graph, cost: LayerCost, matched: Matched) -> LayerResult:
    node = graph[cost.name]
    source = graph.sources(node)[0]
    assert isinstance(node, QNode)
    assert isinstance(source, QNode)
    rows = matched.of.get(cost.name, ())
    s8, s4 = _sum(row.s8 for row in rows), _sum(row.s4 for row in rows)
    return LayerResult(
        cost.name, cost.op, node.kind, cost.weights, cost.act_bits, source.type.bits, cost.macs, cost.instructions,
        tuple(row.name for row in rows), s8, s4, _ratio(cost.instructions, s8),
    )  # fmt: skip


def _sum(counts: Iterable[int | None]) -> int | None:
    """None where nothing is counted, or not all of it."""
    known = list(counts)
    return sum(n for n in known if n is not None) if known and None not in known else None


def _ratio(ours: int, theirs: int | None) -> float | None:
    return round(ours / theirs, 4) if theirs else None


def _code_bytes(graph: Graph) -> float:
    """Bytes of all weight codes."""
    weights = [node.weights for node in graph.nodes if isinstance(node, Weighted)]
    return sum(held.codes.size * held.bits for held in weights) / 8


def _constant_bytes(graph: Graph) -> int:
    """Bytes of biases, multipliers and tables, which the layout counts among the weights."""
    nodes = [node for node in graph.nodes if isinstance(node, QNode)]
    biases = sum(node.weights.bias.nbytes for node in nodes if isinstance(node, Weighted))
    return biases + sum(array.values.nbytes for node in nodes for array in node.constants)
