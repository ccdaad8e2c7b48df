"""gru, SPEC.md 4.29: gated recurrent units, as torch.nn.GRU has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.gates import ONE, OUT_BITS, clamp16, sigmoid, tanh
from mixcomp_edge.operators.recurrent import QRecurrent, QStates, Recurrent

STATE_BITS = 14  # behind the point: given states reach from -2 to 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Gru(Recurrent):
    """Gates r, z, n: r = sigmoid(x_r + h_r), z = sigmoid(x_z + h_z), n = tanh(x_n + r * h_n), h = (1 - z) * n + z * h
    with x_r, x_z, x_n what goes in, and h_r, h_z, h_n of the state h."""

    op: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    def state_steps(self, y: QType) -> tuple[float, ...]:
        return (float(2.0**-STATE_BITS),)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return self.lowered(QGru, y, inputs, weights)


@dataclass(frozen=True, eq=False, kw_only=True)
class QGru(QRecurrent):
    """The state has 14 bits behind the point."""

    op: ClassVar[str] = "gru"
    title: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3

    def step(self, x: Value, gates: Value, states: list[Value]) -> tuple[Value, ...]:
        (h,) = states
        r, z = (sigmoid(clamp16(a + b)) for a, b in zip(x[:2], gates[:2], strict=True))
        n = tanh(clamp16(x[2] + ((r * gates[2] + (1 << (OUT_BITS - 1))) >> OUT_BITS)))
        return (((ONE - z) * n + 2 * z * h + (1 << OUT_BITS)) >> (OUT_BITS + 1),)


@dataclass(frozen=True, eq=False, kw_only=True)
class QGruStates(QStates, QGru):
    """Its states as its value, SPEC.md 4.35."""

    op: ClassVar[str] = "gru_states"
    title: ClassVar[str] = "GRU states"


QGru.in_states = QGruStates
