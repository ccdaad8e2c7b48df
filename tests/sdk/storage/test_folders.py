"""A folder is replaced whole or not at all; in it ours is what a digest says, and all else is the user's and stays."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mixcomp_edge.errors import StorageError
from mixcomp_edge.storage import check_folder, folders, write_folder
from sdk.storage.killing import killed_at_every_step

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes, links and kills as POSIX has them")

FIRST = {"README.md": b"first", "src/a.c": b"a", "src/old.c": b"old", "gone/x.h": b"x"}
SECOND = {"README.md": b"second", "src/a.c": b"a", "src/new.c": b"new"}
MINE = {"notes.txt": b"mine", "src/main.c": b"int main;", "build/CMakeCache.txt": b"cache", ".git/HEAD": b"ref"}


def digests(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch):
    """Both ways of replacing a folder; the second is that of systems without the first."""
    if request.param == "two renames":
        monkeypatch.setattr(folders, "exchange", lambda a, b: False)
    return request.param


@pytest.fixture
def c(tmp_path) -> Path:
    """A folder that we wrote, and into which the user has put files."""
    write_folder(tmp_path / "c", FIRST, {})
    put(tmp_path / "c", MINE)
    return tmp_path / "c"


def test_what_the_user_has_put_beside_ours_stays_and_what_is_no_longer_ours_goes(c, way):
    (c / "empty").mkdir()
    (c / "link").symlink_to("../elsewhere")
    inode = (c / ".git" / "HEAD").stat().st_ino
    assert write_folder(c, SECOND, digests(FIRST)) == ()
    assert contents(c) == SECOND | MINE
    assert (c / "empty").is_dir()
    assert os.readlink(c / "link") == "../elsewhere"
    assert (c / ".git" / "HEAD").stat().st_ino == inode
    assert not (c / "gone").exists()
    assert [p.name for p in c.parent.iterdir()] == ["c"]


def test_what_was_changed_since_is_refused_by_name_and_taken_by_force(c, way):
    (c / "src" / "old.c").write_text("edited")
    (c / "README.md").unlink()
    before = contents(c)
    for call in (lambda: check_folder(c, digests(FIRST)), lambda: write_folder(c, SECOND, digests(FIRST))):
        with pytest.raises(StorageError, match=r"changed since we wrote it: src/old\.c\. .*--force"):
            call()
        assert contents(c) == before
    check_folder(c, digests(FIRST), force=True)
    assert write_folder(c, SECOND, digests(FIRST), force=True) == ("src/old.c",)
    assert contents(c) == SECOND | MINE


def test_a_file_of_the_users_where_one_of_ours_would_lie_is_refused_and_taken_by_force(c, way):
    put(c, {"src/new.c": b"the user's new"})
    before = contents(c)
    with pytest.raises(StorageError, match=r"not ours, and in the way: src/new\.c\. .*--force"):
        write_folder(c, SECOND, digests(FIRST))
    assert contents(c) == before
    assert write_folder(c, SECOND, digests(FIRST), force=True) == ("src/new.c",)
    assert contents(c) == SECOND | MINE


def test_the_same_content_is_nobodys_loss_and_keeps_its_date(c):
    put(c, {"src/new.c": SECOND["src/new.c"]})
    os.utime(c / "src" / "a.c", (1e9, 1e9))
    write_folder(c, SECOND, digests(FIRST))
    assert (c / "src" / "a.c").stat().st_mtime == 1e9


def test_a_folder_in_which_nothing_is_ours_is_refused_unless_forced(tmp_path, way):
    put(tmp_path / "c", MINE | {"README.md": b"the user's"})
    for ours in ({}, digests({"README.md": b"no such content", "x": b""})):
        with pytest.raises(StorageError, match=r"not ours|changed since"):
            check_folder(tmp_path / "c", ours)
    assert write_folder(tmp_path / "c", SECOND, {}, force=True) == ("README.md",)
    assert contents(tmp_path / "c") == SECOND | MINE


def test_a_record_that_leads_out_of_the_folder_reaches_nothing(c):
    put(c.parent, {"outside": b"mine"})
    ours = digests(FIRST) | {"../outside": hashlib.sha256(b"mine").hexdigest()}
    ours |= {str(c.parent / "outside"): ours["../outside"]}
    write_folder(c, SECOND, ours)
    assert contents(c.parent)["outside"] == b"mine"


@pytest.mark.parametrize(
    "files",
    [
        {"build": b"a file where the user has a folder"},
        {"notes.txt/x": b"a folder where the user has a file"},
    ],
)
def test_a_folder_where_a_file_would_lie_is_refused_even_by_force(files, c):
    before = contents(c)
    with pytest.raises(StorageError, match=r"is a folder|is not a folder"):
        write_folder(c, files, digests(FIRST), force=True)
    assert contents(c) == before


def test_a_link_in_place_of_a_file_of_ours_counts_as_changed_and_what_it_leads_to_stays(c):
    put(c.parent, {"elsewhere": b"a"})
    (c / "src" / "a.c").unlink()
    (c / "src" / "a.c").symlink_to(c.parent / "elsewhere")
    with pytest.raises(StorageError, match=r"changed since we wrote it: src/a\.c"):
        write_folder(c, SECOND, digests(FIRST))
    write_folder(c, SECOND, digests(FIRST), force=True)
    assert (c.parent / "elsewhere").read_bytes() == b"a"
    assert contents(c) == SECOND | MINE


def test_a_link_to_a_folder_is_followed_and_stays(c, way):
    (c.parent / "link").symlink_to("c")
    write_folder(c.parent / "link", SECOND, digests(FIRST))
    assert (c.parent / "link").is_symlink()
    assert contents(c) == SECOND | MINE


def test_modes_of_folder_and_files_are_kept_and_new_ones_follow_the_umask(c, way):
    c.chmod(0o750)
    (c / "README.md").chmod(0o600)
    before = os.umask(0o027)
    try:
        write_folder(c, SECOND, digests(FIRST))
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((c / name).stat().st_mode) for name in (".", "README.md", "src/new.c")}
    assert modes == {".": 0o750, "README.md": 0o600, "src/new.c": 0o640}


@pytest.mark.parametrize("name", ["file", "file/c", "n" * 300, "a\0b", "loop", ".", "/", "/proc/mixcomp"])
def test_what_cannot_be_a_folder_is_told_before_the_work_and_left_alone(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    for call in (lambda: check_folder(Path(name), {}), lambda: write_folder(Path(name), SECOND, {}, force=True)):
        with pytest.raises(StorageError) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "loop"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("failing", ["write", "fsync", "rename", "link"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt(), MemoryError()]
)
def test_what_fails_on_the_way_leaves_the_old_folder_and_no_rest(failing, error, c, way, monkeypatch):
    before, real, calls = contents(c), getattr(os, failing), []

    def fail(*words, **named):
        calls.append(words)
        if len(calls) == 2:
            raise error
        return real(*words, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        try:
            write_folder(c, SECOND, digests(FIRST))
        except (StorageError, KeyboardInterrupt, MemoryError):
            assert contents(c) == before
        else:  # a link that fails becomes a copy; a folder that is exchanged needs one rename at most
            assert failing in ("link", "rename")
            assert contents(c) == SECOND | MINE
    assert [p.name for p in c.parent.iterdir()] == ["c"]


def test_without_hard_links_files_are_copied_and_nothing_is_lost(c, way, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    write_folder(c, SECOND, digests(FIRST))
    assert contents(c) == SECOND | MINE


def test_a_file_that_the_user_makes_or_saves_during_the_exchange_is_kept(c, way, monkeypatch):
    real = folders.write_journal

    def meanwhile(*words):
        real(*words)
        put(c, {"build/late.o": b"late"})
        (c / "notes.new").write_text("saved again")
        os.replace(c / "notes.new", c / "notes.txt")

    monkeypatch.setattr(folders, "write_journal", meanwhile)
    write_folder(c, SECOND, digests(FIRST))
    assert contents(c) == SECOND | MINE | {"build/late.o": b"late", "notes.txt": b"saved again"}


def test_killed_at_any_step_the_folder_is_old_or_new_and_the_next_run_leaves_no_rest(tmp_path, way):
    c, steps, missing = tmp_path / "c", 0, 0

    def prepare():
        shutil.rmtree(c, ignore_errors=True)
        write_folder(c, FIRST, {})
        put(c, MINE)

    for _ in killed_at_every_step(prepare, lambda: write_folder(c, SECOND, digests(FIRST))):
        steps += 1
        if not c.exists():  # between two renames
            missing += 1
            write_folder(tmp_path / "another", FIRST, {})
            shutil.rmtree(tmp_path / "another")
        found = contents(c)
        assert found in (FIRST | MINE, SECOND | MINE)
        write_folder(c, SECOND, digests(SECOND if found["README.md"] == b"second" else FIRST))
        assert contents(c) == SECOND | MINE
        assert [p.name for p in tmp_path.iterdir()] == ["c"]
    assert steps > 50
    assert missing == (1 if way == "two renames" else 0)


def test_a_hundred_kills_at_any_moment_leave_whole_folders(tmp_path):
    """By the clock, as it happens to users; one child writes one export's worth of files after the other."""
    program = """
import sys, pathlib
from mixcomp_edge.storage import write_folder
c = pathlib.Path(sys.argv[1]) / "c"
sizes = {f"src/{i}.c": 2000 for i in range(20)}
def files(n): return {name: bytes([n]) * size for name, size in sizes.items()}
import hashlib
def ours(): return {n: hashlib.sha256((c / n).read_bytes()).hexdigest() for n in sizes if (c / n).exists()}
print("go", flush=True)
for n in range(1, 200):
    write_folder(c, files(n % 250 + 1), ours())
"""
    put(tmp_path / "c", {"notes.txt": b"mine"})
    write_folder(tmp_path / "c", {"src/0.c": b""}, {}, force=True)
    for kill in range(100):
        command = [sys.executable, "-c", program, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "go\n"
            try:
                process.wait(timeout=0.003 * (kill % 30))
            except subprocess.TimeoutExpired:
                process.kill()
        found = contents(tmp_path / "c")
        assert found.pop("notes.txt") == b"mine"
        assert len({content[:1] for content in found.values()}) == 1, kill
        assert {len(content) for content in found.values()} <= {0, 2000}
    write_folder(tmp_path / "c", {}, digests(found))
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    assert contents(tmp_path) == {"c/notes.txt": b"mine"}


PROTECTED = """
import encodings.utf_8_sig, hashlib, os, pathlib, sys
from mixcomp_edge.storage import write_folder
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
place = pathlib.Path(sys.argv[1])
write_folder(place / "c", {"a": b"1"}, {})
(place / "c" / "kept").mkdir()
(place / "c" / "kept" / "x").write_text("mine")
(place / "c" / "kept").chmod(0o555)
write_folder(place / "c", {"a": b"2"}, {"a": hashlib.sha256(b"1").hexdigest()})
"""


def test_a_write_protected_folder_of_the_users_is_no_obstacle_and_stays_one(tmp_path):
    """In a process without root's rights, which no protection stops."""
    tmp_path.chmod(0o777)
    for path in tmp_path.parents if os.geteuid() == 0 else ():
        path.chmod(path.stat().st_mode | 0o001)  # to be passed through
    subprocess.run([sys.executable, "-c", PROTECTED, str(tmp_path)], check=True)
    assert contents(tmp_path / "c") == {"a": b"2", "kept/x": b"mine"}
    assert stat.S_IMODE((tmp_path / "c" / "kept").stat().st_mode) == 0o555
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    (tmp_path / "c" / "kept").chmod(0o755)


def test_a_folder_may_have_any_name_that_the_system_allows(tmp_path, way):
    for name in ("größe", "with blank", "n" * 255, os.fsdecode(b"\xff\xfe"), "new\nline", "-o", ".hidden"):
        for files in (FIRST, SECOND):
            write_folder(tmp_path / name, files, digests(FIRST))
        assert contents(tmp_path / name) == SECOND
    assert len(list(tmp_path.iterdir())) == 7
