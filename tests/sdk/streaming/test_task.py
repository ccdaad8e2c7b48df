"""A task that runs frame by frame: what the C makes of the test set in steps is what Python makes of it at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixcomp_edge import Recipe, Split, Task, load_bundle, quantize
from mixcomp_edge.errors import StreamError, TaskError
from mixcomp_edge.train.run import run_task


class Words(nn.Module):
    """(N, 9, 3) frames: classes of those so far."""

    def __init__(self, both: bool = False) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True, bidirectional=both)
        self.fc = nn.Linear(8 if both else 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.gru(x)[0][:, -1])


def task(**fields) -> Task:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 9, 3)).astype(np.float32), rng.integers(0, 3, 24)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = fields.pop("model", None) or Words()
    given = {"stream": 3, "test": Split(x, y), **fields}
    return Task("words", model, (9, 3), x, Recipe(epochs=0), Split(x, y), **given)


def test_a_run_holds_the_steps_of_the_test_set_against_whole_sequences(tmp_path):
    result = run_task(task(), tmp_path, emulated_inputs=3)
    assert result.exact
    assert result.metric.c_host == result.metric.python_integer
    assert result.simulation.step.frames == 3
    assert load_bundle(tmp_path / "words.mce").graph.inputs[0].shape == (3, 9)
    step = load_bundle(tmp_path / "c" / "words.mce")
    assert step.graph.kept
    assert step.graph.inputs[0].shape == (3, 3)


def test_a_model_that_needs_later_frames_is_refused_before_its_training():
    with pytest.raises(StreamError, match="bidirectional=False"):
        quantize(task(model=Words(both=True)), recipe=Recipe(epochs=9))


def test_steps_that_do_not_end_with_the_sequence_are_refused_where_the_last_frame_counts():
    with pytest.raises(StreamError, match="its 9 frames are no whole number of steps of 2"):
        quantize(task(stream=2), recipe=Recipe(epochs=9))


@pytest.mark.parametrize("stream", [0, 1.5, "1"])
def test_frames_a_step_are_a_whole_number(stream):
    with pytest.raises(TaskError, match="expected how many frames a step takes"):
        task(stream=stream)
