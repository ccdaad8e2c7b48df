"""What an emulated core refuses: a status that is not 0, a run that is not the one that was counted, a flash that it
cannot follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mixcomp_edge import export
from mixcomp_edge.codegen.render import golden_vector
from mixcomp_edge.errors import ExportError
from mixcomp_edge.targets import target
from mixcomp_edge.transports.emulator import EmulatedCore
from mixcomp_sim.chips import chips


@pytest.fixture
def core(tiny_bundle, tmp_path):
    layout = export(tiny_bundle, "cortex-m4", tmp_path / "c")
    core = EmulatedCore(tmp_path / "c", layout, target("cortex-m4"))
    yield core
    core.close()


def test_a_flash_is_followed_through_the_run_that_was_counted_and_no_other(core, tiny_bundle):
    x, y = golden_vector(tiny_bundle.graph)
    counts, _ = core.count(x)
    assert core.output_bytes() == y
    chip = chips()["stm32l4r5"]
    assert sum(part.fetch_cycles for part in core.stalls(x, chip, counts)) > 0
    other = replace(counts, layers=counts.layers[:-1])
    with pytest.raises(RuntimeError, match="cortex-m4: the emulator ran other instructions"):
        core.stalls(x, chip, other)


def test_a_status_of_the_model_is_an_error(core, tmp_path, tiny_bundle):
    source = tmp_path / "c" / "src" / "mce_tiny.c"
    text = source.read_text()
    assert text.count("return MCE_OK;") == 1
    source.write_text(text.replace("return MCE_OK;", "return MCE_ERR_NULL;"))
    broken = EmulatedCore(tmp_path / "c", core.layout, target("cortex-m4"))
    x, _ = golden_vector(tiny_bundle.graph)
    for run in (
        lambda: broken.trace(x),
        lambda: broken.count(x),
        lambda: broken.infer_batch(np.array([list(x)], "u1")),
    ):
        with pytest.raises(ExportError, match=r"mce_tiny_run returned status \d+ on cortex-m4"):
            run()
    broken.close()
    assert not broken.folder.exists()
