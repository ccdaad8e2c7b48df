"""How to train: a recipe is a TOML file, a frozen value in the code, and a record in the bundle."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import RecipeError
from mixcomp_edge.quant_plan import QUANTIZERS

ESTIMATORS = ("straight", "tanh", "tanh_as_printed", "linear")  # train/method/estimators.py


@dataclass(frozen=True)
class Recipe:
    """Adam with a cosine schedule after a linear warm-up. Learning rates are the peaks of the schedule."""

    epochs: int = 4
    batch_size: int = 128
    lr: float = 5e-3  # of weights and biases, relative to their root mean square
    lr_step: float = 1e-2  # log of the quantizer steps; a change of 0.01 moves a step by 1 %
    weight_decay: float = 0.0
    warmup: float = 0.05  # share of all steps
    distill: float = 0.0  # share of the loss that follows the float model's output instead of the labels
    temperature: float = 1.0  # of the softmax on both sides of the distillation
    features: float = 0.0  # weight, beside that loss, of following the float model's values inside, layer by layer
    dampen: float = 0.0  # strength, at the end, of the pull of weights towards their levels: train/loop/losses.py
    augment: bool = True
    # before any training bring channels nearer to one range (lower/equalize.py) and round weights layer by layer
    # (train/method/reconstruct.py)
    reconstruct: bool = False
    quantizer_even: str = "learned"  # of fixp4 and int8 weights where the plan leaves it open: quant_plan.QUANTIZERS
    quantizer_uneven: str = "learned"  # of other weights
    estimator: str = "straight"  # of the gradient through uneven roundings: train/method/estimators.py
    seed: int = 0
    threads: int = 0  # of the processor; 0: as many as it has cores. Results depend on it in the last bits

    def __post_init__(self) -> None:
        bounds = {
            "epochs": (0, 100_000), "batch_size": (1, 1_000_000), "lr": (0.0, 10.0), "lr_step": (0.0, 10.0),
            "weight_decay": (0.0, 1.0), "warmup": (0.0, 1.0), "distill": (0.0, 1.0), "temperature": (0.1, 100.0),
            "dampen": (0.0, 1.0), "features": (0.0, 100.0), "seed": (0, 2**63 - 1),
            "threads": (0, 1024),
        }  # fmt: skip
        for key, (low, high) in bounds.items():
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise RecipeError(f"recipe: {key} = {value!r}, expected a number from {low} to {high}.")
        for key in ("epochs", "batch_size", "seed", "threads"):
            if not isinstance(getattr(self, key), int):
                raise RecipeError(f"recipe: {key} = {getattr(self, key)!r}, expected a whole number.")
        for key in ("augment", "reconstruct"):
            if not isinstance(getattr(self, key), bool):
                raise RecipeError(f"recipe: {key} = {getattr(self, key)!r}, expected true or false.")
        choices = {"quantizer_even": QUANTIZERS, "quantizer_uneven": QUANTIZERS, "estimator": ESTIMATORS}
        for key, known in choices.items():
            if getattr(self, key) not in known:
                raise RecipeError(f"recipe: {key} = {getattr(self, key)!r}, expected one of {', '.join(known)}.")

    def with_(self, **changes: Any) -> Recipe:
        """A copy in which the entries that are not None are changed."""
        return replace(self, **{key: value for key, value in changes.items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


FOLDER = Path(__file__).with_name("recipes")


def load_recipe(name: str | Path, base: Recipe | None = None) -> Recipe:
    """The recipe `paper`, `best` or `calibrate`, or that of a TOML file; keys that it leaves out come from base."""
    known = sorted(path.stem for path in FOLDER.glob("*.toml"))
    path = FOLDER / f"{name}.toml" if str(name) in known else Path(name)
    if not os.path.exists(path):
        raise RecipeError(f"recipe {name}: No such file; built-in recipes are {', '.join(known)}.")
    entries = read_toml(path, RecipeError, "recipe")
    keys = [field.name for field in fields(Recipe)]
    for key in entries:
        if key not in keys:
            raise RecipeError(f"recipe {path}: unknown key '{key}'. Known keys: {', '.join(keys)}.")
    try:
        return (base or Recipe()).with_(**entries)
    except RecipeError as error:
        raise RecipeError(f"recipe {path}: {str(error).removeprefix('recipe: ')}") from error
