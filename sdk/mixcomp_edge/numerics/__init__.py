"""Number systems, packing and integer rounding. NumPy only; imports nothing else of ours but the errors."""

from mixcomp_edge.numerics.codebook import CODEBOOKS, FAMILIES, LEARNED, Codebook, codebook, learned, members

__all__ = ["CODEBOOKS", "FAMILIES", "LEARNED", "Codebook", "codebook", "learned", "members"]
