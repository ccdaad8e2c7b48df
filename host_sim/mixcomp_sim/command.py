"""The command `mixcomp-sim`: any Thumb or RISC-V ELF on a modelled chip. Exit code 0: it ran; 1: the program ended
with a status that is not 0; 2: an error, in one sentence; 130: broken off."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chip import Chip
    from .report import Report, Share

_ABOUT = """Runs an ELF (any firmware or test for Cortex-M0+, M3, M4, M7, M33, M55 or RV32IMAC) on a modelled chip and
says what it costs: instructions (counted), cycles, time and energy (modelled, with error bars), by function and by
line."""
_RUN = """Runs a program and says what it costs.

Where it begins: at the vector table's reset entry; without such a table at the ELF's entry, with a stack at the end of
its RAM (as newlib's rdimon wants it); or at one function, with --function: then .data is in place, no start-up code
runs, and the function gets a stack of 1 MiB of its own.

What it may use: semihosting by BKPT 0xAB (printing, reading from --stdin, time, exit); SysTick, PendSV, SVC and
interrupts that the program itself makes pending; the cycle counter DWT->CYCCNT; the chip's UARTs, which print. Every
other register of a peripheral keeps what is written to it and reads 0 before, or what --stub says; the result names
them.

A program for rv32imac begins at its ELF's entry and has semihosting by EBREAK, --uart and --stub, but no interrupts and
no clock: its cycles are those of Hazard3's pipeline.

Cortex-M55 runs in QEMU's mps3-an547, which has UART and SysTick of its own: instructions are counted, cycles are the
core's table times these; --stub, --uart, --seconds, --flame and --trace are not to be had there.

How it ends: by semihosting's exit, the function's return, an endless loop or WFI that nothing ends, a reset that it
asks for, or --seconds of the chip's time."""
_UNICORN_ONLY = ("stub", "uart", "flame", "trace")
_EXAMPLES = """examples:
  mixcomp-sim run hello.elf --core cortex-m4
  mixcomp-sim run firmware.elf --chip stm32l4r5 --seconds 0.5 --stub 0x40021000=0x02000503
  mixcomp-sim run lib.elf --chip nrf52840 --function fir --args 0x20000100 64 --annotate fir.txt --flame fir.svg
  mixcomp-sim run hello.elf --chip mychip.toml --clock 48 --json
  mixcomp-sim run hello.elf --core rv32imac --uart 0x10000000
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    options = _parser().parse_args(arguments)
    try:
        missing = [name for name in ("unicorn", "capstone", "elftools") if importlib.util.find_spec(name) is None]
        if missing:
            _fail(f"{', '.join(missing)} not installed. Run pip install 'mixcomp-edge[sim]'.", options)
        sys.exit(options.act(options))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__name__ not in ("EmulatorError", "BuildError"):
            raise
        _fail(f"{error.filename}: {error.strerror}." if isinstance(error, OSError) else str(error), options)


def _fail(message: str, options: argparse.Namespace) -> None:
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    if getattr(options, "json", False):
        print(json.dumps({"error": message}))
    print(f"error: {text}", file=sys.stderr)
    sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("mixcomp-sim", description=_ABOUT, formatter_class=layout)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    run = verbs.add_parser("run", help="run a program", description=_RUN, epilog=_EXAMPLES, formatter_class=layout)
    run.set_defaults(act=_run)
    run.add_argument("elf", type=Path, metavar="X.elf")
    where = run.add_argument_group("the chip")
    names = "cortex-m0plus, -m3, -m4, -m7, -m33, -m55 or rv32imac"
    where.add_argument("--core", metavar="C", help=f"{names}; its usual chip stands for it")
    where.add_argument("--chip", metavar="NAME|F.toml", help="a chip of `mixcomp-sim chips`, or a file of your own")
    where.add_argument("--clock", type=_positive, metavar="MHZ", help="another clock, with its wait states")
    where.add_argument("--wait-states", type=_whole, metavar="N", help="of the flash, whatever the chip's file says")
    where.add_argument("--zero-wait", action="store_true", help="as if the flash were as fast as the core")
    begin = run.add_argument_group("where it begins, and what it gets")
    begin.add_argument("--from-reset", action="store_true", help="the default")
    begin.add_argument("--function", metavar="F", help="call one function instead")
    begin.add_argument("--args", nargs="+", type=_word, default=[], metavar="N", help="its arguments: up to four words")
    begin.add_argument("--stdin", metavar="FILE", help="what semihosting and UARTs read; - for this command's own")
    begin.add_argument("--uart", type=_word, action="append", default=[], metavar="ADDRESS",
                       help="a register that prints what is written to it")  # fmt: skip
    begin.add_argument("--stub", type=_stub, action="append", default=[], metavar="ADDRESS=VALUE",
                       help="what a peripheral's register reads as")  # fmt: skip
    limits = run.add_argument_group("how far")
    limits.add_argument("--seconds", type=_positive, metavar="S", help="of the chip's time")
    limits.add_argument("--max-instructions", type=_whole, default=5_000_000_000, metavar="N")
    limits.add_argument("--timeout", type=_positive, default=60.0, metavar="S", help="of this machine's time (60)")
    shown = run.add_argument_group("what to show")
    shown.add_argument("--json", action="store_true", help="one JSON object; the program's own text goes into it")
    shown.add_argument("--top", type=_whole, default=10, metavar="N", help="functions and lines to list (10)")
    shown.add_argument("--annotate", type=Path, metavar="FILE", help="write the disassembly with costs beside it")
    shown.add_argument("--flame", type=Path, metavar="FILE.svg", help="write a flame graph")
    shown.add_argument("--trace", type=Path, metavar="FILE.json", help="write a profile for Perfetto or speedscope")
    chips = verbs.add_parser("chips", help="list the chips, or print one as a file to start from")
    chips.set_defaults(act=_chips)
    chips.add_argument("name", nargs="?", metavar="NAME|F.toml", help="print that chip's file, or check yours")
    return parser


def _word(text: str) -> int:
    value = int(text, 0)
    if not -(1 << 31) <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{text} does not fit into 32 bits")
    return value


def _stub(text: str) -> tuple[int, int]:
    address, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text} is no ADDRESS=VALUE")
    return _word(address), _word(value)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _whole(text: str) -> int:
    value = int(text, 0)
    if not 0 <= value <= 10**15:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def _chips(options: argparse.Namespace) -> int:
    from .chips import chips, read_chip

    if options.name is None:
        for chip in chips().values():
            judged = f"judged: {chip.judged}" if chip.judged else "not held against a board"
            print(f"{chip.name:16} {chip.description}; {judged}")
        return 0
    if options.name.endswith(".toml"):
        print(f"{options.name} is sound: {read_chip(Path(options.name)).description}")
        return 0
    chip = _known(options.name)
    print((Path(__file__).parent / "chips" / f"{chip.name}.toml").read_text(encoding="utf-8"), end="")
    return 0


def _known(name: str) -> Chip:
    from .chips import find_chip
    from .errors import EmulatorError

    try:
        return find_chip(name)
    except ValueError as error:
        raise EmulatorError(f"{error} A chip of your own: --chip FILE.toml, see mixcomp-sim chips stm32l4r5.") from None


def _chip(options: argparse.Namespace) -> Chip:
    from .chips import default_chip, read_chip
    from .cores import cores
    from .errors import EmulatorError
    from .system import zero_wait

    able = list(cores())
    if options.core is None and options.chip is None:
        raise EmulatorError(f"say for which core: --core C, one of {', '.join(able)}, or --chip NAME|F.toml.")
    if options.core is not None and options.core not in able:
        raise EmulatorError(f"--core {options.core}: known are {', '.join(able)}.")
    if options.chip is None:
        chip = default_chip(options.core)
    else:
        chip = read_chip(Path(options.chip)) if options.chip.endswith(".toml") else _known(options.chip)
        if chip.core not in able or options.core not in (None, chip.core):
            raise EmulatorError(f"{chip.name} has a {chip.core}, which is not --core {options.core or able}.")
    if options.clock is not None:
        chip = chip.at(round(options.clock * 1e6))
    if options.wait_states is not None:
        chip = chip.waiting(options.wait_states)
    return zero_wait(chip) if options.zero_wait else chip


def _run(options: argparse.Namespace) -> int:
    from .cores import find_core
    from .errors import EmulatorError
    from .families import RISCV
    from .outcome import Limits, Start
    from .qemu_system import QemuSystem
    from .report import make_report
    from .riscv import RiscvProgram
    from .system import System

    if options.args and options.function is None:
        raise EmulatorError("--args are for a function: name it with --function.")
    if len(options.args) > 4:
        raise EmulatorError(f"--args has {len(options.args)} words, but only four fit into registers.")
    if options.function is not None and options.from_reset:
        raise EmulatorError("--from-reset and --function exclude each other.")
    chip, said = _chip(options), bytearray()

    def output(text: bytes) -> None:
        said.extend(text)
        if not options.json:
            sys.stdout.buffer.write(text)
            sys.stdout.flush()

    start, given = Start(options.function, tuple(options.args)), b"" if options.stdin is None else _bytes(options.stdin)
    core = find_core(chip.core)
    if core.family is RISCV and (options.flame is not None or options.trace is not None):
        raise EmulatorError("--flame and --trace follow the calls of Cortex-M programs; take --annotate or --json.")
    system: System | RiscvProgram | QemuSystem
    if core.model:
        kind = RiscvProgram if core.family is RISCV else System
        system = kind(options.elf, chip, start, output=output, input=given, stubs=options.stub, uarts=options.uart)
    else:
        if missing := [name for name in _UNICORN_ONLY if getattr(options, name)]:
            raise EmulatorError(f"--{missing[0]}: {chip.core} runs in QEMU, which has no such thing.")
        system = QemuSystem(options.elf, chip, start, output=output, input=given)
    outcome = system.run(Limits(options.seconds, options.max_instructions, options.timeout))
    report = make_report(options.elf.name, system.image, chip, outcome)
    names = [label.name for label in system.image.labels]
    if options.annotate is not None:
        from .listing import listing

        _write(options.annotate, "\n".join(listing(system.image, outcome)))
    if options.flame is not None:
        from .flame import flame_graph

        _write(options.flame, flame_graph(outcome.calls, names, f"{report.program} on {chip.name}"))
    if options.trace is not None:
        from .flame import call_trace

        trace = call_trace(outcome.calls, names, chip.clock_hz, f"{report.program} on {chip.name}")
        _write(options.trace, json.dumps(trace))
    if options.json:
        print(json.dumps(report.as_dict() | {"output": said.decode("utf-8", "replace")}))
    else:
        if said and not said.endswith(b"\n"):
            print()
        print("\n".join(_lines(report, options.top)))
    return 1 if report.ending["status"] else 0


def _bytes(source: str) -> bytes:
    return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _lines(report: Report, top: int) -> list[str]:
    """The report for a person."""
    cycles, ms, energy = report.cycles, report.time_ms, report.energy_uj
    lines = [
        f"{report.program} on {report.chip}, {report.core} at {report.clock_hz / 1e6:g} MHz: {report.ending['text']}",
        f"instructions {report.instructions:>16,}",
        f"cycles       {cycles.nominal:>16,.0f}  ({cycles.low:,.0f} to {cycles.high:,.0f})",
        f"time         {ms.nominal:>16,.4g}  ms ({ms.low:.4g} to {ms.high:.4g})",
        "energy       not known: the chip's file has no [power]"
        if energy is None
        else f"energy       {energy.nominal:>16,.4g}  uJ ({energy.low:.4g} to {energy.high:.4g})",
    ]
    if report.stack_bytes is not None:
        lines.append(f"stack        {report.stack_bytes:>16,}  bytes at most")
    if report.asleep_cycles:
        lines.append(f"asleep       {report.asleep_cycles:>16,}  cycles more, not in the figures above")
    lines += ["", "where the cycles go"]
    lines += [
        f"  {cause:30} {value:>14,.0f}  {100 * value / (cycles.nominal or 1):5.1f} %"
        for cause, value in report.by_cause.items()
        if value
    ]
    if report.memory:
        lines += ["", "memory traffic                     reads          bytes         writes          bytes"]
    lines += [
        f"  {place:20} {m['reads']:>19,} {m['read_bytes']:>14,} {m['writes']:>14,} {m['written_bytes']:>14,}"
        for place, m in report.memory.items()
    ]
    if any(report.unaligned.values()):
        lines.append(f"  unaligned: {report.unaligned['reads']:,} reads, {report.unaligned['writes']:,} writes")
    lines += _table("function", report.functions, top, cycles.nominal)
    lines += _table("line", report.lines, top, cycles.nominal)
    for name, times in report.exceptions.items():
        lines.append(f"note: {name} came {times:,} times")
    for register, place in report.unknown_registers.items():
        lines.append(f"note: {register}, first used in {place}, is a register without a model; --stub gives it a value")
    for name, times in report.unlisted_instructions.items():
        lines.append(f"note: {name}, executed {times:,} times, has no figure for {report.core} and counts as one cycle")
    return lines + [f"note: {note}" for note in report.notes]


def _table(what: str, shares: Sequence[Share], top: int, total: float) -> list[str]:
    if not shares or not top:
        return []
    lines = ["", f"{what:36} {'cycles':>14} {'share':>7} {'instructions':>14} {'flash waits':>12} {'calls':>9}"]
    for share in shares[:top]:
        calls = f"{share.calls:,}" if share.calls else ""
        lines.append(
            f"{share.name[:36]:36} {share.cycles:>14,.0f} {100 * share.cycles / (total or 1):>5.1f} % "
            f"{share.instructions:>14,} {share.stalls:>12,.0f} {calls:>9}"
        )
    return [*lines, *([f"... and {len(shares) - top} more"] if len(shares) > top else [])]
