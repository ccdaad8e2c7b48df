"""Channels that become positions and back, in the order of ONNX's DCR and of TensorFlow: the place within a block
stands before the channel. PyTorch's pixel_shuffle has it behind."""

from __future__ import annotations

from torch import Tensor


def depth_to_space(x: Tensor, block: int) -> Tensor:
    """(N, C, H, W) to (N, C / block^2, H * block, W * block)."""
    n, c, h, w = x.shape
    y = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // block**2, h * block, w * block)


def space_to_depth(x: Tensor, block: int) -> Tensor:
    """(N, C, H, W) to (N, C * block^2, H / block, W / block)."""
    n, c, h, w = x.shape
    y = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return y.reshape(n, c * block**2, h // block, w // block)
