"""board.toml: all of ours are read, and one of a user's that is wrong is named."""

from __future__ import annotations

import re

import pytest

from mixcomp_edge import resources
from mixcomp_edge.errors import TargetError
from mixcomp_edge.targets.boards import _read, boards


def test_all_boards_are_read():
    assert set(boards()) == {path.parent.name for path in (resources.firmware() / "ports").glob("*/board.toml")}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("clock_hz", '"fast"'), ("clock_hz", "1.5"), ("clock_hz", "true"), ("target", "[]"), ("target", "3"),
        ("common", '"uart.c"'), ("common", "[3]"), ("flash", "{}"), ("description", "1979-05-27"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_named(key, value, tmp_path):
    text = (resources.firmware() / "ports" / "mps2-an386" / "board.toml").read_text()
    path = tmp_path / "board.toml"
    path.write_text(re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M))
    with pytest.raises(TargetError, match=rf"board\.toml: {key} is .*"):
        _read(path)
