"""LSTM, GRU and RNN of ONNX files. Judge: onnxruntime, which shares no code with us."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from mixcomp_edge import QuantPlan, convert, prepare  # noqa: E402
from mixcomp_edge.errors import ModelFileError, UnsupportedError  # noqa: E402
from mixcomp_edge.frontend.onnx import OnnxModule, prove  # noqa: E402
from sdk.frontend.test_onnx import floats, judged, node, save  # noqa: E402

STEPS, SIZE, HIDDEN = 5, 4, 3
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
BEFORE = {"GRU": {"linear_before_reset": 1}}


def file(path, kind, way="forward", *, layout=0, bias=True, states=False, read="Y", **attributes):
    """x (2, STEPS, SIZE) through a layer; it gives its outputs, or its last states."""
    ways, rows = (2 if way == "bidirectional" else 1), GATES[kind] * HIDDEN
    constants = {"w": floats(ways, rows, SIZE), "r": floats(ways, rows, HIDDEN)}
    constants |= {"b": floats(ways, 2 * rows)} if bias else {}
    given = []
    if states:
        shape = (1, ways, HIDDEN) if layout else (ways, 1, HIDDEN)
        repeats = (2, 1, 1) if layout else (1, 2, 1)
        given = ["h", "c"][: 1 + (kind == "LSTM")]
        constants |= {name: np.tile(floats(*shape), repeats) for name in given}
    outputs = ["Y", "Y_h", "Y_c"][: 2 + (kind == "LSTM")]
    source = ["x"] if layout else ["turned"]
    turned = [] if layout else [onnx.helper.make_node("Transpose", ["x"], ["turned"], name="turn", perm=[1, 0, 2])]
    settings = {"hidden_size": HIDDEN, "direction": way, **({"layout": 1} if layout else {}), **attributes}
    layer = onnx.helper.make_node(
        kind, [*source, "w", "r", "b" if bias else "", "", *given], outputs, name="layer", **settings
    )
    back = {("Y", 0): [2, 0, 1, 3], ("Y", 1): [0, 1, 2, 3]}.get((read, layout), [0, 1, 2] if layout else [1, 0, 2])
    return save(path, [*turned, layer, node("Transpose", read, perm=back)], constants, (2, STEPS, SIZE))


CASES = [
    ("LSTM", {"way": "bidirectional"}),
    ("LSTM", {"states": True, "read": "Y_c"}),
    ("GRU", {"way": "reverse", "states": True}),
    ("GRU", {"way": "bidirectional", "bias": False, "read": "Y_h"}),
    ("RNN", {"way": "bidirectional", "activations": ["Relu", "Relu"]}),
    ("RNN", {"way": "reverse", "read": "Y_h"}),
]


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_a_recurrent_layer_computes_what_onnxruntime_computes(tmp_path, kind, how):
    path = file(tmp_path / "net.onnx", kind, **BEFORE.get(kind, {}), **how)
    x = floats(2, STEPS, SIZE)
    module = OnnxModule(path)
    (expected,) = judged(path, x)
    assert np.abs(module(torch.from_numpy(x)).numpy() - expected).max() <= 1e-5
    assert prove(module, [torch.from_numpy(x)]) == "onnxruntime"


def test_a_file_of_torchs_exporter_becomes_integers(tmp_path):
    path = tmp_path / "net.onnx"

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = (
                nn.LSTM(SIZE, HIDDEN, 2, batch_first=True, bidirectional=True),
                nn.Linear(2 * HIDDEN, 2),
            )

        def forward(self, x):
            return self.out(self.rnn(x)[0][:, -1])

    sizes = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    torch.onnx.export(Net().eval(), (torch.zeros(1, STEPS, SIZE),), path, dynamo=False, **sizes)
    module, x = OnnxModule(path), torch.randn(16, STEPS, SIZE)
    assert prove(module, [x]) == "onnxruntime"
    graph = convert(prepare(module, x, QuantPlan(), "net")).graph
    assert [n.op for n in graph.nodes].count("lstm") == 4


@pytest.mark.parametrize(("what", "shape"), [("w", (1, 12, 9)), ("r", (1, 11, 3)), ("b", (1, 26)), ("h", (2, 1, 3))])
def test_weights_and_states_of_other_shapes_are_refused(tmp_path, what, shape):
    path = file(tmp_path / "net.onnx", "LSTM", states=True)
    model = onnx.load(path)
    (entry,) = (entry for entry in model.graph.initializer if entry.name == what)
    entry.CopyFrom(onnx.numpy_helper.from_array(floats(*shape), what))
    onnx.save(model, path)
    with pytest.raises((UnsupportedError, ModelFileError)):
        OnnxModule(path)


REFUSED = [
    ("GRU", {}, "a reset before the product"),
    ("LSTM", {"activations": ["Sigmoid", "Relu", "Tanh"]}, "the activations Sigmoid, Relu, Tanh"),
    ("RNN", {"clip": 1.0}, "a clip"),
]


@pytest.mark.parametrize(("kind", "how", "message"), REFUSED)
def test_what_torch_has_not_is_refused_by_name(tmp_path, kind, how, message):
    with pytest.raises(UnsupportedError, match=message):
        OnnxModule(file(tmp_path / "net.onnx", kind, **how))
