"""The figures of README.md and DECISIONS.md that bench measures: tests/figures.json holds them, the pages show them.

python tests/figures.py             the pages again, from the file
python tests/figures.py --measure   the file first; needs MIXCOMP_DATA, arm-none-eabi-gcc and QEMU, about ten minutes"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from textwrap import indent
from typing import Any

from host_sim.judged import table as table_of_judged_programs
from mixcomp_edge import save_bundle, simulate
from mixcomp_edge.bench import NETWORKS
from mixcomp_edge.bench.int8 import compare_int8
from mixcomp_edge.bench.networks import plan_for, quantized
from mixcomp_edge.bench.run import run_bench

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "tests" / "figures.json"
CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m3", "cortex-m0plus", "cortex-m55")
NAMES = {
    "resnet8": ("ResNet-8", "image classification"),
    "dscnn": ("DS-CNN", "keyword spotting"),
    "mobilenet": ("MobileNet 0.25", "visual wake words"),
    "autoencoder": ("Autoencoder", "anomaly detection"),
}
Figures = dict[str, Any]


def counted(cores: tuple[str, ...], networks: tuple[str, ...], widths: tuple[int, ...]) -> Figures:
    """network -> core -> width of activations -> what bench finds, one compiler."""
    figures: Figures = {}
    for result in run_bench(cores, networks=networks, act_bits=widths, compiler="gcc"):
        assert result.bit_exact, (result.model, result.target)
        of_network = figures.setdefault(result.model, {"macs": result.macs})
        of_network.setdefault(result.target, {})[str(result.act_bits)] = {
            "instructions": result.instructions,
            "cmsis_nn": result.peer_instructions,
            **{key: result.flash_bytes[key] for key in ("weights", "code")},
            **{key: result.ram_bytes[key] for key in ("arena", "stack")},
        }
    return figures


def int8(network: str) -> int:
    """Instructions of our int8 build of a network on Cortex-M4."""
    bundle, _ = quantized(network, plan_for(network, None, 8), 0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{network}.mce"
        save_bundle(bundle, file)
        return compare_int8(
            file, simulate(file, target_name="cortex-m4", chain_name="gcc"), chain_name="gcc"
        ).int8.instructions


def measured() -> Figures:
    figures = counted(CORES, NETWORKS, (4, 8))
    for network in NETWORKS:
        figures[network]["int8"] = int8(network)
    return figures


def millions(count: int) -> str:
    return f"{count / 1e6:.2f} M"


def beside(figure: Figures) -> str:
    return f"{millions(figure['instructions'])} ({figure['instructions'] / figure['cmsis_nn']:.2f})"


def table(head: str, rows: list[list[str]]) -> str:
    columns = head.split(", ")
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def networks(figures: Figures) -> str:
    rows = []
    for network, (name, what) in NAMES.items():
        cores = figures[network]
        m4 = cores["cortex-m4"]["4"]
        rows.append(
            [
                f"{name} ({what})", millions(cores["macs"]), f"{m4['weights']:,} + {m4['code']:,}",
                f"{m4['arena']:,} + {m4['stack']:,}", beside(m4), beside(cores["cortex-m4"]["8"]),
                beside(cores["cortex-m3"]["4"]), beside(cores["cortex-m0plus"]["4"]), beside(cores["cortex-m55"]["4"]),
                beside(cores["cortex-m55"]["8"]),
            ]
        )  # fmt: skip
    head = (
        "network, MAC, flash: weights + code, RAM: arena + stack, M4 4-bit act., M4 8-bit act., M3 4-bit, M0+ 4-bit, "
        "M55 4-bit, M55 8-bit"
    )
    others = [
        abs(figures[network][core][width]["instructions"] / figures[network]["cortex-m4"][width]["instructions"] - 1)
        for network in NAMES
        for core in ("cortex-m7", "cortex-m33")
        for width in ("4", "8")
    ]
    return table(head, rows) + f"\nM7 and M33 take as many as M4 to {max(others):.1%}.\n"


def beside_int8(figures: Figures) -> str:
    rows = [
        [name, *(millions(figures[network]["cortex-m4"][width]["instructions"]) for width in ("4", "8")),
         millions(figures[network]["int8"]), millions(figures[network]["cortex-m4"]["4"]["cmsis_nn"])]
        for network, (name, _) in NAMES.items()
    ]  # fmt: skip
    ratios = {
        width: sorted(figures[n]["cortex-m4"][width]["instructions"] / figures[n]["int8"] for n in NAMES)
        for width in ("4", "8")
    }
    said = " and ".join(
        f"{least:.2f} to {most:.2f} with {width}-bit ones" for width, (least, *_, most) in ratios.items()
    )
    return (
        table("instructions on M4, ours 4-bit act., ours 8-bit act., our int8, CMSIS-NN int8", rows)
        + f"\nOf our int8's instructions 4-bit weights need {said.replace('ones', 'activations', 1)}.\n"
    )


def judged(figures: Figures) -> str:
    """Programs that others have timed; their figures have a file of their own, host_sim/judged.toml."""
    return "".join(f"{line}\n" for line in table_of_judged_programs())


PAGES = {"README.md": {"networks": networks}, "DECISIONS.md": {"int8": beside_int8, "judged": judged}}


def rendered(page: str, figures: Figures) -> str:
    """The page with what stands between its marks written from the figures."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, write in PAGES[page].items():
        mark, end = f"<!-- figures: {name}, by tests/figures.py -->", "<!-- end of figures -->"
        pattern = re.compile(f"^( *){re.escape(mark)}\n.*?^ *{re.escape(end)}$", re.DOTALL | re.MULTILINE)
        block = f"{mark}\n{write(figures)}{end}"
        text, count = pattern.subn(lambda found, block=block: indent(block, found[1]), text)
        assert count == 1, (page, name)
    return text


if __name__ == "__main__":
    if "--measure" in sys.argv:
        FILE.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    for page in PAGES:
        (ROOT / page).write_text(rendered(page, json.loads(FILE.read_text())), encoding="utf-8")
