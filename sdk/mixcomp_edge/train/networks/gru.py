"""A gated recurrent unit out of two linear layers: torch.nn.GRU hides its state, which has to be quantized at every
step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Gru(nn.Module):
    """(N, T, I) -> the states (N, T, H), from a state of zeros.

    With (r, z, n) the three thirds of W x + b and of U h + c:
    r = sigmoid(r_x + r_h), z = sigmoid(z_x + z_h), n = tanh(n_x + r n_h), h = (1 - z) n + z h, as torch.nn.GRU."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.input, self.state = nn.Linear(inputs, 3 * hidden), nn.Linear(hidden, 3 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        h, states = x.new_zeros(len(x), self.hidden), []
        for step in self.input(x).unbind(1):
            r_x, z_x, n_x = step.chunk(3, 1)
            r_h, z_h, n_h = self.state(h).chunk(3, 1)
            update = torch.sigmoid(z_x + z_h)
            candidate = torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h)
            h = candidate + update * (h - candidate)
            states.append(h)
        return torch.stack(states, 1)


class DigitsGru(nn.Module):
    """(N, 1, 64, 40) log-mel 0..255 -> logits (N, classes). 21,002 parameters with 64 units, 1.3 M MAC."""

    def __init__(self, classes: int = 10, hidden: int = 64) -> None:
        super().__init__()
        self.gru = Gru(40, hidden)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        states = self.gru((x.squeeze(1) - 64.0) / 64.0)
        logits: Tensor = self.fc(states.mean(1))
        return logits
