"""Writes firmware/kernels/sizes.toml, the code of each kernel: python tests/firmware/write_sizes.py"""

from __future__ import annotations

from collections.abc import Sequence

from mixcomp_edge import resources
from mixcomp_edge.build.cross import toolchain
from mixcomp_edge.choosing import compiled_bytes
from mixcomp_edge.ir.graph import TFLM
from mixcomp_edge.plan.kernels import Kernel, catalogue
from mixcomp_edge.targets import target

CORES = {
    "c": "cortex-m4", "dsp": "cortex-m4", "v7m": "cortex-m3", "v6m": "cortex-m0plus", "mve": "cortex-m55",
    "swar": "riscv32",
}  # fmt: skip
KERNELS = tuple({kernel.name: kernel for kernel in (*catalogue(), *catalogue(TFLM))}.values())
FILE = resources.firmware() / "kernels" / "sizes.toml"


def measured(kernels: Sequence[Kernel]) -> tuple[str, dict[str, int]]:
    """(compiler for Arm, kernel -> bytes)."""
    sizes = {}
    for kernel in kernels:
        core = target(CORES[kernel.isa])
        sizes[kernel.name] = compiled_bytes(kernel, core, toolchain("gcc", core.triple))
    return toolchain("gcc").version(), sizes


if __name__ == "__main__":
    compiler, sizes = measured(KERNELS)
    rows = "".join(f"{name} = {size}\n" for name, size in sorted(sizes.items()))
    cores = ", ".join(f"{isa} for {core}" for isa, core in CORES.items())
    FILE.write_text(
        f"# Bytes of each kernel's code and of all that it inlines: {cores}.\n"
        f'# python tests/firmware/write_sizes.py renews it.\ncompiler = "{compiler}"\n\n[bytes]\n{rows}'
    )
