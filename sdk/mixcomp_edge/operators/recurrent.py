"""What recurrent layers have in common, SPEC.md 4.29: a state that each step makes of the one before it and of a row of
what is read.

The products with what goes in at each step are a layer of their own before it, a 1x1 convolution over all steps at
once; those with the state are a dense layer, and lie in flash as one. A step's sums become gates of 16 bits; the state
between steps has 16 bits as well, and is rounded to the value's type where it is multiplied and where it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar, Self

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call, CValue, Fields, Ref
from mixcomp_edge.ir.frames import CUT_IT, Frames, Steps
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.ir.nodes import Doubles, QNode, Value
from mixcomp_edge.ir.types import DTYPES, QType, QuantizedWeights, Requant
from mixcomp_edge.ir.weighted import Layer, Weighted, exact
from mixcomp_edge.numerics.gates import HALF_WORD, IN_BITS, STATE_STEP, clamp16
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.numerics.requant import q32
from mixcomp_edge.operators.dense import Dense, QDense
from mixcomp_edge.operators.narrow import QNarrow

MAX_STATES = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Stepping(Node):
    """Reads (T, gates * H), what goes in, a row a step, and perhaps the states before the first step, H elements each;
    all of them or none. Its value is the state (T, H) after each step; `backward`: the last row is the first step."""

    gates: ClassVar[int]
    states: ClassVar[int] = 1

    backward: int

    @property
    def arity(self) -> int | None:
        return None

    @property
    def product_shape(self) -> Shape:
        """Of its weights, (gates * H, H)."""
        raise NotImplementedError

    def output_shape(self, shapes: list[Shape]) -> Shape:
        x, *initial = shapes
        rows, size = self.product_shape
        if rows != self.gates * size or len(x) != 2 or x[1] != rows:
            raise GraphError(f"{self.name}: weights {self.product_shape} do not fit {x}, {self.gates} gates a state.")
        if len(initial) not in (0, self.states) or any(prod(shape) != size for shape in initial):
            raise GraphError(f"{self.name}: initial states {initial}, expected {self.states} of {size} or none.")
        if self.backward not in (0, 1):
            raise GraphError(f"{self.name}: backward is {self.backward}, expected 0 or 1.")
        return (x[0], size)


@dataclass(frozen=True, eq=False, kw_only=True)
class Recurrent(Stepping, Layer):
    """weight (gates * H, H) and bias (gates * H,): what the state is multiplied with."""

    takes_activation: ClassVar[bool] = False
    feeds_back: ClassVar[bool] = True
    reads_8_bits: ClassVar[bool] = True

    @property
    def product_shape(self) -> Shape:
        return self.weight.shape

    @property
    def macs(self) -> int:
        return self.weight.size * self.shape[0]

    @property
    def limit(self) -> float | None:
        return None if len(self.inputs) > 1 else 1.0

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return False

    def scaled(self, gain: Doubles, offset: Doubles) -> None:
        return None

    def takes(self, offset: Doubles) -> bool:
        return False

    def channels_behind(self, source: Shape, values: Doubles) -> Doubles | None:
        return None

    def channels_before(self, source: Shape, values: Doubles) -> Doubles | None:
        return None

    def gate_step(self, y: QType) -> float:
        """The real value of a step of a gate, whose value has type y."""
        return float(2.0**-IN_BITS)

    def state_steps(self, y: QType) -> tuple[float, ...]:
        """The same of each state."""
        raise NotImplementedError

    def lowered(
        self, cls: type[QRecurrent], y: QType, inputs: list[QType], weights: QuantizedWeights | None, **more: Any
    ) -> QNode:
        step, states = self.gate_step(y), self.state_steps(y)
        codes = weights.codes if weights else np.zeros((0, 0), np.uint8)
        product = Dense(name=self.name, inputs=(), shape=self.bias.shape, weight=self.weight, bias=self.bias)
        return cls(
            **self.common(y),
            backward=self.backward,
            weights=product.lower_weights(y, QType("s16", step), weights, codes),
            x_requant=Requant.of(inputs[0].scale / step),
            y_requant=Requant.of(states[0] / y.scale),
            initial=tuple(Requant.of(type_.scale / step) for type_, step in zip(inputs[1:], states, strict=False)),
            **more,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class QRecurrent(Stepping, Weighted):
    """weights.codes (gates * H, H), whose requantizer makes gates of sums. x_requant: from what goes in to gates;
    y_requant: from the state to y; initial: from each given state to the state."""

    struct: ClassVar[str] = "mce_recurrent"
    in_states: ClassVar[type[QStates]]  # the same with its states as its value

    x_requant: Requant
    y_requant: Requant
    initial: tuple[Requant, ...]

    @property
    def is_rectified(self) -> bool:
        """Whether the state is what of a gate is positive."""
        return False

    @property
    def product_shape(self) -> Shape:
        return self.weights.codes.shape

    @property
    def macs(self) -> int:
        return self.weights.codes.size * self.shape[0]

    @property
    def product(self) -> QDense:
        """The dense layer of a step."""
        return QDense(
            name=self.name, inputs=(self.name,), shape=(len(self.weights.codes),), type=self.type, weights=self.weights
        )

    def kernel_types(self, sources: list[QNode]) -> set[str]:
        """That of the state: what goes in may be any."""
        return {self.type.dtype}

    def check(self, inputs: list[QType]) -> None:
        self.product.check([self.type])
        check_requant(self.name, self.x_requant, (1,), inputs[0].peak)
        check_requant(self.name, self.y_requant, (1,), HALF_WORD)
        if len(self.initial) != len(inputs) - 1:
            raise GraphError(f"{self.name}: {len(self.initial)} requantizers for {len(inputs) - 1} initial states.")
        for requant, type_ in zip(self.initial, inputs[1:], strict=True):
            check_requant(self.name, requant, (1,), type_.peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        x, *given = (self._requantized(v, t, r) for v, t, r in zip(inputs, types, self._requants, strict=True))
        size = self.product_shape[1]
        states = [clamp16(v).reshape(len(x), size) for v in given] or [np.zeros((len(x), size), np.int64)] * self.states
        y = np.zeros((len(x), *self.shape), np.int64)
        for t, after in self._after_each(x, states):
            y[:, t] = self._stored(after[0])
        return y

    def _after_each(self, x: Value, states: list[Value]) -> Iterator[tuple[int, list[Value]]]:
        """The row and the states (N, H) of each step, from those before the first."""
        bias, levels, by = exact(self.weights.bias), exact(self.weights.levels), self.weights.requant
        for t in reversed(range(self.shape[0])) if self.backward else range(self.shape[0]):
            acc = (bias + exact(self._stored(states[0])) @ levels.T).astype(np.int64)
            gates = clamp16(q32(acc, by.multiplier.astype(np.int64), by.shift))
            read, kept = (v.reshape(len(x), self.gates, -1).swapaxes(0, 1) for v in (x[:, t], gates))
            states = list(self.step(read, kept, states))
            yield t, states

    def step(self, x: Value, gates: Value, states: list[Value]) -> tuple[Value, ...]:
        """The states (N, H) after a step; x and gates (gates, N, H) are in the gates' steps."""
        raise NotImplementedError

    @property
    def _requants(self) -> tuple[Requant, ...]:
        return (self.x_requant, *self.initial)

    @staticmethod
    def _requantized(v: Value, type_: QType, by: Requant) -> Value:
        return q32(v - type_.zero_point, by.multiplier.astype(np.int64), by.shift)

    def _stored(self, state: Value) -> Value:
        return self.requantize(state, self.y_requant)

    def widen(self, y: QType, inputs: list[QType]) -> Self:
        """The state is multiplied in finer steps, which gates, whose steps stay, make up for."""
        wide = self.product.widen(y, [y])
        by = self.weights.requant.scaled(1 / y.finer)
        return replace(
            self,
            weights=replace(wide.weights, requant=by),
            x_requant=self.x_requant.scaled(1 / inputs[0].finer),
            y_requant=self.y_requant.scaled(y.finer),
            initial=tuple(by.scaled(1 / t.finer) for by, t in zip(self.initial, inputs[1:], strict=True)),
        )

    @property
    def constants(self) -> tuple[Array, ...]:
        return (
            c_view.multiplier(self.weights.requant),
            c_view.multiplier(self.x_requant, "x_multiplier"),
            c_view.multiplier(self.y_requant, "y_multiplier"),
            *(c_view.multiplier(by, f"initial_{i}") for i, by in enumerate(self.initial)),
        )

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        """Kernels take a pointer for each initial state, which they do not follow where there is none."""
        x, *given = sources
        product = self.product
        lines: tuple[Fields, ...] = (
            {"x": c_view.tensor(self.shape[1:], self.type), "y": product.tensor},
            {"codes": Ref("codes"), "levels": Ref("levels"), "bias": Ref("bias")},
            {"requant": c_view.requantizer(self.weights.requant), "blocks": Ref("blocks")},
        )
        initial: list[CValue] = [
            (c_view.type_of(s.type), s.type.zero_point, c_view.requantizer(by, f"initial_{i}"))
            for i, (s, by) in enumerate(zip(given, self.initial, strict=True))
        ]
        empty: CValue = ("MCE_U4", 0, (0, 0, 0))
        behind: Fields = {
            "x_type": c_view.type_of(x.type), "x_zero": x.type.zero_point, "steps": self.shape[0],
            "backward": self.backward, "relu": int(self.is_rectified), "given": len(given),
            "x_requant": c_view.requantizer(self.x_requant, "x_multiplier"),
            "y_requant": c_view.requantizer(self.y_requant, "y_multiplier"),
            "initial": (*initial, *[empty] * (MAX_STATES - len(initial))),
        }  # fmt: skip
        reads = (x, *(given or [x] * self.states))
        return (Call(self.struct, lines, tuple(node.name for node in reads), "product", behind),)

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        """Its states go from step to step in 16 bits; its value is made of them."""
        frames = self._moving(steps)
        if frames is None:
            return steps.apart(self)
        size, start = self.product_shape[1], np.zeros((self.states, self.product_shape[1]), np.int64)
        for i, (source, by) in enumerate(zip(self.inputs[1:], self.initial, strict=True)):
            node = self._constant(steps, source)
            start[i] = clamp16(self._requantized(node.evaluate([], []), node.type, by)).ravel()
        rows = steps.rows(self.name, frames.each)
        states = self.in_states(
            name=steps.unique(f"{self.name}.states"), inputs=(), shape=(rows, start.size), weights=self.weights,
            type=QType("s16", STATE_STEP), stored=self.type, x_requant=self.x_requant,
            y_requant=self.y_requant, initial=(), backward=0, **self.own,
        )  # fmt: skip
        made = self._kept(steps, states, start)
        y = QNarrow(
            name=self.name, inputs=(made.name,), shape=(rows, size), type=self.type, requant=self.y_requant
        )  # fmt: skip
        return steps.put(y), replace(frames, axis=0)

    def _moving(self, steps: Steps) -> Frames | None:
        """Of what goes in; None where it is the same at all times or of the last frame alone."""
        frames = steps.frames(self.inputs[0])
        if frames is None or frames.is_last:
            return None
        if self.backward:
            raise steps.refused(self, "begins with the last frame", "Give it one direction: bidirectional=False.")
        if frames.lag:
            raise steps.refused(self, "begins before its frames do, which come late", CUT_IT)
        return frames

    def _constant(self, steps: Steps, source: str) -> QNode:
        """The node of a state that is given, which a step can begin with where it is a constant."""
        node = steps.whole[source]
        if not isinstance(node, QNode) or not node.is_constant:
            raise steps.refused(self, f"begins with a state that is computed, '{source}'", "Let it begin with zeros.")
        return node

    def _kept(self, steps: Steps, states: QStates, start: Value) -> QNode:
        """The layer that makes the states of a step of the last ones of the step before; start: those before all."""
        last, rows = replace(states, shape=(1, start.size)), states.shape[0]
        output = states.name if rows == 1 else steps.unique(f"{self.name}.last")
        before = steps.keep(f"{self.name}.state", last, output, pack_elements(start, states.type.bits))
        made = steps.put(replace(states, inputs=(steps.source(self.inputs[0]).name, before.name)))
        if rows > 1:
            steps.cut(output, made, 0, rows - 1, 1)
        return made

    @property
    def own(self) -> dict[str, Any]:
        """Its fields that others of its kind have not."""
        return {}


@dataclass(frozen=True, eq=False, kw_only=True)
class QStates(QRecurrent):
    """Reads what goes in, and a row of its value: the states (T, states * H) after each step, in 16 bits. `stored`: the
    type in which the first of them is multiplied, which y_requant makes."""

    makes_16_bits: ClassVar[bool] = True
    reads_16_bits: ClassVar[bool] = True
    in_place: ClassVar[tuple[int, int]] = (1, 2)

    stored: QType

    @property
    def product(self) -> QDense:
        return replace(super().product, type=self.stored)

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return states_shape(self, shapes)

    def kernel_types(self, sources: list[QNode]) -> set[str]:
        return {self.stored.dtype}

    def check(self, inputs: list[QType]) -> None:
        x, given = inputs
        if self.stored.dtype not in DTYPES or not self.stored.low <= self.stored.zero_point <= self.stored.high:
            raise GraphError(f"{self.name}: {self.stored} is no type of 4 or 8 bits.")
        if x.dtype not in DTYPES or self.type.dtype != "s16" or given != self.type or self.type.zero_point:
            raise GraphError(f"{self.name}: makes s16 of {x} and of s16 like it, not {self.type} of {given}.")
        if self.initial:
            raise GraphError(f"{self.name}: {len(self.initial)} requantizers for states of 16 bits, expected none.")
        self.product.check([self.stored])
        check_requant(self.name, self.x_requant, (1,), x.peak)
        check_requant(self.name, self.y_requant, (1,), HALF_WORD)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        x, given = self._requantized(inputs[0], types[0], self.x_requant), inputs[1].reshape(len(inputs[1]), -1)
        y = np.zeros((len(x), *self.shape), np.int64)
        for t, after in self._after_each(x, np.split(given, self.states, 1)):
            y[:, t] = np.concatenate(after, 1)
        return y

    def _stored(self, state: Value) -> Value:
        by = self.y_requant
        made = self.stored.zero_point + q32(state, by.multiplier.astype(np.int64), by.shift)
        return np.clip(made, self.stored.low, self.stored.high)

    def in_steps(self, steps: Steps) -> tuple[QNode, Frames | None]:
        frames = self._moving(steps)
        if frames is None:
            return steps.apart(self)
        given = steps.whole[self.inputs[1]]
        assert isinstance(given, QNode)
        constants = [self._constant(steps, name) for name in given.inputs]
        start = given.evaluate([node.evaluate([], []) for node in constants], [node.type for node in constants])[0]
        rows = steps.rows(self.name, frames.each)
        return self._kept(steps, self.of_size(0, rows), start), replace(frames, axis=0)

    def widen(self, y: QType, inputs: list[QType]) -> Self:
        wide = replace(self, type=self.stored).product.widen(self.stored, [self.stored])
        by = self.weights.requant.scaled(1 / self.stored.finer)
        return replace(
            self,
            weights=replace(wide.weights, requant=by),
            x_requant=self.x_requant.scaled(1 / inputs[0].finer),
            y_requant=self.y_requant.scaled(self.stored.finer),
            stored=self.stored.wide,
        )

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        x, given = sources
        plain = replace(self, shape=(self.shape[0], self.product_shape[1]), type=self.stored)
        (call,) = super(QStates, plain).calls([x])
        return (replace(call, reads=(x.name, given.name)),)


def states_shape(node: Stepping, shapes: list[Shape]) -> Shape:
    """Of a layer whose value is its states."""
    rows, size = node.product_shape
    if len(shapes) != 2 or rows != node.gates * size or len(shapes[0]) != 2 or shapes[0][1] != rows:
        raise GraphError(f"{node.name}: weights {node.product_shape} do not fit {shapes}, {node.gates} gates a state.")
    if shapes[1] != (1, node.states * size) or node.backward not in (0, 1):
        raise GraphError(f"{node.name}: goes on from states (1, {node.states * size}), not {shapes[1]}.")
    return (shapes[0][0], node.states * size)
