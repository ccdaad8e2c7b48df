"""Fixed point: two's complement integers with a binary point."""

from __future__ import annotations

from fractions import Fraction


def decode(code: int, n: int, fraction_bits: int) -> Fraction:
    """Value of the n-bit two's complement `code` with `fraction_bits` bits after the binary point."""
    if not 0 <= code < 1 << n:
        raise ValueError(f"fixp<{n},{fraction_bits}>: code {code} does not fit in {n} bits.")
    signed = code - (1 << n) if code >> (n - 1) else code
    return Fraction(signed, 1 << fraction_bits)


def table(n: int, fraction_bits: int) -> list[Fraction | None]:
    """Values of all 2**n codes in order."""
    return [decode(code, n, fraction_bits) for code in range(1 << n)]
