"""What one verified input costs on the wire, known before the first byte is sent. SPEC.md 8.4"""

from __future__ import annotations

from dataclasses import dataclass

from mixcomp_edge.board.frames import CRC_BYTES, DATA_BYTES, HEAD_BYTES
from mixcomp_edge.board.port import BITS_PER_BYTE
from mixcomp_edge.targets.boards import BAUD

RECORD_BYTES = 8  # a layer's checksum and cycles
RUN_BYTES, RUN_ANSWER_BYTES, READ_BYTES, OFFSET_BYTES = 6, 20, 7, 4


@dataclass(frozen=True)
class WireCost:
    """Bytes both ways for one input. `payload`: the input and the output; all else is the protocol's."""

    payload: int
    total: int

    @property
    def share(self) -> float:
        return self.payload / self.total

    def seconds(self, inputs: int, baud: int = BAUD) -> float:
        """Time on the wire at 8N1, both directions one after the other, as the protocol works."""
        return inputs * self.total * BITS_PER_BYTE / baud


def wire_cost(input_bytes: int, output_bytes: int, layers: int) -> WireCost:
    """At most this much, when nothing is sent twice: COBS may save a byte a frame, depending on the data."""
    writes = sum(_request(OFFSET_BYTES + count) + _frame(0) for count in _blocks(input_bytes))
    run = _request(RUN_BYTES) + _frame(RUN_ANSWER_BYTES)
    reads = sum(
        _request(READ_BYTES) + _frame(count)
        for size in (RECORD_BYTES * layers, output_bytes)
        for count in _blocks(size)
    )
    return WireCost(input_bytes + output_bytes, writes + run + reads)


def _blocks(size: int) -> list[int]:
    return [min(DATA_BYTES, size - offset) for offset in range(0, size, DATA_BYTES)]


def _frame(payload: int) -> int:
    """Opening, COBS of the body, the zero at the end."""
    body = HEAD_BYTES + payload + CRC_BYTES
    return 2 + body + body // 254 + 1 + 1


def _request(payload: int) -> int:
    """A zero in front ends what noise may have opened."""
    return 1 + _frame(payload)
