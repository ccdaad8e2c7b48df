"""The building block of the MLPerf Tiny networks: a convolution padded as TensorFlow pads, then a batch norm."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

BATCHNORM_EPS = 1e-3  # Keras' default, under which the reference weights were trained


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(before, after) for ceil(size / stride) outputs, as TensorFlow's SAME; an odd total has one more after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """(N, I, H, W) -> (N, O, ceil(H / stride), ceil(W / stride)), zero padding as TensorFlow's SAME."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        top, bottom = same_padding(x.shape[2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(x.shape[3], self.kernel_size[1], self.stride[1])
        if (top, left) == (bottom, right):
            padding = (top, left)
        else:
            x, padding = F.pad(x, (left, right, top, bottom)), (0, 0)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)


class ConvBn(nn.Module):
    """SAME convolution, batch norm and, unless told otherwise, ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        *,
        groups: int = 1,
        relu: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.conv = SameConv2d(inputs, outputs, kernel, stride, groups, bias)
        self.bn = nn.BatchNorm2d(outputs, eps=BATCHNORM_EPS)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return F.relu(x) if self.relu else x
