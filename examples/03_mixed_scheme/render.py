"""results/*.json -> the tables and plots of README.md, between its two marks. Needs mixcomp-edge[plot].

python render.py [--results results_quick --out results_quick/README.md]
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from intervals import paired, points
from plots import draw
from points import ALL_ROWS, EXPERIMENTS, FEW_ROWS, OTHERS

HERE = Path(__file__).parent
BEGIN, END = "<!-- results: written by render.py -->", "<!-- end of results -->"
Result = dict[str, Any]
POSIT_MAC_OVERHEAD = 0.21  # of a Posit4 MAC over a FixP4 one, two units side by side: host_sim/mac/README.md, ResNet-8
DIFFERENCES = (
    ("paper: mixed - FixP4", "paper mixed", "paper fixp4"),
    ("best: mixed - FixP4", "best mixed", "best fixp4"),
    ("best: all Posit - FixP4", "best posit", "best fixp4"),
    ("best FixP4 - float", "best fixp4", "float"),
    ("best mixed - float", "best mixed", "float"),
    ("best fall-back - float", "best fall-back", "float"),
)


# The paper's FixP4 is one of several: its thresholds and scales are part of its name.
SHOWN = {
    "paper fixp4": "paper fixp4 (entropy, power of two)",
    "paper: mixed - FixP4": "paper: mixed - FixP4 (entropy, power of two)",
}


def table(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, body)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def by_row(results: list[Result], key: str = "test") -> dict[str, dict[int, float]]:
    """Row -> seed -> figure, rows in the order of the results."""
    rows: dict[str, dict[int, float]] = defaultdict(dict)
    for result in results:
        rows[result["point"]["row"]][result["point"]["seed"]] = result[key]
    return rows


def posit_share(result: Result) -> float | None:
    if "analysis" in result:
        return result["analysis"]["posit_share"]
    return None if "plan" not in result else float(result["plan"]["default"]["weights"] != "fixp4")


def fallen_back(results: list[Result]) -> list[Result]:
    """What `quantize --fall-back` ships, by seed: the mixed plan only where its validation accuracy is higher."""
    best = {(r["point"]["row"], r["point"]["seed"]): r for r in results if r["point"]["row"] in FEW_ROWS}
    pairs = [(mixed, best.get(("best fixp4", seed))) for (row, seed), mixed in best.items() if row == "best mixed"]
    chosen = [mixed if mixed["validation"] > fixed["validation"] else fixed for mixed, fixed in pairs if fixed]
    return [{**result, "point": {**result["point"], "row": "best fall-back"}} for result in chosen]


def main_table(results: list[Result], order: tuple[str, ...]) -> str:
    """Accuracy of each row, and the differences paired by seed."""
    results, order = results + fallen_back(results), (*order, "best fall-back")
    test, validation = by_row(results), by_row(results, "validation")
    of = {result["point"]["row"]: [] for result in results}
    for result in results:
        of[result["point"]["row"]].append(result)
    body = []
    for row in (row for row in order if row in test):
        trained = {r["point"]["float_seed"] if row == "float" else r["point"]["seed"] for r in of[row]}
        tests, validations = ([by[row][seed] for seed in sorted(trained)] for by in (test, validation))
        shares = {posit_share(result) for result in of[row]}
        macs = {result.get("mac_share") for result in of[row]}
        energy = {None if m is None else POSIT_MAC_OVERHEAD * m for m in macs}
        body.append([
            SHOWN.get(row, row), points(tests), points(validations), str(len(trained)),
            " … ".join(sorted({percent(share) for share in shares})), " … ".join(sorted({percent(m) for m in macs})),
            " … ".join(sorted({percent(e) for e in energy})),
        ])  # fmt: skip
    head = ("row", "test, %", "validation, %", "seeds", "parameters in Posit", "MACs in Posit", "MAC energy over FixP4")
    gains = [
        [
            SHOWN.get(name, name),
            points(paired(test[a], test[b]), signed=True),
            points(paired(validation[a], validation[b]), signed=True),
        ]
        for name, a, b in DIFFERENCES
        if a in test and b in test and paired(test[a], test[b])
    ]
    return table(head, body) + "\n" + table(("difference, paired by seed", "test, points", "validation, points"), gains)


def order_table(results: list[Result]) -> str:
    """Plans by criterion, and where each stands among the random ones, of which several draws may give the same."""
    drawn = [r for r in results if r["point"]["criterion"] == "random"]
    chance = sorted({json.dumps(r["plan"], sort_keys=True): r["test"] for r in drawn}.values())
    body = []
    for result in (r for r in results if r["point"]["criterion"] != "random"):
        below = sum(value < result["test"] for value in chance)
        share = percent(result["analysis"]["posit_share"])
        body.append([result["point"]["row"], points([result["test"]]), share, f"above {below} of {len(chance)}"])
    if chance:
        middle = chance[len(chance) // 2] if len(chance) % 2 else sum(chance[len(chance) // 2 - 1 :][:2]) / 2
        spread = f"{100 * chance[0]:.2f} … {100 * middle:.2f} … {100 * chance[-1]:.2f}"
        body.append([f"{len(drawn)} draws, {len(chance)} plans: least, median, most", spread, "–", "–"])
    return table(("plan", "test, %", "parameters in Posit", "among the random plans"), body)


def simple_table(results: list[Result]) -> str:
    """One line a row: before and after retraining."""
    test, start = by_row(results), by_row(results, "calibrated")
    validation = by_row(results, "validation")
    share = {r["point"]["row"]: percent(posit_share(r)) for r in results}
    macs = {r["point"]["row"]: percent(r.get("mac_share")) for r in results}
    return table(
        ("row", "validation before retraining, %", "validation, %", "test, %", "parameters in Posit", "MACs in Posit"),
        ([row, points([*start[row].values()]), points([*validation[row].values()]), points([*test[row].values()]),
          share[row], macs[row]] for row in test),
    )  # fmt: skip


def estimators_table(results: list[Result]) -> str:
    """Final accuracy, difference to straight-through by seed, and the loss after each epoch."""
    test, losses = by_row(results), by_row(results, "losses")
    body = []
    for row in test:
        epochs = [sum(values) / len(values) for values in zip(*losses[row].values(), strict=True)]
        gain = "–" if row == "straight" else points(paired(test[row], test["straight"]), signed=True)
        body.append([row, points([*test[row].values()]), gain, " → ".join(f"{loss:.3f}" for loss in epochs)])
    return table(("estimator", "test, %", "to straight, points", "training loss by epoch, mean over seeds"), body)


def layers_table(results: list[Result]) -> str:
    """Which layers the sensitivity chose under each recipe, and whether their weights are heavy-tailed; first seed."""
    parts = []
    for row in ("paper mixed", "best mixed"):
        chosen = next((r for r in results if r["point"]["row"] == row), None)
        if chosen is None:
            continue
        kurtosis = chosen["analysis"]["kurtosis"]
        body = [
            [
                layer["name"], f"{layer['parameters']:,}", f"{layer['macs']:,}", f"{layer['score']:+.1e}",
                f"{100 * (1 - layer['error_posit'] / layer['error_fixp4']):+.0f} %", f"{kurtosis[layer['name']]:.1f}",
                layer["format"],
            ]
            for layer in chosen["analysis"]["layers"]
        ]  # fmt: skip
        head = ("layer", "parameters", "MACs", "score", "error that Posit saves", "excess kurtosis", "format")
        parts.append(f"Layers, {row}:\n\n{table(head, body)}")
    return "\n".join(parts)


def errors_tables(folder: Path) -> list[str]:
    """What errors.py found: signal-to-noise of the float weights, no training."""
    parts = []
    for file in sorted(folder.glob("errors_*.json")):
        results = json.loads(file.read_text())
        others = [each for each in OTHERS if any(f"{each}_db" in r for r in results)]
        body = [
            [
                r["granularity"], r["scale"], f"{r['fixp4_by']} / {r['posit_by']}", f"{r['fixp4_db']:.1f}",
                f"{r['posit_db']:.1f}", f"{r['posit_better']} of {r['layers']}", f"{r['most_gained_db']:+.1f}",
                *(f"{r[f'{each}_db']:.1f}" if f"{each}_db" in r else "–" for each in others),
            ]
            for r in results
        ]  # fmt: skip
        head = (
            "one scale a", "scale", "found by, FixP4 / Posit", "FixP4, dB", "Posit, dB", "layers where Posit is better",
            "most gained, dB", *(f"{each}, dB" for each in others),
        )  # fmt: skip
        parts.append(f"**{results[0]['id']}**, means over layers\n\n{table(head, body)}")
    return ["### errors: signal to noise of the float weights, without training\n", *parts] if parts else []


def untrained_table(results: list[Result]) -> str:
    """Validation accuracy of the formats side by side for each way to find a scale."""
    grid: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for result in results:
        point = result["point"]
        way = f"{point['changes']['quantizer_even']} / {point['changes']['quantizer_uneven']}"
        grid[point["granularity"], point["scale"], way][point["formats"]] = points([result["validation"]])
    others = [each for each in OTHERS if any(each in row for row in grid.values())]
    formats = ("fixp4", "mixed", "posit", *others)
    head = ("one scale a", "scale", "found by, FixP4 / Posit", *(f"{name}: validation, %" for name in formats))
    return table(head, ([*key, *(row.get(name, "–") for name in formats)] for key, row in grid.items()))


def calibration_table(results: list[Result]) -> str:
    """FixP4, mixed and their difference by seed for each way to find a scale."""
    test, share = by_row(results), {r["point"]["row"]: percent(posit_share(r)) for r in results}
    body = []
    for way in dict.fromkeys(row.split(maxsplit=1)[1] for row in test):
        fixed, mixed = test.get(f"fixp4 {way}", {}), test.get(f"mixed {way}", {})
        if gain := paired(mixed, fixed):
            accuracies = (points([*fixed.values()]), points([*mixed.values()]))
            body.append([way, *accuracies, points(gain, signed=True), str(len(gain)), share[f"mixed {way}"]])
    head = ("found by; one a", "FixP4: test, %", "mixed: test, %", "gain, points", "seeds", "parameters in Posit")
    return table(head, body)


TABLES: dict[str, Callable[[list[Result]], str]] = {
    "networks": lambda results: main_table(results, ALL_ROWS),
    "few": lambda results: main_table(results, FEW_ROWS),
    "wide": lambda results: main_table(results, FEW_ROWS),
    "untrained": untrained_table,
    "order": order_table,
    "scaled": simple_table,
    "scales": simple_table,
    "calibration": calibration_table,
    "estimators": estimators_table,
    "eta": simple_table,
}


def cost(results: list[Result]) -> str:
    trained = [r["point"] for r in results if r["point"]["formats"] != "float"]
    epochs = sorted({point["epochs"] * point["share"] for point in trained})
    minutes = sum(r["seconds"] for r in results) / 60
    spent = f"{minutes:.0f} minutes by the clock on one shared core, pauses included"
    return f"Epochs of retraining: {' or '.join(f'{count:g}' for count in epochs) or 'none'}; {spent}.\n"


def render(folder: Path, out: Path) -> str:
    """The text between the marks; the plots go beside `out`."""
    parts, open_rows = [], []
    for name, (make, tasks) in EXPERIMENTS.items():
        said = False
        for task in tasks:
            file = folder / f"{name}_{task}.json"
            results: list[Result] = json.loads(file.read_text()) if file.exists() else []
            done = {result["id"] for result in results}
            missing = [point.row + f" {point.seed}" for point in make(task) if point.id not in done]
            if missing:
                whole = len(missing) == len(make(task))
                open_rows.append([name, task, f"all {len(missing)}" if whole else ", ".join(missing)])
            if not results:
                continue
            if not said:
                parts.append(f"### {name}: {(make.__doc__ or '').strip()}\n")
                said = True
            parts += [f"**{task}.** {cost(results)}", TABLES[name](results)]
            if name in ("networks", "few"):
                parts.append(layers_table(results))
            picture = draw(name, task, results, out.parent / "plots")
            if picture is not None:
                parts.append(f"![{name}, {task}](plots/{picture.name})\n")
    parts += errors_tables(folder)
    parts.append("### Open: not run\n")
    parts.append(table(("experiment", "task", "rows and seeds"), open_rows) if open_rows else "Nothing.\n")
    return "\n".join(part for part in parts if part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--out", type=Path, default=HERE / "README.md")
    options = parser.parse_args()
    text = options.out.read_text() if options.out.exists() else f"{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    options.out.write_text(f"{before}{BEGIN}\n\n{render(options.results, options.out)}\n{END}{after}")


if __name__ == "__main__":
    main()
