"""A TensorFlow Lite network as a torch module, one submodule an operation. Maps lie channels first in it, (N, C, H, W),
as torch's operators want them, though the file has them channels last; everything else lies as in the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from mixcomp_edge.errors import ModelFileError, UnsupportedError
from mixcomp_edge.frontend.bounds import FAULTS, Budget, TooMuch, first_line
from mixcomp_edge.frontend.places import path_of, put, shown
from mixcomp_edge.frontend.tflite import document
from mixcomp_edge.frontend.tflite.document import Document, Operation, Slot
from mixcomp_edge.frontend.torch_export.refusals import Refusal, Refused, unsupported

Handler = Callable[..., Any]  # (call, *operands): data as torch.Tensor, constants as parameters or arrays
HANDLERS: dict[str, Handler] = {}
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {
    0: lambda x: x, 1: F.relu, 2: lambda x: x.clamp(-1, 1), 3: F.relu6, 4: torch.tanh
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Call:
    """An operation as its handler sees it."""

    operation: Operation
    inputs: tuple[Slot | None, ...]
    outputs: tuple[Slot, ...]

    def get(self, name: str, default: Any = None) -> Any:
        """A setting by the schema's name."""
        return getattr(self.operation.options, name, default)

    def refuse(self, what: str) -> Refused:
        kind = self.operation.kind
        return Refused(
            Refusal(f"the TFLite operator {kind} with {what}", kind.lower(), shown(self.outputs[0].name), kind)
        )


def tflite_operator(*kinds: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return register


class Step(nn.Module):
    """One operation. Its constants of floats are parameters, so that a plan can name the layer; others stay arrays."""

    def __init__(self, call: Call, handler: Handler) -> None:
        super().__init__()
        self.call, self.handler = call, handler
        self.slots: list[str | NDArray[Any] | None] = []
        names = {1: "weight", 2: "bias", 3: "bias"} if call.operation.kind in WEIGHTED else {}
        for index, slot in enumerate(call.inputs):
            value = None if slot is None else slot.value
            if value is None or value.dtype.kind != "f" or value.ndim == 0:
                self.slots.append(value)
                continue
            name = names.get(index, f"operand{index}")
            self.register_parameter(name, nn.Parameter(torch.from_numpy(np.array(value)), requires_grad=False))
            self.slots.append(name)

    def forward(self, *operands: Tensor | None) -> tuple[Tensor, ...]:
        full = [
            operand if slot is None else getattr(self, slot) if isinstance(slot, str) else slot
            for slot, operand in zip(self.slots, operands, strict=True)
        ]
        results = self.handler(self.call, *full)
        results = tuple(results) if isinstance(results, tuple | list) else (results,)
        if len(results) < len(self.call.outputs):
            raise self.call.refuse("more than its first result")
        activate = ACTIVATIONS.get(self.call.get("fusedActivationFunction", 0))
        if activate is None:
            raise self.call.refuse("the sign as activation")
        return tuple(map(activate, results))


class TfliteModule(nn.Module):
    """Takes and gives what the file's network does, in float32, for any number of samples: maps (N, C, H, W).

    Weights of a quantized file are the real numbers that they stand for. Raises ModelFileError, UnsupportedError."""

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self.document: Document = document.read(self.path)
        slots = self.document.slots
        self.input_shapes = {slots[i].name: _shape(self.path, slots[i]) for i in self.document.inputs}
        self.input_names = list(self.input_shapes)
        self.plan: list[tuple[Operation, str]] = []
        self.budget = Budget()
        self._check_sizes()
        self._build()
        self._try()
        self.eval()

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        """Several outputs by the file's names."""
        values = self.values(*inputs)
        results = {self.document.slots[i].name: values[i] for i in self.document.outputs}
        return results if len(results) > 1 else next(iter(results.values()))

    def values(self, *inputs: Tensor) -> dict[int, Tensor]:
        """Every value of the network by its index in the file."""
        values = dict(zip(self.document.inputs, inputs, strict=True))
        for operation, place in self.plan:
            values |= self._step(operation, place, values)
        return values

    def _step(self, operation: Operation, place: str, values: dict[int, Tensor]) -> dict[int, Tensor]:
        results = self.get_submodule(place)(*(values.get(i) for i in operation.inputs))
        return dict(zip(operation.outputs, results, strict=False))

    def _build(self) -> None:
        """A submodule of each operation that depends on the input."""
        slots, refusals = self.document.slots, list[Refusal]()
        data = set(self.document.inputs)
        for operation in self.document.operations:
            call = Call(
                operation,
                tuple(None if i < 0 else slots[i] for i in operation.inputs),
                tuple(slots[i] for i in operation.outputs),
            )
            handler, name = HANDLERS.get(operation.kind), call.outputs[0].name
            if handler is None or not data.intersection(operation.inputs):
                what = "is not supported" if handler is None else "on constants alone is not supported"
                refusals.append(
                    Refusal(
                        f"the TFLite operator {operation.kind} {what}", operation.kind.lower(), shown(name), shown(name)
                    )
                )
            else:
                self.plan.append((operation, put(self, _place(operation, name), Step(call, handler))))
            data.update(operation.outputs)
        if refusals:
            raise unsupported(self.path.name, refusals)

    def _check_sizes(self) -> None:
        """ModelFileError where the values are larger, as the file says it, than any that are taken."""
        try:
            self.budget.take(self.document.slots[i].shape for i in self.document.inputs)
            for operation in self.document.operations:
                self.budget.take(self.document.slots[i].shape for i in operation.outputs)
        except TooMuch as error:
            raise ModelFileError(f"{self.path}: {error}.") from error

    def _try(self) -> None:
        """Runs zeros through it, first for the shapes alone: what a handler refuses, or a shape that is not the file's,
        is told now."""
        shapes = list(self.input_shapes.values())
        with FakeTensorMode(allow_non_fake_inputs=True):
            self._run([torch.zeros(1, *shape) for shape in shapes])
        self._run([torch.zeros(1, *shape) for shape in shapes])

    def _run(self, inputs: list[Tensor]) -> None:
        values = dict(zip(self.document.inputs, inputs, strict=True))
        for operation, place in self.plan:
            name = shown(self.document.slots[operation.outputs[0]].name)
            try:
                with torch.no_grad():
                    made = self._step(operation, place, values)
            except Refused as error:
                raise unsupported(self.path.name, [error.refusal]) from error
            except FAULTS as error:
                raise ModelFileError(
                    f"{self.path}: '{name}' ({operation.kind}) does not work: {first_line(error)}."
                ) from error
            for index, value in made.items():
                expected = self.document.slots[index].shape
                found = tuple(channels_last(value).shape)
                if found != expected and expected:
                    raise UnsupportedError(
                        f"{self.path}: '{name}' ({operation.kind}) gives {found}, the file says {expected}."
                    )
            values |= made


def _place(operation: Operation, name: str) -> str:
    """A module path, of what a converter has fused into one name with semicolons: a layer's own part stands last."""
    parts = name.split(";")
    place = path_of(parts[-1] if operation.kind in WEIGHTED else parts[0])
    folder, _, last = place.rpartition(".")
    return folder if folder and re.fullmatch(r"(\w*conv\w*|depthwise|MatMul|BiasAdd)\d*", last, re.I) else place


def channels_last(x: Tensor) -> Tensor:
    """A value as the file has it."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def channels_first(x: Tensor) -> Tensor:
    """A value as the module has it."""
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x


def _shape(path: Path, slot: Slot) -> tuple[int, ...]:
    """Of one sample, channels first."""
    if len(slot.shape) < 2 or slot.shape[0] != 1 or min(slot.shape) < 1:
        raise ModelFileError(
            f"{path}: its input '{shown(slot.name)}' has the shape {slot.shape}; expected (1, …), one sample."
        )
    sizes = slot.shape[1:]
    return (sizes[-1], *sizes[:-1]) if len(sizes) == 3 else sizes
