"""Mutants of everything that is read from a file: each is taken, or refused with one sentence, in time and memory, and
nothing is written but where it should be. A few hundred of each kind here; ten thousand of each in `poe long`."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest
import torch

from mixcomp_edge.bundle import load_bundle
from mixcomp_edge.codegen.project import (
    check_export,
    check_unedited,
    chosen_kernels,
    export,
    has_firmware,
    read_firmware,
    read_project,
)
from mixcomp_edge.errors import MixcompError
from mixcomp_edge.ir import interp
from mixcomp_edge.quant_plan import load_plan
from mixcomp_edge.targets.boards import board
from mixcomp_edge.train.loop import checkpoint as checkpoints
from mixcomp_edge.train.recipe import Recipe, load_recipe
from mixcomp_edge.verification import make_inputs
from support.bundle_files import forked, signed, taken_apart, whole, worded
from support.mutants import damage, mutate, toml

LIMIT_S, LIMIT_KIB = 10, 1 << 20
Make = Callable[[random.Random], bytes]
PLAN = {
    "default": {"weights": "posit4", "granularity": "tensor", "act_bits": 8, "quantizer": "mse", "scale": "pow2"},
    "layers": {"b1a.conv": {"weights": "fixp4", "act_bits": 4}, "fc": {"granularity": "channel"}},
}


class Hang(BaseException):
    """Not to be caught by what is tested."""


@contextmanager
def in_time() -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def campaign(name: str, count: int, file: Path, make: Make, use: Callable[[Path], object]) -> None:
    """Puts `count` mutants into the file and uses each. The seed of one that fails is in the message."""
    around, held = sorted(file.parent.rglob("*")), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = 0
    for seed in range(count):
        rng = random.Random(f"{name} {seed}")
        file.write_bytes(make(rng))
        try:
            with in_time():
                use(file)
            taken += 1
        except MixcompError as error:
            text = str(error)
            assert text, seed
            assert len(text) < 2000, (seed, text)
        except BaseException as error:
            raise AssertionError(f"mutant {seed} of {name}: {type(error).__name__}: {str(error)[:300]}") from error
    assert sorted(file.parent.rglob("*")) == around
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < LIMIT_KIB
    assert taken < count


def either(*ways: Make) -> Make:
    return lambda rng: rng.choice(ways)(rng)


def text(tree: object) -> bytes:
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def bundles(folder: Path, count: int) -> None:
    intact, several, tokens = whole(), forked(), worded()  # one input and output, several, and whole numbers
    all_ = [taken_apart(intact), taken_apart(several), taken_apart(tokens)]

    def structured(rng: random.Random) -> bytes:
        mutant = deepcopy(rng.choice(all_))
        mutate(mutant.content if rng.random() < 0.2 else mutant.content["graph"], rng)
        for name in list(mutant.tensors) if rng.random() < 0.2 else []:
            if rng.random() < 0.2:
                dtype, shape, data = mutant.tensors[name]
                mutant.tensors[name] = (dtype, shape, rng.randbytes(len(data)))
        try:
            return signed(mutant)
        except (ValueError, RecursionError):  # NaN, or too deep for the writer
            return intact[:-1]

    def use(path: Path) -> None:
        bundle = load_bundle(path)
        export(bundle, "cortex-m4", folder / "out" / "c", force=True)
        interp.outputs(bundle.graph, make_inputs(bundle.graph, 1))

    export(load_bundle(write(folder / "m.mce", intact)), "cortex-m4", folder / "out" / "c")
    around = {path.name for path in folder.iterdir()}
    campaign(
        "bundle",
        count,
        write(folder / "in" / "m.mce", b""),
        either(structured, lambda r: damage(r.choice([intact, several, tokens]), r)),
        use,
    )
    assert {path.name for path in folder.iterdir()} == around | {"in"}
    assert [path.name for path in (folder / "out").iterdir()] == ["c"]


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def manifests(folder: Path, count: int) -> None:
    bundle = load_bundle(write(folder / "m.mce", whole()))
    export(bundle, "cortex-m3", folder / "c", board=board("mps2-an385"))
    file = folder / "c" / "mixcomp.json"
    intact = file.read_bytes()

    def structured(rng: random.Random) -> bytes:
        tree = json.loads(intact)
        mutate(tree, rng)
        if rng.random() < 0.5:  # sealed again
            tree.pop("seal", None)
            tree["seal"] = hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()
        return text(tree)

    def use(path: Path) -> None:
        for read in (chosen_kernels, has_firmware, read_firmware, lambda f: check_export(f, "m"), read_project):
            read(path.parent)
        check_unedited(path.parent)

    campaign("manifest", count, file, either(structured, lambda r: damage(intact, r)), use)


def tables(tree: dict, read: Callable[[Path], object]) -> Callable[[Path, int], None]:
    def structured(rng: random.Random) -> bytes:
        mutant = deepcopy(tree)
        mutate(mutant, rng)
        try:
            return toml(mutant).encode("utf-8", "surrogatepass")
        except RecursionError:  # too deep for the writer
            return b"a = " + b"[" * 1000

    def run(folder: Path, count: int) -> None:
        make = either(structured, lambda rng: damage(toml(tree).encode(), rng))
        campaign(read.__name__, count, write(folder / "x.toml", b""), make, read)

    return run


def plan(path: Path) -> None:
    found = load_plan(path)
    found.check_names(["b1a.conv", "fc"])
    assert load_plan_text(path.parent, found.toml()) == found


def load_plan_text(folder: Path, content: str) -> object:
    try:
        return load_plan(write(folder / "again.toml", content.encode()))
    finally:
        (folder / "again.toml").unlink()


def checkpoint_files(folder: Path, count: int) -> None:
    def training() -> checkpoints.Training:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        optimizer = torch.optim.Adam(model.parameters())
        model(torch.ones(4, 2)).sum().backward()
        optimizer.step()
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (step + 1))
        return checkpoints.Training(model, optimizer, schedule, 3, 5)

    file, state = folder / "m.ckpt", training()
    checkpoints.save(file, "key", 2, state)
    intact = file.read_bytes()
    start = len(checkpoints.MAGIC) + 32
    tree = torch.load(io.BytesIO(intact[start:]), weights_only=True)
    logging.disable(logging.WARNING)

    def again(content: bytes) -> bytes:
        return checkpoints.MAGIC + hashlib.sha256(content).digest() + content

    def structured(rng: random.Random) -> bytes:
        mutant = deepcopy(tree)
        mutate_state(mutant, rng)
        torch.save(mutant, buffer := io.BytesIO())
        return again(buffer.getvalue())

    def use(path: Path) -> None:
        fresh = training()
        shapes = [tensor.shape for tensor in fresh.model.state_dict().values()]
        assert 0 <= checkpoints.resume(path, "key", fresh) <= 3
        assert [tensor.shape for tensor in fresh.model.state_dict().values()] == shapes
        fresh.optimizer.step()
        if path.read_bytes() != intact:
            raise MixcompError("told and left aside, or a mutant that fits")

    try:
        ways = (structured, lambda r: damage(intact, r), lambda r: again(damage(intact[start:], r)))
        campaign("checkpoint", count, file, either(*ways), use)
    finally:
        logging.disable(logging.NOTSET)


def mutate_state(state: dict, rng: random.Random) -> None:
    """As `mutate`, with tensors of other shapes and types too."""
    odd = [torch.zeros(0), torch.zeros(3, 3, 3), torch.full((3, 2), float("nan")), torch.zeros(3, 2, dtype=torch.int8)]
    if rng.random() < 0.5:
        table = rng.choice([state, state["model"], state["moments"], rng.choice(list(state["moments"].values()))])
        table[rng.choice(list(table))] = rng.choice(odd)
        return
    plain = {key: state[key] for key in ("key", "epoch")}
    mutate(plain, rng)
    for key in ("key", "epoch"):
        state.pop(key)
    state.update(plain)


KINDS = {
    "bundles": bundles,
    "manifests": manifests,
    "plans": tables(PLAN, plan),
    "recipes": tables(Recipe().as_dict(), load_recipe),
    "checkpoints": checkpoint_files,
}


@pytest.mark.parametrize("kind", KINDS)
def test_mutants_are_taken_or_refused(kind, tmp_path):
    KINDS[kind](tmp_path, {"bundles": 150, "manifests": 150}.get(kind, 500))


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_mutants_are_taken_or_refused(kind, tmp_path):
    KINDS[kind](tmp_path, 10_000)
