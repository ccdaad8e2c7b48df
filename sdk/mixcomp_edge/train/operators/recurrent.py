"""gru, lstm and rnn."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mixcomp_edge.operators.gru import Gru
from mixcomp_edge.operators.lstm import Lstm
from mixcomp_edge.operators.recurrent import Recurrent
from mixcomp_edge.operators.rnn import Rnn
from mixcomp_edge.train.operators.forms import forward

Stored = Callable[[Tensor], Tensor]
States = tuple[Tensor, ...]  # (N, H) each


def as_it_is(h: Tensor) -> Tensor:
    return h


def stepped(node: Recurrent, inputs: list[Tensor], step: Callable[[Tensor, States], States]) -> Tensor:
    """The first state after each step, (N, H, T). inputs: (N, gates * H, T), and perhaps the states before the first
    step; step(x, states) makes the states of a row (N, gates * H) and of those before it."""
    x, *given = inputs
    zeros = x.new_zeros(len(x), node.shape[-1])
    states: States = tuple(v.reshape(len(v), -1).expand_as(zeros) for v in given) or (zeros,) * node.states
    found: list[Tensor] = []
    for t in reversed(range(x.shape[-1])) if node.backward else range(x.shape[-1]):
        states = step(x[..., t], states)
        found.append(states[0])
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


@forward.register
def _(node: Lstm, inputs: list[Tensor], weight: Tensor, bias: Tensor, stored: Stored = as_it_is) -> Tensor:
    def step(x: Tensor, states: States) -> States:
        h, c = states
        i, f, g, o = (x + F.linear(stored(h), weight, bias)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    return stepped(node, inputs, step)


@forward.register
def _(node: Rnn, inputs: list[Tensor], weight: Tensor, bias: Tensor, stored: Stored = as_it_is) -> Tensor:
    def step(x: Tensor, states: States) -> States:
        u = x + F.linear(stored(states[0]), weight, bias)
        return (F.relu(u) if node.relu else torch.tanh(u),)

    return stepped(node, inputs, step)
