"""What MLPerf Tiny's runner sends becomes the model's codes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixcomp_edge.codegen.profiles import byte_map, probability_table, profile_of
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.input import QAffineInput, QInput
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.operators.reshape import QReshape
from mixcomp_edge.operators.softmax import QSoftmax

RAW = QType("u8", 1.0, 0)
LOGIT_SCALE = 0.125


CLASSES = {(32, 32, 3): 10, (96, 96, 3): 2, (49, 10, 1): 12}


def graph(shape: tuple[int, ...], qtype: QType = RAW, name: str = "net", *, last=QRescale, **affine) -> Graph:
    """An input and as many outputs as its benchmark has classes."""
    if affine:
        source = QAffineInput(name="x", inputs=(), shape=shape, type=qtype, **affine)
    else:
        source = QInput(name="x", inputs=(), shape=shape, type=qtype)
    fields = {"table": np.zeros(256, np.uint16)} if last is QSoftmax else {"requant": None}
    sink = last(name="y", inputs=("x",), shape=(CLASSES.get(shape, 7),), type=QType("u8", LOGIT_SCALE, 100), **fields)
    return Graph(name, (source, sink), "y")


def codes(net: Graph, profile: str) -> np.ndarray | None:
    return byte_map(profile_of(net, profile), net.nodes[0])


def test_raw_pixels_need_no_table():
    assert codes(graph((32, 32, 3)), "ic01") is None
    assert codes(graph((96, 96, 3), QType("u8", 1 / 255, 0)), "vww01") is None


def test_keywords_move_from_the_references_scale_to_the_models():
    table = codes(graph((49, 10, 1), QType("u8", 0.5, 128)), "kws01")
    for q in (-128, -1, 0, 83, 127):
        real = 0.5847029089927673 * (q - 83)
        assert table[q % 256] == np.clip(np.floor(real / 0.5 + 0.5) + 128, 0, 255)


def test_an_input_that_the_model_normalises_is_normalised_in_the_table():
    net = graph(
        (32, 32, 3), QType("u8", 0.01, 100), gain=np.full(3, 1 / 64, np.float32), offset=np.full(3, -1, np.float32)
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


def test_a_model_of_another_number_of_classes_is_refused_by_name():
    net = graph((32, 32, 3))
    two = Graph("net", (*net.nodes, QReshape(name="z", inputs=("y",), shape=(2, 5), type=RAW)), "z")
    assert profile_of(two, "ic01").name == "ic01"
    three = Graph("net", (*net.nodes, QReshape(name="z", inputs=("y",), shape=(3,), type=RAW)), "z")
    with pytest.raises(ExportError, match="net cannot answer as ic01: the benchmark has 10 outputs, the model 3"):
        profile_of(three, "ic01")


@pytest.mark.parametrize("reshaped", [False, True])
def test_logits_get_a_table_and_probabilities_none(reshaped):
    for last, tabled in ((QRescale, True), (QSoftmax, False)):
        net = graph((49, 10, 1), last=last)
        if reshaped:
            sink = net["y"]
            net = Graph("net", (*net.nodes, QReshape(name="z", inputs=("y",), shape=(12,), type=sink.type)), "z")
        table = probability_table(profile_of(net, "kws01"), net)
        assert (table is not None) == tabled
        if tabled:
            assert [int(table[d]) for d in (0, 1, 8, 255)] == [
                round(2**15 * math.exp(-d * LOGIT_SCALE)) for d in (0, 1, 8, 255)
            ]
    assert probability_table(None, net) is None
