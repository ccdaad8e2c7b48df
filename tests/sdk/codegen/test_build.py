"""The C of a project compiles without a warning, runs without undefined behaviour, and needs what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mixcomp_edge import Bundle, convert, export, prepare
from mixcomp_edge.build.cross import build_image, toolchain, toolchains
from mixcomp_edge.codegen.render import golden_vector, render_image
from mixcomp_edge.errors import ToolchainError
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.simulation import simulate
from mixcomp_edge.targets import target
from mixcomp_edge.transports.emulator import EmulatedCore
from mixcomp_edge.verification import verify
from mixcomp_sim import EmulatorError, foreign_instructions, image_memory
from sdk.codegen import zoo
from support.integer_graphs import forked_graph
from support.kernels import preferred
from support.scaled_graphs import by_tflm

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
SANITIZE = ["-std=c99", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
CORES = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"]


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def needs(program: str) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return program


@pytest.fixture(scope="module", params=list(zoo.NETWORKS))
def folder(request, tmp_path_factory) -> Path:
    """The exported project of each network; its folder has the network's name."""
    path = tmp_path_factory.mktemp("project") / request.param
    export(zoo.bundle(request.param), "generic", path)
    return path


def sources(folder: Path) -> list[Path]:
    return sorted((folder / "src").glob("*.c"))


# Compilers


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_compiles_without_a_warning_and_the_selftest_passes(compiler, folder, tmp_path):
    program = tmp_path / "selftest"
    words = [*STRICT, "-O2", f"-I{folder}/include", *sources(folder), folder / "test" / "selftest.c", "-o", program]
    assert run(needs(compiler), *words) == ""
    assert " 0 of " in run(program)


@pytest.mark.parametrize("flags", ["-O0", "-O3", "-Os -funsigned-char", "-O2 -std=c11", "-O2 -fshort-enums"])
def test_other_flags_give_the_same_bits(flags, folder, tmp_path):
    program = tmp_path / "selftest"
    words = ["-std=c99", *flags.split(), f"-I{folder}/include", *sources(folder), folder / "test/selftest.c"]
    run(needs("gcc"), *words, "-o", program)
    run(program)


def test_the_one_call_in_the_readme_works(folder):
    text = (folder / "README.md").read_text()
    command = re.search(r"`(cc [^`]*)`", text)[1]
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "selftest").unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    assert " 0 of " in done.stdout


def test_builds_as_its_own_cmake_project_and_passes_ctest(folder, tmp_path):
    needs("cmake")
    run("cmake", "-S", folder, "-B", tmp_path)
    run("cmake", "--build", tmp_path)
    assert "100% tests passed" in run("ctest", "--test-dir", tmp_path)


@pytest.mark.parametrize("on", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_builds_on_a_pc_as_its_readme_says_whatever_core_it_is_for(on, tmp_path):
    needs("cmake")
    export(zoo.bundle("residual"), on, tmp_path / "c", kernels=preferred(zoo.graph("residual"), on))
    run("cmake", "-S", tmp_path / "c", "-B", tmp_path / "b")
    run("cmake", "--build", tmp_path / "b")
    assert " 0 of " in run("ctest", "--test-dir", tmp_path / "b", "-V")


def test_drops_into_a_firmware_as_a_cmake_folder(folder, tmp_path):
    needs("cmake")
    (tmp_path / "main.c").write_text(f'#include "mce_{folder.name}.h"\nint main(void) {{ return 0; }}\n')
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app C)\n"
        f"add_subdirectory({folder} model)\nadd_executable(app main.c)\n"
        f"target_link_libraries(app PRIVATE mce_{folder.name})\n"
    )
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build")
    run("cmake", "--build", tmp_path / "build")


@pytest.mark.parametrize(
    "graph", [zoo.graph("residual"), by_tflm(zoo.graph("branches")), forked_graph()], ids=["q32", "tflm", "outputs"]
)
def test_all_sources_are_cplusplus_too(graph, tmp_path):
    """And compute the same."""
    export(Bundle(graph), "generic", tmp_path / "c")
    words = ["-x", "c++", "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{tmp_path}/c/include"]
    files = [*sources(tmp_path / "c"), tmp_path / "c" / "test" / "selftest.c"]
    run(needs("g++"), *words, *files, "-o", tmp_path / "selftest")
    assert " 0 of " in run(tmp_path / "selftest")


def test_the_header_serves_cplusplus(folder, tmp_path):
    name = folder.name
    (tmp_path / "app.cpp").write_text(
        f'#include "mce_{name}.h"\n#include "mce_{name}.h"\n'
        f"static uint32_t arena[(MCE_{name.upper()}_ARENA_BYTES + 3) / 4];\n"
        f"static uint8_t x[MCE_{name.upper()}_INPUT_BYTES], y[MCE_{name.upper()}_OUTPUT_BYTES];\n"
        f"int main() {{ return static_cast<int>(mce_{name}_run(arena, x, y)); }}\n"
    )
    for source in sources(folder):
        run("gcc", "-std=c99", "-O1", f"-I{folder}/include", "-c", source, "-o", tmp_path / f"{source.stem}.o")
    program = tmp_path / "app"
    warn = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run(needs("g++"), *warn, f"-I{folder}/include", tmp_path / "app.cpp", *tmp_path.glob("*.o"), "-o", program)
    run(program)


# Sanitizers


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_selftest_runs_clean_under_asan_and_ubsan(compiler, folder, tmp_path):
    program = tmp_path / "selftest"
    words = [*SANITIZE, "-O1", f"-I{folder}/include", *sources(folder), folder / "test" / "selftest.c", "-o", program]
    run(needs(compiler), *words)
    run(program)


BUFFERS = {
    "separate": "uint8_t *in = malloc({M}_INPUT_BYTES), *out = malloc({M}_OUTPUT_BYTES);",
    "in the arena": "uint8_t *in = arena + {M}_INPUT_OFFSET, *out = arena + {M}_OUTPUT_OFFSET;",
    "input in the arena": "uint8_t *in = arena + {M}_INPUT_OFFSET, *out = malloc({M}_OUTPUT_BYTES);",
    "output in the arena": "uint8_t *in = malloc({M}_INPUT_BYTES), *out = arena + {M}_OUTPUT_OFFSET;",
}
HARNESS = """
#include "mce_{m}.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const uint8_t x[] = {{{x}}}, expected[] = {{{y}}};
int main(void)
{{
    uint8_t *arena = malloc({M}_ARENA_BYTES);
    {buffers}
    for (int fill = 0; fill < 256; fill += 85) {{
        memset(arena, fill, {M}_ARENA_BYTES);
        memcpy(in, x, sizeof x);
        if (sizeof x != {M}_INPUT_BYTES || sizeof expected != {M}_OUTPUT_BYTES) {{ return 3; }}
        if (mce_{m}_run(arena, in, out) != MCE_OK) {{ return 2; }}
        if (memcmp(out, expected, sizeof expected) != 0) {{ return 1; }}
        if ({separate_input} && memcmp(in, x, sizeof x) != 0) {{ return 4; }}
    }}
    if (mce_{m}_run(NULL, in, out) != MCE_ERR_NULL) {{ return 5; }}
    if (mce_{m}_run(arena, NULL, out) != MCE_ERR_NULL) {{ return 6; }}
    if (mce_{m}_run(arena, in, NULL) != MCE_ERR_NULL) {{ return 7; }}
    if (mce_{m}_run(arena + 1, in, out) != MCE_ERR_ALIGN) {{ return 8; }}
    return 0;
}}
"""


@pytest.mark.parametrize("where", BUFFERS)
def test_buffers_of_the_exact_size_suffice_wherever_they_lie(where, folder, tmp_path):
    name = folder.name
    x, y = golden_vector(zoo.graph(name))
    macro = f"MCE_{name.upper()}"
    (tmp_path / "harness.c").write_text(
        HARNESS.format(
            m=name,
            M=macro,
            x=", ".join(map(str, x)),
            y=", ".join(map(str, y)),
            buffers=BUFFERS[where].format(M=macro),
            separate_input=int("malloc({M}_INPUT" in BUFFERS[where]),
        )
    )
    program = tmp_path / "harness"
    run("gcc", *SANITIZE, f"-I{folder}/include", *sources(folder), tmp_path / "harness.c", "-o", program)
    done = subprocess.run([program], env={"ASAN_OPTIONS": "detect_leaks=0"}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


# Hook


def test_without_a_hook_the_objects_hold_no_trace_of_it(folder, tmp_path):
    source, include = folder / "src" / f"mce_{folder.name}.c", f"-I{folder}/include"
    plain, hooked = tmp_path / "plain.o", tmp_path / "hooked.o"
    run("gcc", "-std=c99", "-O2", include, "-c", source, "-o", plain)
    define = "-DMCE_LAYER_HOOK(index,output)=mce_trace(index,output)"
    run("gcc", "-std=gnu89", "-w", "-O2", include, define, "-c", source, "-o", hooked)
    assert "mce_trace" in run("nm", hooked)
    assert not re.search("trace|hook", run("nm", plain), re.IGNORECASE)
    stripped = tmp_path / "stripped.c"
    stripped.write_text(re.sub(r"(?m)^ *MCE_LAYER_HOOK.*$", "", source.read_text()))
    words = ["-std=c99", "-O2", include, f"-I{source.parent}", "-S", "-o"]
    run("gcc", *words, tmp_path / "with.s", source)
    run("gcc", *words, tmp_path / "without.s", stripped)

    def code(path):
        return [line for line in path.read_text().splitlines() if not line.lstrip().startswith(".file")]

    assert code(tmp_path / "with.s") == code(tmp_path / "without.s")


# Names


class Chain(nn.Module):
    """1x1 convolutions with the names given, one behind the other."""

    def __init__(self, names: list[str]):
        super().__init__()
        self.names = names
        for name in names:
            self.add_module(name, nn.Conv2d(2, 2, 1))

    def forward(self, x):
        for name in self.names:
            x = self.get_submodule(name)(x)
        return x


AWKWARD = {
    "keywords": ["int", "register", "restrict", "while", "static", "_Bool"],
    "C++ keywords": ["class", "template", "new", "this"],
    "library names": ["main", "malloc", "printf", "memcpy", "NULL", "errno", "uint8_t", "stdint"],
    "names of ours": ["a", "x", "y", "arena", "in", "out", "mce", "input", "levels_fixp4", "mce_names_run"],
    "names that meet suffixes": ["b", "b_bias", "b_codes", "b_multiplier", "b_params", "b_params_0"],
    "digits first": ["0", "1x", "2_0"],
    "case": ["Conv", "conv", "CONV"],
    "long": ["n" * 60, "n" * 95, "n" * 94 + "x"],
    "very long": ["n" * 200, "n" * 201],
    "other letters": ["größe", "слой", "層"],
}


@pytest.mark.parametrize("names", AWKWARD.values(), ids=AWKWARD)
def test_awkward_layer_names_compile_and_run(names, tmp_path):
    torch.manual_seed(0)
    bundle = convert(prepare(Chain(names), torch.randn(8, 2, 3, 3), name="names"))
    export(bundle, "generic", tmp_path / "c")
    assert verify(tmp_path / "c", count=2).mismatches == 0
    run(needs("gcc"), *STRICT, f"-I{tmp_path}/c/include", "-fsyntax-only", *sources(tmp_path / "c"))


def test_paths_with_dots_compile_and_run(tmp_path):
    model = nn.Sequential(Chain(["volatile", "main"]), nn.Sequential(Chain(["int"])))
    bundle = convert(prepare(model, torch.randn(8, 2, 3, 3), name="dots"))
    assert {"0.volatile", "0.main", "1.0.int"} <= {node.name for node in bundle.graph.nodes}
    export(bundle, "generic", tmp_path / "c")
    assert verify(tmp_path / "c", count=2).mismatches == 0


def test_nodes_named_double_and_float_compile_and_run(tmp_path):
    """Names that no child of a torch module can have, but a node can."""
    graph = convert(prepare(Chain(["first", "second"]), torch.randn(8, 2, 3, 3), name="names")).graph
    first, second = graph.nodes[1:]
    nodes = [graph.nodes[0], replace(first, name="double"), replace(second, name="float", inputs=("double",))]
    export(Bundle(Graph(graph.name, tuple(nodes), "float")), "generic", tmp_path / "c")
    assert verify(tmp_path / "c", count=2).mismatches == 0


@pytest.mark.parametrize("name", ["double", "main", "int", "a", "x", "types", "kernels", "conv2d"])
def test_awkward_model_names_compile_and_run(name, tmp_path):
    bundle = convert(prepare(nn.Linear(4, 3), torch.randn(8, 4), name=name))
    export(bundle, "generic", tmp_path / "c")
    assert verify(tmp_path / "c", count=2).mismatches == 0


def test_a_folder_with_blanks_and_umlauts_builds(tiny_bundle, tmp_path):
    folder = tmp_path / "mein schönes modell"
    export(tiny_bundle, "cortex-m4", folder)
    assert verify(folder, count=2).mismatches == 0
    assert verify(folder, on="emulator", count=2).mismatches == 0


@pytest.mark.parametrize("chain", ["gcc", "zig"])
@pytest.mark.parametrize("core", ["cortex-m55", "cortex-m85"])
def test_mve_targets_build_with_their_isa(chain, core, tmp_path):
    if chain not in toolchains():
        pytest.skip(f"{chain} is not installed")
    layout = export(zoo.bundle("residual"), core, tmp_path / "c", kernels=preferred(zoo.graph("residual"), core))
    memory = image_memory("cortex-m55")
    elf = build_image(tmp_path / "c", render_image(layout), target(core), tmp_path, toolchain(chain), memory)
    attributes = run(needs("arm-none-eabi-readelf"), "-A", elf)
    assert re.search(r"Tag_CPU_arch: v8\.1-M\.mainline", attributes)
    assert re.search(r"Tag_MVE_arch: MVE Integer and FP", attributes)
    assert re.search(r"Tag_ABI_VFP_args: VFP registers", attributes)
    assert any(step.kernel.isa == "mve" for step in layout.steps)
    assert foreign_instructions(elf, "armv8.1-m.main+mve") == []
    assert foreign_instructions(elf, "armv8.1-m.main") != []


@pytest.mark.parametrize(
    ("sabotage", "cause"),
    [
        ("((volatile uint8_t *)arena)[1 << 16] = 1;", r"write at address 0x2001"),
        ("for (volatile int i = 0;;) { i++; }", "timeout"),
        ('__asm__ volatile("udf #0");', "illegal instruction"),
        ("volatile uint8_t big[100000]; big[0] = 1;", "stack overflow"),
    ],
)
def test_a_model_that_runs_wild_is_told_with_function_line_and_cause(tiny_bundle, tmp_path, sabotage, cause):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    source = tmp_path / "c" / "src" / "mce_tiny.c"
    lines = source.read_text().split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("    (void)a;"))
    lines.insert(at, f"    {sabotage}")
    source.write_text("\n".join(lines))
    start = time.process_time()
    with pytest.raises(EmulatorError, match=cause) as caught:
        verify(tmp_path / "c", on="emulator", count=1, edited=True)
    assert time.process_time() - start < 10
    found = re.search(r"in mce_tiny_run\+0x[0-9a-f]+ \(mce_tiny\.c:(\d+), pc 0x", str(caught.value))
    assert found, caught.value
    if "volatile uint8_t big" not in sabotage:  # a frame is made at the function's first line
        assert int(found[1]) == at + 1


# Memory


def test_the_arena_in_the_linked_image_is_the_plans(folder, tmp_path):
    for core in CORES:
        graph = zoo.graph(folder.name)
        layout = export(zoo.bundle(folder.name), core, tmp_path / core, kernels=preferred(graph, core))
        emulated = EmulatedCore(tmp_path / core, layout, target(core))
        try:
            assert emulated.arena.size == layout.arena.total_bytes
        finally:
            emulated.close()
        assert layout.arena.total_bytes >= layout.arena.lower_bound_bytes
        assert (
            f"_ARENA_BYTES {layout.arena.total_bytes}\n"
            in (tmp_path / core / "include" / f"mce_{folder.name}.h").read_text()
        )


def test_the_simulation_is_exact_and_its_parts_add_up(folder):
    kernels = preferred(zoo.graph(folder.name), "cortex-m4")
    export(zoo.bundle(folder.name), "cortex-m4", folder.with_name("m4"), kernels=kernels)
    result = simulate(folder.with_name("m4"), count=2)
    assert result.bit_exact
    way_out = result.instructions - sum(layer.instructions for layer in result.layers)
    assert 0 <= way_out <= 20  # the return from the last layer
    assert result.macs == sum(layer.macs for layer in result.layers)
    assert result.flash_bytes["total"] == result.flash_bytes["weights"] + result.flash_bytes["code"]
    assert result.ram_bytes["total"] >= result.ram_bytes["arena"] + result.ram_bytes["stack"]
    assert result.flash_bytes["code"] > 0


def test_no_object_has_writable_memory(folder, tmp_path):
    """No static state: calls with different arenas may run at the same time."""
    for source in sources(folder):
        words = ["-std=c99", "-O2", "-fno-pic", "-fno-pie", f"-I{folder}/include"]
        run("gcc", *words, "-c", source, "-o", tmp_path / "a.o")
        assert not re.search(r" [bBdDC] ", run("nm", tmp_path / "a.o"))


def test_the_golden_vector_is_not_trivial(folder):
    x, y = golden_vector(zoo.graph(folder.name))
    assert len(np.unique(np.frombuffer(x, np.uint8))) > 3
    assert len(y) > 1


@pytest.mark.parametrize("chain", ["gcc", "zig"])
@pytest.mark.parametrize(("core", "word"), [("cortex-m0plus", 0xFB01F002), ("cortex-m3", 0xFB203102)])  # mul; smlad
def test_an_image_with_an_instruction_of_another_core_is_refused(core, word, chain, tmp_path):
    """The instruction stands behind the return, so no run would meet it."""
    if chain not in toolchains():
        pytest.skip(f"{chain} is not installed")
    layout = export(zoo.bundle("one"), core, tmp_path / "c")
    source = tmp_path / "c" / "src" / "mce_one.c"
    with_asm = f'if (a == x) {{ __asm__ volatile(".inst.w 0x{word:08x}"); }}\n    return MCE_OK;\n}}\n'
    source.write_text(source.read_text().replace("return MCE_OK;\n}\n", with_asm))
    with pytest.raises(
        ToolchainError, match=rf"holds 1 instruction\(s\) that armv[67]-m lacks:\n  mce_one_run\+0x\w+: {word >> 16:x}"
    ):
        EmulatedCore(tmp_path / "c", layout, target(core), toolchain(chain))
