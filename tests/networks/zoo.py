"""Networks of torchvision and timm as they come from pip, with random weights and batch-norm statistics of pictures."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Foreign:
    """One network: where it comes from, its name there, the side of its square input, and how it is made."""

    source: str
    name: str
    make: Callable[[], nn.Module]
    side: int = 64

    @property
    def label(self) -> str:
        return f"{self.source} {self.name}"


def _torchvision() -> Any:
    """torchvision.models. The wheel's own operators need CUDA's libraries; no network here calls them, so where they do
    not load it is enough that their names exist."""
    for name in ("nms", "qnms"):
        try:
            import torchvision.models as models
        except RuntimeError:
            _LIBRARY.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        else:
            return models
    return importlib.import_module("torchvision.models")


_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
_TORCHVISION = ("mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5", "regnet_y_400mf", "squeezenet1_1",
                "mnasnet0_5")  # fmt: skip
_TIMM = ("mobilenetv3_small_050", "tf_mobilenetv3_small_minimal_100", "lcnet_050", "ghostnet_050", "tinynet_e",
         "hardcorenas_a", "mobilenetv4_conv_small", "repvgg_a0", "mobileone_s0", "semnasnet_050", "convnext_atto",
         "edgenext_xx_small")  # fmt: skip
_FURTHER = ("mobilenetv2_035", "fbnetv3_b", "resnet10t", "efficientvit_b0", "efficientformerv2_s0", "mixnet_s",
            "rexnetr_200", "dla46_c", "starnet_s1", "repghostnet_050", "fasternet_t0", "mobilevit_xxs",
            "test_convnext", "test_efficientnet", "test_vit", "test_resnet", "test_byobnet",
            "test_mambaout", "test_nfnet", "test_efficientnet_gn", "test_efficientnet_ln")  # fmt: skip


def _of_torchvision(name: str) -> Callable[[], nn.Module]:
    return lambda: getattr(_torchvision(), name)(weights=None, num_classes=10)


def _of_timm(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        _torchvision()
        import timm

        return timm.create_model(name, pretrained=False, num_classes=10)

    return make


def _densenet() -> nn.Module:
    densenet = _torchvision().densenet
    return densenet.DenseNet(growth_rate=32, block_config=(6, 12), num_init_features=64, num_classes=10)


def _googlenet() -> nn.Module:
    return _torchvision().googlenet(weights=None, num_classes=10, aux_logits=False, init_weights=False)


NETWORKS = (
    *(Foreign("torchvision", name, _of_torchvision(name)) for name in _TORCHVISION),
    Foreign("torchvision", "densenet121, 2 blocks", _densenet),
    Foreign("torchvision", "googlenet, no aux", _googlenet),
    *(Foreign("timm", name, _of_timm(name)) for name in _TIMM),
)
FURTHER = tuple(Foreign("timm", name, _of_timm(name)) for name in _FURTHER)


def pictures(count: int, side: int, images: Tensor | None) -> Tensor:
    """(count, 3, side, side), mean 0 and deviation 1: those of `images` (N, 3, H, W) resized, or smooth noise."""
    if images is None:
        images = F.interpolate(torch.randn(count, 3, 8, 8), size=(side, side), mode="bicubic")
    x = F.interpolate(images[:count].float(), size=(side, side), mode="bilinear", antialias=True)
    return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)


def settled(network: Foreign, x: Tensor, seed: int = 0) -> nn.Module:
    """The network with random weights, in eval mode, its batch norms' statistics those of x."""
    torch.manual_seed(seed)
    model = network.make().train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the mean over all batches
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        for batch in x.split(32):
            model(batch)
    return model.eval()


def coarse(model: nn.Module) -> nn.Module:
    """A copy whose convolutions and linear layers hold the best 4-bit weights, one scale a channel; all else is float.

    Each channel's scale is the best of 200 between a third of what its largest weight asks for and that."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            weight = module.weight.data
            transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
            rows = (weight.transpose(0, 1) if transposed else weight).flatten(1)
            peak = rows.abs().amax(1, keepdim=True).clamp(min=1e-12)
            best, least = rows, torch.full_like(peak, torch.inf)
            for share in torch.linspace(0.33, 1.0, 200):
                scale = peak * share / 7
                rounded = (rows / scale).round().clamp(-8, 7) * scale
                error = ((rounded - rows) ** 2).sum(1, keepdim=True)
                best, least = torch.where(error < least, rounded, best), torch.minimum(error, least)
            shape = weight.transpose(0, 1).shape if transposed else weight.shape
            shaped = best.reshape(shape)
            module.weight.data = shaped.transpose(0, 1).contiguous() if transposed else shaped
    return model


def sqnr(reference: Tensor, value: Tensor) -> float:
    """Signal to noise in dB."""
    noise = ((reference - value) ** 2).sum()
    return float(10 * torch.log10((reference**2).sum() / noise.clamp(min=1e-30)))
