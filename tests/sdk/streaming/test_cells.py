"""A model that reads the cell of an LSTM, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixcomp_edge import LayerPlan, QuantPlan, convert, prepare
from mixcomp_edge.errors import StreamError
from mixcomp_edge.ir import interp

T, F_ = 6, 4


class Cell(nn.Module):
    def __init__(self, **how) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(F_, 5, batch_first=True, **how), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.lstm(x)[1][1][-1])


def bundle(model: nn.Module):
    torch.manual_seed(3)
    return convert(prepare(model.eval(), torch.randn(32, T, F_), QuantPlan(LayerPlan(act_bits=8)), "cell"))


@pytest.mark.parametrize(("frames", "layers"), [(1, 1), (3, 2)])
def test_the_cell_behind_the_last_frame_is_that_of_the_whole_sequence(frames, layers):
    whole = bundle(Cell(num_layers=layers))
    session = whole.stream(frames, 1).session()
    x = np.random.default_rng(0).integers(0, 256, (20, *whole.graph.inputs[0].shape))
    want = interp.run(whole.graph, x)
    for one, expected in zip(x, want, strict=True):
        session.start()
        *_, last = [session.step((one.take(range(i, i + frames), 1),))[0] for i in range(0, T, frames)]
        assert np.array_equal(last.ravel(), expected.ravel())
    assert len(np.unique(want)) > 10


def test_a_cell_of_both_directions_begins_with_the_last_frame():
    with pytest.raises(StreamError, match="begins with the last frame"):
        bundle(Cell(bidirectional=True)).stream(1, 1)
