"""Several inputs and outputs of a module: what they are called, which are refused, and that each is its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import QuantPlan, Recipe, convert, prepare
from mixcomp_edge.errors import ImportMismatch, TaskError, UnsupportedError
from mixcomp_edge.frontend.torch_export import import_model, import_program
from mixcomp_edge.ir import interp
from mixcomp_edge.train import quantized_model
from support.end_models import Cell, Detection, Detector, Encoder, Fusion


class Net(nn.Module):
    """A convolution and what `forward` makes of it and of the input."""

    def __init__(self, forward) -> None:
        super().__init__()
        self.conv, self.made = nn.Conv2d(2, 3, 1), forward

    def forward(self, x):
        return self.made(x, self.conv(x))


def names(function) -> list[str]:
    return list(import_model(Net(function), (2, 4, 4), "m").outputs)


def test_inputs_are_called_like_the_parameters_of_forward_and_outputs_like_what_returns_them():
    graph = import_model(Cell(), ((2, 5, 5), (3,)), "m")
    assert [(node.name, node.shape) for node in graph.inputs] == [("image", (5, 5, 2)), ("state", (3,))]
    assert list(graph.outputs) == ["map", "logits", "state"]
    assert list(import_model(Detector(), (3, 12, 12), "m").outputs) == ["near", "far_boxes", "far_scores"]
    assert list(import_model(Encoder(), (10,), "m").outputs) == ["output_0", "output_1"]


def test_a_lone_input_is_input_and_a_lone_output_is_output_whatever_they_are_called():
    for function in (lambda x, y: y, lambda x, y: (y,), lambda x, y: {"logits": y, "aux": None}):
        graph = import_model(Net(function), (2, 4, 4), "m")
        assert ([node.name for node in graph.inputs], list(graph.outputs)) == (["input"], ["output"])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, y: [y, y + 1], ["output_0", "output_1"]),
        (lambda x, y: (y, {"b": y + 1, "a": [y + 2]}), ["output_0", "output_1_b", "output_1_a_0"]),
        (lambda x, y: {"boxes/near": y, "boxes near": y + 1}, ["boxes_near", "boxes_near_1"]),
        (lambda x, y: {"A": y, "a": y + 1, 7: y + 2}, ["A", "a_1", "7"]),
        (lambda x, y: {"": y, "é": y + 1}, ["_", "__1"]),
    ],
)
def test_names_are_such_as_c_can_take_and_all_differ(function, expected):
    assert names(function) == expected


def test_inputs_behind_a_star_have_numbers():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 2)

        def forward(self, first, *others):
            return self.fc(sum(others, first))

    graph = import_model(Sum(), ((4,),) * 3, "m")
    assert [node.name for node in graph.inputs] == ["first", "input_1", "input_2"]


@pytest.mark.parametrize(
    ("function", "equal"),
    [
        (lambda x, y: (y, y), (0, 1)),
        (lambda x, y: (y, y.mean((2, 3)), y), (0, 2)),
        (lambda x, y: (y.mean((2, 3), keepdim=True), y, y.mean((2, 3), keepdim=True).flatten(1)), (0, 2)),
    ],
)
def test_a_value_that_leaves_twice_has_bytes_of_its_own_each_time(function, equal):
    torch.manual_seed(0)
    x = torch.rand(8, 2, 4, 4)
    graph = convert(prepare(Net(function), x)).graph  # no two outputs of a graph that passed `verify` share bytes
    found = interp.outputs(graph, graph.inputs[0].quantize(np.moveaxis(x.numpy(), 1, -1)))
    first, second = (found[i].reshape(8, -1) for i in equal)
    assert len(np.unique(first)) > 10
    np.testing.assert_array_equal(first, second)
    assert len({*graph.outputs.values()}) == len(graph.outputs)


def test_an_input_may_be_one_of_the_outputs():
    x = torch.rand(8, 2, 4, 4)
    graph = convert(prepare(Net(lambda x, y: {"same": x, "y": y}), x)).graph
    integers = graph.inputs[0].quantize(np.moveaxis(x.numpy(), 1, -1))
    np.testing.assert_array_equal(interp.outputs(graph, integers)[0], integers)


def test_a_choice_may_be_an_output_as_0_and_1():
    x = torch.randn(64, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    above, finite = convert(prepare(Net(lambda x, y: (x > 0.5, y.isfinite().all(1))), x)).predict(x.numpy()).values()
    far = (x - 0.5).abs() > 0.05  # of the bound, which lies between two codes
    np.testing.assert_allclose(above[far], (x > 0.5)[far].numpy(), atol=1e-6)
    np.testing.assert_allclose(finite, 1.0, atol=1e-6)


def test_every_output_is_8_bits_wide_even_where_the_plan_says_4():
    graph = convert(prepare(Cell(), (torch.rand(8, 2, 5, 5), torch.rand(8, 3)))).graph
    assert all(graph[node].type.bits == 8 for node in graph.outputs.values())


def test_the_quantized_model_gives_what_the_model_gives_in_the_same_form():
    torch.manual_seed(0)
    x = torch.rand(16, 3, 12, 12)
    model = Detector().eval()
    quantized = prepare(model, x)
    with torch.no_grad(), quantized.floating():
        expected, found = model(x), quantized(x)
    assert list(found) == ["near", "far", "aux"]
    assert isinstance(found["far"], Detection)
    assert found["aux"] is None
    torch.testing.assert_close(found, expected)


def test_each_input_is_calibrated_by_its_own_data_and_named_data_may_come_in_any_order():
    torch.manual_seed(0)
    image, state = torch.rand(16, 3, 9, 8), 8 * torch.randn(16, 5)
    model = Fusion().eval()
    graphs = [
        convert(prepare(model, data)).graph
        for data in ((image, state), {"state": state, "image": image}, {"image": image.numpy(), "state": state.numpy()})
    ]
    for graph in graphs:
        a, b = graph.inputs
        assert (a.type.zero_point, a.type.scale) == (0, pytest.approx(float(image.max()) / 255))
        assert b.type.zero_point > 64
        assert b.type.scale > 10 * a.type.scale


def test_outputs_that_change_places_on_the_way_are_found_by_the_proof(monkeypatch):
    torch.manual_seed(0)

    class Same(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return self.a(x), self.b(x)

    def crossed(*args):
        imported = import_program(*args)
        outputs = dict(zip(imported.graph.outputs, reversed(imported.graph.outputs.values()), strict=True))
        return replace(imported, graph=replace(imported.graph, outputs=outputs))

    prepare(Same(), torch.randn(8, 4))
    monkeypatch.setattr(quantized_model, "import_program", crossed)
    with pytest.raises(ImportMismatch, match="an output is"):
        prepare(Same(), torch.randn(8, 4))


def test_an_input_that_nothing_reads_is_refused_by_name():
    class Deaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 2)

        def forward(self, x, mask):
            return self.fc(x)

    with pytest.raises(UnsupportedError, match="makes no use of its input 'mask'"):
        import_model(Deaf(), ((4,), (4,)), "m")


def test_an_output_that_depends_on_no_input_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="its output 'anchors' does not depend on the model's inputs"):
        names(lambda x, y: {"y": y, "anchors": torch.arange(8.0).reshape(2, 4)})


def test_names_that_meet_in_c_are_told():
    with pytest.raises(Exception, match="outputs 'box' and 'box_set' have names that meet in C"):
        names(lambda x, y: {"box": y, "box_set": y + 1})


def test_data_that_fits_no_input_is_told():
    with pytest.raises(UnsupportedError, match=r"takes 2 inputs \(image, state\), data is given for 1"):
        prepare(Fusion(), torch.rand(4, 3, 9, 8))
    with pytest.raises(TaskError, match="names the input 'picture'; forward\\(\\) takes image, state"):
        prepare(Fusion(), {"picture": torch.rand(4, 3, 9, 8), "state": torch.rand(4, 5)})
    with pytest.raises(TaskError, match=r"calibration\[1\] has 3 samples, the first input has 4"):
        prepare(Fusion(), (torch.rand(4, 3, 9, 8), torch.rand(3, 5)))


def test_a_plan_names_layers_of_all_branches_but_no_input():
    data = (torch.rand(4, 3, 9, 8), torch.rand(4, 5))
    quantized = prepare(Fusion(), data, QuantPlan(layers={"sensors.0": {"weights": "posit4"}}), recipe=Recipe())
    assert quantized.plan["sensors.0"].weights == "posit4"
    with pytest.raises(Exception, match="no layer 'state'"):
        prepare(Fusion(), data, QuantPlan(layers={"state": {"act_bits": 4}}))
