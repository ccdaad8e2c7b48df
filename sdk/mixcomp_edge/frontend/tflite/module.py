"""A TensorFlow Lite network as a torch module, one submodule an operation. Maps lie channels first in it, (N, C, H, W),
as torch's operators want them, though the file has them channels last; everything else lies as in the file. A file is
for one sample: the first dimension of size 1 is taken for that of the samples, and comes first in the module."""

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
from mixcomp_edge.frontend.tflite import dilation, document
from mixcomp_edge.frontend.tflite.constants import parted, settled
from mixcomp_edge.frontend.tflite.dilation import with_dilation
from mixcomp_edge.frontend.tflite.document import Document, Operation, Slot
from mixcomp_edge.frontend.torch_export.refusals import Refusal, Refused, unsupported

Handler = Callable[..., Any]  # (call, *operands): data as torch.Tensor, constants as parameters or arrays
HANDLERS: dict[str, Handler] = {}
MAPS: set[str] = set()
Maker = Callable[..., nn.Module]  # (call): of (*operands) -> results
MAKERS: dict[str, Maker] = {}
TOKENS = ("INT32", "INT64")  # of inputs that stay integers
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

    @property
    def kind(self) -> str:
        return self.operation.kind

    @property
    def source(self) -> Slot:
        """The first operand that depends on the input."""
        return [slot for slot in self.inputs if slot is not None and slot.value is None][0]  # noqa: RUF015

    def is_data(self, index: int) -> bool:
        """Whether the operand depends on the input."""
        slot = self.inputs[index]
        return slot is not None and slot.value is None

    def refuse(self, what: str) -> Refused:
        text = f"the TFLite operator {self.kind} with {what}"
        return Refused(Refusal(text, self.kind.lower(), shown(self.outputs[0].name), self.kind))


def tflite_operator(*kinds: str, maps: bool = False) -> Callable[[Handler], Handler]:
    """maps: it is only for values that begin with the samples."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        MAPS.update(kinds if maps else ())
        return handler

    return register


def tflite_module(*kinds: str) -> Callable[[Maker], Maker]:
    """What makes a module of torch's for an operation, its constants in it."""

    def register(maker: Maker) -> Maker:
        MAKERS.update(dict.fromkeys(kinds, maker))
        return maker

    return register


class Step(nn.Module):
    """One operation. Its constants of floats are parameters, so that a plan can name the layer; others stay arrays."""

    def __init__(self, call: Call, handler: Handler) -> None:
        super().__init__()
        self.call, self.handler = call, handler
        self.slots: list[str | NDArray[Any] | None] = []
        names = {1: "weight", 2: "bias", 3: "bias"} if call.kind in WEIGHTED else {}
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
        network = document.read(self.path)
        _check_kinds(self.path, network, beside=dilation.KINDS)
        _check_sizes(self.path, network)
        try:
            self.document: Document = with_dilation(settled(self.path, network))
        except FAULTS as error:
            raise ModelFileError(f"{self.path}: an operation lacks an operand ({first_line(error)}).") from error
        _check_kinds(self.path, self.document)
        self.budget = _check_sizes(self.path, self.document)
        slots = self.document.slots
        self.input_shapes = {self.document.name(i): _shape(self.path, slots[i]) for i in self.document.inputs}
        self.input_names = list(self.input_shapes)
        self.tokens = frozenset(self.document.name(i) for i in self.document.inputs if slots[i].type in TOKENS)
        self.plan: list[tuple[Operation, str]] = []
        self._build()
        self._try()
        self.eval()

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        """Several outputs by the file's names."""
        values = self.values(*inputs)
        results = {self.document.name(i): values[i] for i in self.document.outputs}
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
        """A submodule of each operation."""
        slots, makers = self.document.slots, dict[int, Operation]()
        for operation in self.document.operations:
            call = Call(
                operation,
                tuple(None if i < 0 else slots[i] for i in operation.inputs),
                tuple(slots[i] for i in operation.outputs),
            )
            try:
                step = _module(call, counts_from_behind=_counts_from_behind(operation, makers, slots))
            except Refused as error:
                raise unsupported(self.path.name, [error.refusal]) from error
            except FAULTS as error:
                name = shown(call.outputs[0].name)
                raise ModelFileError(
                    f"{self.path}: '{name}' ({call.kind}) does not work: {first_line(error)}."
                ) from error
            self.plan.append((operation, put(self, _place(operation, call.outputs[0].name), step)))
            makers |= dict.fromkeys(operation.outputs, operation)
        for index in self.document.outputs:
            if slots[index].value is not None:
                raise UnsupportedError(
                    f"{self.path}: its output '{shown(slots[index].name)}' does not depend on its input."
                )

    def _try(self) -> None:
        """Runs zeros through it, first for the shapes alone: what a handler refuses, or a shape that is not the file's,
        is told now."""
        with FakeTensorMode(allow_non_fake_inputs=True):
            self._run(self._zeros())
        self._run(self._zeros())

    def _zeros(self) -> list[Tensor]:
        return [
            torch.zeros(1, *shape, dtype=torch.int64 if name in self.tokens else torch.float32)
            for name, shape in self.input_shapes.items()
        ]

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
                slot = self.document.slots[index]
                found, expected = tuple(file_order(value, slot).shape[1:]), slot.sample
                if found != expected:
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


def file_order(x: Tensor, slot: Slot) -> Tensor:
    """A value (N, ...), behind N as the file has it."""
    return x.permute(0, 2, 3, 1) if slot.at == 0 and x.dim() == 4 else x


def module_order(x: Tensor, slot: Slot) -> Tensor:
    """A value (N, ...) as the module has it."""
    return x.permute(0, 3, 1, 2) if slot.at == 0 and x.dim() == 4 else x


def dimension(slot: Slot, axis: int) -> int:
    """A dimension of the file's in `file_order`; 0 is that of the samples."""
    axis %= len(slot.shape)
    if slot.at == axis:
        return 0
    return axis if slot.at is not None and slot.at < axis else axis + 1


def module_dimension(call: Call, axis: int) -> int:
    """A dimension of the first data operand as the module has it."""
    slot = call.source
    place = dimension(slot, axis)
    if place == 0:
        raise call.refuse("the samples as dimension: each is computed by itself")
    return {1: 2, 2: 3, 3: 1}[place] if slot.at == 0 and len(slot.shape) == 4 else place


def aligned(call: Call, *operands: Any) -> list[Any]:
    """The operands as the module has the result: those of fewer dimensions stand for its last ones. A constant of one
    element is a number."""
    [out] = call.outputs
    values: list[Any] = []
    for operand, slot in zip(operands, call.inputs, strict=False):
        if slot is not None and slot.value is not None and slot.value.size == 1:
            values.append(slot.value.item())
            continue
        value = torch.as_tensor(operand)
        if slot is not None and slot.value is None:
            if slot.at == out.at and len(slot.shape) == len(out.shape):
                values.append(value)
                continue
            value, shape = file_order(value, slot), slot.shape
        else:
            value, shape = value[None], tuple(value.shape)
        shape = (1,) * (len(out.shape) - len(shape)) + shape
        if out.at is not None and shape[out.at] != 1:
            raise call.refuse(f"an operand of shape {shape}, which has something for each sample")
        sample = shape if out.at is None else shape[: out.at] + shape[out.at + 1 :]
        values.append(module_order(value.reshape(len(value), *sample), out))
    return values


def _module(call: Call, *, counts_from_behind: bool) -> nn.Module:
    data = [slot for slot in call.inputs if slot is not None and slot.value is None]
    if call.kind in MAPS and any(slot.at != 0 for slot in data):
        raise call.refuse("samples that are not its first dimension")
    if call.kind in MAKERS:
        return MAKERS[call.kind](call)
    return Step(call, _same_tokens if counts_from_behind else HANDLERS[call.kind])


def _counts_from_behind(operation: Operation, makers: dict[int, Operation], slots: tuple[Slot, ...]) -> bool:
    """Whether it is what TensorFlow puts before each table of words: select(x < 0, x + rows, x)."""
    if operation.kind not in ("SELECT", "SELECT_V2"):
        return False
    below, behind, x = makers.get(operation.inputs[0]), makers.get(operation.inputs[1]), operation.inputs[2]
    if below is None or behind is None or (below.kind, behind.kind) != ("LESS", "ADD"):
        return False
    bound = slots[below.inputs[1]].value
    return (
        slots[x].type in TOKENS and x == below.inputs[0] == behind.inputs[0] and bound is not None and not bound.any()
    )


def _same_tokens(call: Call, below: Tensor, behind: Tensor, x: Tensor) -> Tensor:
    """No token is negative."""
    return x


def _check_kinds(path: Path, network: Document, beside: tuple[str, ...] = ()) -> None:
    """UnsupportedError with all operators that have no handler and are none of `beside`."""
    refusals = []
    for operation in parted(network)[0]:
        if operation.kind not in {*HANDLERS, *MAKERS, *beside}:
            name = shown(network.slots[operation.outputs[0]].name)
            what = f"the TFLite operator {operation.kind} is not supported"
            refusals.append(Refusal(what, operation.kind.lower(), name, name))
    if refusals:
        raise unsupported(path.name, refusals)


def _check_sizes(path: Path, network: Document) -> Budget:
    """What the values take; ModelFileError where they are larger, as the file says it, than any that are taken."""
    budget = Budget()
    try:
        budget.take(network.slots[i].shape for i in network.inputs)
        for operation in network.operations:
            budget.take(network.slots[i].shape for i in operation.outputs)
    except TooMuch as error:
        raise ModelFileError(f"{path}: {error}.") from error
    return budget


def _shape(path: Path, slot: Slot) -> tuple[int, ...]:
    """Of one sample, channels first."""
    if len(slot.shape) < 2 or slot.at is None or min(slot.shape) < 1:
        raise ModelFileError(
            f"{path}: its input '{shown(slot.name)}' has the shape {slot.shape}; expected (1, …), one sample."
        )
    sizes = slot.sample
    return (sizes[-1], *sizes[:-1]) if slot.at == 0 and len(sizes) == 3 else sizes
