"""Under which compilers and flags the C has to be right: a table of builds, what of them to run, and how.

A build takes kernels for one machine through one compiler with some flags. It counts one combination for each kernel
that it compiles, and one for each that it runs, with layers whose bytes the interpreter knows. `poe flags` does
all of it, in hours; `THIN` is what CI has time for."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import ClassVar
from zlib import crc32

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))

from firmware import alone, build, layers
from firmware.process import LOOP, Process
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.codegen.kernels import kernel_headers, kernel_source
from mixcomp_edge.errors import ToolchainError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Q32, TFLM, Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.plan.kernels import Kernel, catalogue
from mixcomp_edge.plan.packing import Packed
from mixcomp_edge.targets import targets
from mixcomp_edge.verification import make_inputs
from mixcomp_sim import find_core, image_memory, open_machine
from support.scaled_graphs import OPS, by_tflm, graphs

LEVELS = ("-O0", "-Og", "-O1", "-Os", "-O2", "-O3", "-Ofast")
EXTRAS = ("-flto", "-fno-omit-frame-pointer", "-fPIC")
DIALECTS = [
    *((f"-std={name}", "-pedantic") for name in ("c99", "gnu11", "c17", "c2x")),
    ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wundef", "-Werror"),
    *((f,) for f in ("-fshort-enums", "-funsigned-char", "-fno-builtin", "-ffast-math", "-fwrapv", "-ftrapv")),
    *((f,) for f in ("-fno-strict-aliasing", "-fno-inline", "-fstack-protector-all", "-ffreestanding")),
]
ARM = {  # the ways to call and the unit for floats of each target
    "cortex-m0plus": [("-mfloat-abi=soft",)],
    "cortex-m3": [("-mfloat-abi=soft",)],
    "cortex-m4": [("-mfloat-abi=soft",), *((f"-mfloat-abi={a}", "-mfpu=fpv4-sp-d16") for a in ("softfp", "hard"))],
    "cortex-m7": [("-mfloat-abi=soft",), *((f"-mfloat-abi={a}", "-mfpu=fpv5-d16") for a in ("softfp", "hard"))],
    "cortex-m33": [("-mfloat-abi=soft",), *((f"-mfloat-abi={a}", "-mfpu=fpv5-sp-d16") for a in ("softfp", "hard"))],
    "cortex-m55": [("-mfloat-abi=hard",), ("-mfloat-abi=softfp",)],
    "cortex-m85": [("-mfloat-abi=hard",), ("-mfloat-abi=softfp",)],
}
HOSTS = {"pc64": (), "pc32": ("-m32", "-msse2", "-mfpmath=sse")}  # Python loads the one, the other runs by itself


@dataclass(frozen=True)
class Build:
    """`on`: a target, pc64 or pc32. `run`: with what is compiled, layers are computed. A run of the matrix takes one
    kernel of `of`, others with the next seed."""

    on: str
    compiler: str  # gcc, clang or zig
    flags: tuple[str, ...]
    run: bool = False
    of: int = 1
    contract: ClassVar[str] = Q32

    def __str__(self) -> str:
        return f"{self.on} {self.compiler} {' '.join(self.flags)}"

    @property
    def listed(self) -> list[Kernel]:
        """The kernels that only this contract has."""
        return [k for k in catalogue(self.contract) if self.contract == Q32 or k not in catalogue()]

    @property
    def kernels(self) -> list[Kernel]:
        """Those that such a machine may get: on a PC all."""
        isas = targets()[self.on].isas if self.on in ARM else {kernel.isa for kernel in self.listed}
        return [kernel for kernel in self.listed if kernel.isa in isas]

    def share(self, seed: int) -> list[Kernel]:
        """One kernel of `of`: each has its turn in as many seeds in a row."""
        return self.kernels[(crc32(str(self).encode()) + seed) % self.of :: self.of]

    @property
    def command(self) -> list[str]:
        """The compiler with what says for which machine, or [] where there is none here."""
        if self.on in HOSTS:
            found = [self.compiler] if shutil.which(self.compiler) else []
            if self.compiler == "zig":
                found = [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined"]
            return [*found, *HOSTS[self.on]] if found and (self.on == "pc64" or _has_32_bits(tuple(found))) else []
        target = targets()[self.on]
        chains = toolchains()
        if self.compiler in chains:
            return chains[self.compiler]._compiler(target)
        if self.compiler == "clang" and shutil.which("clang") and self.on != "cortex-m85":
            names = [word for word in target.gcc if word.startswith(("-mcpu", "-mthumb"))]
            return ["clang", "--target=arm-none-eabi", *names, "-ffreestanding"]
        return []


class TflmBuild(Build):
    """Of contract tflm's own kernels."""

    contract = TFLM

    def __str__(self) -> str:
        return f"{super().__str__()} (tflm)"


@cache
def _has_32_bits(compiler: tuple[str, ...]) -> bool:
    source = "#include <stdio.h>\nint main(void) { return 0; }\n"
    command = [*compiler, "-m32", "-x", "c", "-", "-o", os.devnull]
    return subprocess.run(command, input=source, text=True, capture_output=True).returncode == 0


OWN_CODE = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55")  # others run what one of these runs


def matrix() -> Iterator[Build]:
    """All: every level on every machine by every compiler, and there with every extra and every way to call with
    floats, one of them at a time. All kernels at the levels by gcc and clang on PCs and where a core has an
    instruction set of its own; a third of them on the other cores and by zig, which is another clang; a sixth with
    extras. Dialects are a matter of the front end: at -O2, on one PC and one core. PCs run what they compile, plain and
    with LTO, cores at -O0, -Os and -O3. Contract tflm's kernels, the same C with other ends, at three levels."""
    for on, compiler in product(HOSTS, ("gcc", "clang")):
        yield from (Build(on, compiler, (level,), run=True) for level in LEVELS)
        for level, extra in product(LEVELS, EXTRAS):
            yield Build(on, compiler, (level, extra), run=extra == "-flto", of=6)
    yield from (Build("pc64", "zig", (level,), run=True, of=3) for level in LEVELS)
    yield from (Build("pc64", "gcc", (level, "-march=native"), run=True, of=3) for level in ("-O2", "-O3"))
    for on, compiler in product(ARM, ("gcc", "clang", "zig")):
        of = 1 if on in OWN_CODE and compiler != "zig" else 3
        yield from (Build(on, compiler, (level,), level in ("-O0", "-Os", "-O3"), of) for level in LEVELS)
        more = [*((extra,) for extra in EXTRAS), *ARM[on][1:]] if compiler != "zig" else []
        yield from (Build(on, compiler, (level, *flags), of=6) for level, flags in product(LEVELS, more))
    for on, compiler, level in product((*HOSTS, *OWN_CODE), ("gcc", "clang"), ("-O0", "-Os", "-O3")):
        yield TflmBuild(on, compiler, (level,), run=True, of=3)
    for (on, compiler), dialect in product((("pc64", "gcc"), ("pc64", "clang"), ("cortex-m4", "gcc")), DIALECTS):
        yield Build(on, compiler, ("-O2", *dialect), of=6)


THIN = (  # pc64 gcc -O3 is the library that the other tests of this folder call
    Build("pc32", "gcc", ("-O3",), run=True),
    Build("pc64", "clang", ("-O3",), run=True),
    Build("cortex-m4", "gcc", ("-O0", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    Build("cortex-m4", "gcc", ("-O1", "-fno-omit-frame-pointer")),
    Build("cortex-m4", "gcc", ("-O2", "-fno-omit-frame-pointer")),
    Build("cortex-m0plus", "gcc", ("-Os",), run=True),
    Build("cortex-m3", "gcc", ("-O0",), run=True),
    Build("cortex-m4", "gcc", ("-O0",), run=True),
)


@dataclass(frozen=True)
class Case:
    """A layer as a kernel gets it, and the bytes that the interpreter makes of it."""

    graph: Graph
    node: QNode
    kernel: Kernel
    packed: Packed
    values: dict[str, np.ndarray]
    want: bytes

    def call(self) -> alone.Call:
        return alone.Call(self.graph, self.node, self.kernel, self.packed, self.values)


@cache
def cases(examples: int) -> tuple[Case, ...]:
    """Layers of each operator and type of x, two inputs each, and more until every kernel has `examples`."""
    found: list[Case] = []
    for op, dtype in sorted({(kernel.op, act) for kernel in catalogue() for act in kernel.act}):
        rng = np.random.default_rng(len(found))
        mine = [kernel for kernel in catalogue() if kernel.op == op and dtype in kernel.act]
        met: Counter[str] = Counter()
        while any(met[kernel.name] < examples for kernel in mine):
            graph, inputs = layers.layer(op, dtype, rng)
            node = graph.nodes[-1]
            served = [(k, packed) for k in mine if met[k.name] < examples and (packed := k.pack(graph, node))]
            for x in inputs[[0, -1]] if served else ():
                values = layers.values(graph, x)
                want = pack_elements(values[node.name], node.type.bits)
                found += [Case(graph, node, k, packed, values, want) for k, packed in served]
            met.update(k.name for k, _ in served)
    return tuple(found)


SETTINGS = settings(
    max_examples=240 * len(OPS), derandomize=True, database=None, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@cache
def scaled_cases(examples: int) -> tuple[Case, ...]:
    """The same for contract tflm, of random graphs whose factors are those of their scales. A kernel that these rarely
    meet may have fewer."""
    found: list[Case] = []
    met: Counter[str] = Counter()
    mine = TflmBuild("pc64", "gcc", ()).listed

    def collect(drawn: Graph) -> None:
        graph = by_tflm(drawn)
        for x in zip(*make_inputs(graph, 2), strict=True):
            values = {name: value[0] for name, value in interp.steps(graph, tuple(each[None] for each in x))}
            values |= {node.name: each for node, each in zip(graph.inputs, x, strict=True)}
            for kernel, node in product(mine, graph.nodes):
                if kernel.op == node.op and met[kernel.name] < 2 * examples and (packed := kernel.pack(graph, node)):
                    met[kernel.name] += 1
                    want = pack_elements(values[node.name], node.type.bits)
                    found.append(Case(graph, node, kernel, packed, values, want))

    given(st.sampled_from(OPS).flatmap(lambda op: graphs((op,), most=1)))(SETTINGS(collect))()
    return tuple(found)


@dataclass
class Outcome:
    """Names of kernels; of those that did not compile with the compiler's word. `wrong` computed other bytes."""

    compiled: tuple[str, ...] = ()
    ran: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    skipped: str = ""


def try_build(one: Build, examples: int = 2, jobs: int = 1, kernels: list[Kernel] | None = None) -> Outcome:
    """Compiles all of its kernels or those named, `jobs` at a time, and runs them where the build says so."""
    kernels = one.kernels if kernels is None else kernels
    if not one.command:
        return Outcome(skipped=f"no {one.compiler} for {one.on} on this machine")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        objects, refused = compile_all(one, kernels, folder, jobs)
        if (
            "-flto" in one.flags and one.compiler == "gcc" and not (one.run or refused)
        ):  # only now is there machine code
            words = ["-nostdlib", "-r", "-flinker-output=nolto-rel", *map(str, objects), "-o", str(folder / "all.o")]
            subprocess.run([*one.command, *one.flags, *words], check=True, capture_output=True)
        out = Outcome(compiled=tuple(path.stem for path in objects), refused=tuple(refused))
        if one.run and not refused:
            names = [kernel.name for kernel in kernels]
            runner = RUNNERS.get(one.on, on_core)(one, names, objects, folder)
            if isinstance(runner, str):
                out.skipped = runner
                return out
            told: dict[str, bool] = {}
            for case in (cases if one.contract == Q32 else scaled_cases)(examples):
                if case.kernel.name in names:
                    told[case.kernel.name] = told.get(case.kernel.name, True) & (runner(case.call()) == case.want)
            out.ran, out.wrong = tuple(told), tuple(name for name, right in told.items() if not right)
        return out


def compile_all(one: Build, kernels: list[Kernel], folder: Path, jobs: int = 1) -> tuple[list[Path], list[str]]:
    """(object files, what a compiler says to each kernel that it refuses)"""
    always = [] if any(flag.startswith("-std") for flag in one.flags) else ["-std=c99"]
    always += ["-fPIC"] if one.on == "pc64" and one.run else []
    always += [*alone.ENUMS, "-ffunction-sections"] if one.on in ARM and one.run else []

    def compiled(kernel: Kernel) -> Path | str:
        output = folder / f"{kernel.name}.o"
        source = build.source(kernel)
        words = [*always, *one.flags, f"-I{build.FIRMWARE / 'include'}", "-c", str(source), "-o", str(output)]
        done = subprocess.run([*one.command, *words], capture_output=True, text=True)
        if not done.returncode:
            return output
        said = [line for line in done.stderr.splitlines() if "rror" in line] or [f"status {done.returncode}"]
        return f"{kernel.name}: {said[0]}"

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(compiled, kernels))
    return [each for each in found if isinstance(each, Path)], [each for each in found if isinstance(each, str)]


Run = Callable[[alone.Call], bytes]


def on_pc64(one: Build, names: list[str], objects: list[Path], folder: Path) -> Run:
    library = folder / "kernels.so"
    subprocess.run([*one.command, *one.flags, "-shared", *map(str, objects), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    return lambda call: call.on_host(loaded)


def on_pc32(one: Build, names: list[str], objects: list[Path], folder: Path) -> Run:
    main = folder / "main.c"
    main.write_text(alone.image_source(names) + LOOP)
    words = [*one.flags, "-no-pie", f"-I{build.FIRMWARE / 'include'}", str(main), *map(str, objects)]
    subprocess.run([*one.command, *words, "-o", str(folder / "main")], check=True)
    process = Process(folder / "main")
    return lambda call: call.on_core(process, names.index(call.name))


def on_core(one: Build, names: list[str], objects: list[Path], folder: Path) -> Run | str:
    """In an emulator, or why not."""
    core = targets()[one.on]
    if not core.core or (not find_core(core.core).model and shutil.which("qemu-system-arm") is None):
        return f"no emulator for {one.on} on this machine"
    chain = toolchains().get("zig" if one.compiler == "clang" else one.compiler)
    if chain is None:
        return f"nothing links for {one.on} on this machine"
    source, script = folder / "image.c", folder / "image.ld"
    source.write_text(alone.image_source(names))
    memory = image_memory(core.core)
    areas = {"FLASH (rx)": memory.flash, "RAM (rw)": memory.ram}
    lines = "".join(f"{name} : ORIGIN = {at}, LENGTH = {size}\n" for name, (at, size) in areas.items())
    script.write_text(f"MEMORY {{\n{lines}}}\n" + (build.FIRMWARE / "ports" / "emulated" / "sections.ld").read_text())
    mine = chain.compile([source], [build.FIRMWARE / "include"], core, folder, alone.ENUMS)
    machine = open_machine(chain.link([*objects, *mine], core, folder / "image.elf", script, "mce_call"), core.core)
    return lambda call: call.on_core(machine, names.index(call.name))


RUNNERS = {"pc64": on_pc64, "pc32": on_pc32}


def tried(one: Build, examples: int, jobs: int, kernels: list[Kernel]) -> Outcome:
    """`try_build`, where a refusal to link is one more that is told."""
    try:
        return try_build(one, examples, jobs, kernels)
    except (subprocess.CalledProcessError, ToolchainError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace")
        return Outcome(refused=(f"link: {error} {said}",))


@cache
def todays_c(kernel: Kernel) -> str:
    """A digest of all that is compiled for a kernel."""
    texts = [kernel_source(kernel), *((build.FIRMWARE / path).read_text() for path in kernel_headers(kernel))]
    return sha256("\0".join(texts).encode()).hexdigest()[:16]


class Record:
    """Which kernels were right in which build, a JSON line a build in a file, so that a run goes on where one stopped
    and does again only what has other C since."""

    def __init__(self, path: Path | None, examples: int) -> None:
        self.path, self.examples = path, examples
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("}")]
        self.known: dict[str, dict[str, tuple[str, bool, str]]] = {}  # build: kernel: its C, whether it ran, why not
        for entry in whole:
            if entry["examples"] == examples:
                right = {n: (c, n in entry["ran"], entry["skipped"]) for n, c in entry["right"].items()}
                self.known.setdefault(entry["build"], {}).update(right)

    def outcome(self, one: Build, kernels: list[Kernel]) -> Outcome:
        """Of those kernels whose C is today's."""
        known = self.known.get(repr(one), {})
        same = {k.name: known[k.name] for k in kernels if known.get(k.name, ("",))[0] == todays_c(k)}
        skipped = next((why for _, _, why in same.values() if why), "")
        return Outcome(tuple(same), tuple(name for name, (_, ran, _) in same.items() if ran), skipped=skipped)

    def add(self, one: Build, out: Outcome) -> None:
        right = {k.name: todays_c(k) for k in one.kernels if k.name in set(out.compiled) - set(out.wrong)}
        entry = {"build": repr(one), "examples": self.examples, "right": right, "ran": out.ran, "skipped": out.skipped}
        if self.path is not None and not out.refused:
            with self.path.open("a") as file:
                file.write("\n" + json.dumps(entry))


def main() -> int:
    parser = argparse.ArgumentParser(description="The C under every flag.")
    parser.add_argument("--only", default="", help="builds with these words, between commas, in their names")
    parser.add_argument("--minutes", type=float, help="builds in any order until the time is up")
    parser.add_argument("--seed", type=int, default=0, help="of that order, and of which kernels a build takes")
    parser.add_argument("--examples", type=int, default=2, help="layers for each kernel")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    parser.add_argument("--record", type=Path, help="a file of what was right; what is in it is not done again")
    asked = parser.parse_args()
    table: dict[tuple[str, str], list[int]] = {}
    bad, skipped, start = [], Counter[str](), time.monotonic()
    builds = [one for one in matrix() if all(word in f"{one} " for word in asked.only.split(","))]
    if asked.minutes is not None:
        random.Random(asked.seed).shuffle(builds)
    record = Record(asked.record, asked.examples)
    for one in builds:
        if asked.minutes is not None and time.monotonic() - start > 60 * asked.minutes:
            break
        kernels = one.share(asked.seed)
        out = record.outcome(one, kernels)
        if missing := [kernel for kernel in kernels if kernel.name not in out.compiled]:
            new = tried(one, asked.examples, asked.jobs, missing)
            record.add(one, new)
            out = Outcome(out.compiled + new.compiled, out.ran + new.ran, new.refused, new.wrong, new.skipped)
        row = table.setdefault((one.on, one.compiler), [0, 0, 0, 0, 0])
        for i, names in enumerate(((one,), out.compiled, out.refused, out.ran, out.wrong)):
            row[i] += len(names)
        bad += [f"{one}: {what}" for what in (*out.refused, *out.wrong)]
        skipped.update([out.skipped] if out.skipped else [])
        print(f"{time.monotonic() - start:7.0f} s  {one}: {len(out.compiled)} compiled, {len(out.ran)} run"
              f"{f', {len(out.refused)} REFUSED, {len(out.wrong)} WRONG' if out.refused or out.wrong else ''}"
              f"{f', skipped: {out.skipped}' if out.skipped else ''}", flush=True)  # fmt: skip
    form = "{:14} {:8} {:>7} {:>9} {:>8} {:>7} {:>6}".format
    print(form("machine", "compiler", "builds", "compiled", "refused", "run", "wrong"))
    for key, row in table.items():
        print(form(*key, *row))
    print(form("all", "", *(sum(row[i] for row in table.values()) for i in range(5))))
    print(*(f"skipped {n} builds: {why}" for why, n in skipped.items()), *bad, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
