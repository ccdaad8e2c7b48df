"""Square roots of integers, rounded down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def integer_sqrt(v: NDArray[np.int64]) -> NDArray[np.int64]:
    """The largest r with r * r <= v, for 0 <= v < 2**62: the float root is off by one at most."""
    root = np.sqrt(v.astype(np.float64)).astype(np.int64)
    root -= root * root > v
    return root + ((root + 1) * (root + 1) <= v)
