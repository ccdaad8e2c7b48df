"""Puts networks of torchvision and timm through the whole chain and writes what came: `python tests/networks/run.py`.

    pip install 'mixcomp-edge[networks]'
    python tests/networks/run.py --only ghostnet --bits 8      # some of them
    python tests/networks/run.py --write --json rows.jsonl     # all of them, into tests/networks/README.md; what
                                                               # rows.jsonl holds from an earlier start is kept

Each is quantized by calibration alone at 8 and 4 bits of activation, exported for Cortex-M4, and compared with the
interpreter, every element of every layer, on the host and, where flash and RAM of the emulated core allow, there. SQNR
is that of the logits against the float network's; beside it that of the float network with the best 4-bit weights."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch

from mixcomp_edge import LayerPlan, MixcompError, QuantPlan, convert, export, prepare, verify
from mixcomp_edge.errors import UnsupportedError

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.networks.zoo import FURTHER, NETWORKS, Foreign, coarse, pictures, settled, sqnr

HERE = Path(__file__).parent
IMAGES = 256


def photographs() -> torch.Tensor | None:
    """CIFAR-10's test images (N, 3, 32, 32), or None without MIXCOMP_DATA."""
    folder = os.environ.get("MIXCOMP_DATA")
    if not folder:
        return None
    import numpy as np
    from PIL import Image

    strip = np.asarray(Image.open(Path(folder) / "cifar10" / "test_0.webp").convert("RGB"))
    images = strip.reshape(50, 32, 100, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)[: 2 * IMAGES]
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


def trial(network: Foreign, bits: int, images: torch.Tensor | None, *, emulate: bool) -> dict[str, object]:
    """What came of one network at one width: figures, or the reason why there are none."""
    start = time.perf_counter()
    x = pictures(2 * IMAGES, network.side, images)
    model = settled(network, x[:IMAGES])
    row: dict[str, object] = {"network": network.label, "side": network.side, "bits": bits}
    row["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    seen, unseen = x[:IMAGES], x[IMAGES : IMAGES + 32]
    name = f"net_{''.join(c if c.isalnum() else '_' for c in network.name)}".strip("_").replace("__", "_")
    try:
        prepared = prepare(model, seen[:128], QuantPlan(LayerPlan("fixp4", act_bits=bits)), name)
        bundle = convert(prepared)
    except UnsupportedError as error:
        row["missing"] = [f"{missing.operator} x{missing.count}: {missing.what}" for missing in error.missing] or str(
            error
        )
        return row
    except MixcompError as error:
        row["missing"] = str(error)
        return row
    with torch.no_grad():
        floats, rounded = model(unseen), coarse(model)(unseen)
        row["sqnr_weights"] = round(sqnr(floats, rounded), 2)
    logits = torch.from_numpy(bundle.predict(unseen.numpy()))
    row["sqnr"] = round(sqnr(floats, logits), 2)
    row["layers"] = len(bundle.graph.nodes)
    with tempfile.TemporaryDirectory() as folder:
        layout = export(bundle, "cortex-m4", Path(folder) / "c")
        row["arena"] = layout.arena.total_bytes
        for on in ("host", "emulator") if emulate else ("host",):
            try:
                verdict = verify(Path(folder) / "c", on=on, count=2)
                row[on] = f"{verdict.mismatches} of {verdict.elements}"
            except MixcompError as error:
                row[on] = str(error)
    row["seconds"] = round(time.perf_counter() - start, 1)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="networks whose label holds this text")
    parser.add_argument(
        "--bits", type=int, choices=(4, 8), action="append", help="width of activations (default: both)"
    )
    parser.add_argument("--further", action="store_true", help="other networks than those of the table")
    parser.add_argument("--no-emulator", action="store_true", help="verify on the host alone")
    parser.add_argument("--json", type=Path, help="append each row to this file, a line a row; rows there are kept")
    parser.add_argument("--write", action="store_true", help="write the table of README.md anew, after each row")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    images, networks = photographs(), FURTHER if arguments.further else NETWORKS
    there = arguments.json.read_text().splitlines() if arguments.json and arguments.json.exists() else []
    rows = {(row["network"], row["bits"]): row for row in map(json.loads, there)}
    for bits in arguments.bits or (8, 4):
        for network in networks:
            if arguments.only not in network.label or (network.label, bits) in rows:
                continue
            try:
                row = trial(network, bits, images, emulate=not arguments.no_emulator)
            except Exception as error:
                row = {"network": network.label, "bits": bits, "fault": f"{type(error).__name__}: {error}"}
            rows[network.label, bits] = row
            print(json.dumps(row), flush=True)
            if arguments.json:
                with arguments.json.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            if arguments.write:
                table([rows[n.label, b] for n in networks for b in (8, 4) if (n.label, b) in rows])


def table(rows: list[dict[str, object]]) -> None:
    """Writes the rows between the marks of README.md."""
    begin, end = "<!-- table -->", "<!-- /table -->"
    lines = [
        "| network | pixels | parameters | activations | elements that differ: host, emulated M4 | RAM, kB | SQNR, dB "
        "| 4-bit weights alone, dB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        left = f"| {row['network']} | {row.get('side', '')} | {row.get('parameters', 0):,} | {row['bits']} bits "
        if "sqnr" not in row:
            what = row.get("missing") or row.get("fault")
            lines.append(f"{left}| {'; '.join(what) if isinstance(what, list) else what} | | | |")
            continue
        differ = f"{row['host']}; {row.get('emulator', 'not run')}"
        ram = f"{int(row['arena']) / 1000:.1f}"  # type: ignore[call-overload]
        lines.append(f"{left}| {differ} | {ram} | {row['sqnr']:.1f} | {row['sqnr_weights']:.1f} |")
    text = (HERE / "README.md").read_text()
    head, rest = text.split(begin)
    (HERE / "README.md").write_text(f"{head}{begin}\n" + "\n".join(lines) + f"\n{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    main()
