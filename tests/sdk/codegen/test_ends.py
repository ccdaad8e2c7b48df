"""Models with several inputs and outputs in C: a parameter, macros and functions for each, by name, on whatever runs
them."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen.packages import export_several
from mixcomp_edge.codegen.profiles import profile_of
from mixcomp_edge.codegen.project import export
from mixcomp_edge.codegen.render import golden_vector
from mixcomp_edge.errors import ExportError
from mixcomp_edge.ir import interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.simulation import simulate
from mixcomp_edge.targets.boards import board
from mixcomp_edge.verification import verify
from support.integer_graphs import forked_graph, samples, small_graph
from support.kernels import preferred

SANITIZE = ["-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all"]  # fmt: skip
PROTOTYPE = (
    "mce_status mce_forked_net_run(void *arena, const void *in_image, const void *in_state, void *out_map, "
    "void *out_logits, void *out_state);"
)
NAMES = ("input_image", "input_state", "output_map", "output_logits", "output_state")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("ends") / "c"
    export(Bundle(forked_graph()), "cortex-m4", path, kernels=preferred(forked_graph(), "cortex-m4"))
    return path


def built(folder, code: str, tmp_path, *, sanitize: bool = True):
    """The program of code and the model."""
    (tmp_path / "app.c").write_text(code)
    words = ["gcc", *(SANITIZE if sanitize else ["-std=c99"]), f"-I{folder}/include"]
    sources = [*(folder / "src").glob("*.c"), tmp_path / "app.c"]
    done = subprocess.run([*words, *map(str, sources), "-o", str(tmp_path / "app")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tmp_path / "app"


@pytest.mark.parametrize("core", [None, "cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_every_element_of_every_layer_is_right_on_host_and_cores(core, tmp_path):
    graph = forked_graph()
    export(Bundle(graph), core or "generic", tmp_path / "c", kernels=preferred(graph, core or "generic"))
    verdict = verify(tmp_path / "c", on="emulator" if core else "host", count=4)
    assert verdict.mismatches == 0
    assert verdict.elements == 4 * (48 + 51 + 3 + 5)


@pytest.mark.parametrize("name", ["microbit", "mps2-an386"])
def test_a_boards_firmware_takes_the_inputs_and_gives_the_outputs_one_behind_the_other(name, tmp_path):
    """On the microbit, whose core faults at addresses that are not aligned, the state's three bytes push the rest."""
    if shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("qemu-system-arm or arm-none-eabi-gcc is not installed")
    export(Bundle(forked_graph()), "", tmp_path / "fw", board=board(name))
    verdict = verify(tmp_path / "fw", on=f"qemu:{name}", count=3)
    assert verdict.mismatches == 0


def test_a_simulation_compares_all_outputs(folder):
    found = simulate(folder, count=2)
    assert found.bit_exact
    assert found.ram_bytes["arena"] >= 48 + 5 + 3


def test_each_input_and_output_has_its_parameter_macros_and_functions(folder):
    header = (folder / "include" / "mce_forked_net.h").read_text()
    assert PROTOTYPE in header
    for name in NAMES:
        for macro in ("OFFSET", "TYPE", "HEIGHT", "WIDTH", "CHANNELS", "ELEMENTS", "BYTES", "SCALE", "ZERO_POINT"):
            assert len(re.findall(rf"#define MCE_FORKED_NET_{name.upper()}_{macro} ", header)) == 1, (name, macro)
    functions = set(re.findall(r"static inline \w+ mce_forked_net_(\w+)\(", header))
    assert functions == {
        "input_image_set", "input_state_set", "output_map_get", "output_logits_get", "output_state_get",
        "quantize_input_image", "quantize_input_state", "dequantize_output_map", "dequantize_output_logits",
        "dequantize_output_state", "argmax_output_map", "argmax_output_logits", "argmax_output_state",
    }  # fmt: skip
    assert not re.search(r"_(INPUT|OUTPUT)_(BYTES|OFFSET)\b", header)


def test_the_selftest_compares_all_outputs_and_runs_clean_under_sanitizers(folder, tmp_path):
    text = (folder / "test" / "selftest.c").read_text()
    done = subprocess.run([built(folder, text, tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "forked_net: 0 of 56 output bytes differ\n")
    wrong = re.sub(r"(expected_state\[3\] = \{\n\s+)0x(..)", r"\g<1>0x\g<2> ^ 1", text)
    assert wrong != text
    done = subprocess.run([built(folder, wrong, tmp_path, sanitize=False)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "forked_net: 1 of 56 output bytes differ\n")


def harness(inside: set[str]) -> str:
    """Runs the model on its golden vector, each buffer exactly as large as it must be: those of `inside` in the arena,
    at an odd place of a block of their own the others."""
    x, y = golden_vector(forked_graph())
    lines, fill, check = [], [], []
    for name in NAMES:
        macro = f"MCE_FORKED_NET_{name.upper()}"
        place = f"arena + {macro}_OFFSET" if name in inside else f"(uint8_t *)malloc({macro}_BYTES + 1) + 1"
        lines.append(f"uint8_t *{name} = {place};")
    at = 0
    for name in NAMES[:2]:
        fill.append(f"memcpy({name}, x + {at}, MCE_FORKED_NET_{name.upper()}_BYTES);")
        if name not in inside:
            check.append(f"if (memcmp({name}, x + {at}, MCE_FORKED_NET_{name.upper()}_BYTES)) return 4;")
        at += {"input_image": 32, "input_state": 3}[name]
    at = 0
    for name in NAMES[2:]:
        check.append(f"if (memcmp({name}, y + {at}, MCE_FORKED_NET_{name.upper()}_BYTES)) return 1;")
        at += {"output_map": 48, "output_logits": 5, "output_state": 3}[name]
    calls = [", ".join("NULL" if name == missing else name for name in NAMES) for missing in NAMES]
    nulls = [f"if (mce_forked_net_run(arena, {call}) != MCE_ERR_NULL) return 5;" for call in calls]
    newline = "\n    "
    return f"""#include "mce_forked_net.h"
#include <stdlib.h>
#include <string.h>
static const uint8_t x[] = {{{", ".join(map(str, x))}}}, y[] = {{{", ".join(map(str, y))}}};
int main(void)
{{
    uint8_t *arena = malloc(MCE_FORKED_NET_ARENA_BYTES);
    {newline.join(lines)}
    memset(arena, 0xA5, MCE_FORKED_NET_ARENA_BYTES);
    {newline.join(fill)}
    if (mce_forked_net_run(arena, {", ".join(NAMES)}) != MCE_OK) return 2;
    {newline.join(check)}
    {newline.join(nulls)}
    return 0;
}}
"""


@pytest.mark.parametrize("inside", [set(), set(NAMES), {"input_state", "output_map"}])
def test_buffers_of_the_exact_size_suffice_wherever_they_lie(inside, folder, tmp_path):
    program = built(folder, harness(inside), tmp_path)
    done = subprocess.run([program], env={"ASAN_OPTIONS": "detect_leaks=0"}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_readmes_function_gives_the_real_numbers_of_the_definition(folder, tmp_path):
    graph = forked_graph()
    x = samples(graph, count=1, seed=5)
    real = [node.type.dequantize(value).ravel() for node, value in zip(graph.inputs, x, strict=True)]
    block = re.search(r"```c\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    arrays = [", ".join(f"{v:.9g}f" for v in np.asarray(values, np.float32) + np.float32(0)) for values in real]
    arrays = [re.sub(r"(?<![.\de])(-?\d+)f", r"\1.0f", text) for text in arrays]
    code = f"""#include <stdio.h>
{block.group(1)}
int main(void)
{{
    static const float image[] = {{{arrays[0]}}}, state[] = {{{arrays[1]}}};
    int8_t map[48], logits[5];
    uint8_t out[3];
    infer(image, state, map, logits, out);
    for (int i = 0; i < 48; i++) printf("%.9g\\n", mce_forked_net_output_map_get(map, i));
    for (int i = 0; i < 5; i++) printf("%.9g\\n", mce_forked_net_output_logits_get(logits, i));
    for (int i = 0; i < 3; i++) printf("%.9g\\n", mce_forked_net_output_state_get(out, i));
    printf("%d\\n", (int)mce_forked_net_argmax_output_logits(logits, 0));
    return 0;
}}
"""
    done = subprocess.run([built(folder, code, tmp_path)], capture_output=True, text=True, check=True)
    *found, label = map(float, done.stdout.split())
    wanted = interp.outputs(graph, x)
    kinds = [graph[node].type for node in graph.outputs.values()]
    want = np.concatenate([kind.dequantize(value).ravel() for kind, value in zip(kinds, wanted, strict=True)])
    np.testing.assert_allclose(found, want, rtol=1e-6)
    assert label == np.argmax(wanted[1])


def test_it_shares_a_folder_with_a_model_of_one_input_and_output(tmp_path):
    export_several([Bundle(forked_graph()), Bundle(small_graph())], "generic", tmp_path / "c")
    for model in ("forked_net", "small_net"):
        assert verify(tmp_path / "c", model=model, count=2).mismatches == 0
    code = "".join(re.findall(r"```c\n(.*?)```", (tmp_path / "c" / "README.md").read_text(), re.DOTALL))
    built(tmp_path / "c", f"{code}\nint main(void) {{ return 0; }}\n", tmp_path, sanitize=False)


def test_mlperf_tinys_runner_is_refused_to_a_model_with_several():
    with pytest.raises(ExportError, match="cannot answer as ic01: the runner knows one input and one output"):
        profile_of(forked_graph(), "ic01")
    assert profile_of(forked_graph(), None) is None


def test_a_name_that_says_its_side_says_it_once(tmp_path):
    graph = forked_graph()
    named = Graph(graph.name, graph.nodes, {"output_0": "conv", "Out.Put": "head", "input_1": "cell"})
    export(Bundle(named), "generic", tmp_path / "c")
    header = (tmp_path / "c" / "include" / "mce_forked_net.h").read_text()
    assert "void *out_0, void *out_out_put, void *out_input_1);" in header
    assert "#define MCE_FORKED_NET_OUTPUT_0_BYTES 48" in header
    assert "#define MCE_FORKED_NET_OUTPUT_INPUT_1_BYTES 3" in header
    assert verify(tmp_path / "c", count=1).mismatches == 0
