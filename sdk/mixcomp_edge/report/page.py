"""The page: figures that `simulate` has measured, put before who decides and who builds."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixcomp_edge import __version__, resources
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen.environment import environment
from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.report import drawing
from mixcomp_edge.report.beside import Beside, beside
from mixcomp_edge.simulation import Simulation, chip_for, measure_core, usual_inputs
from mixcomp_edge.storage import sealed_page
from mixcomp_edge.tflite.footprint import NOTE, Footprint, footprint
from mixcomp_edge.verification import emulated_core, opened

if TYPE_CHECKING:
    from mixcomp_edge.bench.int8 import Comparison

MOST_CLASSES = 20  # whose confusion is shown
COLUMNS = (  # key of a layer, heading, whether a bar stands behind it
    ("macs", "MAC", False),
    ("instructions", "instructions", False),
    ("per_mac", "instr. / MAC", False),
    ("cycles", "cycles", True),
    ("energy_uj", "µJ", False),
    ("flash_bytes", "flash, B", True),
    ("ram_bytes", "RAM, B", False),
)


@dataclass(frozen=True)
class Scored:
    """A metric by implementation, as text: what `run` found on the test set. classes: what each was taken for, as
    `metrics.report` has it."""

    name: str
    rows: tuple[tuple[str, str], ...]
    caveat: str = ""
    classes: dict[str, Any] | None = None

    @property
    def confusion(self) -> list[tuple[str, int, list[int]]]:
        """(class, samples, how often taken for each) where a page has room for it."""
        if self.classes is None or len(self.classes["classes"]) > MOST_CLASSES:
            return []
        rows = zip(self.classes["classes"], self.classes["confusion"], strict=True)
        return [(entry["class"], entry["samples"], counts) for entry, counts in rows]


def report(
    source: str | Path,
    *,
    target_name: str | None = None,
    model: str | None = None,
    chain_name: str | None = None,
    chip_name: str | None = None,
    compare: bool = False,
    scored: Scored | None = None,
    other: str | Path | None = None,
) -> str:
    """The page of a bundle or an exported folder: simulated on the chip, and where `compare` as int8 and what it takes
    in TensorFlow Lite Micro beside it.

    other: a second one, on the same chip, beside it."""
    with opened(Path(source), target_name, model=model) as (bundle, layout, project):
        found = _measured(bundle, layout, project, chain_name, chip_name)
        comparison, second, micro = None, None, None
        if other is not None:
            with opened(Path(other), layout.target.name) as (its_bundle, its_layout, its_project):
                its = _measured(its_bundle, its_layout, its_project, chain_name, chip_name)
            second = beside((Path(source).name, Path(other).name), found, its)
        if compare:
            from mixcomp_edge.bench.int8 import compare_int8

            comparison = compare_int8(Path(source), found, chain_name=chain_name)
            micro = _in_tflm(bundle)
        return render_report(bundle, layout, found, comparison, scored, second, micro)


def _in_tflm(bundle: Bundle) -> Footprint | None:
    """None where TensorFlow Lite Micro has no form of it."""
    try:
        return footprint(bundle)
    except UnsupportedError:
        return None


def _measured(
    bundle: Bundle, layout: Layout, project: Path, chain_name: str | None, chip_name: str | None
) -> Simulation:
    core = emulated_core(project, layout, chain_name)
    try:
        return measure_core(core, layout, usual_inputs(bundle.graph), chip_for(chip_name, layout))
    finally:
        core.close()


def render_report(
    bundle: Bundle,
    layout: Layout,
    found: Simulation,
    comparison: Comparison | None = None,
    scored: Scored | None = None,
    second: Beside | None = None,
    micro: Footprint | None = None,
) -> str:
    """The page of figures that are there."""
    jinja = environment()
    jinja.autoescape = True
    folder = resources.templates() / "report"
    parts = {name: (folder / name).read_text(encoding="utf-8") for name in ("style.css", "script.js")}
    text = jinja.get_template("report/report.html.j2").render(
        version=__version__,
        bundle=bundle,
        s=found,
        layers=[_layer(layer, found) for layer in found.layers],
        columns=COLUMNS,
        bounded={"cycles": "cycles", "energy_uj": "energy"},
        network=drawing.network(layout.graph),
        arena=drawing.arena_map(layout),
        roofline=drawing.roofline(layout.graph, found.layers),
        lower_bound=layout.arena.lower_bound_bytes,
        comparison=comparison,
        micro=micro,
        micro_note=NOTE,
        second=second,
        scored=scored,
        origin=_origin(bundle),
        style=parts["style.css"],
        script=parts["script.js"],
        policy=_policy(parts),
    )
    return sealed_page(re.sub(r"\n\s*\n+", "\n", text).rstrip("\n") + "\n")


def _policy(parts: dict[str, str]) -> str:
    """Nothing from anywhere; of style and script only what stands in the page, by its digest."""
    allowed = {
        name: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for name, text in parts.items()
    }
    return f"default-src 'none'; style-src {allowed['style.css']}; script-src {allowed['script.js']}"


def _layer(layer: Any, found: Simulation) -> dict[str, Any]:
    most = {
        "cycles": max((other.cycles for other in found.layers), default=1),
        "flash_bytes": max((other.flash_bytes for other in found.layers), default=1),
    }
    values = {key: getattr(layer, key) for key, _, _ in COLUMNS if key != "per_mac"}
    values["per_mac"] = layer.instructions / layer.macs if layer.macs else None
    bars = {key: round(100 * values[key] / max(1, peak)) for key, peak in most.items()}
    form = ", ".join(filter(None, (layer.weights, f"{layer.act_bits} bits")))
    return {"name": layer.name, "op": layer.op, "form": form, **values, "bars": bars}


def _origin(bundle: Bundle) -> list[tuple[str, str]]:
    """What the bundle says of itself, as rows."""
    rows = [("bundle, SHA-256", bundle.sha256)]
    for key, value in bundle.origin.items():
        if isinstance(value, dict):
            rows += [(f"{key}, {name}", str(entry)) for name, entry in value.items() if not isinstance(entry, dict)]
        else:
            rows.append((key, str(value)))
    return rows
