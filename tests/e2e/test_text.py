"""A sentence's class, from words to C: a transformer encoder of torch's own modules, trained, exported and run on host
and on an emulated core."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, Task
from mixcomp_edge.train.networks import TextEncoder
from mixcomp_edge.train.run import run_task
from mixcomp_edge.train.tasks.tokens import to_tokens

WORDS, LENGTH = 30, 8


def sentences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random words of random number, one of them 1, 2 or 3, which is the class."""
    rng = np.random.default_rng(seed)
    x = rng.integers(4, WORDS, (count, LENGTH))
    lengths, y = rng.integers(1, LENGTH + 1, count), rng.integers(0, 3, count)
    x[np.arange(count), rng.integers(0, lengths)] = 1 + y
    x[np.arange(LENGTH) >= lengths[:, None]] = 0
    return x, y


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.long
@pytest.mark.parametrize("act_bits", [8, 4])
def test_a_transformer_of_tokens_runs_the_whole_way_and_is_exact(act_bits, tmp_path):
    train, test = sentences(300, 0), sentences(60, 1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TextEncoder(WORDS, LENGTH, 3, width=16, layers=1, dropout=0.0)
    task = Task(
        "words", model, (LENGTH,), to_tokens(train[0][:128]), Recipe(epochs=1), train=train, test=test,
        to_input=to_tokens, float_recipe=Recipe(epochs=9, batch_size=16, lr=0.02),
    )  # fmt: skip
    found = run_task(task, tmp_path, plan=QuantPlan(LayerPlan(act_bits=act_bits)), emulated_inputs=5)
    assert found.exact
    assert found.metric.float_model is not None
    assert found.metric.float_model > 0.95
    assert found.metric.c_host == found.metric.python_integer > 0.9
