import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware import build
from firmware.write_sizes import KERNELS
from mixcomp_edge.ir.graph import TFLM
from mixcomp_edge.plan.kernels import catalogue

FEW = 5  # layers a kernel in CI, where only portable C has kernels of contract tflm
HERE = Path(__file__).parent
INCLUDE = f"-I{build.FIRMWARE / 'include'}"


def test_every_kernel_compiles_without_a_warning(kernels):
    """By the compiler of this machine, which makes this library with build.WARNINGS."""
    assert [kernel.name for kernel in catalogue() if not hasattr(kernels, kernel.name)] == []


def test_no_kernel_makes_clang_warn():
    if not shutil.which("clang"):
        pytest.skip("clang is not installed")
    command = ["clang", *build.WARNINGS, "-fsyntax-only", INCLUDE, *map(str, build.SOURCES)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_headers_serve_cpp(compiler, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    headers = sorted((build.FIRMWARE / "include").rglob("*.h"))
    source = tmp_path / "all.cpp"
    source.write_text("".join(f'#include "{h.relative_to(build.FIRMWARE / "include")}"\n' for h in headers))
    command = [
        compiler,
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        INCLUDE,
        "-fsyntax-only",
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.long
def test_every_kernel_is_cpp_too():
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    words = ["g++", "-x", "c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", INCLUDE]
    done = subprocess.run([*words, *(str(build.source(k)) for k in KERNELS)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_kernels_include_only_stdint_and_in_one_place_the_vector_intrinsics():
    files = [*build.SOURCES, *(build.FIRMWARE / "include" / "mixcomp").rglob("*.h")]
    found = {(name, f.name) for f in files for name in re.findall(r"#include\s+(\S+)", f.read_text())}
    outside = {(name, where) for name, where in found if not name.startswith('"mixcomp/')}
    assert {name for name, where in outside if where != "mve.h"} == {"<stdint.h>"}
    assert [name for name, where in outside if where == "mve.h"] == ["<arm_mve.h>"]


def sanitized(compiler: str, folder: Path, examples: int, kernels: list[Path]) -> dict[str, str]:
    """The environment in which Python loads these kernels with AddressSanitizer and UndefinedBehaviorSanitizer."""
    name = {"gcc": "libasan.so", "clang": f"libclang_rt.asan-{platform.machine()}.so"}[compiler]
    runtime = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
    if not Path(runtime).is_absolute():
        pytest.skip(f"{compiler} has no {name}")
    flags = ["-std=c99", "-O0", "-g1", "-fPIC", "-shared", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    library = folder / "libkernels_sanitized.so"
    shared = ["-shared-libasan"] if compiler == "clang" else []
    build.compile_c([compiler], [*flags, *shared], [*kernels, build.SHIM], library)
    return os.environ | {
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0:symbolize=0",  # a symbolizer of clang outlives its process and holds our pipe
        "MCE_TEST_LIBRARY": str(library),
        "MCE_TEST_EXAMPLES": str(examples),
    }


@pytest.mark.parametrize(
    ("compiler", "examples"),
    [("gcc", FEW), *(pytest.param(name, 40, marks=pytest.mark.long) for name in ("gcc", "clang"))],
)
def test_no_case_leaves_its_memory_or_overflows(compiler, examples, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    kernels = build.SOURCES if examples == FEW else [build.source(k) for k in KERNELS]
    environment = sanitized(compiler, tmp_path, examples, kernels)
    assert " passed" in ran(environment, HERE)
    short = (
        "import ctypes, sys; sys.path.insert(0, 'tests'); from firmware import structs, build\n"
        "k = build.load(None); y = structs.garbage(17)\n"
        "k.test_store_next(2, y.pointer, 16, 1); print('inside', flush=True)\n"
        "k.test_store_next(2, y.pointer, 17, 1); print('outside')"
    )
    done = subprocess.run(
        [sys.executable, "-c", short], env=environment, cwd=HERE.parents[1], capture_output=True, text=True
    )
    assert done.stdout == "inside\n"
    assert "heap-buffer-overflow" in done.stderr


def ran(environment: dict[str, str], *words: object) -> str:
    """What pytest says, which passes."""
    command = [sys.executable, "-m", "pytest", *map(str, words), "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_kernel_of_contract_tflm_leaves_its_memory_in_many_graphs(compiler, tmp_path):
    """Those for cores with instructions of their own, too, by their plain C for PCs."""
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    environment = sanitized(compiler, tmp_path, 40, [build.source(kernel) for kernel in catalogue(TFLM)])
    assert "1 passed" in ran(environment, HERE / "test_tflm.py", "-m", "long")
