"""What mkdocs is told beside docs/mkdocs.yml: the repository's own pages are part of the site, links hold in both, and
`<!-- generated: NAME -->` becomes what reference.py reads out of the code."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import reference
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PAGES = "docs/pages/"
OWN = (  # pages of the repository, and the pictures in them
    *("README.md", "SPEC.md", "ARCHITECTURE.md", "DECISIONS.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("firmware/mlperf_tiny.md", "firmware/ports/README.md", "host_sim/README.md", "host_sim/mac/README.md"),
    *("examples/*/README.md", "examples/*/plots/*.svg"),
)
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^()\s]+)\)")
MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
LIST_OR_TABLE = re.compile(r"^(?:[-*] |\d+\. |\|)")


def place_on_site(path: str) -> str:
    """The site's name for a file of the repository: docs/pages is its top, a README its folder's first page."""
    path = path.removeprefix(PAGES)
    return f"{path.removesuffix('README.md')}index.md" if posixpath.basename(path) == "README.md" else path


def own_pages() -> dict[str, str]:
    """Path in the repository, of all that is on the site -> place on the site."""
    found = [path for pattern in (*OWN, f"{PAGES}**/*.md") for path in sorted(ROOT.glob(pattern))]
    return {path.relative_to(ROOT).as_posix(): place_on_site(path.relative_to(ROOT).as_posix()) for path in found}


def on_files(files: Any, config: Any) -> Any:
    for path, place in own_pages().items():
        if not path.startswith(PAGES):
            files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    pages = own_pages()
    here = next(path for path, place in pages.items() if place == page.file.src_uri)
    markdown = MARK.sub(lambda mark: reference.GENERATED[mark[1]](), markdown)
    return LINK.sub(lambda link: linked(link, here, pages), with_room(markdown))


def linked(link: re.Match[str], here: str, pages: dict[str, str]) -> str:
    """A link to a page as the site has it; to another file of the repository its text alone. What is neither stays, and
    mkdocs refuses it."""
    text, target = link.groups()
    path, _, anchor = target.partition("#")
    if not path or ":" in path:
        return link[0]
    there = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
    there = there if there in pages else posixpath.join(there, "README.md")
    if there in pages:
        relative = posixpath.relpath(pages[there], posixpath.dirname(pages[here]) or ".")
        return f"{text}({relative}{'#' if anchor else ''}{anchor})"
    return text.strip("![]") if (ROOT / posixpath.dirname(here) / path).exists() else link[0]


def with_room(markdown: str) -> str:
    """An empty line before each list and table that follows a paragraph: GitHub needs none, Python-Markdown does."""
    lines: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        before = lines[-1] if lines else ""
        follows_text = before.strip() and not LIST_OR_TABLE.match(before) and not before.startswith((" ", "#", "```"))
        if not fenced and LIST_OR_TABLE.match(line) and follows_text:
            lines.append("")
        lines.append(line)
    return "\n".join(lines)
