"""lstm, SPEC.md 4.29: long short-term memory, as torch.nn.LSTM has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.gates import OUT_BITS, STATE_STEP, clamp16, sigmoid, tanh
from mixcomp_edge.operators.recurrent import QRecurrent, QStates, Recurrent, states_shape

CELL_BITS = 11  # behind the point: a cell reaches from -16 to 16
CELL = 2.0 ** (OUT_BITS - CELL_BITS)  # the largest
STATES = 2
STORED = QType("s8", 1 / 127)  # what of h is multiplied where the states are the value, whose own type is theirs


@dataclass(frozen=True, eq=False, kw_only=True)
class Lstm(Recurrent):
    """Gates i, f, g, o of what goes in and of the state h: c = sigmoid(f) * c + sigmoid(i) * tanh(g),
    h = sigmoid(o) * tanh(c)."""

    op: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = STATES

    def state_steps(self, y: QType) -> tuple[float, ...]:
        return float(2.0**-OUT_BITS), float(2.0**-CELL_BITS)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return self.lowered(QLstm, y, inputs, weights)


@dataclass(frozen=True, eq=False, kw_only=True)
class LstmStates(Lstm):
    """Its states as its value (T, 2 * H): h, and c divided by `CELL`. It reads what goes in, and such a row."""

    op: ClassVar[str] = "lstm_states"

    @property
    def limit(self) -> None:
        return None

    @property
    def fixed_dtype(self) -> str:
        return "s16"

    @property
    def fixed_step(self) -> float:
        return STATE_STEP

    def output_shape(self, shapes: list[Shape]) -> Shape:
        return states_shape(self, shapes)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return replace(self.lowered(QLstmStates, STORED, inputs[:1], weights, stored=STORED), type=y)


@dataclass(frozen=True, eq=False, kw_only=True)
class QLstm(QRecurrent):
    """The state has 15 bits behind the point, the cell 11."""

    op: ClassVar[str] = "lstm"
    title: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = STATES

    def step(self, x: Value, gates: Value, states: list[Value]) -> tuple[Value, ...]:
        u, (_, c), half = clamp16(x + gates), states, 1 << (OUT_BITS - 1)
        i, f, g, o = sigmoid(u[0]), sigmoid(u[1]), tanh(u[2]), sigmoid(u[3])
        c = clamp16((f * c + ((i * g + 8) >> (OUT_BITS - CELL_BITS)) + half) >> OUT_BITS)
        return np.asarray((o * tanh(clamp16(2 * c)) + half) >> OUT_BITS), c


@dataclass(frozen=True, eq=False, kw_only=True)
class QLstmStates(QStates, QLstm):
    """Its states as its value, SPEC.md 4.35."""

    op: ClassVar[str] = "lstm_states"
    title: ClassVar[str] = "LSTM states"


QLstm.in_states = QLstmStates
