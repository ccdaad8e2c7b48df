"""mixcomp-edge flash"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from mixcomp_edge.cli.common import ChainOption, JsonFlag, console, output, print_json, progress_bar
from mixcomp_edge.errors import BoardError


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
        wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for a UF2 drive.", min=0)] = 30,
        timeout: Annotated[float, typer.Option("--timeout", help="Seconds for programming.", min=1)] = 120,
        toolchain: ChainOption = None,
        json: JsonFlag = False,
    ) -> None:
        """Build an exported folder and program its board with it.

        Boards with a debug probe: through pyOCD, then read back. Raspberry Pi Pico and Pico 2: a UF2 file, copied to
        the drive that they show when BOOTSEL is held; or a probe, with --probe. With --port the new firmware must
        answer there with its build id.

        Boards of QEMU: it is started, and the firmware must answer. With --port TCP it then runs on, for `verify DIR
        --on serial:socket://127.0.0.1:TCP`, until Ctrl-C.

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
        elf = build_firmware(folder, the_board, find_chain(toolchain))
        way = Way(probe=probe, drive=drive, port=port, wait_s=wait, timeout_s=timeout)

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
        with machine or nullcontext():
            if json:
                print_json({**result.as_dict(), "folder": str(folder), "build_id": build_id.hex()})
            else:
                output.print(
                    f"{folder}: on {result.board}, {result.flash_bytes:,} B of flash, {result.ram_bytes:,} B of RAM, "
                    f"by {result.method}: {result.where}.",
                    highlight=False,
                    soft_wrap=True,
                )
            sys.stdout.flush()  # a script may wait for it while the board of QEMU runs on
            if machine is not None and port is not None:
                console.print(f"{the_board.name} runs until Ctrl-C.", highlight=False)
                machine.wait()
