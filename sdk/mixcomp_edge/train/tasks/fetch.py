"""A data set from its own public address. Nothing is visible under its final name before the published hash has been
checked; an interrupted or refused download leaves no file behind."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from mixcomp_edge.errors import TaskError

CHUNK_BYTES = 1 << 18
TIMEOUT_S = 30.0  # without a single byte
MEMBER_BYTES = 1 << 26  # at most, of a member whose size is not known

Listener = Callable[[int, int | None], None]  # bytes so far, bytes in all if known


@dataclass(frozen=True)
class Source:
    """One file. `members`: if it is a tar or zip archive, what to take out of it, and each one's size in bytes, where
    it is known."""

    url: str
    digest: str = ""  # MD5 or SHA-256 in hexadecimal digits, as published; empty where nobody publishes one
    members: tuple[tuple[str, int | None], ...] = ()

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


class DataMissing(TaskError):
    """The data are nowhere on this machine and cannot be downloaded."""


def fetch(sources: tuple[Source, ...], folder: Path, listener: Listener | None = None) -> None:
    """Puts the files, or the members of the archives, into the folder under their own names.

    MIXCOMP_OFFLINE=1 forbids it. Without a listener a progress bar goes to stderr."""
    names = ", ".join(source.url for source in sources)
    if os.environ.get("MIXCOMP_OFFLINE", "0") not in ("", "0"):
        raise DataMissing(f"downloads are off (MIXCOMP_OFFLINE). To get the data by hand: {names}, into {folder}.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
            files: list[Path] = []
            for source in sources:
                path = Path(part) / source.name
                download(source, path, listener)
                files += _extract(source, path) if source.members else [path]
            folder.mkdir(exist_ok=True)
            for file in files:
                os.replace(file, folder / file.name)
    except OSError as error:
        raise DataMissing(f"{folder}: cannot write ({error}). Set XDG_CACHE_HOME to a folder that you own.") from error


def download(source: Source, path: Path, listener: Listener | None = None) -> None:
    """Streams source.url to path and checks its published digest."""
    algorithm = "sha256" if len(source.digest) == 64 else "md5"
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with ExitStack() as stack:
        try:
            response = stack.enter_context(urllib.request.urlopen(source.url, timeout=TIMEOUT_S))
            length = response.headers.get("Content-Length")
            total = int(length) if length else None
            report = listener or stack.enter_context(_bar(source.name))
            done, file = 0, stack.enter_context(path.open("wb"))
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                report(done, total)
        except (OSError, HTTPException, ValueError) as error:
            path.unlink(missing_ok=True)
            raise DataMissing(
                f"{source.url}: the download failed ({error}). Check the network, or get the file by other means."
            ) from error
    if source.digest and digest.hexdigest() != source.digest:
        path.unlink()
        raise TaskError(
            f"{source.url}: got {done} bytes with {algorithm} {digest.hexdigest()}, but {source.digest} is published. "
            "The transfer was cut or the file is not the data set; nothing was kept. Try again."
        )


def _extract(source: Source, archive: Path) -> list[Path]:
    """The expected members only, each a file of its expected size, beside the archive: its paths pick no folder."""
    files = []
    try:
        with ExitStack() as stack:
            read = _reader(archive, stack)
            for member, size_bytes in source.members:
                content = read(member, (MEMBER_BYTES if size_bytes is None else size_bytes) + 1)
                if size_bytes is not None and len(content) != size_bytes:
                    raise KeyError(f"{member} does not have {size_bytes} bytes")
                if len(content) > MEMBER_BYTES:
                    raise KeyError(f"{member} has more than {MEMBER_BYTES} bytes")
                path = archive.parent / member.rpartition("/")[2]
                path.write_bytes(content)
                files.append(path)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, KeyError, EOFError) as error:
        raise TaskError(f"{source.url}: not the expected archive ({error}). Nothing was kept.") from error
    return files


def _reader(archive: Path, stack: ExitStack) -> Callable[[str, int], bytes]:
    """A function (member, limit) -> at most `limit` of its first bytes. KeyError where there is no such file."""
    packed = zipfile.ZipFile(archive) if zipfile.is_zipfile(archive) else tarfile.open(archive)  # noqa: SIM115
    stack.enter_context(packed)

    def read(member: str, limit: int) -> bytes:
        stream = packed.open(member) if isinstance(packed, zipfile.ZipFile) else packed.extractfile(member)
        if stream is None:
            raise KeyError(f"{member} is not a file")
        with stream:
            return stream.read(limit)

    return read


@contextmanager
def _bar(name: str) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"download {name}", total=None)

        def report(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield report
