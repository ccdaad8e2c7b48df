"""Recordings in RIFF WAVE files: integers of 8 to 32 bits and floats, also in the extensible form.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991); WAVEFORMATEXTENSIBLE."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.documents import read_bytes
from mixcomp_edge.errors import TaskError

MAX_BYTES = 64 << 20  # of a file: six minutes in stereo
INTEGERS, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE


def read_wav(path: Path) -> tuple[int, NDArray[np.float32]]:
    """(samples a second, (channels, length) in -1..1). TaskError says what is wrong with the file."""
    content = read_bytes(path, MAX_BYTES, TaskError)
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise TaskError(f"{path}: is no WAV file.")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(content) and b"data" not in chunks:
        name, size = struct.unpack_from("<4sI", content, at)
        chunks.setdefault(name, content[at + 8 : at + 8 + size])
        if name in (b"fmt ", b"data") and len(chunks[name]) < size:
            raise TaskError(f"{path}: is cut: {size} bytes announced, {len(chunks[name])} there.")
        at += 8 + size + size % 2
    form = chunks.get(b"fmt ", b"")
    if len(form) < 16 or b"data" not in chunks:
        raise TaskError(f"{path}: is a WAV file without format or samples.")
    kind, channels, rate, _, step, bits = struct.unpack_from("<HHIIHH", form)
    if kind == EXTENSIBLE and len(form) >= 26:
        kind = int(struct.unpack_from("<H", form, 24)[0])
    if not channels or not rate or step != channels * bits // 8:
        raise TaskError(
            f"{path}: says {channels} channels, {rate} samples a second, {step} bytes for {bits} bits each."
        )
    data = chunks[b"data"][: len(chunks[b"data"]) // step * step]
    if not data:
        raise TaskError(f"{path}: holds no samples.")
    values = _numbers(path, kind, bits, data)
    return rate, np.ascontiguousarray(values.reshape(-1, channels).T)


def _numbers(path: Path, kind: int, bits: int, data: bytes) -> NDArray[np.float32]:
    if kind == FLOATS and bits in (32, 64):
        return np.frombuffer(data, f"<f{bits // 8}").astype(np.float32)
    if kind != INTEGERS or bits not in (8, 16, 24, 32):
        raise TaskError(f"{path}: is a WAV file of format {kind} with {bits} bits; integers and floats are read.")
    if bits == 8:  # the only width without a sign
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4").ravel().astype(np.float32) / np.float32(2**31)
    return np.frombuffer(data, f"<i{bits // 8}").astype(np.float32) / np.float32(2 ** (bits - 1))
