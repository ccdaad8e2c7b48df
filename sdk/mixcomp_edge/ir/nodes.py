"""What an operator says of itself. It is a class of the float graph, of the integer graph, or one of each, in a file of
its own in operators/; every stage asks the node and knows no operator.

A node answers with the methods below; an operator overrides those in which it differs from the default."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.errors import GraphError, LoweringError
from mixcomp_edge.ir import c_view, tflite
from mixcomp_edge.ir.c_view import Array, Call, CValue, View
from mixcomp_edge.ir.frames import Frames, Steps
from mixcomp_edge.ir.graph import TFLM, Node, Shape
from mixcomp_edge.ir.tflite import Operations
from mixcomp_edge.ir.types import QType, QuantizedWeights, Requant
from mixcomp_edge.numerics.functions import Formula, Step
from mixcomp_edge.numerics.requant import q32

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Value = NDArray[np.int64]  # (N, *shape): a batch of inputs goes through at once


def one_number(values: Doubles, channels: int) -> Doubles | None:
    """Values of each channel on one side, as those of so many on the other, which hold parts of all of them; None where
    they differ."""
    return np.full(channels, values[0]) if np.all(values == values[0]) else None


@dataclass(frozen=True)
class Activation:
    """What a node does to its result before it is stored: a clamp to 0 … `high`, or nothing."""

    high: float | None

    NONE: ClassVar[Activation]
    RELU: ClassVar[Activation]
    RELU6: ClassVar[Activation]

    @property
    def formula(self) -> Formula:
        return () if self.high is None else (Step("clamp", (0,), (0.0, self.high)),)

    def then(self, other: Activation) -> Activation:
        """Both, one after the other."""
        if self.high is None or other.high is None:
            return other if self.high is None else self
        return self if self.high < other.high else other


Activation.NONE, Activation.RELU, Activation.RELU6 = Activation(None), Activation(math.inf), Activation(6.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class FloatNode(Node):
    """A node of the float graph: what the front end makes and the passes in lower/ simplify."""

    has_8_bits: ClassVar[bool] = False  # its value, whatever the plan says
    reads_8_bits: ClassVar[bool] = False  # so does the first value that it reads
    lets_relu_through: ClassVar[bool] = False  # a ReLU gives the same before it as behind it

    @property
    def limit(self) -> float | None:
        """The largest real number that its value needs to hold, where there is one."""
        return None

    @property
    def fixed_step(self) -> float | None:
        """Of its value, where it is not found by calibration."""
        return None

    @property
    def gives_probabilities(self) -> bool:
        """Whether its value holds probabilities that it makes of logits."""
        return False

    @property
    def fixed_dtype(self) -> str | None:
        """Of its value, where neither signs nor the plan decide."""
        return None

    @property
    def reads_up_to(self) -> tuple[float, bool] | None:
        """The |x| beyond which it does not tell apart what it reads, where there is one, and whether its value jumps
        there."""
        return None

    @property
    def tells_apart(self) -> float | None:
        """How far below the largest number of a row along its last axis its value needs to reach, where there is such a
        bound."""
        return None

    @property
    def formula(self) -> Formula | None:
        """Its value, element by element, as a function of those that it reads, where it is one of numbers alone."""
        return None

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        """Whether its value cannot be negative, told which of the values that it reads cannot."""
        return False

    def is_skewed(self, inputs: list[bool]) -> bool:
        """Whether it may lie mostly on one side of 0, so that calibration gives it a zero point, told which of the
        values that it reads may."""
        return False

    def commutes(self, gain: Doubles, offset: Doubles) -> bool:
        """Whether node(gain * x + offset) = gain * node(x) + offset, each (C,)."""
        return False

    def scaled(self, gain: Doubles, offset: Doubles) -> FloatNode | None:
        """The node whose value is gain * its value + offset, each (C,), if it can take these in."""
        return None

    def channels_behind(self, source: Shape, values: Doubles) -> Doubles | None:
        """Values (C,) of what it reads, of that shape, as those of its own channels; None where it mixes them."""
        return values

    def channels_before(self, source: Shape, values: Doubles) -> Doubles | None:
        """The inverse."""
        return values

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        """Its integer form, with a value of type y, reading values of these types. Here real numbers become integers;
        from here on everything is exact."""
        raise LoweringError(f"{self.name}: {self.op} has no integer form.")

    def common(self, y: QType) -> dict[str, Any]:
        """What every integer node is made of."""
        return {"name": self.name, "inputs": self.inputs, "shape": self.shape, "type": y}


@dataclass(frozen=True, eq=False, kw_only=True)
class Activated(FloatNode):
    """A node that takes in the ReLU behind it, unless it says otherwise."""

    takes_activation: ClassVar[bool] = True

    activation: Activation = Activation.NONE

    def activated(self, formula: Formula, operands: int) -> Formula:
        """A formula of so many values, with the activation behind it."""
        return (*formula, *(replace(step, of=(operands + len(formula) - 1,)) for step in self.activation.formula))

    @property
    def limit(self) -> float | None:
        return None if self.activation.high == math.inf else self.activation.high

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return self.activation != Activation.NONE or all(inputs)


@dataclass(frozen=True, eq=False, kw_only=True)
class QNode(Node):
    """A node of the integer graph: its value is a quantized tensor."""

    makes_probabilities: ClassVar[bool] = False
    makes_16_bits: ClassVar[bool] = False  # its value may be u16 or s16
    reads_16_bits: ClassVar[bool] = False  # so may the values that it reads
    is_view: ClassVar[bool] = False  # its value is the bytes that it reads: nothing runs
    is_constant: ClassVar[bool] = False  # its value lies in flash as `data`: nothing runs
    in_place: ClassVar[tuple[int, int]] = (0, 0)  # of which inputs on, up to which, kernels may write over, SPEC.md 7
    title: ClassVar[str] = ""  # in comments, where the name in SPEC.md would not say enough
    mixes: ClassVar[str] = "makes each frame of several"  # why a step form is refused, and what helps
    stream_remedy: ClassVar[str] = "Take the last frame before it, or windows over few frames or recurrent layers."

    type: QType

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape))

    @property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest integer that an element may be."""
        return self.type.low, self.type.high

    @property
    def nbytes(self) -> int:
        """Bytes of the value in memory."""
        return (self.elements * self.type.bits + 7) // 8

    @property
    def kind(self) -> str:
        """What measurements group layers by."""
        return self.op

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding counted as in the literature; 0 where there are no sums of products."""
        return 0

    def kernel_types(self, sources: list[QNode]) -> set[str]:
        """The types that the catalogue's `act` is about."""
        return {source.type.dtype for source in sources}

    def check(self, inputs: list[QType]) -> None:
        """Raises GraphError for a field out of its range, LoweringError where an accumulator could leave int32."""

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        """Its value (N, *shape) of the inputs' values and types: the definition, SPEC.md 4."""
        raise GraphError(f"{self.name}: the interpreter does not know '{self.op}'.")

    def carried(self, which: int, axis: int, shape: Shape) -> int | None:
        """The axis of its value along which the indices of an axis of what it reads go: element by element the same
        function. None where it joins several of these, or treats them differently. shape: of what it reads."""
        return None

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        """The node of a step, and how frames lie in its value. StreamError where these need later ones."""
        return steps.apart(self)

    def of_size(self, axis: int, size: int) -> Self:
        """The node with another number of indices along an axis of its value, and of what it reads there."""
        return replace(self, shape=(*self.shape[:axis], size, *self.shape[axis + 1 :]))

    def clamp(self, y: Value) -> Value:
        return np.clip(y, self.type.low, self.type.high)

    def requantize(self, acc: Value, requant: Requant) -> Value:
        """acc (..., C), with one multiplier or C of them."""
        return self.clamp(self.type.zero_point + q32(acc, requant.multiplier.astype(np.int64), requant.shift))

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        """Its form with 8 bits on all sides. It has its wide type already; y and inputs are the types as they were."""
        return self

    @property
    def constants(self) -> tuple[Array, ...]:
        """Arrays in flash beside those of the packing."""
        return ()

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        """The calls of its kernel; nothing for a view."""
        return ()

    def c_view(self, sources: list[QNode], contract: str) -> View:
        """The node as kernels of the contract see it."""
        return self.by_tflm(sources) if contract == TFLM else View(self.constants, self.calls(sources))

    def by_tflm(self, sources: list[QNode]) -> View:
        """In contract tflm: as in q32, unless it rounds."""
        return View(self.constants, self.calls(sources))

    def seen(self, sources: list[QNode], **fields: Any) -> View:
        """With other fields."""
        node = replace(self, **fields)
        return View(node.constants, node.calls(sources))

    def tflite(self, sources: list[QNode]) -> Operations:
        """How TensorFlow Lite Micro makes its value of those of its sources; the last operation's output is
        `tflite.value(self)`. UnsupportedError where it has nothing that does."""
        raise tflite.refuse(self, f"operator that does what {self.title or self.op} does")

    @property
    def tensor(self) -> CValue:
        """Its value as an mce_tensor."""
        return c_view.tensor(self.shape, self.type)
