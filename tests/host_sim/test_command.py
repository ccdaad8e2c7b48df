"""mixcomp-sim: what it prints, what it writes, and how it refuses."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

import mixcomp_sim
from host_sim.test_system import CHIPS, EXIT, PRINT, VECTORS
from mixcomp_sim.chips import chips, find_chip
from mixcomp_sim.command import main
from mixcomp_sim.errors import EmulatorError

PROGRAM = (
    PRINT
    + """
static volatile int sum;
__attribute__((noinline)) static void work(int n) { for (int i = 0; i < n; i++) sum += i; }
__attribute__((noinline)) int run(int n) { work(n); work(n / 2); return sum; }
int main(void) { ask(4, "ready\\n"); return run(100) - run(0) == 0 ? 0 : 3; }"""
)


@pytest.fixture
def run(capfd):
    """(exit code, standard output, standard error) of the command."""

    def call(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        printed = capfd.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture
def elf(gcc):
    return gcc.build("cortex-m4", PROGRAM, ".c")


def test_the_result_as_json_adds_up(run, elf):
    code, out, _ = run("run", elf, "--chip", "stm32l4r5", "--json")
    result = json.loads(out)
    assert (code, result["output"], result["ending"]["status"]) == (0, "ready\n", 0)
    cycles = result["cycles"]
    assert cycles["low"] <= cycles["nominal"] < cycles["high"]
    assert sum(result["by_cause"].values()) == pytest.approx(cycles["nominal"])
    for shares in (result["functions"], result["lines"]):
        assert sum(share["cycles"] for share in shares) == pytest.approx(cycles["nominal"], rel=1e-6)
        assert sum(share["instructions"] for share in shares) == result["instructions"]
    assert {share["name"]: share["calls"] for share in result["functions"]}["work"] == 4
    assert result["time_ms"]["nominal"] == pytest.approx(cycles["nominal"] / 120e3)
    assert result["energy_uj"]["nominal"] == pytest.approx(
        cycles["nominal"] * find_chip("stm32l4r5").energy_pj_per_cycle / 1e6
    )


def test_the_example_of_the_readme_is_what_the_command_prints(run, tmp_path):
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc is None or not subprocess.check_output([gcc, "-dumpversion"], text=True).startswith("12.2"):
        pytest.skip("the example is gcc 12.2's")
    source, program = tmp_path / "firmware.c", tmp_path / "firmware.elf"
    source.write_text('#include <stdio.h>\nint main(void) { printf("hello %d\\n", 42); return 0; }\n')
    flags = ("-mcpu=cortex-m4", "-mthumb", "-Os", "--specs=rdimon.specs")
    subprocess.run([gcc, *flags, source, "-o", program], check=True)
    page = (Path(mixcomp_sim.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    shown = page.partition("-Os --specs=rdimon.specs\n")[2].partition("`--json`")[0]
    lines = [" ".join(line.split()) for line in shown.splitlines() if line.strip() not in ("", "...")]
    _, out, _ = run("run", program, "--chip", "stm32l4r5")
    assert len(lines) == 10
    assert not set(lines) - {" ".join(line.split()) for line in out.splitlines()}


def test_the_result_for_people_names_the_functions_and_the_programs_text(run, elf):
    code, out, _ = run("run", elf, "--core", "cortex-m4")
    assert code == 0
    assert out.startswith("ready\n")
    assert re.search(r"^work +[\d,]+ +\d+\.\d %", out, re.MULTILINE)


def test_a_function_is_called_with_its_arguments(run, elf):
    code, out, _ = run("run", elf, "--core", "cortex-m4", "--function", "run", "--args", "10", "--json")
    assert (code, json.loads(out)["ending"]["value"]) == (0, 45 + 10)


def test_the_programs_status_becomes_a_failed_check(run, gcc):
    assert (
        run("run", gcc.build("cortex-m4", PRINT + "int main(void) { return 5; }", ".c"), "--core", "cortex-m4")[0] == 1
    )


def test_a_slower_clock_takes_longer_and_waits_less(run, elf):
    fast, slow = (
        json.loads(run("run", elf, "--chip", "stm32l4r5", "--clock", clock, "--json")[1]) for clock in (120, 20)
    )
    assert slow["time_ms"]["nominal"] > 3 * fast["time_ms"]["nominal"]
    assert slow["by_cause"]["flash, code"] == 0 < fast["by_cause"]["flash, code"]


def test_pictures_and_listings_say_what_the_result_says(run, elf, tmp_path):
    picture, listing, trace = (tmp_path / name for name in ("f.svg", "f.txt", "f.json"))
    options = ("--flame", picture, "--annotate", listing, "--trace", trace)
    result = json.loads(run("run", elf, "--core", "cortex-m4", "--json", *options)[1])
    bars = [bar.text or "" for bar in xml.parse(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert any(bar.startswith("work: ") for bar in bars)
    assert "script" not in picture.read_text()
    first = result["functions"][0]
    assert listing.read_text().startswith(f"{first['name']}: {first['cycles']:,.0f} cycles")
    events = [event for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"]
    assert max(event["dur"] for event in events) == pytest.approx(1e3 * result["time_ms"]["nominal"], rel=0.05)


def test_chips_without_a_judged_figure_say_so(run, gcc):
    elf = gcc.build("cortex-m0plus", VECTORS + EXIT)
    assert "has been held against a board" in run("run", elf, "--chip", "rp2040")[1]
    assert sum(not chip.judged for chip in chips().values()) == 7


def test_a_result_says_which_figures_of_its_chip_are_assumed(run, gcc, tmp_path):
    _, out, _ = run("run", gcc.build("cortex-m0plus", PROGRAM, ".c"), "--core", "cortex-m0plus")
    assert "assumed of stm32g0b1, without a document at hand: wait states of its flash, cache, run current" in out
    mine = tmp_path / "mine.toml"
    mine.write_text(run("chips", "stm32g0b1")[1].replace('assumed = ["', 'assumed = [7, "'))
    assert "assumed is a list of texts" in run("chips", mine)[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say for which core: --core C"),
        (["--core", "cortex-m9"], "--core cortex-m9: known are"),
        (["--core", "cortex-m55"], "whose memory is 0x00000000"),
        (["--core", "cortex-m3", "--chip", "rp2040"], "rp2040 has a cortex-m0plus"),
        (["--chip", "esp32"], "unknown chip 'esp32'"),
        (["--chip", "nowhere.toml"], "cannot read the chip file nowhere.toml"),
        (["--core", "cortex-m4", "--function", "nothing"], "no symbol 'nothing'"),
        (["--core", "cortex-m4", "--args", "1"], "name it with --function"),
        (["--core", "cortex-m4", "--function", "run", "--args", *"12345"], "only four fit into registers"),
        (["--core", "cortex-m4", "--stub", "0x20000000=1"], "memory of its own at 0x20000000"),
        (["--core", "cortex-m4", "--clock", "500"], "runs at up to 120 MHz"),
        (["--core", "cortex-m4", "--flame", "/nowhere/f.svg"], "/nowhere/f.svg: No such file"),
        (["--core", "cortex-m4", "--max-instructions", "5"], "more than 5 instructions"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(run, elf, words, said):
    code, out, err = run("run", elf, *words)
    assert code == 2
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"int main(void) {}", b"\x7fELF" + bytes(2000)])
def test_a_file_that_is_no_program_is_refused(run, tmp_path, content):
    (tmp_path / "x.elf").write_bytes(content)
    code, _, err = run("run", tmp_path / "x.elf", "--core", "cortex-m4")
    assert (code, err.count("\n")) == (2, 1)


FILE = """core = "cortex-m4"
clock_hz = 80_000_000
flash_kib = 256
ram_kib = 64
[flash]
wait_states = 3
waits = [[30, 0], [80, 3]]
read_bytes = 16
prefetch = false
icache = { bytes = 512, ways = 2, line_bytes = 16 }
[power]
current_ua_per_mhz = 60
voltage = 3.0
error = 0.2
[[uart]]
data = 0x40001000
status = { "0x40001004" = [1, 3] }
"""


def test_a_chip_of_ones_own_is_read(run, elf, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    assert run("chips", path)[0] == 0
    result = json.loads(run("run", elf, "--chip", path, "--clock", "30", "--json")[1])
    assert (result["chip"], result["clock_hz"], result["by_cause"]["flash, code"]) == ("mine", 30_000_000, 0)


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ('core = "cortex-m4"', "", "'core' is missing"),
        ('core = "cortex-m4"', 'core = "z80"', "core = 'z80'"),
        ("ram_kib = 64", "ram_kib = 0", "ram_kib = 0 is no whole number from 1"),
        ("ram_kib = 64", "ram = 64", "unknown key 'ram'"),
        ("wait_states = 3", "wait_states = -1", "flash.wait_states = -1 is below 0"),
        ("wait_states = 3", "", "flash lacks 'wait_states'"),
        ("wait_states = 3", 'wait_states = "3"', "of the wrong type"),
        ("read_bytes = 16", "read_bytes = 7", "flash.read_bytes = 7"),
        ("ways = 2", "ways = 3", "make no cache"),
        ("[[30, 0], [80, 3]]", "[30, 80]", "flash.waits is a list of [MHz, wait states]"),
        ("voltage = 3.0", "volts = 3.0", "power has no 'volts'"),
        ("data = 0x40001000", "", "[[uart]] has data"),
        ("[power]", "[power", "is no TOML file"),
    ],
)
def test_what_is_wrong_with_a_chip_file_is_said_by_its_name(run, tmp_path, line, instead, said):
    assert line in FILE
    path = tmp_path / "mine.toml"
    path.write_text(FILE.replace(line, instead))
    code, _, err = run("chips", path)
    assert code == 2
    assert said in err
    assert str(path) in err


def test_every_chip_of_ours_says_its_wait_states_at_its_own_clock():
    for chip in chips().values():
        assert chip.at(chip.clock_hz) == chip
        if chip.flash.waits:
            with pytest.raises(EmulatorError, match="runs at up to"):
                chip.at(2 * chip.clock_hz)
    assert {chip.core for chip in map(find_chip, CHIPS.values())} == set(CHIPS)
