"""An export as a package of the tools that engineers build with: the same sources, laid out as those tools find them,
with their manifest and a self-test. What is particular to a tool is templates in codegen_templates/packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mixcomp_edge import __version__, resources
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen import render
from mixcomp_edge.codegen.packaging import Packaging
from mixcomp_edge.codegen.project import MANIFEST, Model, manifest_digests, project_files, write_export
from mixcomp_edge.plan.layout import Layout, lay_out
from mixcomp_edge.storage import sealed
from mixcomp_edge.targets import target

FOLDER = "packages"
EACH = "MODEL"  # in a template's path: a file for each model
WHOLE = "PACKAGE"  # in a template's path: the package's name


def package_files(models: Sequence[Model], packaging: Packaging) -> dict[str, bytes]:
    """Path -> content of every file of the package; it holds the bundles it was made from."""
    plain = project_files(models)
    if packaging is Packaging.CMAKE:
        return plain
    files = {
        _place(path, packaging): content
        for path, content in plain.items()
        if path.split("/")[0] in ("src", "include") or path.endswith(".mce")
    }
    names = [bundle.graph.name for bundle, _ in models]
    shared: dict[str, Any] = {
        "version": __version__,
        "names": names,
        "package": f"mce_{'_'.join(names)}",
        "sources": sorted(path for path in files if path.startswith("src/") and path.endswith(".c")),
    }
    for template, path in _templates(packaging):
        if EACH not in path:
            jinja = render.environment_of(models[0][1])
            files[path.replace(WHOLE, shared["package"])] = jinja.get_template(template).render(shared).encode()
            continue
        for bundle, layout in models:
            jinja = render.environment_of(layout)
            text = jinja.get_template(template).render(render.context_of(bundle, layout) | shared)
            files[path.replace(EACH, bundle.graph.name)] = text.encode()
    manifest = {
        "generator": f"mixcomp-edge {__version__}",
        "package": packaging.value,
        "target": models[0][1].target.name,
        "models": {bundle.graph.name: layout.kernels for bundle, layout in models},
        "sha256": manifest_digests(files),
    }
    return files | {MANIFEST: sealed(manifest)}


def _place(path: str, packaging: Packaging) -> str:
    if path.endswith(".mce"):
        return f"extras/{path}" if packaging.below_src else path
    return path.replace("include/", "src/", 1) if packaging.below_src else path


def _templates(packaging: Packaging) -> list[tuple[str, str]]:
    """(template, path in the package) of the tool's own files and of those that every package has."""
    root = resources.templates() / FOLDER
    own, common = root / packaging.value, [root / "LICENSE.j2"]
    found = [(file, file.relative_to(own)) for file in sorted(own.rglob("*.j2"))]
    found += [(file, file.relative_to(root)) for file in common]
    return [
        (file.relative_to(resources.templates()).as_posix(), PurePosixPath(path).with_suffix("").as_posix())
        for file, path in found
    ]


def export_several(
    bundles: Sequence[Bundle],
    target_name: str,
    folder: str | Path,
    *,
    packaging: Packaging = Packaging.CMAKE,
    force: bool = False,
    kernels: Mapping[str, str] | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> list[Layout]:
    """Writes one model or several into one folder, the kernels that they share once; else as `project.export`.

    kernels: of one model's layers, by name."""
    layouts = [lay_out(bundle.graph, target(target_name), kernels) for bundle in bundles]
    files = package_files(list(zip(bundles, layouts, strict=True)), packaging)
    write_export(Path(folder), bundles, files, force, warn)
    return layouts
