"""A project's C as a library of this machine."""

from __future__ import annotations

from pathlib import Path

from mixcomp_edge.errors import ToolchainError
from mixcomp_sim.hostcc import BuildError, build_shared, host_compiler

HOOK = """#ifndef MCE__TRACE_H
#define MCE__TRACE_H
extern void (*mce_trace)(int index, const void *output);
#define MCE_LAYER_HOOK(index, output) do { if (mce_trace) { mce_trace(index, output); } } while (0)
#endif
"""
HOOK_SOURCE = "void (*mce_trace)(int index, const void *output);\n"


def build_host_library(project: Path, folder: Path, flags: tuple[str, ...] = ("-O2",)) -> Path:
    """Compiles src/*.c of an exported project into a shared library in `folder`.

    The layer hook calls the function pointer `mce_trace` unless it is NULL."""
    hook, hook_source, library = folder / "mce_trace.h", folder / "mce_trace.c", folder / "libmodel.so"
    hook.write_text(HOOK)
    hook_source.write_text(HOOK_SOURCE)
    include = ["-std=c99", *flags, f"-I{project / 'include'}", "-include", str(hook)]
    try:
        return build_shared([*sorted((project / "src").glob("*.c")), hook_source], library, include, host_compiler())
    except BuildError as error:
        raise ToolchainError(f"cannot compile {project} for this machine: {error}") from error
