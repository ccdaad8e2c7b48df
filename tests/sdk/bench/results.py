"""Made-up results, so that what judges them can be judged."""

from __future__ import annotations

from typing import Any

from mixcomp_edge.bench.boards import BoardResult
from mixcomp_edge.bench.measure import LayerResult, NetworkResult


def layer(name: str = "pw", ours: int = 50, theirs: int | None = 100, **changes: Any) -> LayerResult:
    values = {
        "name": name, "op": "conv2d", "kind": "1x1", "weights": "fixp4", "act_bits": 4, "input_bits": 4, "macs": 10,
        "instructions": ours, "peer_layers": ("conv1x1",), "peer_instructions": theirs, "peer_s4_instructions": theirs,
        "ratio": None if theirs is None else ours / theirs,
    }  # fmt: skip
    return LayerResult(**values | changes)


def board(ratio: float = 0.9, chip: str = "stm32l4r5", **changes: Any) -> BoardResult:
    values = {
        "chip": chip, "board": "NUCLEO-L4R5ZI", "cycles": 4000, "stall_cycles": 500, "latency_ms": 43.19 * ratio,
        "bounds_ms": (30.0, 50.0), "published_ms": 43.19, "published_by": "ST, v1.2", "ratio": ratio,
    }  # fmt: skip
    return BoardResult(**values | changes)


def result(*layers: LayerResult, **changes: Any) -> NetworkResult:
    layers = layers or (layer(),)
    ours = sum(x.instructions for x in layers)
    theirs = sum(x.peer_instructions or 0 for x in layers)
    values = {
        "target": "cortex-m4", "model": "dscnn", "act_bits": 4, "granularity": "tensor", "compiler": "gcc 12.2.1",
        "bit_exact": True, "boards": (),
        "instructions": ours, "macs": sum(x.macs for x in layers),
        "flash_bytes": {"weights": 100, "code": 200, "total": 300}, "packing": 1.0,
        "ram_bytes": {"arena": 80, "stack": 20, "total": 100}, "peer": "CMSIS-NN", "peer_instructions": theirs,
        "peer_s4_instructions": theirs, "ratio": ours / theirs, "peer_left": ("softmax s1 1x1x12>1x1x12",),
        "layers": layers, "symbols": {"mce_dscnn_run": 200},
    }  # fmt: skip
    return NetworkResult(**values | changes)
