"""The figures of README.md and DECISIONS.md that bench measures: tests/figures.json holds them, the pages show them.

python tests/figures.py             the pages again, from the file
python tests/figures.py --measure   the file first; needs MIXCOMP_DATA, arm-none-eabi-gcc and QEMU, half an hour.
                                    Names of cores and networks behind it renew these alone."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from textwrap import indent
from typing import Any

from host_sim import published_boards
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


def counted(
    cores: tuple[str, ...], networks: tuple[str, ...], widths: tuple[int, ...], granularities: tuple[str, ...]
) -> Figures:
    """network -> core -> "4", or "4 channel" where each channel has a scale -> what bench finds, one compiler."""
    figures: Figures = {}
    found = run_bench(cores, networks=networks, act_bits=widths, granularities=granularities, compiler="gcc")
    for result in found:
        assert result.bit_exact, (result.model, result.target)
        of_network = figures.setdefault(result.model, {"macs": result.macs})
        key = f"{result.act_bits}{' channel' * (result.granularity == 'channel')}"
        of_network.setdefault(result.target, {})[key] = {
            "instructions": result.instructions,
            "cmsis_nn": result.peer_instructions,
            **{key: result.flash_bytes[key] for key in ("weights", "code")},
            **{key: result.ram_bytes[key] for key in ("arena", "stack")},
            "boards": {
                board.chip: {
                    "cycles": board.cycles,
                    "ms": [round(ms, 3) for ms in (board.latency_ms, *board.bounds_ms)],
                    "published": board.published_ms,
                }
                for board in result.boards
            },
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


def renew(cores: tuple[str, ...], networks: tuple[str, ...]) -> None:
    """Measure and keep, a network at a time; what else the file holds stays."""
    for network in networks:
        today = counted(cores, (network,), (4, 8), ("tensor", "channel"))[network]
        if "cortex-m4" in cores:
            today["int8"] = int8(network)
        figures = json.loads(FILE.read_text(encoding="utf-8"))
        figures[network] = figures.get(network, {}) | today
        FILE.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def millions(count: int) -> str:
    return f"{count / 1e6:.2f} M"


def beside(figure: Figures) -> str:
    return f"{millions(figure['instructions'])} ({figure['instructions'] / figure['cmsis_nn']:.2f})"


def table(head: str | list[str], rows: list[list[str]]) -> str:
    columns = head.split(", ") if isinstance(head, str) else head
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
    dearer = [
        figure[f"{width} channel"]["instructions"] / figure[width]["instructions"] - 1
        for cores in figures.values()
        for figure in (cores[core] for core in CORES)
        for width in ("4", "8")
    ]
    return table(head, rows) + (
        f"\nM7 and M33 take as many as M4 to {max(others):.1%}; a scale a channel, the default, takes "
        f"{min(dearer):.1%} to {max(dearer):.1%} more.\n"
    )


CHIPS = {
    "stm32l4r5": ("cortex-m4", "L4R5, M4, 120 MHz"),
    "stm32u575": ("cortex-m33", "U575, M33, 160 MHz"),
    "stm32h7a3": ("cortex-m7", "H7A3, M7, 280 MHz"),
    "stm32f746": ("cortex-m7", "F746, M7, 216 MHz"),
    "stm32g0b1": ("cortex-m0plus", "G0B1, M0+, 64 MHz"),
}


def milliseconds(figures: Figures) -> str:
    """Modelled, beside the best published int8 of each board."""
    rows = []
    for network, (name, _) in NAMES.items():
        for key, scales in (("4", "tensor"), ("4 channel", "channel")):
            cells = []
            for chip, (core, _) in CHIPS.items():
                board = figures[network][core][key]["boards"][chip]
                ms, low, high = board["ms"]
                ratios = [f"{value / board['published']:.2f}" for value in (ms, low, high)]
                cells.append(f"{ms:.3g} (**{ratios[0]}**, {ratios[1]} to {ratios[2]})")
            rows.append([name, scales, *cells])
    head = ["network", "a scale a", *(what for _, what in CHIPS.values())]
    return table(head, rows)


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


TFLM = {"model": 98_496, "code": 97_756, "arena": 54_996}  # bytes of ResNet-8, int8, August 2026


def beside_tflm(figures: Figures) -> str:
    m4 = figures["resnet8"]["cortex-m4"]["4"]
    flash = (m4["weights"] + m4["code"]) / (TFLM["model"] + TFLM["code"])
    ram = (m4["arena"] + m4["stack"]) / TFLM["arena"]
    needs = "{model:,} B of model, {code:,} B of code and {arena:,} B of arena".format(**TFLM)
    ours = f"{flash:.0%} of the flash, {ram:.0%} of the RAM and, on M4, at {m4['instructions'] / m4['cmsis_nn']:.0%}"
    return (
        f"TensorFlow Lite Micro (August 2026) with CMSIS-NN needs {needs} for\nthe same ResNet-8: we are at {ours} "
        "of the instructions.\n"
    )


def boards(figures: Figures) -> str:
    """Other boards, other software; from published_boards.json."""
    cpi = json.loads(published_boards.FILE.read_text(encoding="utf-8"))
    return "".join(f"{line}\n" for line in published_boards.table(cpi))


PAGES = {
    "README.md": {"networks": networks, "milliseconds": milliseconds},
    "docs/pages/measured.md": {"tflm": beside_tflm},
    "DECISIONS.md": {"int8": beside_int8, "judged": judged, "boards": boards},
}


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
        if unknown := set(sys.argv[2:]) - {*CORES, *NETWORKS}:
            raise SystemExit(f"no core and no network: {', '.join(sorted(unknown))}")
        renew(*(tuple(name for name in known if name in sys.argv) or known for known in (CORES, NETWORKS)))
    for page in PAGES:
        (ROOT / page).write_text(rendered(page, json.loads(FILE.read_text())), encoding="utf-8")
