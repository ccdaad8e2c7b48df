"""Weights of 4 bits whose levels leave int4, in 4 bits all the same: codes and a table of their levels, of which the
operation TFLM_DECODE makes int8s in the arena before each inference. Less flash, more RAM; the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.ir.tflite import Operation, Tensor
from mixcomp_edge.tflite.network import Network

KIND = "TFLM_DECODE"
CODES = 16
WORDS = 320  # bytes, about, that an operation and two tensors more take in the file
# TFLM's decode_state.h and decode_state_lut.h: a header of 16 bytes: by table (0), version 1; from the fourth on
# version 1 of that, bits of a code, entries from one channel's table to the next
HEADER = bytes((0, 1, 0, 0, 1, 4, CODES, *(0,) * 9))


def decoded(network: Network) -> Network:
    """The network with such weights decoded, where codes and tables are smaller than int8s."""
    made: list[Operation] = []
    before: dict[str, Operation] = {}  # weights may serve several operations
    for operation in network.operations:
        inputs = []
        for tensor in operation.inputs:
            decode = before.get(tensor.name) or _decode(tensor)
            if decode is not None and tensor.name not in before:
                before[tensor.name] = decode
                made.append(decode)
            inputs.append(tensor if decode is None else decode.output)
        made.append(replace(operation, inputs=tuple(inputs)))
    met = [*network.inputs, *(t for op in made for t in (*op.inputs, op.output)), *network.outputs]
    return replace(network, tensors=tuple({t.name: t for t in met}.values()), operations=tuple(made))


def _decode(tensor: Tensor) -> Operation | None:
    if tensor.data is None or tensor.scale is None or tensor.type != "INT8":
        return None
    levels, codes = np.unique(tensor.data, return_inverse=True)
    tables = len(tensor.scale)
    if len(levels) > CODES or -(-codes.size // 2) + CODES * tables + len(HEADER) + WORDS >= codes.size:
        return None
    table = np.zeros(CODES, np.int8)
    table[: len(levels)] = levels
    told = np.concatenate([np.frombuffer(HEADER, np.int8), np.tile(table, tables)]).view(np.uint8)
    parts = (_bytes(tensor, "codes", _packed(codes.ravel())), _bytes(tensor, "tables", told))
    return Operation(KIND, parts, replace(tensor, data=None))


def _packed(codes: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Two to a byte, the first in the high half."""
    padded = np.append(codes, np.zeros(codes.size % 2, codes.dtype)).astype(np.uint8)
    return (padded[::2] << 4 | padded[1::2]).astype(np.uint8)


def _bytes(tensor: Tensor, name: str, content: NDArray[np.uint8]) -> Tensor:
    return Tensor(f"{tensor.name}/{name}", content.shape, "UINT8", data=content.astype(np.int64))
