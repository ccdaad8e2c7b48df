"""Trains corners for 20 steps on the devices of the command line and prints the global loss of each step; a test starts
it on one process and on two."""

from __future__ import annotations

import sys

import torch

from mixcomp_edge import Recipe, prepare
from mixcomp_edge.train.loop.engine import make_engine
from mixcomp_edge.train.loop.fit import fit
from sdk.training.tasks_for_tests import corners


def main(devices: str) -> None:
    torch.set_num_threads(1)
    engine = make_engine(devices)
    task = corners()
    model = prepare(task.model, task.calibration, name="corners")
    losses = []

    def listen(progress):
        losses.append(progress.loss)

    # 120 points in batches of 35: the last batch of an epoch has 15, which two ranks share as 8 and 7.
    recipe = Recipe(epochs=5, batch_size=35, lr=0.1, distill=0.1, temperature=2.0, dampen=1e-4)
    fit(model, task, recipe, teacher=task.model, listener=listen, engine=engine)
    if engine.rank == 0:
        print(*losses, sep="\n")
        print(float(sum(p.detach().double().abs().sum() for p in model.parameters())))


if __name__ == "__main__":
    main(sys.argv[1])
