"""The names that `mixcomp_edge` offers are what it says, in whatever order they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
        "import mixcomp_edge.train.loop, mixcomp_edge.simulation, mixcomp_edge.cli\n"
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
