"""What a model's firmware takes on every board: exported, compiled and measured, by each compiler of this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mixcomp_edge.build.cross import toolchains
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.build.image import read_image
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.codegen.project import export
from mixcomp_edge.errors import BoardError
from mixcomp_edge.targets.boards import Board, boards


@dataclass(frozen=True)
class FirmwareSize:
    """Bytes of flash and RAM (stack, arena and buffers included), or why the board is too small."""

    board: str
    compiler: str
    flash_bytes: int = 0
    ram_bytes: int = 0
    refused: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def firmware_sizes(
    bundle: Bundle, progress: Callable[[int, int], None] | None = None, chosen: list[Board] | None = None
) -> list[FirmwareSize]:
    """A size a board and compiler; warnings are errors."""
    listed = chosen or boards().values()
    every = [(board, chain) for board in listed for chain in toolchains(board.target.triple).values()]
    sizes = []
    with tempfile.TemporaryDirectory(prefix="mixcomp-sizes-") as name:
        for index, (board, chain) in enumerate(every):
            folder = Path(name) / str(index)
            try:
                export(bundle, board.target.name, folder, board=board)
                image = read_image(build_firmware(folder, board, chain), board)
                sizes.append(FirmwareSize(board.name, chain.name, image.flash_bytes, image.ram_bytes))
            except BoardError as error:
                sizes.append(FirmwareSize(board.name, chain.name, refused=str(error)))
            if progress is not None:
                progress(index + 1, len(every))
    return sizes
