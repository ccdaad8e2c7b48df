"""mixcomp-edge doctor"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import typer
from rich.table import Table

from mixcomp_edge.cli.common import JsonFlag, output, print_json


@dataclass(frozen=True)
class Check:
    """One thing that some verb needs."""

    name: str
    ok: bool
    found: str
    needed_for: str
    remedy: str


def examine() -> list[Check]:
    """What is installed, what is missing, and what to do about it."""
    checks = [
        _package("torch", "quantize, run", "pip install torch"),
        _package("unicorn", "simulate, verify --on emulator", "pip install 'mixcomp-edge[sim]'"),
        _package("capstone", "simulate", "pip install 'mixcomp-edge[sim]'"),
        _package("pyelftools", "simulate", "pip install 'mixcomp-edge[sim]'"),
        _package("scikit-learn", "the task digits", "pip install 'mixcomp-edge[data]'"),
        _tool("host C compiler", _host_compiler, "verify, run", "pip install 'mixcomp-edge[toolchain]'"),
        _tool(
            "cross compiler", _cross_compiler, "simulate, verify --on emulator", "pip install 'mixcomp-edge[toolchain]'"
        ),
    ]
    data = os.environ.get("MIXCOMP_DATA", "")
    note = "optional: data sets and reference weights; without it data sets are downloaded"
    remedy = "unset MIXCOMP_DATA or point it to a folder that exists"
    checks.append(Check("MIXCOMP_DATA", not data or os.path.isdir(data), data or "not set", note, remedy))
    return checks


def _package(name: str, needed_for: str, remedy: str) -> Check:
    try:
        return Check(name, True, version(name), needed_for, remedy)
    except PackageNotFoundError:
        return Check(name, False, "not installed", needed_for, remedy)


def _tool(name: str, find: Callable[[], str], needed_for: str, remedy: str) -> Check:
    try:
        return Check(name, True, find(), needed_for, remedy)
    except Exception as error:
        return Check(name, False, str(error).splitlines()[0], needed_for, remedy)


def _host_compiler() -> str:
    from mixcomp_sim.hostcc import host_compiler

    return " ".join(host_compiler())


def _cross_compiler() -> str:
    from mixcomp_edge.build.cross import toolchain, toolchains

    toolchain()
    return ", ".join(chain.version() for chain in toolchains().values())


def register(app: typer.Typer) -> None:
    @app.command()
    def doctor(json: JsonFlag = False) -> None:
        """Look for what the verbs need, and say how to get what is missing. Exit code 1 when something is missing."""
        checks = examine()
        healthy = all(check.ok for check in checks)
        if json:
            print_json({"ok": healthy, "checks": [asdict(check) for check in checks]})
        else:
            table = Table("", "what", "found", "needed for", "remedy")
            for check in checks:
                mark = "[green]ok[/]" if check.ok else "[red]missing[/]"
                table.add_row(mark, check.name, check.found, check.needed_for, "" if check.ok else check.remedy)
            output.print(table)
        raise typer.Exit(0 if healthy else 1)
