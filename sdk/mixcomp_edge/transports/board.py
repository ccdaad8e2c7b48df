"""The generated C on a board, real or played by QEMU, over its UART."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.board.port import Port
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.board.session import Session
from mixcomp_edge.board.wire import WireCost, wire_cost
from mixcomp_edge.errors import BoardError
from mixcomp_edge.ir import ends
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.targets.boards import BAUD
from mixcomp_edge.transports import Progress


class BoardTransport:
    """A session with the firmware of one model; refuses any other. `machine` is ended with it.

    A wire of 11 KB/s does not carry every layer: `trace` compares CRC-32s and fetches only the layers that differ."""

    def __init__(
        self,
        name: str,
        url: str,
        layout: Layout,
        sha256: str,
        build_id: bytes | None = None,
        machine: QemuBoard | None = None,
        baud: int = BAUD,
    ) -> None:
        self.name, self.layout, self.machine = name, layout, machine
        try:
            self.session = Session(Port(url, baud))
            self._check(url, sha256, build_id)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
        if self.machine is not None:
            self.machine.close()

    def infer_batch(self, x: NDArray[np.uint8], progress: Progress | None = None) -> NDArray[np.uint8]:
        outputs = []
        for i, sample in enumerate(x):
            outputs.append(np.frombuffer(self.session.run(sample.tobytes()).output, np.uint8))
            if progress is not None:
                progress(i + 1, len(x))
        return np.array(outputs)

    def trace(self, x: bytes, expected: Sequence[bytes]) -> list[bytes]:
        run = self.session.run(x)
        outputs = list(expected)
        differ = [
            index
            for index, (record, want) in enumerate(zip(run.records, expected, strict=True))
            if record.crc != zlib.crc32(want)
        ]
        if differ:
            got = self.session.layers(x, [(index, len(expected[index])) for index in differ])
            for index, output in zip(differ, got, strict=True):
                if zlib.crc32(output) != run.records[index].crc:
                    raise BoardError(f"{self.name}: layer {index} came out differently when it ran again.")
                outputs[index] = output
        written = {step.node.name: output for step, output in zip(self.layout.steps, outputs, strict=True)}
        sinks = ends.outputs(self.layout.graph)
        for end, part in zip(sinks, ends.parts(sinks, run.output), strict=True):
            if written.get(end.node.name, part) != part:
                raise BoardError(f"{self.name}: the {end.title} differs from what its layer wrote.")
        return outputs

    def cost(self) -> WireCost:
        """Of one input."""
        hello = self.session.hello
        return wire_cost(hello.input_bytes, hello.output_bytes, hello.layers)

    def wire(self) -> dict[str, int]:
        """What went over the wire so far."""
        exchange = self.session.exchange
        return {
            "sent_bytes": exchange.port.sent,
            "received_bytes": exchange.port.received,
            "resent": exchange.resent,
            "damaged": exchange.damaged,
            "resets": exchange.resets,
        }

    def _check(self, url: str, sha256: str, build_id: bytes | None) -> None:
        hello, name = self.session.hello, self.layout.graph.name
        if hello.sha256 != sha256:
            raise BoardError(
                f"{url}: the board {hello.board} runs the model '{hello.model}' (sha256 {hello.sha256[:12]}), "
                f"not '{name}' ({sha256[:12]}). Flash this one: mixcomp-edge flash DIR."
            )
        if build_id is not None and hello.build_id != build_id.hex():
            raise BoardError(
                f"{url}: stale firmware: {hello.board} runs another export of '{name}' (build {hello.build_id}, "
                f"this folder is {build_id.hex()}). Flash it again: mixcomp-edge flash DIR."
            )
        graph = self.layout.graph
        for what, said, right in (
            ("layers", hello.layers, len(self.layout.steps)),
            ("B of arena", hello.arena_bytes, self.layout.arena.total_bytes),
            ("B of input", hello.input_bytes, ends.nbytes(ends.inputs(graph))),
            ("B of output", hello.output_bytes, ends.nbytes(ends.outputs(graph))),
        ):
            if said != right:
                raise BoardError(
                    f"{url}: the firmware says that it has {said:,} {what}, but '{name}' has {right:,}. Flash it again."
                )
