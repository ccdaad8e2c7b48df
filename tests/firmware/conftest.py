import ctypes

import pytest

from firmware import build


@pytest.fixture(scope="session")
def kernels(tmp_path_factory) -> ctypes.CDLL:
    return build.load(tmp_path_factory.mktemp("kernels"))
