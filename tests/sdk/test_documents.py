"""JSON and TOML files that are large, deep, odd or no files at all: one sentence that names the file, at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixcomp_edge.documents import parse_json, read_json, read_toml
from mixcomp_edge.errors import PlanError

LIMIT_S = 10
TOML = {
    "dotted key": "a.b." * 20_000 + "c = 1",
    "dotted key in quotes": "\"a\".'b'." * 10_000 + "c = 1",
    "dotted key with blanks": "a . b . " * 10_000 + "c = 1",
    "dotted header": "[" + "a." * 20_000 + "a]\nb.c = 1",
    "dotted key in a table": "x = {" + "a." * 20_000 + "a = 1}",
    "dotted key behind a string": 'x = """\na.\n"""\n' + "a." * 20_000 + "a = 1",
    "dotted key behind a comment": "x = 1 # '''\n" + "a." * 20_000 + "a = 1",
    "dotted key behind quotes": 'x = """a""""" \n' + "a." * 20_000 + "a = 1",
    "nested lists": "a = " + "[" * 100_000,
    "nested lists that end": "a = " + "[" * 300 + "]" * 300,
    "nested tables": "a = " + "{a = " * 20_000,
    "integer of 100,000 digits": "a = " + "9" * 100_000,
    "integer of 100,000 hex digits": "a = 0x" + "f" * 100_000,
    "integer of 65 bits": f"a = {2**64}",
    "NaN": "a = nan",
    "infinity": "a = 1e999",
    "same key twice": "a = 1\na = 2",
    "NUL": 'a = "\\u0000"',
    "lone surrogate": 'a = "\\ud800"',
    "no end of a string": '"' * 3 + 'a"' * 400_000,
    "quotes and backslashes": '"\\' * 400_000,
    "binary": bytes(range(256)),
    "UTF-16": "a = 1".encode("utf-16"),
    "Latin-1": 'a = "ü"'.encode("latin-1"),
    "two MiB": "#" * (2 << 20),
}
JSON = {
    "nested lists": '{"a":' + "[" * 200_000,
    "nested tables": '{"a":' * 200_000,
    "nested lists that end": '{"a":' + "[" * 200 + "]" * 200 + "}",
    "integer of 100,000 digits": '{"a": ' + "9" * 100_000 + "}",
    "integer of 65 bits": '{"a": ' + str(2**64) + "}",
    "same key twice": '{"a": 1, "a": 2}',
    "lone surrogate": '{"a": "\\ud800"}',
    "lone surrogate as key": '{"\\udfff": 1}',
    "NUL": '{"a": "x\\u0000y"}',
    "NaN": '{"a": NaN}',
    "infinity": '{"a": -1e999}',
    "list": "[1]",
    "nothing": "",
    "half": '{"a": ',
    "binary": bytes(range(256)),
    "UTF-16": "{}".encode("utf-16"),
    "16 MiB": '{"a": "' + "x" * (16 << 20) + '"}',
}


def refused(read, path: Path) -> str:
    start = time.monotonic()
    with pytest.raises(PlanError) as caught:
        read(path, PlanError, "plan")
    assert time.monotonic() - start < LIMIT_S
    message = str(caught.value)
    assert message.startswith(f"plan {path}: ")
    assert len(message) < 400 + len(str(path))
    assert message.isprintable()
    return message


@pytest.mark.parametrize("what", TOML)
def test_odd_toml_is_refused_in_one_sentence(what, tmp_path):
    path = tmp_path / "odd.toml"
    content = TOML[what]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(read_toml, path)


@pytest.mark.parametrize("what", JSON)
def test_odd_json_is_refused_in_one_sentence(what, tmp_path):
    path = tmp_path / "odd.json"
    content = JSON[what]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(read_json, path)


@pytest.mark.parametrize("read", [read_json, read_toml])
def test_what_is_no_file_of_a_fair_size_is_refused_without_reading(read, tmp_path):
    pipe, sparse, link = tmp_path / "pipe", tmp_path / "sparse", tmp_path / "link"
    os.mkfifo(pipe)
    with sparse.open("wb") as file:
        file.truncate(6 << 30)
    link.symlink_to(link)
    for path in (
        pipe,
        sparse,
        link,
        tmp_path,
        tmp_path / "nothing",
        Path("/dev/zero"),
        Path("/dev/tty"),
        Path("x" * 300),
    ):
        refused(read, path)
    for name in ("a\0b", "\ud800"):
        with pytest.raises(PlanError, match="is not the name of a file"):
            read(Path(name), PlanError, "plan")


def test_a_byte_order_mark_and_dots_in_text_are_fine(tmp_path):
    path = tmp_path / "fine"
    path.write_bytes(
        b"\xef\xbb\xbf" + b'a = "' + b"x." * 100 + b'" # ' + b"a." * 100 + b"\nb = '''" + b"y.\n" * 100 + b"'''"
    )
    assert read_toml(path, PlanError)["a"] == "x." * 100
    path.write_bytes(b'\xef\xbb\xbf{"a": 1.5}')
    assert read_json(path, PlanError) == {"a": 1.5}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_a_file_as_large_as_may_be_takes_no_gigabyte(tmp_path):
    """Of all JSON, empty lists grow most; of TOML, short keys."""
    (tmp_path / "x.json").write_text('{"a": [' + "[]," * 2_790_000 + "[]]}")
    (tmp_path / "x.toml").write_text("\n".join(f"k{i:x}=1" for i in range(115_000)))
    program = (
        "import sys; from pathlib import Path; from mixcomp_edge.documents import *\n"
        "from mixcomp_edge.errors import PlanError\n"
        "read_json(Path(sys.argv[1]), PlanError); read_toml(Path(sys.argv[2]), PlanError)\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"  # rusage counts who started it
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x.json"), str(tmp_path / "x.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 1 << 20  # KiB


@given(st.text("\"'\\#.ab=[]{}\n ", max_size=60))
def test_any_toml_is_read_or_refused(text):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.toml"
        path.write_text(text)
        with suppress(PlanError):
            assert isinstance(read_toml(path, PlanError), dict)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda x: st.lists(x) | st.dictionaries(st.text("abc"), x),
    )
)
def test_what_json_writes_is_read_back(value):
    assert parse_json(json.dumps({"value": value}), PlanError, "it") == {"value": value}
