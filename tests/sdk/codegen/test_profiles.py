"""What MLPerf Tiny's runner sends becomes the model's codes."""

from __future__ import annotations

import numpy as np
import pytest

from mixcomp_edge.codegen.profiles import byte_map, profile_of
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import qops
from mixcomp_edge.ir.graph import Graph

RAW = qops.QType("u8", 1.0, 0)


def graph(shape: tuple[int, ...], qtype: qops.QType = RAW, name: str = "net", **affine) -> Graph:
    if affine:
        source = qops.AffineInput(name="x", inputs=(), shape=shape, type=qtype, **affine)
    else:
        source = qops.Input(name="x", inputs=(), shape=shape, type=qtype)
    return Graph(name, (source,), "x")


def codes(net: Graph, profile: str) -> np.ndarray | None:
    return byte_map(profile_of(net, profile), net.nodes[0])


def test_raw_pixels_need_no_table():
    assert codes(graph((32, 32, 3)), "ic01") is None
    assert codes(graph((96, 96, 3), qops.QType("u8", 1 / 255, 0)), "vww01") is None


def test_keywords_move_from_the_references_scale_to_the_models():
    table = codes(graph((49, 10, 1), qops.QType("u8", 0.5, 128)), "kws01")
    for q in (-128, -1, 0, 83, 127):
        real = 0.5847029089927673 * (q - 83)
        assert table[q % 256] == np.clip(np.floor(real / 0.5 + 0.5) + 128, 0, 255)


def test_an_input_that_the_model_normalises_is_normalised_in_the_table():
    net = graph(
        (32, 32, 3), qops.QType("u8", 0.01, 100), gain=np.full(3, 1 / 64, np.float32), offset=np.full(3, -1, np.float32)
    )
    table = codes(net, "ic01")
    assert [int(table[pixel]) for pixel in (0, 64, 128, 255)] == [0, 100, 200, 255]


def test_what_one_table_cannot_do_is_refused():
    net = graph((32, 32, 3), gain=np.array([1, 2, 3], np.float32), offset=np.zeros(3, np.float32))
    with pytest.raises(ExportError, match="net cannot answer as ic01: it normalises its channels differently"):
        profile_of(net, "ic01")
    with pytest.raises(ExportError, match="the runner sends 490 elements, the model reads 3072"):
        profile_of(net, "kws01")
    with pytest.raises(ExportError, match="unknown MLPerf Tiny profile 'kws'"):
        profile_of(net, "kws")


def test_a_built_in_network_has_its_profile_without_a_word():
    assert profile_of(graph((32, 32, 3), name="resnet8"), None).name == "ic01"
    assert profile_of(graph((8, 8, 1), name="resnet8"), None) is None
    assert profile_of(graph((32, 32, 3)), None) is None
