"""Boards that are programmed: images as pages of flash, the UF2 file, probes, drives."""
