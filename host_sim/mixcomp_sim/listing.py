"""The executed functions of a program as annotated disassembly: what each instruction cost beside it."""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from .counts import disassembler
from .elf import Image
from .lines import source_line
from .outcome import Outcome
from .pipeline import spent_by_address
from .report import cycles_at

_HEAD = f"{'executed':>12} {'cycles':>14} {'each':>7} {'waits':>7} {'flash':>9}  address   instruction"


def listing(image: Image, outcome: Outcome) -> Iterator[str]:
    """Lines of text, most expensive function first. each: cycles of an execution; waits: cycles for results, addresses
    and mispredictions; flash: cycles of waiting for it, at the first instruction of a block."""
    decoder = disassembler(image.machine)
    spent, rows = spent_by_address(outcome.counts, outcome.core), cycles_at(outcome)
    starts = [label.address for label in image.labels]
    functions: dict[int, list[int]] = {}
    for address in sorted(rows):
        functions.setdefault(bisect.bisect_right(starts, address) - 1, []).append(address)
    total = sum(cycles for _, cycles, _ in rows.values()) or 1.0
    for number, addresses in sorted(functions.items(), key=lambda item: -sum(rows[a][1] for a in item[1])):
        cycles = sum(rows[a][1] for a in addresses)
        name = image.labels[number].name if number >= 0 else f"0x{addresses[0]:08x}"
        yield f"{name}: {cycles:,.0f} cycles, {100 * cycles / total:.1f} %"
        yield _HEAD
        line = ""
        for address in addresses:
            times, cycles, stalls = rows[address]
            if (now := source_line(image.file, address)) != line:
                line = now
                yield f"{'':>53}  {line or '?'}"
            code = outcome.counts.instruction(address) if times else b""
            decoded = next(decoder.disasm(code, address, 1), None)
            text = f"{decoded.mnemonic} {decoded.op_str}" if decoded else code.hex()
            parts = spent.get(address)
            waits = parts.waits + parts.interlocks + parts.mispredictions if parts else 0.0
            each = cycles / times if times else 0.0
            yield (
                f"{times:>12,} {cycles:>14,.0f} {each:>7.2f} {_or_blank(waits):>7} {_or_blank(stalls):>9}  "
                f"{address:08x}  {text}"
            )
        yield ""


def _or_blank(value: float) -> str:
    return f"{value:,.0f}" if value else ""
