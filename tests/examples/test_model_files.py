"""The commands on the pages of examples 04 and 05 do what the pages say."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("sklearn")
pytest.importorskip("PIL")
from mixcomp_edge.train.tasks.project import read_project
from mixcomp_edge.train.tasks.source import NOTHING

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGES = {"04_onnx_model": 95, "05_my_own_data": 85}  # the least accuracy in percent; 05 trains from nothing


def commands(page):
    """The indented lines of a page, less the installation."""
    lines = re.findall(r"^    (\S.*)$", (EXAMPLES / page / "README.md").read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines if not line.startswith("pip")]


def done(words, folder):
    program = {
        "python": [sys.executable],
        "mixcomp-edge": [sys.executable, "-c", "from mixcomp_edge.cli import main; main()"],
    }
    surroundings = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    result = subprocess.run(
        [*program[words[0]], *words[1:]], cwd=folder, capture_output=True, text=True, env=surroundings, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(page, tmp_path):
    for path in (EXAMPLES / page).iterdir():
        shutil.copy(path, tmp_path)
    outputs = {words[1]: done(words, tmp_path) for words in commands(page)}
    accuracy = float(re.search(r"accuracy ([\d.]+) %", outputs["predict"]).group(1))
    assert accuracy > PAGES[page]
    assert list(tmp_path.rglob("mce_*.h"))


def test_the_pages_project_file_is_the_one_that_lies_beside_it():
    folder = EXAMPLES / "05_my_own_data"
    text = (folder / "mixcomp.toml").read_text()
    assert f"```toml\n{text}```" in (folder / "README.md").read_text()
    model, source = read_project(folder / "mixcomp.toml", NOTHING)
    assert (model.name, source.data, source.metric) == ("model.onnx", folder / "photos", "f1")
