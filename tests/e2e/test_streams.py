"""The step form of random causal networks makes, frame by frame, what the whole form makes of the whole sequence: in
the interpreter, in C on this machine by mce_<model>_start and mce_<model>_step, and as machine code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from e2e.random_streams import PLAIN, network
from mixcomp_edge import Bundle, export
from mixcomp_edge.ir import ends, interp
from mixcomp_edge.verification import compare, make_inputs, open_transport
from mixcomp_sim.hostcc import host_compiler

KINDS = (*PLAIN, "recurrent", "recurrent", "recurrent")
SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def sequences(whole: Bundle, frames: int, count: int) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Whole sequences of integers and their parts, so many frames each."""
    (x,) = make_inputs(whole.graph, count, seed=3)
    return [(s, [s[i : i + frames] for i in range(0, len(s), frames)]) for s in x]


def judged(whole: Bundle, step: Bundle, x: np.ndarray, made: list[np.ndarray]) -> int:
    """Asserts that what steps made, put together, is what the whole form makes of x: from the frame on by which they
    are late, or at the last step. Returns how many elements were compared."""
    want = interp.run(whole.graph, x[None])[0]
    late = step.origin["stream"]["lag"]["output"]
    if late is None:
        assert np.array_equal(made[-1].ravel(), want.ravel())
        return want.size
    (axis,) = [a for a, (n, m) in enumerate(zip(made[0].shape, want.shape, strict=True)) if n != m] or [0]
    got = np.concatenate(made, axis).take(range(late, late + want.shape[axis]), axis)
    assert np.array_equal(got, want)
    return want.size


def by_interpreter(step: Bundle, parts: list[np.ndarray]) -> list[np.ndarray]:
    session = step.session()
    return [session.step((part,))[0] for part in parts]


def seeds(few: int, many: int) -> list:
    return [*range(few), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(few, many))]


@pytest.mark.parametrize("seed", seeds(8, 100))
def test_steps_of_a_random_causal_network_make_what_the_whole_sequence_makes(seed, tmp_path):
    whole, frames, dim = network(seed, KINDS)
    step = whole.stream(frames, dim)
    given = sequences(whole, frames, 4)
    assert sum(judged(whole, step, x, by_interpreter(step, parts)) for x, parts in given) > 0
    export(step, ("generic", "cortex-m4", "cortex-m3")[seed % 3], tmp_path / "c")
    with Stream(tmp_path / "c", step, tmp_path, SANITIZED if seed >= 8 else ("-O0",)) as c:
        for x, parts in given:
            judged(whole, step, x, c.run(parts))


@pytest.mark.parametrize("seed", [2, 4, 5])
def test_steps_that_forget_make_something_else(seed):
    whole, frames, dim = network(seed, KINDS)
    step = whole.stream(frames, dim)
    x, parts = sequences(whole, frames, 3)[-1]
    with pytest.raises(AssertionError):
        judged(whole, step, x, [step.session().step((part,))[0] for part in parts])


CORES = ("cortex-m4", "cortex-m0plus", "cortex-m55")


@pytest.mark.parametrize("core", ["cortex-m4", *(pytest.param(core, marks=pytest.mark.long) for core in CORES[1:])])
@pytest.mark.parametrize("seed", seeds(1, 6))
def test_machine_code_of_a_step_equals_its_definition_behind_any_state(seed, core, tmp_path):
    whole, frames, dim = network(seed, KINDS)
    step = whole.stream(frames, dim)
    layout = export(step, core, tmp_path / "c")
    transport = open_transport("emulator", tmp_path / "c", layout, None)
    try:
        verdict = compare(transport, layout, make_inputs(step.graph, 4, seed=seed))
    finally:
        transport.close()
    assert verdict.first_mismatch is None
    assert verdict.elements > 0


class Stream:
    """The exported C as a program that starts a stream and makes its steps: what is read, written and returned is
    exactly what the header says."""

    def __init__(self, folder: Path, step: Bundle, tmp_path: Path, flags: tuple[str, ...]) -> None:
        self.graph = step.graph
        name, self.program = step.graph.name, tmp_path / "stream"
        main = tmp_path / "main.c"
        main.write_text(PROGRAM.replace("NAME", name).replace("BIG", name.upper()))
        sources = sorted((folder / "src").glob("*.c"))
        command = [*host_compiler(), "-std=c99", "-Wall", "-Wextra", "-Werror", *flags, f"-I{folder / 'include'}"]
        subprocess.run([*command, *sources, main, "-o", self.program], check=True)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def run(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        sources, sinks = (ends.callers(side(self.graph)) for side in (ends.inputs, ends.outputs))
        data = b"".join(ends.pack(sources, (part,)) for part in parts)
        done = subprocess.run([self.program], input=data, capture_output=True, check=True)
        size = ends.nbytes(sinks)
        assert len(done.stdout) == size * len(parts)
        return [ends.unpack(sinks, done.stdout[i : i + size])[0] for i in range(0, len(done.stdout), size)]


PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mce_NAME.h"

int main(void)
{
    mce_NAME_state *state = malloc(sizeof *state);
    uint32_t *arena = malloc(MCE_BIG_ARENA_BYTES);
    uint8_t *in = calloc(MCE_BIG_INPUT_BYTES, 1), *out = malloc(MCE_BIG_OUTPUT_BYTES);
    memset(state, 0x5A, sizeof *state);
    if (mce_NAME_step(state, arena, in, out) != MCE_ERR_STATE || mce_NAME_start(NULL) != MCE_ERR_NULL ||
        mce_NAME_step(NULL, arena, in, out) != MCE_ERR_NULL || mce_NAME_start(state) != MCE_OK ||
        mce_NAME_step(state, NULL, in, out) != MCE_ERR_NULL || mce_NAME_step(state, arena, NULL, out) != MCE_ERR_NULL) {
        return 1;
    }
    while (fread(in, 1, MCE_BIG_INPUT_BYTES, stdin) == MCE_BIG_INPUT_BYTES) {
        memset(arena, 0xA5, MCE_BIG_ARENA_BYTES); /* nothing in it outlives a call */
        if (mce_NAME_step(state, arena, in, out) != MCE_OK) {
            return 2;
        }
        fwrite(out, 1, MCE_BIG_OUTPUT_BYTES, stdout);
    }
    state->model ^= 1;
    if (mce_NAME_step(state, arena, in, out) != MCE_ERR_STATE) {
        return 3;
    }
    free(state), free(arena), free(in), free(out);
    return 0;
}
"""
