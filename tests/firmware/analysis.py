"""What static analysis says of the runtime: cppcheck, its addon for MISRA C:2012, clang-tidy and clang's analyzer.

    python tests/firmware/analysis.py                 every body of every kernel, the protocol and a model; half an hour
    python tests/firmware/analysis.py --record FILE   goes on where a run stopped, over what changed since

firmware/deviations.toml lists what they say and we keep, with reasons."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from firmware import build
from mixcomp_edge import export
from mixcomp_edge.ir.graph import TFLM
from mixcomp_edge.plan.kernels import Kernel, catalogue
from sdk.codegen import zoo

DEVIATIONS = tomllib.loads((build.FIRMWARE / "deviations.toml").read_text())
TOOLS = ("misra", "cppcheck", "tidy")
KEPT = {tool: {rule for entry in DEVIATIONS[tool] for rule in entry["rules"]} for tool in TOOLS}
RULES = {f"misra-c2012-{rule}" for rule in KEPT["misra"]} | KEPT["cppcheck"] | KEPT["tidy"]
CPPCHECK = ["cppcheck", "--quiet", "--std=c99", "-D__GNUC__=12", "--platform=unix32", "--template={id} {file}:{line}"]
MISRA = ["--addon=misra", "--enable=style,warning,performance,portability"]
TIDY = ["clang-tidy", "--quiet", "--header-filter=.*"]
Findings = Counter[str]  # rule -> how often


def bodies() -> list[Kernel]:
    """A kernel of each body, of both contracts and every instruction set: the others differ in the type they name."""
    found: dict[object, Kernel] = {}
    for kernel in (*catalogue(), *catalogue(TFLM)):
        name = kernel.body.split("(")[0] if kernel.body else kernel.of or kernel.name
        found.setdefault((kernel.isa, name, kernel.requantizer), kernel)
    return list(found.values())


def model(folder: Path) -> Path:
    """The C of a generated model."""
    export(zoo.bundle("residual"), "generic", folder)
    return folder / "src" / "mce_residual.c"


def include(source: Path) -> list[str]:
    beside = source.parent.parent / "include"
    return [f"-I{beside}"] if beside.is_dir() else [f"-I{build.FIRMWARE / 'include'}"]


def cppcheck(source: Path, *, misra: bool = True) -> Findings:
    """What it says of a file and of the headers that it includes, without what we keep."""
    words = [*CPPCHECK, *(MISRA if misra else MISRA[1:]), *include(source), str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    said = Counter(line.split(maxsplit=1)[0] for line in done.stderr.splitlines() if line.strip())
    return Counter({rule: n for rule, n in said.items() if rule not in RULES})


def clang_tidy(source: Path) -> Findings:
    """The same of clang-tidy, the analyzer's checks among them."""
    checks = ",".join(["-*", *DEVIATIONS["checks"], *(f"-{rule}" for rule in sorted(KEPT["tidy"]))])
    words = [*TIDY, f"--checks={checks}", str(source), "--", "-std=c99", *include(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "error:" not in done.stdout + done.stderr, done.stdout + done.stderr
    return Counter(re.findall(r"warning: .*\[([\w.,-]+)\]$", done.stdout, re.M))


def everything(folder: Path) -> list[Path]:
    """A kernel of each body, a model, and of the protocol what needs no board."""
    protocol = sorted((build.FIRMWARE / "protocol").glob("*.c"))
    mine = [path for path in protocol if "mce_board.h" not in path.read_text()]
    return [*(build.source(kernel) for kernel in bodies()), model(folder / "c"), *mine]


def main(record: Path | None = None) -> int:
    """Tells of each file as it comes what is found, what the record knows before; 1 where there are findings."""
    lines = record.read_text().splitlines() if record and record.exists() else []
    kept = sorted(RULES)
    known = {told["digest"]: told["found"] for told in map(json.loads, lines) if RULES.issuperset(told["kept"])}
    count = 0

    def look(source: Path) -> tuple[str, Findings]:
        key = digest(source)
        found = known[key] if key in known else both(source)
        return key, Counter({rule: times for rule, times in found.items() if rule not in RULES})

    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        sources = everything(Path(name))
        for source, (key, found) in zip(sources, pool.map(look, sources), strict=True):
            count += found.total()
            for rule, times in sorted(found.items()):
                print(f"{source.name}: {rule} ({times})", flush=True)
            if record and key not in known:
                with record.open("a") as file:
                    told = {"file": source.name, "digest": key, "found": found, "kept": kept}
                    file.write(json.dumps(told) + "\n")
    print(f"{len(sources)} files, {count} findings")
    return min(count, 1)


def digest(source: Path) -> str:
    """Of a file, of the headers that it includes and of what is looked for."""
    words = [*build.host_compiler(), "-std=c99", "-MM", *include(source), str(source)]
    rule = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    files = [Path(word) for word in rule.split(":", 1)[1].replace("\\\n", " ").split()]
    return sha256(b"".join((*(path.read_bytes() for path in files), str(DEVIATIONS["checks"]).encode()))).hexdigest()


def both(source: Path) -> Findings:
    return cppcheck(source) + clang_tidy(source)


def total(findings: Iterable[Findings]) -> Findings:
    return sum(findings, Counter())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, help="append what each file's findings are, and do not look twice")
    sys.exit(main(parser.parse_args().record))
