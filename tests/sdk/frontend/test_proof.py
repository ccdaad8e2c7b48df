"""What was imported is held against the user's model: a planted fault of the importer is an error that names the layer,
and no honest model is refused, however large or small its numbers are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mixcomp_edge import prepare
from mixcomp_edge.errors import ImportMismatch
from mixcomp_edge.frontend.torch_export import BATCH
from mixcomp_edge.frontend.torch_export import importer as front
from mixcomp_edge.frontend.torch_export.calls import torch_shape
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.ir.graph import Window
from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.train import quantized_model

MAP = (3, 8, 8)


class Net(nn.Module):
    """Three layers, of which the second holds a function."""

    def __init__(self, function=F.relu):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU6())
        self.middle, self.function = nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=2), function
        self.pool, self.fc = nn.AvgPool2d(2, padding=1, count_include_pad=False), nn.Linear(36, 5)

    def forward(self, x):
        y = self.pool(self.function(self.middle(self.stem(x))))
        return F.softmax(self.fc(y.flatten(1)), 1)


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(3)
    return Net()


def data(*shape: int) -> torch.Tensor:
    return torch.randn(24, *(shape or MAP), generator=torch.Generator().manual_seed(5))


# Planted faults


def altered(change):
    """A handler that changes the node that the true one adds."""

    def wrap(handler):
        def wrong(importer, node):
            handler(importer, node)
            name = importer.alias[node].node
            importer.nodes[name] = change(importer.nodes[name])

        return wrong

    return wrap


def dropped(handler):
    """A handler that takes the call for nothing."""

    def wrong(importer, node):
        importer.same(node)

    return wrong


def in_the_order_that_it_lies(handler):
    """A handler of reshapes that takes memory for PyTorch's order."""

    def wrong(importer, node):
        stored = importer.stored(node)
        shape = importer.nodes[stored.node].shape
        plain = placed((BATCH, *shape), tuple(range(len(shape))))
        importer.view(node, stored, plain.reshaped(torch_shape(node)))

    return wrong


def first_weight_doubled(node):
    weight = node.weight.copy()
    weight.flat[0] *= 1 + 1e-6
    return replace(node, weight=weight)


FAULTS = {
    "a dropped activation": ("hardtanh.default", dropped, "aten.hardtanh in module 'stem.2'"),
    "a dropped function": ("relu.default", dropped, "aten.relu in the top module"),
    "a dropped batch norm": ("_native_batch_norm_legit_no_training.default", dropped, "module 'stem.1'"),
    "a batch norm without eps": (
        "_native_batch_norm_legit_no_training.default",
        altered(lambda node: replace(node, gain=node.gain * np.sqrt(1 + 1e-5))),
        "module 'stem.1'",
    ),
    "a dropped bias": ("linear.default", altered(lambda node: replace(node, bias=0 * node.bias)), "layer 'fc'"),
    "a millionth of one weight": ("conv2d.default", altered(first_weight_doubled), "layer 'stem.0'"),
    "other padding": (
        "conv2d.default",
        altered(lambda node: replace(node, window=replace(node.window, padding=(2, 0, 0, 2)))),
        "layer 'stem.0'",
    ),
    "padding that counts": (
        "avg_pool2d.default",
        altered(lambda node: replace(node, count_include_pad=True)),
        "aten.avg_pool2d in module 'pool'",
    ),
    "another pooling": (
        "avg_pool2d.default",
        altered(lambda node: replace(node, window=Window((2, 2), (1, 1)))),
        "aten.avg_pool2d in module 'pool'",
    ),
    "a dropped softmax": ("softmax.int", dropped, "aten.softmax in the top module"),
    "another order of elements": (
        "view.default",
        in_the_order_that_it_lies,
        "aten.view",
    ),
}


@pytest.mark.parametrize(("target", "wrap", "place"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_handler_is_an_error_that_names_the_layer(monkeypatch, net, target, wrap, place):
    monkeypatch.setitem(front.HANDLERS, target, wrap(front.HANDLERS[target]))
    with pytest.raises(ImportMismatch, match="imported wrongly") as caught:
        prepare(net, data(), name="m")
    assert place in str(caught.value)


CASTS = {"int": lambda x: x.int().float(), "bool": lambda x: x.bool().float(), "eight bits": lambda x: x.byte().float()}


@pytest.mark.parametrize("cast", CASTS.values(), ids=CASTS)
def test_a_dropped_cast_is_an_error_that_names_it(monkeypatch, cast):
    monkeypatch.setattr(front, "FLOATS", (*front.FLOATS, torch.int32, torch.uint8, torch.bool))
    with pytest.raises(ImportMismatch, match=r"aten\._to_copy in the top module"):
        prepare(Net(cast), data(), name="m")


def test_an_alias_that_was_missed_is_an_error(monkeypatch, net):
    monkeypatch.setattr("mixcomp_edge.frontend.torch_export.tracing.DROPOUTS", ())

    def change_the_original(y):
        z = F.dropout(y, 0.3, training=False)
        z.mul_(-3)
        return y

    with pytest.raises(ImportMismatch, match="traced differs from the model from module 'pool' on"):
        prepare(Net(change_the_original), data(), name="m")


def test_a_wrong_fold_is_an_error_that_names_the_layer(monkeypatch, net):
    true = quantized_model.simplify

    def wrong(graph):
        folded = true(graph)
        return folded.with_nodes(
            replace(node, bias=node.bias + 1e-3) if node.name == "middle" else node for node in folded.nodes
        )

    monkeypatch.setattr(quantized_model, "simplify", wrong)
    with pytest.raises(ImportMismatch, match=r"an output is .* where the model gives .*: layer 'middle' computes"):
        prepare(net, data(), name="m")


def test_the_graph_that_is_trained_ignores_no_attribute(monkeypatch, net):
    """The forms of training are in the proof, too."""
    from mixcomp_edge.train.operators import forward

    true = forward.dispatch(AvgPool2d)
    forward.register(AvgPool2d, lambda node, inputs: true(replace(node, count_include_pad=True), inputs))
    try:
        with pytest.raises(ImportMismatch, match="module 'pool'"):
            prepare(net, data(), name="m")
    finally:
        forward.register(AvgPool2d, true)


# Models that are not what they seem


class Noisy(Net):
    def forward(self, x):
        return super().forward(x * float(np.random.default_rng().uniform(1, 2)))


class Counting(nn.Module):
    """Remembers its calls in a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.conv, self.calls = nn.Conv2d(3, 4, 1), torch.ones(1, 1, 1, 1)

    def forward(self, x):
        self.calls = self.calls + 1
        return self.conv(x) * self.calls


class ByBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.conv(x) * (2.0 if len(x) == 2 else 1.0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [Noisy(), Counting()])
def test_a_model_that_changes_from_run_to_run_is_told_so(model):
    with pytest.raises(ImportMismatch, match="runs again"):
        prepare(model, data(), name="m")
    if isinstance(model, Counting):
        assert (model.calls == 1).all()


def test_a_model_that_looks_at_the_batch_size_is_an_error():
    with pytest.raises(ImportMismatch, match="when the batch has another size"):
        prepare(ByBatch(), data(), name="m")


# Honest models


def scaled(*factors: float) -> nn.Module:
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(36, 3))
    with torch.no_grad():
        for layer, factor in zip((model[0], model[3], model[6]), factors, strict=True):
            layer.weight *= factor
            layer.bias *= factor
    return model


def shifted_far() -> nn.Module:
    """A batch norm that takes a mean of a million times the deviation away."""
    model = scaled(1, 1, 1)
    with torch.no_grad():
        model[0].bias += 1e4
        model[1].running_mean += 1e4
    return model


def dead() -> nn.Module:
    model = scaled(1, 1, 1)
    with torch.no_grad():
        model[1].bias -= 1e3  # no ReLU passes anything
    return model


def wide_rows() -> nn.Module:
    """Outputs from 1e-9 to 1e9, side by side."""
    model = scaled(1, 1, 1)
    with torch.no_grad():
        model[6].weight *= torch.tensor([1e-9, 1.0, 1e9])[:, None]
        model[6].bias *= torch.tensor([1e-9, 1.0, 1e9])
    return model


class Unweighted(nn.Module):
    """Attention over what came in: sums of large terms behind an exponential, and no weight that could be moved."""

    def forward(self, x):
        y = F.adaptive_max_pool2d(20 * x.abs(), 6)
        return F.relu(F.scaled_dot_product_attention(y, y, y))


class Cancelling(nn.Module):
    """A mean of constants that leaves nothing, in one order of summing, and almost nothing in another."""

    def forward(self, x):
        edge = torch.linspace(-1, 1, 6).reshape(1, 1, 2, 3).expand(len(x), 1, 2, 3)
        return torch.cat([edge, x[:, :1, :2, :3]], 1).mean((2, 3))


HONEST = {
    "large numbers": scaled(1e12, 1e6, 1e8),
    "tiny numbers": scaled(1e-12, 1e-6, 1e-8),
    "large, then tiny": scaled(1e12, 1e-12, 1e-3),
    "a mean far away": shifted_far(),
    "all dead": dead(),
    "rows of all sizes": wide_rows(),
    "without weights": Unweighted(),
    "all taken away by its mean": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.GroupNorm(3, 3)),
    "constants that cancel": Cancelling(),
    "weight norm": nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.ReLU()),
    "spectral norm": nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)), nn.ReLU()),
    "orthogonal": nn.Sequential(nn.Flatten(), nn.utils.parametrizations.orthogonal(nn.Linear(192, 7))),
    "dropout": nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout()),
    "half": Net(lambda x: x.half().float()),
    "bfloat16": Net(lambda x: x.bfloat16().float()),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("model", HONEST.values(), ids=HONEST)
def test_an_honest_model_passes_and_is_left_alone(model, training):
    model.train(training)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes, random, own = [m.training for m in model.modules()], torch.get_rng_state(), set(vars(model))
    x = data()
    given = x.clone()
    prepare(model, x, name="m")
    assert torch.equal(x, given)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert all((parameter.grad == 1).all() for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert set(vars(model)) == own


def test_outputs_that_overflow_float32_agree(monkeypatch):
    monkeypatch.setattr(quantized_model.QuantizedModel, "calibrate", lambda *_: None)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with torch.no_grad():
        model[0].weight.mul_(1e3)
    assert not model(1e37 * data()).isfinite().all()
    prepare(model, 1e37 * data(), name="m")


def test_one_sample_is_enough():
    prepare(Net(), data()[:1], name="m")
