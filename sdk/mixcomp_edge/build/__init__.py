"""Compilers: host libraries and images for the emulated cores."""
