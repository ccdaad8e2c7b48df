"""New samples out of old ones: every number comes from one of the two samples, in its place, a box of the second."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mixcomp_edge.train.tasks.patches import with_patches

SHAPES = [(7,), (1, 9), (3, 5, 8), (2, 3, 4, 5)]


def numbered(shape, samples=64):
    """Every number says its sample and its place."""
    places = int(np.prod(shape))
    return (torch.arange(samples).reshape(-1, *[1] * len(shape)) * places + torch.arange(places).reshape(shape)).float()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [torch.float32, torch.int64])
def test_each_number_stays_in_its_place_and_the_other_samples_are_a_box(shape, kind):
    x = numbered(shape).to(kind)
    y = with_patches(x, torch.Generator().manual_seed(0))
    places = int(np.prod(shape))
    assert y.dtype == kind
    assert torch.equal(y.long() % places, x.long() % places)  # in its place
    origin = (y.long() // places).numpy()
    changed = 0
    for own, row in enumerate(origin):
        others = set(np.unique(row)) - {own}
        assert len(others) <= 1
        if not others:
            continue
        changed += 1
        foreign = row != own
        if len(shape) > 1:
            assert all(np.array_equal(foreign[0], channel) for channel in foreign)  # the same of all channels
            foreign = foreign[0]
        around = [np.flatnonzero(foreign.any(axis=tuple(set(range(foreign.ndim)) - {i}))) for i in range(foreign.ndim)]
        assert foreign.sum() == np.prod([len(along) for along in around])  # a full box
        assert all(along[-1] - along[0] + 1 == len(along) for along in around)
    assert 16 <= changed <= 40  # half, less those whose box is empty or their own


def test_several_inputs_are_mixed_with_the_same_samples():
    x = (numbered((3, 4, 4)), numbered((5,)))
    images, rows = with_patches(x, torch.Generator().manual_seed(1))
    for own in range(64):
        first = set((images[own].long() // 48).unique().tolist()) - {own}
        second = set((rows[own].long() // 5).unique().tolist()) - {own}
        assert not (first and second) or first == second


def test_the_draws_are_those_of_the_generator():
    x = numbered((3, 5, 8))
    one, same, other = (with_patches(x, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
