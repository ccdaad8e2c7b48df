"""The runner's side of MLPerf Tiny's text commands, against boards that are played here: good ones, and any others."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from mixcomp_edge.board.mlperf import Accuracy, Device, Runner, evaluate, measure, write_results
from mixcomp_edge.board.mlperf.accuracy import area_under_curve
from mixcomp_edge.board.mlperf.benchmarks import BENCHMARKS
from mixcomp_edge.board.mlperf.dataset import read_dataset
from mixcomp_edge.board.mlperf.tree import check_results
from mixcomp_edge.codegen.profiles import PROFILES
from mixcomp_edge.errors import BoardError, StorageError, TaskError
from support.hostile_board import HostileBoard
from support.text_board import Board


def runner(board: Board) -> Runner:
    return Runner(board, clock=board.clock)


def test_the_client_and_the_firmware_mean_the_same_benchmarks():
    assert {name: (profile.elements * (4 if profile.value is None else 1)) for name, profile in PROFILES.items()} == {
        name: benchmark.input_bytes for name, benchmark in BENCHMARKS.items()
    }
    for name, profile in PROFILES.items():
        assert BENCHMARKS[name].results == (1 if profile.reconstruction else profile.outputs)


@pytest.mark.parametrize("chunk", [1, 7, 20, 1000])
@pytest.mark.parametrize(
    "before", [b"", b"m-init-done\r\nm-ready\r\n", b"half\r\nm-ready\r\nm-ready\r\n"], ids=["quiet", "starts", "busy"]
)
def test_an_answer_is_that_of_its_command_whatever_the_board_said_before(before, chunk):
    talk = runner(Board(before=before, chunk=chunk))
    assert talk.identify() == Device("played", BENCHMARKS["kws01"])
    assert talk.ask("name", r"m-name-dut-\[(.*)\]") == ["played"]


class Timed(Board):
    """Infers in `us` microseconds by a clock with ticks of `tick`; `skew` is added between the two times."""

    def __init__(self, us: int, tick: int = 1, skew: int = 0) -> None:
        super().__init__()
        self.us, self.tick, self.skew, self.asked = us, tick, skew, []

    def infer(self, inferences: int, warmups: int) -> list[str]:
        self.asked.append((inferences, warmups))
        start = round(self.now * 1e6) + warmups * self.us
        end = start + inferences * self.us
        self.now = end / 1e6
        start, end = (time // self.tick * self.tick for time in (start, end + self.skew))
        return [f"m-lap-us-{start}", f"m-lap-us-{end}", "m-infer-done", f"m-results-[{','.join(['0.500'] * 12)}]"]


@pytest.mark.parametrize(
    ("us", "tick", "calls"),
    [(12_000_000, 1, 1), (4_000_000, 1, 2), (50_000, 1, 3), (300, 1, 4), (300, 1_000_000, 4), (1, 1, 5)],
)
def test_a_window_lasts_ten_seconds_or_more(us, tick, calls):
    board = Timed(us, tick)
    talk = runner(board)
    performance = measure(talk, talk.identify(), [bytes(490)] * 5)
    assert all(window.seconds >= 10 for window in performance.windows)
    assert len(board.asked) == 5 * calls
    assert performance.median == pytest.approx(1e6 / us, rel=0.1)
    assert performance.windows[0].results == (0.5,) * 12
    assert f"Median throughput is {performance.median:.3f} inf./sec." in performance.lines()


class Clockless(Timed):
    """Its times are two numbers, whatever passes."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(1000)
        self.times = start, end

    def infer(self, inferences: int, warmups: int) -> list[str]:
        *_, done, results = super().infer(inferences, warmups)
        return [*(f"m-lap-us-{time}" for time in self.times), done, results]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (8000, 4000, "the board's clock went back from 8000 to 4000 us"),
        (5, 5, "took 0 s by the board's clock, which stands"),
        (5, 6, "took 1e-06 s by the board's clock, which stands"),
        (0, 10**12, r"counted 1,000,000\.0 s while 0\.0 s passed here"),
        (0, 10**18 - 1, "passed here"),
    ],
)
def test_a_clock_that_stands_or_leaps_is_an_error(start, end, message):
    board = Clockless(start, end)
    talk = runner(board)
    board.us = 0
    with pytest.raises(BoardError, match=message):
        measure(talk, talk.identify(), [bytes(490)])
    assert len(board.asked) <= 9


class Says(Board):
    """Answers one command in its own way."""

    def __init__(self, command: str, *lines: str, model: str = "kws01") -> None:
        super().__init__(model)
        self.command, self.lines = command, lines

    def answer(self, command: str) -> list[str]:
        return list(self.lines) if command.startswith(self.command) else super().answer(command)


LAPS = ("m-lap-us-1", "m-lap-us-2")


@pytest.mark.parametrize(
    ("command", "lines", "message"),
    [
        ("profile", ["m-model-[../../../../x]"], r"answers for '\.\./\.\./\.\./\.\./x', which is no benchmark"),
        ("profile", ["m-model-[/etc/passwd]"], "which is no benchmark; known are ic01, vww01, kws01, ad01"),
        ("profile", ["m-model-[kws01\0]"], r"answers for 'kws01\?'"),
        ("profile", ["m-model-[kws01]x"], "'profile' was answered by"),
        ("profile", [f"m-model-[{'a' * 5000}]"], "'profile' was answered by"),
        ("name", ["m-name-dut-[\x1b[2Jx", "m-name-dut-[y"], r"answered by \['m-name-dut-\[\?\[2Jx'"),
        ("db load 4294967295", ["e-[An input has 4294967295 bytes, not 4294967295]"], "reads 4,294,967,295 B"),
        ("db load 4294967295", ["e-[An input has 1000000000000 bytes, not 4294967295]"], "does not tell the size"),
        ("db load 4294967295", [f"e-[An input has {'9' * 5000} bytes, not 4294967295]"], "does not tell the size"),
        ("db load 4294967295", ["e-[An input has 0 bytes, not 4294967295]"], "reads 0 B for an input, kws01 sends 490"),
        ("db load 4294967295", ["e-[An input has \xb2 bytes, not 4294967295]"], "does not tell the size"),
        ("timestamp", [], r"tells no times, as in energy mode, .* exported without --energy"),
        ("timestamp", [f"m-lap-us-{'9' * 5000}"], "tells no times"),
        ("db load 490", [f"m-[Expecting {'4' * 5000} bytes]"], "was answered by"),
        ("db 00", ["m-load-done"], "took another number of bytes"),
        ("db 00", ["e-[Insufficent number of hex digits]"], "took another number of bytes"),
        ("infer", [*LAPS, "m-results-[0.5]"], "gives 12 numbers that are not negative, the board gave 1"),
        ("infer", [*LAPS, f"m-results-[{','.join(['-1.000'] * 12)}]"], r"the least of them -1\."),
        ("infer", [*LAPS, f"m-results-[{','.join(['0.000'] * 12)}]"], "gives 12 numbers that are not negative"),
        ("infer", [*LAPS, f"m-results-[{','.join(['nan'] * 12)}]"], "was answered by"),
        ("infer", [*LAPS, f"m-results-[{'9' * 5000}.0]"], "was answered by"),
        ("infer", [*LAPS, "m-results-[one]"], "'infer 1 0' was answered by"),
        ("infer", ["m-lap-us-1", "m-results-[0.5]"], "'infer 1 0' was answered by"),
        ("infer", ["e-[Load 490 bytes first]"], r"answered by \['e-\[Load 490 bytes first\]'\]"),
        ("infer", [f"m-lap-us-{'1' * 4500}", "m-lap-us-2", "m-results-[0.5]"], "'infer 1 0' was answered by"),
        ("infer", ["x" * 9000], r"more than 8,192 B after 'infer 1 0'"),
        ("infer", ["x"] * 9000, r"more than 8,192 B after 'infer 1 0'"),
    ],
)
def test_an_answer_that_cannot_be_is_one_sentence(tmp_path, command, lines, message):
    def talk():
        run = runner(Says(command, *lines))
        device = run.identify()
        (tmp_path / "x.bin").write_bytes(bytes(490))
        (tmp_path / "y_labels.csv").write_text("x.bin,12,3\n")
        evaluate(run, device, read_dataset(tmp_path, device.benchmark))

    with pytest.raises(BoardError, match=message) as error:
        talk()
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


def test_a_board_that_says_nothing_or_always_the_same_is_an_error():
    quiet = Board()
    quiet.write = lambda data: None
    with pytest.raises(BoardError, match="no m-ready after 'sync-"):
        runner(quiet)
    assert quiet.now < 6
    ready = Board(before=b"m-ready\r\n" * 100)
    ready.write = lambda data: None
    with pytest.raises(BoardError, match="says m-ready again and again, and nothing to our command"):
        runner(ready)


@pytest.mark.parametrize("part", [b"m-ready\r\n" * 400, b"x" * 4096, b"\0\xff\n" * 1000, b"m-lap-us-1\n" * 400])
def test_a_flood_over_a_socket_ends_with_2_and_one_sentence(tmp_path, part):
    def flood():
        while True:
            yield part

    with HostileBoard(opening=flood) as board:
        began = time.monotonic()
        words = [sys.executable, "-m", "mixcomp_edge.board.mlperf", board.url, "-o", str(tmp_path / "out")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - began < 20  # Python's start included
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {board.url}: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


class Classifies(Board):
    """Its results hang on the first byte of the input: probabilities, or an error of it."""

    def __init__(self, model: str, results: Callable[[int], list[float]]) -> None:
        super().__init__(model)
        self.of = results

    def results(self) -> list[float]:
        return self.of(self.loaded[0])


def public_runner(results: list[list[float]], labels: list[int]) -> tuple[float, float]:
    """(top 1 in percent, area under the curve) as mlcommons/tiny's runner works them out of a file's results."""
    from sklearn.metrics import roc_auc_score

    if len(results[0]) == 1:
        return 0.0, roc_auc_score(labels, np.array(results))
    y = np.array([[value / sum(row) for value in row] for row in results])
    area = roc_auc_score(labels, y[:, 1]) if y.shape[1] == 2 else roc_auc_score(labels, y, multi_class="ovr")
    return 100 * np.mean(y.argmax(axis=1) == labels), area


@pytest.mark.parametrize("model", ["ic01", "vww01", "kws01"])
def test_accuracy_is_that_of_the_public_runner(tmp_path, model):
    pytest.importorskip("sklearn")
    benchmark, rng = BENCHMARKS[model], random.Random(3)
    table = [[rng.choice([0.0, 0.25, rng.random()]) + 0.001 for _ in range(benchmark.results)] for _ in range(256)]
    labels = [index % benchmark.results for index in range(60)]
    rng.shuffle(labels)
    for index in range(60):
        (tmp_path / f"{index}.bin").write_bytes(bytes([index]) + bytes(benchmark.input_bytes - 1))
    rows = [f"{index}.bin,{benchmark.results},{label}" for index, label in enumerate(labels)]
    (tmp_path / "y_labels.csv").write_text("\n".join(rows) + "\n")
    talk = runner(Classifies(model, table.__getitem__))
    device = talk.identify()
    found = evaluate(talk, device, read_dataset(tmp_path, benchmark))
    printed = [[float(f"{value:.3f}") for value in table[index]] for index in range(60)]
    top1, auc = public_runner(printed, labels)
    assert found.top1 == pytest.approx(top1)
    assert found.auc == pytest.approx(auc)
    assert found.lines() == ["Samples = 60", f"Top 1% = {top1:2.1f}", f"AUC = {auc:.3f}"]
    assert len(evaluate(talk, device, read_dataset(tmp_path, benchmark, 7)).labels) == 7


def test_an_anomaly_is_judged_by_the_mean_over_its_windows(tmp_path):
    pytest.importorskip("sklearn")
    rng, labels, means = random.Random(1), [], []
    for index in range(24):
        windows = 1 + index % 4
        data = bytearray(2560 + 512 * (windows - 1) + index % 512)
        firsts = [rng.randrange(256) for _ in range(windows)]
        for number, first in enumerate(firsts):
            data[512 * number] = first
        (tmp_path / f"{index}.bin").write_bytes(data)
        labels.append(index % 2)
        means.append([float(np.mean([round(first / 7, 3) for first in firsts]))])
    rows = [f"{index}.bin,2,{label},2560,512" for index, label in enumerate(labels)]
    (tmp_path / "y_labels.csv").write_text("\n".join(rows))
    talk = runner(Classifies("ad01", lambda first: [first / 7]))
    found = evaluate(talk, talk.identify(), read_dataset(tmp_path, BENCHMARKS["ad01"]))
    assert found.top1 is None
    assert found.auc == pytest.approx(public_runner(means, labels)[1])
    assert [row[0] for row in found.results] == pytest.approx([mean for (mean,) in means])


def test_the_area_under_the_curve_counts_ties_half():
    assert area_under_curve([1, 2, 3, 4], [False, False, True, True]) == 1
    assert area_under_curve([4, 3, 2, 1], [False, False, True, True]) == 0
    assert area_under_curve([5, 5, 5], [True, False, False]) == 0.5
    assert area_under_curve([1, 1, 2], [False, True, True]) == 0.75


@pytest.mark.parametrize(
    ("model", "row", "message"),
    [
        ("kws01", "x.bin,12", "line 1: is not name,classes,label, as kws01 needs it"),
        ("kws01", "x.bin,12,one", "line 1: is not name,classes,label"),
        ("kws01", "x.bin,12,-1", "line 1: is not name,classes,label"),
        ("kws01", f"x.bin,12,{'9' * 5000}", "line 1: is not name,classes,label"),
        ("kws01", "x.bin,12,12", "label 12 of 12 classes; kws01 has 12, counted from 0"),
        ("kws01", "x.bin,10,1", "label 1 of 10 classes"),
        ("kws01", "../x.bin,12,1", "'../x.bin' is not the name of a file beside y_labels.csv"),
        ("kws01", "/etc/passwd,12,1", "is not the name of a file beside"),
        ("kws01", "none.bin,12,1", "'none.bin' cannot be read"),
        ("kws01", "x\0.bin,12,1", "cannot be read"),
        ("ic01", "x.bin,10,1", "'x.bin' has 490 bytes; ic01 reads 3,072"),
        ("ad01", "x.bin,2,1", "is not name,2,label,bytes,stride, as ad01 needs it"),
        ("ad01", "x.bin,2,1,2560,0", "windows of 2560 bytes at a stride of 0"),
        ("ad01", "x.bin,2,1,512,512", "windows of 512 bytes at a stride of 512; ad01 reads 2560"),
        ("ad01", "x.bin,2,1,2560,512", "'x.bin' has 490 bytes"),
        ("kws01", "", "has no line"),
    ],
)
def test_data_that_do_not_fit_are_named_by_line(tmp_path, model, row, message):
    (tmp_path / "x.bin").write_bytes(bytes(490))
    (tmp_path / "y_labels.csv").write_text(f"{row}\n")
    with pytest.raises(TaskError, match=message):
        read_dataset(tmp_path, BENCHMARKS[model])


def test_a_folder_without_labels_is_named(tmp_path):
    with pytest.raises(TaskError, match=r"y_labels\.csv: cannot be read"):
        read_dataset(tmp_path, BENCHMARKS["ic01"])
    (tmp_path / "y_labels.csv").write_bytes(b"\xff\xfe\0")
    with pytest.raises(TaskError, match=r"y_labels\.csv: cannot be read"):
        read_dataset(tmp_path, BENCHMARKS["ic01"])


def test_results_are_the_users_once_they_are_changed(tmp_path):
    found = Accuracy(Device("played", BENCHMARKS["vww01"]), (0, 1, 1), ((0.9, 0.1), (0.2, 0.8), (0.6, 0.4)))
    place = write_results(found, ["> name%"], tmp_path, "mine")
    assert place == tmp_path / "results" / "mine" / "vww" / "accuracy"
    assert "ulp-mlperf: Top 1% = 66.7\nulp-mlperf: AUC = 1.000\n" in (place / "results.txt").read_text()
    facts = json.loads((place / "results.json").read_text())
    assert (facts["model"], facts["top1_percent"], facts["auc"]) == ("vww01", pytest.approx(66.667, abs=1e-3), 1.0)
    description = tmp_path / "systems" / "mine.json"
    description.write_text('{"system_name": "mine", "more": 1}')
    check_results(place)
    write_results(found, ["> name%"], tmp_path, "mine")
    assert "more" in description.read_text()
    (place / "log.txt").write_text("my notes")
    with pytest.raises(StorageError, match=r"changed since we wrote it: log\.txt"):
        check_results(place)
    with pytest.raises(StorageError, match="changed since we wrote it"):
        write_results(found, [], tmp_path, "mine")
    write_results(found, [], tmp_path, "mine", force=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "0"], "--window 0: must be above 0 seconds."),
        (["--window", "nan"], "--window nan: must be above 0 seconds."),
        (["--system", "../x"], "--system '../x': must be letters"),
        (["--mode", "accuracy"], "--mode accuracy needs --inputs DIR"),
        (["--limit", "0"], "--limit 0: must be above 0."),
        (["--baud", "0"], "--baud 0: must be above 0."),
        ([], "no such port"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_a_line_with_2(tmp_path, words, message):
    start = [sys.executable, "-m", "mixcomp_edge.board.mlperf", "/dev/no-such-port", "-o", str(tmp_path / "out")]
    done = subprocess.run([*start, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
