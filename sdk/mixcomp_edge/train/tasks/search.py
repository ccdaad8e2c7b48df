"""Where data sets and weights lie: $MIXCOMP_DATA, then the cache, which is $XDG_CACHE_HOME/mixcomp-edge, or
~/.cache/mixcomp-edge. What is in neither is downloaded into the cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from mixcomp_edge.errors import TaskError
from mixcomp_edge.train.tasks.fetch import DataMissing, Listener, Source, fetch

T = TypeVar("T")


@dataclass(frozen=True)
class Layout(Generic[T]):
    """One way in which a data set may lie in a folder. It counts when all of its files are there."""

    folder: str
    files: tuple[str, ...]
    read: Callable[[Path], T]  # given the folder

    def missing(self, root: Path) -> Path | None:
        """The first file that is not there."""
        paths = (root / self.folder / name for name in self.files)
        return next((path for path in paths if not path.is_file()), None)


def cache() -> Path:
    """Folder of downloads; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "mixcomp-edge"


def roots() -> list[Path]:
    """Folders that may hold data and weights, the first before the others."""
    user = os.environ.get("MIXCOMP_DATA", "")
    return [*([Path(user).expanduser()] if user else []), cache()]


def find(
    name: str,
    layouts: tuple[Layout[T], ...],
    fetched: Layout[T],
    sources: tuple[Source, ...],
    listener: Listener | None = None,
) -> T:
    """The data set in the first layout found, else the authors' own files in the layout `fetched`. A damaged file is an
    error, not a reason to look further."""
    missing = []
    for root in roots():
        if not root.is_dir() and root != cache():
            raise TaskError(f"MIXCOMP_DATA is {root}, which is not a folder. Correct it or unset it.")
        for layout in layouts:
            path = layout.missing(root)
            if path is None:
                return layout.read(root / layout.folder)
            missing.append(str(path))
    try:
        fetch(sources, cache() / fetched.folder, listener)
    except DataMissing as error:
        raise DataMissing(
            f"{name}: not on this machine. Missing in each layout that counts: {', '.join(missing)}. Put the files of "
            f"one there, or set MIXCOMP_DATA to the folder that has them. {error}"
        ) from error
    return fetched.read(cache() / fetched.folder)
