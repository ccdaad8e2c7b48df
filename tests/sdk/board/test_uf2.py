"""A reader written from the format's public description (github.com/microsoft/uf2) finds in a UF2 file what went in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcomp_edge.board.uf2 import encode_uf2
from mixcomp_edge.build.image import Chunk

FAMILY = 0xE48BFF56


def read_uf2(data: bytes) -> dict[int, int]:
    """Address -> byte of everything that a drive would program."""
    assert len(data) % 512 == 0
    word = [[int.from_bytes(data[at + i : at + i + 4], "little") for i in range(0, 512, 4)]
            for at in range(0, len(data), 512)]  # fmt: skip
    memory: dict[int, int] = {}
    for index, block in enumerate(word):
        magic, second, flags, address, size, number, count, family = block[:8]
        assert bytes(data[512 * index : 512 * index + 4]) == b"UF2\n"
        assert (magic, second, block[127]) == (0x0A324655, 0x9E5D5157, 0x0AB16F30)
        assert flags == 0x2000  # a family is named; for main flash; no file, no checksum
        assert (number, count, family) == (index, len(word), FAMILY)
        assert size == 256
        assert address % 256 == 0  # the boot ROM refuses anything else
        for offset in range(size):
            assert address + offset not in memory
            memory[address + offset] = data[512 * index + 32 + offset]
        assert not any(data[512 * index + 32 + size : 512 * index + 508])
    return memory


@st.composite
def images(draw):
    """Chunks that do not overlap, near to and far from one another, at any address."""
    address, chunks = 0x10000000, []
    for gap, data in draw(st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=600)), min_size=1)):
        chunks.append(Chunk(address + gap, data))
        address += gap + len(data)
    return chunks


@settings(max_examples=60, derandomize=True, deadline=None)
@given(images())
def test_every_byte_arrives_once_and_the_rest_stays_erased(chunks):
    memory = read_uf2(encode_uf2(chunks, FAMILY))
    for chunk in chunks:
        for offset, byte in enumerate(chunk.data):
            assert memory.pop(chunk.address + offset) == byte
    assert set(memory.values()) <= {0xFF}


@pytest.mark.parametrize(("length", "blocks"), [(1, 1), (256, 1), (257, 2), (4096, 16)])
def test_a_file_has_a_block_a_page(length, blocks):
    assert len(encode_uf2([Chunk(0x10000000, bytes(length))], FAMILY)) == 512 * blocks


def test_a_chunk_across_a_page_border_takes_two_blocks():
    assert len(encode_uf2([Chunk(0x100000FF, b"ab")], FAMILY)) == 2 * 512
