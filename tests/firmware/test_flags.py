"""The C under compilers and flags that users choose: what CI has time for, all of it with `poe flags`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from firmware import build, flags
from firmware.flags import Build


@pytest.mark.parametrize("one", flags.THIN, ids=str)
def test_kernels_compile_and_compute_the_same_bytes_under(one):
    kernels = one.kernels[flags.THIN.index(one) % 4 :: 4]  # a family has one for each of four types
    out = flags.try_build(one, 1, kernels=kernels)
    if out.skipped:
        pytest.skip(out.skipped)
    assert (out.refused, out.wrong) == ((), ())
    assert len(out.compiled) == len(kernels)
    assert len(out.ran) == (len(kernels) if one.run else 0)


def test_a_kernel_that_is_refused_is_told_with_the_compilers_word():
    out = flags.try_build(Build("pc64", "gcc", ("-O0", "-DMIXCOMP_TYPES_H"), run=True), 1)  # no types: none compiles
    if out.skipped:
        pytest.skip(out.skipped)
    assert (out.compiled, out.ran) == ((), ())
    assert all("error" in said for said in out.refused)
    assert len(out.refused) == len(Build("pc64", "gcc", ()).kernels)


def test_a_kernel_that_computes_something_else_is_told(monkeypatch):
    def almost(one, names, objects, folder):
        return lambda call: bytes(2) if call.name == "mce_dense_u8_fx4__dsp" else wanted.pop(0)

    wanted = [case.want for case in flags.cases(1) if case.kernel.name != "mce_dense_u8_fx4__dsp"]
    monkeypatch.setattr(flags, "compile_all", lambda one, kernels, folder, jobs: ([], []))
    monkeypatch.setitem(flags.RUNNERS, "pc64", almost)
    out = flags.try_build(Build("pc64", "gcc", (), run=True), 1)
    if out.skipped:
        pytest.skip(out.skipped)
    assert (len(out.ran), out.wrong) == (len(Build("pc64", "gcc", ()).kernels), ("mce_dense_u8_fx4__dsp",))


def test_wrapping_sums_side_by_side_are_whole_at_every_level(tmp_path):
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    source, program = Path(__file__).with_name("sums.c"), tmp_path / "sums"
    for level in ("-O0", "-O2", "-O3", "-Ofast"):
        words = ["gcc", level, f"-I{build.FIRMWARE / 'include'}", str(source), "-o", str(program)]
        subprocess.run(words, check=True)
        assert subprocess.run([str(program)], capture_output=True, text=True).stdout == "1088 1120\n", level


def test_a_run_goes_on_where_one_stopped_and_does_again_what_was_wrong_or_has_other_c(tmp_path, monkeypatch, capsys):
    asked, record = [], tmp_path / "done"

    def half_run(one, examples, jobs, kernels):
        asked.append((str(one), len(kernels)))
        names = tuple(kernel.name for kernel in kernels)
        return flags.Outcome(
            names, names[::2], wrong=tuple({"mce_add__c"} & set(names) if one.compiler == "clang" else ())
        )

    def run():
        asked.clear()
        assert flags.main() == 1
        return next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("all "))[1:3]

    monkeypatch.setattr(flags, "tried", half_run)
    levels = [Build("cortex-m4", compiler, (f"-O{i}",)) for compiler in ("gcc", "clang") for i in range(7)]
    monkeypatch.setattr(flags, "matrix", lambda: levels)
    monkeypatch.setattr("sys.argv", ["flags.py", "--record", str(record)])
    kernels = [kernel.name for kernel in Build("cortex-m4", "gcc", ()).kernels]
    first, builds = run(), list(asked)
    clang = [(name, 1) for name, _ in builds if " clang " in name]
    assert [n for _, n in builds] == [len(kernels)] * 14
    assert (run(), asked) == (first, clang)  # what was wrong, in the seven builds by clang
    lines = record.read_text().splitlines()
    record.write_text("\n".join([*lines[:11], lines[11][:50]]))  # killed while it wrote
    assert run() == first
    assert sorted(asked) == sorted([*clang[:3], *builds[10:]])
    monkeypatch.setattr(flags, "todays_c", lambda kernel: "another" if "softmax" in kernel.name else digest(kernel))
    run()
    assert [n for name, n in asked if " gcc " in name] == [sum("softmax" in name for name in kernels)] * 7


digest = flags.todays_c


def test_six_nights_in_a_row_take_every_kernel_of_a_build_that_takes_a_sixth():
    one = next(build for build in flags.matrix() if build.of == 6)
    nights = [kernel.name for seed in range(6) for kernel in one.share(seed)]
    assert sorted(nights) == sorted(kernel.name for kernel in one.kernels)
