"""The command in a process of its own that starts at once.

Importing torch takes seconds, and many tests start the command. So one process imports the large libraries, nothing of
ours, and forks for each call: what a call sees is what a fresh interpreter would show it, but for the seconds."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
LIBRARIES = ["numpy", "torch", "torch.export._trace", "sklearn.datasets", "jinja2", "rich.progress", "typer"]
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(LIBRARIES)


def mixcomp_edge(
    *words: object, timeout: float = 600, limits: dict[int, int] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `mixcomp-edge` with `words`, on a wide terminal that is none, in this folder and environment.

    `limits`: of the `resource` module, by their number. Raises TimeoutExpired after `timeout` seconds."""
    surroundings = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    arguments = ["mixcomp-edge", *map(str, words)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        files = [multiprocessing.reduction.DupFd(file.fileno()) for file in (out, err)]
        process = _server.Process(target=_call, args=(arguments, surroundings, os.getcwd(), files, limits or {}))
        process.start()
        process.join(timeout)
        late = process.is_alive()
        if late:
            process.kill()
            process.join()
        texts = [(file.seek(0), file.read().decode())[1] for file in (out, err)]
    if late:
        raise subprocess.TimeoutExpired(arguments, timeout, *texts)
    return subprocess.CompletedProcess(arguments, process.exitcode, *texts)


def _call(arguments: list[str], surroundings: dict[str, str], folder: str, files: list, limits: dict[int, int]) -> None:
    for number, file in enumerate(files, start=1):
        os.dup2(file.detach(), number)
    os.environ.clear()
    os.environ.update(surroundings)
    os.chdir(folder)
    sys.path[:] = ["", *(place for place in sys.path if place and not place.startswith(TESTS))]
    sys.argv = arguments
    for number, most in limits.items():
        resource.setrlimit(number, (most, most))
    from mixcomp_edge.cli import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()
