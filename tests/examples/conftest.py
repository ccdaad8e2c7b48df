"""What the tests of the examples share."""

from __future__ import annotations

import importlib
import sys

import pytest

from support.mixed_scheme import FOLDER


@pytest.fixture
def example(monkeypatch):
    """Imports a module of example 03 by name; its modules are gone afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)
