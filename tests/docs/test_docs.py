"""The pages are true: the site builds without a warning and its links hold; what README.md and docs/pages show as
commands, Python, TOML and C is what the command, the library and the compilers take; the tutorial runs as it stands."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer

from mixcomp_edge.cli import application
from mixcomp_edge.quant_plan import load_plan
from mixcomp_edge.train.recipe import load_recipe
from mixcomp_edge.train.tasks.project import read_project
from mixcomp_edge.train.tasks.source import NOTHING

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]
QEMU = "mps2-an386"


@pytest.fixture(scope="module")
def command():
    """The whole command, as the library that parses it has it."""
    return typer.main.get_command(application())


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """The words of each call of mixcomp-edge in an indented block or between backticks."""
    text = page.read_text()
    lines = [
        line
        for block in re.findall(r"^    (mixcomp-edge .*|.* && mixcomp-edge .*)$", text, re.MULTILINE)
        for line in block.split("&&")
    ]
    lines += re.findall(r"`(mixcomp-edge [^`]*)`", text)
    calls = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in calls if words[:1] == ["mixcomp-edge"]]


def stands_for_something(words: list[str]) -> bool:
    return any(word in ("VERB", "TASK", "DIR") for word in words)


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed: pip install -e '.[dev]'")
def test_the_site_builds_without_a_warning_and_its_links_hold(tmp_path):
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(ROOT / "docs" / "mkdocs.yml")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [*words, "-d", str(tmp_path / "site")], capture_output=True, text=True, env=quiet, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    texts = {path.parent.name: path.read_text() for path in (tmp_path / "site").rglob("index.html")}
    assert "generated:" not in "".join(texts.values())
    assert not re.search(r"(?:src|<link [^>]*href)=\"https?:", "".join(texts.values())), "nothing comes from elsewhere"
    for verb in ("run", "export", "verify"):
        assert f'<h2 id="{verb}">' in texts["command"]
    assert "<code>conv2d_transpose</code>" in texts["operators"]
    assert "<code>max_pool2d</code>" in texts["operators"]
    assert "mce_mynet_argmax" in texts["c"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_that_a_page_shows_has_its_verb_and_options(page, command):
    for words in commands(page):
        if stands_for_something(words):
            continue
        verb = command.commands[words[0]]
        verb.make_context(words[0], words[1:])  # raises where an option is unknown, lacks its value or an argument


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_that_a_page_shows_compiles_and_imports_what_there_is(page):
    for block in fenced(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), node.module


def test_the_metric_of_the_how_to_computes():
    [block] = fenced(ROOT / "docs" / "pages" / "how-to" / "data.md", "python")
    names: dict[str, object] = {}
    exec(block, names)
    assert names["metric"](np.array([1.0, 4.0]), np.array([2.0, 2.0])) == 1.5


def test_toml_that_a_page_shows_is_a_plan_a_recipe_or_a_project(tmp_path):
    path = tmp_path / "f.toml"
    blocks = [block for page in PAGES for block in fenced(page, "toml")]
    assert len(blocks) == 3
    for block in blocks:
        path.write_text(block)
        if block.startswith("model ="):
            assert read_project(path, NOTHING)[0] == tmp_path / "model.onnx"
        else:
            (load_plan if "[default]" in block else load_recipe)(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the tutorial is followed."""
    return tmp_path_factory.mktemp("tutorial")


@pytest.fixture(scope="module")
def followed(folder, command):
    """The calls of the tutorial, made one after the other: each one's words -> how it ended."""
    [task] = fenced(ROOT / "README.md", "python")
    (folder / "my_task.py").write_text(task)
    samples = np.random.default_rng(0).integers(0, 17, (5, 1, 8, 8)) / 16
    np.savez(folder / "samples.npz", x=samples.astype(np.float32), y=np.arange(5))
    before = Path.cwd()
    os.chdir(folder)
    ends = {}
    try:
        for words in commands(ROOT / "docs" / "pages" / "tutorial.md"):
            if f"qemu:{QEMU}" in words and shutil.which("qemu-system-arm") is None:
                continue
            if words[0] != "run":  # all of the others at once
                ends[" ".join(words)] = command.main(words, standalone_mode=False)
    finally:
        os.chdir(before)
    return ends


def test_the_tutorial_runs(folder, followed):
    verbs = [call.split()[0] for call in followed]
    assert verbs[:8] == ["check", "quantize", "export", "verify", "verify", "simulate", "report", "predict"]
    assert set(followed.values()) <= {None, 0}, followed
    assert (folder / "mynet.html").is_file()
    assert (folder / "mynet_fw" / "firmware" / "firmware.hex").is_file()


def test_the_first_page_shows_what_the_tutorial_runs_and_beside_it_what_needs_a_board():
    """CI runs its first two commands as they stand."""
    shown = [" ".join(words) for words in commands(ROOT / "README.md") if not stands_for_something(words)]
    ran = [" ".join(words) for words in commands(ROOT / "docs" / "pages" / "tutorial.md")]
    more = [call for call in shown if not any(other.startswith(call) for other in ran)]
    assert more == [
        "run digits -o digits_out",
        "export mynet.mce --board pico -o mynet_fw",
        "flash mynet_fw --port /dev/ttyACM0",
        "verify mynet_fw --on serial:/dev/ttyACM0",
        "doctor",
        "run model.onnx --data photos/ -o out",
        "targets",
    ]


def test_the_firmware_code_of_the_first_page_compiles_against_the_tutorials_header(folder, followed):
    [block] = fenced(ROOT / "README.md", "c")
    (folder / "digit.c").write_text(block)
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    words = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Imynet_c/include", "digit.c"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
