"""torch's own recurrent layers: the float graph computes what they do, whatever their layers, directions and states."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mixcomp_edge import QuantPlan, Recipe
from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model, import_program
from mixcomp_edge.train.quantized_model import QuantizedModel
from support.same_function import assert_same_function, kinds

LAYERS = {
    "gru": lambda **s: nn.GRU(6, 5, **s),
    "lstm": lambda **s: nn.LSTM(6, 5, **s),
    "rnn": lambda **s: nn.RNN(6, 5, **s),
    "rnn of relu": lambda **s: nn.RNN(6, 5, nonlinearity="relu", **s),
}
SETTINGS = {
    "one layer": {},
    "no bias": {"bias": False},
    "both directions": {"bidirectional": True},
}
MOST = {"num_layers": 2, "bidirectional": True}


class Read(nn.Module):
    """(N, T, 6) through a recurrent layer; `read` says what of its results, of which LSTM's state is h alone, or of its
    outputs and its cell."""

    def __init__(self, layer: nn.Module, read, given=None, *, cell: bool = False) -> None:
        super().__init__()
        self.layer, self.read, self.given, self.state = layer, read, given, int(cell)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.layer.batch_first else x.transpose(0, 1)
        y, last = self.layer(x) if self.given is None else self.layer(x, self.given(x))
        last = last[self.state] if isinstance(last, tuple) else last
        return self.read(y if self.layer.batch_first else y.transpose(0, 1), last)


@pytest.mark.parametrize(
    ("layer", "settings"),
    [*((LAYERS["gru"], settings) for settings in SETTINGS.values()), *((layer, MOST) for layer in LAYERS.values())],
)
def test_a_recurrent_layer_is_that_of_torch(layer, settings):
    batch_first = "bias" not in settings
    assert_same_function(Read(layer(**settings, batch_first=batch_first), lambda y, last: y), (7, 6))


READ = {
    "the last state": lambda y, last: last[-1],
    "the states of both directions": lambda y, last: torch.cat((last[-2], last[-1]), 1),
    "all last states": lambda y, last: last.transpose(0, 1),
    "the last output": lambda y, last: y[:, -1],
    "the mean": lambda y, last: y.mean(1),
}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_its_results_are_read_as_torch_gives_them(read):
    assert_same_function(Read(nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True), read), (4, 6))


CELLS = {
    "the last one": lambda y, c: c[-1],
    "all, beside the outputs": lambda y, c: torch.cat((y.flatten(1), *c), 1),
    "as torch gives them": lambda y, c: c,
}


@pytest.mark.parametrize("read", CELLS.values(), ids=CELLS)
def test_cells_are_read_as_torch_gives_them(read):
    given = (lambda x: (_computed(x), 20 * _computed(x))) if read is CELLS["as torch gives them"] else None
    layer = nn.LSTM(6, 5, 1 if given else 2, bidirectional=True, batch_first=True)
    assert_same_function(Read(layer, read, given, cell=True), (4, 6))


class Whole(nn.Module):
    """States go in and come out, the samples first."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(6, 5, 2, batch_first=True)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
        y, (h_n, c_n) = self.layer(x, (h.transpose(0, 1), c.transpose(0, 1)))
        return {"y": y, "h_n": h_n.transpose(0, 1), "c_n": c_n.transpose(0, 1)}


def test_states_that_go_in_and_come_out_have_the_names_that_the_model_gives_them():
    graph = import_model(Whole().eval(), ((4, 6), (2, 5), (2, 5)), "m")
    assert [node.name for node in graph.inputs] == ["x", "h", "c"]
    assert {name: graph[node].shape for name, node in graph.outputs.items()} == {
        "y": (5, 4), "h_n": (5, 2), "c_n": (5, 2),
    }  # fmt: skip


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_layer_that_is_the_whole_model_gives_its_states_as_torch_does(layer):
    torch.manual_seed(2)
    model, x = layer(6, 5, 2, bidirectional=True, batch_first=True).eval(), torch.randn(3, 4, 6)
    imported = import_program(model, (4, 6), "m")
    graph = QuantizedModel(
        imported.graph, QuantPlan(), Recipe(), input_positive=False, structure=imported.structure
    )  # fmt: skip
    with torch.no_grad(), graph.floating():
        found, expected = tree_leaves(graph(x)), tree_leaves(model(x))
    assert [y.shape for y in found] == [y.shape for y in expected]
    assert max((a - b).abs().max() for a, b in zip(found, expected, strict=True)) <= 1e-4


def _computed(x: Tensor) -> Tensor:
    return torch.tanh(x[:, :2, :5]).transpose(0, 1).contiguous()


def _constant(x: Tensor) -> Tensor:
    return torch.linspace(-1, 1, 10).reshape(2, 1, 5).expand(2, x.shape[0], 5)


@pytest.mark.parametrize(
    ("layer", "given"),
    [(LAYERS["gru"], _constant), (LAYERS["gru"], _computed), (LAYERS["lstm"], _computed)],
    ids=["constant", "computed", "computed, and the cell"],
)
def test_the_first_state_may_be_given(layer, given):
    made = layer(num_layers=2, batch_first=True)
    states = (lambda x: (given(x), 2 * given(x))) if isinstance(made, nn.LSTM) else given
    assert_same_function(Read(made, lambda y, last: y, states), (7, 6))


def test_each_layer_and_direction_is_a_convolution_and_a_recurrence_named_after_its_weights():
    model = Read(nn.GRU(6, 5, 2, bidirectional=True, batch_first=True), lambda y, last: y)
    names = [n.name for n in import_model(model.eval(), (4, 6), "m").nodes if n.op in ("conv2d", "gru")]
    parts = [f"{what}_l{layer}{way}" for layer in (0, 1) for way in ("", "_reverse") for what in ("ih", "hh")]
    assert names == [f"layer.{part}" for part in parts]
    assert kinds(model, (4, 6)).count("gru") == 4


class Cells(nn.Module):
    """Three steps written out."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("cell", [nn.GRUCell(6, 5), nn.LSTMCell(6, 5), nn.RNNCell(6, 5)], ids=["gru", "lstm", "rnn"])
def test_a_cell_called_step_by_step_is_what_it_is_made_of(cell):
    assert_same_function(Cells(cell), (3, 6))


REFUSED = {
    "the samples as steps": (Read(nn.GRU(6, 5), lambda y, last: y.transpose(0, 1)), "whose steps are the samples"),
    "projections": (Read(nn.LSTM(6, 5, proj_size=3, batch_first=True), lambda y, last: y), "leave out proj_size"),
}


@pytest.mark.parametrize(("model", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(model, reason):
    if "samples" in reason:
        model.forward = lambda x: model.layer(x)[0]
    with pytest.raises(UnsupportedError, match=reason):
        import_model(model.eval(), (7, 6), "m")
