"""Packages, compilers, QEMU, data."""

from __future__ import annotations

import os
import shutil
import subprocess

from mixcomp_edge.doctor.check import Check, package, tool

TOOLCHAIN = "pip install 'mixcomp-edge[toolchain]'"
SIM = "pip install 'mixcomp-edge[sim]'"


def software() -> list[Check]:
    """All that is installed on this machine, or not."""
    return [
        package("torch", "quantize, run, analyze, sweep", "pip install 'mixcomp-edge[torch]'", optional=True),
        package("unicorn", "simulate, verify --on emulator", SIM),
        package("capstone", "simulate", SIM),
        package("pyelftools", "simulate, flash", SIM),
        package("scikit-learn", "the task digits", "pip install 'mixcomp-edge[data]'", optional=True),
        tool("host C compiler", _host_compiler, "verify, run", TOOLCHAIN),
        tool("cross compiler", _cross_compilers, "simulate, verify --on emulator, flash", TOOLCHAIN),
        tool("qemu-system-arm", qemu, "verify --on qemu:BOARD", "apt install qemu-system-arm", optional=True),
        tool(
            "qemu-system-riscv32",
            lambda: qemu("qemu-system-riscv32"),
            "verify --on qemu:riscv-virt",
            "apt install qemu-system-misc",
            optional=True,
        ),
        package("pyocd", "flash through a debug probe", "pip install 'mixcomp-edge[probe]'", optional=True),
        data_folder(os.environ.get("MIXCOMP_DATA", "")),
    ]


def data_folder(path: str) -> Check:
    """Whether MIXCOMP_DATA, if set, names a folder."""
    note = "optional: data sets and reference weights; without it data sets are downloaded"
    remedy = "unset MIXCOMP_DATA or point it to a folder that exists"
    return Check("MIXCOMP_DATA", not path or os.path.isdir(path), path or "not set", note, remedy)


def qemu(name: str = "qemu-system-arm") -> str:
    """The version of QEMU."""
    program = shutil.which(name)
    if program is None:
        raise FileNotFoundError("not installed")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.splitlines()[0].removeprefix("QEMU emulator version ")


def _host_compiler() -> str:
    from mixcomp_sim.hostcc import host_compiler

    return " ".join(host_compiler())


def _cross_compilers() -> str:
    from mixcomp_edge.build.cross import toolchain, toolchains
    from mixcomp_edge.targets import target

    toolchain()
    riscv = toolchains(target("riscv32").triple).get("gcc")
    found = [chain.version() for chain in toolchains().values()]
    return ", ".join([*found, *([f"{riscv.version()} for RISC-V"] if riscv else [])])
