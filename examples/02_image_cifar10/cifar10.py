"""MLPerf Tiny's ResNet-8 on CIFAR-10, with 4-bit weights and 4- or 8-bit activations, on the whole test set in C.

    python cifar10.py [--act-bits 4] [--epochs 4] [--mixed] [--out resnet8_out]

The reference weights are read from MIXCOMP_DATA; without them the float model is trained from scratch first, an hour or
two. CIFAR-10 is read from MIXCOMP_DATA or downloaded from its public address.
"""

import argparse
from pathlib import Path

from rich.console import Console

from mixcomp_edge import LayerPlan, QuantPlan, load_task
from mixcomp_edge.cli.run import summary
from mixcomp_edge.train.run import run_task

# The classifier and the shortcuts are small and sensitive: a good place for posit. Compare with and without.
MIXED = {name: {"weights": "posit4sc4"} for name in ("stem.conv", "s2", "s3", "fc")}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--act-bits", type=int, default=4, choices=(4, 8))
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--mixed", action="store_true", help="posit4sc4 in four small layers, fixp4 elsewhere")
parser.add_argument("--out", type=Path, default=Path("resnet8_out"))
options = parser.parse_args()

task = load_task("resnet8")
plan = QuantPlan(LayerPlan(act_bits=options.act_bits), MIXED if options.mixed else {})
last = ""


def tell(what: str, done: int, of: int) -> None:
    global last
    if what != last:
        print(what, flush=True)
        last = what


result = run_task(
    task,
    options.out,
    plan=plan,
    recipe=task.recipe.with_(epochs=options.epochs),
    emulated_inputs=20,
    listener=lambda step: tell(f"train {step.stage}, epoch {step.epoch + 1} of {step.epochs}", step.step, step.steps),
    stage=tell,
)
Console().print(summary(result))
