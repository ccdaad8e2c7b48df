"""Modules without C are quantized in torch: weights in any codebook, operands at 4 or 8 bits, and they still learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, quantize
from mixcomp_edge.errors import PlanError, UnsupportedError
from mixcomp_edge.train.loop.fit import evaluate, fit
from mixcomp_edge.train.networks import Gru
from mixcomp_edge.train.quantized_modules import Value, prepare_modules
from sdk.training.tasks_for_tests import corners


class Net(nn.Module):
    """(N, 3) words -> (N, 4)."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 6)
        self.a, self.b, self.mark = nn.Linear(6, 5), nn.Linear(5, 4), Value()

    def forward(self, x):
        return self.b(torch.relu(self.a(self.embedding(x)))).mean(1) * self.mark(torch.tanh(x[:, :1].float()))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


WORDS = torch.randint(0, 10, (40, 3), generator=torch.Generator().manual_seed(1))


def on_grid(x, step, low, high):
    return np.clip(np.rint(x / step), low, high) * step


def on_codebook(w, quantizer):
    """Each weight's nearest value by trying all of them."""
    values = quantizer.scale()[:, None, None] * quantizer.codebook.values[~np.isnan(quantizer.codebook.values)]
    nearest = np.abs(w[..., None] - values).argmin(-1)
    return np.take_along_axis(np.broadcast_to(values, (*w.shape, values.shape[-1])), nearest[..., None], -1)[..., 0]


def test_the_forward_pass_is_that_of_rounded_weights_and_operands(net):
    model = prepare_modules(net, WORDS, QuantPlan(layers={"b": {"weights": "posit4"}, "embedding": {"act_bits": 8}}))
    w = {p: on_codebook(dict(net.named_modules())[p].weight.detach().numpy().astype(float), model.layer(p).quantizer)
         for p in ("embedding", "a", "b")}  # fmt: skip
    step = {p: float(np.exp(q.log_step.item())) for p, q in model.operands.items()}
    x = on_grid(w["embedding"][WORDS.numpy()], step["a"], -8, 7)
    x = np.maximum(x @ w["a"].T + net.a.bias.detach().numpy(), 0)
    y = (on_grid(x, step["b"], 0, 15) @ w["b"].T + net.b.bias.detach().numpy()).mean(1)
    y = y * on_grid(np.tanh(WORDS[:, :1].numpy()), step["mark"], 0, 15)
    assert_allclose(model(WORDS).detach().numpy(), y, atol=1e-5)


def test_without_quantizers_it_is_the_users_model_which_itself_stays_float(net):
    before = net(WORDS)
    model = prepare_modules(net, WORDS)
    assert not torch.equal(model(WORDS), before)
    with model.floating():
        assert torch.equal(model(WORDS), before)
    assert torch.equal(net(WORDS), before)


def test_macs_count_each_use_of_a_weight_in_one_inference(net):
    assert prepare_modules(net, WORDS).macs == {"embedding": 0, "a": 3 * 30, "b": 3 * 20}


def test_only_the_layer_that_reads_the_input_reads_eight_bits():
    model = prepare_modules(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)), torch.randn(20, 2))
    assert {path: (q.low, q.high) for path, q in model.operands.items()} == {"0": (-128, 127), "2": (0, 15)}


def test_a_family_in_the_plan_becomes_one_of_its_members(net):
    plan = QuantPlan(LayerPlan("posit"))
    model = prepare_modules(net, WORDS, plan, recipe=Recipe(quantizer_uneven="max"))
    assert {model.plan[path].weights for path in model.layers} <= {"posit4", "posit4sc4", "posit4sc8"}
    assert not any(parameter.requires_grad for name, parameter in model.named_parameters() if "log_scale" in name)


@pytest.mark.parametrize("weights", ["fixp4", "posit4"])
def test_quantized_training_learns_and_resumes_to_the_same_weights(weights, tmp_path):
    torch.manual_seed(0)
    task = corners(model=nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3)), exportable=False)
    fit(task.model, task, Recipe(epochs=20, batch_size=20, lr=0.1))
    plan, recipe = QuantPlan(LayerPlan(weights)), Recipe(epochs=6, batch_size=20, lr=0.02)

    def train(listener=None):
        model = prepare_modules(task.model, task.calibration, plan, task.name, recipe)
        return fit(model, task, recipe, checkpoint=tmp_path / "c.ckpt", listener=listener)

    def stop(progress):
        if progress.epoch == 3:
            raise KeyboardInterrupt

    whole = train()
    for file in tmp_path.iterdir():  # the last checkpoint and the one before it
        file.unlink()
    with pytest.raises(KeyboardInterrupt):
        train(stop)
    resumed = train()
    assert evaluate(whole, task, task.test) > 0.9
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.GRU(2, 2)), r"module '1' is a GRU.*linear layers"),
        (nn.Sequential(nn.ReLU()), "nothing to quantize"),
    ],
)
def test_what_cannot_be_quantized_here_is_refused_by_name(model, message):
    with pytest.raises(UnsupportedError, match=message):
        prepare_modules(model, torch.randn(4, 2))


def test_a_plan_for_another_model_is_refused(net):
    with pytest.raises(PlanError, match=r"no layer 'aa'.*embedding, a, b, mark"):
        prepare_modules(net, WORDS, QuantPlan(layers={"aa": {"weights": "posit4"}}))


def test_a_task_without_c_makes_no_bundle():
    with pytest.raises(UnsupportedError, match=r"corners: there is no C.*prepare_modules"):
        quantize(corners(exportable=False))


# The network out of linear layers


def test_the_gru_equals_torchs():
    gru, other = Gru(5, 7), nn.GRU(5, 7, batch_first=True)
    names = {"input.weight": "weight_ih_l0", "state.weight": "weight_hh_l0", "input.bias": "bias_ih_l0",
             "state.bias": "bias_hh_l0"}  # fmt: skip
    gru.load_state_dict({ours: other.state_dict()[theirs] for ours, theirs in names.items()})
    x = torch.randn(3, 6, 5)
    assert torch.allclose(gru(x), other(x)[0], atol=1e-6)
