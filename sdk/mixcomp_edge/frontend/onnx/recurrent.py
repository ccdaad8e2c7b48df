"""Recurrent layers: LSTM, GRU and RNN of a file as torch's, whose gates have another order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixcomp_edge.frontend.onnx.calls import Call, Value, onnx_operator

ORDERS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}  # of torch's gates, as the file numbers them
FUNCTIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
WAYS = {"forward": 1, "reverse": 1, "bidirectional": 2}
BIAS = 3
NAMES = {1: "weight_ih", 2: "weight_hh", BIAS: "bias"}


def _prepare(call: Call, arrays: list[Any]) -> list[Any]:
    """Weights and biases by torch's gates; the two biases, which a file has side by side, one behind the other."""
    order = ORDERS[call.operation.kind]
    for at in range(1, min(4, len(arrays))):
        if arrays[at] is None:
            if call.operation.inputs[at]:
                raise call.refuse("a weight that is computed")
            continue
        ways, rows = arrays[at].shape[:2] if arrays[at].ndim > 1 else (0, 0)
        if not ways or not rows or rows % (len(order) * (2 if at == BIAS else 1)):
            raise call.refuse(f"weights of shape {arrays[at].shape}")
        if at == BIAS:
            arrays[at] = arrays[at].reshape(len(arrays[at]), 2, -1)
        gates = np.split(arrays[at], len(order), -1 if at == BIAS else 1)
        arrays[at] = np.ascontiguousarray(np.concatenate([gates[gate] for gate in order], -1 if at == BIAS else 1))
    return arrays


@onnx_operator("LSTM", "GRU", "RNN", prepare=_prepare, names=NAMES)
def _recurrent(
    call: Call, x: Tensor, ih: Tensor, hh: Tensor, bias: Tensor | None = None, lengths: Value | None = None,
    h: Value | None = None, c: Value | None = None, peepholes: Value | None = None,
) -> list[Tensor]:  # fmt: skip
    kind, way = call.operation.kind, call.get("direction", "forward")
    function = _checked(call, lengths is not None, peepholes is not None)
    x = x.transpose(0, 1) if call.get("layout", 0) else x
    _check_shapes(call, x, ih, hh, bias)
    steps, samples, size = x.shape[0], x.shape[1], hh.shape[2]
    parameters = [
        part[i] for i in range(WAYS[way]) for part in (ih, hh, *(() if bias is None else (bias[:, 0], bias[:, 1])))
    ]
    states = [_states(call, given, WAYS[way], samples, size, x) for given in (h, c)[: 1 + (kind == "LSTM")]]
    settings = (parameters, bias is not None, 1, 0.0, False, WAYS[way] == 2, False)
    x = x.flip(0) if way == "reverse" else x
    y, *last = function(x, states if kind == "LSTM" else states[0], *settings)
    y = y.flip(0) if way == "reverse" else y
    y = y.reshape(steps, samples, WAYS[way], size).transpose(1, 2)
    if call.get("layout", 0):
        return [y.permute(2, 0, 1, 3), *(state.transpose(0, 1) for state in last)]
    return [y, *last]


def _check_shapes(call: Call, x: Tensor, ih: Tensor, hh: Tensor, bias: Tensor | None) -> None:
    """torch reads what is too small beyond its end."""
    if x.dim() != 3 or ih.dim() != 3 or hh.dim() != 3:
        raise call.refuse(f"{x.dim()}, {ih.dim()} and {hh.dim()} dimensions")
    ways, rows = WAYS[call.get("direction", "forward")], len(ORDERS[call.operation.kind]) * hh.shape[2]
    wanted = (ways, rows, x.shape[2]), (ways, rows, hh.shape[2]), (ways, 2, rows)
    for found, shape in zip((ih, hh, bias), wanted, strict=True):
        if found is not None and tuple(found.shape) != shape:
            what = f"weights of shape {tuple(found.shape)} for {shape}"
            raise call.refuse(what, "export it with a number of samples that may vary, if it has one in a reshape")


def _checked(call: Call, has_lengths: bool, has_peepholes: bool) -> Any:
    """torch's function for it; what that has not is refused."""
    kind, way = call.operation.kind, call.get("direction", "forward")
    texts = [a.decode() if isinstance(a, bytes) else str(a) for a in call.get("activations", [])]
    named = [text.capitalize() for text in texts] or FUNCTIONS[kind] * WAYS[way]
    one = named[: len(FUNCTIONS[kind])]
    if named != one * WAYS[way] or (one != FUNCTIONS[kind] and (kind, one) != ("RNN", ["Relu"])):
        raise call.refuse(f"the activations {', '.join(named)}")
    if call.get("clip") or call.get("input_forget", 0) or has_peepholes:
        raise call.refuse("a clip, coupled gates or peepholes")
    if has_lengths:
        raise call.refuse("lengths of sequences", "give all sequences the same length")
    if kind == "GRU" and not call.get("linear_before_reset", 0):
        raise call.refuse("a reset before the product", "export it with linear_before_reset = 1, as torch has it")
    if kind == "RNN":
        return torch.rnn_relu if one == ["Relu"] else torch.rnn_tanh
    return torch.lstm if kind == "LSTM" else torch.gru


def _states(call: Call, given: Value | None, ways: int, samples: int, size: int, x: Tensor) -> Tensor:
    """First states (ways, N, H); those of a file are for as many samples as it was written for."""
    if given is None or (not isinstance(given, Tensor) and not given.any()):
        return x.new_zeros(ways, samples, size)
    turned = call.get("layout", 0) and given.ndim > 1
    alike: Any = given.swapaxes(0, 1) if turned else given
    if alike.ndim != 3 or (alike.shape[0], alike.shape[2]) != (ways, size):
        raise call.refuse(f"first states of shape {tuple(given.shape)}")
    if isinstance(alike, Tensor):
        if alike.shape[1] != samples:
            raise call.refuse(f"first states of {alike.shape[1]} samples for {samples}")
        return alike
    if not (alike == alike[:, :1]).all():
        raise call.refuse("first states that differ among samples")
    return torch.from_numpy(alike[:, :1].copy()).expand(ways, samples, size)
