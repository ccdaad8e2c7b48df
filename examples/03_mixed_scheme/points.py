"""The experiments as data: each is a list of points, and a point is one training with one figure at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

SEEDS = (0, 1, 2)
METHODS = (("entropy", "max"), ("max", "max"), ("mse", "mse"))  # to scale FixP4 and Posit; the first is the paper's
OTHERS = ("nf4", "e2m1", "lut4")  # formats that the paper does not have, with scales of least squared error
ETA = 0.1  # of the parameters, at most, in Posit
EPOCHS = {"spoken_digits": 20, "bearings": 4, "bearings10": 4, "resnet8": 4, "resnet20": 4, "clinc150": 2, "sst2": 1,
          "spoken_digits_gru": 4}  # fmt: skip
QUESTION_EPOCHS = {"bearings": 3, "spoken_digits": 3, "resnet8": 3}
FLOAT_BY_SEED = ("bearings", "bearings10")  # trained anew for each seed; the others have one float model for all
CHEAP = ("spoken_digits", "bearings", "clinc150", "spoken_digits_gru")
QUESTION_SHARE = {"resnet8": 0.1}  # of the training images: what one slow processor allows


@dataclass(frozen=True)
class Point:
    """formats: "float", "mixed" (the plan that `analyze` finds) or a weight format for all layers."""

    task: str
    row: str
    seed: int
    formats: str
    recipe: str = "best"
    epochs: int = 0
    act_bits: int = 4
    granularity: str = "channel"
    scale: str = "free"
    quantizer: str = "recipe"
    eta: float = ETA
    criterion: str = "gradient"
    draw: int = 0  # of the criterion "random"
    fall_back: bool = True
    share: float = 1.0  # of the training set that the retraining sees
    changes: dict[str, Any] = field(default_factory=dict)  # of the recipe

    @property
    def id(self) -> str:
        return f"{self.task}/{self.row}/{self.seed}"

    @property
    def float_seed(self) -> int:
        """Of the float training that the retraining starts from."""
        return self.seed if self.task in FLOAT_BY_SEED else 0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "float_seed": self.float_seed}


# The source has no scales beside the binary point, and one format a layer: powers of two, one a tensor, and what the
# sensitivity says is done.
PAPER: dict[str, Any] = {"recipe": "paper", "granularity": "tensor", "scale": "pow2", "fall_back": False}


def rows(task: str, seed: int, names: tuple[str, ...], act_bits: int = 4) -> list[Point]:
    """The rows of the main table for one seed."""
    epochs = EPOCHS[task]
    known = {
        "float": Point(task, "float", seed, "float"),
        "paper fixp4": Point(task, "paper fixp4", seed, "fixp4", epochs=epochs, act_bits=act_bits, **PAPER),
        "paper mixed": Point(task, "paper mixed", seed, "mixed", epochs=epochs, act_bits=act_bits, **PAPER),
        "best fixp4": Point(task, "best fixp4", seed, "fixp4", epochs=epochs, act_bits=act_bits),
        "best mixed": Point(task, "best mixed", seed, "mixed", epochs=epochs, act_bits=act_bits),
        "best posit": Point(task, "best posit", seed, "posit", epochs=epochs, act_bits=act_bits),
    }
    return [known[name] for name in names]


ALL_ROWS = ("float", "paper fixp4", "paper mixed", "best fixp4", "best mixed", "best posit")
FEW_ROWS = ("float", "best fixp4", "best mixed")


def question(task: str) -> dict[str, Any]:
    """What each training of a question may cost."""
    return {"epochs": QUESTION_EPOCHS[task], "share": QUESTION_SHARE.get(task, 1.0)}


def networks(task: str) -> list[Point]:
    """Float, FixP4, mixed and all Posit under both recipes, W4A4, three seeds."""
    return [point for seed in SEEDS for point in rows(task, seed, ALL_ROWS)]


def few(task: str) -> list[Point]:
    """Float, FixP4 and mixed with `best`, W4A4, one seed."""
    return rows(task, 0, FEW_ROWS)


def wide(task: str) -> list[Point]:
    """Float, FixP4 and mixed with `best`, W4A8, one seed, three where it is cheap."""
    seeds = SEEDS if task in CHEAP else SEEDS[:1]
    return [point for seed in seeds for point in rows(task, seed, FEW_ROWS, act_bits=8)]


def order(task: str) -> list[Point]:
    """The plan by sensitivity against random plans, ten draws, that fill the same budget."""
    shared: dict[str, Any] = {"formats": "mixed", "fall_back": False, **question(task)}
    by = [Point(task, f"by {name}", 0, criterion=name, **shared) for name in ("gradient", "fisher", "error")]
    return by + [Point(task, f"random {draw}", 0, criterion="random", draw=draw, **shared) for draw in range(10)]


def scaled(task: str) -> list[Point]:
    """posit4, posit4sc4 and posit4sc8 for all layers under each way to normalise, and under learned scales."""
    return [
        Point(task, f"{book} {method}", 0, book, quantizer=method, **question(task))
        for method, book in product(("max", "std", "learned"), ("posit4", "posit4sc4", "posit4sc8"))
    ]


def scales(task: str) -> list[Point]:
    """FixP4, mixed and all Posit under `paper`'s quantizers: power-of-two or free scales, one a tensor or a channel."""
    return [
        Point(task, f"{formats} {granularity} {scale}", 0, formats, "paper",
              granularity=granularity, scale=scale, fall_back=False, **question(task))
        for granularity, scale, formats in product(("tensor", "channel"), ("pow2", "free"), ("fixp4", "mixed", "posit"))
    ]  # fmt: skip


def untrained(task: str) -> list[Point]:
    """FixP4, mixed and all Posit without retraining, under each way to find a scale; other formats by least squares."""
    ways = list(product(("tensor", "channel"), ("pow2", "free")))
    known = [
        Point(task, f"{formats} {fixed}/{posit} {granularity} {scale}", 0, formats, "paper", granularity=granularity,
              scale=scale, fall_back=False, changes={"quantizer_even": fixed, "quantizer_uneven": posit})
        for (granularity, scale), (fixed, posit), formats in product(ways, METHODS, ("fixp4", "mixed", "posit"))
    ]  # fmt: skip
    fixed, posit = METHODS[-1]
    return known + [
        Point(task, f"{formats} {fixed}/{posit} {granularity} {scale}", 0, formats, "paper", granularity=granularity,
              scale=scale, fall_back=False, changes={"quantizer_even": fixed, "quantizer_uneven": posit})
        for (granularity, scale), formats in product(ways, OTHERS)
    ]  # fmt: skip


def calibration(task: str) -> list[Point]:
    """`paper` with one thing changed: how its scales are found, and then one a channel. Three seeds."""
    budget = question(task) if task in QUESTION_SHARE else {"epochs": EPOCHS[task]}  # full where it is cheap
    ways = [(method, "tensor") for method in METHODS] + [(METHODS[-1], "channel")]
    return [
        Point(task, f"{formats} {fixed}/{posit} {granularity}", seed, formats, **budget,
              **{**PAPER, "granularity": granularity}, changes={"quantizer_even": fixed, "quantizer_uneven": posit})
        for seed, ((fixed, posit), granularity), formats in product(SEEDS, ways, ("fixp4", "mixed"))
    ]  # fmt: skip


def estimators(task: str) -> list[Point]:
    """The four gradients, all layers in Posit, three seeds."""
    names = ("straight", "tanh", "tanh_as_printed", "linear")
    return [
        Point(task, name, seed, "posit", changes={"estimator": name}, **question(task))
        for seed, name in product(SEEDS, names)
    ]


def eta(task: str) -> list[Point]:
    """The share of the parameters in Posit."""
    return [
        Point(task, f"eta {share:.0%}", 0, "mixed", eta=share, fall_back=False, **question(task))
        for share in (0.0, 0.05, 0.1, 0.15, 0.2, 0.5, 1.0)
    ]


EXPERIMENTS = {
    "untrained": (untrained, ("bearings", "spoken_digits", "resnet8", "resnet20")),
    "networks": (networks, ("spoken_digits", "bearings", "resnet8")),
    "order": (order, ("spoken_digits", "resnet8")),
    "scaled": (scaled, ("spoken_digits", "resnet8")),
    "scales": (scales, ("bearings", "spoken_digits", "resnet8")),
    "calibration": (calibration, ("bearings", "spoken_digits", "resnet8")),
    "estimators": (estimators, ("spoken_digits", "resnet8")),
    "eta": (eta, ("spoken_digits", "resnet8")),
    "few": (few, ("clinc150", "spoken_digits_gru", "bearings10", "sst2", "resnet20")),
    "wide": (wide, ("spoken_digits", "bearings", "resnet8", "clinc150", "spoken_digits_gru", "resnet20", "sst2")),
}  # fmt: skip
