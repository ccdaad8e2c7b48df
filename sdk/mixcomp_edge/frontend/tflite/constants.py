"""A file's network without the arithmetic on constants and shapes that converters leave in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mixcomp_edge.frontend.litert import worked_out
from mixcomp_edge.frontend.tflite.document import Document, Operation

SHAPES = ("SHAPE", "RANK")
STATEFUL = (
    "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE", "RANDOM_", "MULTINOMIAL", "HASHTABLE", "custom"
)  # fmt: skip


def parted(network: Document) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """(operations on data, those on constants and shapes alone)"""
    data, steps, fixed = set(network.inputs), list[Operation](), list[Operation]()
    for operation in network.operations:
        apart = operation.kind in SHAPES or not data.intersection(operation.inputs)
        if apart and not operation.kind.startswith(STATEFUL):
            fixed.append(operation)
        else:
            steps.append(operation)
            data.update(operation.outputs)
    return tuple(steps), tuple(fixed)


def settled(path: Path, network: Document) -> Document:
    """The network for one sample: what depends on constants and shapes alone is a constant, and every shape is known.
    ModelFileError where LiteRT cannot tell."""
    steps, fixed = parted(network)
    if not fixed and not network.is_dynamic:
        return network
    read = {index for operation in steps for index in operation.inputs} | set(network.outputs)
    wanted = sorted(read.intersection(index for operation in fixed for index in operation.outputs))
    shapes, values = worked_out(path, network.content, wanted)
    slots = [
        replace(slot, shape=shapes[i] if i < len(shapes) else slot.shape, value=values.get(i, slot.value))
        for i, slot in enumerate(network.slots)
    ]
    return replace(network, slots=tuple(slots), operations=steps)
