"""What a model file may ask for: a few bytes of a file can stand for terabytes of values. Sizes are known from the
shapes before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from mixcomp_edge.frontend.places import shown

MAX_ELEMENTS = 1 << 26  # of all values of a batch together: 256 MiB, a hundred times a microcontroller's flash

FAULTS = (
    RuntimeError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
)  # of torch and NumPy


class TooMuch(Exception):
    """Says how much is asked for; whoever knows the file and the place makes a ModelFileError of it."""


class Budget:
    """What is left for values."""

    def __init__(self) -> None:
        self.spent = 0

    def take(self, shapes: Iterable[tuple[int, ...]]) -> None:
        """TooMuch where these shapes are beyond it."""
        for shape in shapes:
            self.spent += prod(shape)
            if self.spent > MAX_ELEMENTS:
                raise TooMuch(
                    f"makes a value of shape ({', '.join(map(str, shape))}); at most {MAX_ELEMENTS:,} numbers are taken"
                )

    def samples(self, most: int) -> int:
        """How many batches of this size fit beside each other, at most `most`."""
        return max(1, min(most, MAX_ELEMENTS // max(1, self.spent)))


def first_line(error: Exception) -> str:
    """What a library says of a fault, on one line and without the full stop."""
    return shown((str(error).strip().splitlines() or [type(error).__name__])[0], 200).rstrip(".")
