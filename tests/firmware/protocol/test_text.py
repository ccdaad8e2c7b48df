"""MLPerf Tiny's commands, as its public runner sends them and reads the answers."""

from __future__ import annotations

import ctypes
import math
import re
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware.protocol.host_device import INPUTS

HEX_PER_LINE = 31  # bytes that the runner sends in one db command


def load(device, data: bytes) -> list[str]:
    said = device.command(f"db load {len(data)}")
    for at in range(0, len(data), HEX_PER_LINE):
        said += device.command(f"db {data[at : at + HEX_PER_LINE].hex()}")
    return said


def sums(x: np.ndarray) -> np.ndarray:
    """What device.c's model computes: output bytes."""
    return np.array([(x[i::4].astype(int) + 1).sum() % 256 for i in range(4)])


def results(values) -> str:
    return f"m-results-[{','.join(f'{value:.3f}' for value in values)}]"


def test_boot_says_mode_time_and_ready(device):
    said = device.boot().decode()
    assert re.fullmatch(r"m-timestamp-mode-performance\r\nm-lap-us-\d+\r\nm-init-done\r\nm-ready\r\n", said)


def test_name_profile_and_model(device):
    assert device.command("name") == ["m-name-dut-[mixcomp-edge]"]
    profile, model = device.command("profile")
    assert re.fullmatch(r"m-profile-\[[^]]+\]", profile)
    assert model == "m-model-[ic01]"


def test_timestamps_are_microseconds_that_grow(device):
    first, second = (int(device.command("timestamp")[0].removeprefix("m-lap-us-")) for _ in range(2))
    assert (first, second) == (400_000, 800_000)  # device.c's clock moves 400,000 us each time it is read


def test_an_unknown_command_is_named_by_its_first_word(device):
    assert device.command("frobnicate 1 2") == ["e-[Unknown command: frobnicate]"]
    assert device.command("NAME") == ["e-[Unknown command: NAME]"]
    assert device.command("") == ["e-[Unknown command: ]"]
    assert device.command("names") == ["e-[Unknown command: names]"]


def test_help_names_every_command(device):
    text = "\n".join(device.command("help"))
    for word in ("name", "profile", "timestamp", "db load N", "db HH", "db print", "infer N", "results", "help"):
        assert word in text


def test_loading_and_printing(device):
    data = bytes(range(256)) + bytes(range(44))
    assert load(device, data) == [f"m-[Expecting {INPUTS} bytes]", "m-load-done"]
    lines = device.command("db print")
    assert lines[0] == "m-buffer-00-01-02-03-04-05-06-07"
    assert lines[-1] == "m-buffer-28-29-2a-2b"
    assert bytes.fromhex("".join(line.removeprefix("m-buffer-").replace("-", "") for line in lines)) == data


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("db", "e-[Command 'db' needs load, print or hex digits]"),
        ("db load", "e-[Command 'db load' needs a number of bytes above 0]"),
        ("db load x", "e-[Command 'db load' needs a number of bytes above 0]"),
        ("db load 301", "e-[An input has 300 bytes, not 301]"),
        ("db load 299", "e-[An input has 300 bytes, not 299]"),
        ("db load 4294967295", "e-[An input has 300 bytes, not 4294967295]"),
        ("db 12", "e-[Command 'db load' comes first]"),
        ("db load 4294967297", "e-[Command 'db load' needs a number of bytes above 0]"),
        ("db 123", "e-[Insufficent number of hex digits]"),
        ("infer 0", "e-[Inferences must be above 0, warmups a number]"),
        ("infer 1 x", "e-[Inferences must be above 0, warmups a number]"),
        ("infer 1", "e-[Load 300 bytes first]"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(device, command, answer):
    assert device.command(command) == [answer]


def test_a_wrong_digit_is_named_and_the_rest_of_a_line_kept_out(device):
    device.command("db load 300")
    assert device.command("db 0g") == ["e-[Invalid hex digit in '0g']"]
    for _ in range(298):
        assert device.command("db 11") == []
    assert device.command("db 01A5ff") == ["m-load-done"]
    assert device.command("db 77") == []
    assert device.command("db print")[-1] == "m-buffer-11-11-01-a5"


def test_an_input_of_another_size_leaves_none_to_infer(device):
    """As the public runner goes on: it reads no error, but must not get the result of the input before."""
    load(device, bytes(INPUTS))
    assert load(device, bytes(64)) == [f"e-[An input has {INPUTS} bytes, not 64]"] + 3 * [
        "e-[Command 'db load' comes first]"
    ]
    assert device.command("infer 1 0") == [f"e-[Load {INPUTS} bytes first]"]


@pytest.mark.parametrize("kind", [0, 2])
def test_an_inference_has_the_runners_lines_in_its_order(device, kind):
    device.reset(kind)
    x = np.arange(INPUTS) % 256
    load(device, bytes(x.astype(np.uint8)))
    said = device.command("infer 1 0")
    assert [re.sub(r"us-\d+", "us-T", line) for line in said] == [
        "m-warmup-start-0", "m-warmup-done", "m-infer-start-1", "m-lap-us-T", "m-lap-us-T", "m-infer-done",
        results(0.25 * (sums(x) - 75)),
    ]  # fmt: skip
    assert device.command("results") == [said[-1]]


def test_ten_inferences_warm_up_by_default(device):
    load(device, bytes(INPUTS))
    said = device.command("infer")
    assert said[0] == "m-warmup-start-10"
    assert said[2] == "m-infer-start-1"
    assert device.command("infer 3 2")[-1] == said[-1] == results(4 * [0.0])


def test_an_input_without_room_of_its_own_serves_one_inference(device):
    device.reset(2)
    load(device, bytes(INPUTS))
    assert device.command("infer 2 0")[0].startswith("e-[No room to keep the input")
    assert device.command("infer 1 0")[-1] == results(4 * [0.0])
    assert device.command("infer 1 0") == ["e-[Load 300 bytes first]"]


def test_floats_are_quantized_and_the_result_is_the_mean_squared_error(device):
    device.reset(1)
    values = np.linspace(-3, 130, INPUTS).astype(np.float32)
    load(device, values.tobytes())
    codes = np.clip(np.floor(values / np.float32(0.5) + np.float32(0.5)) + 3, 0, 255).astype(np.uint8)
    error = np.mean((0.25 * (sums(codes) - 75) - values[:4]) ** 2)
    first = device.command("infer 1 1")[-1]
    assert float(first.removeprefix("m-results-[").removesuffix("]")) == pytest.approx(error, abs=0.002)
    assert device.command("infer 1 0")[-1] == first


def probabilities(device, codes: list[int], exponentials: list[int], *, signed: bool) -> list[float]:
    """What the firmware says of an output of four codes."""
    device.reset()
    device.classify(exponentials, signed)
    x = np.zeros(INPUTS, np.uint8)
    x[:4] = [(code - INPUTS // 4) % 256 for code in codes]  # device.c's model adds 1 to each of its inputs
    load(device, x.tobytes())
    said = device.command("infer 1 0")[-1]
    assert re.fullmatch(r"m-results-\[[01]\.\d{3}(,[01]\.\d{3}){3}\]", said)
    return [float(number) for number in said.removeprefix("m-results-[").removesuffix("]").split(",")]


def table(scale: float) -> list[int]:
    return [round(2**15 * math.exp(-distance * scale)) for distance in range(256)]


@given(codes=st.lists(st.integers(0, 255), min_size=4, max_size=4), scale=st.floats(1e-4, 2), signed=st.booleans())
@example(codes=[254, 255, 254, 255], scale=1e-4, signed=False)
@example(codes=[0, 0, 0, 1], scale=1e-4, signed=True)
@example(codes=[128, 127, 0, 255], scale=0.1, signed=True)
def test_classes_come_as_the_softmax_of_the_specification_and_the_largest_stays_the_largest(
    library, codes, scale, signed
):
    said = probabilities(library, codes, table(scale), signed=signed)
    q = [code - 256 if signed and code >= 128 else code for code in codes]
    e = [table(scale)[max(q) - value] for value in q]
    y = [min(255, (256 * value + sum(e) // 2) // sum(e)) for value in e]
    top = q.index(max(q))
    for i in range(4):
        hidden = i < top and y[i] == y[top]
        assert said[i] == pytest.approx((y[i] - hidden) / 256, abs=0.0005001)
    normalized = [value / sum(said) for value in said]  # as the public runner does
    assert int(np.argmax(normalized)) == top


def test_results_of_classes_can_be_asked_for_again(device):
    first = probabilities(device, [10, 200, 30, 40], table(0.02), signed=False)
    assert device.command("results") == [results(first)]


def test_energy_mode_marks_time_on_the_pin_and_tells_none(device):
    load(device, bytes(INPUTS))
    device.c.test_energy()
    assert device.boot().decode() == "m-timestamp-mode-energy\r\nm-init-done\r\nm-ready\r\n"
    assert device.c.test_marks() == 1
    said = device.command("infer 2 1")
    assert [line.split("-[")[0] for line in said] == [
        "m-warmup-start-1", "m-warmup-done", "m-infer-start-2", "m-infer-done", "m-results",
    ]  # fmt: skip
    assert device.c.test_marks() == 3
    assert device.command("timestamp") == []
    assert device.c.test_marks() == 4


@given(bits=st.integers(0, 2**32 - 1))
def test_three_decimals_are_those_of_printf(library, bits):
    (value,) = struct.unpack("<f", struct.pack("<I", bits))
    if abs(value) < 2**53 / 1000:
        room = ctypes.create_string_buffer(28)
        assert library.c.test_milli(value, room).decode() == f"{value:.3f}"


@given(value=st.floats(-200, 400, width=32), scale=st.floats(0.0625, 4, width=32), zero=st.integers(0, 255))
def test_the_input_code_is_that_of_the_specification(library, value, scale, zero):
    steps = np.floor(np.float32(value) / np.float32(scale) + np.float32(0.5))
    assert library.c.test_input_code(value, scale, zero) == int(np.clip(steps + zero, 0, 255))
