"""Each verb on inputs that are no inputs, on folders with pieces missing, on disks that are full: exit code 2 and one
sentence, at once."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path

import pytest

from mixcomp_edge import cli, export
from mixcomp_edge.bundle import parse_bundle
from support.bundle_files import whole
from support.processes import mixcomp_edge

LIMIT_S = 10
MANIFEST = "mixcomp.json"


def refused(capsys, monkeypatch, *words: object) -> str:
    """What the command says on stderr, where it must end with 2, in one sentence and in time."""
    monkeypatch.setattr(sys, "argv", ["mixcomp-edge", *map(str, words)])
    start = time.process_time()  # another clock would fail on a busy machine
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().err.strip()
    assert end.value.code == 2, said
    assert time.process_time() - start < LIMIT_S
    assert "Traceback" not in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    return said


def spoil(path: Path, how: str) -> None:
    """Puts something that is no such file there."""
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    if how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    elif how == "loop":
        path.symlink_to(path)
    elif how == "6 GB":
        path.touch()
        os.truncate(path, 6 << 30)
    elif how == "zeros":
        path.write_bytes(bytes(1000))
    elif how == "nested":
        path.write_bytes(b'{"a":' + b"[" * 200_000)
    elif how != "missing":
        path.write_bytes(bytes(range(256)))


SPOILED = ["pipe", "folder", "loop", "6 GB", "zeros", "nested", "missing", "binary"]


@pytest.fixture
def project(tmp_path) -> Path:
    export(parse_bundle(whole()), "cortex-m4", tmp_path / "c")
    return tmp_path / "c"


@pytest.mark.parametrize("verb", ["verify", "simulate", "flash"])
def test_a_manifest_that_is_none(verb, project, capsys, monkeypatch):
    for how in SPOILED if verb == "verify" else ("pipe", "6 GB"):
        spoil(project / MANIFEST, how)
        assert MANIFEST in refused(capsys, monkeypatch, verb, project)


ODD_ENTRIES = {
    "models": [None, [], {}, 3, {"a\0b": {}}, {"\ud800": {}}, {"../x": {}}, {"x" * 300: {}}, {"x": 3}, {"x": {}}],
    "target": ["nowhere", "\0", 3, None, "x" * 5000],
    "board": ["nowhere", "../boards", 3, None],
    "sha256": [None, [], {"../../x": "0"}, {"src/x.c": 3}, {}],
    "profile": [3, None],
    "baud": ["fast", -1, 2**63, 0.5, None],
    "energy": ["yes", 3, None],
}


@pytest.mark.parametrize("key", ODD_ENTRIES)
def test_a_manifest_with_an_entry_that_cannot_be(key, project, capsys, monkeypatch):
    path = project / MANIFEST
    whole_one = json.loads(path.read_text())
    for value in ODD_ENTRIES[key]:
        more = {"board": "mps2-an386"} if key in ("baud", "energy", "profile") else {}
        path.write_text(json.dumps({**whole_one, **more, key: value}))
        said = refused(capsys, monkeypatch, "verify", project)
        assert str(project) in said or str(value) in said


@pytest.mark.parametrize("verb", ["verify", "simulate"])
@pytest.mark.parametrize(("what", "how"), [("src", "missing"), ("src", "a file"), ("src", "edited"), ("c", "edited")])
def test_a_folder_with_pieces_missing(verb, what, how, project, capsys, monkeypatch):
    path = project / "src" if what == "src" else next(iter(project.glob("src/mce_*.c")))
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if how != "missing":
        path.write_bytes(b"\0")
    words = [verb, project, *(["--edited"] if how == "edited" else [])]
    monkeypatch.setattr(sys, "argv", ["mixcomp-edge", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().err.strip()
    assert end.value.code == 2
    assert "Traceback" not in said
    assert said.startswith("error: ")


@pytest.mark.parametrize(
    "words",
    [
        ("export", "IT", "-o", "OUT"), ("verify", "IT"), ("simulate", "IT"),
        ("export", "GOOD", "-o", "OUT", "--like", "IT"),
        ("quantize", "digits", "--plan", "IT", "-o", "OUT"), ("quantize", "digits", "--recipe", "IT", "-o", "OUT"),
        ("run", "digits", "--plan", "IT", "-o", "OUT"), ("run", "digits", "--bundle", "IT", "-o", "OUT"),
    ],
)  # fmt: skip
def test_an_input_that_is_no_such_file(words, tmp_path, capsys, monkeypatch):
    (tmp_path / "good.mce").write_bytes(whole())
    names = {"IT": tmp_path / "it", "OUT": tmp_path / "out", "GOOD": tmp_path / "good.mce"}
    for how in SPOILED if words[0] == "export" else ("pipe", "6 GB", "folder"):
        spoil(tmp_path / "it", how)
        said = refused(capsys, monkeypatch, *(names.get(word, word) for word in words))
        assert str(tmp_path / "it") in said
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["verify", "simulate"])
def test_a_count_that_no_memory_holds(verb, tmp_path, capsys, monkeypatch):
    (tmp_path / "m.mce").write_bytes(whole())
    assert "1000000000" in refused(capsys, monkeypatch, verb, tmp_path / "m.mce", "--count", 1_000_000_000)


@pytest.mark.parametrize(
    "words", [("export", "M"), ("quantize", "digits"), ("analyze", "digits"), ("run", "digits"), ("sweep", "digits")]
)
@pytest.mark.parametrize("name", ["x" * 300, "y/" * 2500 + "z", "file/below"])
def test_an_output_that_no_file_can_have(words, name, tmp_path, capsys, monkeypatch):
    (tmp_path / "m.mce").write_bytes(whole())
    (tmp_path / "file").touch()
    words = [tmp_path / "m.mce" if word == "M" else word for word in words]
    refused(capsys, monkeypatch, *words, "-o", tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "m.mce"]


DISKS = {
    "export": ("export", "M", "-o", "OUT"),
    "simulate": ("simulate", "M", "--trace", "OUT"),
    "verify": ("verify", "M"),
    "quantize": ("quantize", "digits", "--epochs", "0", "-o", "OUT"),
    "run": ("run", "digits", "--epochs", "0", "-o", "OUT"),
}


@pytest.mark.parametrize("what", DISKS)
def test_a_disk_that_takes_no_more(what, tmp_path):
    """No file may grow beyond 300 bytes, as on a full disk."""
    (tmp_path / "m.mce").write_bytes(whole())
    names = {"M": str(tmp_path / "m.mce"), "OUT": str(tmp_path / "out")}
    words = [names.get(word, word) for word in DISKS[what]]
    full = {resource.RLIMIT_FSIZE: 300}
    done = mixcomp_edge(*words, timeout=120, limits=full, MIXCOMP_CACHE=str(tmp_path / "k"))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "error: " in done.stderr
    assert not (tmp_path / "out").is_file()
