"""The C of a kernel: a file of firmware/kernels, or a body of mixcomp/internal called for one type, as the catalogue
says; and the headers that it needs."""

from __future__ import annotations

import re

from mixcomp_edge import resources
from mixcomp_edge.codegen.environment import environment
from mixcomp_edge.plan.kernels import Kernel

COLUMNS = 120
_INCLUDE = re.compile(r'^#include "(mixcomp/[^"]+)"', re.M)


def kernel_source(kernel: Kernel) -> str:
    """The text of <name>.c."""
    if not kernel.body:
        path = resources.firmware() / "kernels" / kernel.isa / f"{kernel.of}.c"
        text = path.read_text(encoding="utf-8")
        return _by(kernel, text) if kernel.requantizer else text
    return environment().get_template("kernel.c.j2").render(kernel=kernel, head=_head(kernel))


def kernel_headers(kernel: Kernel) -> tuple[str, ...]:
    """Every header that it includes, directly or not, relative to firmware/."""
    found: dict[str, None] = {}
    texts = [kernel_source(kernel)]
    while texts:
        names = (f"include/{name}" for name in _INCLUDE.findall(texts.pop()))
        new = [path for path in names if path not in found]
        found |= dict.fromkeys(new)
        texts += [(resources.firmware() / path).read_text(encoding="utf-8") for path in new]
    return tuple(sorted(found))


def _by(kernel: Kernel, text: str) -> str:
    """The file of q32's kernel by another contract; parameters stay below one another."""
    before, of, rest = text.partition(kernel.of)
    head, brace, body = rest.partition("\n{")
    more = " " * (len(kernel.name) - len(of))
    head = head.replace("\n ", f"\n {more}")
    return f'#include "mixcomp/internal/{kernel.requantizer}"\n{before}{kernel.name}{head}{brace}{body}'


def _head(kernel: Kernel) -> str:
    """The function's head, in lines that fit a page."""
    start = f"void {kernel.name}("
    head = f"{start}{kernel.parameters})"
    if "scratch" not in kernel.body:
        return head
    line = f"{head[:-1]}, mce_scratch *scratch)"
    return line if len(line) <= COLUMNS else f"{head[:-1]},\n{' ' * len(start)}mce_scratch *scratch)"
