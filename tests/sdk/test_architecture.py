"""ARCHITECTURE.md says who may import whom; this reads the imports out of the sources."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mixcomp_edge.operators import INTEGER

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sdk" / "mixcomp_edge"
GRAPH = {"numerics", "ir", "operators"}
BELOW_TRAIN = {
    "errors", "documents", "storage", "resources", "targets", *GRAPH, "quant_plan", "lower", "codec", "streaming",
    "bundle", "plan", "codegen", "build", "transports", "verification", "simulation", "sizing", "board", "doctor",
    "choosing", "tflite",
}  # fmt: skip
MAY_IMPORT = {
    "errors": set(),
    "documents": {"errors"},
    "storage": {"errors", "documents"},
    "resources": set(),
    "targets": {"errors", "documents", "resources"},
    "numerics": {"errors"},
    "quant_plan": {"errors", "documents", "numerics"},
    "ir": {"errors", "numerics"},
    "operators": {"errors", "numerics", "ir"},
    "lower": {"errors", "quant_plan", *GRAPH},
    "codec": {"errors", *GRAPH},
    "streaming": {"errors", *GRAPH},
    "bundle": {"errors", "documents", "storage", "numerics", "ir", "codec", "streaming"},
    "plan": {"errors", "documents", "lower", *GRAPH, "targets", "resources"},
    "codegen": {"errors", "documents", "storage", "resources", "streaming", "bundle", "plan", *GRAPH, "targets"},
    "tflite": {"errors", "storage", "bundle", "numerics", "ir"},
    "build": {"errors", "documents", "storage", "resources", "targets", "mixcomp_sim"},
    "board": {"errors", "storage", "targets", "build"},
    "transports": {"errors", "build", "board", "plan", "codegen", "ir", "targets", "mixcomp_sim"},
    "verification": BELOW_TRAIN,
    "simulation": {*BELOW_TRAIN, "mixcomp_sim"},
    "choosing": BELOW_TRAIN,
    "sizing": {"errors", "build", "bundle", "codegen", "targets"},
    "doctor": {"errors", "build", "targets", "board", "mixcomp_sim"},
    "frontend": {"errors", "documents", "tflite", "numerics", "ir", "operators", "torch"},
    "train": {*BELOW_TRAIN, "frontend", "torch"},
    "bench": {*BELOW_TRAIN, "train", "transports", "mixcomp_sim"},
    "report": {*BELOW_TRAIN, "bench"},
    "cli": {*BELOW_TRAIN, "train", "bench", "report", "mixcomp_sim"},
    "__main__": {"cli"},
}
ROOMS = ("operators", "train/operators", "frontend")  # where operators live; all others ask the node
NAMED = {  # who names operators all the same: what joins several, and how weights lie for kernels of one
    "lower/fold_affine.py": {"affine", "conv2d", "reshape"},
    "lower/fold_padding.py": {"pad", "conv2d", "maxpool2d"},
    "lower/fuse_activation.py": {"rescale"},
    "lower/fuse_add.py": {"add", "conv2d"},
    "lower/join_functions.py": {"affine", "lookup", "rescale"},
    "lower/merge_slices.py": {"slice"},
    "lower/merge_strides.py": {"maxpool2d"},
    "lower/part_choices.py": {"add", "blend", "lookup", "mul"},
    "lower/part_outputs.py": {"pad"},
    "plan/packing/depthwise.py": {"dwconv2d"},
    "plan/packing/dsp.py": {"normalize"},
    "plan/packing/dw_triples.py": {"dwconv2d"},
    "plan/packing/mve.py": {"avgpool2d", "conv2d", "dwconv2d"},
    "plan/packing/packed.py": {"conv2d", "dense"},
    "plan/packing/phases.py": {"conv2d", "conv2d_transpose"},
    "plan/packing/points.py": {"conv2d"},
    "plan/packing/portable.py": {"avgpool2d", "dwconv2d"},
    "plan/packing/quad.py": {"conv2d"},
    "plan/packing/steps.py": {"dense", "recurrent"},
    "plan/packing/trio.py": {"conv2d"},
    "plan/packing/triples.py": {"conv2d"},
    "streaming/derive.py": {"push", "slice"},
}
WATCHED = {"torch", "mixcomp_sim", "mixcomp_edge"}


def imports(path: Path) -> set[str]:
    """torch, mixcomp_sim and the parts of mixcomp_edge that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "mixcomp_edge":
                names = [f"mixcomp_edge.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] in WATCHED:
                found.add(parts[1] if parts[0] == "mixcomp_edge" and len(parts) > 1 else parts[0])
    return found - {"mixcomp_edge", "__version__"}


def elsewhere() -> list[Path]:
    """Sources outside the rooms of operators."""
    places = {path: path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    return [path for path, place in places.items() if not place.startswith(tuple(f"{room}/" for room in ROOMS))]


def operators_imported(path: Path) -> set[str]:
    """The files of operators/ that a file imports; everyone may know the graph's input."""
    modules = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    found = {name.split(".")[2] for name in modules if name.startswith("mixcomp_edge.operators.")}
    return found - {"input"}


def test_who_names_an_operator_outside_its_files_is_listed():
    named = {path.relative_to(PACKAGE).as_posix(): operators_imported(path) for path in elsewhere()}
    assert {place: names for place, names in named.items() if names} == NAMED


def test_nobody_asks_for_an_operators_name():
    names = set(INTEGER) - {"input", "constant"}  # a formula has constants, and a padding, too
    for path in elsewhere():
        words = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not words & names, path
    for path in (ROOT / "codegen_templates").rglob("*.j2"):
        assert not set(re.findall(r"\w+", path.read_text())) & (names - {"add", "pad"}), path


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_the_table_allows(part):
    files = list((PACKAGE / part).rglob("*.py")) if (PACKAGE / part).is_dir() else [PACKAGE / f"{part}.py"]
    assert files
    for path in files:
        assert imports(path) - {part} <= MAY_IMPORT[part], path


def test_every_part_is_in_the_table():
    parts = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert parts - {"__init__"} == set(MAY_IMPORT)


def test_only_training_and_the_ways_in_import_torch():
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).parts
        if place[0] not in ("train", "frontend"):
            assert "torch" not in imports(path), path


def test_the_simulator_knows_neither_torch_nor_models():
    for path in (ROOT / "host_sim" / "mixcomp_sim").rglob("*.py"):
        assert imports(path) <= {"mixcomp_sim"}, path


def test_only_documents_reads_toml_and_json_files():
    for path in PACKAGE.rglob("*.py"):
        if path.name != "documents.py":
            text = path.read_text()
            assert "tomllib" not in text, path
            assert "json.load(" not in text, path
            assert "json.loads(path" not in text, path


def test_no_page_has_a_gap_to_fill():
    for page in ROOT.glob("**/*.md"):
        if not any(part.startswith(".") or part == "node_modules" for part in page.relative_to(ROOT).parts):
            assert "@@" not in page.read_text(), page
