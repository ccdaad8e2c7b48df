"""Random networks, all the way from PyTorch: every element of every layer of the generated C equals the definition."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

import pytest
from e2e.random_networks import FAMILIES, Network, networks
from hypothesis import given, settings

from mixcomp_edge import export
from mixcomp_edge.targets import targets
from mixcomp_edge.transports.emulator import EmulatedCore
from mixcomp_edge.transports.host import HostLibrary
from mixcomp_edge.verify import compare, emulated_core, make_inputs

CORES = [name for name, target in targets().items() if target.core]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_c_of_a_random_network_equals_the_interpreter_in_every_layer(family):
    @settings(max_examples=40)  # by five families: 200
    @given(network=networks(family))
    def check(network: Network):
        bundle = network.bundle()
        with tempfile.TemporaryDirectory() as folder:
            layout = export(bundle, "generic", Path(folder) / "c")
            library = HostLibrary(Path(folder) / "c", layout, ("-O0",))
            try:
                verdict = compare(library, layout, make_inputs(bundle.graph, 3, seed=network.seed))
            finally:
                library.close()
        assert verdict.first_mismatch is None
        assert verdict.elements > 0

    check()
