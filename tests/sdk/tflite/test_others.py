"""LiteRT and TensorFlow run the files; how far they are is told, and never called proof."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from mixcomp_edge import Bundle, save_bundle
from mixcomp_edge.cli import main
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.types import QType
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.maxpool2d import QMaxPool2d
from mixcomp_edge.tflite.others import WAYS, differences
from mixcomp_edge.verification import make_inputs
from sdk.codegen import zoo
from support.scaled_graphs import by_tflm

NAMES = [("litert", "ai_edge_litert"), ("tensorflow", "tensorflow")]


def pooled(window: Window) -> Graph:
    """One that rounds nothing."""
    type_ = QType("s8", 0.5)
    x = QInput(name="x", inputs=(), shape=(4, 6, 3), type=type_)
    size = window.output_size(4, 6)
    return by_tflm(
        Graph("pooled", (x, QMaxPool2d(name="y", inputs=("x",), shape=(*size, 3), type=type_, window=window)), "y")
    )


@pytest.mark.parametrize(("on", "package"), NAMES)
def test_what_rounds_nothing_is_the_same_everywhere_and_a_wrong_bundle_is_not(on, package, monkeypatch):
    pytest.importorskip(package)
    graph = pooled(Window((2, 2), (2, 2)))
    x = make_inputs(graph, 5)
    found = differences(Bundle(graph), on, x)
    assert set(found) == set(WAYS)
    assert all((d.inputs, d.elements, d.differing, d.same_largest) == (5, 5 * 2 * 3 * 3, 0, 5) for d in found.values())
    from mixcomp_edge.tflite import others

    other = others.content(Bundle(pooled(Window((2, 2), (2, 2)))))
    shifted = replace(graph.nodes[-1], window=Window((1, 1), (2, 2)))
    monkeypatch.setattr(others, "content", lambda bundle: other)
    found = differences(Bundle(by_tflm(graph.with_nodes((graph.nodes[0], shifted)))), on, x)
    assert all(d.differing > 10 and d.steps > 10 for d in found.values())


@pytest.mark.parametrize(("on", "package"), NAMES)
def test_a_network_is_told_to_be_some_steps_off_and_nothing_is_proven(on, package, tmp_path, monkeypatch, capsys):
    pytest.importorskip(package)
    save_bundle(Bundle(by_tflm(zoo.graph("branches8"))), tmp_path / "m.mce")
    monkeypatch.setattr(
        sys, "argv", ["mixcomp-edge", "verify", str(tmp_path / "m.mce"), "--on", on, "-n", "4", "--json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["transport"], told["proof"]) == (0, on, False)
    assert set(told["differences"]) == set(WAYS)
    assert all(d["inputs"] == 4 and 0 <= d["differing"] <= d["elements"] for d in told["differences"].values())


@pytest.mark.parametrize(("on", "package"), NAMES)
def test_a_missing_package_is_named_with_what_installs_it(on, package, monkeypatch):
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    graph = pooled(Window((2, 2), (2, 2)))
    with pytest.raises(ExportError, match=rf"{on}: the package {package}.* is missing. pip install"):
        differences(Bundle(graph), on, (np.zeros((1, 4, 6, 3), np.int64),))
