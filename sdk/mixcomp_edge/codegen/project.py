"""A bundle as a folder of C that builds anywhere: sources, headers, build file, self-test, and the bundle itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixcomp_edge import __version__, resources
from mixcomp_edge.bundle import Bundle, load_bundle
from mixcomp_edge.codegen import sharing
from mixcomp_edge.codegen.firmware import BUILD_ID, build_id, build_id_header, firmware_files
from mixcomp_edge.codegen.kernels import kernel_headers
from mixcomp_edge.codegen.render import kernels_of, render_project
from mixcomp_edge.documents import MAX_BYTES, read_bytes, read_json
from mixcomp_edge.errors import ExportError, StorageError
from mixcomp_edge.ir.verify import MODEL_NAME
from mixcomp_edge.plan.layout import Layout, lay_out
from mixcomp_edge.storage import check_folder, digest, sealed, unsealed, write_folder
from mixcomp_edge.targets import target
from mixcomp_edge.targets.boards import Board, board

MANIFEST = "mixcomp.json"
LARGEST = 128 << 20  # of a file that is compiled; 8 MiB of weights are 50 MB of text
COMPILED = ("src", "include", "board")
OURS = ("src/mce_*", "include/mce_*", "include/mixcomp/**/*", "test/selftest*.c")  # names that only export gives
Model = tuple[Bundle, Layout]
PUBLIC = ("types.h", "values.h")  # headers that a model's own files include


def export(
    bundle: Bundle,
    target_name: str,
    folder: str | Path,
    *,
    force: bool = False,
    board: Board | None = None,
    profile: str | None = None,
    kernels: Mapping[str, str] | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> Layout:
    """Writes the project into `folder`, whole or not at all, and returns the layout it was made from.

    kernels: layer -> name of its kernel, from `chosen_kernels` or `choosing.choose`; the catalogue's order without it.

    With a board the project also holds the firmware around the model, and the target is the board's; `profile` names
    the MLPerf Tiny benchmark that the firmware answers as. An earlier export of the model is replaced, and what else
    lies in the folder stays. `check_export` says what is refused unless `force`; `warn` hears what that takes."""
    folder = Path(folder)
    layout = lay_out(bundle.graph, board.target if board else target(target_name), kernels)
    write_export(folder, [bundle], project_files([(bundle, layout)], board, profile), force, warn)
    return layout


def write_export(
    folder: Path, bundles: Sequence[Bundle], files: dict[str, bytes], force: bool, warn: Callable[[str], None]
) -> None:
    """Writes an export's files in the place of an earlier one's."""
    check_export(folder, *(bundle.graph.name for bundle in bundles), force=force)
    ours = _ours(folder) or (_ours_by_name(folder) if force else {})
    if taken := write_folder(folder, files, ours, force=force):
        warn(f"{folder}: took the place of files that were not ours, or were changed since: {', '.join(taken)}.")


def check_export(folder: Path, *models: str, force: bool = False) -> None:
    """StorageError where an export of the models may not go into the folder: it holds other models', or files of ours
    that were changed since, or files but none of ours, or it cannot be written."""
    if twice := [name for name in models if models.count(name) > 1]:
        raise ExportError(f"two of the bundles are called {twice[0]!r}; models in one firmware need different names.")
    ours, manifest = _ours(folder), _sealed_manifest(folder)
    found = _kernels(manifest).keys() if manifest is not None else set(models)
    if found != set(models) and not force:
        raise StorageError(
            f"{folder} holds the export of another model, {', '.join(sorted(found))}. "
            "Name another folder, or pass --force to replace it."
        )
    check_folder(folder, ours, force=force)


def _ours(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of what an earlier export has written into a folder; nothing without a manifest that is whole."""
    manifest = _sealed_manifest(folder)
    if manifest is None:
        return {}
    return {**manifest["sha256"], MANIFEST: digest(read_bytes(folder / MANIFEST, MAX_BYTES, ExportError))}


def _ours_by_name(folder: Path) -> dict[str, str]:
    """What an earlier export must have written where its manifest is damaged: it would be compiled with the new C.
    Nothing says what it held, so all of it counts as changed since."""
    if not os.path.lexists(folder / MANIFEST):
        return {}
    return {path.relative_to(folder).as_posix(): "" for names in OURS for path in folder.glob(names) if path.is_file()}


def _sealed_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = unsealed(read_bytes(folder / MANIFEST, MAX_BYTES, ExportError))
    except ExportError:
        return None
    return manifest if manifest is not None and isinstance(manifest.get("sha256"), dict) else None


def project_files(models: Sequence[Model], board: Board | None = None, profile: str | None = None) -> dict[str, bytes]:
    """Path -> content of every file of the project. With a board there is one model."""
    files = {path: text.encode() for path, text in render_project(models).items()}
    firmware = resources.firmware()
    for kernel in kernels_of(models):
        files[f"src/{kernel.name}.c"] = sharing.shared_source(kernel)
        for header in kernel_headers(kernel):
            files[header] = (firmware / header).read_bytes()
    files |= {f"include/mixcomp/{path}": (firmware / "include" / "mixcomp" / path).read_bytes() for path in PUBLIC}
    files[sharing.RUNTIME] = sharing.runtime_header()
    files |= {f"{bundle.graph.name}.mce": bundle.to_bytes() for bundle, _ in models}
    bundle, layout = models[0]
    manifest: dict[str, Any] = {
        "generator": f"mixcomp-edge {__version__}",
        "target": layout.target.name,
        "models": {bundle.graph.name: layout.kernels for bundle, layout in models},
    }
    if board is not None:
        files |= firmware_files(bundle, layout, board, profile)
        files[BUILD_ID] = build_id_header(files)
        manifest |= {"board": board.name, "baud": board.baud, "energy": board.energy}
        manifest |= {"profile": profile} if profile else {}
    files[MANIFEST] = sealed({**manifest, "sha256": manifest_digests(files)})
    return files


def manifest_digests(files: dict[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file but the manifest, as generated."""
    return {path: digest(content) for path, content in sorted(files.items()) if path != MANIFEST}


def read_project(folder: Path, model: str | None = None) -> Model:
    """The bundle of an exported folder and the layout of its C, for those who check or simulate it.

    model: which, where the folder holds several. The C may have been edited since, see `check_unedited`; but a folder
    whose C was generated otherwise than now, by another version, is refused, because its values may lie elsewhere in
    the arena."""
    manifest = _manifest(folder)
    chosen = _chosen(folder, manifest, model)
    bundles = {name: load_bundle(folder / f"{name}.mce") for name in manifest["models"]}
    the_board = _board(manifest) if "board" in manifest else None
    the_target = the_board.target if the_board else target(manifest["target"])
    models = [(bundles[name], lay_out(bundles[name].graph, the_target, k)) for name, k in manifest["models"].items()]
    if manifest_digests(project_files(models, the_board, manifest.get("profile"))) != manifest["sha256"]:
        raise ExportError(
            f"{folder} was exported by another version ({manifest.get('generator')!r}), or its {MANIFEST} was edited. "
            "Export it again."
        )
    return next((bundle, layout) for bundle, layout in models if bundle.graph.name == chosen)


def _chosen(folder: Path, manifest: Mapping[str, Any], model: str | None) -> str:
    names = list(manifest["models"])
    if model is None and len(names) > 1:
        raise ExportError(f"{folder} holds several models: {', '.join(names)}. Say which: --model {names[0]}.")
    if model not in (None, *names):
        raise ExportError(f"{folder} holds no model {model!r}, but {', '.join(names)}.")
    return model or names[0]


def check_unedited(folder: Path) -> None:
    """ExportError where a file that is compiled is not as export wrote it: changed, gone, or not of the export.

    `read_project` must have taken the folder, so that its manifest names what this version writes."""
    digests = {name: value for name, value in _manifest(folder)["sha256"].items() if Path(name).parts[0] in COMPILED}
    paths = [path for part in COMPILED for path in (folder / part).rglob("*")]
    found = {path.relative_to(folder).as_posix() for path in paths if path.is_symlink() or not path.is_dir()}
    if more := sorted(found - set(digests)):
        raise ExportError(
            f"{folder}: not of the export, but would be compiled with it: {more[0]}. Remove it, or pass --edited."
        )
    for name, value in digests.items():
        if name not in found or digest(read_bytes(folder / name, LARGEST, ExportError)) != value:
            raise ExportError(f"{folder}: changed since the export: {name}. Export it again, or pass --edited.")


def chosen_kernels(folder: Path) -> dict[str, str]:
    """Layer -> name of its kernel, of an exported folder with one model."""
    manifest = _manifest(folder)
    kernels: dict[str, str] = manifest["models"][_chosen(folder, manifest, None)]
    return kernels


def has_firmware(folder: Path) -> bool:
    """Whether the folder was exported for a board."""
    return "board" in _manifest(folder)


def read_firmware(folder: Path) -> tuple[Board, bytes]:
    """(board, build id) of a folder that was exported for a board."""
    manifest = _manifest(folder)
    if "board" not in manifest:
        raise ExportError(
            f"{folder} was exported without a board. Run `mixcomp-edge export --board B` (`boards` lists them)."
        )
    digests = {path: digest for path, digest in manifest["sha256"].items() if path != BUILD_ID}
    return _board(manifest), build_id(digests)


def _board(manifest: Mapping[str, Any]) -> Board:
    """The board as it was configured for the export."""
    return board(manifest["board"]).configured(manifest.get("baud"), manifest.get("energy", False))


def _kernels(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Model -> its layers' kernels."""
    models = manifest.get("models")
    return models if isinstance(models, dict) else {}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = read_json(folder / MANIFEST, ExportError)
        models, digests = manifest["models"], manifest["sha256"]
        tables = [digests, models, *(models.values() if isinstance(models, dict) else ())]
        if not all(isinstance(table, dict) for table in tables) or not models:
            raise ValueError("sha256, models and each model must be tables")
        texts = [manifest["target"], *(manifest[key] for key in ("board", "profile") if key in manifest)]
        texts += [text for table in (digests, *models.values()) for text in table.values()]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("holds a value that is no text")
        if not isinstance(manifest.get("baud"), int | None) or not isinstance(manifest.get("energy", False), bool):
            raise ValueError("baud must be a whole number, energy true or false")
        if not all(MODEL_NAME.fullmatch(name) for name in models):
            raise ValueError("a model has no name that one can have")
    except (ExportError, ValueError, KeyError) as error:
        raise ExportError(
            f"{folder}: not an exported project ({MANIFEST} is missing or damaged: {error}). Run `mixcomp-edge export`."
        ) from error
    if "package" in manifest:
        raise ExportError(
            f"{folder} is a package for {manifest['package']}, built by its tools. Give the bundle that lies in it, or "
            "export it without --as."
        )
    return manifest
