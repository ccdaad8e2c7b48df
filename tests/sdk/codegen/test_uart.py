"""The speed of a firmware's UART and its energy mode: chosen at export, kept by the folder, used by who talks to it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mixcomp_edge.codegen.project import export, read_firmware, read_project
from mixcomp_edge.errors import BoardError, MixcompError, TargetError
from mixcomp_edge.targets.boards import BAUDS, board, boards
from mixcomp_edge.transports import board as transport
from mixcomp_edge.verification import verify


@pytest.mark.parametrize(("baud", "energy", "rate"), [(None, False, 115_200), (921_600, False, 921_600),
                                                      (None, True, 9600), (38_400, True, 38_400)])  # fmt: skip
def test_a_folder_keeps_what_it_was_exported_with_and_verify_uses_it(
    tiny_bundle, tmp_path, monkeypatch, baud, energy, rate
):
    export(tiny_bundle, "", tmp_path / "fw", board=board("nucleo-l4r5zi").configured(baud, energy))
    header = (tmp_path / "fw" / "board" / "mce_board.h").read_text()
    assert f"#define MCE_BOARD_BAUD {rate}u" in header
    assert f"#define MCE_BOARD_ENERGY {int(energy)}" in header
    assert ("mce_port_mark_time" in (tmp_path / "fw" / "board" / "app_model.c").read_text()) == energy
    the_board, _ = read_firmware(tmp_path / "fw")
    assert (the_board.baud, the_board.energy) == (rate, energy)
    read_project(tmp_path / "fw")  # its digests are those of a project for this very board
    opened = []

    def port(url, baud):
        opened.append(baud)
        raise BoardError("no such port")

    monkeypatch.setattr(transport, "Port", port)
    with pytest.raises(BoardError, match="no such port"):
        verify(tmp_path / "fw", on="serial:/dev/x", count=1)
    assert opened == [rate]


def test_another_speed_makes_another_build(tiny_bundle, tmp_path):
    identities = set()
    for baud in BAUDS:
        export(tiny_bundle, "", tmp_path / str(baud), board=board("mps2-an386").configured(baud))
        identities.add(read_firmware(tmp_path / str(baud))[1])
    assert len(identities) == len(BAUDS)


@pytest.mark.parametrize("board", boards().values(), ids=lambda board: board.name)
def test_a_board_without_a_pin_says_what_it_lacks(board):
    if board.timestamp_pin:
        assert "mce_port_mark_time" in (board.folder / "port.c").read_text()
        return
    with pytest.raises(TargetError, match=f"{board.name} has no energy mode: its port lacks a timestamp pin"):
        board.configured(energy=True)


@pytest.mark.parametrize("baud", [0, 1, 300, 115_201, 10**12, -9600])
def test_a_speed_that_not_every_port_makes_is_refused(baud):
    with pytest.raises(TargetError, match=f"mps2-an386: {baud} baud is none of 9600, 19200"):
        board("mps2-an386").configured(baud)


@pytest.mark.parametrize("baud", ["115200", [], {}, 1e9, "x" * 1000, None])
def test_a_manifest_of_another_speed_is_an_error_in_words(tiny_bundle, tmp_path, baud):
    export(tiny_bundle, "", tmp_path / "fw", board=board("mps2-an386").configured(9600))
    path = tmp_path / "fw" / "mixcomp.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"baud": baud}))
    with pytest.raises(MixcompError):
        read_project(tmp_path / "fw")


@pytest.mark.parametrize("word", [["--baud", "9600"], ["--energy"], ["--profile", "ic01"]])
def test_what_is_for_a_firmware_needs_a_board(tiny_mce, tmp_path, word):
    words = [sys.executable, "-m", "mixcomp_edge", "export", str(tiny_mce), "-o", str(tmp_path / "out"), *word]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert f"{word[0]} is for a firmware: give --board too." in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()
