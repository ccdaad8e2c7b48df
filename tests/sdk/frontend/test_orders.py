"""Notes of how values lie in memory, held against torch: a value is stored by its note, the note follows torch's own
permutations and reshapes, and what is then read by it is what torch computes."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcomp_edge.frontend.torch_export import orders
from mixcomp_edge.frontend.torch_export.orders import canonical, moves, placed

BATCH = 2
SIZES = (1, 1, 2, 3, 4, 6)


def numbers(shape) -> torch.Tensor:
    return torch.arange(BATCH * prod(shape)).reshape(BATCH, *shape)


def stored(value: torch.Tensor, order) -> torch.Tensor:
    """The elements (N, E) as an order says that they lie."""
    return value.permute(0, *(1 + dim for dim in order)).reshape(len(value), -1)


def read(placement, memory: torch.Tensor) -> torch.Tensor:
    """Element by element, as the placement's docstring says."""
    steps = [prod(placement.sizes[i + 1 :]) for i in range(len(placement.sizes))]
    flat = torch.zeros(1, dtype=torch.long)
    for dim in placement.dims:
        index = torch.zeros(1, dtype=torch.long)
        for factor in dim:
            index = (index[:, None] + steps[factor] * torch.arange(placement.sizes[factor])).reshape(-1)
        flat = (flat[:, None] + index).reshape(-1)
    return memory.reshape(-1)[flat].reshape(placement.shape)


@st.composite
def values(draw):
    """(value, placement): of any shape, stored in any order."""
    shape = draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4))
    order = tuple(draw(st.permutations(range(len(shape)))))
    return numbers(shape), order


def reshapes(draw, shape):
    """Another shape of the same elements: prime factors, joined at random."""
    primes = [p for size in shape[1:] for p in {4: [2, 2], 6: draw(st.permutations([2, 3]))}.get(size, [size])]
    if draw(st.integers(0, 3)) == 0:
        primes = draw(st.permutations(primes))
    found = [1]
    for prime in primes:
        if draw(st.booleans()):
            found.append(prime)
        else:
            found[-1] *= prime
    return (shape[0], *found)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_note_follows_every_permutation_and_reshape(data):
    value, order = data.draw(values())
    memory, note = stored(value, order), placed(tuple(value.shape), order)
    for _ in range(4):
        if data.draw(st.booleans()):
            dims = (0, *(1 + d for d in data.draw(st.permutations(range(value.dim() - 1)))))
            value, note = value.permute(dims), note.permuted(dims)
        else:
            shape = reshapes(data.draw, tuple(value.shape))
            view = note.reshaped(shape)
            if view is None:
                copied = tuple(range(value.dim() - 1))
                memory, note = stored(value, copied), placed(tuple(value.shape), copied)
                view = note.reshaped(shape)
            value, note = value.reshape(shape), view
        assert note.shape == value.shape
        assert torch.equal(read(note, memory), value)
        if note.order is not None:
            assert torch.equal(stored(value, note.order), memory)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_moves_bring_a_value_from_one_placement_into_another(data):
    value, order = data.draw(values())
    shape = reshapes(data.draw, tuple(value.shape))
    memory, note = stored(value, order), placed(tuple(value.shape), order).reshaped(shape)
    if note is None:
        return
    target = tuple(data.draw(st.permutations(range(len(shape) - 1))))
    for before, axes in moves(note, placed(shape, target)):
        assert 2 <= len(before) <= orders.MAX_RANK
        memory = memory.reshape(BATCH, *before).permute(0, *(1 + axis for axis in axes)).reshape(BATCH, -1)
    assert torch.equal(memory, stored(value.reshape(shape), target))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_columns_are_the_indices_of_the_elements_as_they_lie(data):
    value, order = data.draw(values())
    note = placed(tuple(value.shape), order).reshaped((BATCH, prod(value.shape[1:])))
    if note is None:
        return
    flat = value.reshape(BATCH, -1)
    assert note.is_innermost(1)
    assert torch.equal(flat[:, note.columns(1)], stored(value, order))


FREE = {
    "a permutation": ((8, 3, 5), lambda p: p.permuted((0, 3, 1, 2))),
    "positions as one axis": ((8, 3, 5), lambda p: p.reshaped((2, 8, 15))),
    "groups of channels": ((8, 3, 5), lambda p: p.reshaped((2, 2, 4, 3, 5))),
    "a shuffle of channels": ((8, 3, 5), lambda p: p.reshaped((2, 2, 4, 3, 5)).permuted((0, 2, 1, 3, 4))),
    "height 1": ((8, 5), lambda p: p.reshaped((2, 8, 1, 5))),
    "a flattened map": ((8, 3, 5), lambda p: p.reshaped((2, 120))),
    "a map of one channel": ((1, 3, 5), lambda p: p.reshaped((2, 5, 3))),
}


@pytest.mark.parametrize(("shape", "change"), FREE.values(), ids=FREE)
def test_what_costs_nothing(shape, change):
    assert change(placed((BATCH, *shape), canonical(len(shape)))) is not None


def test_a_shape_that_takes_a_channel_and_part_of_the_width_needs_a_copy():
    assert placed((BATCH, 3, 6, 6), canonical(3)).reshaped((BATCH, 4, 9, 3)) is None


def test_a_map_of_one_channel_lies_in_either_order_and_reads_as_the_canonical_one():
    assert placed((BATCH, 1, 3, 5), (0, 1, 2)) == placed((BATCH, 1, 3, 5), (1, 2, 0))
    assert placed((BATCH, 1, 3, 5), (0, 1, 2)).order == (1, 2, 0)


def test_a_copy_keeps_the_axes_as_they_are_stored():
    note = placed((BATCH, 8, 3, 5), canonical(3))
    assert moves(note, placed((BATCH, 8, 3, 5), (0, 1, 2))) == [((3, 5, 8), (2, 0, 1))]


def test_a_pixel_shuffle_takes_two_copies_of_rank_four_at_most():
    shuffled = placed((BATCH, 4 * 4, 3, 5), canonical(3)).reshaped((BATCH, 4, 2, 2, 3, 5)).permuted((0, 1, 4, 2, 5, 3))
    upsampled = shuffled.reshaped((BATCH, 4, 6, 10))
    assert len(moves(upsampled, placed((BATCH, 4, 6, 10), canonical(3)))) == 2
