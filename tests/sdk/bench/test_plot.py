from __future__ import annotations

import pytest

from mixcomp_edge.bench.plot import plot
from mixcomp_edge.errors import BenchError, StorageError
from sdk.bench.results import layer, result

RESULTS = [
    result(layer("stem"), layer("pw", theirs=None)),
    result(layer("stem", 120), layer("pw"), act_bits=8),
    result(layer("stem"), layer("pw"), target="cortex-m3"),
]


def test_the_picture_names_targets_networks_and_layers_and_depends_on_nothing_else(tmp_path):
    plot(RESULTS, tmp_path / "a.svg")
    plot(RESULTS, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    text = (tmp_path / "a.svg").read_text()
    for word in ("cortex-m4: whole networks", "cortex-m3: whole networks", "<!-- dscnn -->", "<!-- stem -->"):
        assert word in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.svg"]


def test_a_png_is_one(tmp_path):
    plot(RESULTS, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.jpeg", r"must end in \.png"), ("missing/a.svg", "missing does not exist"), ("a", r"must end in \.png")],
)
def test_a_name_that_cannot_be_written_is_refused(name, message, tmp_path):
    with pytest.raises((BenchError, StorageError), match=message):
        plot(RESULTS, tmp_path / name)
