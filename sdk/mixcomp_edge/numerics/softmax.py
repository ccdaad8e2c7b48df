"""The table behind a softmax of codes. SPEC.md 4.11"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exponentials(scale: float, entries: int = 256) -> NDArray[np.uint16]:
    """(entries,): round(2**15 * exp(-d * scale)) for d steps below the largest code; scale is a step's real value."""
    return np.rint(2.0**15 * np.exp(-np.arange(entries) * scale)).astype(np.uint16)
