"""A child process that is killed (SIGKILL) before its n-th change of the disk, for every n."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count

CHANGES = ("open", "write", "fsync", "mkdir", "link", "rename", "replace", "unlink", "rmdir", "utime", "symlink")


def killed_at_every_step(prepare: Callable[[], object], work: Callable[[], object]) -> Iterator[int]:
    """Runs `prepare` here and `work` in a child, and yields the step after each kill; ends when nothing stopped it."""
    for step in count(1):
        prepare()
        if _ends(work, step):
            return
        yield step


def _ends(work: Callable[[], object], step: int) -> bool:
    child = os.fork()
    if child == 0:
        try:
            _die_at(step)
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def _die_at(step: int) -> None:
    steps = 0

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*words: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*words, **named)

        return call

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
