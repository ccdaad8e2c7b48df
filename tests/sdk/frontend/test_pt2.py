"""Archives of torch.export become modules for any number of samples. Judge: the module that was exported."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mixcomp_edge.frontend.pt2 import Pt2Module, prove
from mixcomp_edge.train.quantized_model import prepare
from mixcomp_edge.train.tasks import load_task
from mixcomp_edge.train.tasks.source import Source

SHAPE = (3, 8, 6)


class Net(nn.Module):
    """Reshapes that hold the batch, a residual, two inputs and two outputs."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4 * 48, 5)
        self.gate = nn.Linear(2, 4)

    def forward(self, image, state):
        x = self.stem(image)
        x = x + x * self.gate(state).view(image.shape[0], 4, 1, 1)
        return {"scores": self.head(x.reshape(x.shape[0], -1)), "state": self.gate(state)}


def archive(path, batch=1):
    torch.manual_seed(0)
    net = Net().eval()
    net.stem[1].running_var.uniform_(0.5, 2)
    torch.export.save(torch.export.export(net, (torch.zeros(batch, *SHAPE), torch.zeros(batch, 2))), path)
    return net


def test_an_archive_computes_what_the_module_did_for_any_number_of_samples(tmp_path):
    for batch in (1, 3):
        net = archive(tmp_path / "m.pt2", batch)
        module = Pt2Module(tmp_path / "m.pt2")
        x = (torch.randn(5, *SHAPE), torch.randn(5, 2))
        got, expected = module(*x), net(*x)
        assert list(got) == ["scores", "state"]
        for name, value in expected.items():
            torch.testing.assert_close(got[name], value)
        assert prove(module, list(x)) == "torch"
    assert module.input_shapes == {"image": SHAPE, "state": (2,)}


def test_layers_keep_the_names_of_their_weights_and_data_comes_by_name(tmp_path):
    archive(tmp_path / "m.pt2")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", image=rng.normal(size=(40, 8, 6, 3)), state=rng.normal(size=(40, 2)))
    task = load_task(str(tmp_path / "m.pt2"), Source(data=tmp_path / "d.npz"))
    model = prepare(task.model, task.calibration, name="net")
    assert sorted(model.macs) == ["gate", "gate_1", "head", "stem.0"]


def test_a_pickled_module_is_taken_on_trust(tmp_path):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(96, 2))
    torch.save(net, tmp_path / "m.pt")
    task = load_task(str(tmp_path / "m.pt"), Source(no_data=True, input_shape=SHAPE, trust=True))
    x = torch.randn(2, *SHAPE)
    torch.testing.assert_close(task.model(x), net.eval()(x))
