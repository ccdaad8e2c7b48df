"""Several models in one firmware: as one folder, and as folders side by side, of other targets and other versions."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mixcomp_edge import Bundle, export, resources, save_bundle
from mixcomp_edge.codegen import sharing
from mixcomp_edge.codegen.packages import export_several
from mixcomp_edge.codegen.project import read_project
from mixcomp_edge.codegen.render import golden_vector
from mixcomp_edge.errors import ExportError, StorageError
from mixcomp_edge.simulation import simulate
from mixcomp_edge.verification import verify
from sdk.codegen import zoo

NAMES = ["dense", "residual", "branches"]
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
DROP = ["-ffunction-sections", "-Wl,--gc-sections"]


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def main_program(names: list[str]) -> str:
    """A C program that runs each model on its golden vector, and returns how many outputs are wrong."""
    text = "".join(f'#include "mce_{name}.h"\n' for name in names) + "#include <string.h>\n"
    calls = ""
    for name in names:
        x, y = golden_vector(zoo.graph(name))
        text += f"static const uint8_t {name}_x[] = {{{', '.join(map(str, x))}}};\n"
        text += f"static const uint8_t {name}_y[] = {{{', '.join(map(str, y))}}};\n"
        text += f"static uint32_t {name}_arena[(MCE_{name.upper()}_ARENA_BYTES + 3) / 4];\n"
        text += f"static uint8_t {name}_out[sizeof {name}_y];\n"
        calls += f"wrong += mce_{name}_run({name}_arena, {name}_x, {name}_out) != MCE_OK;"
        calls += f"wrong += memcmp({name}_out, {name}_y, sizeof {name}_y) != 0;\n"
    return text + f"int main(void) {{ int wrong = 0;\n{calls}return wrong; }}\n"


@pytest.fixture
def main_c(tmp_path) -> Path:
    (tmp_path / "main.c").write_text(main_program(NAMES))
    return tmp_path / "main.c"


def side_by_side(tmp_path: Path, targets: list[str]) -> list[Path]:
    for name, target in zip(NAMES, targets, strict=True):
        export(zoo.bundle(name), target, tmp_path / name)
    return [tmp_path / name for name in NAMES]


def sources(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted((folder / "src").glob("*.c"))]


def kernels_in(program: Path) -> list[str]:
    return re.findall(r"\b(mce_\w+?__\w+)$", run("nm", program), re.M)


SAME, MIXED = ["cortex-m4"] * 3, ["cortex-m4", "cortex-m0plus", "generic"]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("flags", [["-O2"], ["-O0"], ["-O2", "-flto"], ["-O2", "-fPIC"]], ids=" ".join)
@pytest.mark.parametrize("targets", [SAME, MIXED], ids=["one target", "three targets"])
def test_folders_side_by_side_link_and_each_model_is_right(compiler, flags, targets, main_c, tmp_path):
    if shutil.which(compiler) is None or (compiler == "clang" and "-flto" in flags):
        pytest.skip(f"{compiler} is not installed, or has no linker for LTO")
    folders = side_by_side(tmp_path, targets)
    include = [f"-I{folder}/include" for folder in folders]
    run(compiler, *STRICT, *flags, *include, *sources(*folders), main_c, "-o", tmp_path / "app")
    run(tmp_path / "app")


def test_of_folders_side_by_side_each_shared_kernel_is_linked_once(main_c, tmp_path):
    folders = side_by_side(tmp_path, SAME)
    include = [f"-I{folder}/include" for folder in folders]
    files = [path.name for path in sources(*folders) if "__" in path.name]
    assert len(files) > len(set(files))  # some kernel lies in two folders
    build = ["gcc", *STRICT, "-O2", *DROP, *include]
    run(*build, *sources(*folders), main_c, "-o", tmp_path / "app")
    once = {path.name: path for path in sources(*folders)}.values()
    run(*build, *once, main_c, "-o", tmp_path / "least")
    assert len(kernels_in(tmp_path / "app")) == len(set(files))
    sizes = [int(run("size", tmp_path / name).splitlines()[1].split()[0]) for name in ("app", "least")]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("targets", [SAME, MIXED], ids=["one target", "three targets"])
def test_folders_side_by_side_drop_into_one_cmake_project(targets, main_c, tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    side_by_side(tmp_path, targets)
    cmake_project(tmp_path, NAMES)
    run(tmp_path / "build" / "app")
    assert len(kernels_in(tmp_path / "build" / "app")) == len(set(kernels_in(tmp_path / "build" / "app")))


def cmake_project(folder: Path, subfolders: list[str]) -> None:
    lines = ["cmake_minimum_required(VERSION 3.13)", "project(app C)", "add_executable(app main.c)"]
    lines += [f"add_subdirectory({name})" for name in subfolders]
    lines += [f"target_link_libraries(app PRIVATE {' '.join(f'mce_{name}' for name in NAMES)})"]
    (folder / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
    run("cmake", "-S", folder, "-B", folder / "build")
    run("cmake", "--build", folder / "build")


def test_one_folder_of_several_models_holds_each_kernel_once_and_links_without_help(main_c, tmp_path):
    layouts = export_several([zoo.bundle(name) for name in NAMES], "cortex-m4", tmp_path / "all")
    wanted = {step.kernel.name for layout in layouts for step in layout.steps}
    assert {path.stem for path in (tmp_path / "all" / "src").glob("*__*.c")} == wanted
    words = [*STRICT, "-O2", f"-I{tmp_path}/all/include", *sources(tmp_path / "all"), main_c]
    run("gcc", *words, "-o", tmp_path / "app")
    run(tmp_path / "app")


def test_one_folder_of_several_models_builds_by_cmake_and_tests_each(main_c, tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    export_several([zoo.bundle(name) for name in NAMES], "generic", tmp_path / "all")
    run("cmake", "-S", tmp_path / "all", "-B", tmp_path / "b")
    run("cmake", "--build", tmp_path / "b")
    assert "100% tests passed, 0 tests failed out of 3" in run("ctest", "--test-dir", tmp_path / "b")
    cmake_project(tmp_path, ["all"])
    run(tmp_path / "build" / "app")


def test_the_two_models_of_the_how_to_share_an_arena_and_are_right(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "pages" / "how-to" / "firmware.md").read_text()
    [block] = re.findall(r"^```c\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    models = {"keywords": "dense", "speaker": "branches"}
    bundles = [Bundle(replace(zoo.graph(name), name=new)) for new, name in models.items()]
    export_several(bundles, "generic", tmp_path / "both")
    main = f"{block}#include <string.h>\n"
    for new, name in models.items():
        for side, data in zip("xy", golden_vector(zoo.graph(name)), strict=True):
            main += f"static const uint8_t {new}_{side}[] = {{{', '.join(map(str, data))}}};\n"
        main += f"static mce_{new}_output {new}_out[sizeof {new}_y];\n"
    main += "int main(void) { return hear(keywords_x, keywords_out, speaker_x, speaker_out) != MCE_OK"
    main += "".join(f" || memcmp({new}_out, {new}_y, sizeof {new}_y) != 0" for new in models) + "; }\n"
    (tmp_path / "main.c").write_text(main)
    words = [*STRICT, "-O1", f"-I{tmp_path}/both/include", *sources(tmp_path / "both"), tmp_path / "main.c"]
    run("gcc", *words, "-o", tmp_path / "app")
    run(tmp_path / "app")


def test_the_calls_in_the_readme_of_several_models_work(tmp_path):
    export_several([zoo.bundle(name) for name in NAMES], "generic", tmp_path / "all")
    calls = re.findall(r"`(cc [^`]*)`", (tmp_path / "all" / "README.md").read_text())
    assert len(calls) == 3
    for call in calls:
        assert " 0 of " in run("sh", "-c", call, cwd=tmp_path / "all")


@pytest.mark.parametrize("on", ["host", "emulator"])
def test_each_model_of_a_folder_is_verified_and_simulated(on, tmp_path):
    export_several([zoo.bundle(name) for name in NAMES], "cortex-m4", tmp_path / "all")
    for name in NAMES:
        assert verify(tmp_path / "all", on=on, model=name, count=2).mismatches == 0
        assert read_project(tmp_path / "all", name)[0].graph.name == name
    assert simulate(tmp_path / "all", model="residual").bit_exact


def test_which_model_must_be_said_where_there_are_several(tmp_path):
    export_several([zoo.bundle(name) for name in NAMES], "cortex-m4", tmp_path / "all")
    with pytest.raises(ExportError, match=r"several models: dense, residual, branches\. Say which: --model dense"):
        verify(tmp_path / "all", count=1)
    with pytest.raises(ExportError, match="holds no model 'kws', but dense, residual, branches"):
        verify(tmp_path / "all", model="kws", count=1)
    save_bundle(zoo.bundle("dense"), tmp_path / "m.mce")
    with pytest.raises(ExportError, match="holds the model 'dense', not 'kws'"):
        verify(tmp_path / "m.mce", model="kws", count=1)


def test_two_models_of_one_name_and_folders_of_other_models_are_refused(tmp_path):
    with pytest.raises(ExportError, match="two of the bundles are called 'dense'"):
        export_several([zoo.bundle("dense"), zoo.bundle("dense")], "generic", tmp_path / "all")
    assert not (tmp_path / "all").exists()
    export_several([zoo.bundle("dense"), zoo.bundle("one")], "generic", tmp_path / "all")
    with pytest.raises(StorageError, match="another model, dense, one"):
        export(zoo.bundle("dense"), "generic", tmp_path / "all")
    export_several([zoo.bundle("dense"), zoo.bundle("one")], "cortex-m4", tmp_path / "all")


# Versions


@pytest.fixture
def another_version(tmp_path, monkeypatch):
    """From here on exports are those of a version with another dense kernel: it forgets the bias."""

    def change() -> None:
        shutil.copytree(resources.firmware(), tmp_path / "firmware")
        header = tmp_path / "firmware" / "include" / "mixcomp" / "internal" / "dense_w4.h"
        text = header.read_text()
        assert "p->bias[o]" in text
        header.write_text(text.replace("p->bias[o]", "0 * p->bias[o]"))
        monkeypatch.setattr(resources, "firmware", lambda: tmp_path / "firmware")
        sharing.shared_name.cache_clear()
        sharing._runtime_id.cache_clear()

    yield change
    sharing.shared_name.cache_clear()
    sharing._runtime_id.cache_clear()


def test_kernels_of_two_versions_do_not_mix(another_version, tmp_path):
    """The dense model, once by this version and once, under another name, by one that computes something else."""
    export(zoo.bundle("dense"), "generic", tmp_path / "dense")
    another_version()
    export(zoo.bundle("residual"), "generic", tmp_path / "residual")
    names = ["dense", "residual"]
    (tmp_path / "main.c").write_text(main_program(names))
    both = [f"-I{tmp_path}/{name}/include" for name in names]
    for order in (names, names[::-1]):
        objects = []
        for name in order:
            for source in sources(tmp_path / name):
                objects.append(tmp_path / f"{name}_{source.stem}.o")
                run("gcc", "-std=c99", "-O2", f"-I{tmp_path}/{name}/include", "-c", source, "-o", objects[-1])
        run("gcc", "-std=c99", *both, tmp_path / "main.c", *objects, "-o", tmp_path / "app")
        done = subprocess.run([tmp_path / "app"], check=False)
        assert done.returncode == 1  # dense is right, residual as wrong as its version
    words = ["gcc", "-std=c99", *both, *sources(tmp_path / "dense", tmp_path / "residual"), tmp_path / "main.c"]
    done = subprocess.run([*words, "-o", tmp_path / "app"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "these headers are another version's" in done.stderr


# Names


def test_a_model_whose_name_ends_like_a_file_of_another_lives_beside_it(tmp_path):
    """a_weights beside a: each has its own header of weights."""
    bundles = [Bundle(replace(zoo.graph(name), name=new)) for name, new in (("dense", "a"), ("one", "a_weights"))]
    export_several(bundles, "generic", tmp_path / "all")
    for name in ("a", "a_weights"):
        assert verify(tmp_path / "all", model=name, count=2).mismatches == 0
