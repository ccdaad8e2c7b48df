"""mixcomp-edge flash"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixcomp_edge.cli.common import ChainOption, JsonFlag, console, output, print_json, progress_bar
from mixcomp_edge.errors import BoardError

if TYPE_CHECKING:
    from mixcomp_edge.board.flash import Flashed


def register(app: typer.Typer) -> None:
    @app.command()
    def flash(
        folder: Annotated[Path, typer.Argument(help="A folder of `export --board`.", metavar="DIR")],
        board: Annotated[str | None, typer.Option("--board", "-b", help="Insist on this board.")] = None,
        probe: Annotated[
            str | None, typer.Option("--probe", help="A debug probe, by part of its id.", metavar="ID")
        ] = None,
        drive: Annotated[
            Path | None, typer.Option("--drive", help="Where the board's UF2 drive is mounted.", metavar="DIR")
        ] = None,
        port: Annotated[
            str | None,
            typer.Option("--port", help="Serial port where the firmware must answer; for QEMU, a TCP port to keep."),
        ] = None,
        pty: Annotated[
            bool,
            typer.Option("--pty", help="For QEMU: a pseudo terminal to keep, for programs that know only devices."),
        ] = False,
        wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for a UF2 drive.", min=0)] = 30,
        timeout: Annotated[float, typer.Option("--timeout", help="Seconds for programming.", min=1)] = 120,
        toolchain: ChainOption = None,
        json: JsonFlag = False,
    ) -> None:
        """Build an exported folder and program its board with it.

        Boards with a debug probe: through pyOCD, then read back. Raspberry Pi Pico and Pico 2: a UF2 file, copied to
        the drive that they show when BOOTSEL is held; or a probe, with --probe. With --port the new firmware must
        answer there with its build id.

        Boards of QEMU: it is started, the firmware must answer, and it is ended. With --port TCP it runs on until
        Ctrl-C, for `verify DIR --on serial:socket://127.0.0.1:TCP`; with --pty, too, as a device that it names.

        Examples: mixcomp-edge flash resnet8_fw --port /dev/ttyACM0

        mixcomp-edge flash resnet8_qemu --port 5555
        """
        from mixcomp_edge.board.flash import Way, install
        from mixcomp_edge.build.cross import toolchain as find_chain
        from mixcomp_edge.build.firmware import build_firmware
        from mixcomp_edge.codegen.project import read_firmware

        the_board, build_id = read_firmware(folder)
        if board not in (None, the_board.name):
            raise BoardError(
                f"{folder} was exported for {the_board.name}, not for {board}. Export it again with --board {board}."
            )
        elf = build_firmware(folder, the_board, find_chain(toolchain, the_board.target.triple))
        way = Way(probe=probe, drive=drive, port=port, terminal=pty, wait_s=wait, timeout_s=timeout)

        try:
            with progress_bar() as tell:
                result, machine = install(
                    elf, the_board, build_id, way,
                    progress=lambda what, done, of: tell(f"{what}, bytes", done, of),
                    say=lambda text: console.print(text, highlight=False, markup=False),
                )  # fmt: skip
        except KeyboardInterrupt:
            console.print(f"Broken off: {the_board.name} may hold half a firmware. Flash it again.", highlight=False)
            raise
        stays = machine is not None and (port is not None or pty)
        if machine is not None and not stays:
            result = replace(result, where=f"{the_board.target.qemu} -M {the_board.qemu}")  # its port goes with it
        with machine or nullcontext():
            if json:
                print_json(
                    {**result.as_dict(), "folder": str(folder), "build_id": build_id.hex(), "runs_on": bool(stays)}
                )
            else:
                output.print(_told(folder, result, stays=bool(stays)), highlight=False, soft_wrap=True)
            sys.stdout.flush()  # a script may wait for it while the board of QEMU runs on
            if machine is not None and stays:
                console.print(f"{the_board.name} runs until Ctrl-C.", highlight=False)
                machine.wait()


def _told(folder: Path, result: Flashed, *, stays: bool) -> str:
    """What was done, and what to do next."""
    size = f"{result.flash_bytes:,} B of flash, {result.ram_bytes:,} B of RAM"
    if result.method != "qemu":
        return (
            f"{folder}: on {result.board}, {size}, by {result.method}: {result.where}.\n"
            f"next: mixcomp-edge verify {folder} --on serial:PORT"
        )
    if stays:
        return (
            f"{folder}: runs on {result.board} in QEMU, {size}: {result.where}\n"
            f"next: mixcomp-edge verify {folder} --on serial:{result.where}"
        )
    return (
        f"{folder}: started on {result.board} in QEMU, {size}; the firmware answered with this export's build id, and "
        f"QEMU was ended.\nnext: mixcomp-edge verify {folder} --on qemu:{result.board}, or keep it running by --port "
        "TCP or --pty"
    )
