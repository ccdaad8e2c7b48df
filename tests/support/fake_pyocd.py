"""A debug probe without hardware: the part of pyOCD that we call, with a chip whose flash is a dict. It records every
call, so that tests see what was done to the chip and in which order. test_probe.py holds its signatures to pyOCD's."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from elftools.elf.elffile import ELFFile


class Error(Exception): ...


class TargetSupportError(Error): ...


class FlashProgramFailure(Error): ...


@dataclass
class FakeProbe:
    unique_id: str
    description: str = "a recorded probe"


@dataclass
class Bench:
    """The probes on the desk and the chip behind them. `fail` is raised in the middle of programming; `stuck` is an
    address whose byte does not take."""

    probes: list[FakeProbe] = field(default_factory=lambda: [FakeProbe("0669FF12")])
    known_targets: tuple[str, ...] = ("nrf52840", "stm32f446retx")
    fail: BaseException | None = None
    stuck: int | None = None
    flash: dict[int, int] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def modules(self) -> dict[str, ModuleType]:
        """What `import pyocd...` is to find."""
        bench = self

        class ConnectHelper:
            @staticmethod
            def get_all_connected_probes(blocking=True, unique_id=None, print_wait_message=True):
                assert not blocking, "would wait for ever"
                return list(bench.probes)

            @staticmethod
            def session_with_chosen_probe(
                blocking=True, return_first=False, unique_id=None, auto_open=True, options=None, **kwargs
            ):
                assert not blocking, "would wait for ever"
                fitting = [probe for probe in bench.probes if unique_id in probe.unique_id]
                return Session(bench, fitting[0], options) if fitting else None

        class FileProgrammer:
            def __init__(self, session, progress=None, chip_erase=None, smart_flash=None, trust_crc=None,
                         keep_unwritten=None, no_reset=None):  # fmt: skip
                self.progress = progress

            def program(self, file_or_path, file_format=None, **kwargs):
                bench.calls.append(("program", Path(file_or_path).name, file_format))
                with open(file_or_path, "rb") as file:
                    parts = [(p["p_paddr"], p.data()) for p in ELFFile(file).iter_segments("PT_LOAD")]
                for index, (address, data) in enumerate(parts):
                    bench.flash |= {address + i: byte for i, byte in enumerate(data)}
                    self.progress((index + 1) / len(parts))
                    if bench.fail is not None:
                        raise bench.fail
                if bench.stuck is not None:
                    bench.flash[bench.stuck] ^= 0xFF

        names = ("pyocd", "pyocd.core", "pyocd.core.exceptions", "pyocd.core.helpers", "pyocd.flash",
                 "pyocd.flash.file_programmer")  # fmt: skip
        made = {name: ModuleType(name) for name in names}
        vars(made["pyocd.core.exceptions"]).update(Error=Error, TargetSupportError=TargetSupportError)
        vars(made["pyocd.core"])["exceptions"] = made["pyocd.core.exceptions"]
        vars(made["pyocd.core.helpers"])["ConnectHelper"] = ConnectHelper
        vars(made["pyocd.flash.file_programmer"])["FileProgrammer"] = FileProgrammer
        return made

    def install(self, monkeypatch) -> None:
        for name, module in self.modules().items():
            monkeypatch.setitem(sys.modules, name, module)


class Session:
    def __init__(self, bench, probe, options):
        self.bench, self.options, self.target = bench, options, self
        if options["target_override"] not in bench.known_targets:
            raise TargetSupportError(f"Target type {options['target_override']} not recognized.")
        bench.calls.append(("connect", probe.unique_id, options["target_override"]))

    def __enter__(self):
        self.bench.calls.append(("open",))
        return self

    def __exit__(self, *_):
        self.bench.calls.append(("close",))

    def read_memory_block8(self, address, size):
        self.bench.calls.append(("read", address, size))
        return [self.bench.flash[address + i] for i in range(size)]

    def reset(self):
        self.bench.calls.append(("reset",))
