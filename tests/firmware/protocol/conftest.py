import pytest

from firmware.protocol.host_device import HostDevice


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> HostDevice:
    return HostDevice(tmp_path_factory.mktemp("device"))


@pytest.fixture
def device(library) -> HostDevice:
    library.reset()
    return library
