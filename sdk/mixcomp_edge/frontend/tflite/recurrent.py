"""Recurrent layers of TensorFlow Lite as torch's. Each call is a whole sequence, which begins with states of 0, as in
the networks that such files come from; TensorFlow Lite itself keeps them until it is told to forget."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mixcomp_edge.frontend.tflite.module import Call, tflite_module

GATES = 4  # input, forget, cell, output: torch's order and the file's
TANH, RELU = 4, 1  # of the schema's ActivationFunctionType
FORWARD, BACKWARD = 1, 18  # where the weights of a way begin: x's and h's, peepholes, biases, projection
WAY, HIDDEN, PEEPHOLES, BIASES, PROJECTION = 17, 4, 8, 11, 15  # its length; where the parts begin in it
NORMS = {"UNIDIRECTIONAL_SEQUENCE_LSTM": slice(20, 24), "BIDIRECTIONAL_SEQUENCE_LSTM": slice(39, 48)}  # or a second x


class Recurrent(nn.Module):
    """One of torch's layers over sequences (N, T, I): (N, T, H), of two ways beside each other or apart."""

    def __init__(self, parts: int, layer: nn.RNNBase, ways: list[list[np.ndarray]]) -> None:
        super().__init__()
        self.layer, self.parts = layer, parts
        for way, arrays in zip(("", "_reverse"), ways, strict=False):
            for name, array in zip(("weight_ih", "weight_hh", "bias_ih"), arrays, strict=True):
                getattr(layer, f"{name}_l0{way}").data.copy_(torch.from_numpy(array))
            getattr(layer, f"bias_hh_l0{way}").data.zero_()

    def forward(self, x: Tensor, *others: Tensor | None) -> tuple[Tensor, ...]:
        y: Tensor = self.layer(x)[0]
        return tuple(y.chunk(self.parts, 2))


@tflite_module("UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM")
def _lstm(call: Call) -> nn.Module:
    """A clip of the cell is left out: `prove` tells where a value reaches it."""
    if call.get("fusedActivationFunction", TANH) != TANH or call.get("projClip", 0.0):
        raise call.refuse("another activation than tanh, or a clip of a projection")
    ways = [_way(call, begin) for begin in (FORWARD, BACKWARD)[: 2 if call.kind.startswith("B") else 1]]
    if any(slot is not None for slot in call.inputs[NORMS[call.kind]]):
        raise call.refuse("norms, or a second input")
    rows, size = ways[0][0].shape
    return Recurrent(
        len(call.outputs), nn.LSTM(size, rows // GATES, batch_first=True, bidirectional=len(ways) == 2), ways
    )


def _way(call: Call, begin: int) -> list[np.ndarray]:
    """(weights of x (4 H, I), weights of h (4 H, H), biases (4 H,))"""
    slots = call.inputs[begin : begin + WAY]
    if any(slot is not None for slot in (*slots[PEEPHOLES:BIASES], *slots[PROJECTION:])):
        raise call.refuse("peepholes or a projection")
    parts = []
    for first in (0, HIDDEN, BIASES):
        values = [None if slot is None else slot.value for slot in slots[first : first + GATES]]
        known = [value for value in values if value is not None]
        if len(known) < GATES:
            raise call.refuse("coupled gates, or weights that are computed")
        parts.append(np.concatenate(known))
    return parts


@tflite_module("UNIDIRECTIONAL_SEQUENCE_RNN")
def _rnn(call: Call) -> nn.Module:
    activation = {TANH: "tanh", RELU: "relu"}.get(call.get("fusedActivationFunction", TANH))
    values = [None if slot is None else slot.value for slot in call.inputs[1:4]]
    known = [value for value in values if value is not None]
    if activation is None or len(known) < len(values):
        raise call.refuse("another activation than tanh and ReLU, or weights that are computed")
    rows, size = known[0].shape
    return Recurrent(len(call.outputs), nn.RNN(size, rows, nonlinearity=activation, batch_first=True), [known])
