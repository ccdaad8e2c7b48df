"""A board's firmware: an exported project, its port and its linker script to an ELF."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from mixcomp_edge.build.cross import Toolchain
from mixcomp_edge.build.flash_files import encode_bin, encode_hex
from mixcomp_edge.build.image import read_image
from mixcomp_edge.documents import MAX_BYTES, read_bytes
from mixcomp_edge.errors import BoardError, ToolchainError
from mixcomp_edge.storage import check_folder, digest, sealed, unsealed, write_folder
from mixcomp_edge.targets.boards import Board

STAMP = "firmware.json"
BUILT = ("elf", "map", "hex", "bin")  # firmware.elf and so on: keys of the stamp, which has their digests
WARNINGS = ("-Wall", "-Wextra", "-Werror")
OUR_WARNINGS = (*WARNINGS, "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Wmissing-prototypes")
_OVERFLOW = re.compile(r"region [`'](\w+)' overflowed by (\d+) bytes|in region '(\w+)': overflowed by (\d+) bytes")


def build_firmware(project: Path, board: Board, chain: Toolchain) -> Path:
    """firmware/firmware.elf of an exported project, compiled again only when a source or the compiler has changed.
    Beside it lie the same as .hex and .bin, and the linker's map.

    The folder is ours: `build` is where people let CMake work."""
    place = project / "firmware"
    elf_file = place / _file("elf")
    wanted = {"board": board.name, "compiler": chain.version(), "sources": _digest(project)}
    stamp = _stamp(place)
    ours = {STAMP: digest((place / STAMP).read_bytes())} if stamp else {}
    if stamp:
        ours |= {_file(kind): stamp[kind] for kind in BUILT if kind in stamp}
        if stamp["of"] == wanted and all(_is(place / _file(kind), stamp.get(kind)) for kind in BUILT):
            return elf_file
    check_folder(place, ours)
    include = [project / "include"]
    with tempfile.TemporaryDirectory(prefix="mixcomp-firmware-") as name:
        folder = Path(name)
        hook = ("-include", str(project / "board" / "mce_app_hook.h"), *WARNINGS)
        objects = chain.compile(
            sorted((project / "src").glob("*.c")), include, board.target, _made(folder / "src"), hook
        )
        sources = sources_in(project / "board")
        include = [project / "board", *include]
        objects += chain.compile(sources, include, board.target, _made(folder / "board"), OUR_WARNINGS)
        elf = _link(objects, project / "board" / "link.ld", board, folder, chain)
        image = read_image(elf, board)
        built = {
            "elf": elf.read_bytes(),
            "map": elf.with_suffix(".map").read_bytes(),
            "hex": encode_hex(image),
            "bin": encode_bin(image),
        }
    files = {_file(kind): data for kind, data in built.items()}
    files[STAMP] = sealed({"of": wanted, **{kind: digest(data) for kind, data in built.items()}})
    write_folder(place, files, ours)
    return elf_file


def _file(kind: str) -> str:
    return f"firmware.{kind}"


def _stamp(place: Path) -> dict[str, Any] | None:
    """What the firmware in a folder was built from, and its digests; None where there is none of ours."""
    try:
        stamp = unsealed(read_bytes(place / STAMP, MAX_BYTES, ToolchainError))
    except ToolchainError:
        return None
    return stamp if stamp is not None and {"of", "elf", "map"} <= stamp.keys() else None


def _is(path: Path, wanted: object) -> bool:
    return path.is_file() and digest(path.read_bytes()) == wanted


def sources_in(folder: Path) -> list[Path]:
    """The C and assembler files of a folder, in the order in which they are linked."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".c", ".S"))


def link_firmware(sources: list[Path], include: list[Path], board: Board, folder: Path, chain: Toolchain) -> Path:
    """Compiles C and assembler files for a board and links them by the link.ld that lies in `include`.

    Returns folder/firmware.elf."""
    objects = chain.compile(sources, include, board.target, folder, OUR_WARNINGS)
    script = next(path / "link.ld" for path in include if (path / "link.ld").is_file())
    return _link(objects, script, board, folder, chain)


def _link(objects: list[Path], script: Path, board: Board, folder: Path, chain: Toolchain) -> Path:
    """What does not fit is an error that says by how many bytes."""
    try:
        return chain.link(objects, board.target, folder / _file("elf"), script, "mce_port_reset")
    except ToolchainError as error:
        found = {m[1] or m[3]: int(m[2] or m[4]) for m in _OVERFLOW.finditer(str(error))}
        sizes = {"FLASH": board.flash_bytes, "RAM": board.ram_bytes}
        texts = [
            f"{region} has {sizes[region]:,} B, the firmware needs {sizes[region] + over:,} B ({over:,} B too many)"
            for region, over in sorted(found.items())
            if region in sizes
        ]
        if not texts:
            raise
        raise BoardError(f"too large for {board.name}: {'; '.join(texts)}.") from error


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _digest(project: Path) -> str:
    """SHA-256 over the names and contents of all that is compiled."""
    digest = hashlib.sha256()
    for path in sorted(p for part in ("board", "include", "src") for p in (project / part).rglob("*") if p.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(project)} {len(content)}\n".encode() + content)
    return digest.hexdigest()
