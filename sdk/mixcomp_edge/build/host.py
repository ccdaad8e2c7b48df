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
    """What host_main.c must know of a model; `layer_bytes` of each layer's output, in their order."""

    name: str
    arena_bytes: int
    input_bytes: int
    output_bytes: int
    layer_bytes: Sequence[int]

    def header(self) -> str:
        sizes = {"ARENA": self.arena_bytes, "INPUT": self.input_bytes, "OUTPUT": self.output_bytes}
        lines = [f'#include "mce_{self.name}.h"', f"#define MODEL_RUN mce_{self.name}_run"]
        lines += [f"#define {what}_BYTES {size}u" for what, size in sizes.items()]
        lines.append(f"#define LAYERS {len(self.layer_bytes)}")
        lines.append(f"static const uint32_t layer_bytes[LAYERS] = {{{', '.join(map(str, self.layer_bytes))}}};")
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
