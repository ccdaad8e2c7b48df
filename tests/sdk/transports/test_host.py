"""C from somebody else: what export did not write is not compiled, and what is compiled after a clear word runs in a
process of its own, where a crash, a loop or endless memory is a named result."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from mixcomp_edge import export, verify
from mixcomp_edge.codegen.project import read_project
from mixcomp_edge.errors import ExportError, MixcompError
from mixcomp_edge.ir import interp
from mixcomp_edge.numerics.packing import pack_elements
from mixcomp_edge.transports.host import HostProgram
from mixcomp_edge.verification import make_inputs

SOURCE = "src/mce_tiny.c"


@pytest.fixture
def project(tiny_bundle, tmp_path) -> Path:
    export(tiny_bundle, "generic", tmp_path / "c")
    return tmp_path / "c"


def insert(project: Path, statements: str, before: str = "    return MCE_OK;") -> None:
    """Puts C into the model's function, before it returns."""
    path = project / SOURCE
    text = path.read_text()
    assert before in text
    path.write_text(
        "#include <stdio.h>\n#include <stdlib.h>\n" + text.replace(before, f"    {statements}\n{before}", 1)
    )


EXTRA = {
    "a source": ("src/evil.c", "__attribute__((constructor)) static void evil(void) { __builtin_trap(); }\n"),
    "a header that shadows the system's": ("include/stdint.h", "#error shadowed\n"),
    "a header beside ours": ("include/mixcomp/more.h", "\n"),
    "a source in a folder": ("src/more/evil.c", "\n"),
    "a source of the board": ("board/evil.c", "\n"),
}


@pytest.mark.parametrize("what", EXTRA)
@pytest.mark.parametrize("on", ["host", "emulator"])
def test_a_file_that_is_not_of_the_export_is_refused_by_name(what, on, project):
    name, text = EXTRA[what]
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text(text)
    with pytest.raises(ExportError, match=f"not of the export, but would be compiled with it: {name}.*--edited"):
        verify(project, on=on, count=1)


@pytest.mark.parametrize("what", ["edited", "gone", "pipe", "folder", "link elsewhere"])
def test_a_file_that_is_not_as_exported_is_refused_by_name(what, project, tmp_path):
    path = project / SOURCE
    text = path.read_text()
    path.unlink()
    if what == "edited":
        path.write_text(text + "/* */\n")
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "link elsewhere":
        (tmp_path / "other.c").write_text("int x;\n")
        path.symlink_to(tmp_path / "other.c")
    with pytest.raises(ExportError, match=SOURCE):
        verify(project, count=1)


def test_a_folder_linked_into_the_headers_is_refused(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (project / "include" / "bits").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExportError, match="include/bits"):
        verify(project, count=1)


def test_notes_beside_the_c_are_nobodys_business(project):
    (project / "notes.txt").write_text("mine\n")
    (project / "README.md").write_text("mine\n")
    assert verify(project, count=1).mismatches == 0


WRONG = {
    "segfault": ("*(volatile int *)8 = 1;", r"crashed \(SIGSEGV\)"),
    "abort": ("abort();", r"crashed \(SIGABRT\)"),
    "division by zero": ("volatile int n = 7; n = n / (n - 7);", r"crashed \(SIGFPE\)"),
    "exit 0": ("exit(0);", "ended by itself with code 0"),
    "exit 1": ("exit(1);", "ended by itself with code 1"),
    "endless loop": ("for (volatile int i = 0;; i = 0) { }", "did not end within 5 s"),
    "sleep": ("for (;;) { getchar(); }", "did not end within 5 s"),
    "status": ("return MCE_ERR_ALIGN;", "returned status"),
    "memory without end": (
        "for (;;) { volatile char *p = malloc(1 << 24); for (int i = 0; i < 1 << 24; i += 512) { p[i] = 1; } }",
        r"crashed \(SIGSEGV\)",
    ),
    "stack without end": (
        "volatile char big[1 << 26]; for (int i = 0; i < 1 << 26; i++) { big[i] = 1; }",
        r"crashed \(SIGSEGV\)",
    ),
    "a flood of output": ('for (;;) { puts("flood"); }', "ran layer|did not end|returned"),
    "words on stdout": ('puts("hello");', "ran layer"),
    "a file": (
        'FILE *f = fopen("made", "w"); fputs("x", f); if (fclose(f)) { abort(); }',
        r"crashed \(SIG(XFSZ|ABRT)\)",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_edited_c_does_wrong_is_named(what, project):
    statements, message = WRONG[what]
    insert(project, statements)
    start = time.monotonic()
    with pytest.raises(MixcompError, match=message):
        verify(project, count=2, edited=True)
    assert time.monotonic() - start < 30


def test_a_constructor_that_loops_is_named(project):
    (project / "src" / "evil.c").write_text("__attribute__((constructor)) static void e(void) { for (;;) { } }\n")
    with pytest.raises(ExportError, match="did not end within"):
        verify(project, count=1, edited=True)


def test_a_batch_on_several_processes_equals_the_interpreter(project):
    _, layout = read_project(project)
    (x,) = make_inputs(layout.graph, 67)
    packed = np.array([np.frombuffer(pack_elements(sample, layout.graph.nodes[0].type.bits), np.uint8) for sample in x])
    output = layout.graph[layout.graph.output]
    wanted = [pack_elements(y, output.type.bits) for y in interp.run(layout.graph, x)]
    program, told = HostProgram(project, layout), []
    try:
        got = program.infer_batch(packed, lambda done, of: told.append((done, of)))
    finally:
        program.close()
    assert [y.tobytes() for y in got] == wanted
    assert told == sorted(told)
    assert told[-1] == (67, 67)
    assert not program.folder.exists()


def test_a_count_beyond_memory_is_refused_at_once(project):
    start = time.monotonic()
    with pytest.raises(ExportError, match="1000000000 inputs; between 1 and"):
        verify(project, count=1_000_000_000)
    assert time.monotonic() - start < 10
