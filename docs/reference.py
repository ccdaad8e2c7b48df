"""The reference, read out of the code: GENERATED has a function for each `<!-- generated: NAME -->` of the pages."""

from __future__ import annotations

import inspect
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

import sources
import typer
from torch import nn, randn

from mixcomp_edge import LayerPlan, QuantPlan, Recipe, convert, export, prepare, resources
from mixcomp_edge.cli import application
from mixcomp_edge.frontend.onnx import FAMILIES
from mixcomp_edge.frontend.onnx.calls import HANDLERS as ONNX
from mixcomp_edge.frontend.tflite import module as tflite_module
from mixcomp_edge.frontend.tflite.dilation import KINDS as DILATION
from mixcomp_edge.frontend.torch_export.importer import HANDLERS as ATEN
from mixcomp_edge.numerics.codebook import CODEBOOKS
from mixcomp_edge.operators import INTEGER
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.targets import targets
from mixcomp_edge.targets.boards import boards

RAN = {"nowhere": "built only", "qemu": "ran in QEMU", "rp2040js": "ran in rp2040js", "board": "ran on the board"}
assert FAMILIES  # importing them has filled ONNX


def table(*rows: Iterable[object]) -> str:
    """The first row is the heading."""
    head, *body = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body)) + "\n"


def commands() -> str:
    """A section a verb: help, examples, arguments and options."""
    verbs: dict[str, Any] = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    return "\n".join(_command(name, verb) for name, verb in verbs.items())


def _command(name: str, verb: Any) -> str:
    help_text, examples = [], []
    for paragraph in inspect.cleandoc(verb.help).split("\n\n"):
        found = re.match(r"(?:Examples?: )?(mixcomp-edge .*)", paragraph, re.DOTALL)
        (examples if found else help_text).append(found[1].replace("\n", " ") if found else paragraph)
    arguments = [p for p in verb.params if not p.opts[0].startswith("-")]
    options = [p for p in verb.params if p.opts[0].startswith("-") and p.name != "help"]
    words = " ".join(["mixcomp-edge", name, *(p.metavar or p.name.upper() for p in arguments), "[OPTIONS]"])
    rows = [(f"`{p.metavar or p.name.upper()}`", p.help or "", "") for p in arguments]
    rows += [(", ".join(f"`{word}`" for word in p.opts), _explained(p), _default(p)) for p in options]
    listed = "\n".join(f"    {line}" for line in (words, "", *examples))
    text = "\n\n".join(help_text)
    return f"## {name}\n\n{text}\n\n{listed}\n\n{table(('', '', 'default'), *rows)}"


def _explained(option: Any) -> str:
    kind = getattr(getattr(option, "type_descriptor", None), "annotation", None)
    kind = next((part for part in (kind, *getattr(kind, "__args__", ())) if inspect.isclass(part)), None)
    choices = ", ".join(f"`{choice.value}`" for choice in kind) if kind is not None and issubclass(kind, Enum) else ""
    return f"{option.help or ''}{f' One of {choices}.' if choices else ''}"


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    value = option.default.value if isinstance(option.default, Enum) else option.default
    return "required" if option.required else "" if value in (None, False, ()) else f"`{value}`"


def plan() -> str:
    """Keys of a plan, from its dataclass."""
    rows = [(f"`{field.name}`", f"`{field.default}`") for field in fields(LayerPlan)]
    return sources.docstring_example("quant_plan.py") + "\n\n" + table(("key", "default"), *rows)


def recipe() -> str:
    """Keys of a recipe: default and comment of each field."""
    told = sources.field_comments("train/recipe.py", "Recipe")
    rows = [(f"`{field.name}`", f"`{field.default}`", told.get(field.name, "")) for field in fields(Recipe)]
    return table(("key", "default", ""), *rows)


def formats() -> str:
    """The real numbers that the codes of each weight format stand for."""
    rows = [
        (f"`{name}`", ", ".join(f"{value:.4g}" for value in sorted({float(v) for v in book.values})))
        for name, book in CODEBOOKS.items()
        if book.bits == 4
    ]
    return table(("format", "levels"), *rows)


def operators() -> str:
    """A row an operator of the integer graph: what it is, where SPEC.md defines it, which instruction sets it has."""
    rows = []
    for name, kind in sorted(INTEGER.items()):
        kernels = [kernel for kernel in catalogue() if kernel.op == name]
        isas = ", ".join(sorted({kernel.isa for kernel in kernels})) or "nothing runs"
        weights = sorted(
            {f"{kernel.weight_bits} bits" for kernel in kernels if "_w" in kernel.name or "_fx" in kernel.name}
        )
        told = " ".join((inspect.getmodule(kind).__doc__ or "").split())
        section = re.search(rf"\b{name}\b.*?SPEC\.md (4\.\d+)", told)
        what = re.split(r"(?<=\.)\s", told.partition(": ")[2], maxsplit=1)[0]
        rows.append((f"`{name}`", what.rstrip("."), section[1] if section else "", isas, ", ".join(weights)))
    return table(("operator", "", "SPEC.md", "kernels", "weights"), *rows)


def aten() -> str:
    return _names(name.split(".")[0] for name in ATEN)


def onnx() -> str:
    return _names(ONNX)


def tflite() -> str:
    return _names([*tflite_module.HANDLERS, *tflite_module.MAKERS, *DILATION])


def _names(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(set(map(str, names))))


def target_table() -> str:
    rows = [(f"`{t.name}`", t.description, ", ".join(t.isas), "yes" if t.core else "no") for t in targets().values()]
    return table(("target", "core", "kernels, the first that serves", "emulated"), *rows)


def board_table() -> str:
    rows = [
        (f"`{b.name}`", b.description, b.target.name, f"{b.clock_hz / 1e6:g} MHz", f"{b.flash_bytes:,}",
         f"{b.ram_bytes:,}", b.flash, RAN[b.proved])
        for b in boards().values()
    ]  # fmt: skip
    return table(("board", "", "target", "clock", "flash, B", "RAM, B", "flashed by", "its port"), *rows)


def deviations() -> str:
    """What static analysis says of the runtime and is kept."""
    kept = tomllib.loads((resources.firmware() / "deviations.toml").read_text(encoding="utf-8"))
    rows = [
        (name, ", ".join(entry["rules"]), entry["reason"])
        for tool, name in (("misra", "MISRA C:2012"), ("cppcheck", "cppcheck"), ("tidy", "clang-tidy"))
        for entry in kept[tool]
    ]
    return table(("of", "rules", "reason"), *rows)


def model_header() -> str:
    """The header of a model named mynet, as `export` writes it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with tempfile.TemporaryDirectory() as folder:
        export(convert(prepare(model, randn(8, 1, 8, 8), QuantPlan(), "mynet")), "cortex-m4", Path(folder) / "c")
        return sources.header(Path(folder) / "c" / "include" / "mce_mynet.h")


GENERATED: dict[str, Callable[[], str]] = {
    "commands": commands, "plan": plan, "recipe": recipe, "formats": formats, "operators": operators, "aten": aten,
    "onnx": onnx, "tflite": tflite, "targets": target_table, "boards": board_table, "python": sources.python_interface,
    "model_header": model_header, "types_header": lambda: sources.header(sources.C_INTERFACE / "types.h"),
    "values_header": lambda: sources.header(sources.C_INTERFACE / "values.h"),
    "port_header": lambda: sources.header(sources.C_INTERFACE / "port.h"), "deviations": deviations,
}  # fmt: skip
