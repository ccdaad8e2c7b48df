"""Bundles taken apart and signed again, without the code that reads and writes them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixcomp_edge.bundle import Bundle
from support.integer_graphs import forked_graph, small_graph, worded_graph

DTYPES = {"U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "I32": "<i4", "I64": "<i8", "F32": "<f4", "BOOL": "|b1"}


@dataclass
class Parts:
    """The JSON content, and each tensor as (dtype as safetensors names it, shape, bytes)."""

    content: dict[str, Any]
    tensors: dict[str, tuple[str, list[int], bytes]]

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.content["graph"]["nodes"] if node["name"] == name)

    def array(self, name: str) -> np.ndarray:
        dtype, shape, data = self.tensors[name]
        return np.frombuffer(data, DTYPES[dtype]).reshape(shape).copy()

    def put(self, name: str, array: np.ndarray) -> None:
        names = {np.dtype(text).str: key for key, text in DTYPES.items()}
        self.tensors[name] = (names[array.dtype.str], list(array.shape), array.tobytes())


def whole() -> bytes:
    return Bundle(small_graph(), {"task": "test", "plan": {"default": {"weights": "fixp4"}}}).to_bytes()


def forked() -> bytes:
    """Of several inputs and outputs."""
    return Bundle(forked_graph()).to_bytes()


def worded() -> bytes:
    """Of tokens."""
    return Bundle(worded_graph()).to_bytes()


def taken_apart(data: bytes) -> Parts:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    content = json.loads(header.pop("__metadata__")["mixcomp"])["content"]
    body = data[8 + length :]
    tensors = {n: (t["dtype"], t["shape"], body[slice(*t["data_offsets"])]) for n, t in header.items()}
    return Parts(content, tensors)


def signed(parts: Parts, *, digests: bool = True) -> bytes:
    """The parts as a file in which every SHA-256 is right."""
    if digests:
        parts.content["sha256"] = {
            name: hashlib.sha256(f"{DTYPES[dtype]}{tuple(shape)}".encode() + data).hexdigest()
            for name, (dtype, shape, data) in parts.tensors.items()
        }
    text = json.dumps(parts.content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return container(parts.tensors, json.dumps({"content": parts.content, "sha256": digest}))


def container(tensors: dict[str, tuple[str, list[int], bytes]], text: str | None) -> bytes:
    """A safetensors file with `text` as our metadata entry; None: without metadata."""
    header: dict[str, Any] = {} if text is None else {"__metadata__": {"mixcomp": text}}
    offset, body = 0, b""
    for name, (dtype, shape, data) in sorted(tensors.items(), key=lambda item: (-width(item[1][0]), item[0])):
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset, body = offset + len(data), body + data
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + body


def width(dtype: str) -> int:
    return np.dtype(DTYPES[dtype]).itemsize
