"""Trainings that are killed (SIGKILL) at any moment, some of them again and again: what lies on the disk then is whole,
and the run that goes on from it ends with the bytes of one that nobody disturbed."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mixcomp_edge import prepare
from mixcomp_edge.cli import main
from mixcomp_edge.train.loop.checkpoint import MAGIC
from sdk.training import tasks_for_tests

KILLS = 100
CHECKPOINTS = ("corners.mce.float.ckpt", "corners.mce.ckpt")


def start(folder: Path) -> int:
    """`mixcomp-edge quantize` in a child, which spares it the imports."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            task = f"{tasks_for_tests.__file__}:corners"
            sys.argv = ["mixcomp-edge", "quantize", task, "-o", str(folder / "corners.mce")]
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def check_whole(folder: Path, bundle: bytes) -> str:
    """That each file is one that somebody finished, or hidden; how far the run had come."""
    for path in folder.iterdir():
        if path.name == "corners.mce":
            assert path.read_bytes() == bundle
        elif path.name.removesuffix(".before") in CHECKPOINTS:
            data, start_of_state = path.read_bytes(), len(MAGIC) + 32
            assert data[:start_of_state] == MAGIC + hashlib.sha256(data[start_of_state:]).digest(), path
        else:
            assert path.name.startswith("."), path
    found = [name for name in ("corners.mce", *reversed(CHECKPOINTS)) if (folder / name).exists()]
    return found[0] if found else "nothing yet"


@pytest.mark.long
def test_a_hundred_killed_trainings_leave_whole_files_and_end_with_the_same_bundle(tmp_path):
    whole, rng, kills, states = tmp_path / "whole", random.Random(0), 0, Counter[str]()
    whole.mkdir()
    task = tasks_for_tests.corners()
    prepare(task.model, task.calibration, name="corners")  # imports, here, what each child would import
    begun = time.monotonic()
    assert ended(start(whole)) == 0
    takes = time.monotonic() - begun
    bundle = (whole / "corners.mce").read_bytes()
    while kills < KILLS:
        folder = tmp_path / str(kills)
        folder.mkdir(exist_ok=True)
        while True:
            child = start(folder)
            time.sleep(rng.uniform(0, takes))
            os.kill(child, signal.SIGKILL)
            if ended(child) == 0:
                break
            kills += 1
            states[check_whole(folder, bundle)] += 1
            if rng.random() < 0.5:
                assert ended(start(folder)) == 0
                break
        assert (folder / "corners.mce").read_bytes() == bundle, kills
        assert [path.name for path in folder.iterdir()] == ["corners.mce"], kills
    print(f"{kills} kills, an undisturbed run takes {takes:.1f} s; furthest file then: {dict(states)}")
    assert {"nothing yet", *CHECKPOINTS} <= states.keys()
