"""predict gives what the interpreter gives, in the order and units of the user's samples."""

from __future__ import annotations

import numpy as np
import pytest

from mixcomp_edge import load_bundle, save_bundle
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import interp
from sdk.cli.test_verbs import command, one_object, refusal
from sdk.codegen import zoo
from support.integer_graphs import forked_graph, samples

NAME = "branches"


@pytest.fixture
def file(tmp_path):
    save_bundle(zoo.bundle(NAME), tmp_path / "m.mce")
    return tmp_path / "m.mce"


def by_hand(bundle, x):
    """Quantized, run and dequantized one sample at a time, with the channels moved by hand."""
    graph, found = bundle.graph, []
    node, last = graph.nodes[0], graph[graph.output]
    for sample in x:
        moved = np.stack(list(sample), axis=-1)
        q = np.clip(np.floor(moved / np.float32(node.type.scale) + np.float32(0.5)) + node.type.zero_point,
                    node.type.low, node.type.high).astype(np.int64)  # fmt: skip
        y = interp.run(graph, q[None])[0]
        found.append(np.stack([(y[..., c] - last.type.zero_point) * last.type.scale for c in range(y.shape[-1])]))
    return np.array(found, np.float32)


def real_samples(bundle, count=7):
    shape = bundle.graph.nodes[0].shape
    node = bundle.graph.nodes[0]
    peak = node.type.scale * (node.type.high - node.type.zero_point)
    return np.random.default_rng(0).uniform(0, peak, (count, shape[-1], *shape[:-1])).astype(np.float32)


def test_a_bundle_takes_and_gives_real_numbers_channels_first(file):
    bundle = load_bundle(file)
    x = real_samples(bundle)
    np.testing.assert_array_equal(bundle.predict(x), by_hand(bundle, x))


def test_several_inputs_and_outputs_go_by_name():
    bundle = Bundle(forked_graph())
    graph, values = bundle.graph, samples(forked_graph())
    given = {
        node.name: np.moveaxis((q - node.type.zero_point) * node.type.scale, -1, 1)
        for node, q in zip(graph.inputs, values, strict=True)
    }
    found = bundle.predict(given)
    assert list(found) == list(graph.outputs)
    for (name, node), value in zip(graph.outputs.items(), interp.outputs(graph, values), strict=True):
        type_ = graph[node].type
        expected = np.moveaxis((value - type_.zero_point) * type_.scale, -1, 1).astype(np.float32)
        np.testing.assert_array_equal(found[name], expected)
    with pytest.raises(GraphError, match="takes"):
        bundle.predict({"other": 1})


@pytest.mark.parametrize("x", [np.zeros((2, 3, 3)), np.array(["a"]), np.float32(1)])
def test_what_is_no_batch_of_samples_is_refused(file, x):
    with pytest.raises(GraphError, match="the model takes numbers"):
        load_bundle(file).predict(x)


def test_the_command_writes_outputs_and_counts_classes(file, tmp_path):
    bundle = load_bundle(file)
    x = real_samples(bundle, 20)
    expected = by_hand(bundle, x).reshape(20, -1)
    labels = expected.argmax(1)
    labels[:3] = (labels[:3] + 1) % expected.shape[1]
    np.savez(tmp_path / "d.npz", x=np.moveaxis(x, 1, -1), y=labels)
    record = one_object(command("predict", file, "--data", tmp_path / "d.npz", "-o", tmp_path / "y.npy", "--json"))
    assert record["scores"]["accuracy"] == pytest.approx(17 / 20)
    assert np.trace(record["scores"]["confusion"]) == 17
    assert [entry["samples"] for entry in record["scores"]["classes"]] == np.bincount(
        labels, minlength=expected.shape[1]
    ).tolist()
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy").reshape(20, -1), expected)


def test_samples_of_another_shape_are_told(file, tmp_path):
    np.save(tmp_path / "d.npy", np.zeros((4, 5, 5, 5)))
    assert "the model takes" in refusal(command("predict", file, "--data", tmp_path / "d.npy"))
