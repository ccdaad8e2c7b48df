"""The PC build of the exported README, of the built-in networks for every target: by each compiler, in each of CMake's
build types, it computes the golden vector."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from e2e.test_matrix import TASKS, calibrated
from mixcomp_edge import export, load_bundle, save_bundle
from mixcomp_edge.targets import targets

TYPES = ("", "Debug", "MinSizeRel", "RelWithDebInfo")  # "": as the README has it, which is Release


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """(task, width of activations, weights) -> a file, made once."""

    @cache
    def made(task: str, act_bits: int, weights: str) -> Path:
        path = tmp_path_factory.mktemp("bundles") / f"{task}.mce"
        save_bundle(calibrated(task, act_bits, weights), path)
        return path

    return made


@pytest.mark.long
@pytest.mark.parametrize("on", targets())
@pytest.mark.parametrize(("act_bits", "weights"), [(4, "fixp4"), (8, "mixed")])
@pytest.mark.parametrize("task", TASKS)
def test_the_readmes_pc_build_computes_the_golden_vector(task, act_bits, weights, on, bundle, request, tmp_path):
    if task != "digits":
        request.getfixturevalue("data_folder")
    if not shutil.which("cmake"):
        pytest.skip("cmake is not installed")
    export(load_bundle(bundle(task, act_bits, weights)), on, tmp_path / "c")
    for compiler in filter(shutil.which, ("gcc", "clang")):
        for kind in TYPES:
            build = tmp_path / f"{compiler}{kind}"
            made = [f"-DCMAKE_C_COMPILER={compiler}", *([f"-DCMAKE_BUILD_TYPE={kind}"] if kind else [])]
            ran(["cmake", "-S", str(tmp_path / "c"), "-B", str(build), *made])
            ran(["cmake", "--build", str(build)])
            assert "0 tests failed" in ran(["ctest", "--test-dir", str(build), "-V"])


def ran(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
