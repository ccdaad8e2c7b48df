from __future__ import annotations

import ctypes
import os

import pytest

from firmware import build


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the library is given, with sanitizers, say: only what calls it."""
    if "MCE_TEST_LIBRARY" in os.environ:
        items[:] = [item for item in items if {"kernels", "all_kernels"} & {*getattr(item, "fixturenames", ())}]


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Made once, also for several processes of pytest-xdist, whose folders lie side by side."""
    several = "PYTEST_XDIST_WORKER" in os.environ
    return build.load(tmp_path_factory.getbasetemp().parent if several else tmp_path_factory.mktemp("kernels"))
