"""The .mce file: what goes in comes out, the same model gives the same bytes, and a failed save leaves nothing."""

import hashlib
import json
import os
import stat
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from mixcomp_edge.bundle import Bundle, load_bundle, parse_bundle, save_bundle
from mixcomp_edge.errors import BundleError, StorageError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.weighted import Weighted
from support.bundle_files import taken_apart
from support.integer_graphs import forked_graph, graphs, runs, samples, small_graph

ORIGIN = {"task": "digits", "recipe": {"epochs": 4, "lr": 5e-3, "augment": True}, "versions": {"torch": "2.13"}}


def equal(a: object, b: object) -> bool:
    """Equal in every field, types included."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if type(a) is not type(b):
        return False
    if is_dataclass(a):
        return all(equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def test_a_bundle_comes_back_as_it_went_in(tmp_path):
    bundle = Bundle(small_graph(), ORIGIN)
    save_bundle(bundle, tmp_path / "a.mce")
    loaded = load_bundle(tmp_path / "a.mce")
    assert equal(loaded.graph, bundle.graph)
    assert loaded.origin == ORIGIN
    assert loaded.to_bytes() == bundle.to_bytes() == (tmp_path / "a.mce").read_bytes()
    assert loaded.sha256 == bundle.sha256 == hashlib.sha256(bundle.to_bytes()).hexdigest()


def test_several_inputs_and_outputs_come_back_by_name_and_in_order():
    graph = forked_graph()
    data = Bundle(graph).to_bytes()
    again = parse_bundle(data).graph
    assert list(again.outputs.items()) == [("map", "conv"), ("logits", "head"), ("state", "cell")]
    assert [node.name for node in again.inputs] == ["image", "state"]
    assert Bundle(again).to_bytes() == data
    x = samples(graph)
    for a, b in zip(interp.outputs(again, x), interp.outputs(graph, x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_only_several_inputs_or_outputs_take_the_second_format():
    """A version that knows one of each reads what has one of each, and says that it cannot read the rest."""
    contents = [taken_apart(Bundle(graph).to_bytes()).content for graph in (small_graph(), forked_graph())]
    assert [content["format"] for content in contents] == [1, 2]
    assert [sorted(content["graph"]) for content in contents] == [
        ["name", "nodes", "output"], ["name", "nodes", "outputs"]]  # fmt: skip
    assert contents[1]["graph"]["outputs"] == [["map", "conv"], ["logits", "head"], ["state", "cell"]]


@given(graph=graphs(most=8) | graphs(most=8, several=True))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_graph_comes_back_with_the_same_bytes(graph):
    data = Bundle(graph).to_bytes()
    again = parse_bundle(data)
    assert equal(again.graph, graph)
    assert again.to_bytes() == data


@given(case=runs(most=5))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_loaded_graph_computes_the_same(case):
    graph, x = case
    np.testing.assert_array_equal(interp.run(parse_bundle(Bundle(graph).to_bytes()).graph, x), interp.run(graph, x))


def test_the_order_in_memory_does_not_change_the_bytes():
    def turned(node):
        held = getattr(node, "weights", None)
        return node if held is None else replace(node, weights=replace(held, codes=np.asfortranarray(held.codes)))

    graph = small_graph()
    other = graph.with_nodes(map(turned, graph.nodes))
    assert not all(node.weights.codes.flags.c_contiguous for node in other.nodes if isinstance(node, Weighted))
    assert Bundle(other).to_bytes() == Bundle(graph).to_bytes()


def test_the_order_of_the_origin_does_not_change_the_bytes():
    backwards = {key: ORIGIN[key] for key in reversed(ORIGIN)}
    assert Bundle(small_graph(), backwards).to_bytes() == Bundle(small_graph(), ORIGIN).to_bytes()


def test_two_models_or_two_origins_have_two_digests():
    graph = small_graph()
    digests = {Bundle(graph).sha256, Bundle(graph, ORIGIN).sha256, Bundle(graph, {"task": "digits"}).sha256}
    assert len(digests) == 3


def test_the_file_says_what_it_is():
    parts = taken_apart(Bundle(small_graph(), ORIGIN).to_bytes())
    assert sorted(parts.content) == ["contract", "format", "graph", "origin", "sha256"]
    assert (parts.content["format"], parts.content["contract"]) == (1, "q32")
    assert parts.content["origin"] == ORIGIN
    assert sorted(parts.content["sha256"]) == sorted(parts.tensors)
    graph = parts.content["graph"]
    assert (graph["name"], graph["output"]) == ("small_net", "softmax")
    assert [n["op"] for n in graph["nodes"]] == [
        "input", "conv2d", "dwconv2d", "add", "rescale", "conv2d_add", "maxpool2d", "pad", "avgpool2d", "concat",
        "transpose", "slice", "reshape", "dense", "mul", "constant", "blend", "minimum", "maximum", "prelu", "lookup",
        "softmax",
    ]  # fmt: skip


def test_every_field_of_a_layer_is_recorded():
    parts = taken_apart(Bundle(small_graph()).to_bytes())
    conv = small_graph()["block.conv"]
    assert parts.node("block.conv") == {
        "op": "conv2d", "name": "block.conv", "inputs": ["input"], "shape": [6, 6, 3],
        "type": {"dtype": "s4", "scale": 0.25, "zero_point": 0}, "groups": 1,
        "window": {"kernel": [3, 3], "stride": [1, 1], "dilation": [1, 1], "padding": [1, 1, 1, 1]},
        "weights": {
            "codebook": "fixp4", "codes": "block.conv/weights/codes", "row_length": 18,
            "bias": "block.conv/weights/bias",
            "requant": {
                "multiplier": "block.conv/weights/requant/multiplier", "shift": conv.weights.requant.shift,
            },
        },
    }  # fmt: skip
    for name, dtype in (("codes", "U8"), ("bias", "I32"), ("requant/multiplier", "I32")):
        assert parts.tensors[f"block.conv/weights/{name}"][0] == dtype
    assert parts.tensors["softmax/table"][0] == "U16"
    np.testing.assert_array_equal(parts.array("block.conv/weights/bias"), conv.weights.bias)


def test_codes_are_stored_two_to_a_byte_low_nibble_first():
    packed = taken_apart(Bundle(small_graph()).to_bytes()).array("block.dw/weights/codes")
    codes = small_graph()["block.dw"].weights.codes.tolist()
    assert packed.tolist() == [[a + 16 * b, c] for a, b, c in codes]


def test_saving_replaces_a_file_whole_and_for_all_to_read(tmp_path):
    path = tmp_path / "a.mce"
    path.write_bytes(b"old")
    save_bundle(Bundle(small_graph()), path)
    assert path.read_bytes() == Bundle(small_graph()).to_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in tmp_path.iterdir()] == ["a.mce"]


@pytest.mark.parametrize("failing", ["to_bytes", "replace"])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "a.mce"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(*((Bundle, "to_bytes") if failing == "to_bytes" else (os, "replace")), fail)
    with pytest.raises((OSError, StorageError), match="disk full"):
        save_bundle(Bundle(small_graph()), path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mce"]


def test_saving_into_a_missing_folder_names_the_path(tmp_path):
    with pytest.raises(StorageError, match=r"gone/a.mce: the folder .*gone does not exist"):
        save_bundle(Bundle(small_graph()), tmp_path / "gone" / "a.mce")


def test_saving_over_a_folder_is_an_error_of_ours(tmp_path):
    (tmp_path / "a.mce").mkdir()
    with pytest.raises(StorageError, match=r"a\.mce: is a folder"):
        save_bundle(Bundle(small_graph()), tmp_path / "a.mce")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mce"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_origin_that_is_no_json_number_is_never_written(tmp_path, value):
    with pytest.raises((ValueError, BundleError)):
        save_bundle(Bundle(small_graph(), {"accuracy": value}), tmp_path / "a.mce")
    assert list(tmp_path.iterdir()) == []


def test_metadata_is_one_json_text_that_others_can_read():
    data = Bundle(small_graph(), ORIGIN).to_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert list(header["__metadata__"]) == ["mixcomp"]
    assert json.loads(header["__metadata__"]["mixcomp"])["content"]["origin"] == ORIGIN


@pytest.mark.parametrize("origin", [{"a": float("nan")}, {"a": object()}, {"a": {1, 2}}])
def test_an_origin_that_is_no_json_is_refused(origin):
    with pytest.raises(BundleError, match="the origin must be text, finite numbers, lists and tables"):
        Bundle(small_graph(), origin).to_bytes()


def test_an_origin_with_numbers_as_keys_reads_back():
    data = Bundle(small_graph(), {1: "a", 10: "b", 2: "c"}).to_bytes()
    assert parse_bundle(data).origin == {"1": "a", "10": "b", "2": "c"}
