"""Packages by the tools that they are for: Arduino's builder and PlatformIO build them for a Cortex-M4 that QEMU plays,
and their self-tests run there; what reads the manifests of the others takes these. Neither builder asks its registry:
tests/support/arduino and tests/support/platformio hold a platform for each."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mixcomp_edge import __version__
from mixcomp_edge.codegen.packaging import Packaging
from sdk.codegen import zoo
from sdk.codegen.test_packages import packed, run

SUPPORT = Path(__file__).parents[2] / "support"
NAME, PACKAGE = "dense", "mce_dense"
RIGHT = f"{NAME}: 0 of {zoo.graph(NAME).nodes[-1].nbytes} output bytes differ\n"


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def module(name: str) -> object:
    return pytest.importorskip(name, reason=f"{name} is missing: pip install 'mixcomp-edge[packages]'")


def on_qemu(elf: Path, *serial: str) -> str:
    words = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none", *serial]
    words += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_arduino_builds_the_library_and_its_sketch_says_on_serial_that_it_is_right(tmp_path):
    needs("arduino-builder", "arm-none-eabi-g++", "qemu-system-arm")
    package = packed(Packaging.ARDUINO, [NAME], tmp_path / "libraries" / PACKAGE)
    sketch = package / "examples" / f"selftest_{NAME}" / f"selftest_{NAME}.ino"
    (tmp_path / "b").mkdir()
    run(
        "arduino-builder", "-compile", "-hardware", SUPPORT / "arduino", "-tools", "/usr/bin", "-warnings", "all",
        "-libraries", tmp_path / "libraries", "-fqbn", "mixcomp:arm:an386", "-build-path", tmp_path / "b", sketch,
    )  # fmt: skip
    assert on_qemu(tmp_path / "b" / f"{sketch.name}.elf", "-serial", "stdio") == RIGHT


def test_platformio_builds_the_library_and_its_self_test_is_right(tmp_path):
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    module("platformio"), module("SCons")
    project, core = tmp_path / "project", tmp_path / "core"
    package = packed(Packaging.PLATFORMIO, [NAME], project / "lib" / PACKAGE)
    (project / "src").mkdir()
    shutil.copy(package / "examples" / f"selftest_{NAME}" / "main.c", project / "src")
    (project / "platformio.ini").write_text("[env:m4]\nplatform = mixcomp\nboard = an386\nlib_compat_mode = strict\n")
    shutil.copytree(SUPPORT / "platformio", core)
    scons = core / "packages" / "tool-scons"
    entry = {"name": "tool-scons", "version": wanted_scons()}
    (scons / "package.json").write_text(json.dumps({**entry, "description": "SCons, by pip"}))
    spec = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None, "uri": None}
    (scons / ".piopm").write_text(json.dumps({**entry, "type": "tool", "spec": spec}))
    quiet = {"PLATFORMIO_SETTING_ENABLE_TELEMETRY": "No", "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "9999"}
    done = subprocess.run(
        [sys.executable, "-m", "platformio", "run", "-d", str(project)],
        env={**os.environ, **quiet, "PLATFORMIO_CORE_DIR": str(core)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{PACKAGE} @ {__version__}" in done.stdout
    assert on_qemu(project / ".pio" / "build" / "m4" / "program.elf", "-serial", "none") == RIGHT


def wanted_scons() -> str:
    """The version that PlatformIO asks its registry for."""
    dependencies = importlib.import_module("platformio.dependencies").get_core_dependencies()
    return re.search(r"\d+\.\d+\.\d+", dependencies["tool-scons"])[0]


def test_kconfig_knows_the_option_of_a_zephyr_module_and_its_samples_set_it(tmp_path):
    kconfiglib = module("kconfiglib")
    package = packed(Packaging.ZEPHYR, [NAME], tmp_path / "module")
    found = kconfiglib.Kconfig(str(package / "zephyr" / "Kconfig"), warn_to_stderr=False)
    option = found.syms[PACKAGE.upper()]
    assert option.str_value == "n"
    found.load_config(str(package / "samples" / f"selftest_{NAME}" / "prj.conf"))
    assert option.str_value == "y"
    assert [text for text in found.warnings if "MAIN_STACK_SIZE" not in text] == []  # Zephyr's own


def test_zephyr_finds_what_its_module_names(tmp_path):
    yaml = module("yaml")
    package = packed(Packaging.ZEPHYR, [NAME], tmp_path / "module")
    described = yaml.safe_load((package / "zephyr" / "module.yml").read_text())
    assert set(described) <= {"name", "build", "samples"}
    assert (package / described["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (package / described["build"]["kconfig"]).is_file()
    [samples] = described["samples"]
    [sample] = (package / samples).glob("*/sample.yaml")
    [test] = yaml.safe_load(sample.read_text())["tests"].values()
    [pattern] = test["harness_config"]["regex"]
    assert re.search(pattern, RIGHT)
    assert not re.search(pattern, RIGHT.replace("0 of", "1 of"))


def test_espressifs_component_manager_takes_the_manifest(tmp_path):
    needs("compote")
    package = packed(Packaging.ESP_IDF, [NAME], tmp_path / PACKAGE)
    words = ["compote", "manifest", "lint"]
    assert subprocess.run(words, cwd=package, capture_output=True, check=False).returncode == 0
    manifest = package / "idf_component.yml"
    manifest.write_text(manifest.read_text().replace(__version__, "one"))
    assert subprocess.run(words, cwd=package, capture_output=True, check=False).returncode != 0


def test_a_cmsis_pack_follows_arms_schema(tmp_path):
    etree = module("lxml.etree")
    schema = Path(os.environ.get("MIXCOMP_DATA", "")) / "tools" / "PACK.xsd"
    if not schema.is_file():
        pytest.skip("MIXCOMP_DATA has no tools/PACK.xsd")
    package = packed(Packaging.CMSIS_PACK, [NAME], tmp_path / "pack")
    [file] = package.glob("*.pdsc")
    rules = etree.XMLSchema(etree.parse(str(schema)))
    rules.assertValid(etree.parse(str(file)))
    file.write_text(file.read_text().replace("<vendor>", "<seller>").replace("</vendor>", "</seller>"))
    assert not rules.validate(etree.parse(str(file)))
