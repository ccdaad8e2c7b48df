"""Files that are not a Thumb ELF, or were one before they were damaged, give an EmulatorError and nothing else."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixcomp_sim import Emulator, EmulatorError

PROGRAM = """.text
.global f
.type f,%function
f: adds r0,#1
mce_layer_0_end:
 bx lr
.data
.word 1, 2, 3
"""


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"MZ" * 100, bytes(1000)])
def test_other_files_are_refused(data):
    with pytest.raises(EmulatorError, match="ELF"):
        Emulator(data, "cortex-m4")


def test_an_elf_for_the_host_is_refused():
    with pytest.raises(EmulatorError, match="another machine"):
        Emulator(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01" + bytes(100), "cortex-m4")


def test_an_object_file_is_refused(gcc):
    elf = gcc.build("cortex-m4", PROGRAM)
    with pytest.raises(EmulatorError, match="Link it first"):
        Emulator(elf.with_suffix(".o"), "cortex-m4")


def test_bytes_and_paths_are_the_same(gcc):
    elf = gcc.build("cortex-m4", PROGRAM)
    for source in (elf, elf.read_bytes()):
        assert Emulator(source, "cortex-m4").call("f", 1, count=True).counts.layers == (1, 1)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_an_emulator_error_or_runs(gcc, data):
    raw = bytearray(gcc.build("cortex-m4", PROGRAM).read_bytes())
    headers = list(range(52 + 32 * 3)) + list(range(len(raw) - 40 * 12, len(raw)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.sampled_from(headers))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw))) if data.draw(st.booleans()) else len(raw)
    with contextlib.suppress(EmulatorError):
        Emulator(bytes(raw[:cut]), "cortex-m4").call("f", 1, count=True, budget=10_000, timeout_s=1)
