"""Archives of torch.export (.pt2) as torch modules for any number of samples. What an archive could run while it is
read, pickled objects, expressions and operators beyond ATen, is refused unless its user trusts it."""

from __future__ import annotations

from mixcomp_edge.frontend.pt2.module import Pt2Module, prove
from mixcomp_edge.frontend.pt2.pickled import load_pickled

__all__ = ["Pt2Module", "load_pickled", "prove"]
