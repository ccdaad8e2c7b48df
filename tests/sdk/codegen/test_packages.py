"""Packages for other tools: laid out and described as those tools read them, and what they hold computes the golden
vector when this machine's compiler builds it as the manifest says; test_packages_by_tools.py has the tools."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mixcomp_edge import verify
from mixcomp_edge.codegen.packages import export_several
from mixcomp_edge.codegen.packaging import Packaging
from mixcomp_edge.errors import ExportError, StorageError
from sdk.codegen import zoo

NAMES = ["dense", "branches"]
PACKAGES = [packaging for packaging in Packaging if packaging not in (Packaging.CMAKE, Packaging.TFLITE)]
ARDUINO = """#pragma once
#include <stdint.h>
#include <stdio.h>
struct Port {
    void begin(long) {}
    void print(unsigned value) { printf("%u", value); }
    void print(const char *text) { printf("%s", text); }
    void println(const char *text) { puts(text); }
};
static Port Serial;
"""


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(params=[NAMES[:1], NAMES], ids=["one", "two"])
def names(request) -> list[str]:
    return request.param


def packed(packaging: Packaging, names: list[str], folder: Path) -> Path:
    export_several([zoo.bundle(name) for name in names], "generic", folder, packaging=packaging)
    return folder


def whole(*texts: str) -> bool:
    return all(re.fullmatch(r"\w+: 0 of \d+ output bytes differ\n", text) for text in texts)


def built(package: Path, sources: list[str], include: str, main: Path) -> str:
    """What the self-test says, built of these sources on this machine."""
    program = package.parent / "selftest"
    run("cc", "-std=c99", "-O1", f"-I{package / include}", *[package / path for path in sources], main, "-o", program)
    return run(program)


def listed(text: str) -> list[str]:
    """The sources that a build file names."""
    return re.findall(r"src/\w+\.c", text)


def c_sources(package: Path) -> list[str]:
    return sorted(path.relative_to(package).as_posix() for path in (package / "src").glob("*.c"))


@pytest.mark.parametrize("names", [NAMES], indirect=True, ids=["two"])
def test_arduino_builds_the_sketch_as_cpp_beside_the_c_of_src(names, tmp_path):
    package = packed(Packaging.ARDUINO, names, tmp_path / "library")
    entries = dict(line.split("=", 1) for line in (package / "library.properties").read_text().splitlines() if line)
    assert entries["name"] == f"mce_{'_'.join(names)}"
    assert entries["includes"].split(",") == [f"mce_{name}.h" for name in names]
    assert not (package / "include").exists()
    (tmp_path / "Arduino.h").write_text(ARDUINO)
    (tmp_path / "main.cpp").write_text("int main() { setup(); loop(); }\n")
    objects = []
    for path in c_sources(package):
        objects.append(tmp_path / f"{Path(path).stem}.o")
        run("cc", "-O1", f"-I{package / 'src'}", "-c", package / path, "-o", objects[-1])
    for name in names:
        sketch = (package / "examples" / f"selftest_{name}" / f"selftest_{name}.ino").read_text()
        program = tmp_path / f"{name}.cpp"
        program.write_text(f'#include "Arduino.h"\n{sketch}\n#include "main.cpp"\n')
        run("c++", "-std=gnu++11", "-Wall", "-Wextra", "-Werror", f"-I{package / 'src'}", program, *objects,
            "-o", tmp_path / name)  # fmt: skip
        assert whole(run(tmp_path / name))


@pytest.mark.parametrize("names", [NAMES], indirect=True, ids=["two"])
def test_platformio_finds_sources_and_headers_below_src(names, tmp_path):
    package = packed(Packaging.PLATFORMIO, names, tmp_path / "library")
    manifest = json.loads((package / "library.json").read_text())
    assert manifest["headers"] == [f"mce_{name}.h" for name in names]
    assert manifest["build"]["srcDir"] == manifest["build"]["includeDir"] == "src"
    for name in names:
        assert whole(built(package, c_sources(package), "src", package / "examples" / f"selftest_{name}" / "main.c"))


def test_zephyr_compiles_what_its_build_file_lists(names, tmp_path):
    package = packed(Packaging.ZEPHYR, names, tmp_path / "module")
    build = (package / "zephyr" / "CMakeLists.txt").read_text()
    option = f"MCE_{'_'.join(names).upper()}"
    assert f"if(CONFIG_{option})" in build
    assert f"config {option}\n" in (package / "zephyr" / "Kconfig").read_text()
    assert sorted(listed(build)) == c_sources(package)
    module = (package / "zephyr" / "module.yml").read_text()
    assert f"name: mce_{'_'.join(names)}\n" in module
    for name in names:
        sample = package / "samples" / f"selftest_{name}"
        assert f"CONFIG_{option}=y" in (sample / "prj.conf").read_text()
        assert whole(built(package, listed(build), "include", sample / "src" / "main.c"))


def test_esp_idf_compiles_what_its_component_lists(names, tmp_path):
    package = packed(Packaging.ESP_IDF, names, tmp_path / "component")
    build = (package / "CMakeLists.txt").read_text()
    assert sorted(listed(build)) == c_sources(package)
    for name in names:
        main = package / "examples" / f"selftest_{name}" / "main" / "main.c"
        (tmp_path / "main.c").write_text(f'#include "{main}"\nint main(void) {{ app_main(); return 0; }}\n')
        assert whole(built(package, listed(build), "include", tmp_path / "main.c"))


def test_a_cmsis_pack_names_every_file_of_its_component(names, tmp_path):
    package = packed(Packaging.CMSIS_PACK, names, tmp_path / "pack")
    root = ElementTree.parse(package / f"MixcompEdge.mce_{'_'.join(names)}.pdsc").getroot()
    files = {file.get("name"): file.get("category") for file in root.iter("file")}
    assert sorted(name for name, kind in files.items() if kind == "sourceC") == c_sources(package)
    assert [name for name, kind in files.items() if kind == "header"] == [f"include/mce_{name}.h" for name in names]
    assert all((package / name).exists() for name in files)
    assert (package / root.findtext("license")).exists()


@pytest.mark.parametrize("packaging", PACKAGES)
def test_a_package_holds_its_bundle_and_is_written_over_by_the_next_one_alone(packaging, tmp_path):
    package = packed(packaging, NAMES[:1], tmp_path / "p")
    [bundle] = package.rglob("*.mce")
    assert verify(bundle, count=1).mismatches == 0
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    packed(packaging, NAMES[:1], package)
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before
    source = next((package / "src").glob("*.c"))
    source.write_text("int mine;\n")
    with pytest.raises(StorageError, match=source.name):
        packed(packaging, NAMES[:1], package)


def test_a_package_is_no_folder_to_verify(tmp_path):
    package = packed(Packaging.ARDUINO, NAMES[:1], tmp_path / "p")
    with pytest.raises(ExportError, match="is a package for arduino"):
        verify(package, count=1)


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
def test_cpp_takes_a_models_header(tmp_path):
    package = packed(Packaging.PLATFORMIO, NAMES, tmp_path / "p")
    text = "".join(f'#include "mce_{name}.h"\n' for name in NAMES) + "int main() { return 0; }\n"
    (tmp_path / "main.cpp").write_text(text)
    run(
        "clang",
        "-x",
        "c++",
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{package / 'src'}",
        "-fsyntax-only",
        tmp_path / "main.cpp",
    )
