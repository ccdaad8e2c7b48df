"""The figures in the pages are those of tests/figures.json, and these are what bench counts today."""

from __future__ import annotations

import json
import os

import pytest

from figures import FILE, PAGES, ROOT, counted, int8, rendered
from mixcomp_edge.build.cross import toolchains

needs_what_measured = pytest.mark.skipif(
    "gcc" not in toolchains() or not os.environ.get("MIXCOMP_DATA"),
    reason="needs arm-none-eabi-gcc and the reference weights in MIXCOMP_DATA",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_the_figures_of_the_file(page):
    assert (ROOT / page).read_text() == rendered(page, json.loads(FILE.read_text())), "run python tests/figures.py"


@needs_what_measured
@pytest.mark.parametrize("network", ["autoencoder", "dscnn"])
def test_the_file_holds_what_bench_counts_today(network):
    figures = json.loads(FILE.read_text())[network]
    for widths, granularity in (((4, 8), "tensor"), ((4,), "channel")):
        today = counted(("cortex-m4", "cortex-m0plus"), (network,), widths, (granularity,))[network]
        assert today.pop("macs") == figures["macs"]
        for core, found in today.items():
            assert found == {key: figures[core][key] for key in found}, "run python tests/figures.py --measure"
    assert int8(network) == figures["int8"]
