"""An exported folder depends on its bundle alone, appears whole or not at all, and never takes another's place."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mixcomp_edge import Bundle, export, load_bundle, save_bundle
from mixcomp_edge.codegen.project import check_export
from mixcomp_edge.errors import ExportError, StorageError, TargetError
from mixcomp_edge.verification import verify
from sdk.codegen import zoo


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# The same in, the same out


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_exporting_twice_gives_the_same_bytes(name, tmp_path):
    save_bundle(zoo.bundle(name), tmp_path / "m.mce")
    export(zoo.bundle(name), "cortex-m4", tmp_path / "a")
    export(load_bundle(tmp_path / "m.mce"), "cortex-m4", tmp_path / "some" / "where else")
    assert contents(tmp_path / "a") == contents(tmp_path / "some" / "where else")


def test_another_process_with_another_hash_seed_exports_the_same_bytes(tiny_mce, tmp_path):
    program = "import sys, pathlib; from mixcomp_edge import *; from mixcomp_edge import export, load_bundle\n"
    program += "export(load_bundle(pathlib.Path(sys.argv[1])), 'generic', pathlib.Path(sys.argv[2]))"
    for seed in ("0", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"}
        command = [sys.executable, "-c", program, str(tiny_mce), str(tmp_path / seed)]
        subprocess.run(command, env=environment, check=True)
    assert contents(tmp_path / "0") == contents(tmp_path / "77")


def test_files_hold_neither_paths_nor_dates(tiny_bundle, tmp_path):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    for path, content in contents(tmp_path / "c").items():
        if not path.endswith(".mce"):
            assert str(tmp_path).encode() not in content
            assert not re.search(rb"20[2-9]\d-\d\d-\d\d", content)


def test_the_manifest_holds_the_hash_of_every_file(tiny_bundle, tmp_path):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    files = contents(tmp_path / "c")
    manifest = json.loads(files.pop("mixcomp.json"))
    assert manifest["sha256"] == {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_a_project_holds_the_kernels_it_calls_and_no_others(name, tmp_path):
    layout = export(zoo.bundle(name), "cortex-m4", tmp_path / "c")
    text = (tmp_path / "c" / "src" / f"mce_{name}.c").read_text()
    called = set(re.findall(r"\b(mce_\w+__\w+)\(&", text))
    assert called == {path.stem for path in (tmp_path / "c" / "src").glob("*__*.c")}
    assert len(re.findall("MCE_LAYER_HOOK", text)) == len(layout.steps)


# Where a folder may be written


def test_its_own_folder_is_replaced_and_nothing_old_stays(tmp_path):
    export(zoo.bundle("dense"), "cortex-m4", tmp_path / "c")
    export(zoo.bundle("dense"), "cortex-m0plus", tmp_path / "c")
    export(zoo.bundle("dense"), "cortex-m0plus", tmp_path / "fresh")
    assert contents(tmp_path / "c") == contents(tmp_path / "fresh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "fresh"]


def test_what_the_user_keeps_beside_the_export_stays(tmp_path):
    mine = {"notes.txt": b"notes", "main.c": b"int main;", ".git/HEAD": b"ref", "build/CMakeCache.txt": b"cache"}
    export(zoo.bundle("dense"), "cortex-m4", tmp_path / "c")
    for name, content in mine.items():
        (tmp_path / "c" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "c" / name).write_bytes(content)
    export(zoo.bundle("dense"), "generic", tmp_path / "c")
    assert mine.items() <= contents(tmp_path / "c").items()


@pytest.mark.parametrize("name", ["README.md", "src/mce_dense.c", "mixcomp.json", "dense.mce"])
def test_an_edited_file_of_ours_is_refused_by_name_and_told_by_force(name, tmp_path):
    export(zoo.bundle("dense"), "cortex-m4", tmp_path / "c")
    edited = (tmp_path / "c" / name).read_bytes().replace(b"e", b"E", 1)
    (tmp_path / "c" / name).write_bytes(edited)
    for check in (check_export, lambda folder, model: export(zoo.bundle(model), "generic", folder)):
        with pytest.raises(StorageError, match=r"changed since we wrote it: |not ours"):
            check(tmp_path / "c", "dense")
    assert (tmp_path / "c" / name).read_bytes() == edited
    told = []
    export(zoo.bundle("dense"), "generic", tmp_path / "c", force=True, warn=told.append)
    export(zoo.bundle("dense"), "generic", tmp_path / "fresh")
    assert contents(tmp_path / "fresh").items() <= contents(tmp_path / "c").items()
    assert name in told[0]


def test_another_models_export_is_not_replaced_unless_forced(tmp_path):
    export(zoo.bundle("residual"), "cortex-m4", tmp_path / "c")
    before = contents(tmp_path / "c")
    with pytest.raises(StorageError, match=r"another model, residual.*--force"):
        export(zoo.bundle("dense"), "cortex-m4", tmp_path / "c")
    assert contents(tmp_path / "c") == before
    export(zoo.bundle("dense"), "cortex-m4", tmp_path / "c", force=True)
    export(zoo.bundle("dense"), "cortex-m4", tmp_path / "fresh")
    assert contents(tmp_path / "c") == contents(tmp_path / "fresh")


def test_an_empty_folder_is_taken(tiny_bundle, tmp_path):
    (tmp_path / "c").mkdir()
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    assert (tmp_path / "c" / "mixcomp.json").is_file()


MANIFESTS = ["none", "{}", "[]", '{"sha256": {"thesis.tex": ""}}', "{", "forged"]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_foreign_folder_is_refused_and_left_alone_whatever_its_manifest_says(manifest, tiny_bundle, tmp_path):
    mine = {"thesis.tex": b"years of work"}
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.tex").write_bytes(mine["thesis.tex"])
    if manifest == "forged":
        record = {"model": "tiny", "sha256": {"thesis.tex": hashlib.sha256(mine["thesis.tex"]).hexdigest()}}
        manifest = json.dumps({**record, "seal": hashlib.sha256(b"").hexdigest()})
    if manifest != "none":
        mine["mixcomp.json"] = manifest.encode()
        (tmp_path / "c" / "mixcomp.json").write_text(manifest)
    with pytest.raises(StorageError, match=r"not ours.*--force"):
        export(tiny_bundle, "cortex-m4", tmp_path / "c")
    assert contents(tmp_path / "c") == mine
    told = []
    export(tiny_bundle, "cortex-m4", tmp_path / "c", force=True, warn=told.append)
    assert contents(tmp_path / "c")["thesis.tex"] == mine["thesis.tex"]
    assert len(told) == (manifest != "none")


def test_force_over_a_damaged_manifest_leaves_no_kernel_of_the_export_before(tiny_bundle, tmp_path):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    export(tiny_bundle, "generic", tmp_path / "fresh")
    (tmp_path / "c" / "mixcomp.json").write_text("{")
    mine = {"src/filter.c": b"int filter;", "include/filter.h": b"extern int filter;", "test/mine.c": b"int main;"}
    for name, content in mine.items():
        (tmp_path / "c" / name).write_bytes(content)
    stale = contents(tmp_path / "c").keys() - contents(tmp_path / "fresh").keys() - mine.keys()
    assert any(name.startswith("src/mce_") for name in stale)
    told = []
    export(tiny_bundle, "generic", tmp_path / "c", force=True, warn=told.append)
    assert contents(tmp_path / "c") == contents(tmp_path / "fresh") | mine
    assert "src/mce_" in told[0]


def test_a_file_in_its_place_is_refused_and_left_alone(tiny_bundle, tmp_path):
    (tmp_path / "c").write_text("a letter")
    with pytest.raises(StorageError, match=r"not ours"):
        export(tiny_bundle, "cortex-m4", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "a letter"


def test_an_unknown_target_is_refused_before_anything_is_written(tiny_bundle, tmp_path):
    with pytest.raises(TargetError, match=r"unknown target 'cortex-m5'.*cortex-m4"):
        export(tiny_bundle, "cortex-m5", tmp_path / "c")
    assert not (tmp_path / "c").exists()


# Interrupted


def test_control_c_leaves_no_temporary_folder(tiny_mce, tmp_path):
    program = """
import os, signal, sys, time, pathlib
from mixcomp_edge import export, load_bundle
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born with SIGINT ignored
write = os.write
def slow(handle, content):
    if handle > 2:
        print("writing", flush=True)
        time.sleep(0.2)
    return write(handle, content)
os.write = slow
export(load_bundle(pathlib.Path(sys.argv[1])), "cortex-m4", pathlib.Path(sys.argv[2]) / "c")
"""
    command = [sys.executable, "-c", program, str(tiny_mce), str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout.readline() == b"writing\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []


# What verify sees in a folder


def test_an_edited_weight_is_caught_and_its_layer_named(tiny_bundle, tmp_path):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    assert verify(tmp_path / "c", count=3).mismatches == 0
    path = tmp_path / "c" / "src" / "mce_tiny__weights.h"
    text = path.read_text()
    start = text.index("layer_3_codes[")
    first = re.compile(r"0x([0-9a-f]{2})").search(text, start)
    other = int(first[1], 16) ^ 0x03
    path.write_text(f"{text[: first.start()]}0x{other:02x}{text[first.end() :]}")
    for on in ("host", "emulator"):
        with pytest.raises(ExportError, match=r"changed since the export: src/mce_tiny__weights\.h"):
            verify(tmp_path / "c", on=on, count=3)
        verdict = verify(tmp_path / "c", on=on, count=3, edited=True)
        assert verdict.mismatches > 0
        assert verdict.first_mismatch.layer == "3"
        assert verdict.first_mismatch.expected != verdict.first_mismatch.got


def test_a_folder_for_another_target_or_without_manifest_is_refused(tiny_bundle, tmp_path):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    with pytest.raises(ExportError, match="was exported for cortex-m4, not for cortex-m7"):
        verify(tmp_path / "c", target_name="cortex-m7")
    for text in ("", "[]", "{}", '{"model": "../../etc", "target": "cortex-m4"}', '{"model": "tiny", "target": 3}'):
        (tmp_path / "c" / "mixcomp.json").write_text(text)
        with pytest.raises(ExportError, match="not an exported project"):
            verify(tmp_path / "c")
    (tmp_path / "c" / "mixcomp.json").unlink()
    with pytest.raises(ExportError, match="not an exported project"):
        verify(tmp_path / "c")


def test_c_that_does_not_compile_is_a_toolchain_error(tiny_bundle, tmp_path):
    from mixcomp_edge.errors import ToolchainError

    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    with (tmp_path / "c" / "src" / "mce_tiny.c").open("a") as file:
        file.write("this is not C\n")
    for on in ("host", "emulator"):
        with pytest.raises(ToolchainError, match="this"):
            verify(tmp_path / "c", on=on, edited=True)


def test_origin_reaches_the_folder_with_the_bundle(tmp_path):
    bundle = Bundle(zoo.graph("one"), {"note": "from a test"})
    export(bundle, "cortex-m4", tmp_path / "c")
    assert load_bundle(tmp_path / "c" / "one.mce").origin == {"note": "from a test"}


def test_a_folder_of_another_generator_is_refused_before_it_is_compared(tiny_bundle, tmp_path):
    export(tiny_bundle, "cortex-m4", tmp_path / "c")
    manifest = json.loads((tmp_path / "c" / "mixcomp.json").read_text())
    manifest["generator"] = "mixcomp-edge 0.0.9"
    manifest["sha256"]["src/mce_tiny.c"] = "0" * 64
    (tmp_path / "c" / "mixcomp.json").write_text(json.dumps(manifest))
    with pytest.raises(ExportError, match=r"was exported by another version \('mixcomp-edge 0\.0\.9'\)"):
        verify(tmp_path / "c")


@pytest.mark.parametrize("name", ["image", "trace", "arena", "main", "run"])
def test_a_model_may_have_a_name_that_we_use_ourselves(name, tiny_bundle, tmp_path):
    graph = replace(tiny_bundle.graph, name=name)
    save_bundle(Bundle(graph), tmp_path / "m.mce")
    for on in ("host", "emulator"):
        assert verify(tmp_path / "m.mce", on=on, count=1).mismatches == 0
