"""affine: a batch norm, or arithmetic with constants, until lower/fold_affine.py makes it part of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import Doubles, FloatNode
from mixcomp_edge.numerics.functions import Formula, Step


@dataclass(frozen=True, eq=False, kw_only=True)
class Affine(FloatNode):
    """y = gain * x + offset, each (C,)."""

    op: ClassVar[str] = "affine"

    gain: Doubles
    offset: Doubles

    @property
    def formula(self) -> Formula | None:
        same = np.all(self.gain == self.gain[0]) and np.all(self.offset == self.offset[0])
        return (Step("affine", (0,), (float(self.gain[0]), float(self.offset[0]))),) if same else None

    def output_shape(self, shapes: list[Shape]) -> Shape:
        if not self.gain.shape == self.offset.shape == shapes[0][-1:]:
            raise GraphError(f"{self.name}: gain {self.gain.shape}, offset {self.offset.shape} do not fit {shapes[0]}.")
        return shapes[0]
