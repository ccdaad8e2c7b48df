"""An ELF is taken for a board only if it was linked for its flash and fits it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware.ports.test_ports import build
from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.image import read_image
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import boards

PICO = boards()["pico"]


@pytest.fixture(scope="module", params=list(toolchains()))
def elf(request, tmp_path_factory):
    return build(PICO, tmp_path_factory.mktemp("elf"), toolchains()[request.param])


def test_sizes_are_those_of_the_link(elf):
    image = read_image(elf, PICO)
    assert image.chunks[0].address == 0x10000000
    assert 1000 < image.flash_bytes < 4000
    assert 2048 + 256 <= image.ram_bytes < 2048 + 512  # the stack, echo's ring, a few words


def test_what_is_too_large_is_refused_in_bytes(elf):
    image = read_image(elf, PICO)
    with pytest.raises(
        BoardError, match=rf"{image.flash_bytes:,} B of flash, which has 1,000 B \({image.flash_bytes - 1000:,} B"
    ):
        read_image(elf, replace(PICO, flash_bytes=1000))
    with pytest.raises(
        BoardError, match=rf"{image.ram_bytes:,} B of RAM, which has 2,000 B \({image.ram_bytes - 2000:,} B"
    ):
        read_image(elf, replace(PICO, ram_bytes=2000))


def test_an_image_for_other_flash_is_refused(elf):
    with pytest.raises(BoardError, match=r"starts at 0x10000000, the flash of nucleo-f446re at 0x08000000"):
        read_image(elf, boards()["nucleo-f446re"])


@pytest.mark.parametrize(
    ("cut", "message"),
    [(0, "not a 32-bit Arm ELF"), (15, "not a 32-bit Arm ELF"), (40, "ends in the middle"), (400, "is cut")],
)
def test_a_cut_file_is_refused(elf, tmp_path, cut, message):
    (tmp_path / "cut.elf").write_bytes(elf.read_bytes()[:cut])
    with pytest.raises(BoardError, match=message):
        read_image(tmp_path / "cut.elf", PICO)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BoardError, match="No such file"):
        read_image(tmp_path / "none.elf", PICO)
