"""Two 4-bit values to a byte, even index in the low nibble; values of 16 bits, low byte first. SPEC.md 1 and 2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pack_rows(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """values (R, K), each the low four bits of an integer, to (R, ceil(K/2)) bytes. An odd row is filled with 0."""
    nibbles = (values & 0x0F).astype(np.uint8)
    if nibbles.shape[1] % 2:
        nibbles = np.pad(nibbles, ((0, 0), (0, 1)))
    return (nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)).astype(np.uint8)


def unpack_rows(packed: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """packed (R, ceil(length/2)) bytes to (R, length) nibbles, 0..15."""
    nibbles = np.stack([packed & 0x0F, packed >> 4], axis=-1).reshape(packed.shape[0], -1)
    return nibbles[:, :length]


def pack_elements(q: NDArray[np.integer], bits: int) -> bytes:
    """A tensor's elements as the bytes that kernels read: two to a byte for 4 bits, else one or two bytes each."""
    flat = np.asarray(q).reshape(1, -1)
    if bits > 4:
        return (flat & ((1 << bits) - 1)).astype(f"<u{bits // 8}").tobytes()
    return pack_rows(flat).tobytes()


def unpack_elements(data: bytes, count: int, bits: int, *, signed: bool) -> NDArray[np.int64]:
    """(count,) elements out of the bytes that a kernel wrote."""
    raw = np.frombuffer(data, np.uint8 if bits == 4 else f"<u{bits // 8}")
    flat = (unpack_rows(raw[None, :], count)[0] if bits == 4 else raw[:count]).astype(np.int64)
    return np.where(flat >= 1 << (bits - 1), flat - (1 << bits), flat) if signed else flat
