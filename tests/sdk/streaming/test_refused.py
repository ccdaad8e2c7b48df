"""What is not causal is refused by the name of the module, with what to do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import Bundle, QuantPlan, convert, prepare
from mixcomp_edge.errors import StreamError

L, C = 12, 4


class Tail(nn.Module):
    """A causal convolution, and a function of it (N, C, L)."""

    def __init__(self, tail) -> None:
        super().__init__()
        self.stem, self.tail = nn.Conv1d(C, C, 3), tail

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.stem(F.pad(x, (2, 0))))


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        return F.scaled_dot_product_attention(x, x, x)


class Recurrent(nn.Module):
    def __init__(self, ahead: int = 0, **how) -> None:
        super().__init__()
        self.gru = nn.GRU(C, 3, batch_first=True, **how)
        self.ahead = ahead

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x.transpose(1, 2)[:, self.ahead :])[0]


class Position(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(C, L))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


def bundle(model: nn.Module, *shape: int) -> Bundle:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return convert(prepare(model.eval(), torch.randn(8, *shape), QuantPlan(), "net"))


REFUSED = {
    "padding on both sides": (lambda: nn.Conv1d(C, C, 3, padding=1), "tail", "pads behind the last frame", "F.pad"),
    "a pool padded on both sides": (lambda: nn.MaxPool1d(3, 1, 1), "max_pool1d", "pads behind the last", "left"),
    "zeros behind": (lambda: lambda x: F.pad(x, (0, 2)), "pad_1", "pads behind the last frame", "left"),
    "a mean over time": (lambda: lambda x: x.mean(2), "mean", "all frames at once", "last frame"),
    "a pool over time": (lambda: nn.AdaptiveAvgPool1d(1), "adaptive_avg_pool1d", "frames", "last frame"),
    "a layer over all frames": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(C * L, 3)), "tail.1", "all frames", ""),
    "a window over all frames": (lambda: nn.Conv1d(C, 3, L), "tail", "all frames at once", "last frame"),
    "attention": (Attention, "", "joins frames with others", ""),
    "frames backwards": (lambda: lambda x: x.flip(2), "flip", "backwards", ""),
    "the first frame": (lambda: lambda x: x[:, :, 0], "select", "takes frame 0 of 12 alone", "last one"),
    "positions": (Position, "stem", "differs from frame to frame", "positions"),
    "different rates": (
        lambda: lambda x: x[:, :, ::2] + x[:, :, :6], "add", "different rates or lengths", "strides",
    ),
    "both directions": (
        lambda: Recurrent(bidirectional=True), "tail.gru.hh_l0_reverse", "begins with the last frame", "bidirectional",
    ),
    "a layer that begins later": (lambda: Recurrent(2), "tail.gru.hh_l0", "come late", "Pad"),
    "a softmax over time": (lambda: nn.Softmax(2), "softmax", "several", ""),
    "padding behind what comes late": (
        lambda: nn.Sequential(nn.Conv1d(C, C, 3), nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(C, C, 3)),
        "tail.2", "first frames come late", "",
    ),
    "means of fewer frames at first": (
        lambda: nn.AvgPool1d(3, 1, 1, count_include_pad=False), "avg_pool1d", "fewer frames", "count_include_pad",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_needs_later_frames_is_refused_by_name_with_what_to_do(what):
    tail, name, why, remedy = REFUSED[what]
    with pytest.raises(StreamError) as error:
        bundle(Tail(tail()), C, L).stream(2)
    text = str(error.value)
    assert name in text.split(":")[0], text
    assert why in text, text
    assert remedy in text, text
    assert "net cannot run frame by frame" in text


def test_steps_that_a_stride_does_not_divide_are_refused_with_those_that_it_does():
    whole = bundle(Tail(nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(C, C, 3, 2))), C, L)
    with pytest.raises(StreamError, match="take steps of a multiple of 2 frames, not of 3"):
        whole.stream(3)
    assert whole.stream(4).graph.kept


@pytest.mark.parametrize(
    ("frames", "dim", "text"),
    [(0, None, "expected 1 or more"), (1, 3, "no input has frames along dimension 3"), (1, 1, "channels")],
)
def test_frames_and_dimensions_that_cannot_be_are_refused(frames, dim, text):
    with pytest.raises(StreamError, match=text):
        bundle(Tail(nn.ReLU()), C, L).stream(frames, dim)


def test_where_two_dimensions_could_be_time_it_asks_which():
    whole = bundle(nn.Conv2d(1, 2, 3), 1, 8, 9)
    with pytest.raises(StreamError, match=r"dimensions 2, 3 of PyTorch's; say which, as in --stream-dim 3"):
        whole.stream(1)
    assert [whole.stream(1, dim).graph.inputs[0].shape for dim in (2, 3)] == [(1, 9, 1), (8, 1, 1)]


def test_a_step_is_no_whole_sequence_and_a_model_without_memory_no_stream():
    step = bundle(Tail(nn.ReLU()), C, L).stream(2)
    with pytest.raises(StreamError, match="is a step of a stream already"):
        step.stream(1)
    whole = bundle(nn.Conv1d(C, 2, 1), C, L)
    with pytest.raises(StreamError, match="it keeps nothing"):
        whole.stream(1)
    with pytest.raises(StreamError, match="is no step of a stream"):
        whole.session()
