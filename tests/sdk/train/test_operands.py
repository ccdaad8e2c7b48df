"""Recorded operands against the interpreter: the pairs of a sum must make the very value that it computes there."""

from __future__ import annotations

import numpy as np
import pytest

from mixcomp_edge.errors import TaskError
from mixcomp_edge.ir import interp
from mixcomp_edge.numerics.requant import q32
from mixcomp_edge.train import operands


def test_each_recorded_sum_is_an_output_of_its_layer(tiny_bundle):
    """Convolution with padding, strided depthwise convolution and a dense layer after a flatten."""
    graph, random = tiny_bundle.graph, np.random.default_rng(8)
    x = random.integers(0, 256, (5, *graph.nodes[0].shape))
    values = dict(interp.steps(graph, x))
    layers = operands._layers(dict.fromkeys(operands.FORMATS, graph), x, 300)
    assert [layer.op for layer in layers] == ["conv2d", "dwconv2d", "dense"]
    for layer in layers:
        node = graph[layer.layer]
        assert len(layer.x) >= 300
        assert layer.macs == node.macs
        assert layer.parameters == node.weights.codes.size
        outputs = values[layer.layer].reshape(-1, node.shape[-1])  # (positions, channels)
        rows = node.reduction  # (O, K)
        begins = np.flatnonzero(layer.start)
        for begin, end in zip(begins, [*begins[1:], len(layer.x)], strict=True):
            part = slice(begin, end)
            levels = np.array(node.weights.codebook.levels)[layer.codes["fixp4"][part]]
            signed = layer.x_signed & (layer.x[part] >> (layer.x_bits - 1) == 1)
            bits = layer.x[part].astype(int) - (signed.astype(int) << layer.x_bits)
            channels = [o for o in range(len(rows)) if np.array_equal(rows[o], levels)]
            assert channels, "codes of no output channel"
            made = [
                node.type.zero_point
                + q32(
                    node.weights.bias[o] + np.int64(levels @ bits),
                    np.broadcast_to(node.weights.requant.multiplier.astype(np.int64), len(rows))[o],
                    node.weights.requant.shift,
                )
                for o in channels
            ]
            made = np.clip(made, node.type.low, node.type.high)
            assert any(value in outputs[:, o] for o, value in zip(channels, made, strict=True))


def test_without_reference_weights_recording_says_so(monkeypatch):
    monkeypatch.delenv("MIXCOMP_DATA", raising=False)
    monkeypatch.setattr(operands, "load_task", lambda name: type("T", (), {"warnings": ("random weights.",)}))
    with pytest.raises(TaskError, match=r"operands of resnet8: random weights\. Set MIXCOMP_DATA"):
        operands.record("resnet8", 10)
