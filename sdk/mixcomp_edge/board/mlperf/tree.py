"""A submission's tree: systems/<id>.json and results/<id>/<benchmark>/<mode>/{results.txt, results.json, log.txt}."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mixcomp_edge.board.mlperf.accuracy import Accuracy
from mixcomp_edge.board.mlperf.benchmarks import Benchmark
from mixcomp_edge.board.mlperf.performance import Performance
from mixcomp_edge.storage import check_folder, digest, sealed, unsealed, write_file, write_folder

RESULTS = "results.json"


def results_folder(root: Path, system: str, benchmark: Benchmark, mode: str) -> Path:
    """Where the results of one benchmark in one mode lie."""
    return root / "results" / system / benchmark.folder / mode


def check_results(place: Path, *, force: bool = False) -> None:
    """Raises what writing there would end with, before the work is done."""
    check_folder(place, _ours(place), force=force)


def write_results(
    found: Performance | Accuracy, log: list[str], root: Path, system: str, *, force: bool = False
) -> Path:
    """Writes the results, and the system's description where there is none yet. Returns the results' folder."""
    device, mode = found.device, "performance" if isinstance(found, Performance) else "accuracy"
    place = results_folder(root, system, device.benchmark, mode)
    facts: dict[str, Any] = {"device": device.name, "model": device.benchmark.model}
    facts |= {key: value for key, value in asdict(found).items() if key != "device"}
    if isinstance(found, Performance):
        facts |= {"median": found.median}
    else:
        facts |= {"top1_percent": found.top1, "auc": found.auc}
    files = {
        "results.txt": "".join(f"ulp-mlperf: {line}\n" for line in found.lines()).encode(),
        "log.txt": "".join(f"{line}\n" for line in log).encode(),
    }
    digests = {name: digest(content) for name, content in files.items()}
    write_folder(place, files | {RESULTS: sealed(facts | {"sha256": digests})}, _ours(place), force=force)
    description = {"system_name": system, "device": device.name}
    path = root / "systems" / f"{system}.json"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        write_file(path, json.dumps(description, indent=1) + "\n")
    return place


def _ours(place: Path) -> dict[str, str]:
    """What an earlier run has written there: name -> SHA-256."""
    try:
        data = (place / RESULTS).read_bytes()
    except OSError:
        return {}
    facts = unsealed(data)
    if facts is None or not isinstance(facts.get("sha256"), dict):
        return {}
    return {**facts["sha256"], RESULTS: digest(data)}
