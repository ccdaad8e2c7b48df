"""An object that was compiled before is taken again, and only where nothing that it is made of has changed."""

from __future__ import annotations

import pytest

from mixcomp_edge.build import cross, objects
from mixcomp_edge.build.cross import toolchain
from mixcomp_edge.errors import ToolchainError
from mixcomp_edge.targets import targets

M4 = "cortex-m4"


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Compiles a source that reads a header, in a folder of that name; returns the object and the calls to compile."""
    monkeypatch.setenv("MIXCOMP_CACHE", str(tmp_path / "cache"))
    try:
        chain = toolchain("gcc")
    except ToolchainError as error:
        pytest.skip(str(error))
    calls, run = [], cross._run
    monkeypatch.setattr(cross, "_run", lambda words: (calls.append(words), run(words))[1])

    def compile_in(name: str, value: int = 1, flags: tuple[str, ...] = ("-g",), target: str = M4) -> tuple[bytes, int]:
        folder = tmp_path / name
        for part in ("src", "include", "out"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "include" / "value.h").write_text(f"#define VALUE {value}\n")
        (folder / "src" / "a.c").write_text('#include "value.h"\nint f(void) { return VALUE; }\n')
        calls.clear()
        sources, include = [folder / "src" / "a.c"], [folder / "include"]
        (made,) = chain.compile(sources, include, targets()[target], folder / "out", flags)
        return made.read_bytes(), sum("-c" in words for words in calls)

    return compile_in


def test_another_folder_with_the_same_text_needs_no_compiler(compiled):
    first, compilations = compiled("here")
    assert compilations == 1
    assert compiled("there/below") == (first, 0)


@pytest.mark.parametrize("change", [{"value": 2}, {"flags": ("-g", "-O1")}, {"target": "cortex-m3"}])
def test_whatever_it_is_made_of_compiles_it_again_where_it_changes(compiled, change):
    first, _ = compiled("here")
    other, compilations = compiled("here", **change)
    assert compilations == 1
    assert other != first
    assert compiled("here") == (first, 0)


def test_a_damaged_one_is_made_again(compiled, tmp_path):
    first, _ = compiled("here")
    (stored,) = (tmp_path / "cache" / "objects").glob("*.o")
    stored.write_bytes(first[:-1])
    assert compiled("here") == (first, 1)
    assert compiled("here") == (first, 0)


def test_a_store_that_takes_nothing_costs_only_the_time(compiled, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(objects, "_store", full)
    first, _ = compiled("here")
    assert compiled("here") == (first, 1)


def test_the_oldest_go_when_there_are_too_many(compiled, tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "KEPT", 4)
    for value in range(9):
        compiled("here", value)
    assert len(list((tmp_path / "cache" / "objects").glob("*.o"))) <= 4
    assert compiled("here", 8)[1] == 0
