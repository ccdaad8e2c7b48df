"""What recurrent layers and attention cost on Cortex-M4: `python tests/networks/language.py` prints the table of
DECISIONS.md.

A transformer encoder of two layers (width 64, four heads, 64 features inside, 32 tokens), a GRU and an LSTM (64 units,
32 frames of 40), with random weights: instructions of the worst of the inputs, by gcc, and flash of the weights. Beside
them int8, the same network with a byte a weight and activations of 8 bits by our own kernels for bytes, and float:
language.c by gcc -O2 and newlib, for single precision."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2]))
from mixcomp_edge import LayerPlan, QuantPlan, convert, prepare, simulate
from mixcomp_edge.bench.int8 import compare_int8
from mixcomp_edge.bundle import save_bundle
from mixcomp_sim import Emulator

TARGET, STEPS, FEATURES, UNITS, WIDTH = "cortex-m4", 32, 40, 64, 64
FLAGS = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-O2", "-ffunction-sections",
         "--specs=nosys.specs", "-nostartfiles")  # fmt: skip
CASES = (("fixp4", 8), ("fixp4", 4), ("posit4", 8), ("posit4", 4))  # weights, bits of an activation


class States(nn.Module):
    """All states of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, 4, WIDTH, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


NETWORKS = {
    "encoder": (encoder, WIDTH),
    "gru": (lambda: States(nn.GRU(FEATURES, UNITS, batch_first=True)), FEATURES),
    "lstm": (lambda: States(nn.LSTM(FEATURES, UNITS, batch_first=True)), FEATURES),
}


def measured(name: str, weights: str, bits: int, folder: Path) -> dict[str, object]:
    """Instructions and bytes of weights, of ours and of int8."""
    make, size = NETWORKS[name]
    torch.manual_seed(0)
    model, x = make().eval(), torch.randn(128, STEPS, size)
    plan = QuantPlan(LayerPlan(weights=weights, granularity="tensor", act_bits=bits))
    file = folder / f"{name}_{weights}_a{bits}.mce"
    save_bundle(convert(prepare(model, x, plan, name)), file)
    ours = simulate(file, target_name=TARGET, chain_name="gcc")
    other = compare_int8(file, ours, chain_name="gcc")
    return {
        "network": name, "weights": weights, "bits": bits, "bit_exact": ours.bit_exact,
        "ours": ours.instructions, "int8": other.int8.instructions,
        "layers": {layer.name: layer.instructions for layer in ours.layers},
        "flash": ours.flash_bytes["weights"], "flash_int8": other.int8.flash_bytes["weights"],
    }  # fmt: skip


def in_float(folder: Path) -> dict[str, int]:
    """Instructions of each network in float C."""
    elf, names = folder / "float.elf", [f"network_{name}" for name in ("none", *NETWORKS)]
    kept = [f"-Wl,--undefined={name}" for name in names]
    source = Path(__file__).with_name("language.c")
    command = ["arm-none-eabi-gcc", *FLAGS, source, "-Wl,-e,network_none", *kept, "-o", elf, "-lm"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    counts = {name: Emulator(elf, TARGET).call(name, count=True).counts.total for name in names}
    return {name: counts[f"network_{name}"] - counts["network_none"] for name in NETWORKS}


def markdown(rows: list[dict[str, object]]) -> str:
    head = ["| network | weights, activations | instructions | to int8 | to float | weights in flash | to int8 |"]
    return "\n".join(head + ["|---|---|---|---|---|---|---|"] + [_line(row) for row in rows])


def _line(row: dict[str, object]) -> str:
    keys = ("ours", "int8", "float", "flash", "flash_int8")
    ours, int8, real, flash, flash_int8 = (int(str(row[key])) for key in keys)
    return (
        f"| {row['network']} | {row['weights']}, {row['bits']} bits | {ours:,} | {ours / int8:.2f} | {ours / real:.2f} "
        f"| {flash:,} B | {flash / flash_int8:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--layers", action="store_true", help="each layer's instructions, too")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        floats = in_float(Path(folder))
        for name in options.network or NETWORKS:
            for weights, bits in CASES:
                rows.append({**measured(name, weights, bits, Path(folder)), "float": floats[name]})
                if options.layers:
                    print(rows[-1]["layers"])
    print(markdown(rows))


if __name__ == "__main__":
    main()
