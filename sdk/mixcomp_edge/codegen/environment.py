"""Jinja2 as all templates are read."""

from __future__ import annotations

import jinja2

from mixcomp_edge import resources


def environment() -> jinja2.Environment:
    """A new one: who renders adds filters and globals of its own. A name that a template does not know is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
