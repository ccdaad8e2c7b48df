"""The shared vector tables through the C; tests/sdk/numerics/ runs them through the Python."""

import ctypes
import json
from pathlib import Path

import pytest

from firmware import structs
from firmware.structs import TYPES, Memory

VECTORS = Path(__file__).parents[1] / "vectors"


def cases(name: str) -> list[dict]:
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


@pytest.mark.parametrize("case", cases("q32"), ids=lambda case: f"{case['acc']}*{case['m']}<<{case['s']}")
def test_the_table_requantizes(kernels, case):
    assert kernels.test_q32(case["acc"], case["m"], case["s"]) == case["y"]


@pytest.mark.parametrize("case", cases("packing"), ids=lambda case: case["what"])
def test_the_table_packs_and_unpacks(kernels, case):
    type_, values, data = TYPES.index(case["type"]), case["elements"], bytes.fromhex(case["bytes"])
    x = Memory(ctypes.c_uint8, data)
    assert [kernels.test_load(type_, x.pointer, i) for i in range(len(values))] == values
    to = Memory(ctypes.c_int16, [0x5A5A] * len(values))
    kernels.test_unpack(type_, x.pointer, 0, len(values), to.pointer)
    assert list(to.array) == values
    y = structs.garbage(len(data))
    for i, value in enumerate(values):
        kernels.test_store_next(type_, y.pointer, i, value)
    assert y.bytes() == data
