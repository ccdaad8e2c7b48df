"""A .tflite file as LiteRT's reader of the schema sees it: what a bundle holds is in there, and no more."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.types import QType, Requant
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.reduce import QReduceNorm
from mixcomp_edge.tflite.export import METADATA, content, export
from mixcomp_edge.tflite.network import network
from sdk.codegen import zoo

litert = pytest.importorskip("ai_edge_litert.schema_py_generated")
NAMES = ["branches", "branches8", "dense", "one"]


def model(name: str):
    data = content(zoo.bundle(name))[1]
    assert data[4:8] == b"TFL3"
    return litert.ModelT.InitFromObj(litert.Model.GetRootAs(data, 0)), data


def array(tensor, buffers, dtype) -> np.ndarray:
    return np.frombuffer(np.asarray(buffers[tensor.buffer].data, np.uint8).tobytes(), dtype)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_of_the_bundle_is_in_the_file_level_by_level(name):
    found, _ = model(name)
    tensors = {tensor.name.decode(): tensor for tensor in found.subgraphs[0].tensors}
    for node in zoo.graph(name).nodes:
        if not hasattr(node, "weights"):
            continue
        tensor = tensors[f"{node.name}/weights"]
        data = array(tensor, found.buffers, np.uint8)
        if tensor.type == litert.TensorType.INT4:
            halves = np.stack([data & 15, data >> 4], axis=1).ravel()[: node.weights.codes.size].astype(int)
            levels = np.where(halves > 7, halves - 16, halves)
        else:
            levels = data.view(np.int8).astype(int)
        assert sorted(levels) == sorted(node.weights.levels.ravel())
        assert (tensor.type == litert.TensorType.INT4) == (
            node.weights.codebook.name == "fixp4" and not (node.op == "dense" and len(tensor.quantization.scale) > 1)
        )


@pytest.mark.parametrize("name", NAMES)
def test_constants_are_aligned_and_tensors_have_the_scales_of_the_bundle(name):
    found, data = model(name)
    raw = litert.Model.GetRootAs(data, 0)
    for i in range(1, raw.BuffersLength()):
        vector = raw.Buffers(i)
        start = vector._tab.Vector(vector._tab.Offset(4))
        assert start % 16 == 0
    tensors = {tensor.name.decode(): tensor for tensor in found.subgraphs[0].tensors}
    for node in zoo.graph(name).nodes:
        tensor = tensors[node.name]
        assert np.prod(tensor.shape) == np.prod(node.shape)
        assert tensor.quantization.scale == np.float32(node.type.scale)
        assert tensor.quantization.zeroPoint == node.type.zero_point - (0 if node.type.signed else 128)


def test_the_file_names_the_bundle_that_it_was_made_of():
    found, _ = model("dense")
    [entry] = found.metadata
    origin = json.loads(array(entry, found.buffers, np.uint8).tobytes())
    assert (entry.name.decode(), origin["bundle_sha256"]) == (METADATA, zoo.bundle("dense").sha256)


def test_the_same_bundle_gives_the_same_bytes():
    assert content(zoo.bundle("branches"))[1] == content(zoo.bundle("branches"))[1]


STAND_IN = """#pragma once
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
namespace tflite {
template <unsigned N> struct MicroMutableOpResolver {
    unsigned count = 0;
    TfLiteStatus add() { return ++count > N ? kTfLiteError : kTfLiteOk; }
CALLS
};
}
"""
MAIN = """#include "MINE"
int main()
{
    mce_branches_resolver resolver;
    const bool fits = mce_branches_register(resolver) == kTfLiteOk && resolver.count == COUNT;
    return fits && resolver.add() == kTfLiteError ? 0 : 1; // it has room for these alone
}
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_the_header_beside_a_file_registers_each_operator_that_the_file_holds(tmp_path):
    export(zoo.bundle("branches"), tmp_path / "m.tflite")
    found, _ = model("branches")
    calls = network(zoo.graph("branches")).registered
    assert "AddConv2D" in calls
    assert len(calls) == len({code.builtinCode for code in found.operatorCodes})
    header = tmp_path / "tensorflow" / "lite" / "micro" / "micro_mutable_op_resolver.h"
    header.parent.mkdir(parents=True)
    methods = "\n".join(f"    TfLiteStatus {call}() {{ return add(); }}" for call in calls)
    header.write_text(STAND_IN.replace("CALLS", methods))
    (tmp_path / "main.cpp").write_text(MAIN.replace("MINE", "m_resolver.h").replace("COUNT", str(len(calls))))
    words = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}", "main.cpp", "-o", "main"]
    subprocess.run(words, cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "main"], check=True)


def test_what_tensorflow_lite_micro_lacks_is_refused_by_name():
    x = QInput(name="input", inputs=(), shape=(4, 3), type=QType("u8", 0.1))
    fields = {"shape": (1, 3), "type": QType("u8", 0.1), "axes": (0,), "count": 4}
    norm = QReduceNorm(name="length", inputs=("input",), requant=Requant.of(0.01), **fields)
    with pytest.raises(UnsupportedError, match=r"net has no form .*length: TensorFlow Lite Micro has no .* norm does"):
        network(Graph("net", (x, norm), "length"))
