"""The generated C as machine code on an emulated core: in Unicorn, or in QEMU where Unicorn has none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.build.cross import ENTRY, Toolchain, build_image, toolchain
from mixcomp_edge.codegen.render import render_image
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import ends
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.targets import Target
from mixcomp_edge.transports import Progress
from mixcomp_sim import CallResult, Counts, Emulator, Machine, image_memory, open_machine
from mixcomp_sim.chips import Chip
from mixcomp_sim.cost import mean_pace
from mixcomp_sim.flash import Stalls
from mixcomp_sim.machine import DEFAULT_TIMEOUT_S

SECONDS_A_MAC = 1e-6  # twenty times the slowest kernel on an idle PC; an endless loop is no inference


class EmulatedCore:
    """Compiles the project in `project` for a target and runs it there, inputs and outputs inside the arena.

    engine: unicorn or qemu; by default Unicorn for the cores that it has."""

    name = "emulator"

    def __init__(
        self,
        project: Path,
        layout: Layout,
        target: Target,
        chain: Toolchain | None = None,
        engine: str | None = None,
    ) -> None:
        self.layout, self.target = layout, target
        self.chain = chain or toolchain(None, target.triple)
        graph = layout.graph
        self.inputs, self.outputs = ends.inputs(graph), ends.outputs(graph)
        self.folder = Path(tempfile.mkdtemp(prefix="mixcomp-image-"))
        self._opened = ExitStack()
        self._opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            memory = image_memory(target.core, engine)
            self.elf = build_image(project, render_image(layout), target, self.folder, self.chain, memory)
            self.emulator: Machine = open_machine(self.elf, target.core, engine)
            self._opened.callback(self.emulator.close)
            self.arena = self.emulator.symbol("mce__arena")
            macs = sum(step.node.macs for step in layout.steps)
            self.timeout_s = DEFAULT_TIMEOUT_S + macs * SECONDS_A_MAC
            self.entry_bytes = self.emulator.symbol(ENTRY).size  # of ours, not of the model
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._opened.close()

    def infer_batch(self, x: NDArray[np.uint8], progress: Progress | None = None) -> NDArray[np.uint8]:
        outputs = []
        for i, sample in enumerate(x):
            self._write_input(sample.tobytes())
            self._check(self._call().value)
            outputs.append(np.frombuffer(self.output_bytes(), np.uint8))
            if progress is not None:
                progress(i + 1, len(x))
        return np.array(outputs)

    def trace(self, x: bytes, expected: Sequence[bytes] = ()) -> list[bytes]:
        outputs: list[bytes] = []
        self._write_input(x)
        steps = self.layout.steps
        self._check(self._call(on_layer=lambda index: outputs.append(self._read(steps[index].node))).value)
        return outputs

    def count(self, x: bytes) -> tuple[Counts, int]:
        """(instruction counts, stack bytes) of one inference."""
        self._write_input(x)
        result = self._call(count=True)
        self._check(result.value)
        assert result.counts is not None
        return result.counts, result.stack_bytes

    def stalls(self, x: bytes, chip: Chip, counts: Counts) -> tuple[Stalls, ...] | None:
        """What that inference waits for a chip's flash; None for memory without wait states. counts: of the same
        inference, which following must not change. Only Unicorn can follow addresses."""
        if chip.flash.miss_cycles == 0:
            return None
        if not isinstance(self.emulator, Emulator):
            raise ExportError(
                f"{chip.name} has flash with wait states, which QEMU cannot follow for {self.target.name}."
            )
        self._write_input(x)
        pace, timeout_s = mean_pace(counts, chip), 2 * self.timeout_s
        result = self.emulator.call(ENTRY, count=True, flash=chip.flash, pace=pace, timeout_s=timeout_s)
        if result.counts != counts:
            raise RuntimeError(f"{self.target.name}: the emulator ran other instructions while the flash was followed")
        return result.stalls

    def output_bytes(self) -> bytes:
        """The outputs of the last run."""
        return b"".join(self._read(end.node) for end in self.outputs)

    def _call(self, **options: Any) -> CallResult:
        return self.emulator.call(ENTRY, timeout_s=self.timeout_s, **options)

    def _write_input(self, x: bytes) -> None:
        for end, part in zip(self.inputs, ends.parts(self.inputs, x), strict=True):
            self.emulator.write(self._address(end.node), part)

    def _address(self, node: object) -> int:
        assert isinstance(node, QNode)
        return self.arena.address + self.layout.arena.offsets[node.name]

    def _read(self, node: object) -> bytes:
        assert isinstance(node, QNode)
        return bytes(self.emulator.read(self._address(node), node.nbytes))

    def _check(self, status: int) -> None:
        if status != 0:
            raise ExportError(f"mce_{self.layout.graph.name}_run returned status {status} on {self.target.name}.")
