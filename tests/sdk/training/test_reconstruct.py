"""Rounding layer by layer: each layer's rows against the best of many roundings, and whole networks against what they
were before."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, Split, Task, prepare, quantize
from mixcomp_edge.train.method import reconstruct as method
from mixcomp_edge.train.method.reconstruct import reconstruct
from sdk.training.tasks_for_tests import corners

LAYERS = {
    "conv2d": (nn.Conv2d(3, 4, 3, stride=2, padding=1), (3, 7, 6)),
    "dilated": (nn.Conv2d(2, 3, (3, 2), dilation=2, padding=(2, 0)), (2, 8, 7)),
    "groups": (nn.Conv2d(4, 6, 3, groups=2), (4, 5, 5)),
    "depthwise": (nn.Conv2d(5, 5, 3, padding=1, groups=5), (5, 6, 6)),
    "one dimension": (nn.Conv1d(3, 4, 3, padding=1), (3, 9)),
    "transposed": (nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1), (3, 5, 4)),
    "transposed groups": (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (4, 5, 4)),
    "dense": (nn.Linear(11, 5), (11,)),
}  # fmt: skip


def samples(shape, count=200, seed=1):
    """Alike within a sample, as pictures are, and not around zero."""
    generator = torch.Generator().manual_seed(seed)
    level = torch.randn(count, *[1] * len(shape), generator=generator)
    return 1.0 + level + 0.3 * torch.randn(count, *shape, generator=generator)


def error(model, network, x):
    """Mean squared error of the layer's sums, not yet rounded themselves."""
    seen = {}
    with torch.no_grad():
        model.run(x, seen.__setitem__)
        [name] = model.macs
        return float((seen[name] - network(x)).square().mean())


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_ends_nearer_to_its_sums_than_by_rounding_to_the_nearest_or_at_random(kind):
    torch.manual_seed(0)
    layer, shape = LAYERS[kind]
    layer.reset_parameters()
    x = samples(shape)
    model = prepare(layer.eval(), x, QuantPlan(LayerPlan(act_bits=8)), "m")
    [name] = model.macs
    nearest = error(model, layer, x)
    part = model.layer(name)
    scale = torch.from_numpy(part.quantizer.scale()).float().reshape(-1, *[1] * (part.weight.dim() - 1))
    start = part.weight.detach().clone()
    others = []
    for _ in range(20):  # half a level up or down
        part.weight.data = start + (torch.rand(start.shape) - 0.5) / 8 * scale
        others.append(error(model, layer, x))
    part.weight.data = start
    reconstruct(model, x)
    assert error(model, layer, x) < 0.75 * nearest
    assert error(model, layer, x) < min(others)
    codes = part.quantizer.codebook.decode(
        part.quantizer.codebook.encode(part.weight.detach().numpy(), part.quantizer.scale()), part.quantizer.scale()
    )
    np.testing.assert_allclose(part.weight.detach().numpy(), codes, rtol=1e-6)  # levels already


class Residual(nn.Module):
    """Ends of both kinds: a sum before its rounding, one of two values, a map read as a row."""

    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b = (nn.Conv2d(c, 6, 3, padding=1) for c in (3, 6, 6))
        self.fc = nn.Linear(6 * 4 * 4, 5)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.b(torch.relu(self.a(x))))
        return self.fc(torch.nn.functional.avg_pool2d(x, 2).flatten(1))


@functools.cache
def once(bits):
    torch.manual_seed(0)
    network, x = Residual().eval(), samples((3, 8, 8))
    model = prepare(network, x, QuantPlan(LayerPlan(act_bits=bits)), "m")
    return copy.deepcopy(model.state_dict()), model, network, x


def prepared(bits=8):
    """As prepare left it."""
    state, model, network, x = once(bits)
    model.load_state_dict(state)
    return model, network, x


def rounded(x):
    """Weights and biases by layer after `reconstruct` on x."""
    model, _, _ = prepared()
    reconstruct(model, x)
    return {
        name: (model.layer(name).weight.detach().clone(), model.layer(name).bias.detach().clone())
        for name in model.macs
    }


def distance(model, network, x):
    with torch.no_grad():
        return float((model(x) - network(x)).square().mean())


@pytest.mark.parametrize("bits", [4, 8])
def test_a_network_ends_nearer_to_its_outputs_also_on_other_samples(bits):
    model, network, x = prepared(bits)
    others = samples((3, 8, 8), seed=2)
    before = [distance(model, network, some) for some in (x, others)]
    reconstruct(model, x)
    assert distance(model, network, x) < 0.5 * before[0]
    assert distance(model, network, others) < 0.7 * before[1]


def test_the_result_is_that_of_the_samples_whatever_is_made_at_a_time(monkeypatch):
    x = samples((3, 8, 8))
    at_once = rounded(x)
    monkeypatch.setattr(method, "PART", 20_000)
    for one, other in zip(at_once.values(), rounded(x).values(), strict=True):
        assert torch.isclose(one[0], other[0]).float().mean() > 0.97
        torch.testing.assert_close(one[1], other[1], rtol=1e-3, atol=1e-3)


def test_rows_that_are_too_long_get_their_bias_alone(monkeypatch):
    model, network, x = prepared()
    before, weights = distance(model, network, x), {name: model.layer(name).weight.clone() for name in model.macs}
    monkeypatch.setattr(method, "LONGEST", 8)
    reconstruct(model, x)
    assert distance(model, network, x) < before
    for name, weight in weights.items():
        assert torch.equal(model.layer(name).weight, weight)


def test_of_large_networks_it_sees_fewer_samples(monkeypatch):
    model, _, x = prepared()
    few = rounded(x[:3])
    monkeypatch.setattr(method, "ELEMENTS", 3 * sum(int(np.prod(node.shape)) for node in model.graph.nodes))
    cut = rounded(x)
    assert all(torch.equal(few[name][0], cut[name][0]) for name in few)


def test_what_feeds_back_or_looks_up_stays():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.gru, self.fc = nn.Embedding(9, 4), nn.GRU(4, 6, batch_first=True), nn.Linear(6, 3)

        def forward(self, x):
            return self.fc(self.gru(self.table(x))[0][:, -1])

    torch.manual_seed(0)
    model = prepare(Words().eval(), torch.randint(0, 9, (50, 5)), QuantPlan(LayerPlan(act_bits=8)), "m")
    before = {name: model.layer(name).weight.clone() for name in model.macs}
    reconstruct(model, torch.randint(0, 9, (50, 5)))
    for name, weight in before.items():
        node = model.graph[name]
        stays = node.feeds_back or not node.macs
        assert torch.equal(model.layer(name).weight, weight) == stays
    assert {node.feeds_back for node in model.graph.nodes if node.name in before} == {False, True}


def test_a_recipe_asks_for_it_also_without_training():
    torch.manual_seed(0)
    network, x = LAYERS["dense"][0].eval(), samples((11,), 300)
    y = network(x).detach()
    task = Task(name="m", model=network, input_shape=(11,), calibration=x[:200], test=Split(x[200:], y[200:]))
    errors = [quantize(task, recipe=Recipe(epochs=0, reconstruct=on)).integer_score for on in (False, True)]
    assert errors[1] < 0.75 * errors[0]


def test_a_run_that_rounds_first_tells_its_layers_and_goes_on_after_a_stop_to_the_same_bytes(tmp_path):
    task = lambda: corners(float_recipe=None, recipe=Recipe(epochs=2, batch_size=60, reconstruct=True))  # noqa: E731
    whole = quantize(task()).bundle.to_bytes()
    plain = quantize(task(), recipe=Recipe(epochs=2, batch_size=60)).bundle.to_bytes()
    assert whole != plain

    def stop(step):
        if step.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(task(), checkpoint=tmp_path / "m", listener=stop)
    heard = []
    assert quantize(task(), checkpoint=tmp_path / "m", listener=heard.append).bundle.to_bytes() == whole
    layers = [(step.step, step.steps) for step in heard if step.stage == "rounded"]
    assert layers == [(i, len(layers)) for i in range(1, len(layers) + 1)]
    assert {step.epoch for step in heard if step.stage == "quantized"} == {1}


def test_channels_that_are_always_zero_harm_nothing():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(4, 3, 3, padding=1).eval(), samples((4, 6, 6))
    x[:, 1] = 0.0
    for some in (x, torch.zeros_like(x)):
        model = prepare(layer, some, QuantPlan(LayerPlan(act_bits=8)), "m")
        reconstruct(model, some)
        assert torch.isfinite(model.layer(next(iter(model.macs))).weight).all()
        assert distance(model, layer, some) < 1e-3
