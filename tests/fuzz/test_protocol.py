"""A short run of the fuzzer of the board's parser; `bash tests/fuzz/protocol.sh` is the long one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("protocol.sh")


def has_libfuzzer(folder: Path) -> bool:
    (folder / "x.c").write_text("int LLVMFuzzerTestOneInput(const char *d, long n) { return (int)(d && n < 0); }")
    words = ["clang", "-fsanitize=fuzzer,address,undefined", str(folder / "x.c"), "-o", str(folder / "x")]
    return shutil.which("clang") is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_the_parser_takes_fifty_thousand_inputs_without_a_finding(tmp_path):
    if not has_libfuzzer(tmp_path):
        pytest.skip("needs clang with libFuzzer (Debian: clang libclang-rt-dev)")
    surroundings = {**os.environ, "MIXCOMP_CACHE": str(tmp_path)}
    done = subprocess.run(["bash", SCRIPT, "50000"], env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "number_of_executed_units: 50000" in done.stdout
