"""Tiny floating point: sign, exponent, mantissa; no infinity, no NaN (OCP Microscaling Formats 1.0, section 5.3)."""

from __future__ import annotations

from fractions import Fraction


def decode(code: int, exponent_bits: int, mantissa_bits: int) -> Fraction | None:
    """Value of `code`, None for minus zero: nobody emits it. The exponent's bias is 2**(exponent_bits - 1) - 1."""
    n = 1 + exponent_bits + mantissa_bits
    if not 0 <= code < 1 << n:
        raise ValueError(f"e{exponent_bits}m{mantissa_bits}: code {code} does not fit in {n} bits.")
    if code == 1 << (n - 1):
        return None
    magnitude = code & ((1 << (n - 1)) - 1)
    exponent, mantissa = magnitude >> mantissa_bits, Fraction(magnitude % (1 << mantissa_bits), 1 << mantissa_bits)
    bias = (1 << (exponent_bits - 1)) - 1
    value = mantissa * Fraction(2) ** (1 - bias) if exponent == 0 else (1 + mantissa) * Fraction(2) ** (exponent - bias)
    return -value if code != magnitude else value


def table(exponent_bits: int, mantissa_bits: int) -> list[Fraction | None]:
    """Values of all codes in order."""
    return [decode(code, exponent_bits, mantissa_bits) for code in range(2 << (exponent_bits + mantissa_bits))]
