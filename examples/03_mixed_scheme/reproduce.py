"""The paper's claims (arXiv 2312.02210), what we measured, and where each holds: one table, from results/*.json alone.

python reproduce.py            prints it
python reproduce.py --write    puts it into README.md between its two marks"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from intervals import half_width, paired, points
from render import HERE, POSIT_MAC_OVERHEAD, by_row, percent, posit_share, table

BEGIN, END = "<!-- claims: written by reproduce.py -->", "<!-- end of claims -->"
TASKS = {"resnet8": "ResNet-8", "bearings": "bearings", "spoken_digits": "spoken digits"}
Result = dict[str, Any]
Claim = tuple[str, str, str]  # claim, measured, where it holds


def read(folder: Path, experiment: str) -> Iterator[tuple[str, list[Result]]]:
    """(the task's name, results) of an experiment."""
    for task, name in TASKS.items():
        file = folder / f"{experiment}_{task}.json"
        if file.exists():
            yield name, json.loads(file.read_text(encoding="utf-8"))


def verdict(gains: dict[str, list[float]]) -> str:
    """Where a difference is above 0 by its 95 % interval, where below, and where seeds do not tell."""
    said: dict[str, list[str]] = {"above 0": [], "below 0": [], "not told apart from 0": []}
    for name, gain in gains.items():
        middle, half = sum(gain) / len(gain), half_width(gain)
        if half is None or abs(middle) <= half:
            said["not told apart from 0"].append(name if half is not None else f"{name} (one seed)")
        else:
            said["above 0" if middle > 0 else "below 0"].append(name)
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in said.items() if names)


def gains_of(folder: Path, experiment: str, a: str, b: str) -> dict[str, list[float]]:
    found = {name: by_row(results) for name, results in read(folder, experiment)}
    return {name: gain for name, rows in found.items() if (gain := paired(rows.get(a, {}), rows.get(b, {})))}


def difference(claim: str, experiment: str, a: str, b: str, under: str) -> Callable[[Path], Claim]:
    """A claim that row a is above row b."""

    def find(folder: Path) -> Claim:
        gains = gains_of(folder, experiment, a, b)
        told = ", ".join(f"{name} {points(gain, signed=True)}" for name, gain in gains.items())
        return claim, f"{told} points ({under})", verdict(gains)

    return find


def parameters(folder: Path) -> Claim:
    shares = {
        name: sorted({posit_share(r) or 0.0 for r in results if r["point"]["row"] == "paper mixed"})
        for name, results in read(folder, "networks")
    }
    told = ", ".join(f"{name} {' … '.join(map(percent, values))}" for name, values in shares.items())
    over = [name for name, values in shares.items() if values and max(values) > 0.1]
    return (
        "under 10 % of the parameters in Posit",
        f"{told} (paper)",
        f"more: {', '.join(over)}" if over else "everywhere",
    )


def energy(folder: Path) -> Claim:
    costs = {
        name: sorted({POSIT_MAC_OVERHEAD * r["mac_share"] for r in results if r["point"]["row"] == "paper mixed"})
        for name, results in read(folder, "networks")
    }
    told = ", ".join(f"{name} {' … '.join(map(percent, values))}" for name, values in costs.items())
    least = min(min(values) for values in costs.values()) / 0.0019
    return (
        "0.19 % more energy",
        f"{told} of the MACs' energy (two units, {percent(POSIT_MAC_OVERHEAD)} a Posit MAC; paper)",
        f"nowhere: {least:.0f} times as much or more, since parameters are not MACs",
    )


def order(folder: Path) -> Claim:
    told, above = [], []
    for name, results in read(folder, "order"):
        drawn = [r for r in results if r["point"]["criterion"] == "random"]
        chance = {json.dumps(r["plan"], sort_keys=True): r["test"] for r in drawn}.values()
        chosen = next(r["test"] for r in results if r["point"]["row"] == "by gradient")
        below = sum(value < chosen for value in chance)
        told.append(f"{name} above {below} of {len(chance)}")
        if below == len(chance):
            above.append(name)
    where = f"above all of them: {', '.join(above)}" if above else "above all of them: nowhere (one seed)"
    return "the sensitivity ranks layers", f"{', '.join(told)} random plans (best)", where


def scaled(folder: Path) -> Claim:
    told, wins = [], []
    for name, results in read(folder, "scaled"):
        test = by_row(results)
        for scale in ("max", "std", "learned"):
            plain, *others = (
                sum(test[f"{system} {scale}"].values()) / len(test[f"{system} {scale}"])
                for system in ("posit4", "posit4sc4", "posit4sc8")
            )
            told.append(f"{name}, {scale}: {100 * (max(others) - plain):+.1f}")
            if max(others) > plain:
                wins.append(f"{name}, {scale}")
    where = f"the better scaled one is ahead: {'; '.join(wins)} (one seed)" if wins else "nowhere (one seed)"
    return "scaled Posit suits weights better than Posit4", f"{'; '.join(told)} points", where


CLAIMS: tuple[Callable[[Path], Claim], ...] = (
    difference("mixed is 1.5 points above FixP4", "networks", "paper mixed", "paper fixp4",
               "FixP4 by entropy, one power-of-two scale a tensor"),
    difference("the same, FixP4 by least squared error", "calibration", "mixed mse/mse tensor", "fixp4 mse/mse tensor",
               "one power-of-two scale a tensor"),
    difference("the same, a scale a channel", "calibration", "mixed mse/mse channel", "fixp4 mse/mse channel",
               "least squared error, powers of two"),
    difference("the same, learned scales", "networks", "best mixed", "best fixp4", "best, a free scale a channel"),
    parameters,
    energy,
    order,
    scaled,
    difference("tanh's gradient beats straight-through", "estimators", "tanh", "straight", "all Posit, best"),
)  # fmt: skip


def claims(folder: Path) -> str:
    """The table."""
    return table(("claim", "measured, 95 % over seeds", "where it holds"), [find(folder) for find in CLAIMS])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = claims(options.results)
    if not options.write:
        print(text, end="")
        return
    page = HERE / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
