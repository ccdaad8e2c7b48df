"""The models on other boards: predicted times of int8 networks with CMSIS-NN beside published ones.

Predicted cycles = instructions of CMSIS-NN on the board's core (counted, gcc 12.2 -Ofast) x cycles per instruction +
stalls of published.py's order of reads. Cycles per instruction are those of the Cortex-M4 mix, scaled by what the
core's model says of a plain int8 matrix kernel against what Cortex-M4's says of it. Only the first board runs the same
software; the others run faster kernels, so there a prediction should be too long.

`PYTHONPATH=tests python -m host_sim.published_boards` counts the kernel anew, which needs arm-none-eabi-gcc, and writes
published_boards.json; `python tests/figures.py` shows its table in DECISIONS.md."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from host_sim.conftest import Toolchain
from host_sim.published import MIXES, network
from mixcomp_sim import Emulator
from mixcomp_sim.chips import Flash, find_chip
from mixcomp_sim.pipeline import core_cycles

MACS = {"IC": 12_501_632, "KWS": 2_656_768, "VWW": 7_489_664, "AD": 264_192}
INSTRUCTIONS_A_MAC = {
    "cortex-m0plus": {"IC": 7.80, "KWS": 10.91, "VWW": 11.60, "AD": 6.65},
    "cortex-m4": {"IC": 2.39, "KWS": 2.95, "VWW": 3.30, "AD": 2.19},
    "cortex-m7": {"IC": 2.39, "KWS": 2.92, "VWW": 3.27, "AD": 2.19},
    "cortex-m33": {"IC": 2.39, "KWS": 2.94, "VWW": 3.28, "AD": 2.19},
}
FILE = Path(__file__).with_suffix(".json")
ZERO_WAIT = Flash(0, 16, False)


@dataclass(frozen=True)
class Board:
    name: str
    software: str
    core: str
    clock_hz: int
    flash: Flash
    ms: dict[str, float]


def _board(chip_name: str, software: str, *ms: float) -> Board:
    chip = find_chip(chip_name)
    return Board(chip_name, software, chip.core, chip.clock_hz, chip.flash, dict(zip(MACS, ms, strict=True)))


BOARDS = [
    Board("nrf5340, flash not modelled", "MicroTVM with CMSIS-NN, v1.1", "cortex-m33", 128_000_000, ZERO_WAIT,
          {"IC": 317.86, "KWS": 76.49, "VWW": 233.32, "AD": 6.29}),
    _board("stm32l4r5", "X-CUBE-AI, v1.0", 226.91, 75.06, 230.47, 7.58),
    _board("stm32u575", "X-CUBE-AI, v1.0", 139.70, 44.23, 133.40, 4.85),
    _board("stm32u575", "Bosch, v1.1", 117.74, 39.74, 114.74, 3.80),
    _board("stm32h7a3", "X-CUBE-AI, v1.0", 54.34, 16.76, 50.70, 1.83),
    _board("stm32h7a3", "Bosch, v1.1", 46.83, 14.72, 43.66, 1.36),
    _board("stm32f746", "Bosch, v1.1", 61.57, 18.42, 57.18, 1.70),
    _board("stm32g0b1", "Bosch, v1.1", 1669.45, 679.35, 1869.16, 46.55),
]  # fmt: skip
KERNEL = """
signed char x[2][64], w[2][64], y[4];
int bias[2] = {3, 4}, scale[2] = {1 << 30, 1 << 29};
int run(void)
{
    for (int o = 0; o < 2; o++) {
        for (int p = 0; p < 2; p++) {
            int acc = bias[o];
            for (int i = 0; i < 64; i++) { acc += x[p][i] * w[o][i]; }
            acc = (int)(((long long)acc * scale[o] + (1LL << 36)) >> 37);
            y[2 * p + o] = acc > 127 ? 127 : acc < -128 ? -128 : acc;
        }
    }
    return 0;
}
"""


def cycles_per_instruction(folder: Path) -> dict[str, float]:
    """Of the int8 kernel, by core."""
    toolchain, found = Toolchain("gcc", folder), {}
    for core in INSTRUCTIONS_A_MAC:
        counts = Emulator(toolchain.build(core, KERNEL, ".c"), core).call("run", count=True).counts
        found[core] = core_cycles(counts, core)[0].nominal / counts.total
    return found


def predicted_ms(board: Board, name: str, cpi: dict[str, float]) -> float:
    mix = MIXES[name].cycles / MIXES[name].instructions
    core = mix * cpi[board.core] / cpi["cortex-m4"]
    cycles = INSTRUCTIONS_A_MAC[board.core][name] * MACS[name] * core + network(name).stall_cycles(board.flash)
    return cycles / board.clock_hz * 1e3


def table(cpi: dict[str, float]) -> Iterator[str]:
    """For DECISIONS.md, a line a board."""
    yield "| board | software | IC | KWS | VWW | AD |"
    yield "|---|---|---|---|---|---|"
    for board in BOARDS:
        cells = []
        for name, published in board.ms.items():
            ms = predicted_ms(board, name, cpi)
            cells.append(f"{ms:.3g} for {published:.3g} ({100 * (ms / published - 1):+.0f} %)")
        yield f"| {board.name} | {board.software} | {' | '.join(cells)} |"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_text(json.dumps(cycles_per_instruction(Path(folder)), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
