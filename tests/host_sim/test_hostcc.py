"""The host compiler is found or its absence explained; what it builds can be loaded, by many processes at once."""

import ctypes
import importlib.util
import os
import stat
import subprocess
import sys

import pytest

from mixcomp_sim import BuildError, build_shared, host_compiler
from mixcomp_sim.native import library_path

ANSWER = "int answer(int x) { return 6 * x; }\n"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "answer.c"
    path.write_text(ANSWER)
    return path


def test_a_shared_library_answers(source, tmp_path):
    library = build_shared([source], tmp_path / "answer.so", ["-O2"])
    assert ctypes.CDLL(str(library)).answer(7) == 42


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")
def test_zig_builds_shared_libraries_too(source, tmp_path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    compiler = host_compiler()
    assert compiler == [sys.executable, "-m", "ziglang", "cc"]
    library = build_shared([source], tmp_path / "answer.so", ["-O2"], compiler)
    assert ctypes.CDLL(str(library)).answer(7) == 42


def test_cc_is_obeyed(monkeypatch):
    monkeypatch.setenv("CC", f'"{sys.executable}" -c')
    assert host_compiler() == [sys.executable, "-c"]
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(BuildError, match="no program 'no-such-compiler'"):
        host_compiler()


def test_without_any_compiler_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BuildError, match="pip install ziglang"):
        host_compiler()


def test_a_compile_error_carries_the_compilers_words(source, tmp_path):
    source.write_text("int answer( { }\n")
    with pytest.raises(BuildError, match=r"status \d+[\s\S]*answer\.c[\s\S]*error"):
        build_shared([source], tmp_path / "answer.so", [])
    assert [path.name for path in tmp_path.iterdir()] == ["answer.c"]


def test_many_processes_may_build_the_counter_at_once(tmp_path):
    script = "import ctypes; from mixcomp_sim.native import library_path; print(bool(ctypes.CDLL(str(library_path()))))"
    environment = {**os.environ, "MIXCOMP_CACHE": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["True"] * 4
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unwritable_cache_is_replaced_by_a_temporary_one(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("MIXCOMP_CACHE", str(blocked / "cache"))
    assert library_path().exists()


def test_a_truncated_library_in_the_cache_is_built_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXCOMP_CACHE", str(tmp_path))
    first = library_path()
    whole = first.read_bytes()
    for damage in (whole[:100], whole[:-1], b"", whole[:-1] + bytes([whole[-1] ^ 1]), b"\x7fELF" * 999):
        first.write_bytes(damage)
        again = library_path()
        assert again.read_bytes() == whole
        assert [path.suffix for path in again.parent.iterdir()] == [".so"]


def test_the_folder_of_libraries_is_ours_alone(tmp_path, monkeypatch):
    """In a cache that everybody may write into, what others put beside or inside is not loaded."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("MIXCOMP_CACHE", str(shared))
    ours = library_path()
    assert ours.parent == shared / "native"
    assert stat.S_IMODE(ours.parent.stat().st_mode) == 0o700
    ours.parent.chmod(0o777)
    assert library_path() == ours
    assert stat.S_IMODE(ours.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("what", ["another owner", "link", "file", "pipe", "parent without sticky bit"])
def test_a_folder_that_may_be_anybodys_is_left_aside(what, tmp_path, monkeypatch):
    shared, elsewhere = tmp_path / "shared", tmp_path / "elsewhere"
    shared.mkdir()
    elsewhere.mkdir()
    native = shared / "native"
    monkeypatch.setenv("MIXCOMP_CACHE", str(shared))
    if what == "another owner":
        native.mkdir()
        monkeypatch.setattr(os, "geteuid", lambda: native.stat().st_uid + 1)
    elif what == "link":
        native.symlink_to(elsewhere)
    elif what == "file":
        native.touch()
    elif what == "pipe":
        os.mkfifo(native)
    else:
        shared.chmod(0o777)
    library = library_path()
    assert library.exists()
    assert tmp_path not in library.parents
    assert not any(elsewhere.iterdir())


def test_a_pipe_under_a_librarys_name_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXCOMP_CACHE", str(tmp_path))
    library = library_path()
    library.unlink()
    os.mkfifo(library)
    assert library_path().is_file()
