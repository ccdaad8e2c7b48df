"""Random causal networks over frames, drawn by a seed: convolutions padded on the left or cut behind, of any dilation
and stride, depthwise too, and along one of two axes; poolings, joins of branches, norms and layers at each frame,
recurrent layers. They give all frames or the last one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, prepare

FORMATS = ("fixp4", "posit4", "nf4", "int8")


class Causal(nn.Module):
    """A convolution (N, C, L) of frames so far: padded before it, with zeros behind that are cut off, or not at all."""

    def __init__(self, rng: np.random.Generator, c: int, out: int, how: str, least: int = 1) -> None:
        super().__init__()
        k, self.stride = int(rng.integers(least, 5)), int(rng.choice([1, 1, 2])) if how == "before" else 1
        dilation = int(rng.choice([1, 1, 2, 3]))
        self.span, self.how = (k - 1) * dilation, how
        groups = int(rng.choice([1, 1, c])) if out % c == 0 else 1
        padding = self.span if how == "cut" else 0
        self.conv = nn.Conv1d(c, out, k, self.stride, padding, dilation, groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "before":
            x = F.pad(x, (self.span, 0))
        y = self.conv(x)
        return y[:, :, : y.shape[2] - self.span] if self.how == "cut" and self.span else y


class Stage(nn.Module):
    """One of what may follow another."""

    def __init__(self, rng: np.random.Generator, c: int, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self.kind, self.out, self.stride = str(rng.choice(kinds)), c, 1
        self.k = int(rng.integers(2, 5))
        if self.kind == "conv":
            self.out = int(rng.integers(1, 9)) if rng.random() < 0.6 else c
            self.layer = Causal(rng, c, self.out, str(rng.choice(["before", "before", "cut"])))
            self.stride = self.layer.stride
        elif self.kind in ("residual", "concat", "gate"):
            self.layer, self.other = (Causal(rng, c, c, "cut") for _ in range(2))
            self.out = 2 * c if self.kind == "concat" else c
        elif self.kind == "max":
            self.stride = int(rng.choice([1, 2]))
        elif self.kind == "recurrent":
            self.out = int(rng.integers(1, 9))
            name = str(rng.choice(["GRU", "LSTM", "RNN"]))
            self.layer = getattr(nn, name)(c, self.out, int(rng.choice([1, 1, 2])), batch_first=True)
        elif self.kind == "linear":
            self.out = int(rng.integers(1, 9))
            self.layer = nn.Linear(c, self.out)
        elif self.kind == "norm":
            self.layer = nn.LayerNorm(c)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "conv":
            return F.relu(self.layer(x))
        if self.kind == "residual":
            return F.relu(x + self.layer(F.relu(self.other(x))))
        if self.kind == "concat":
            return torch.cat([self.layer(x), F.relu(self.other(x))], 1)
        if self.kind == "gate":
            return torch.tanh(self.layer(x)) * torch.sigmoid(self.other(x))
        if self.kind == "max":
            return F.max_pool1d(F.pad(F.relu(x), (self.k - 1, 0)), self.k, self.stride)
        if self.kind == "mean":
            return F.avg_pool1d(F.pad(x, (self.k - 1, 0)), self.k, 1)
        if self.kind == "recurrent":
            return self.layer(x.transpose(1, 2))[0].transpose(1, 2)
        if self.kind == "softmax":
            return F.softmax(x, 1)
        return self.layer(x.transpose(1, 2)).transpose(1, 2)


class Network(nn.Module):
    def __init__(self, rng: np.random.Generator, c: int, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self.stages, self.stride = nn.ModuleList(), 1
        if rng.random() < 0.3:  # no padding: the first frames come late
            self.stages.extend(Causal(rng, c, c, "none", 2 - i) for i in range(int(rng.integers(1, 3))))
        ahead = len(self.stages) > 0
        if not ahead:
            self.stages.append(Causal(rng, c, c, "before", 2))
            self.stride = self.stages[0].stride
        for _ in range(int(rng.integers(1, 5))):
            stage = Stage(rng, c, ("linear", "norm") if ahead else kinds)
            self.stages.append(stage)
            c, self.stride = stage.out, self.stride * stage.stride
        self.last = bool(rng.random() < 0.3)
        self.head = nn.Linear(c, int(rng.integers(1, 6)))

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        x = x.transpose(1, 2)
        return self.head(x[:, -1] if self.last else x)


PLAIN = ("conv", "conv", "conv", "residual", "concat", "gate", "max", "mean", "linear", "norm", "softmax")


class Maps(nn.Module):
    """(N, 1, frames, bands): causal along frames, centred along bands."""

    def __init__(self, rng: np.random.Generator, bands: int) -> None:
        super().__init__()
        c, self.spans, self.layers = 1, [], nn.ModuleList()
        for _ in range(int(rng.integers(1, 4))):
            k, d = int(rng.integers(2 if c == 1 else 1, 4)), int(rng.choice([1, 2]))
            out = int(rng.integers(1, 6)) if c == 1 or rng.random() < 0.5 else c
            groups = c if out == c else 1
            across = int(rng.choice([1, 2]))
            self.layers.append(nn.Conv2d(c, out, (k, 3), (1, across), (0, 1), (d, 1), groups))
            self.spans.append((k - 1) * d)
            c, bands = out, (bands - 1) // across + 1
        self.stride, self.last = 1, bool(rng.random() < 0.5)
        self.head = nn.Linear(c * bands, 4)

    def forward(self, x: Tensor) -> Tensor:
        for span, layer in zip(self.spans, self.layers, strict=True):
            x = F.relu(layer(F.pad(x, (0, 0, span, 0))))
        x = x.transpose(1, 2).flatten(2)
        return self.head(x[:, -1] if self.last else x)


def network(seed: int, kinds: tuple[str, ...] = PLAIN) -> tuple[Bundle, int, int]:
    """(the bundle of a whole sequence, frames a step, PyTorch's dimension of time in its input)."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        maps = rng.random() < 0.2
        c = int(rng.integers(1, 7))
        model = (Maps(rng, bands := int(rng.integers(4, 9))) if maps else Network(rng, c, kinds)).eval()
        frames = model.stride * int(rng.choice([1, 1, 2, 3]))
        length = frames * int(rng.integers(max(2, 18 // frames), 24 // frames + 3))
        shape = (1, length, bands) if maps else (c, length)
        x = float(rng.choice([1, 2])) * torch.randn(16, *shape) + float(rng.choice([0, 0.5]))
        plan = QuantPlan(LayerPlan(weights=str(rng.choice(FORMATS)), act_bits=int(rng.choice([4, 8]))))
        return convert(prepare(model, x, plan, f"causal_{seed}")), frames, 2
