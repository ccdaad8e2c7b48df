"""Every network of the tasks, written as ONNX by both exporters of torch, comes back as what torch computes, with names
that a plan can use, and as the same bits where the exporter left the weights as they were."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

pytest.importorskip("onnx")
from mixcomp_edge import LayerPlan, QuantPlan, convert, load_task, prepare
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.frontend.onnx import OnnxModule
from mixcomp_edge.train.samples import each, take

runtime = pytest.importorskip("onnxruntime")
SMALL = ("digits",)
CHANGED = {("dscnn", False)}  # written as another network: half of a negative number is rounded to the other side
NETWORKS = (
    "fashion", "spoken_digits", "bearings", "resnet8", "resnet20", "dscnn", "mobilenet", "autoencoder",
    "mobilenet_v3", "efficientnet", "tiny_yolo", "unet", "tcn", "resnet1d",
)  # fmt: skip


@pytest.mark.parametrize("dynamo", [False, True], ids=["TorchScript", "dynamo"])
@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.long) for name in NETWORKS)])
def test_a_network_comes_back_from_onnx_as_it_was(name, dynamo, tmp_path):
    if dynamo:
        pytest.importorskip("onnxscript")
    task = load_task(name)
    model, x = task.model.eval(), each(take(task.calibration, slice(8)))
    export(model, x, tmp_path / "m.onnx", dynamo)
    module = OnnxModule(tmp_path / "m.onnx")
    with torch.no_grad():
        outputs, wanted = (tree_leaves(network(*x)) for network in (module, model))
    for y, expected, of_file in zip(outputs, wanted, by_onnxruntime(tmp_path / "m.onnx", x), strict=True):
        size = max(1.0, float(expected.abs().max()))
        if (of_file - expected).abs().max() > 1e-5 * size:
            assert (name, dynamo) in CHANGED
            expected = of_file
        assert (y - expected).abs().max() <= 1e-5 * size

    if (name, dynamo) in CHANGED:
        return
    plan = QuantPlan(LayerPlan(granularity="tensor"))
    ours, theirs = (prepare(network, x, plan, name) for network in (model, module))
    modules = dict(model.named_modules())
    strange = [layer for layer in theirs.macs if layer not in modules and not layer.isidentifier()]
    assert not strange  # each is a module's path, or one word where the exporter forgot that
    assert list(ours.macs.values()) == list(theirs.macs.values())
    if unchanged(ours, theirs):
        assert same_bits(convert(ours), convert(theirs))


def by_onnxruntime(path, x):
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    return map(torch.from_numpy, session.run(None, dict(zip(names, (part.numpy() for part in x), strict=True))))


def export(model, x, path, dynamo):
    names = [p.name for p in inspect.signature(model.forward).parameters.values()][: len(x)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(model, x, path, dynamo=True, verbose=False)
        else:
            dynamic = {name: {0: "n"} for name in names}
            torch.onnx.export(model, x, path, dynamo=False, input_names=names, dynamic_axes=dynamic)


def unchanged(ours, theirs) -> bool:
    """Whether all weights and biases, with batch norms folded, and all steps are the same bits."""
    pairs = list(zip(ours.macs, theirs.macs, strict=True))
    weights = all(
        torch.equal(getattr(ours.layer(a), part), getattr(theirs.layer(b), part))
        for a, b in pairs
        for part in ("weight", "bias")
    )
    steps = [[float(q.step()) for q in model.activations.values()] for model in (ours, theirs)]
    return weights and steps[0] == steps[1]


def same_bits(a: Bundle, b: Bundle) -> bool:
    """Whether two bundles hold the same integers, whatever their layers are called."""
    for one, other in zip(a.graph.nodes, b.graph.nodes, strict=True):
        assert one.op == other.op
        for field, value in vars(one).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(other, field))
        assert one.type == other.type
    return True
