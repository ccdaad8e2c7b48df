"""gru, lstm and rnn, and what an LSTM's states are made of and made into."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.first_states import FirstStates
from mixcomp_edge.operators.gru import Gru
from mixcomp_edge.operators.lstm import CELL, STORED, Lstm, LstmStates
from mixcomp_edge.operators.narrow import Narrow
from mixcomp_edge.operators.recurrent import Recurrent
from mixcomp_edge.operators.rnn import Rnn
from mixcomp_edge.train.operators.forms import forward

Stored = Callable[[Tensor], Tensor]
States = tuple[Tensor, ...]  # (N, H) each


def as_it_is(h: Tensor) -> Tensor:
    return h


def stepped(
    node: Recurrent,
    inputs: list[Tensor],
    step: Callable[[Tensor, States], States],
    value: Callable[[States], Tensor] = itemgetter(0),
) -> Tensor:
    """What `value` takes of the states after each step, the first of them, (N, H, T). inputs: (N, gates * H, T), and
    perhaps the states before the first step; step(x, states) makes the states of a row (N, gates * H) and of those
    before it."""
    x, *given = inputs
    zeros = x.new_zeros(len(x), node.product_shape[1])
    states: States = tuple(v.reshape(len(v), -1).expand_as(zeros) for v in given) or (zeros,) * node.states
    found: list[Tensor] = []
    for t in reversed(range(x.shape[-1])) if node.backward else range(x.shape[-1]):
        states = step(x[..., t], states)
        found.append(value(states))
    return torch.stack(found[::-1] if node.backward else found, -1)


@forward.register
def _(node: Gru, inputs: list[Tensor], weight: Tensor, bias: Tensor, stored: Stored = as_it_is) -> Tensor:
    def step(x: Tensor, states: States) -> States:
        (h,) = states
        x_r, x_z, x_n = x.chunk(3, 1)
        h_r, h_z, h_n = F.linear(stored(h), weight, bias).chunk(3, 1)
        z, n = torch.sigmoid(x_z + h_z), torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
        return (n + z * (h - n),)

    return stepped(node, inputs, step)


def lstm_step(weight: Tensor, bias: Tensor, stored: Stored) -> Callable[[Tensor, States], States]:
    def step(x: Tensor, states: States) -> States:
        h, c = states
        i, f, g, o = (x + F.linear(stored(h), weight, bias)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    return step


@forward.register
def _(node: Lstm, inputs: list[Tensor], weight: Tensor, bias: Tensor, stored: Stored = as_it_is) -> Tensor:
    return stepped(node, inputs, lstm_step(weight, bias, stored))


@forward.register
def _(node: LstmStates, inputs: list[Tensor], weight: Tensor, bias: Tensor, stored: Stored = as_it_is) -> Tensor:
    """stored: of the states, where they are rounded; what is multiplied then has a type of its own."""
    x, before = inputs
    h, c = before.flatten(1).chunk(2, 1)
    step = lstm_step(weight, bias, as_it_is if stored is as_it_is else _multiplied)
    return stepped(node, [x, h, CELL * c], step, lambda states: torch.cat((states[0], states[1] / CELL), 1))


def _multiplied(h: Tensor) -> Tensor:
    return torch.fake_quantize_per_tensor_affine(h, STORED.scale, 0, STORED.low, STORED.high)


@forward.register
def _(node: FirstStates, inputs: list[Tensor]) -> Tensor:
    """(N, 2 * H, 1)"""
    samples = max(map(len, inputs))  # a constant comes once for all
    h, c = (v.reshape(len(v), -1).expand(samples, -1) for v in inputs)
    return torch.cat((h, c / node.cell), 1)[..., None]


@forward.register
def _(node: Narrow, inputs: list[Tensor]) -> Tensor:
    return node.gain * inputs[0][:, : node.shape[-1]]


@forward.register
def _(node: Rnn, inputs: list[Tensor], weight: Tensor, bias: Tensor, stored: Stored = as_it_is) -> Tensor:
    def step(x: Tensor, states: States) -> States:
        u = x + F.linear(stored(states[0]), weight, bias)
        return (F.relu(u) if node.relu else torch.tanh(u),)

    return stepped(node, inputs, step)
