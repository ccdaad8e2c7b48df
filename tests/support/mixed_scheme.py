"""Where example 03 lies, and its page."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples" / "03_mixed_scheme"


def readme() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")
