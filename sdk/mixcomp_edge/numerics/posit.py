"""Posit numbers of any small width, decoded with exact fractions (Posit Standard 2022, section 3; es as a parameter).

A posit<n, es> is a sign, a run-length coded regime, up to es exponent bits and a fraction. These functions are slow
and obvious on purpose: every codebook is made from them."""

from __future__ import annotations

from fractions import Fraction


def decode(code: int, n: int, es: int) -> Fraction | None:
    """Value of the n-bit posit `code` (0 <= code < 2**n), or None for NaR (Not a Real)."""
    if not 0 <= code < 1 << n:
        raise ValueError(f"posit<{n},{es}>: code {code} does not fit in {n} bits.")
    if code == 0:
        return Fraction(0)
    if code == 1 << (n - 1):
        return None
    negative = bool(code >> (n - 1))
    if negative:
        code = (1 << n) - code  # two's complement
    bits = [(code >> position) & 1 for position in range(n - 2, -1, -1)]  # below the sign, most significant first

    run = next((i for i, bit in enumerate(bits) if bit != bits[0]), len(bits))
    regime = run - 1 if bits[0] else -run
    rest = bits[run + 1 :]  # the bit that ends the run carries nothing
    exponent = 0
    for i in range(es):  # exponent bits that do not fit are zero
        exponent = 2 * exponent + (rest[i] if i < len(rest) else 0)
    fraction = Fraction(1)
    for i, bit in enumerate(rest[es:], start=1):
        fraction += Fraction(bit, 1 << i)

    value = Fraction(2) ** (regime * (1 << es) + exponent) * fraction
    return -value if negative else value


def table(n: int, es: int) -> list[Fraction | None]:
    """Values of all 2**n codes in order; NaR is None."""
    return [decode(code, n, es) for code in range(1 << n)]
