"""Dilated convolutions as converters write them for samples in any number: the positions that a window meets are put
beside each other as samples (SPACE_TO_BATCH_ND), convolved without gaps, and put back."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from mixcomp_edge.frontend.tflite.document import Document, Operation, Slot

KINDS = ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
VALID = 1  # of the schema's Padding


def with_dilation(network: Document) -> Document:
    """The network with each of these as padding, a dilated convolution and a cut. Others stay as they are."""
    readers = Counter(index for operation in network.operations for index in {*operation.inputs})
    readers.update(network.outputs)
    reads = {operation.inputs[0]: operation for operation in network.operations if operation.inputs}
    slots, apart = list(network.slots), set[int]()
    replaced: dict[int, Operation] = {}
    for operation in network.operations:
        chain = _chain(operation, reads, readers, slots)
        if chain:
            steps = _dilated(chain, slots)
            apart.update(step.outputs[0] for step in steps[:-1])
            replaced |= {id(old): new for old, new in zip(chain, steps, strict=True)}
    operations = tuple(replaced.get(id(operation), operation) for operation in network.operations)
    return replace(network, slots=tuple(slots), operations=operations, apart=frozenset(apart))


def _chain(
    first: Operation, reads: dict[int, Operation], readers: Counter[int], slots: list[Slot]
) -> list[Operation] | None:
    """The operations from SPACE_TO_BATCH_ND to BATCH_TO_SPACE_ND, around one convolution; None if it is another."""
    if first.kind != KINDS[0]:
        return None
    chain = [first]
    while chain[-1].kind != KINDS[1]:
        made = chain[-1].outputs[0]
        following = reads.get(made)
        if following is None or readers[made] != 1 or len(chain) > 4:
            return None
        if following.kind not in (*CONVOLUTIONS, "EXPAND_DIMS", "RESHAPE", "SQUEEZE", KINDS[1]):
            return None
        chain.append(following)
    convolutions = [step for step in chain if step.kind in CONVOLUTIONS]
    if len(convolutions) != 1:
        return None
    names = ("padding", "strideH", "strideW", "dilationHFactor", "dilationWFactor")
    plain = [getattr(convolutions[0].options, name, 1) for name in names] == [VALID, 1, 1, 1, 1]
    blocks, last = (slots[step.inputs[1]].value for step in (first, chain[-1]))
    ends = [slots[step.inputs[2]].value for step in (first, chain[-1])]
    known = blocks is not None and last is not None and all(each is not None for each in ends)
    return chain if plain and known and np.array_equal(blocks, last) else None  # type: ignore[arg-type]


def _dilated(chain: list[Operation], slots: list[Slot]) -> list[Operation]:
    """As many operations, to take their places; the slots between them get the shapes that they have now."""

    def constant(values: Any) -> int:
        array = np.asarray(values, np.int32)
        slots.append(Slot(f"{slots[first.outputs[0]].name}/{len(slots)}", array.shape, "INT32", array, False))
        return len(slots) - 1

    first, last = chain[0], chain[-1]
    blocks = [int(n) for n in np.asarray(slots[first.inputs[1]].value)]
    pads, crops = (np.asarray(slots[step.inputs[2]].value).reshape(-1, 2) for step in (first, last))
    rank, target = len(slots[first.inputs[0]].shape), slots[last.outputs[0]].shape
    rest = [0] * (rank - 1 - len(blocks))
    steps = [
        Operation("PAD", (first.inputs[0], constant([[0, 0], *pads, *([0, 0] for _ in rest)])), first.outputs, None)
    ]
    for step in chain[1:-1]:
        options = step.options
        if step.kind in CONVOLUTIONS:
            options = copy.copy(options)
            options.dilationHFactor, options.dilationWFactor = _of_a_map(blocks, slots[step.inputs[0]].shape)
        steps.append(replace(step, options=options))
    for step in chain[:-1]:
        slot = slots[step.outputs[0]]
        factors = _of_a_map(blocks, slot.shape) if len(slot.shape) == 4 else blocks
        sizes = [size * factor for size, factor in zip(slot.shape[1:], factors, strict=False)]
        slots[step.outputs[0]] = replace(slot, shape=(1, *sizes, *slot.shape[1 + len(sizes) :]))
    begin = constant([0, *(before for before, _ in crops), *rest])
    return [*steps, Operation("SLICE", (last.inputs[0], begin, constant(target)), last.outputs, None)]


def _of_a_map(blocks: list[int], shape: tuple[int, ...]) -> list[int]:
    """Blocks of (B, H, W, C); of a sequence that lies in one, of the dimension that is longer than 1."""
    return blocks if len(blocks) == 2 else [1, *blocks] if shape[1] == 1 else [*blocks, 1]
