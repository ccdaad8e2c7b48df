"""A file appears whole or not at all; what stands in its way is one error, and what is no file of ours stays."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mixcomp_edge.errors import StorageError
from mixcomp_edge.storage import check_file, check_sealed, sealed, sealed_page, write_file
from sdk.storage.killing import killed_at_every_step

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes, links and kills as POSIX has them")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_the_umask_leaves(mask, tmp_path):
    before = os.umask(mask)
    try:
        write_file(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == 0o666 & ~mask


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o755])
def test_a_replaced_file_keeps_its_mode(bits, tmp_path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(bits)
    write_file(tmp_path / "a", "new")
    assert (mode(tmp_path / "a"), (tmp_path / "a").read_text()) == (bits, "new")


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    for text in ("first", "second"):
        write_file(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "file").read_text() == text


def make(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "a"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to("a")
    elif kind == "no folder":
        path = tmp_path / "gone" / "a"
    elif kind == "file above":
        path.write_text("")
        path = path / "b"
    elif kind == "long":
        path = tmp_path / ("n" * 300)
    elif kind == "zero byte":
        path = tmp_path / "a\0b"
    elif kind == "here":
        path = Path(".")
    elif kind == "device":
        path = Path("/dev/null")
    elif kind == "read-only system":
        path = Path("/proc/mixcomp")
    return path


AWKWARD = [
    "folder",
    "pipe",
    "loop",
    "no folder",
    "file above",
    "long",
    "zero byte",
    "here",
    "device",
    "read-only system",
]


@pytest.mark.parametrize("kind", AWKWARD)
def test_what_cannot_be_a_file_is_told_before_the_work_and_left_alone(kind, tmp_path):
    path = make(tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    for call in (check_file, lambda path: write_file(path, b"x")):
        with pytest.raises(StorageError) as caught:
            call(path)
        assert "\n" not in str(caught.value)
        assert str(path)[:8] in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("protected", ["file", "folder"])
def test_what_is_write_protected_is_told_before_the_work(protected, tmp_path):
    path = tmp_path / "d" / "a"
    path.parent.mkdir()
    path.write_text("mine")
    (path if protected == "file" else path.parent).chmod(0o555)
    try:
        with pytest.raises(StorageError, match=r"write-protected|Permission denied"):
            check_file(path)
    finally:
        path.parent.chmod(0o755)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(failing, tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(StorageError, match="a: cannot write it \\(No space left on device\\)"):
        write_file(tmp_path / "a", "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "old")]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    steps = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *words, name=name, real=real: (steps.append(name), real(*words))[1])
    write_file(tmp_path / "a", "new")
    assert steps == ["fsync", "replace", "fsync"]  # the file, the rename, the folder


def test_killed_at_any_step_the_file_is_old_or_new_and_the_next_run_leaves_no_rest(tmp_path):
    path = tmp_path / "a"
    steps = 0

    def prepare():
        path.write_text("old")

    for _ in killed_at_every_step(prepare, lambda: write_file(path, "new" * 1000)):
        steps += 1
        assert path.read_text() in ("old", "new" * 1000)
        write_file(tmp_path / "another", "x")
        assert {p.name for p in tmp_path.iterdir()} == {"a", "another"}
    assert steps > 5


def test_what_a_living_process_is_writing_is_left_to_it(tmp_path):
    program = """
import os, sys, pathlib
from mixcomp_edge.storage import write_file
real = os.replace
def wait(*words):
    print("ready", flush=True)
    sys.stdin.readline()
    return real(*words)
os.replace = wait
write_file(pathlib.Path(sys.argv[1]) / "slow", "whole")
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        write_file(tmp_path / "quick", "x")
        process.communicate("\n")
    assert process.returncode == 0
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"slow": "whole", "quick": "x"}


def test_hidden_files_that_are_not_ours_stay(tmp_path):
    names = [".mixcomp-mine", ".mixcomp", ".bashrc", ".mixcomp-0123456789abcdef.txt"]
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".mixcomp-0123456789abcdef").symlink_to(".bashrc")
    write_file(tmp_path / "a", "x")
    assert len(list(tmp_path.iterdir())) == len(names) + 2


@pytest.mark.parametrize("ours", [sealed({"a": 1}), sealed_page("<p>1</p>\n").encode()])
def test_what_is_sealed_is_ours_until_a_byte_of_it_changes(ours, tmp_path):
    path = tmp_path / "report"
    check_sealed(path)
    path.write_bytes(ours)
    check_sealed(path)
    for changed in (ours.replace(b"1", b"2", 1), b"<p>1</p>\n", b"{}", b""):
        path.write_bytes(changed)
        with pytest.raises(StorageError, match="is not ours, or was changed since"):
            check_sealed(path)
        check_sealed(path, force=True)
