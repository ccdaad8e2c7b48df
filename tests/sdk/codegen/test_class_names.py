"""Names of classes go from the task into the bundle, and from there into predictions and the model's C."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from torch import nn

from mixcomp_edge import Bundle, export, quantize, save_bundle
from mixcomp_edge.bundle import parse_bundle
from mixcomp_edge.cli import main
from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.run import classes_found
from mixcomp_edge.train.tasks.files import _classes
from sdk.codegen import zoo
from sdk.training.tasks_for_tests import corners

AWKWARD = ("größe", 'say "no"', "back\\slash 1", "what??/", "7", "% s", "層")  # "branches" has seven outputs
READER = """#include "mce_branches.h"
#include <stdio.h>
int main(void)
{
    for (int i = -1; i <= MCE_BRANCHES_CLASSES; i++) { printf("%s\\n", mce_branches_class_name(i)); }
    return 0;
}
"""


def named(names: object) -> Bundle:
    return Bundle(zoo.graph("branches"), {"classes": names})


@pytest.mark.parametrize(("compiler", "standard"), [("gcc", "c99"), ("g++", "c++11")])
def test_c_and_cpp_read_every_name(compiler, standard, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    export(named(list(AWKWARD)), "generic", tmp_path / "c")
    source = tmp_path / f"main.{standard[:1]}{'pp' if '+' in standard else ''}"
    source.write_text(READER)
    words = [compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wtrigraphs", "-Werror", f"-I{tmp_path}/c/include"]
    subprocess.run([*words, str(source), "-o", str(tmp_path / "main")], check=True)
    said = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout.decode()
    assert said.split("\n") == ["", *AWKWARD, "", ""]
    assert f"is the name of class i: {AWKWARD[0]}, " in (tmp_path / "c" / "README.md").read_text()


def test_names_that_nobody_asks_for_cost_nothing(tmp_path):
    objects = []
    for folder, bundle in (("with", named(list(AWKWARD))), ("without", Bundle(zoo.graph("branches")))):
        export(bundle, "generic", tmp_path / folder)
        words = ["gcc", "-std=c99", "-O2", f"-I{tmp_path / folder}/include", "-c"]
        if shutil.which("gcc") is None:
            pytest.skip("gcc is not installed")
        subprocess.run([*words, "src/mce_branches.c", "-o", "m.o"], cwd=tmp_path / folder, check=True)
        objects.append((tmp_path / folder / "m.o").read_bytes())
    assert objects[0] == objects[1]
    assert "class_name" not in (tmp_path / "without" / "include" / "mce_branches.h").read_text()


@pytest.mark.parametrize(
    "names",
    [None, "abcdefg", ["a"] * 7, list("abc"), *([*"abcdef", last] for last in (7, "", "g\n", "g" * 81))],
    ids=["none", "text", "alike", "few", "a number", "empty", "two lines", "long"],
)
def test_what_a_file_says_that_are_no_names_is_left_out(names):
    assert parse_bundle(named(names).to_bytes()).classes == ()


def test_a_tasks_names_are_in_its_bundle_and_in_predictions(tmp_path, monkeypatch, capsys):
    names = ("left", "right", "top")
    task = corners(classes=names, float_recipe=None, recipe=corners().recipe.with_(epochs=0))
    quantized = quantize(task)
    bundle, found = quantized.bundle, classes_found(task, quantized)
    assert bundle.classes == names
    guess = bundle.predict(task.test.x).argmax(1)
    assert [entry["class"] for entry in found["classes"]] == list(names)
    assert found["confusion"] == [[int(np.sum((task.test.y == i) & (guess == j))) for j in range(3)] for i in range(3)]
    save_bundle(bundle, tmp_path / "m.mce")
    np.savez(tmp_path / "d.npz", x=task.test.x, y=task.test.y)
    words = ["mixcomp-edge", "predict", str(tmp_path / "m.mce"), "--data", str(tmp_path / "d.npz"), "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        main()
    record = json.loads(capsys.readouterr().out)
    assert tuple(entry["class"] for entry in record["scores"]["classes"]) == names


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        (("a", "b"), "classes are 2 names, and the model has 3 classes"),
        (("a", "b", "b"), "expected different names"),
        ("abc", "expected different names|are 1 names"),
        ((1, 2, 3), "expected different names"),
    ],
)
def test_names_that_do_not_fit_the_model_are_told(classes, why):
    with pytest.raises(TaskError, match=f"task corners: .*({why})"):
        corners(classes=classes)


def test_samples_name_the_classes_where_the_model_has_an_output_for_each():
    x = np.zeros((2, 4), np.float32)
    assert _classes(("cat", "dog"), nn.Linear(4, 2).eval(), x) == ("cat", "dog")
    assert _classes(("cat", "dog"), nn.Linear(4, 10).eval(), x) == ()
    assert _classes((), nn.Linear(4, 2).eval(), x) == ()
