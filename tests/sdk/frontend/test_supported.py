"""The float graph of a module computes what the module computes: every operator, in every way to write it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import QuantPlan, Recipe
from mixcomp_edge.frontend.torch_export import import_model
from mixcomp_edge.ir.nodes import Activation
from mixcomp_edge.lower import simplify
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.dense import Dense
from mixcomp_edge.train.quantized_model import QuantizedModel
from support.same_function import MAP, Then, Two, assert_same_function, kinds, settled

CONVOLUTIONS = {
    "no padding": nn.Conv2d(4, 6, 3),
    "same": nn.Conv2d(4, 6, 3, padding="same"),
    "same, even kernel": nn.Conv2d(4, 6, (4, 2), padding="same"),
    "same, dilated": nn.Conv2d(4, 6, (2, 3), padding="same", dilation=(3, 2)),
    "valid": nn.Conv2d(4, 6, (2, 3), padding="valid"),
    "integers": nn.Conv2d(4, 6, (5, 3), padding=(2, 1)),
    "stride": nn.Conv2d(4, 6, 3, stride=(2, 3), padding=1),
    "dilation": nn.Conv2d(4, 6, (3, 2), dilation=(2, 3), padding=2),
    "no bias": nn.Conv2d(4, 6, 3, bias=False),
    "groups": nn.Conv2d(4, 6, 3, groups=2),
    "depthwise": nn.Conv2d(4, 4, 3, groups=4, padding=1),
    "depthwise, two outputs a channel": nn.Conv2d(4, 8, (3, 2), groups=4, stride=2),
    "one by one": nn.Conv2d(4, 3, 1),
    "padding mode": nn.Conv2d(4, 3, 3, padding=1, padding_mode="zeros"),
}


@pytest.mark.parametrize("conv", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution(conv):
    assert_same_function(conv, MAP)
    assert kinds(conv, MAP) == ["conv2d"]


PADDED = {
    "TensorFlow's SAME by F.pad": lambda x: F.pad(x, (0, 1, 0, 1)),
    "F.pad by keyword": lambda x: F.pad(x, pad=(1, 2, 0, 1), mode="constant", value=0.0),
    "nn.ZeroPad2d": nn.ZeroPad2d((1, 0, 2, 1)),
    "nn.ConstantPad2d": nn.ConstantPad2d((1, 0, 2, 1), 0.0),
}


@pytest.mark.parametrize("pad", PADDED.values(), ids=PADDED)
def test_padding_before_a_convolution_becomes_the_convolutions_own(pad):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 5, 3, stride=2, padding=(0, 1))

        def forward(self, x):
            return self.conv(pad(x))

    assert_same_function(Net(), MAP)
    assert kinds(Net(), MAP) == ["conv2d"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)),
        lambda: nn.Sequential(nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6, affine=False, eps=1e-2)),
        lambda: nn.Sequential(nn.Conv2d(4, 8, 3, groups=4), nn.BatchNorm2d(8)),
    ],
)
def test_batch_norm_2d_folds_into_the_convolution(make):
    assert_same_function(make(), MAP)
    assert kinds(make(), MAP) == ["conv2d"]


@pytest.mark.parametrize("bias", [True, False])
def test_batch_norm_1d_folds_into_the_linear_layer(bias):
    model = nn.Sequential(nn.Linear(9, 5, bias=bias), nn.BatchNorm1d(5))
    assert_same_function(model, (9,))
    assert kinds(model, (9,)) == ["dense"]


C = torch.tensor([0.3, -2.0, 1.5, 0.7])  # one number a channel
ARITHMETIC = {
    "x + 2": lambda x: x + 2,
    "2 - x": lambda x: 2 - x,
    "rsub": lambda x: torch.rsub(x, 1.5, alpha=2),
    "x - c": lambda x: x - C.view(4, 1, 1),
    "c - x": lambda x: C.view(1, 4, 1, 1) - x,
    "torch.sub, alpha": lambda x: torch.sub(x, C.view(4, 1, 1), alpha=3),
    "torch.add, alpha": lambda x: torch.add(C.view(4, 1, 1), x, alpha=-3),
    "x * c": lambda x: C[:, None, None] * x,
    "x / 255": lambda x: x / 255,
    "x / c": lambda x: x / C.reshape(4, 1, 1),
    "-x": lambda x: -x,
    "normalised": lambda x: (x - C.view(4, 1, 1)) / (C.abs().view(4, 1, 1) + 0.1),
    "in place": lambda x: x.mul_(2).sub_(C.view(4, 1, 1)).div_(3).add_(1).neg_(),
    "a constant made of constants": lambda x: x * torch.sqrt(torch.ones(4, 1, 1) * 2 + C.abs().view(4, 1, 1)),
    "before a relu": lambda x: F.relu(x * -2 + 0.5),
    "behind a relu": lambda x: F.relu(x) * 0.5,
    "before a pooling": lambda x: F.max_pool2d(x * 3 - 1, 2),
    "behind a pooling": lambda x: F.avg_pool2d(x, 2) * C.view(4, 1, 1) + 1,
}


@pytest.mark.parametrize("function", ARITHMETIC.values(), ids=ARITHMETIC)
def test_arithmetic_with_constants_folds_into_the_layer_before_it(function):
    assert_same_function(Then(function), MAP)
    assert [kind for kind in kinds(Then(function), MAP) if "pool" not in kind] == ["conv2d"]


class Before(nn.Module):
    """A function of the input, with buffers of its own, and a layer behind it."""

    def __init__(self, function, layer):
        super().__init__()
        self.function, self.layer = function, layer
        self.register_buffer("mean", torch.tensor([0.5, -1.0, 2.0, 0.0]).view(1, 4, 1, 1))
        self.scale = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        return self.layer(self.function(self, x))


NORMALISED = {
    "x - mean, padding": (lambda net, x: (x - net.mean) / 3, lambda: nn.Conv2d(4, 3, 3, padding=1)),
    "x - mean, no padding": (lambda net, x: (x - net.mean) * net.scale, lambda: nn.Conv2d(4, 3, 3)),
    "x / 255, padding": (lambda net, x: x / 255, lambda: nn.Conv2d(4, 3, 3, padding=1)),
    "scaled channels, padding": (lambda net, x: x * net.mean, lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2)),
    "scaled by a parameter": (lambda net, x: net.scale * x, lambda: nn.Conv2d(4, 8, 3, groups=4)),
    "x - mean, flattened": (
        lambda net, x: x - net.mean, lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * 7 * 6, 5))
    ),
    "batch norm": (lambda net, x: x, lambda: nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 3, (2, 3)))),
}  # fmt: skip


@pytest.mark.parametrize(("function", "layer"), NORMALISED.values(), ids=NORMALISED)
def test_arithmetic_on_the_input_folds_into_the_layer_behind_it(function, layer):
    assert_same_function(Before(function, layer()), MAP)
    assert [kind for kind in kinds(Before(function, layer()), MAP) if kind != "reshape"] in (["conv2d"], ["dense"])


def test_arithmetic_on_a_vector_takes_one_number_a_feature():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            return self.fc((x - C) / C.abs())

    assert_same_function(Net(), (4,))
    assert kinds(Net(), (4,)) == ["dense"]


def test_a_weight_that_is_computed_of_parameters_is_a_weight():
    class Net(nn.Module):
        """Weights with mean 0 and deviation 1 for each output channel."""

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 5, 3)

        def forward(self, x):
            w = self.conv.weight
            w = (w - w.mean((1, 2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True)
            return F.conv2d(x, w, self.conv.bias)

    assert_same_function(Net(), MAP)
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 5, 3))
    assert_same_function(nn.Sequential(normed, nn.ReLU()), MAP)
    assert import_model(nn.Sequential(normed, nn.ReLU()), MAP, "m").nodes[1].name == "0.conv2d"


ACTIVATIONS = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "torch.relu": torch.relu,
    "Tensor.relu": lambda x: x.relu(),
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "nn.ReLU6": nn.ReLU6(),
    "nn.ReLU6 in place": nn.ReLU6(inplace=True),
    "F.relu6": F.relu6,
    "F.hardtanh(0, 6)": lambda x: F.hardtanh(x, 0.0, 6.0),
    "nn.Hardtanh(0, 6)": nn.Hardtanh(0.0, 6.0),
    "clamp(min=0)": lambda x: x.clamp(min=0),
    "clamp(0, 6)": lambda x: torch.clamp(x, 0.0, 6.0),
    "clamp_min": lambda x: torch.clamp_min(x, 0.0),
    "relu of relu6": lambda x: F.relu(F.relu6(x)),
}


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activation_becomes_part_of_the_layer_before_it(activation):
    model = Then(activation)
    model.conv.weight.data *= 8  # so that 6 is passed
    assert_same_function(model, MAP)
    assert kinds(model, MAP) == ["conv2d"]


def test_relu_of_the_input_stays_a_node():
    assert_same_function(nn.Sequential(nn.ReLU(), nn.Conv2d(4, 3, 1)), MAP)
    assert kinds(nn.Sequential(nn.ReLU(), nn.Conv2d(4, 3, 1)), MAP) == ["relu", "conv2d"]


def test_relu_of_a_value_that_is_read_elsewhere_stays_a_node():
    model = Then(lambda x: torch.cat([F.relu(x), x], 1))
    assert_same_function(model, MAP)
    assert kinds(model, MAP) == ["conv2d", "relu", "concat"]


def plus_equals(a: Tensor, b: Tensor) -> Tensor:
    a += b
    return a


JOINS = {
    "a + b": (lambda a, b: a + b, ["add"]),
    "torch.add": (torch.add, ["add"]),
    "a += b": (plus_equals, ["add"]),
    "add_": (lambda a, b: a.add_(b), ["add"]),
    "a + a": (lambda a, b: a + a + b, ["add", "add"]),
    "relu(a + b)": (lambda a, b: F.relu(a + b), ["add"]),
    "relu6(a + b)": (lambda a, b: F.relu6(a + b), ["add"]),
    "cat on channels": (lambda a, b: torch.cat([a, b], 1), ["concat"]),
    "cat on height": (lambda a, b: torch.cat((a, b), dim=2), ["concat"]),
    "cat on width": (lambda a, b: torch.cat([b, a], -1), ["concat"]),
    "cat of three": (lambda a, b: torch.concat([a, b, a], dim=-3), ["concat"]),
}


@pytest.mark.parametrize(("join", "expected"), JOINS.values(), ids=JOINS)
def test_two_values_join(join, expected):
    graph = assert_same_function(Two(join), MAP)
    assert [node.op for node in graph.nodes if node.op != "relu"] == ["input", "conv2d", "conv2d", *expected]


POOLS = {
    "max": nn.MaxPool2d(2),
    "max, padded": nn.MaxPool2d(3, stride=2, padding=1),
    "max, dilated": nn.MaxPool2d((2, 3), stride=1, dilation=(3, 2)),
    "F.max_pool2d": lambda x: F.max_pool2d(x, (3, 2), (1, 2)),
    "average": nn.AvgPool2d((3, 2)),
    "average, padded": nn.AvgPool2d(3, stride=2, padding=1),
    "average, padding not counted": nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    "F.avg_pool2d": lambda x: F.avg_pool2d(x, 2, 1),
    "adaptive to one": nn.AdaptiveAvgPool2d(1),
    "adaptive to a divisor": nn.AdaptiveAvgPool2d((7, 3)),
    "adaptive, one axis kept": nn.AdaptiveAvgPool2d((1, None)),
    "mean, kept": lambda x: x.mean((2, 3), keepdim=True),
    "mean, other order": lambda x: torch.mean(x, dim=(-1, -2), keepdim=True),
    "strided slice": lambda x: x[:, :, ::2, ::3],
    "strided slice of one axis": lambda x: x[..., ::2],
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
def test_pooling(pool):
    assert_same_function(Then(pool), MAP)
    assert kinds(Then(pool), MAP) in (["conv2d", "avgpool2d"], ["conv2d", "maxpool2d"])


def test_mean_without_keepdim_gives_a_vector():
    model = Then(lambda x: x.mean((2, 3)))
    assert_same_function(model, MAP)
    assert kinds(model, MAP) == ["conv2d", "avgpool2d", "reshape"]


FLATTENS = {
    "nn.Flatten": nn.Flatten(),
    "flatten(1)": lambda x: x.flatten(1),
    "torch.flatten": lambda x: torch.flatten(x, start_dim=1),
    "view": lambda x: x.view(x.size(0), -1),
    "reshape": lambda x: x.reshape(x.shape[0], 4 * 7 * 6),
    "flatten in two steps": lambda x: x.flatten(2).flatten(1),
}


class Head(nn.Module):
    """A linear layer behind a map that `function` flattens."""

    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 7 * 6, 5)
        self.function = function

    def forward(self, x):
        return self.fc(self.function(self.conv(x)))


@pytest.mark.parametrize("flatten", [f for name, f in FLATTENS.items() if "two" not in name], ids=lambda f: str(f)[:12])
def test_flatten_before_a_linear_layer(flatten):
    assert_same_function(Head(flatten), MAP)
    assert kinds(Head(flatten), MAP) == ["conv2d", "reshape", "dense"]


def test_two_linear_layers_may_read_one_flatten():
    class Net(Head):
        def __init__(self):
            super().__init__(None)
            self.other = nn.Linear(4 * 7 * 6, 5, bias=False)

        def forward(self, x):
            flat = F.relu(self.conv(x)).flatten(1)
            return self.fc(flat) + self.other(flat)

    assert_same_function(Net(), MAP)


VECTORS = {
    "squeeze of a pooled map": lambda x: F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1),
    "flatten of a pooled map": lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "view of a pooled map": lambda x: F.adaptive_avg_pool2d(x, 1).view(-1, 4),
    "there and back": lambda x: x.mean((2, 3)).unsqueeze(-1).unsqueeze(-1),
}


@pytest.mark.parametrize("function", VECTORS.values(), ids=VECTORS)
def test_one_position_has_one_order(function):
    assert_same_function(Then(function), MAP)


def test_a_vector_becomes_a_map_of_one_channel():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 3, (2, 3))

        def forward(self, x):
            return self.conv(x.view(-1, 1, 4, 6))

    assert_same_function(Net(), (24,))


NOTHING = {
    "nn.Dropout": nn.Dropout(0.5),
    "nn.Dropout2d": nn.Dropout2d(0.5),
    "F.dropout": lambda x: F.dropout(x, 0.3, training=False),
    "nn.Identity": nn.Identity(),
    "contiguous": lambda x: x.contiguous(),
    "clone": lambda x: x.clone(),
    "pad by nothing": lambda x: F.pad(x, (0, 0, 0, 0)),
    "the whole slice": lambda x: x[:, :, 0:],
    "float": lambda x: x.float(),
    "double": lambda x: x.double().float(),
    "arithmetic in float64": lambda x: (x.double() * 2).float() / 2,
    "expand to its own shape": lambda x: x.expand(-1, 4, 7, 6),
}


HALVES = {
    "half": lambda x: x.half().float(),
    "bfloat16": lambda x: x.bfloat16().float(),
    "autocast": lambda x: in_bfloat16(x),
}


def in_bfloat16(x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return F.conv2d(x, torch.eye(4)[:, :, None, None]).float()


@pytest.mark.parametrize("function", HALVES.values(), ids=HALVES)
def test_a_cast_that_only_rounds_leaves_the_float_value(function):
    torch.manual_seed(0)
    model, x = settled(Then(function)), torch.randn(5, *MAP)
    simple = QuantizedModel(simplify(import_model(model, MAP, "m")), QuantPlan(), Recipe(), input_positive=False)
    with torch.no_grad(), simple.floating():
        assert (simple(x) - model(x)).abs().max() <= 2**-7 * model(x).abs().max()


@pytest.mark.parametrize("function", NOTHING.values(), ids=NOTHING)
def test_what_does_nothing_leaves_no_node(function):
    assert_same_function(Then(function), MAP)
    assert kinds(Then(function), MAP) == ["conv2d"]


PADS = {
    "height and width": lambda x: F.pad(x, (1, 2, 0, 3)),
    "channels": lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)),
    "everything": lambda x: F.pad(x, (1, 0, 2, 1, 0, 3)),
}


@pytest.mark.parametrize("pad", PADS.values(), ids=PADS)
def test_pad_of_its_own(pad):
    assert_same_function(Then(pad), MAP)
    assert kinds(Then(pad), MAP) == ["conv2d", "pad"]


def test_the_shortcut_of_the_first_resnets_is_a_slice_and_a_channel_pad():
    class Net(Two):
        def forward(self, x):
            shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
            return F.relu(F.pad(self.conv(x)[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)) + shortcut)

    assert_same_function(Net(None), MAP)


SOFTMAXES = {
    "nn.Softmax": nn.Softmax(dim=1),
    "F.softmax of the last": lambda x: F.softmax(x, -1),
    "torch.softmax": lambda x: torch.softmax(x, dim=1),
}


@pytest.mark.parametrize("softmax", SOFTMAXES.values(), ids=SOFTMAXES)
def test_softmax_over_classes(softmax):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 5)

        def forward(self, x):
            return softmax(self.fc(x))

    assert_same_function(Net(), (6,))
    assert kinds(Net(), (6,)) == ["dense", "softmax"]


def test_softmax_over_the_channels_of_a_map():
    assert_same_function(Then(nn.Softmax(dim=1)), MAP)


def test_relu_behind_a_max_pooling_moves_before_it():
    model = nn.Sequential(nn.Conv2d(4, 6, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(6, 3, 1))
    assert_same_function(model, MAP)
    graph = simplify(import_model(model, MAP, "m"))
    assert [node.op for node in graph.nodes[1:]] == ["conv2d", "maxpool2d", "conv2d"]
    assert graph.nodes[1].activation == Activation.RELU


def test_an_average_pooling_keeps_its_relu_behind_it():
    model = nn.Sequential(nn.Conv2d(4, 6, 3), nn.AvgPool2d(2), nn.ReLU())
    assert_same_function(model, MAP)
    assert kinds(model, MAP) == ["conv2d", "avgpool2d", "relu"]


# What in-place operations mean: the old name stands for the new value.


def test_an_operation_in_place_changes_the_value_for_those_who_read_it_later():
    def function(a, b):
        c = F.relu(a, inplace=True)
        return a + c + b  # a is c by now

    assert_same_function(Two(function), MAP)


def test_plus_equals_changes_the_value_for_those_who_read_it_later():
    def function(a, b):
        c = a
        c += b
        return torch.cat([a, c], 1)

    assert_same_function(Two(function), MAP)


# Names


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Block()
        self.body = nn.ModuleList([Block(), Block()])
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 42, 3))

    def forward(self, x):
        x = self.stem(x)
        for block in self.body:
            x = block(x) + x
        return self.head(x)


def test_layers_are_named_by_their_module_paths():
    graph = assert_same_function(Named(), MAP)
    names = [node.name for node in graph.nodes if isinstance(node, Conv2d | Dense)]
    assert names == ["stem.conv", "body.0.conv", "body.1.conv", "head.1"]


def test_a_module_called_twice_gives_two_layers_with_names_of_their_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block()

        def forward(self, x):
            return self.block(self.block(x))

    graph = assert_same_function(Net(), MAP)
    names = [node.name for node in graph.nodes]
    assert len({name.replace(".", "_").lower() for name in names}) == len(names)
    assert [node.name for node in graph.nodes if isinstance(node, Conv2d)] == ["block.conv", "block.conv_1"]


def test_names_that_are_one_in_c_are_kept_apart():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = Block()
            self.a_conv = nn.Conv2d(4, 4, 1)
            self.A_CONV = nn.Conv2d(4, 4, 1)
            self.input = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.input(self.A_CONV(self.a_conv(self.a(x))))

    graph = assert_same_function(Net(), MAP)
    assert len({node.name.replace(".", "_").lower() for node in graph.nodes}) == len(graph.nodes)


# What importing leaves alone


def test_importing_changes_neither_weights_nor_modes():
    model = settled(Named()).train()
    model.stem.norm.eval()  # as those do who freeze their batch norms
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = {name: module.training for name, module in model.named_modules()}
    import_model(model, MAP, "m")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert {name: module.training for name, module in model.named_modules()} == modes


def test_the_graphs_weights_are_copies():
    model = settled(Named())
    graph = import_model(model, MAP, "m")
    with torch.no_grad():
        model.stem.conv.weight.fill_(3.0)
    assert not (graph["stem.conv"].weight == 3.0).any()
