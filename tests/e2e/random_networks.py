"""Random small networks as Hypothesis draws them: a list of layers that fit one another, a plan, and inputs to
calibrate on. A network prints as the list it was drawn from, so that a failing one can be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from e2e.random_layouts import LAYOUTS
from e2e.random_sequences import SEQUENCES
from mixcomp_edge import Bundle, LayerPlan, QuantPlan, convert, prepare

FORMATS = ("fixp4", "posit4", "int8", "posit4sc8", "nf4", "posit4e1", "lut4", "e2m1")
ACTIVATIONS = {"none": lambda x: x, "relu": F.relu, "relu6": F.relu6}
JOINS = {
    "mul": torch.mul, "add": torch.add, "sub": torch.sub, "min": torch.minimum, "max": torch.maximum,
    "rsub": torch.rsub, "square": lambda x, y: x * x * y,
}  # fmt: skip
RESTS = {  # what is joined: the whole, or what repeats, or a constant
    "whole": lambda x: x,
    "channels": lambda x: F.adaptive_avg_pool2d(x, 1) if x.dim() == 4 else F.adaptive_avg_pool1d(x, 1),
    "columns": lambda x: F.avg_pool2d(x, (x.shape[2], 1)) if x.dim() == 4 else x,
    "rows": lambda x: F.max_pool2d(x, (1, x.shape[3])) if x.dim() == 4 else x,
    "positions": lambda x: torch.linspace(-1, 2, x.shape[-1]),
    "mask": lambda x: (torch.arange(x[0].numel()) % 3 > 0).float().reshape(x.shape[1:]),
}
FUNCTIONS = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardswish": F.hardswish, "gelu": F.gelu, "abs": torch.abs,
    "clamp": lambda x: x.clamp(-0.5, 2.0), "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "chain": lambda x: 2 * torch.exp(-x.abs()) - 0.5, "where": lambda x: torch.where(x > 0.1, x, 0.0),
}  # fmt: skip
RECURRENT = {
    "gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN, "rectified": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
}  # fmt: skip
MASKS = {
    "none": lambda n: None,
    "causal": lambda n: torch.full((n, n), -torch.inf).triu(1),
    "numbers": lambda n: torch.linspace(-2, 2, n * n).reshape(n, n),
}
FAMILIES = ("convolutions", "depthwise", "joins", "windows", "products", "sequences", "recurrent", "layouts", "dense")
ROOM = 2000  # elements of one value at most: keeps the interpreter quick

Shape = tuple[int, ...]  # (C, H, W), (C, L) or (F,), as in PyTorch


@dataclass(frozen=True)
class Step:
    """One layer: what it is, its settings, and the shape it gives."""

    kind: str
    settings: dict[str, Any]
    shape: Shape


@dataclass(frozen=True)
class Network:
    """Drawn by `networks`. `low` and `spread` place the inputs: low < 0 gives negative ones. `inputs` of them, each a
    part of `shape`, are joined before the first step; the values behind the steps of `taps` leave the network, too.
    With `words` (C, L) is made of L tokens below it, by a table; where `masked`, token 0 becomes zeros."""

    shape: Shape
    steps: tuple[Step, ...]
    act_bits: tuple[int, ...]
    formats: tuple[str, ...]
    granularities: tuple[str, ...]
    low: float
    spread: float
    seed: int
    inputs: int = 1
    taps: tuple[int, ...] = ()
    words: int = 0
    masked: bool = False

    def bundle(self) -> Bundle:
        """The network with seeded weights, calibrated on 16 inputs, as integers."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            model = Module(self)
            channels, *rest = self.shape
            parts = (
                self.low + self.spread * torch.rand(16, channels // self.inputs, *rest) for _ in range(self.inputs)
            )
            calibration = tuple(parts)
            if self.words:
                calibration = (torch.randint(0, self.words, (16, self.shape[1])),)
        kinds = nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.Linear | nn.Embedding
        names = [name for name, module in model.named_modules() if isinstance(module, kinds)]
        layers = {
            name: {
                "weights": self.formats[i % len(self.formats)],
                "granularity": self.granularities[i % len(self.granularities)],
                "act_bits": self.act_bits[i % len(self.act_bits)],
            }
            for i, name in enumerate(names)
        }
        others = LayerPlan(weights=self.formats[-1], act_bits=self.act_bits[-1])  # of recurrent layers, attention
        return convert(prepare(model, calibration, QuantPlan(others, layers), "drawn"))


class Module(nn.Module):
    """The network in PyTorch."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        shapes = [network.shape, *(step.shape for step in network.steps)]
        self.layers = nn.ModuleList(Layer(step, shape) for step, shape in zip(network.steps, shapes, strict=False))
        self.taps, self.masked = network.taps, network.masked
        self.table = nn.Embedding(network.words, network.shape[0]) if network.words else None
        self.eval()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        x, outputs = torch.cat(inputs, 1) if self.table is None else self.looked_up(*inputs), []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.taps:
                outputs.append(x)
        return (*outputs, x)

    def looked_up(self, tokens: Tensor) -> Tensor:
        rows = self.table(tokens)
        return (rows.masked_fill((tokens == 0)[..., None], 0.0) if self.masked else rows).transpose(1, 2)


class Layer(nn.Module):
    """One step; `shape` is that of its input."""

    def __init__(self, step: Step, shape: Shape) -> None:
        super().__init__()
        self.kind, s = step.kind, step.settings
        self.settings = s
        if self.kind in ("conv", "residual", "concat", "join"):
            words = {key: s[key] for key in ("stride", "padding", "dilation", "groups", "bias") if key in s}
            conv, norm = (nn.Conv1d, nn.BatchNorm1d) if len(shape) == 2 else (nn.Conv2d, nn.BatchNorm2d)
            self.conv = conv(shape[0], s["channels"], s["kernel"], **words)
            self.norm = norm(s["channels"]) if s.get("norm") else nn.Identity()
            if s.get("norm"):
                self.norm.running_mean.normal_(0, 0.3)
                self.norm.running_var.uniform_(0.5, 2.0)
        elif self.kind == "prelu":
            self.prelu = nn.PReLU(shape[0])
            self.prelu.weight.data.uniform_(-0.5, 1.5)
        elif self.kind == "transposed":
            words = {key: v for key, v in s.items() if key not in ("channels", "act")}
            self.conv = (nn.ConvTranspose1d if len(shape) == 2 else nn.ConvTranspose2d)(
                shape[0], s["channels"], **words
            )
        elif self.kind == "recurrent":
            words = {key: v for key, v in s.items() if key not in ("what", "read", "given")}
            self.rnn = RECURRENT[s["what"]](shape[0], **words)
        elif self.kind == "attention":
            self.attend = nn.MultiheadAttention(shape[0], s["heads"], bias=s["bias"], batch_first=True)
        elif self.kind == "encoder":
            self.encoder = nn.TransformerEncoderLayer(
                shape[0], s["heads"], s["wide"], activation=s["act"], norm_first=s["norm_first"], batch_first=True
            )
        elif self.kind == "rows":
            self.fc = nn.Linear(shape[-1], s["features"], bias=s["bias"])
        elif self.kind == "dense":
            self.fc = nn.Linear(shape[0], s["features"], bias=s["bias"])

    def forward(self, x: Tensor) -> Tensor:
        s = self.settings
        match self.kind:
            case "conv":
                return ACTIVATIONS[s["act"]](self.norm(self.conv(x)))
            case "residual":
                return ACTIVATIONS[s["act"]](self.norm(self.conv(x)) + x)
            case "join":
                return ACTIVATIONS[s["act"]](JOINS[s["join"]](self.conv(x), RESTS[s["rest"]](x)))
            case "concat":
                return torch.cat([ACTIVATIONS[s["act"]](self.conv(x)), *[x] * s["copies"]], s["dim"])
            case "transposed":
                return ACTIVATIONS[s["act"]](self.conv(x))
            case "recurrent":
                return self.recurrent(x.flatten(2))
            case "attention" | "encoder":
                x = x.flatten(2).transpose(1, 2)
                mask = MASKS[s["mask"]](x.shape[1])
                if self.kind == "encoder":
                    return self.encoder(x, mask).transpose(1, 2)
                return self.attend(x, x, x, need_weights=False, attn_mask=mask)[0].transpose(1, 2)
            case "sequence":
                return SEQUENCES[s["what"]](x, s)
            case "layout":
                return LAYOUTS[s["what"]](x, s)
            case "dense" | "rows":
                return ACTIVATIONS[s["act"]](self.fc(x))
            case "max":
                pool = F.max_pool1d if x.dim() == 3 else F.max_pool2d
                return pool(x, s["kernel"], s["stride"], s["padding"])
            case "average":
                include = s["count_include_pad"]
                pool = F.avg_pool1d if x.dim() == 3 else F.avg_pool2d
                return pool(x, s["kernel"], s["stride"], s["padding"], count_include_pad=include)
            case "pad":
                return F.pad(x, s["pads"], s.get("mode", "constant"))
            case "upsample":
                return F.interpolate(x, size=s["size"], mode=s["mode"].get(x.dim()), align_corners=s["align_corners"])
            case "adaptive":
                return getattr(F, f"adaptive_{s['what']}_pool{x.dim() - 2}d")(x, s["size"])
            case "slice":
                return x[:, :, :: s["step"][0], :: s["step"][1]]
            case "relu":
                return F.relu(x)
            case "function":
                return FUNCTIONS[s["name"]](x)
            case "prelu":
                return self.prelu(x)
            case "flatten":
                return x.flatten(1)
            case "mean":
                return x.mean((2, 3)[: x.dim() - 2])
        return F.softmax(x, dim=1)

    def recurrent(self, x: Tensor) -> Tensor:
        s = self.settings
        rows = x.transpose(1, 2) if s["batch_first"] else x.permute(2, 0, 1)
        y, last = self.rnn(rows, self.given(x)) if s["given"] else self.rnn(rows)
        y = y.transpose(1, 2) if s["batch_first"] else y.permute(1, 2, 0)
        if s["read"] == "outputs":
            return y
        last = last if s["what"] == "lstm" else (last,)
        parts = {"states": last[:1], "cells": last[1:], "all": last}[s["read"]]
        found = torch.cat([state for part in parts for state in part], 1)
        return torch.cat((y[:, :, 0], found), 1) if s["read"] == "all" else found

    def given(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """First states, of the sum of x."""
        count = self.rnn.num_layers * (2 if self.rnn.bidirectional else 1)
        row = torch.tanh(x.sum(2)[:, :1]) * torch.linspace(-1, 1.5, self.rnn.hidden_size)
        states = torch.stack([row] * count, 1).transpose(0, 1)
        return (states, 4 * states) if self.settings["what"] == "lstm" else states


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


@dataclass
class _Drawing:
    """The network so far: Hypothesis' draw and the steps that were added."""

    draw: Any
    shape: Shape
    steps: list[Step] = field(default_factory=list)

    def add(self, kind: str, shape: Shape, **settings: Any) -> None:
        self.steps.append(Step(kind, settings, shape))
        self.shape = shape

    def pick(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def act(self) -> str:
        return self.pick("none", "relu", "relu", "relu6")

    def conv(self, *, depthwise: bool = False) -> None:
        c, *sizes = self.shape
        kernel = self.pick((1, 1), (3, 3), (2, 3), (3, 1), (5, 2))[-len(sizes) :]
        dilation = self.pick((1, 1), (1, 1), (2, 1), (1, 3))[-len(sizes) :]
        extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        padding = tuple(self.pick(0, 1, e // 2, e - 1) for e in extent)
        padding = tuple(max(p, (e - size + 1) // 2) for p, e, size in zip(padding, extent, sizes, strict=True))
        stride = self.pick((1, 1), (1, 1), (2, 2), (1, 2), (3, 1))[-len(sizes) :]
        out = ((n + 2 * p - e) // s + 1 for n, p, e, s in zip(sizes, padding, extent, stride, strict=True))
        if depthwise:
            groups, channels = c, c * self.pick(1, 1, 2)
        else:
            groups = self.pick(1, 1, *_divisors(c))
            channels = groups * self.draw(st.integers(1, max(1, 9 // groups)))
        self.add(
            "conv", (channels, *out), kernel=kernel, stride=stride, padding=padding, dilation=dilation,
            groups=groups, channels=channels, bias=self.pick(True, False), norm=self.pick(True, False), act=self.act(),
        )  # fmt: skip

    def depthwise(self) -> None:
        self.conv(depthwise=True)

    def residual(self) -> None:
        c, k = self.shape[0], self.pick(1, 3)
        self.add(
            "residual", self.shape, kernel=k, padding=k // 2, channels=c, groups=self.pick(1, c),
            norm=self.pick(True, False), act=self.act(),
        )  # fmt: skip

    def concat(self) -> None:
        c, *sizes = self.shape
        dim, copies, act = self.pick(1, *range(2, 2 + len(sizes))), self.pick(1, 1, 2), self.act()
        channels = self.draw(st.integers(1, 5)) if dim == 1 else c
        shape = [channels, *sizes]
        shape[dim - 1] += copies * self.shape[dim - 1]
        self.add("concat", tuple(shape), kernel=1, channels=channels, dim=dim, copies=copies, act=act)

    def join(self) -> None:
        c = self.shape[0]
        names = {"join": self.pick(*JOINS), "rest": self.pick(*RESTS)}
        channels = c if names["rest"] == "positions" else self.pick(c, c, 1)
        self.add("join", self.shape, kernel=1, channels=channels, act=self.act(), **names)

    def pool(self, kind: str, **settings: Any) -> None:
        c, *sizes = self.shape
        kernel = tuple(self.draw(st.integers(1, min(size, 4))) for size in sizes)
        stride = tuple(self.draw(st.integers(1, 3)) for _ in sizes)
        padding = tuple(self.draw(st.integers(0, k // 2)) for k in kernel)
        out = ((n + 2 * p - k) // s + 1 for n, p, k, s in zip(sizes, padding, kernel, stride, strict=True))
        self.add(kind, (c, *out), kernel=kernel, stride=stride, padding=padding, **settings)

    def max(self) -> None:
        self.pool("max")

    def average(self) -> None:
        self.pool("average", count_include_pad=self.pick(True, False))

    def pad(self) -> None:
        around = [tuple(self.draw(st.integers(0, 2)) for _ in range(2)) for _ in self.shape]  # channels first
        around[0] = self.pick((0, 0), around[0])
        pads = tuple(amount for pair in reversed(around) for amount in pair)
        self.add("pad", tuple(n + sum(pair) for n, pair in zip(self.shape, around, strict=True)), pads=pads)

    def mirrored(self) -> None:
        around = [tuple(self.draw(st.integers(0, min(n - 1, 2))) for _ in range(2)) for n in self.shape[1:]]
        pads = tuple(amount for pair in reversed(around) for amount in pair)
        sizes = (n + sum(pair) for n, pair in zip(self.shape[1:], around, strict=True))
        self.add("pad", (self.shape[0], *sizes), pads=pads, mode=self.pick("reflect", "replicate", "circular"))

    def cropped(self) -> None:
        around = [(-self.draw(st.integers(0, n // 3)), self.draw(st.integers(-(n // 3), 1))) for n in self.shape[1:]]
        pads = tuple(amount for pair in reversed(around) for amount in pair)
        sizes = (n + sum(pair) for n, pair in zip(self.shape[1:], around, strict=True))
        self.add("pad", (self.shape[0], *sizes), pads=pads)

    def upsample(self) -> None:
        size = tuple(self.draw(st.integers(1, 2 * n)) for n in self.shape[1:])
        linear = {3: "linear", 4: "bilinear"}
        mode, align = self.pick((dict.fromkeys(linear, "nearest"), None), (linear, False), (linear, True))
        self.add("upsample", (self.shape[0], *size), size=size, mode=mode, align_corners=align)

    def transposed(self) -> None:
        c, *sizes = self.shape
        kernel, stride, dilation = (tuple(self.draw(st.integers(1, top)) for _ in sizes) for top in (4, 3, 2))
        padding = tuple(self.draw(st.integers(0, d * (k - 1) // 2)) for d, k in zip(dilation, kernel, strict=True))
        more = tuple(self.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
        groups = self.pick(1, 1, *_divisors(c))
        channels = groups * self.draw(st.integers(1, max(1, 6 // groups)))
        axes = zip(sizes, kernel, stride, dilation, padding, more, strict=True)
        out = ((n - 1) * s + d * (k - 1) + 1 - 2 * p + m for n, k, s, d, p, m in axes)
        self.add(
            "transposed", (channels, *out), kernel_size=kernel, stride=stride, dilation=dilation, padding=padding,
            output_padding=more, groups=groups, channels=channels, bias=self.pick(True, False), act=self.act(),
        )  # fmt: skip

    def adaptive(self) -> None:
        size = tuple(self.draw(st.integers(1, n + 1)) for n in self.shape[1:])
        self.add("adaptive", (self.shape[0], *size), size=size, what=self.pick("avg", "max"))

    def slice(self) -> None:
        if len(self.shape) == 3:
            c, h, w = self.shape
            step = self.pick((2, 2), (1, 2), (3, 1))
            self.add("slice", (c, -(-h // step[0]), -(-w // step[1])), step=step)

    def relu(self) -> None:
        self.add("relu", self.shape)

    def function(self) -> None:
        self.add("function", self.shape, name=self.pick(*FUNCTIONS))

    def prelu(self) -> None:
        self.add("prelu", self.shape)

    def sequence(self) -> None:
        rank = len(self.shape)
        dims = sorted(self.draw(st.sets(st.integers(1, rank), min_size=1)))
        settings = {"what": self.pick(*SEQUENCES), "dims": dims, "groups": self.pick(*_divisors(self.shape[0]))}
        y = SEQUENCES[settings["what"]](torch.zeros(2, *self.shape), settings)  # norms refuse one value alone
        self.add("sequence", tuple(y.shape[1:]), **settings)

    def layout(self) -> None:
        rank = len(self.shape)
        axis = self.draw(st.integers(1, rank))
        settings = {
            "what": self.pick(*LAYOUTS), "axis": axis, "order": self.draw(st.permutations(range(1, rank + 1))),
            "start": self.draw(st.integers(0, self.shape[axis - 1] - 1)), "step": self.pick(1, 2, 3),
            "by": self.draw(st.integers(-3, 9)), "groups": self.pick(*_divisors(self.shape[0])),
        }  # fmt: skip
        self.add(
            "layout", tuple(LAYOUTS[settings["what"]](torch.zeros(2, *self.shape), settings).shape[1:]), **settings
        )

    def recurrent(self) -> None:
        settings = {
            "what": self.pick(*RECURRENT), "hidden_size": self.draw(st.integers(1, 9)),
            "num_layers": self.pick(1, 1, 2), "bidirectional": self.pick(True, False),
            "batch_first": self.pick(True, False), "bias": self.pick(True, False),
            "read": self.pick("outputs", "states"), "given": self.pick(False, False, True),
        }  # fmt: skip
        if settings["what"] == "lstm" and self.pick(True, False):
            settings["read"] = self.pick("cells", "all")
        width = settings["hidden_size"] * (2 if settings["bidirectional"] else 1)
        shape = {
            "outputs": (width, prod(self.shape[1:])),
            "all": (width + 2 * settings["num_layers"] * width,),
        }.get(settings["read"], (settings["num_layers"] * width,))
        self.add("recurrent", shape, **settings)

    def attention(self) -> None:
        """torch's own modules, over positions as they lie."""
        c = self.shape[0]
        settings = {"heads": self.pick(*_divisors(c)), "mask": self.pick("none", "causal", "numbers")}
        if c > 1 and self.pick(True, False):
            if settings["mask"] == "numbers":  # torch's own fast way takes every number but 0 for a place to leave out
                settings["mask"] = "causal"
            self.add(
                "encoder", (c, prod(self.shape[1:])), norm_first=self.pick(True, False), act=self.pick("relu", "gelu"),
                wide=self.draw(st.integers(1, 12)), **settings,
            )  # fmt: skip
        else:
            self.add("attention", (c, prod(self.shape[1:])), bias=self.pick(True, False), **settings)

    def rows(self) -> None:
        features = self.draw(st.integers(1, 9))
        self.add(
            "rows", (*self.shape[:-1], features), features=features, bias=self.pick(True, False), act=self.act()
        )  # fmt: skip

    def dense(self) -> None:
        if len(self.shape) > 1:
            whole = self.pick(True, False)
            self.add(*(("flatten", (prod(self.shape),)) if whole else ("mean", self.shape[:1])))
        features = self.draw(st.integers(1, 12))
        self.add("dense", (features,), features=features, bias=self.pick(True, False), act=self.act())


RESAMPLING = ("mirrored", "cropped", "upsample", "adaptive", "transposed")
FIRST = {
    "convolutions": ("conv",),
    "depthwise": ("depthwise",),
    "joins": ("residual", "concat"),
    "products": ("join",),
    "windows": ("max", "average", "pad", "slice", "relu", "function", "prelu", *RESAMPLING),
    "sequences": ("sequence", "sequence", "rows"),
    "layouts": ("layout",),
    "recurrent": ("recurrent",),
    "attention": ("attention", "attention", "attention", "sequence"),
    "dense": ("dense",),
}
ANYTHING = (
    "conv",
    "conv",
    "depthwise",
    "residual",
    "concat",
    "join",
    *FIRST["windows"],
    *FIRST["sequences"],
    "layout",
    "recurrent",
    "dense",
)


@st.composite
def networks(draw: Any, family: str) -> Network:
    """One to six layers, one of the family among the first two; perhaps a softmax at the end."""
    if family == "dense" and draw(st.booleans()):
        shape: Shape = (draw(st.integers(1, 40)),)
    else:
        sizes = draw(st.sampled_from([(2, 9), (2, 9), (3, 20)]))
        shape = (draw(st.integers(1, 6)), *(draw(st.integers(*sizes)) for _ in range(2 if sizes[1] < 20 else 1)))
    drawing = _Drawing(draw, shape)
    count = draw(st.integers(1, 6))
    family_at = draw(st.integers(0, min(1, count - 1))) if len(shape) > 1 else 0
    for i in range(count):
        choices = FIRST[family] if i == family_at else ANYTHING if family_at < i else ANYTHING[:-1]
        kind = "dense" if len(drawing.shape) == 1 else drawing.pick(*choices)
        before = drawing.shape, len(drawing.steps)
        getattr(drawing, kind)()
        if prod(drawing.shape) > ROOM:  # the layer makes too much of it: without
            drawing.shape, drawing.steps = before[0], drawing.steps[: before[1]]
            drawing.max() if len(drawing.shape) > 1 else drawing.dense()
    if not any(
        step.kind
        in ("conv", "residual", "concat", "join", "transposed", "rows", "recurrent", "dense", "attention", "encoder")
        for step in drawing.steps
    ):
        drawing.dense()
    if len(drawing.shape) == 1 and draw(st.booleans()):
        drawing.add("softmax", drawing.shape)
    words = draw(st.sampled_from([0, 0, 2, 40, 300])) if len(shape) == 2 else 0
    inner = [i for i, step in enumerate(drawing.steps[:-1]) if step.kind != "flatten"]
    return Network(
        shape=shape,
        steps=tuple(drawing.steps),
        act_bits=draw(st.sampled_from([(4,), (8,), (4, 8), (8, 4, 4)])),
        formats=draw(st.permutations(FORMATS).map(tuple)),
        granularities=draw(st.sampled_from([("channel",), ("tensor",), ("tensor", "channel")])),
        low=draw(st.sampled_from([0.0, -1.0, -0.3, -3.0, 0.5])),
        spread=draw(st.sampled_from([1.0, 2.0, 6.0])),
        seed=draw(st.integers(0, 2**16)),
        inputs=1 if words else draw(st.sampled_from([1, 1, *(n for n in (2, 3) if shape[0] % n == 0)])),
        taps=draw(st.sampled_from([(), (), tuple(inner[:1]), tuple(inner)])),
        words=words,
        masked=draw(st.booleans()) if words else False,
    )
