"""The names that `mixcomp_edge` offers are what it says, in whatever order they are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mixcomp_edge import Recipe

FUNCTIONS = [
    "prepare", "fit", "quantize", "convert", "load_task",
    "load_bundle", "save_bundle", "export", "simulate", "verify",
]  # fmt: skip


def python(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_name_is_a_function_the_first_time_and_ever_after(name):
    python(
        f"import mixcomp_edge\nfor _ in 'abc':\n"
        f"    from mixcomp_edge import {name}\n    assert callable({name}), {name}\n"
        f"    assert callable(mixcomp_edge.{name})\n"
    )


def test_the_names_do_not_depend_on_what_was_imported_before():
    python(
        "import mixcomp_edge.train.loop.fit, mixcomp_edge.simulation, mixcomp_edge.cli\n"
        "from mixcomp_edge import *\n"
        f"for function in ({', '.join(FUNCTIONS)}):\n    assert callable(function), function\n"
    )


def test_every_name_of_all_exists():
    python("import mixcomp_edge\nfor name in mixcomp_edge.__all__: getattr(mixcomp_edge, name)")


def test_an_unknown_name_is_an_attribute_error():
    python(
        "import mixcomp_edge\ntry:\n    mixcomp_edge.nonsense\n"
        "except AttributeError as error:\n    assert 'nonsense' in str(error)\nelse:\n    raise SystemExit(1)\n"
    )


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_may_be_text(kind, tiny_bundle, tmp_path):
    from mixcomp_edge import export, load_bundle, save_bundle, simulate, verify
    from mixcomp_edge.quant_plan import load_plan

    file, folder, plan = (kind(tmp_path / name) for name in ("m.mce", "c", "p.toml"))
    Path(plan).write_text("[default]\nact_bits = 8\n")
    save_bundle(tiny_bundle, file)
    assert load_bundle(file).sha256 == tiny_bundle.sha256
    export(tiny_bundle, "cortex-m3", folder)
    assert verify(folder, count=2).mismatches == verify(file, count=2).mismatches == 0
    assert simulate(folder).bit_exact
    assert load_plan(plan).default.act_bits == 8


@pytest.mark.parametrize("kind", [str, Path])
def test_a_whole_run_may_be_named_by_text(kind, tmp_path):
    from mixcomp_edge import load_bundle, quantize
    from mixcomp_edge.train.quantize import delete_checkpoints
    from mixcomp_edge.train.run import run_task
    from sdk.training.tasks_for_tests import corners

    short = {key: Recipe(epochs=1) for key in ("recipe", "float_recipe")}
    result = quantize(corners(**short), checkpoint=kind(tmp_path / "c.mce"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.mce.ckpt", "c.mce.float.ckpt"]
    delete_checkpoints(kind(tmp_path / "c.mce"))
    assert not list(tmp_path.iterdir())
    assert run_task(corners(**short), kind(tmp_path / "out"), emulated_inputs=2).exact
    assert load_bundle(tmp_path / "out" / "corners.mce").sha256 == result.bundle.sha256
