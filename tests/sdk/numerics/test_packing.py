"""Two elements to a byte: the shared table, all bytes, all odd lengths."""

import json
from pathlib import Path

import numpy as np
import pytest

from mixcomp_edge.numerics.packing import pack_elements, pack_rows, unpack_elements, unpack_rows

CASES = json.loads((Path(__file__).parents[2] / "vectors" / "packing.json").read_text())["cases"]
RANGE = {
    "u4": (0, 15), "s4": (-8, 7), "u8": (0, 255), "s8": (-128, 127), "u16": (0, 65535), "s16": (-32768, 32767),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_the_table_packs_and_unpacks(case):
    bits, signed = int(case["type"][1:]), case["type"][0] == "s"
    assert pack_elements(np.array(case["elements"], np.int64), bits).hex() == case["bytes"]
    unpacked = unpack_elements(bytes.fromhex(case["bytes"]), len(case["elements"]), bits, signed=signed)
    assert unpacked.tolist() == case["elements"]


@pytest.mark.parametrize(("type_", "low"), [("u4", 0), ("s4", -8)])
def test_every_byte_is_its_low_nibble_then_its_high_one(type_, low):
    for byte in range(256):
        pair = [byte % 16, byte // 16]
        if low:
            pair = [v - 16 if v > 7 else v for v in pair]
        assert unpack_elements(bytes([byte]), 2, 4, signed=low < 0).tolist() == pair
        assert pack_elements(np.array(pair), 4) == bytes([byte])


@pytest.mark.parametrize(("type_", "low"), [("u8", 0), ("s8", -128)])
def test_eight_bits_are_a_byte_each(type_, low):
    values = list(range(low, low + 256))
    packed = pack_elements(np.array(values), 8)
    assert packed == bytes(v % 256 for v in values)
    assert unpack_elements(packed, 256, 8, signed=low < 0).tolist() == values


@pytest.mark.parametrize(("type_", "low"), [("u16", 0), ("s16", -32768)])
def test_sixteen_bits_are_two_bytes_the_low_one_first(type_, low):
    values = [*range(low, low + 65536, 7), low + 65535]
    packed = pack_elements(np.array(values), 16)
    assert packed == b"".join(bytes((v % 256, v // 256 % 256)) for v in values)
    assert unpack_elements(packed, len(values), 16, signed=low < 0).tolist() == values


@pytest.mark.parametrize("type_", RANGE)
@pytest.mark.parametrize("length", range(1, 34))
def test_unpack_undoes_pack_at_every_length_and_the_last_high_nibble_is_zero(type_, length):
    low, high = RANGE[type_]
    bits = int(type_[1:])
    values = [low + (7 * i + length) % (high - low + 1) for i in range(length)]
    packed = pack_elements(np.array(values), bits)
    assert len(packed) == (length * bits + 7) // 8
    assert unpack_elements(packed, length, bits, signed=low < 0).tolist() == values
    if bits == 4 and length % 2:
        assert packed[-1] < 16


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8])
def test_rows_are_filled_one_by_one(length):
    rows = np.arange(3 * length).reshape(3, length) % 16
    packed = pack_rows(rows)
    assert packed.dtype == np.uint8
    assert packed.shape == (3, (length + 1) // 2)
    for row, codes in zip(packed, rows.tolist(), strict=True):
        filled = [*codes, 0, 0]
        assert row.tolist() == [filled[i] + 16 * filled[i + 1] for i in range(0, length, 2)]
    np.testing.assert_array_equal(unpack_rows(packed, length), rows)


def test_a_tensor_of_any_shape_packs_in_row_major_order():
    q = np.arange(12).reshape(2, 3, 2)
    assert pack_elements(q, 4) == bytes.fromhex("1032547698ba")
    by_channel = [(0, 6), (2, 8), (4, 10), (1, 7), (3, 9), (5, 11)]  # a view with other strides
    assert pack_elements(q.transpose(2, 1, 0), 4) == bytes(a + 16 * b for a, b in by_channel)
