"""The cycle and energy models against published MLPerf Tiny results (mlcommons/tiny_results_v0.5 … v1.3).

For a published binary there is no trace, but there is what decides its time: executed instructions by kind of
TensorFlow Lite Micro with CMSIS-NN (int8, August 2026, Cortex-M4, counted under QEMU), and the order in which
CMSIS-NN's kernels walk over weights, biases and per-channel multipliers, which all lie in flash. So

    cycles = zero-wait-state cycles of the mix + stalls of that order of addresses through the chip's flash model.

No number is fitted to the results. Instruction fetches are left out: the code is not known. `PYTHONPATH=tests
python -m host_sim.published` prints the tables of DECISIONS.md."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mixcomp_sim.chips import Flash, find_chip
from mixcomp_sim.flash import FlashModel


@dataclass(frozen=True)
class Mix:
    """A whole inference on Cortex-M4. cycles: LDR 2, or 1 right after a load; STR 1; MAC 1; LDM 1 + N; taken branch +2
    (Arm DDI 0439, table 3-1), over the executed instructions."""

    instructions: int
    cycles: float


MIXES = {
    "IC": Mix(29_873_690, 36.66e6),
    "KWS": Mix(7_843_862, 9.49e6),
    "VWW": Mix(24_720_568, 30.33e6),
    "AD": Mix(582_370, 0.73e6),
}
# Krai, v1.1: MicroTVM with CMSIS-NN, NUCLEO-L4R5ZI at 120 MHz, ms. IC equals the same submitter's row without CMSIS-NN.
MICROTVM_MS = {"KWS": 99.81, "VWW": 300.84, "AD": 8.60, "IC": 389.56}
JUDGED = ("KWS", "VWW", "AD")
CONSTANT = 1.297  # the one factor on the mix's cycles that fits the four rows best
# STMicroelectronics, v0.7, v1.0 and v1.2: uJ / ms of IC, KWS, VWW, AD, in mW.
ST_POWER_MW = {
    "stm32l4r5": (48.7, 47.5, 48.3, 44.6, 47.1, 44.9, 43.7, 42.6, 41.9, 42.1, 43.8, 38.7),
    "stm32u575": (26.3, 27.0, 26.6, 26.6, 26.1, 25.7, 25.2, 24.6, 23.2, 22.6, 22.9, 23.9),
    "stm32h7a3": (159.2, 166.6, 162.9, 153.1, 160.2, 162.4, 157.4, 145.6, 124.6, 121.5, 124.6, 134.7),
}


class Network:
    """Addresses of the constants that an int8 network reads from flash, in the order of CMSIS-NN's kernels."""

    def __init__(self, base: int = 0x08100000) -> None:
        self.free = base
        self.reads: list[np.ndarray] = []

    def conv(self, pixels: int, taps: int, channels: int) -> None:
        """arm_convolve_s8: im2col of two pixels, then all channels, two at a time."""
        weights, columns = self._place(taps * channels), self._columns(channels)
        rows = [self._pair(weights, columns, taps, c) for c in range(0, channels, 2)]
        self.reads.append(np.tile(np.concatenate(rows), (pixels + 1) // 2))

    def pointwise(self, pixels: int, taps: int, channels: int) -> None:
        """arm_nn_mat_mult_nt_t_s8: two channels, then all pixels, two at a time."""
        weights, columns = self._place(taps * channels), self._columns(channels)
        for c in range(0, channels, 2):
            self.reads.append(np.tile(self._pair(weights, columns, taps, c), (pixels + 1) // 2))

    def depthwise(self, pixels: int, channels: int, taps: int = 9) -> None:
        """arm_depthwise_conv_s8_opt: each pixel reads all weights, four channels at a time."""
        weights, columns = self._place(taps * channels), self._columns(channels)
        rows = []
        for c in range(0, channels, 4):
            rows.append(weights + c + channels * np.arange(taps))
            rows += [column + 4 * np.arange(c, min(c + 4, channels)) for column in columns]
        self.reads.append(np.tile(np.concatenate(rows), pixels))

    def dense(self, taps: int, channels: int) -> None:
        """arm_nn_vec_mat_mult_t_s8: four rows at a time, once."""
        weights, bias = self._place(taps * channels), self._place(4 * channels)
        for c in range(0, channels, 4):
            rows = np.arange(c, min(c + 4, channels))
            self.reads.append((weights + 4 * np.arange(taps // 4)[:, None] + taps * rows).ravel())
            self.reads.append(bias + 4 * rows)

    def stall_cycles(self, flash: Flash) -> float:
        model = FlashModel(flash, 1.0, span=(0x08000000, 1 << 27))
        addresses = np.concatenate(self.reads)
        model.trace(addresses, np.zeros(len(addresses), np.uint32))
        return model.stalls()[0].read_cycles

    def _pair(self, weights: int, columns: list[int], taps: int, c: int) -> np.ndarray:
        rows = [weights + row * taps + 4 * np.arange((taps + 3) // 4) for row in (c, c + 1)]
        return np.concatenate([*rows, *(column + 4 * np.array([c, c + 1]) for column in columns)])

    def _columns(self, channels: int) -> list[int]:
        """Biases, multipliers, shifts."""
        return [self._place(4 * channels) for _ in range(3)]

    def _place(self, n: int) -> int:
        start, self.free = self.free, self.free + (n + 31) // 32 * 32
        return start


def network(name: str) -> Network:
    """ResNet-8, DS-CNN, MobileNetV1 0.25 and the autoencoder of MLPerf Tiny."""
    net = Network()
    if name == "IC":
        for pixels, taps, channels in (
            (1024, 27, 16),
            (1024, 144, 16),
            (1024, 144, 16),
            (256, 144, 32),
            (256, 288, 32),
        ):
            net.conv(pixels, taps, channels)
        net.pointwise(256, 16, 32)
        net.conv(64, 288, 64)
        net.conv(64, 576, 64)
        net.pointwise(64, 32, 64)
        net.dense(64, 10)
    elif name == "KWS":
        net.conv(125, 40, 64)
        for _ in range(4):
            net.depthwise(125, 64)
            net.pointwise(125, 64, 64)
        net.dense(64, 12)
    elif name == "VWW":
        net.conv(48 * 48, 27, 8)
        blocks = [(8, 16, 48), (16, 32, 24), (32, 32, 24), (32, 64, 12), (64, 64, 12), (64, 128, 6)]
        for inputs, outputs, side in [*blocks, *[(128, 128, 6)] * 5, (128, 256, 3), (256, 256, 3)]:
            net.depthwise(side * side, inputs)
            net.pointwise(side * side, inputs, outputs)
        net.dense(256, 2)
    else:
        widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
        for inputs, outputs in pairwise(widths):
            net.dense(inputs, outputs)
    return net


def predicted_ms(name: str, chip_name: str = "stm32l4r5") -> float:
    """Of TensorFlow Lite Micro with CMSIS-NN on a chip with Cortex-M4."""
    chip = find_chip(chip_name)
    return (MIXES[name].cycles + network(name).stall_cycles(chip.flash)) / chip.clock_hz * 1e3


def main() -> None:
    print("| network | published, ms | mix alone | error | flash model | error | one factor 1.297 | error |")
    print("|---|---|---|---|---|---|---|---|")
    for name, published in MICROTVM_MS.items():
        alone = MIXES[name].cycles / 120e3
        values = (alone, predicted_ms(name), CONSTANT * alone)
        cells = " | ".join(f"{value:.1f} | {100 * (value / published - 1):+.1f} %" for value in values)
        print(f"| {name} | {published} | {cells} |")
    print("\n| chip | modelled, mW | ST's rows, mW | error |\n|---|---|---|---|")
    for name, rows in ST_POWER_MW.items():
        mw = find_chip(name).power_mw
        errors = [100 * (mw / row - 1) for row in rows]
        print(f"| {name} | {mw:.1f} | {min(rows)} to {max(rows)} | {min(errors):+.0f} to {max(errors):+.0f} % |")


if __name__ == "__main__":
    main()
