"""Names of models and layers meet nothing: a model's own are mce_<model> and MCE_<MODEL> with one of a few words behind
it, its layers' begin with layer_; what is ours looks like none of these."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mixcomp_edge import Bundle, convert, export, prepare, resources
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.build.image import read_image
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.targets.boards import board
from mixcomp_edge.verification import verify
from sdk.codegen import zoo
from support.integer_graphs import forked_graph

BOARD = "mps2-an386"
OF_OURS = [
    "device",
    "link",
    "crc32",
    "number",
    "board",
    "build_id",
    "app_hook",
    "app",
    "port",
    "exact",
    "text",
    "layer",
]
OF_C = [
    "errno",
    "unix",
    "linux",
    "eof",
    "null",
    "int8_t",
    "uint8_t",
    "main",
    "int",
    "class",
    "malloc",
    "memcpy",
    "stdint",
]
OF_HEADERS = ["types", "values", "kernels", "runtime", "tensor", "type", "status", "ok", "s8", "conv2d", "run", "input",
              "output", "weights", "model", "app_model", "image", "trace", "lib", "h", "x"]  # fmt: skip
A_MODELS = re.compile(
    r"mce_[a-z0-9_]+_(run|quantize|dequantize|argmax|((de)?quantize_|argmax_)?(input|output)(_[a-z0-9_]+)?)"
    r"|MCE_[A-Z0-9_]+_(ARENA_BYTES|LAYERS|MODEL_H|INPUT_[A-Z_]+|OUTPUT_[A-Z_]+)"
)


@pytest.fixture(scope="module")
def small() -> Bundle:
    torch.manual_seed(0)
    return convert(prepare(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), torch.rand(8, 4), name="small"))


def called(bundle: Bundle, name: str) -> Bundle:
    return Bundle(replace(bundle.graph, name=name))


def test_a_models_own_names_are_of_that_form(tmp_path):
    """Else the rule below would say nothing."""
    for bundle in (zoo.bundle("residual"), Bundle(forked_graph())):
        name = bundle.graph.name
        export(bundle, "generic", tmp_path / name)
        header = (tmp_path / name / "include" / f"mce_{name}.h").read_text()
        defined = set(re.findall(r"#define (\w+)", header)) | set(re.findall(rf"\b(mce_{name}_\w+)", header))
        assert len(defined) > 20
        assert {name for name in defined if not A_MODELS.fullmatch(name)} == {"MCE_LAYER_HOOK"}


def test_no_name_of_ours_that_meets_a_models_header_is_of_that_form():
    firmware = resources.firmware()
    headers = [*(firmware / "include" / "mixcomp").glob("*.h"), *(firmware / "protocol").glob("*.h")]
    headers += (firmware / "apps").glob("*.h")
    text = "".join(path.read_text() for path in headers) + board(BOARD).header()
    ours = set(re.findall(r"\b(?:mce|MCE)_\w+", text)) | {kernel.name for kernel in catalogue()}
    assert len(ours) > 200
    assert {name for name in ours if A_MODELS.fullmatch(name)} == set()
    assert all("__" in kernel.name for kernel in catalogue())  # which no model's name holds


@pytest.mark.parametrize("name", OF_OURS)
def test_a_firmware_builds_whatever_file_or_symbol_of_ours_the_model_is_called_like(name, small, tmp_path):
    if not toolchains():
        pytest.skip("no cross compiler")
    the_board = board(BOARD)
    export(called(small, name), the_board.target.name, tmp_path / "fw", board=the_board)
    elf = build_firmware(tmp_path / "fw", the_board, next(iter(toolchains().values())))
    assert read_image(elf, the_board).flash_bytes > 1000


@pytest.mark.parametrize("name", ["device", "link", "board"])
def test_cmake_builds_the_firmware_of_a_model_called_like_a_file_of_ours(name, small, tmp_path):
    if shutil.which("cmake") is None or "gcc" not in toolchains():
        pytest.skip("cmake or arm-none-eabi-gcc is not installed")
    the_board = board(BOARD)
    export(called(small, name), the_board.target.name, tmp_path / "fw", board=the_board)
    for words in (
        ["-S", "board", "-B", "build", "-DCMAKE_TOOLCHAIN_FILE=gcc.cmake"],
        ["--build", "build"],
    ):
        done = subprocess.run(["cmake", *words], cwd=tmp_path / "fw", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "fw" / "build" / "firmware.elf").is_file()


def compiles(folder: Path, standard: str) -> None:
    """Each source of a project, where much else is included before it."""
    others = [word for name in ("errno", "stdio", "stdlib", "limits", "float", "string", "stdint", "math", "signal")
              for word in ("-include", f"{name}.h")]  # fmt: skip
    for source in [*(folder / "src").glob("*.c"), folder / "test" / "selftest.c"]:
        words = ["gcc", f"-std={standard}", *others, "-Wall", "-Wextra", "-Werror", f"-I{folder}/include"]
        done = subprocess.run([*words, "-fsyntax-only", str(source)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", OF_OURS + OF_C + OF_HEADERS)
def test_a_project_compiles_whatever_its_model_is_called(name, small, tmp_path):
    export(called(small, name), "generic", tmp_path / "c")
    for standard in ("c99", "gnu99"):
        compiles(tmp_path / "c", standard)


LAYERS = {
    "macros": ["errno", "unix", "linux", "EOF", "NULL", "stdin", "INT8_C", "INT_MAX", "HUGE_VAL", "SIGINT", "i386"],
    "words of C and C++": ["int", "register", "restrict", "_Bool", "class", "template", "new", "double", "inline"],
    "types and functions": ["int8_t", "size_t", "FILE", "malloc", "printf", "memcpy", "main", "floor", "div"],
    "ours": ["mce_add", "mce_tensor", "MCE_OK", "MCE_S8", "levels_fixp4", "arena", "a", "x", "y", "in", "out", "layer"],
    "suffixes": ["b", "b_bias", "b_codes", "b_params", "b_params_0", "layer_b", "layer_layer_b"],
    "digits and dots": ["0", "1.2", "layer_3", "3", "0x10", "1e5"],
}


@pytest.mark.parametrize("names", LAYERS.values(), ids=LAYERS)
def test_a_project_compiles_and_is_right_whatever_its_layers_are_called(names, small, tmp_path):
    source, first, *_ = small.graph.nodes
    square = replace(first, shape=(4,))
    weights = first.weights
    import numpy as np

    codes = np.vstack([weights.codes, weights.codes[:1]])
    requant = replace(weights.requant, multiplier=np.append(weights.requant.multiplier, weights.requant.multiplier[:1]))
    bias = np.append(weights.bias, weights.bias[:1])
    square = replace(square, weights=replace(weights, codes=codes, bias=bias, requant=requant), type=source.type)
    nodes, last = [source], source.name
    for name in names:
        nodes.append(replace(square, name=name, inputs=(last,)))
        last = name
    export(Bundle(Graph("small", tuple(nodes), last)), "generic", tmp_path / "c")
    for standard in ("c99", "gnu99"):
        compiles(tmp_path / "c", standard)
    assert verify(tmp_path / "c", count=2).mismatches == 0
