"""MLPerf Tiny's performance and accuracy mode, end to end against firmware in QEMU."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mixcomp_edge import QuantPlan, convert, export, load_task, prepare
from mixcomp_edge.board.mlperf import Runner, evaluate, measure, random_inputs, write_results
from mixcomp_edge.board.mlperf.benchmarks import BENCHMARKS
from mixcomp_edge.board.mlperf.dataset import read_dataset
from mixcomp_edge.board.port import Port
from mixcomp_edge.board.qemu import QemuBoard
from mixcomp_edge.build.cross import toolchain
from mixcomp_edge.build.firmware import build_firmware
from mixcomp_edge.errors import BoardError
from mixcomp_edge.ir import interp
from mixcomp_edge.targets.boards import board

pytestmark = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """(the bundle, QEMU's board that runs it): the anomaly detector, whose input is floats."""
    task = load_task("autoencoder")
    bundle = convert(prepare(task.model, task.calibration[:16], QuantPlan(), "autoencoder"))
    folder = tmp_path_factory.mktemp("firmware") / "fw"
    export(bundle, "", folder, board=board("mps2-an500"))
    with QemuBoard(board("mps2-an500"), build_firmware(folder, board("mps2-an500"), toolchain())) as running:
        yield bundle, running


@pytest.fixture
def runner(machine):
    port = Port(machine[1].url)
    yield Runner(port)
    port.close()


def test_performance_mode_gives_pythons_results_and_the_tree(machine, runner, tmp_path):
    bundle, _ = machine
    device = runner.identify()
    assert (device.name, device.benchmark.model) == ("mixcomp-edge", "ad01")
    inputs = random_inputs(device.benchmark)
    performance = measure(runner, device, inputs, window_seconds=0.2)
    assert len(performance.windows) == 5
    assert all(window.seconds >= 0.2 for window in performance.windows)

    source, sink = bundle.graph.nodes[0].type, bundle.graph[bundle.graph.output].type
    for data, window in zip(inputs, performance.windows, strict=True):
        real = np.frombuffer(data, np.float32)
        codes = np.clip(np.floor(real / np.float32(source.scale) + np.float32(0.5)) + source.zero_point, 0, 255)
        y = interp.run(bundle.graph, codes.astype(np.int64)[None])[0]
        error = np.mean((sink.scale * (y - sink.zero_point) - real) ** 2)
        assert window.results == (pytest.approx(error, rel=1e-4),)

    place = write_results(performance, runner.log, tmp_path, "mps2")
    assert place == tmp_path / "results" / "mps2" / "ad" / "performance"
    text = (place / "results.txt").read_text()
    assert text.count("Throughput") == 5
    assert f"Median throughput is {performance.median:.3f} inf./sec." in text
    assert "Runtime requirements have been met" not in text  # 0.2 s are not 10
    assert json.loads((place / "results.json").read_text())["model"] == "ad01"
    assert "> db load 2560%" in (place / "log.txt").read_text()
    assert (tmp_path / "systems" / "mps2.json").is_file()


def test_the_client_writes_the_tree_and_says_errors_in_a_line(machine, tmp_path):
    def client(*words: object):
        start = [sys.executable, "-m", "mixcomp_edge.board.mlperf", machine[1].url, "-o", tmp_path]
        return subprocess.run([*map(str, (*start, *words))], capture_output=True, text=True, check=False)

    done = client("--window", 0.1, "--system", "board")
    assert done.returncode == 0, done.stderr
    assert re.match(r"ad01: median \d+\.\d+ inferences a second; ", done.stdout)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    place = "results/board/ad/performance"
    assert files == {"systems/board.json", *(f"{place}/{name}" for name in ("results.txt", "results.json", "log.txt"))}

    (tmp_path / "inputs").mkdir()
    for words, message in (
        (["--inputs", tmp_path / "inputs"], "needs 5 .bin files of 2560 bytes, what ad01 reads."),
        (["--window", 0], "--window 0: must be above 0 seconds."),
    ):
        done = client(*words)
        assert done.returncode == 2
        assert done.stderr.strip().endswith(message)
        assert "Traceback" not in done.stderr


def test_an_error_of_the_board_is_an_error(runner):
    with pytest.raises(BoardError, match="'infer 0 0' was answered by"):
        runner.infer(0, 0, timeout=5)
    with pytest.raises(BoardError, match="'db load 0' was answered by"):
        runner.load(b"")


def test_an_anomalys_error_is_the_mean_over_its_windows(machine, runner, tmp_path):
    bundle, _ = machine
    source, sink = bundle.graph.nodes[0].type, bundle.graph[bundle.graph.output].type
    rng, means = np.random.default_rng(4), []
    for index in range(4):
        recording = rng.uniform(-60, 0, 640 + 128 * index).astype(np.float32)
        (tmp_path / f"{index}.bin").write_bytes(recording.tobytes())
        errors = []
        for at in range(0, len(recording) - 639, 128):
            real = recording[at : at + 640]
            codes = np.clip(np.floor(real / np.float32(source.scale) + np.float32(0.5)) + source.zero_point, 0, 255)
            y = interp.run(bundle.graph, codes.astype(np.int64)[None])[0]
            errors.append(np.mean((sink.scale * (y - sink.zero_point) - real) ** 2))
        means.append(np.mean(errors))
    (tmp_path / "y_labels.csv").write_text("".join(f"{index}.bin,2,{index % 2},2560,512\n" for index in range(4)))
    found = evaluate(runner, runner.identify(), read_dataset(tmp_path, BENCHMARKS["ad01"]))
    assert [row[0] for row in found.results] == pytest.approx(means, rel=1e-4)
    assert found.top1 is None


def test_top_1_is_that_of_the_integers(tmp_path):
    """The network is not trained: its labels are the classes that the integers give, and for half of them the next."""
    task = load_task("dscnn")
    bundle = convert(prepare(task.model, task.calibration[:16], QuantPlan(), "dscnn"))
    export(bundle, "", tmp_path / "fw", board=board("mps2-an386"))
    benchmark, source, rng = BENCHMARKS["kws01"], bundle.graph.nodes[0], np.random.default_rng(0)
    rows, right = [], 0
    for index in range(12):
        features = rng.integers(-128, 128, benchmark.input_bytes).astype(np.int8)
        (tmp_path / f"{index}.bin").write_bytes(features.tobytes())
        real = np.float32(0.5847029089927673) * (features - np.float32(83))
        codes = source.type.quantize(real).reshape(1, *source.shape).astype(np.int64)
        label = int(interp.run(bundle.graph, codes)[0].argmax())
        rows.append(f"{index}.bin,12,{label if index % 2 else (label + 1) % 12}\n")
        right += index % 2
    (tmp_path / "y_labels.csv").write_text("".join(rows))
    with QemuBoard(board("mps2-an386"), build_firmware(tmp_path / "fw", board("mps2-an386"), toolchain())) as running:
        words = [sys.executable, "-m", "mixcomp_edge.board.mlperf", running.url, "-o", tmp_path / "out"]
        words += ["--mode", "accuracy", "--inputs", tmp_path]
        done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"kws01: top-1 {100 * right / 12:.1f} %, AUC ")
    facts = json.loads(
        (tmp_path / "out" / "results" / "mixcomp-edge" / "kws" / "accuracy" / "results.json").read_text()
    )
    assert facts["top1_percent"] == pytest.approx(100 * right / 12)
