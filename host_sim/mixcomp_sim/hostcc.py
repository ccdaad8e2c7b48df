"""The host's C compiler: find one, and make a shared library with it. Used for the block counter here and for
host libraries of generated models in the SDK."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class BuildError(RuntimeError):
    """No compiler, or one that refused; the message holds its output."""


def host_compiler() -> list[str]:
    """The command that compiles C for this machine: $CC, else cc, gcc or clang on the PATH, else ziglang's clang.

    $CC may hold arguments ("ccache gcc"). BuildError when there is none.
    """
    if command := os.environ.get("CC", "").strip():
        words = shlex.split(command, posix=os.name == "posix")
        if shutil.which(words[0]) is None:
            raise BuildError(f"CC is {command!r}, but there is no program {words[0]!r}. Correct it or unset it.")
        return words
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise BuildError("no C compiler: neither cc, gcc nor clang is on the PATH. Install one, or: pip install ziglang")


def build_shared(sources: list[Path], out: Path, flags: list[str], compiler: list[str] | None = None) -> Path:
    """Compile and link C sources into the shared library `out` and return its path.

    -shared, -fPIC and -fno-sanitize=undefined stand before `flags`, so flags may turn a sanitizer on. The last of
    the three is for zig, whose debug builds link its own UBSan runtime. `out` appears whole or not at all.
    """
    return _build(["-shared", "-fPIC", "-fno-sanitize=undefined"], sources, out, flags, compiler)


def build_program(sources: list[Path], out: Path, flags: list[str], compiler: list[str] | None = None) -> Path:
    """Compile and link C sources into the program `out` and return its path; as `build_shared` otherwise."""
    return _build(["-fno-sanitize=undefined"], sources, out, flags, compiler)


def _build(kind: list[str], sources: list[Path], out: Path, flags: list[str], compiler: list[str] | None) -> Path:
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    base = [*(compiler or host_compiler()), *kind]
    try:
        _run([*base, *flags, "-o", str(part), *map(str, sources)])
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return out


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise BuildError(f"cannot start the compiler: {shlex.join(command)}\n{error}") from error
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip() or "(it printed nothing)"
        raise BuildError(f"the compiler failed with status {done.returncode}: {shlex.join(command)}\n{output}")
