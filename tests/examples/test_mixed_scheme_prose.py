"""The prose of example 03: every interval, every decimal and every share in it comes from the results."""

from __future__ import annotations

import json
import re

import pytest

from support.mixed_scheme import FOLDER, readme

CALIBRATED = {"entropy": "entropy/max tensor", "mse": "mse/mse tensor", "channel": "mse/mse channel"}
PROSE = [  # as it stands, the experiment and its task, the row, and what is taken off it
    ("ResNet-8 87.42 ± 0.31 %", "networks_resnet8", "best fixp4", None),
    ("bearings 0.1 ± 0.5 points above", "networks_bearings", "best fixp4", "float"),
    ("spoken digits 0.7 ± 1.4 below", "networks_spoken_digits", "best fixp4", "float"),
    ("bearings 0.1 ± 0.3 and", "wide_bearings", "best fixp4", "float"),
    ("GRU 0.7 ± 0.8 above", "wide_spoken_digits_gru", "best fixp4", "float"),
    ("spoken digits 0.2 ± 0.5 and", "wide_spoken_digits", "best mixed", "float"),
    ("CLINC150 0.2 ± 0.3 below", "wide_clinc150", "best fixp4", "float"),
    ("(0.0 ± 0.5)", "networks_bearings", "best posit", "best fixp4"),
    ("(-1.2 ± 2.1)", "networks_spoken_digits", "best posit", "best fixp4"),
    ("mixed 87.3 ± 0.5 on", "networks_resnet8", "best mixed", None),
    ("FixP4 87.4 ± 0.3,", "networks_resnet8", "best fixp4", None),
    ("All Posit 85.9 ± 2.2", "networks_resnet8", "best posit", None),
    ("ResNet-8 +0.3 ± 0.7: +0.3", "networks_resnet8", "paper mixed", "paper fixp4"),
    ("Bearings +1.0 ± 3.7", "networks_bearings", "paper mixed", "paper fixp4"),
    (
        "+10.1 ± 5.9 by entropy",
        "calibration_resnet8",
        f"mixed {CALIBRATED['entropy']}",
        f"fixp4 {CALIBRATED['entropy']}",
    ),
    ("+0.5 ± 0.7 by least", "calibration_resnet8", f"mixed {CALIBRATED['mse']}", f"fixp4 {CALIBRATED['mse']}"),
    ("bring it to +0.3 ± 0.7", "networks_resnet8", "paper mixed", "paper fixp4"),
    ("still 9.9 ± 5.1 points", "calibration_spoken_digits", f"mixed {CALIBRATED['mse']}", f"fixp4 {CALIBRATED['mse']}"),
    (
        "-0.8 ± 1.0 there",
        "calibration_spoken_digits",
        f"mixed {CALIBRATED['channel']}",
        f"fixp4 {CALIBRATED['channel']}",
    ),
    (
        "-0.2 ± 1.3 on ResNet-8",
        "calibration_resnet8",
        f"mixed {CALIBRATED['channel']}",
        f"fixp4 {CALIBRATED['channel']}",
    ),
    ("tanh ends 0.6 ± 0.5 points", "estimators_resnet8", "tanh", "straight"),
    ("by 1.8 ± 3.0 and", "estimators_resnet8", "straight", "tanh_as_printed"),
    ("and 2.7 ± 3.8 points", "estimators_spoken_digits", "straight", "tanh_as_printed"),
]


def prose():
    return " ".join(readme().partition("## What it says")[2].partition("## Results")[0].split())


@pytest.mark.parametrize(("text", "file", "row", "other"), PROSE, ids=[row[0] for row in PROSE])
def test_an_interval_in_the_prose_is_that_of_the_results(example, text, file, row, other):
    rows = example("render").by_row(json.loads((FOLDER / "results" / f"{file}.json").read_text()))
    intervals = example("intervals")
    values = [*rows[row].values()]
    if other is not None:
        base = rows[other] if len(rows[other]) > 1 else dict.fromkeys(rows[row], *rows[other].values())
        values = intervals.paired(rows[row], base)
    middle, half, digits = re.search(r"(\d+\.(\d+)) ± (\d+\.\d+)", text).group(1, 3, 2)
    assert text in prose()
    found = (
        f"{abs(100 * sum(values) / len(values)):.{len(digits)}f}",
        f"{100 * intervals.half_width(values):.{len(digits)}f}",
    )
    assert (middle, half) == found


def test_every_interval_in_the_prose_is_recomputed():
    assert len(re.findall("±", prose())) == len(PROSE)


def results(file):
    return json.loads((FOLDER / "results" / f"{file}.json").read_text())


def by_seed(file, row, key="test"):
    return {r["point"]["seed"]: 100 * r[key] for r in results(file) if r["point"]["row"] == row}


def mean(file, row, key="test"):
    values = by_seed(file, row, key).values()
    return sum(values) / len(values)


def said(value, form):
    """A figure as prose has it: no minus before a zero."""
    text = f"{value:{form}}"
    return text.lstrip("+-") if float(text) == 0 else text


def few(task, width="few"):
    return mean(f"{width}_{task}", "best fixp4"), mean(f"{width}_{task}", "float")


def gains(task):
    mixed, fixed = (by_seed(f"networks_{task}", f"paper {row}") for row in ("mixed", "fixp4"))
    return [mixed[seed] - fixed[seed] for seed in sorted(mixed)]


def chosen(file, row):
    """Of the first seed's plan: percent of the parameters, of the MACs, and the excess kurtosis of each layer in Posit
    and of all."""
    found = next(r for r in results(file) if r["point"]["row"] == row)
    kurtosis = found["analysis"]["kurtosis"]
    posit = [kurtosis[layer["name"]] for layer in found["analysis"]["layers"] if layer["format"] != "fixp4"]
    return 100 * found["analysis"]["posit_share"], 100 * found["mac_share"], posit, [*kurtosis.values()]


def shares(task):
    """Least and most percent over seeds, of the parameters and of the MACs that `paper` has in Posit."""
    rows = [r for r in results(f"networks_{task}") if r["point"]["row"] == "paper mixed"]
    pairs = [r["analysis"]["posit_share"] for r in rows], [r["mac_share"] for r in rows]
    return [100 * end(values) for values in pairs for end in (min, max)]


def sentences():
    """What the prose says in single figures, made of the results."""
    texts = {
        "resnet20": "ResNet-20 {:.2f} %, mixed ",
        "bearings10": "ten bearing classes {:.2f} % ({:.2f})",
        "clinc150": "CLINC150 {:.2f} % ({:.2f})",
        "spoken_digits_gru": "GRU {:.2f} % ({:.2f})",
        "sst2": "SST-2 equals float ({:.2f} %)",
    }
    for task, text in texts.items():
        yield text.format(*few(task))
    assert few("sst2")[0] == few("sst2")[1]
    yield f"mixed {mean('few_resnet20', 'best mixed'):.2f} % ({few('resnet20')[1]:.2f})"
    yield "(float {1:.2f})".format(*few("resnet8", "wide"))
    yield "ResNet-8 {:.1f} % ({:.2f})".format(*few("resnet8", "wide"))
    yield "SST-2 {:.1f} % ({:.2f})".format(*few("sst2", "wide"))
    eight, twenty = (chosen(file, "best mixed") for file in ("networks_resnet8", "few_resnet20"))
    yield f"({eight[0]:.1f} % of ResNet-8, {twenty[0]:.1f} % of ResNet-20)"
    above = {f"{mean('few_resnet20', 'best mixed', key) - mean('few_resnet20', 'best fixp4', key):.1f}"
             for key in ("test", "validation")}  # fmt: skip
    yield f"ResNet-20 is {above.pop()} point above FixP4 on the test and on validation"
    assert not above
    yield "on validation {:.1f} and {:.1f}:".format(
        *(mean("networks_resnet8", f"best {row}", "validation") for row in ("mixed", "fixp4"))
    )
    for task in ("resnet8", "bearings"):
        yield ": {}, {} and {} by seed".format(*(said(gain, "+.1f") for gain in gains(task)))
    yield "Spoken digits {:+.0f}, {:+.0f} and {:+.0f}:".format(*gains("spoken_digits"))
    ends = {f"{value:.0f}" for value in by_seed("networks_spoken_digits", "paper mixed").values()}
    yield f"mixed ends at {ends.pop()} % on each seed"
    assert not ends
    entropy, mse = (mean("calibration_bearings", f"fixp4 {CALIBRATED[way]}") for way in ("entropy", "mse"))
    yield f"from {entropy:.1f} to {mse:.1f} %"
    learns = mean("calibration_spoken_digits", f"fixp4 {CALIBRATED['mse']}")
    yield f"learns on every seed ({learns:.0f} %)"
    channel = [mean("calibration_bearings", f"{row} {CALIBRATED['channel']}") for row in ("mixed", "fixp4")]
    yield f"{channel[0] - channel[1]:.1f} on the bearings, "
    yield from of_errors()
    yield from of_questions()
    yield from of_layers()


def of_errors():
    found = {}
    for file in sorted((FOLDER / "results").glob("errors_*.json")):
        for row in results(file.stem):
            found.setdefault((row["granularity"], row["scale"], row["fixp4_by"]), []).append(row)
    entropy, mse, free = (
        found[key] for key in (("tensor", "pow2", "entropy"), ("tensor", "pow2", "mse"), ("channel", "free", "mse"))
    )
    more = [b["fixp4_db"] - a["fixp4_db"] for a, b in zip(entropy, mse, strict=True)]
    leads = {name: [r["posit_db"] - r["fixp4_db"] for r in rows] for name, rows in (("mse", mse), ("free", free))}
    better = [
        f"{sum(r['posit_better'] for r in rows)} of {sum(r['layers'] for r in rows)}" for rows in (entropy, mse, free)
    ]
    yield f"{min(more):.1f} to {max(more):.1f} dB more error"
    yield f"Posit leads it in {better[0]} layers"
    yield f"it leads in {better[1]}, by {min(leads['mse']):.1f} to {max(leads['mse']):.1f} dB a network"
    behind = [-lead for lead in leads["free"]]
    yield f"it leads in {better[2]} and by no network: {said(min(behind), '.0f')} to {max(behind):.1f} dB behind"


def of_questions():
    order = {task: results(f"order_{task}") for task in ("resnet8", "spoken_digits")}
    above, spread = {}, {}
    for task, rows in order.items():
        drawn = [r for r in rows if r["point"]["criterion"] == "random"]
        chance = [*{json.dumps(r["plan"], sort_keys=True): 100 * r["test"] for r in drawn}.values()]
        for r in rows:
            above[task, r["point"]["criterion"]] = sum(c < 100 * r["test"] for c in chance), len(chance)
        spread[task] = max(chance) - min(chance)
    all_of = [100 * r["test"] for r in order["spoken_digits"]]
    count, plans = above["resnet8", "gradient"]
    fisher = above["resnet8", "fisher"][0]
    yield f"above {count} of the {plans} random plans that ten draws gave, Fisher above {fisher};"
    yield f"random plans spread over {spread['resnet8']:.1f} points"
    yield "by gradient and by error above {} of {}, Fisher above {};".format(
        *above["spoken_digits", "gradient"], above["spoken_digits", "fisher"][0]
    )
    yield f"all lie within {max(all_of) - min(all_of):.0f} points"
    tests = [100 * r["test"] for r in results("eta_spoken_digits")]
    most = max(r["analysis"]["posit_share"] for r in results("eta_spoken_digits"))
    yield f"DS-CNN: {min(tests):.1f} to {max(tests):.1f} % from 0 to 100 %, and never more than {100 * most:.0f} % of"
    none, *some = results("eta_resnet8")
    assert len({json.dumps(r["plan"], sort_keys=True) for r in some}) == 1
    yield f"two layers, {100 * some[0]['analysis']['posit_share']:.1f} %, whatever the budget"
    yield f"from {100 * none['calibrated']:.1f} to {100 * some[0]['calibrated']:.1f} % and ends "
    yield f"ends {100 * (none['test'] - some[0]['test']):.1f} point lower"
    learned = [
        [100 * r["test"] for r in results(f"scaled_{task}") if r["point"]["row"].endswith("learned")]
        for task in ("spoken_digits", "resnet8")
    ]
    yield "{:.0f} to {:.0f} % (ResNet-8: {:.0f} to {:.0f} %)".format(*(end(v) for v in learned for end in (min, max)))
    ends = [mean("estimators_spoken_digits", name) for name in ("straight", "tanh", "linear")]
    yield f"straight, tanh and linear are within {max(ends) - min(ends):.1f} points"


def of_layers():
    digits, bearings, resnet8 = (
        chosen(f"networks_{task}", "paper mixed") for task in ("spoken_digits", "bearings", "resnet8")
    )
    yield f"(excess kurtosis {min(digits[2]):.0f} to {max(digits[2]):.0f})"
    yield f"the bearings the stem ({bearings[2][0]:.1f}), on ResNet-8 the stem ({resnet8[2][0]:.1f}) and two layers of "
    yield "two layers of {:.1f} and {:.1f}.".format(*sorted(resnet8[2][1:]))
    yield f"the heaviest tail ({max(digits[3]):.0f}) is not chosen"
    assert max(digits[3]) not in digits[2]
    (_, p, _, m), (low, high, few_macs, many), (_, q, _, n) = map(shares, ("spoken_digits", "bearings", "resnet8"))
    yield f"{p:.0f} % of the parameters hold {m:.0f} % of the MACs on the DS-CNN"
    yield f"{low:.0f} to {high:.0f} % hold {few_macs:.0f} to {many:.0f} % on the bearings"
    yield f"{q:.1f} % hold {n:.0f} % on ResNet-8"
    dearer = [POSIT_MAC_OVERHEAD * share for share in (m, few_macs, many, n)]
    yield ": {:.1f} %, {:.0f} to {:.0f} % and {:.1f} % more MAC energy".format(*dearer)


def test_every_single_figure_of_the_prose_is_that_of_the_results():
    missing = [text for text in sentences() if text not in prose()]
    assert not missing


POSIT_MAC_OVERHEAD = 0.21  # host_sim/mac/README.md
NOT_MEASURED = {"1.5", "0.19 %", "21 %", "100 %"}  # the paper's claims, the unit's cost, the whole


def test_no_decimal_and_no_share_of_the_prose_is_left_to_hand():
    text = prose()
    parts = [*(row[0] for row in PROSE), *sentences()]
    bound = [found.span() for part in parts for found in re.finditer(re.escape(part), text)]
    left = {
        found[0]
        for found in re.finditer(r"\d+\.\d+ %|\d+\.\d+|\d+ %", text)
        if not any(begin <= found.start() and found.start() < end for begin, end in bound)
    }
    assert left <= NOT_MEASURED


@pytest.mark.parametrize("page", ["README.md", "docs/pages/measured.md"])
def test_the_first_pages_show_the_accuracies_of_the_results(example, page):
    text = (FOLDER.parents[1] / page).read_text(encoding="utf-8").replace("*", "")
    four, eight = by_seed("networks_resnet8", "best fixp4").values(), mean("wide_resnet8", "best fixp4")
    half = example("intervals").half_width([*four])
    assert f"(float: {mean('wide_resnet8', 'float'):.2f} %)" in text
    assert f"{sum(four) / len(four):.2f} ± {half:.2f} % with 4-bit activations" in text
    assert f"{eight:.2f} % with 8-bit ones" in text
