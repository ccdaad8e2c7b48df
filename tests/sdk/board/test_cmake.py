"""An exported firmware builds by its own CMake files too, with both compilers, to an image that fits the board."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.image import read_image
from mixcomp_edge.codegen.project import export
from mixcomp_edge.targets.boards import boards


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
@pytest.mark.parametrize("chain", toolchains())
def test_the_firmware_builds_by_cmake(tiny_bundle, chain, tmp_path):
    board = boards()["pico"]  # the one with an assembler file
    export(tiny_bundle, board.target.name, tmp_path / "fw", board=board)
    zig = f"-DZIG={sys.executable};-m;ziglang"
    tool = f"-DCMAKE_TOOLCHAIN_FILE={tmp_path / 'fw' / 'board' / chain}.cmake"
    for words in (["-S", tmp_path / "fw" / "board", "-B", tmp_path / "b", tool, zig], ["--build", tmp_path / "b"]):
        done = subprocess.run(["cmake", *map(str, words)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning:" not in done.stdout + done.stderr
    image = read_image(tmp_path / "b" / "firmware.elf", board)
    assert image.chunks[0].data[252:256] == (0x695D89C6).to_bytes(4, "little")  # the second stage of the boot is in it
