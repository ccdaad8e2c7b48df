"""Cross compilers for microcontrollers: the target's gcc where there is one, else the clang in the ziglang wheel."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mixcomp_edge import resources
from mixcomp_edge.build.objects import digest_of, kept, prefix_maps
from mixcomp_edge.errors import ToolchainError
from mixcomp_edge.targets import ARM, Target
from mixcomp_sim.cache import cache_folder

if TYPE_CHECKING:
    from mixcomp_sim import Memory

COMMON = ("-std=c99", "-O2", "-ffreestanding", "-ffunction-sections", "-fdata-sections")
ENTRY = "mce__run"
_FAMILIES = {ARM: "Cortex-M", "riscv64-unknown-elf": "RISC-V"}
_WITH = {ARM: "", "riscv64-unknown-elf": " and picolibc"}
# A label for the emulator at the end of each layer. It is no instruction, so the counts are those of the plain build.
HOOK = '-DMCE_LAYER_HOOK(index,output)=__asm__ volatile("mce_layer_" #index "_end:")'


@dataclass(frozen=True)
class Toolchain:
    """`name` is gcc or zig."""

    name: str
    command: tuple[str, ...]

    def version(self) -> str:
        """What the compiler says of itself."""
        words = ["-dumpfullversion"] if self.name == "gcc" else ["version"]
        return f"{self.name} {_run([*self.command, *words]).strip()}"

    def compile(
        self, sources: list[Path], include: list[Path], target: Target, folder: Path, flags: tuple[str, ...]
    ) -> list[Path]:
        """Object files of the sources, in `folder`."""
        outputs, version = [], self.version() if self.name == "gcc" else ""
        for source in sources:
            output = folder / f"{source.stem}.o"
            words = [*self._compiler(target), *COMMON, *flags, *(f"-I{path}" for path in include)]
            if self.name == "gcc":
                _compile_once(version, words, source, sorted({source.parent, *include}), output)
            else:  # zig itself keeps what it has compiled
                _run([*words, "-c", str(source), "-o", str(output)])
            outputs.append(output)
        return outputs

    def link(self, objects: list[Path], target: Target, output: Path, script: Path, entry: str) -> Path:
        """An ELF with everything that the entry reaches, and the linker's map beside it. The script finds what it
        includes in its own folder.

        An ELF with an instruction that the target's core lacks is refused: an emulator might run it all the same."""
        link_map = output.with_suffix(".map")
        if self.name == "gcc":
            wl = f"-Wl,--gc-sections,--no-warn-rwx-segments,-Map={link_map},-e,{entry},-L{script.parent}"
            words = [*self._compiler(target), "-nostdlib", wl, "-T", str(script), *map(str, objects)]
            _run([*words, *target.libraries, "-o", str(output)])
        else:
            runtime = self._compiler_runtime(target, output.with_name("libcompiler_rt.a"))
            words = ["--gc-sections", "-e", entry, f"-Map={link_map}", f"-L{script.parent}", "-T", str(script)]
            _run([*self.command, "ld.lld", *words, *map(str, objects), str(runtime), "-o", str(output)])
        _refuse_foreign_instructions(output, target)
        return output

    def _compiler_runtime(self, target: Target, library: Path) -> Path:
        """What libgcc is to gcc, built from zig's own sources."""
        words = ["-O", "ReleaseSmall", "-fcompiler-rt", "--name", "compiler_rt", f"-femit-bin={library}"]
        _run([*self.command, "build-lib", *_zig_cpu(target), *words])
        return library

    def _compiler(self, target: Target) -> list[str]:
        if self.name == "gcc":
            return [*self.command, *target.gcc]
        # zig keeps frame pointers at -O2 and turns a sanitizer on: neither belongs into a firmware.
        return [*self.command, "cc", *_zig_cpu(target), "-fomit-frame-pointer", "-fno-sanitize=undefined"]


def toolchains(triple: str = ARM) -> dict[str, Toolchain]:
    """The cross compilers on this machine for a target's triple, the preferred one first."""
    found = {}
    gcc = shutil.which(f"{triple}-gcc")
    if gcc and (triple == ARM or _has_picolibc(gcc)):
        found["gcc"] = Toolchain("gcc", (gcc,))
    if importlib.util.find_spec("ziglang") is not None:
        found["zig"] = Toolchain("zig", (sys.executable, "-m", "ziglang"))
    return found


@cache
def _has_picolibc(gcc: str) -> bool:
    """Whether there is a C library beside it: Debian packages gcc for RISC-V without one."""
    return Path(_run([gcc, "-print-file-name=picolibc.specs"]).strip()).is_absolute()


def toolchain(name: str | None = None, triple: str = ARM) -> Toolchain:
    """The cross compiler of that name (gcc, zig) for a target's triple, or the preferred one."""
    found = toolchains(triple)
    if name is not None and name not in ("gcc", "zig"):
        raise ToolchainError(f"unknown toolchain '{name}'; known are gcc and zig.")
    if not found or (name is not None and name not in found):
        remedy = (
            f"Install {triple}-gcc{_WITH[triple]}"
            if name == "gcc"
            else "pip install 'mixcomp-edge[toolchain]' (ziglang)"
        )
        raise ToolchainError(
            f"no cross compiler {name or ''} for {_FAMILIES[triple]} found. {remedy}.".replace("  ", " ")
        )
    return found[name] if name else next(iter(found.values()))


def build_image(
    project: Path, image_source: str, target: Target, folder: Path, chain: Toolchain, memory: Memory
) -> Path:
    """Compiles an exported project and `image_source` (its entry and its arena) into folder/image.elf, with debug
    information, so that a fault can name its line."""
    main = folder / "image.c"
    main.write_text(image_source)
    sources = [*sorted((project / "src").glob("*.c")), main]
    objects = chain.compile(sources, [project / "include"], target, folder, (HOOK, "-g"))
    sections = resources.firmware() / "ports" / "emulated" / "sections.ld"
    script = folder / "image.ld"
    script.write_text(_memory_script(memory) + sections.read_text(encoding="utf-8"), encoding="utf-8")
    return chain.link(objects, target, folder / "image.elf", script, ENTRY)


def _compile_once(version: str, words: list[str], source: Path, folders: list[Path], output: Path) -> None:
    """Compiles, or takes what was made of the same text before. version: of the compiler; folders: where the text comes
    from."""
    words = [*words, *prefix_maps(folders)]
    digest = digest_of([version, *words, source.suffix], _run([*words, "-E", str(source)]), folders)
    kept(cache_folder("objects"), digest, output, lambda: _run([*words, "-c", str(source), "-o", str(output)]))


def _refuse_foreign_instructions(elf: Path, target: Target) -> None:
    if not target.core:  # no emulator will run it
        return
    from mixcomp_sim import find_core, foreign_instructions

    architecture = find_core(target.core).architecture
    if found := foreign_instructions(elf, architecture):
        some = "\n  ".join(map(str, found[:10]))
        raise ToolchainError(
            f"the image for {target.name} holds {len(found)} instruction(s) that {architecture} lacks:\n  {some}\n"
            "Look for a kernel or a compiler flag that belongs to another core."
        )


def _zig_cpu(target: Target) -> list[str]:
    return ["-target", target.zig_target, f"-mcpu={target.zig_cpu}"]


def _memory_script(memory: Memory) -> str:
    areas = {"FLASH (rx)": memory.flash, "RAM (rw)": memory.ram}
    lines = [f"    {name} : ORIGIN = 0x{origin:08x}, LENGTH = {length}" for name, (origin, length) in areas.items()]
    return "\n".join(["MEMORY", "{", *lines, "}", ""])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        output = (done.stderr or done.stdout).strip()[-2000:]
        raise ToolchainError(f"{command[0]} failed with status {done.returncode}:\n{output}")
    return done.stdout
