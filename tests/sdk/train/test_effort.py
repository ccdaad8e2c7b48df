"""How many steps a network gets without labels: by its MACs, its elements and its parameters, within bounds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mixcomp_edge.train.tasks import effort
from mixcomp_edge.train.tasks.effort import LEAST, MOST, steps_for


class Two(nn.Module):
    """Of two inputs; the transposition is a view."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Linear(5, 4, bias=False)

    def forward(self, image, row):
        return torch.relu(self.conv(image)).transpose(2, 3).sum((2, 3)) + self.fc(row)


def test_the_steps_are_what_the_work_allows(monkeypatch):
    macs = 4 * 3 * 9 * 6 * 7 + 5 * 4
    elements = 2 * 4 * 6 * 7 + 3 * 4  # convolution, ReLU; sum, linear layer, sum of both
    parameters = 4 * 3 * 9 + 5 * 4
    cost = macs + effort.ELEMENT * elements + effort.PARAMETER * parameters
    monkeypatch.setattr(effort, "WORK", 200.5 * cost)
    assert steps_for(Two(), (torch.zeros(1, 3, 6, 7), torch.zeros(1, 5))) == 200


@pytest.mark.parametrize(("work", "steps"), [(1e30, MOST), (0.0, LEAST)])
def test_there_are_bounds(monkeypatch, work, steps):
    monkeypatch.setattr(effort, "WORK", work)
    assert steps_for(nn.Linear(4, 3), torch.zeros(1, 4)) == steps
