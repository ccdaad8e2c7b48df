"""Does the quick run tell the same as the full one? Compares the signs of the paired differences of `networks`.

    python run.py networks --quick && python signs.py

A difference counts where all seeds of the full run agree on its sign; exit code 1 where the quick run's mean has the
other.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

from intervals import paired, points
from render import DIFFERENCES, by_row
from run import HERE, QUICK_TASK


def differences(file: Path) -> dict[str, list[float]]:
    """By name, a - b of each seed on the test set."""
    test = by_row(json.loads(file.read_text()))
    return {name: paired(test[a], test[b]) for name, a, b in DIFFERENCES if test[a].keys() & test[b].keys()}


def agree(full: list[float], quick: list[float]) -> bool | None:
    """Whether the quick mean has the sign on which all full values agree; None where they do not agree."""
    if not (all(value > 0 for value in full) or all(value < 0 for value in full)):
        return None
    return mean(quick) * mean(full) > 0


def main() -> int:
    full, quick = (
        differences(HERE / folder / f"networks_{QUICK_TASK}.json") for folder in ("results", "results_quick")
    )
    verdicts = {None: "no clear sign in the full run", True: "same sign", False: "OTHER SIGN"}
    answers = []
    for name in full.keys() & quick.keys():
        answers.append(agree(full[name], quick[name]))
        a, b = points(full[name], signed=True), points(quick[name], signed=True)
        print(f"{name:28} full {a:>16}   quick {b:>16}   {verdicts[answers[-1]]}")
    return int(False in answers)


if __name__ == "__main__":
    raise SystemExit(main())
