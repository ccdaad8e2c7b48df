"""A hundred broken and hostile model and data files: each ends in one clear sentence, nothing is written, nothing in
them is run, and memory stays below 2 GB. A few of each kind here, all in `poe long`."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")
pytest.importorskip("flatbuffers")
from mixcomp_edge.cli import application
from mixcomp_edge.errors import MixcompError
from support.hostile_files import CASES

LIMIT_S, LIMIT_KIB = 100, 2 << 20
KINDS = ("onnx", "tflite", "pt2", "model", "data", "folder", "toml")


def outcome(make, folder):
    """What `quantize` does with a case, in a process of its own: the kind of its end and the text, memory in KiB, and
    the files that are there beside the case's."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(LIMIT_S)
            os.chdir(folder)
            words = [str(word) for word in make(folder)]
            before, held = set(folder.rglob("*")), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                application()(["quantize", *words, "-o", str(folder / "out.mce")], standalone_mode=False)
                kind, text = "none", "it was taken"
            except MixcompError as error:
                kind, text = "for the user", str(error)
            except BaseException as error:
                kind, text = "a bug", f"{type(error).__name__}: {error}"
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
            left = [path.name for path in folder.rglob("*") if path not in before]
            os.write(writable, json.dumps([kind, text, used, left]).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return json.loads(data) if data else ["a crash", "or no end", 0, []]


@pytest.fixture(scope="module")
def verbs():
    import torch  # noqa: F401  imported once for all children

    import mixcomp_edge.frontend.onnx
    import mixcomp_edge.frontend.pt2
    import mixcomp_edge.frontend.tflite
    import mixcomp_edge.train.tasks.files  # noqa: F401

    application()


@pytest.mark.skipif(sys.platform == "win32", reason="needs os.fork")
@pytest.mark.parametrize(("every", "first"), [(18, 0), pytest.param(1, 0, marks=pytest.mark.long)])
def test_a_broken_file_ends_in_one_sentence_and_leaves_nothing(verbs, every, first):
    for name, make in list(CASES.items())[first::every]:
        with tempfile.TemporaryDirectory() as folder:
            found, text, used, left = outcome(make, Path(folder))
        assert found == "for the user", (name, text)
        assert text
        assert "\n" not in text, name
        assert all(c.isprintable() for c in text), name
        assert len(text) < 1000, name
        assert left == [], name
        assert used < LIMIT_KIB, name


def test_there_are_more_than_sixty():
    assert len(CASES) > 100
    assert {name.split("_")[0].split(".")[0] for name in CASES} == set(KINDS)
