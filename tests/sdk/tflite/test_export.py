"""`export --as tflite` as a user runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mixcomp_edge import save_bundle
from mixcomp_edge.cli import main
from mixcomp_edge.tflite.micro import available
from sdk.codegen import zoo


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs `mixcomp-edge export …`: (exit code, stdout, stderr on one line)."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mixcomp-edge", "export", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, " ".join(said.err.split())

    return run


def test_a_q32_bundle_asks_for_approximate_and_is_told_how_far_off_it_is(tmp_path, command):
    bundle, file = tmp_path / "dense.mce", tmp_path / "dense.tflite"
    save_bundle(zoo.bundle("dense"), bundle)
    code, said, why = command(bundle, "--as", "tflite", "-o", file)
    assert (code, said) == (2, "")
    assert "--approximate" in why
    assert not file.exists()
    code, said, _ = command(bundle, "--as", "tflite", "--approximate", "-o", file, "--json")
    told = json.loads(said)
    assert (code, told["bytes"]) == (0, file.stat().st_size)
    assert "AddFullyConnected" in told["registered"]
    assert "resolver.AddFullyConnected() == kTfLiteOk" in Path(told["resolver"]).read_text()
    difference = told["difference"]
    assert (difference is not None) == available()
    if difference is not None:
        assert (difference["inputs"], difference["elements"]) == (16, 16 * zoo.graph("dense").nodes[-1].elements)
        assert difference["differing"] <= difference["elements"]


def test_what_is_for_c_does_not_go_with_a_file_for_tensorflow_lite(tmp_path, command):
    code, _, why = command("m.mce", "--as", "tflite", "-t", "cortex-m4", "-o", tmp_path / "m.tflite")
    assert (code, "for no target" in why) == (2, True)
    code, _, why = command("m.mce", "--posit", "decode", "-o", tmp_path / "c")
    assert (code, "is for --as tflite" in why) == (2, True)
    code, _, why = command("m.mce", "--approximate", "-o", tmp_path / "c")
    assert (code, "is for --as tflite" in why) == (2, True)
