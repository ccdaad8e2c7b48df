"""The plan: which weight format, granularity and activation width each layer gets. A TOML file, made to be read and
edited; `quantize --plan` reads it, the bundle records it.

    [default]
    weights = "fixp4"        # fixp4 posit4 posit4sc4 posit4sc8 posit4e1 e2m1 nf4; "posit": the best of the first three
                             # posits; "lut4": sixteen levels learned of the layer's weights; "int8": 8 bits a weight
    granularity = "channel"  # one scale an output channel, or "tensor": one a layer
    act_bits = 4             # 4 or 8: the width of what the layer writes
    quantizer = "recipe"     # how the scale is found: learned mse entropy max std, or as the recipe says
    scale = "free"           # any scale, or "pow2": powers of two, fixed point in the strict sense

    [layers."b1a.conv"]      # a layer is named by its module path; it takes from [default] what it does not say
    weights = "posit4sc4"
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import PlanError
from mixcomp_edge.numerics import members

# How a scale is found. learned: least squared error, then trained; the others are found once and held.
# entropy: the sixteen codes are used as evenly as they can be. max, std: 1.0 of the codebook is the largest |w|, or the
# standard deviation of w, which are the two ways to read "normalised weights" in arXiv 2312.02210.
QUANTIZERS = ("learned", "mse", "entropy", "max", "std")


@dataclass(frozen=True)
class LayerPlan:
    """Formats of one layer."""

    weights: str = "fixp4"
    granularity: str = "channel"
    act_bits: int = 4
    quantizer: str = "recipe"
    scale: str = "free"

    def __post_init__(self) -> None:
        members(self.weights)
        if self.granularity not in ("channel", "tensor"):
            raise PlanError(f"granularity is {self.granularity!r}, expected 'channel' or 'tensor'.")
        if type(self.act_bits) is not int or self.act_bits not in (4, 8):
            raise PlanError(f"act_bits is {self.act_bits!r}, expected 4 or 8.")
        if self.quantizer not in ("recipe", *QUANTIZERS):
            raise PlanError(f"quantizer is {self.quantizer!r}, expected 'recipe' or one of {', '.join(QUANTIZERS)}.")
        if self.scale not in ("free", "pow2"):
            raise PlanError(f"scale is {self.scale!r}, expected 'free' or 'pow2'.")


@dataclass(frozen=True)
class QuantPlan:
    """A default, and what single layers change of it."""

    default: LayerPlan = LayerPlan()
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> LayerPlan:
        try:
            return replace(self.default, **self.layers.get(name, {}))
        except TypeError as error:
            raise PlanError(f"plan: layer '{name}': {_known_keys()}") from error
        except PlanError as error:
            raise PlanError(f"plan: layer '{name}': {error}") from error

    def with_layer(self, name: str, **changes: Any) -> QuantPlan:
        """A copy in which one layer differs."""
        return replace(self, layers={**self.layers, name: {**self.layers.get(name, {}), **changes}})

    def check_names(self, known: list[str]) -> None:
        """Each layer that the plan names must be one of `known`."""
        for name in self.layers:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise PlanError(f"plan: the model has no layer '{name}'.{hint} Its layers: {', '.join(known)}.")

    def as_dict(self) -> dict[str, Any]:
        return {"default": asdict(self.default), "layers": self.layers}

    def toml(self) -> str:
        """The plan as text that `load_plan` reads back."""

        def entries(table: dict[str, Any]) -> list[str]:
            return [f"{key} = {json.dumps(value)}" for key, value in table.items()]

        lines = ["[default]", *entries(asdict(self.default))]
        for name, changes in self.layers.items():
            lines += ["", f"[layers.{json.dumps(name)}]", *entries(changes)]
        return "\n".join(lines) + "\n"


def _known_keys() -> str:
    return f"known keys are {', '.join(f.name for f in fields(LayerPlan))}."


def plan_from_dict(table: dict[str, Any]) -> QuantPlan:
    """A plan from the two tables `default` and `layers`."""
    unknown = set(table) - {"default", "layers"}
    if unknown:
        raise PlanError(f"plan: unknown table '{min(unknown)}'; known are [default] and [layers.\"NAME\"].")
    default, layers = table.get("default", {}), table.get("layers", {})
    if not isinstance(default, dict) or not isinstance(layers, dict):
        raise PlanError("plan: [default] and [layers] must be tables.")
    try:
        plan = QuantPlan(LayerPlan(**default), {name: dict(changes) for name, changes in layers.items()})
    except (TypeError, ValueError) as error:
        raise PlanError(f"plan: {_known_keys()} ({error})") from error
    for name in plan.layers:
        plan[name]  # raises when a layer's entries are wrong
    return plan


def load_plan(path: str | Path) -> QuantPlan:
    """The plan in a TOML file."""
    table = read_toml(Path(path), PlanError, "plan")
    try:
        return plan_from_dict(table)
    except PlanError as error:
        raise PlanError(f"plan {path}: {str(error).removeprefix('plan: ')}") from error
