"""How an operation of the file becomes a call in torch: its attributes, and its constants as parameters of a module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mixcomp_edge.frontend.onnx.document import Operation
from mixcomp_edge.frontend.places import shown
from mixcomp_edge.frontend.torch_export.refusals import Refusal, Refused

Value = Tensor | NDArray[Any]  # data, or what depends on constants and shapes alone
Handler = Callable[..., Any]  # (call, *operands); an operand that is left out is None
Preparation = Callable[["Call", list[Any]], list[Any]]
HANDLERS: dict[str, Handler] = {}
PREPARATIONS: dict[str, Preparation] = {}  # of the constants, once, while the module is built
SETTINGS: set[str] = set()  # whose constants say what to do, and are no weights
NAMES = {1: "weight", 2: "bias", 3: "running_mean", 4: "running_var"}
OWN_NAMES: dict[str, dict[int, str]] = {}  # of operands, where these have others


@dataclass(frozen=True, eq=False)
class Call:
    """An operation as its handler sees it."""

    operation: Operation
    opset: int
    batch: int  # samples that the file was written for
    constant: frozenset[int] = field(default=frozenset())  # operands that are constants

    @property
    def attributes(self) -> dict[str, Any]:
        return self.operation.attributes

    def get(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def refuse(self, what: str, remedy: str = "") -> Refused:
        """The error for a setting that has no counterpart."""
        kind, name = self.operation.kind, shown(self.operation.name or self.operation.outputs[0])
        return Refused(Refusal(f"the ONNX operator {kind} with {what}", kind.lower(), name, name, remedy))


def onnx_operator(
    *kinds: str, prepare: Preparation | None = None, settings: bool = False, names: dict[int, str] | None = None
) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        SETTINGS.update(kinds if settings else ())
        OWN_NAMES.update(dict.fromkeys(kinds, names) if names else {})
        if prepare is not None:
            PREPARATIONS.update(dict.fromkeys(kinds, prepare))
        return handler

    return register


class Weighted(nn.Module):
    """One operation. Its constants of floats are parameters (statistics are buffers), so that a layer has weights of
    its own and a plan can name it; other constants stay arrays."""

    def __init__(self, call: Call, handler: Handler, arrays: Sequence[NDArray[Any] | None]) -> None:
        super().__init__()
        kind = call.operation.kind
        constant = frozenset(i for i, array in enumerate(arrays) if array is not None)
        self.call, self.handler = Call(call.operation, call.opset, call.batch, constant), handler
        prepared = PREPARATIONS[kind](self.call, list(arrays)) if kind in PREPARATIONS else list(arrays)
        self.slots: list[str | NDArray[Any] | None] = []  # a parameter's name, an array, None for what comes in
        for index, array in enumerate(prepared):
            if array is None or array.dtype.kind != "f" or array.ndim == 0 or kind in SETTINGS:
                self.slots.append(array)
                continue
            name, tensor = (
                OWN_NAMES.get(kind, NAMES).get(index, f"operand{index}"),
                torch.from_numpy(np.array(array, np.float32)),
            )
            if name.startswith("running"):
                self.register_buffer(name, tensor)
            else:
                self.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
            self.slots.append(name)

    def forward(self, *operands: Value | None) -> Any:
        full = [
            operand if slot is None else getattr(self, slot) if isinstance(slot, str) else slot
            for slot, operand in zip(self.slots, operands, strict=True)
        ]
        results = self.handler(self.call, *full)
        results = results if isinstance(results, tuple | list) else (results,)
        if any(self.call.operation.outputs[len(results) :]):
            raise self.call.refuse("more than its first result")
        return results


def tensors(*operands: Any) -> list[Any]:
    """Operands of arithmetic: data as it is, arrays as tensors, arrays of one number as that number."""
    return [
        operand if isinstance(operand, Tensor) else operand.item() if operand.ndim == 0 else torch.from_numpy(operand)
        for operand in operands
    ]


def integers(value: Any) -> list[int]:
    """A list of whole numbers, from an attribute or a constant operand."""
    return [int(number) for number in np.asarray(value).reshape(-1)]
