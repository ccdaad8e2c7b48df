"""A project's C as a program of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixcomp_edge.errors import ExportError, ToolchainError
from mixcomp_sim.hostcc import BuildError, build_program, host_compiler

MAIN = Path(__file__).with_name("host_main.c")
HOOK = """void mce_host_layer(int index, const void *output);
#define MCE_LAYER_HOOK(index, output) mce_host_layer(index, output)
"""


@dataclass(frozen=True)
class HostModel:
    """What host_main.c must know of a model: the bytes of each input, output and layer's output, in their order."""

    name: str
    arena_bytes: int
    input_bytes: Sequence[int]
    output_bytes: Sequence[int]
    layer_bytes: Sequence[int]

    def header(self) -> str:
        pointers = [f"x[{i}]" for i in range(len(self.input_bytes))]
        pointers += [f"y[{i}]" for i in range(len(self.output_bytes))]
        lines = [
            f'#include "mce_{self.name}.h"',
            f"#define MODEL_RUN(arena, x, y) mce_{self.name}_run(arena, {', '.join(pointers)})",
            f"#define ARENA_BYTES {self.arena_bytes}u",
        ]
        for what in ("input", "output", "layer"):
            sizes = getattr(self, f"{what}_bytes")
            lines.append(f"#define {what.upper()}S {len(sizes)}")
            lines.append(f"static const uint32_t {what}_bytes[{what.upper()}S] = {{{', '.join(map(str, sizes))}}};")
        return "\n".join(lines) + "\n"


def check_host_compiler() -> None:
    """ToolchainError where nothing compiles C for this machine."""
    try:
        host_compiler()
    except BuildError as error:
        raise ToolchainError(f"host: {error}") from error


def build_host_program(project: Path, model: HostModel, folder: Path, flags: tuple[str, ...] = ("-O2",)) -> Path:
    """Compiles src/*.c of an exported project and host_main.c into a program in `folder`."""
    hook = folder / "mce_host_hook.h"
    hook.write_text(HOOK)
    (folder / "mce_host_model.h").write_text(model.header())
    sources = sorted((project / "src").glob("*.c"))
    if not (project / "src" / f"mce_{model.name}.c").is_file():
        raise ExportError(f"{project}: src/mce_{model.name}.c is missing. Export it again.")
    include = ["-std=c99", *flags, f"-I{project / 'include'}", f"-I{folder}", "-include", str(hook)]
    try:
        return build_program([*sources, MAIN], folder / "model", include, host_compiler())
    except BuildError as error:
        raise ToolchainError(f"cannot compile {project} for this machine: {error}") from error
