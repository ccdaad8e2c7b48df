"""The peer's figures, and that no work is compared with other work."""

from __future__ import annotations

import pytest
import torch

from mixcomp_edge import LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.bench import NETWORKS
from mixcomp_edge.bench.peers import PeerLayer, match, peer_layers, peers
from mixcomp_edge.operators.reshape import QReshape
from mixcomp_edge.train.networks import AutoEncoder, DsCnn, MobileNet, ResNet8

SHAPES = {"resnet8": (3, 32, 32), "dscnn": (1, 49, 10), "mobilenet": (3, 96, 96), "autoencoder": (640,)}
CLASSES = {"resnet8": ResNet8, "dscnn": DsCnn, "mobilenet": MobileNet, "autoencoder": AutoEncoder}
# Instructions a MAC of s8 and s4, as published with the figures (two decimals).
A_MAC = {
    ("cortex-m0plus", "resnet8"): (7.80, 9.21), ("cortex-m0plus", "mobilenet"): (11.60, 13.20),
    ("cortex-m3", "dscnn"): (3.97, 5.21), ("cortex-m4", "resnet8"): (2.39, 4.14), ("cortex-m4", "dscnn"): (2.95, 5.26),
    ("cortex-m4", "mobilenet"): (3.30, 5.62), ("cortex-m4", "autoencoder"): (2.19, 5.19),
    ("cortex-m7", "dscnn"): (2.92, 5.28), ("cortex-m33", "mobilenet"): (3.28, 5.61),
    ("cortex-m55", "autoencoder"): (0.56, 0.54),
}  # fmt: skip
MACS = {"resnet8": 12_501_632, "dscnn": 2_656_768, "mobilenet": 7_489_664, "autoencoder": 264_192}


@pytest.fixture(scope="module", params=NETWORKS)
def graph(request):
    """A network with random weights, calibrated on noise."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, x = CLASSES[request.param]().eval(), torch.rand(4, *SHAPES[request.param])
        return convert(prepare(network, x, QuantPlan(LayerPlan(granularity="tensor")), request.param)).graph


@pytest.mark.parametrize(("core", "model"), A_MAC)
def test_the_figures_are_the_published_ones(core, model):
    layers = peer_layers(model, core)
    sums = sum(layer.s8 for layer in layers), sum(layer.s4 for layer in layers)
    # M4's mobilenet is 3.2992 and 5.6209 a MAC.
    assert tuple(round(total / MACS[model], 2) for total in sums) == A_MAC[core, model]


def test_every_layer_with_work_has_its_peer_and_the_peer_keeps_only_the_softmax(graph):
    matched = match(graph, peer_layers(graph.name, "cortex-m4"))
    ours = [node.name for node in graph.nodes[1:] if not isinstance(node, QReshape)]
    assert list(matched.of) == ours
    assert {layer.name.split()[0] for layer in matched.left} <= {"softmax"}
    used = [layer for layers in matched.of.values() for layer in layers]
    assert len(used) + len(matched.left) == len(peers()["layers"][graph.name])


def test_a_convolution_with_a_sum_is_compared_with_both():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        graph = convert(prepare(ResNet8().eval(), torch.rand(2, 3, 32, 32), name="resnet8")).graph
    layers = match(graph, peer_layers("resnet8", "cortex-m4")).of["b3b.conv"]
    assert [layer.name for layer in layers] == ["conv3x3 s1 8x8x64>8x8x64", "add s1 8x8x64>8x8x64"]
    assert sum(layer.s8 for layer in layers) == 4_155_294 + 332_742


def test_a_layer_of_another_shape_has_no_peer(tiny_bundle):
    matched = match(
        tiny_bundle.graph, (PeerLayer("conv3x3 s1 6x6x3>6x6x7", 1, 1), PeerLayer("fc s1 1x1x24>1x1x5", 2, 2))
    )
    assert [layer.name for layers in matched.of.values() for layer in layers] == ["fc s1 1x1x24>1x1x5"]
    assert [layer.name for layer in matched.left] == ["conv3x3 s1 6x6x3>6x6x7"]


def test_nothing_is_known_of_other_networks_and_cores():
    assert peer_layers("digits", "cortex-m4") == ()
    assert peer_layers("resnet8", "cortex-m85") == ()
