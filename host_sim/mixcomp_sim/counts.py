"""What a counted call executed: every instruction, how often, in which layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .elf import Code
from .lengths import RISCV


@dataclass(frozen=True)
class Counts:
    """Executed instructions; a skipped instruction of an IT block counts, as it does in the pipeline.

    layers, by_address and taken have one entry per layer mark and a last one for what follows the last mark.
    """

    total: int
    layers: tuple[int, ...]
    by_address: tuple[dict[int, int], ...]  # address of the instruction -> executions
    taken: tuple[dict[int, int], ...]  # address behind a branch -> how often it jumped elsewhere
    code: tuple[Code, ...] = field(repr=False)

    def instruction(self, address: int) -> bytes:
        """The two or four bytes of the instruction at address."""
        for part in self.code:
            at = address - part.address
            if 0 <= at < len(part.data):
                return part.instruction(at)
        raise KeyError(f"no code at 0x{address:08x}")

    def mnemonics(self, layer: int | None = None) -> dict[str, int]:
        """Executions by mnemonic without condition and width, most frequent first; of one layer or of all."""
        decoder = disassembler(self.code[0].machine)
        mix: Counter[str] = Counter()
        for counts in self.by_address if layer is None else [self.by_address[layer]]:
            for address, n in counts.items():
                decoded = next(decoder.disasm(self.instruction(address), address, 1), None)
                name = decoded.insn_name() if decoded else "unknown"
                mix["mov" if name == "movs" else name] += n  # capstone names one encoding of mov apart
        return dict(mix.most_common())


def disassembler(machine: str) -> Any:
    """Capstone for the code of a machine. (Only texts and histograms need it.)"""
    import capstone

    if machine == RISCV:
        return capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
    return capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)


def make_counts(
    code: Sequence[Code], executions: Sequence[npt.NDArray[np.int64]], branches: Sequence[npt.NDArray[np.int64]]
) -> Counts:
    """Counts from the executions of each halfword.

    executions: one (layers, halfwords) array for each code section; branches: one (layers, halfwords + 1) array, taken
    branches by the halfword behind them. Decoding needs lengths only: a run of executed
    halfwords begins with a block, so with an instruction, and goes on from instruction to instruction.
    """
    layers = len(executions[0]) if executions else 1
    by_address: list[dict[int, int]] = [{} for _ in range(layers)]
    taken: list[dict[int, int]] = [{} for _ in range(layers)]
    for part, runs, jumps in zip(code, executions, branches, strict=True):
        for layer, halfword in np.argwhere(jumps):
            taken[layer][part.address + 2 * int(halfword)] = int(jumps[layer, halfword])
        executed = np.flatnonzero(np.any(runs, axis=0))
        starts = _instruction_starts(part, executed)  # (n,) halfword indices
        for layer, counts in enumerate(runs[:, starts]):
            used = np.flatnonzero(counts)
            addresses = part.address + 2 * starts[used]
            by_address[layer].update(zip(addresses.tolist(), counts[used].tolist(), strict=True))
    return counts_of(by_address, taken, code)


def counts_of(by_address: Sequence[dict[int, int]], taken: Sequence[dict[int, int]], code: Sequence[Code]) -> Counts:
    """Counts from the executions of each instruction and the jumps of each branch, layer by layer."""
    sums = tuple(sum(counts.values()) for counts in by_address)
    return Counts(sum(sums), sums, tuple(by_address), tuple(taken), tuple(code))


def _instruction_starts(part: Code, executed: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    starts = []
    expected = 0
    for index in executed.tolist():
        if index >= expected:
            starts.append(index)
            expected = index + len(part.instruction(2 * index)) // 2
    return np.array(starts, np.int64)
