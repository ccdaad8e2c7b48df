"""One thing looked at. Every check is a function of what it looks at, so that a test can put a fake there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class Check:
    """`optional`: most work goes on without it, so that it makes nobody ill. `remedy` is for those who need it."""

    name: str
    ok: bool
    found: str
    needed_for: str
    remedy: str
    optional: bool = False


def package(name: str, needed_for: str, remedy: str, *, optional: bool = False) -> Check:
    """Whether a Python package is installed."""
    try:
        return Check(name, True, version(name), needed_for, remedy, optional)
    except PackageNotFoundError:
        return Check(name, False, "not installed", needed_for, remedy, optional)


def tool(name: str, find: Callable[[], str], needed_for: str, remedy: str, *, optional: bool = False) -> Check:
    """Whether `find` finds it; what it returns or raises is what was found."""
    try:
        return Check(name, True, find(), needed_for, remedy, optional)
    except Exception as error:  # whatever stands in the way is what the user wants to read
        return Check(name, False, (str(error) or type(error).__name__).splitlines()[0], needed_for, remedy, optional)
