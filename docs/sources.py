"""What stands in sources beside the code: docstrings and signatures of Python, comments of C headers."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import mixcomp_edge
from mixcomp_edge import resources

PACKAGE = Path(mixcomp_edge.__file__).parent
C_INTERFACE = resources.firmware() / "include" / "mixcomp"
Documented = ast.FunctionDef | ast.ClassDef


def python_interface() -> str:
    """A section for each name that `mixcomp_edge` offers."""
    return "\n\n".join(map(_section, sorted(set(mixcomp_edge.__all__) - {"__version__"})))


def _section(name: str) -> str:
    found = _definition(getattr(mixcomp_edge, name))
    text = f"## {name}\n\n```python\n{_signature(found)}\n```\n\n{_told(found)}"
    if isinstance(found, ast.ClassDef):
        for method in found.body:
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and ast.get_docstring(method):
                text += f"\n\n`{name}.{_head(method)}`\n\n{textwrap.indent(_told(method), ': ')}"
    return text


def _definition(value: Any) -> Documented:
    """The source of a class or function."""
    tree = ast.parse(Path(inspect.getfile(value)).read_text(encoding="utf-8"))
    return next(node for node in tree.body if isinstance(node, Documented) and node.name == value.__name__)


def _signature(node: Documented) -> str:
    """def and its parameters; of a class its name and fields."""
    if isinstance(node, ast.FunctionDef):
        return f"def {_head(node)}"
    bases = ", ".join(map(ast.unparse, node.bases))
    lines = [ast.unparse(line) for line in node.body if isinstance(line, ast.AnnAssign)]
    return "\n    ".join([f"class {node.name}({bases}):" if bases else f"class {node.name}:", *(lines or ["..."])])


def _head(node: ast.FunctionDef) -> str:
    parameters = ast.unparse(node.args)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if len(parameters) + len(returns) > 90:
        parameters = re.sub(r", (?=[*\w]+(?::|$|,))", ",\n    ", parameters)
        return f"{node.name}(\n    {parameters},\n){returns}"
    return f"{node.name}({parameters}){returns}"


def _told(node: Documented) -> str:
    return ast.get_docstring(node) or ""


def docstring_example(path: str) -> str:
    """The indented example in a module's docstring, as TOML."""
    text = ast.get_docstring(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))) or ""
    _, _, example = text.partition("\n\n")
    return f"```toml\n{inspect.cleandoc(example)}\n```"


def field_comments(path: str, name: str) -> dict[str, str]:
    """Field -> the comment behind it."""
    text = (PACKAGE / path).read_text(encoding="utf-8")
    found = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == name)
    lines = text.splitlines()
    return {
        field.target.id: lines[field.lineno - 1].partition("  # ")[2]
        for field in found.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def header(path: Path) -> str:
    """A C header without include guards and function bodies; its comments are its documentation."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"#ifdef __cplusplus\n(?:extern \"C\" \{|\})\n#endif\n+", "", text)
    text = re.sub(r"#ifndef (\w+_H)\n#define \1\n+|#endif\n\Z", "", text)
    text = re.sub(r"^(static inline [^{;]*\))\n\{(?: [^\n]*\}$|.*?^\}$)", r"\1;", text, flags=re.DOTALL | re.MULTILINE)
    return f"```c\n{text.strip()}\n```"
