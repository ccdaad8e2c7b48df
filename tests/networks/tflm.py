"""Holds contract tflm against TensorFlow Lite Micro, network by network: `python tests/networks/tflm.py --write`.

    python tests/networks/tflm.py --only resnet8 --format fixp4 --bits 8     # some of it
    python tests/networks/tflm.py --write --json rows.jsonl                  # all, into tests/networks/README.md
    python tests/networks/tflm.py --random 300                               # random graphs instead

Every network by calibration alone, in each format at both widths: our interpreter's tensors against those of the
package tflite-micro, all of them, of each input, of the file with weights in codes and a table, too; every layer of our
C on the host and on an emulated Cortex-M4 against the interpreter; how far LiteRT and TensorFlow are, where they are
installed; and what the file takes, in TFLM's arena the least with which it still starts."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, export, load_task, prepare, verify
from mixcomp_edge.ir.graph import TFLM
from mixcomp_edge.tflite.footprint import footprint
from mixcomp_edge.tflite.others import differences
from mixcomp_edge.tflite.proof import pairs
from mixcomp_edge.verification import make_inputs
from support.scaled_graphs import by_tflm, graphs

README, BEGIN, END = Path(__file__).with_name("README.md"), "<!-- tflm: by tflm.py -->", "<!-- end of tflm -->"
FORMATS = ("fixp4", "posit4", "mixed")
COLUMNS = ("network", "format", "bits", "tflm", "host", "emulator", "litert", "tensorflow", "file", "tflm_arena",
           "weights", "arena")  # fmt: skip
HEADS = ("network", "weights", "values", "TFLM: differ, of", "our C: differ, of", "on M4", "LiteRT", "TensorFlow",
         ".tflite, B", "TFLM arena, B", "our weights, B", "our arena, B")  # fmt: skip


class Common(nn.Module):
    """Whatever is common: both convolutions, poolings, a gate, a shortcut, resize, concat, functions, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.point = nn.Conv2d(8, 8, 1)
        self.gate = nn.Conv2d(8, 8, 1)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.slope = nn.PReLU(4)
        self.fc = nn.Linear(12, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.stem(x))
        x = x + F.relu6(self.point(F.relu(self.depth(x))))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        small = F.max_pool2d(x, 2)
        large = F.interpolate(small, scale_factor=2, mode="bilinear")
        x = torch.cat([F.avg_pool2d(large, 2), self.slope(self.up(F.avg_pool2d(small, 2)))], 1)
        return F.softmax(self.fc(x.amax((2, 3))), 1)


def common() -> tuple[nn.Module, Tensor]:
    return Common().eval(), torch.randn(64, 3, 32, 32)


def task(name: str) -> Callable[[], tuple[nn.Module, Tensor]]:
    def made() -> tuple[nn.Module, Tensor]:
        found = load_task(name)
        return found.model, found.calibration

    return made


NETWORKS = {name: task(name) for name in ("digits", "resnet8", "dscnn", "mobilenet", "autoencoder")} | {
    "common": common
}


def quantized(network: str, form: str, bits: int) -> Bundle:
    torch.manual_seed(0)
    model, calibration = NETWORKS[network]()
    layers = [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.ConvTranspose2d)]
    default = LayerPlan("fixp4" if form == "mixed" else form, act_bits=bits)
    other = {name: {"weights": "posit4"} for name in layers[1::2]} if form == "mixed" else {}
    return convert(prepare(model, calibration, QuantPlan(default, other), network), contract=TFLM)


def against_tflm(bundle: Bundle, count: int, *, decode: bool = False) -> str:
    differ = of = 0
    for tensors in pairs(bundle, make_inputs(bundle.graph, count), decode=decode):
        differ += sum(int(np.count_nonzero(want != got)) for _, want, got in tensors)
        of += sum(want.size for _, want, _ in tensors)
    return f"{differ}, {of:,}"


def far_from(on: str, bundle: Bundle, count: int) -> str:
    """Output elements that differ, as the interpreter comes and by its reference kernels."""
    if find_spec({"litert": "ai_edge_litert"}.get(on, on)) is None:
        return "–"
    found = list(differences(bundle, on, make_inputs(bundle.graph, count)).values())
    return f"{' and '.join(f'{d.differing:,}' for d in found)} of {found[0].elements:,}"


def row(network: str, form: str, bits: int, count: int) -> dict[str, Any]:
    bundle = quantized(network, form, bits)
    found: dict[str, Any] = {"network": network, "format": form, "bits": bits, "tflm": against_tflm(bundle, count)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "c"
        layout = export(bundle, "cortex-m4", folder)
        for on in ("host", "emulator"):
            verdict = verify(folder, on=on, count=count)
            found[on] = f"{verdict.mismatches}, {verdict.elements:,}"
    found |= {on: far_from(on, bundle, count) for on in ("litert", "tensorflow")}
    found |= sizes(bundle) | {"weights": layout.weight_bytes, "arena": layout.arena.total_bytes}
    if form != "fixp4":
        found["decoded"] = {"tflm": against_tflm(bundle, count, decode=True)} | sizes(bundle, decode=True)
    return found


def sizes(bundle: Bundle, *, decode: bool = False) -> dict[str, Any]:
    found = footprint(bundle, decode=decode)
    return {"file": found.file_bytes, "tflm_arena": found.arena_bytes}


def write(rows: list[dict[str, Any]]) -> None:
    """The table between its marks; a file with codes and a table in a line below that of its bundle."""
    told = []
    for row in rows:
        told.append(row)
        if "decoded" in row:
            head = {"network": row["network"], "format": f"{row['format']} as DECODE", "bits": row["bits"]}
            told.append(head | row["decoded"])
    cells = [
        [f"{c:,}" if isinstance(c, int) else str(c) for c in (row.get(column, "") for column in COLUMNS)]
        for row in told
    ]
    lines = ["| " + " | ".join(line) + " |" for line in (HEADS, ["---"] * len(HEADS), *cells)]
    head, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{rest.partition(END)[2]}")


def random_graphs(count: int) -> int:
    """Elements that differ."""
    seen, differ, of = set(), 0, 0

    def look(graph) -> None:
        nonlocal differ, of
        bundle = Bundle(by_tflm(graph))
        if bundle.sha256 in seen or len(seen) == count:
            return
        seen.add(bundle.sha256)
        told = against_tflm(bundle, 3).replace(",", "").split()
        differ, of = differ + int(told[0]), of + int(told[1])

    every = settings(
        max_examples=2 * count, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    given(graphs(most=8))(every(look))()
    print(f"{len(seen)} random graphs, three inputs each: {differ} of {of:,} elements differ")
    return differ


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, help="one network")
    parser.add_argument("--format", choices=FORMATS, help="one format of weights")
    parser.add_argument("--bits", type=int, choices=(4, 8), help="one width of values")
    parser.add_argument("--inputs", type=int, default=16)
    parser.add_argument("--random", type=int, metavar="N", help="so many random graphs, and no network")
    parser.add_argument("--json", type=Path, help="append each row to this file; rows there are kept")
    parser.add_argument("--write", action="store_true", help="write the table of README.md anew, after each row")
    options = parser.parse_args()
    if options.random:
        return 1 if random_graphs(options.random) else 0
    there = options.json.read_text().splitlines() if options.json and options.json.exists() else []
    rows = [json.loads(line) for line in there]
    for network in [options.only] if options.only else NETWORKS:
        for form in [options.format] if options.format else FORMATS:
            for bits in [options.bits] if options.bits else (8, 4):
                if any((r["network"], r["format"], r["bits"]) == (network, form, bits) for r in rows):
                    continue
                rows.append(row(network, form, bits, options.inputs))
                print(json.dumps(rows[-1]), flush=True)
                if options.json:
                    with options.json.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
                if options.write:
                    write(rows)
    if options.write:
        write(rows)
    held = [r[on] for r in rows for on in ("tflm", "host", "emulator")]
    held += [r["decoded"]["tflm"] for r in rows if "decoded" in r]
    return int(not all(told.startswith("0,") for told in held))


if __name__ == "__main__":
    sys.exit(main())
