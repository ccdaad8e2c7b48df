"""Compilers, and the kernels as one shared library for the host."""

import ctypes
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mixcomp_edge.codegen.kernels import kernel_source
from mixcomp_edge.ir.graph import TFLM
from mixcomp_edge.plan.kernels import Kernel, catalogue

FIRMWARE = Path(__file__).parents[2] / "firmware"
INCLUDES = "".join(f'#include "mixcomp/{h.name}"\n' for h in sorted((FIRMWARE / "include" / "mixcomp").glob("*.h")))
WRITTEN = tempfile.TemporaryDirectory(prefix="mixcomp-kernels-")
SHIM = Path(__file__).with_name("shim.c")
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow"]
WARNINGS += ["-Wcast-align", "-Wcast-qual", "-Wstrict-prototypes", "-Werror"]


def source(kernel: Kernel) -> Path:
    """The kernel's C as a file, as an exported project would hold it."""
    path = Path(WRITTEN.name) / f"{kernel.name}.c"
    if not path.exists():
        path.write_text(kernel_source(kernel))
    return path


BUILT = [*catalogue(), *(k for k in catalogue(TFLM) if k.isa == "c" and k not in catalogue())]  # other cores: poe long
SOURCES = [source(kernel) for kernel in BUILT]


def host_compiler() -> list[str]:
    for name in ("gcc", "clang"):
        if shutil.which(name):
            return [name]
    return [sys.executable, "-m", "ziglang", "cc"]


def compile_c(compiler: list[str], flags: list[str], sources: list[Path], output: Path) -> None:
    command = [*compiler, *flags, f"-I{FIRMWARE / 'include'}", *map(str, sources), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def compile_many(compiler: list[str], flags: list[str], sources: list[Path], library: Path) -> None:
    """A shared library, by as many compilers at a time as there are cores: who else needs it waits."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = [Path(name) / f"{source.stem}.o" for source in sources]
        jobs = [pool.submit(compile_c, compiler, [*flags, "-c"], [s], o) for s, o in zip(sources, objects, strict=True)]
        for job in jobs:
            job.result()
        compile_c(compiler, [*flags, "-shared"], objects, library)


def load(folder: Path) -> ctypes.CDLL:
    """The kernels and the shim, as a Release build has them, without a warning; MCE_TEST_LIBRARY names a library that
    is already built (with sanitizers, say)."""
    if built := os.environ.get("MCE_TEST_LIBRARY"):
        return ctypes.CDLL(built)
    path = folder / "libkernels.so"
    with (folder / "libkernels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            compile_many(host_compiler(), [*WARNINGS, "-O3", "-fPIC"], [*SOURCES, SHIM], path)
    return ctypes.CDLL(str(path))
