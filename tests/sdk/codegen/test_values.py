"""Real numbers in, real numbers out: the header's helpers equal the definition, and the README's sample is right."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import Bundle, convert, export, prepare, resources
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.types import DTYPES, QType
from mixcomp_edge.numerics.packing import pack_elements, unpack_elements
from sdk.codegen import zoo

TYPES = {"u4": 0, "s4": 1, "u8": 2, "s8": 3, "u16": 4, "s16": 5}  # mce_type
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
LIBRARY = """
#include "mixcomp/values.h"
void quantize(mce_type type, float scale, int32_t zero, const float *x, int32_t n, int32_t *q)
{ for (int32_t i = 0; i < n; i++) { q[i] = mce_nearest_value(type, scale, zero, x[i]); } }
void get(mce_type type, const uint8_t *tensor, int32_t n, int32_t *q)
{ for (int32_t i = 0; i < n; i++) { q[i] = mce_value_get(type, tensor, i); } }
void set(mce_type type, uint8_t *tensor, int32_t n, const int32_t *q)
{ for (int32_t i = n - 1; i >= 0; i--) { mce_value_set(type, tensor, i, q[i]); } }
int32_t argmax(mce_type type, const uint8_t *tensor, int32_t first, int32_t n)
{ return mce_largest_value(type, tensor, first, n); }
"""


@pytest.fixture(scope="module", params=["gcc", "clang"])
def library(request, tmp_path_factory) -> ctypes.CDLL:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp("values")
    (folder / "values.c").write_text(LIBRARY)
    sanitize = ["-fsanitize=undefined", "-fno-sanitize-recover=all"] if request.param == "gcc" else []
    words = [request.param, *STRICT, *sanitize, "-shared", "-fPIC", f"-I{resources.firmware()}/include"]
    subprocess.run([*words, str(folder / "values.c"), "-o", str(folder / "v.so")], check=True)
    return ctypes.CDLL(str(folder / "v.so"))


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scale", [1.0, 0.0039, 0.1, 3.7e-9, 8e8])
def test_a_real_number_becomes_the_integer_that_the_definition_says(dtype, scale, library):
    rng = np.random.default_rng(0)
    for zero in sorted({QType(dtype, scale).low, 0, 3, QType(dtype, scale).high}):
        steps = np.concatenate(
            [
                np.arange(-600, 600) / 2,
                rng.uniform(-400, 400, 2000),
                rng.uniform(-1e5, 1e5, 2000),
                [1e9, -1e9, np.inf, -np.inf],
            ]
        )
        with np.errstate(over="ignore"):
            x = (steps * scale).astype(np.float32)
        q = np.zeros(len(x), np.int32)
        library.quantize(TYPES[dtype], ctypes.c_float(scale), zero, pointer(x), len(x), pointer(q))
        np.testing.assert_array_equal(q, QType(dtype, scale, zero).quantize(x))


@pytest.mark.parametrize("dtype", TYPES)
def test_what_is_not_a_number_becomes_zero(dtype, library):
    x, q = np.array([np.nan], np.float32), np.zeros(1, np.int32)
    library.quantize(TYPES[dtype], ctypes.c_float(0.5), 3, pointer(x), 1, pointer(q))
    assert q[0] == 3


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", [1, 2, 31, 256])
def test_elements_are_read_and_written_as_they_lie_in_memory(dtype, n, library):
    kind = QType(dtype, 1.0)
    values = np.random.default_rng(n).integers(kind.low, kind.high + 1, n).astype(np.int32)
    packed = np.frombuffer(pack_elements(values.astype(np.int64), kind.bits), np.uint8)
    read, written = np.zeros(n, np.int32), np.zeros_like(packed)
    library.get(TYPES[dtype], pointer(packed), n, pointer(read))
    library.set(TYPES[dtype], pointer(written), n, pointer(values))
    np.testing.assert_array_equal(read, values)
    np.testing.assert_array_equal(written, packed)
    for first in range(0, n, 7):
        assert library.argmax(TYPES[dtype], pointer(packed), first, n - first) == np.argmax(values[first:])


# The sample


def with_output(name: str, dtype: str) -> Bundle:
    """The zoo's network with another type of its output."""
    graph = zoo.graph(name)
    last = graph[graph.output]
    kind = QType(dtype, last.type.scale, {"u8": 100, "s8": -7, "u4": 6, "s4": -2}[dtype])
    requant = last.weights.requant
    if kind.bits == 4:
        kind = replace(kind, scale=16 * kind.scale)
        requant = replace(requant, multiplier=requant.multiplier // 16)
    node = replace(last, type=kind, weights=replace(last.weights, requant=requant))
    return Bundle(graph.with_nodes([*graph.nodes[:-1], node]))


class Normalised(nn.Module):
    """Three channels, each with its own mean and deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("mean", torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv((x - self.mean) / 0.25)


def normalised() -> Bundle:
    torch.manual_seed(0)
    return convert(prepare(Normalised(), torch.rand(32, 3, 6, 5), name="normalised"))


SAMPLES = {
    **{f"{name} {dtype}": (lambda name=name, dtype=dtype: with_output(name, dtype))
       for name in ("dense", "one") for dtype in DTYPES},
    "softmax": lambda: zoo.bundle("residual"),
    "several channels": lambda: zoo.bundle("branches"),
    "normalised": normalised,
}  # fmt: skip
HARNESS = """
#include <stdio.h>
int main(void)
{{
    static float x[{M}_INPUT_ELEMENTS];
    static mce_{m}_output y[{M}_OUTPUT_BYTES];
    static float real[{M}_OUTPUT_ELEMENTS];
    while (fread(x, sizeof x, 1, stdin) == 1) {{
        {call}
        mce_{m}_dequantize(y, real);
        for (int32_t i = 0; i < {M}_OUTPUT_ELEMENTS; i++) {{
            if (real[i] != mce_{m}_output_get(y, i)) {{ return 1; }}
            printf(" %.9g", (double)real[i]);
        }}
        for (int32_t i = 0; i < {M}_OUTPUT_HEIGHT * {M}_OUTPUT_WIDTH; i++) {{
            printf(" %d", (int)mce_{m}_argmax(y, i));
        }}
        printf("\\n");
    }}
    return 0;
}}
"""


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_the_sample_of_the_readme_is_right_for_the_model(make, tmp_path):
    bundle = make()
    graph = bundle.graph
    export(bundle, "generic", tmp_path / "c")
    sample = re.search(r"```c\n(.*?)```", (tmp_path / "c" / "README.md").read_text(), re.S)[1]
    returns = "int32_t infer(" in sample
    call = 'printf("%d", (int)infer(x, y));' if returns else 'infer(x, y); printf("-1");'
    name = graph.name
    (tmp_path / "app.c").write_text(sample + HARNESS.format(m=name, M=f"MCE_{name.upper()}", call=call))
    files = sorted((tmp_path / "c" / "src").glob("*.c"))
    words = [*STRICT, f"-I{tmp_path}/c/include", *map(str, files), str(tmp_path / "app.c")]
    subprocess.run(["gcc", *words, "-o", str(tmp_path / "app")], check=True)
    source, sink = graph.nodes[0], graph[graph.output]
    x = np.random.default_rng(0).normal(0.5, 1.5, (20, *source.shape)).astype(np.float32)
    done = subprocess.run([str(tmp_path / "app")], input=x.tobytes(), capture_output=True, check=True)
    expected = interp.run(graph, source.quantize(x)).reshape(20, -1, sink.shape[-1])
    seen = set()
    for line, q in zip(done.stdout.decode().splitlines(), expected, strict=True):
        best, *rest = line.split()
        assert int(best) == (np.argmax(q) if returns else -1)
        real = (q.ravel() - sink.type.zero_point) * np.float64(sink.type.scale)
        np.testing.assert_allclose(np.array(rest[: q.size], float), real, rtol=1e-6)
        assert list(map(int, rest[q.size :])) == np.argmax(q, axis=1).tolist()
        seen |= set(q.ravel().tolist())
    assert returns == (len(expected[0]) == 1)
    assert len(seen) > 3  # outputs that differ


def test_the_element_types_are_the_models(tmp_path):
    for dtype, c_type in {"u8": "uint8_t", "s8": "int8_t", "u4": "uint8_t", "s4": "uint8_t"}.items():
        export(with_output("dense", dtype), "generic", tmp_path / dtype)
        header = (tmp_path / dtype / "include" / "mce_dense.h").read_text()
        assert f"typedef {c_type} mce_dense_output;" in header
        assert "typedef uint8_t mce_dense_input;" in header


def test_the_helpers_serve_cplusplus(tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    export(normalised(), "generic", tmp_path / "c")
    (tmp_path / "a.cpp").write_text(
        '#include "mce_normalised.h"\nfloat f(mce_normalised_input *x, mce_normalised_output *y)\n'
        "{ mce_normalised_input_set(x, 0, 1.0f);\n"
        "  return mce_normalised_output_get(y, mce_normalised_argmax(y, 0)); }\n"
    )
    words = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{tmp_path}/c/include", "-fsyntax-only"]
    subprocess.run(["g++", *words, str(Path(tmp_path / "a.cpp"))], check=True)


def test_packing_here_and_there_are_one(tmp_path):
    """What the judge of these tests is built on: both directions of the packing agree."""
    for dtype in TYPES:
        kind = QType(dtype, 1.0)
        q = np.arange(kind.low, kind.high + 1)
        packed = pack_elements(q, kind.bits)
        np.testing.assert_array_equal(unpack_elements(packed, len(q), kind.bits, signed=kind.signed), q)
