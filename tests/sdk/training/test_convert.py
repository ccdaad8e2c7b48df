"""What is trained is what is lowered: codes, scales, types, and the values of every layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from e2e.random_networks import FAMILIES, Network, networks
from mixcomp_edge import LayerPlan, QuantPlan, convert, load_bundle, prepare, save_bundle
from mixcomp_edge.errors import LoweringError, PlanError
from mixcomp_edge.ir import interp
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.dwconv2d import QDwConv2d
from mixcomp_edge.verification import make_inputs

FORMATS = ["fixp4", "posit4", "posit4sc4", "posit4sc8", "posit4e1", "e2m1", "nf4", "lut4", "int8"]


class Small(nn.Module):
    """Convolution, depthwise, residual add, pooling, dense."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.deep = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x).relu()
        x = (self.deep(x) + x).relu()
        return self.fc(x.mean((2, 3)))


def prepared(plan: QuantPlan, low: float = -1.0):
    torch.manual_seed(0)
    model, x = Small(), torch.rand(64, 2, 6, 5) * 2 + low
    return prepare(model, x, plan, "small"), x


def channels_last(weight: torch.Tensor) -> np.ndarray:
    """A weight (O, I) or (O, C, H, W) as rows (O, K) in the order of the graph."""
    return np.moveaxis(weight.detach().numpy(), 1, -1).reshape(len(weight), -1)


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("weights", ["fixp4", "int8"])
def test_weights_that_are_nothing_beside_their_bias_become_0(weights, granularity):
    """Of a network without training, behind many layers: the bias has more steps of the sum than int32."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU6())
    with torch.no_grad():
        model[0].weight *= 1e-5
        model[0].bias.copy_(torch.tensor([3.0, 1e-8, 2.0]))
    x = 1e-5 * torch.rand(32, 4)
    bundle = convert(prepare(model, x, QuantPlan(LayerPlan(weights, granularity=granularity)), "m"))
    assert_allclose(bundle.predict(x.numpy()), np.broadcast_to([3.0, 0.0, 2.0], (32, 3)), atol=0.02)


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("name", FORMATS)
def test_codes_stand_for_the_weights_of_the_module(name, granularity, tmp_path):
    model, _ = prepared(QuantPlan(LayerPlan(name, granularity)))
    bundle = convert(model, {"note": "kept"})
    save_bundle(bundle, tmp_path / "a.mce")
    again = load_bundle(tmp_path / "a.mce")
    assert again.origin["note"] == "kept"
    assert again.origin["plan"]["default"]["weights"] == name
    for layer in ("stem", "deep", "fc"):
        node = again.graph[layer]
        book = model.layer(layer).quantizer.codebook
        assert node.weights.codebook == book
        assert name == "lut4" or book == codebook(name)
        rows = channels_last(model.layer(layer).weight)
        codes = node.weights.codes.T if isinstance(node, QDwConv2d) else node.weights.codes
        scale = model.layer(layer).quantizer.scale()
        assert scale.size == (len(rows) if granularity == "channel" else 1)
        assert len(node.weights.requant.multiplier) == scale.size
        assert node.weights.codebook.name == name
        assert_allclose(book.decode(codes, scale), channels_last(model.weight(layer)), rtol=1e-4, atol=1e-7)
        assert np.abs(book.decode(codes, scale) - rows).max() < np.abs(rows).max()


def test_levels_above_sixteen_bits_are_refused_by_the_layers_name():
    model, _ = prepared(QuantPlan(layers={"deep": {"weights": "posit4e2"}}))
    with pytest.raises(LoweringError, match=r"deep.*posit4e2"):
        convert(model)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"stam": {"weights": "fixp4"}}, r"no layer 'stam'. Did you mean 'stem'\?"),
        ({"add": {"weights": "fixp4"}}, "'add' is a add and has no weights"),
        ({"stem": {"weigths": "fixp4"}}, "layer 'stem'"),
        ({"stem": {"weights": "fixp5"}}, "layer 'stem'.*fixp5"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(layers, message):
    with pytest.raises(PlanError, match=message):
        prepared(QuantPlan(layers=layers))


@pytest.mark.parametrize("act_bits", [4, 8])
def test_types_follow_the_plan_and_the_signs(act_bits):
    graph = convert(prepared(QuantPlan(LayerPlan(act_bits=act_bits), {"stem": {"act_bits": 12 - act_bits}}))[0]).graph
    dtypes = {node.name: node.type.dtype for node in graph.nodes}
    assert dtypes["input"] == "u8"
    assert dtypes["stem"] == f"u{12 - act_bits}"
    assert dtypes["deep"] == f"s{act_bits}"
    assert dtypes["add"] == f"u{act_bits}"
    assert dtypes["fc"] == "s8"  # the output is wide


@pytest.mark.parametrize("low", [-1.0, 0.0])
@pytest.mark.parametrize("act_bits", [4, 8])
def test_each_layer_of_integers_is_that_of_the_fake_quantized_module(act_bits, low):
    """From the same inputs, each layer differs by a step at most, where a sum falls within rounding of a tie."""
    model, x = prepared(QuantPlan(LayerPlan(act_bits=act_bits)), low)
    graph = convert(model).graph
    fake = {}
    with torch.no_grad():
        model.run(x, lambda name, value: fake.update({name: model.quantizer(model.owner[name])(value).numpy()}))
    codes = {}
    for node in graph.nodes:
        q = np.rint(np.moveaxis(fake[node.name], 1, -1) / node.type.scale).astype(np.int64) + node.type.zero_point
        codes[node.name] = q.reshape(len(x), *node.shape)
    for node in graph.nodes[1:]:
        types = [source.type for source in graph.sources(node)]
        steps = codes[node.name] - node.evaluate([codes[name] for name in node.inputs], types)
        assert np.abs(steps).max() <= 1
        # The output's step is finer than the accumulator's here, so the rounded bias alone moves some elements.
        assert np.mean(steps == 0) > (0.6 if node.name == graph.output else 0.95)


def test_quantized_outputs_stay_near_the_float_models():
    model, x = prepared(QuantPlan(LayerPlan(act_bits=8)))
    with torch.no_grad():
        quantized = model(x)
        with model.floating():
            floats = model(x)
    error = (quantized - floats).square().mean().sqrt() / floats.std()
    assert 0 < error < 0.3


@pytest.mark.parametrize("family", FAMILIES)
def test_inputs_in_batches_give_what_they_give_together(family):
    @settings(max_examples=8)
    @given(network=networks(family))
    def check(network: Network):
        graph = network.bundle().graph
        x = make_inputs(graph, 5, seed=network.seed)
        for batched, together in zip(interp.predict(graph, x, batch_size=2), interp.outputs(graph, x), strict=True):
            assert_array_equal(batched, together)

    check()
