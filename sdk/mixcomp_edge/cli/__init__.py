"""The command `mixcomp-edge`: one file a verb, each a thin layer over a library call."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Annotated

import typer

from mixcomp_edge import __version__
from mixcomp_edge.cli.common import console, print_json
from mixcomp_edge.errors import MissingSimulatorError, MissingTorchError, MixcompError

_app = typer.Typer(
    name="mixcomp-edge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"mixcomp-edge {__version__}")
        raise typer.Exit


@_app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """4-bit neural networks for microcontrollers: PyTorch in, C for Cortex-M out, equal to the bit.

    The usual way: **run** does everything once. Or step by step: **check** what a model lacks, **analyze** a task
    for a mixed plan, **quantize** it
    to a bundle, **export** the bundle as C, **verify** that the C computes what Python computed, **simulate** what
    it costs. Each of these ends by naming the next."""


# A full or read-only disk, too long a name, no rights: not a bug, wherever it shows.
OF_THE_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR,
    errno.EISDIR, errno.ELOOP, errno.EIO, errno.EMFILE, errno.ENFILE,
}  # fmt: skip
INTERRUPTED, TERMINATED = 130, 143  # 128 + SIGINT, + SIGTERM, as shells have it


VERBS = (
    "run", "check", "analyze", "quantize", "sweep", "export", "flash", "verify", "predict", "simulate", "report",
    "bench", "mac", "targets", "boards", "doctor",
)  # fmt: skip


@cache
def application() -> typer.Typer:
    """With all verbs, whose modules are only now imported."""
    for verb in VERBS:
        import_module(f"mixcomp_edge.cli.{verb}").register(_app)
    return _app


@cache
def _command() -> Callable[[], None]:
    """The application as what parses and calls; typer would make it anew for each call."""
    return typer.main.get_command(application())


def main() -> None:
    """Entry point. Exit code 0: done; 1: a check failed; 2: an error, which is named; 130, 143: broken off."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else torch's threads spin when another process wants a core
    signal.signal(signal.SIGTERM, _terminate)
    command = _command()
    try:
        command()
    except KeyboardInterrupt:
        console.print("interrupted")
        sys.exit(INTERRUPTED)
    except SystemExit as end:  # what typer makes of Ctrl-C within a verb
        if end.code == INTERRUPTED:
            console.print("interrupted")
        raise
    except Exception as error:
        error = _named(error)
        if not _is_for_the_user(error):
            raise
        if "--json" in sys.argv:
            print_json({"error": _message(error)})
        console.print(f"[bold red]error:[/] {_plain(_message(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


def _terminate(number: int, frame: FrameType | None) -> None:
    """What a verb has started and half written goes with it, as at Ctrl-C; a machine of QEMU would outlive us."""
    sys.exit(TERMINATED)


def _named(error: Exception) -> Exception:
    """The error itself, or, of a package that is an extra, what to install."""
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = error.name.partition(".")[0]
        if package == "torch":
            return MissingTorchError()
        if package in MissingSimulatorError.PACKAGES:
            return MissingSimulatorError(package)
    return error


def _is_for_the_user(error: Exception) -> bool:
    """Whether the message is meant for the user; anything else is a bug and keeps its traceback."""
    if isinstance(error, OSError):
        return error.errno in OF_THE_MACHINE
    return isinstance(error, MixcompError) or type(error).__name__ in ("EmulatorError", "BuildError", "MacError")


def _message(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    place = error.filename or tempfile.gettempdir()
    return f"{place}: {error.strerror}. Make room, or name another place."


def _plain(message: str) -> str:
    """The message with what a terminal might act on escaped: names in a hostile file are the file's choice."""
    from rich.markup import escape

    text = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in message)
    return escape(text)
