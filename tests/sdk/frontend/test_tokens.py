"""Models that read whole numbers: embeddings, comparisons of tokens, masks made of them and of lengths."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge import LayerPlan, QuantPlan, convert, export, prepare
from mixcomp_edge.errors import GraphError, MixcompError, TaskError, UnsupportedError
from mixcomp_edge.ir import interp

WORDS, LENGTH, WIDTH = 300, 6, 8


class Net(nn.Module):
    """A function of the module and its inputs, which gives logits (N, 3) by `fc`."""

    def __init__(self, function, words: int = WORDS, width: int = WIDTH) -> None:
        super().__init__()
        self.function = function
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.position = nn.Embedding(LENGTH, width)
        self.table = nn.Parameter(0.3 * torch.randn(1, 2 * LENGTH, width))
        self.fc = nn.Linear(width, 3)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(self, *inputs)


def sinusoids() -> Tensor:
    angles = torch.arange(LENGTH)[:, None] / 10_000 ** (torch.arange(0, WIDTH, 2) / WIDTH)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def mean(x: Tensor, keep: Tensor) -> Tensor:
    keep = keep.unsqueeze(-1).to(x.dtype)
    return (x * keep).sum(1) / keep.sum(1)


ONE = {
    "a mean": lambda m, t: m.fc(m.embedding(t).mean(1)),
    "all of them": lambda m, t: m.fc(m.embedding(t).flatten(1).view(-1, LENGTH, WIDTH).amax(1)),
    "scaled": lambda m, t: m.fc((m.embedding(t) * WIDTH**0.5 + 0.25).mean(1)),
    "behind a ReLU": lambda m, t: m.fc(F.relu(m.embedding(t)).mean(1)),
    "learned positions": lambda m, t: m.fc((m.embedding(t) + m.position(torch.arange(LENGTH))).mean(1)),
    "a slice of positions": lambda m, t: m.fc((m.embedding(t) + m.table[:, : t.shape[1]]).amax(1)),
    "sinusoidal positions": lambda m, t: m.fc((m.embedding(t) + sinusoids()).amax(1)),
    "a convolution": lambda m, t: m.fc(F.conv1d(m.embedding(t).transpose(1, 2), m.table[0].T[:, None, :3], groups=WIDTH)
                                       .relu().amax(2)),
    "a mean of what is no padding": lambda m, t: m.fc(mean(m.embedding(t), t != 0)),
    "the same, as masked_fill": lambda m, t: m.fc(
        m.embedding(t).masked_fill((t == 0)[..., None], 0.0).sum(1) / (t > 0).sum(1, keepdim=True).clamp(min=1)),
    "the negation": lambda m, t: m.fc(mean(m.embedding(t), ~(t == 0))),
    "the first ones": lambda m, t: m.fc(m.embedding(t[:, :4]).mean(1)),
    "every other one, backwards": lambda m, t: m.fc(
        m.embedding(t.flip(1)[:, ::2]).masked_fill((t.flip(1)[:, ::2] == 0)[..., None], 0).sum(1)),
    "two sentences": lambda m, t: m.fc(m.embedding(t.view(-1, 2, 3).transpose(1, 2)).amax((1, 2))),
    "a token far up": lambda m, t: m.fc(mean(m.embedding(t), (t != 299).logical_not() | (t < 290))),
}  # fmt: skip
TWO = {
    "places below a length": lambda m, t, n: m.fc(mean(m.embedding(t), torch.arange(LENGTH) < n)),
    "the other way round": lambda m, t, n: m.fc(mean(m.embedding(t), n > torch.arange(LENGTH)[None])),
    "up to a length": lambda m, t, n: m.fc(mean(m.embedding(t), torch.arange(1, LENGTH + 1) <= n)),
    "what lies beyond it": lambda m, t, n: m.fc(
        m.embedding(t).masked_fill((torch.arange(LENGTH) >= n)[..., None], 0).sum(1) / n),
}  # fmt: skip


def data(words: int = WORDS, count: int = 48) -> tuple[Tensor, Tensor]:
    """Sentences and their lengths."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, LENGTH + 1, (count, 1), generator=random)
    tokens = torch.randint(1, words, (count, LENGTH), generator=random)
    tokens[0, 0] = words - 1
    return torch.where(torch.arange(LENGTH) < lengths, tokens, 0), lengths


def made(function, *, bits: int = 8, weights: str = "int8", words: int = WORDS, inputs: int = 1):
    """(float model, quantized model, its data)."""
    torch.manual_seed(0)
    model = Net(function, words).eval()
    given = data(words)[:inputs]
    plan = QuantPlan(LayerPlan(act_bits=bits, weights=weights))
    return model, prepare(model, given if inputs > 1 else given[0], plan, "net"), given


BYTES = ("a mean", "the negation", "places below a length")  # of which the same is tried with tokens of 8 bits
OFTEN = (
    "scaled",
    "every other one, backwards",
    "two sentences",
    "learned positions",
    "a token far up",
    "the same, as masked_fill",
    "what lies beyond it",
)
WAYS = [
    *(pytest.param(how, WORDS, marks=[pytest.mark.long] * (how not in OFTEN)) for how in [*ONE, *TWO]),
    *((how, 40) for how in BYTES),
]


@pytest.mark.parametrize(("how", "words"), WAYS)
def test_integers_are_near_the_model_whatever_reads_its_tokens(how, words):
    inputs = 1 if how in ONE else 2
    model, quantized, given = made((ONE | TWO)[how], words=words, inputs=inputs)
    graph = convert(quantized).graph
    with torch.no_grad():
        real = model(*given).numpy()
    found = graph[graph.output].type.dequantize(interp.run(graph, tuple(x.numpy() for x in given)))
    assert graph.nodes[0].type.dtype == ("u8" if words == 40 else "u16")
    assert np.sqrt(np.mean((found - real) ** 2)) < 0.06 * real.std()


@pytest.mark.parametrize(
    ("weights", "granularity", "bits"),
    [("fixp4", "channel", 8), ("posit4sc4", "tensor", 4), ("nf4", "channel", 4), ("lut4", "tensor", 8)],
)
def test_the_rows_of_an_embedding_are_codes_of_any_format(weights, granularity, bits):
    torch.manual_seed(0)
    plan = QuantPlan(LayerPlan(act_bits=bits, weights=weights, granularity=granularity))
    graph = convert(prepare(Net(ONE["a mean"]), data()[0], plan, "net")).graph
    node = graph["embedding"]
    assert node.weights.codes.shape == (WORDS, WIDTH)
    assert (node.weights.codebook.name, node.weights.bits) == (weights, 4)
    assert len(node.weights.requant.multiplier) == (WORDS if granularity == "channel" else 1)
    assert not node.weights.levels[0].any()  # of the padding


def test_an_embedding_may_be_the_output_layer_too():
    torch.manual_seed(0)
    graph = convert(prepare(Net(lambda m, t: F.linear(m.embedding(t).mean(1), m.embedding.weight)), data()[0])).graph
    assert [node.op for node in graph.nodes][-1] == "dense"
    first, last = (node for node in graph.nodes if hasattr(node, "weights"))
    assert (first.weights.codes == last.weights.codes).all()


def test_training_leaves_the_row_of_the_padding_alone():
    _, quantized, (tokens,) = made(ONE["a mean"], weights="fixp4")
    quantized(tokens).square().sum().backward()
    gradient = quantized.layer("embedding").weight.grad
    assert gradient is not None
    assert not gradient[0].any()
    assert gradient.any()


REFUSED = {
    "arithmetic": (lambda m, t: m.fc(t.float() / 10 @ m.table[0, :LENGTH]), "computes with the tokens of 'input'"),
    "tokens joined": (lambda m, t: m.fc(m.embedding(torch.cat([t, t], 1)).mean(1)), "embedding of computed numbers"),
    "a bag": (lambda m, t: m.fc(F.embedding_bag(t, m.embedding.weight)), "embedding_bag"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_done_with_tokens_is_refused_by_name(what):
    function, said = REFUSED[what]
    both = (lambda m, t: m.fc(m.embedding(t).mean(1)) + function(m, t)) if what == "arithmetic" else function
    with pytest.raises(UnsupportedError, match=said):
        made(both)


def test_calibration_with_a_token_beyond_the_table_is_an_error():
    with pytest.raises(MixcompError):
        prepare(Net(ONE["a mean"]), torch.full((4, LENGTH), WORDS))


def test_tokens_given_as_real_numbers_are_told_apart_from_pixels():
    with pytest.raises((UnsupportedError, TaskError), match="whole numbers"):
        prepare(Net(ONE["a mean"]), torch.rand(4, LENGTH))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("words", [pytest.param(40, marks=pytest.mark.long), WORDS])
def test_c_refuses_a_token_beyond_the_table_before_it_reads_anything(words, tmp_path):
    _, quantized, (tokens,) = made(ONE["a mean of what is no padding"], words=words, weights="fixp4")
    bundle = convert(quantized)
    layout = export(bundle, "generic", tmp_path / "c")
    sources = sorted((tmp_path / "c" / "src").glob("*.c"))
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fPIC", "-shared"]
    library = tmp_path / "net.so"
    subprocess.run(["gcc", *strict, f"-I{tmp_path}/c/include", *sources, "-o", library], check=True)
    run = ctypes.CDLL(str(library)).mce_net_run
    kind = ctypes.c_uint8 if words <= 256 else ctypes.c_uint16
    arena, y = (ctypes.c_uint32 * (layout.arena.total_bytes // 4 + 1))(), (ctypes.c_uint8 * 3)(7, 7, 7)
    for at in range(LENGTH):
        for token in (words, 2 ** (8 * ctypes.sizeof(kind)) - 1):
            x = (kind * LENGTH)(*tokens[0].tolist())
            x[at] = token
            assert run(arena, x, y) == 3
    assert list(y) == [7, 7, 7]
    x = (kind * LENGTH)(*tokens[0].tolist())
    assert run(arena, x, y) == 0
    assert list(y) == [v & 255 for v in interp.run(bundle.graph, tokens[:1].numpy())[0]]


def test_the_header_says_how_many_tokens_there_are(tmp_path):
    export(convert(made(ONE["a mean"])[1]), "generic", tmp_path / "c")
    header = (tmp_path / "c" / "include" / "mce_net.h").read_text()
    assert "#define MCE_NET_INPUT_WORDS 300 " in header
    assert "#define MCE_NET_INPUT_BYTES 12\n" in header
    assert "mce_net_input_set(mce_net_input *in, int32_t i, int32_t token)" in header


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_the_sample_of_the_readme_takes_tokens_and_tells_of_unknown_ones(tmp_path):
    _, quantized, (tokens,) = made(ONE["a mean"])
    bundle = convert(quantized)
    export(bundle, "generic", tmp_path / "c")
    sample = (tmp_path / "c" / "README.md").read_text().split("```c\n")[1].split("```")[0]
    (tmp_path / "sample.c").write_text(sample)
    sources = [*sorted((tmp_path / "c" / "src").glob("*.c")), tmp_path / "sample.c"]
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    subprocess.run(["gcc", *strict, f"-I{tmp_path}/c/include", *sources, "-o", tmp_path / "net.so"], check=True)
    infer, y = ctypes.CDLL(str(tmp_path / "net.so")).infer, (ctypes.c_uint8 * 3)()
    for sentence in tokens[:8]:
        expected = interp.run(bundle.graph, sentence[None].numpy())[0].argmax()
        assert infer((ctypes.c_int32 * LENGTH)(*sentence.tolist()), y) == expected
    assert infer((ctypes.c_int32 * LENGTH)(1, 2, WORDS), y) == -1


def test_predict_takes_tokens_and_refuses_what_is_none():
    model, quantized, (tokens,) = made(ONE["a mean"])
    bundle = convert(quantized)
    assert np.abs(bundle.predict(tokens.numpy()) - model(tokens).detach().numpy()).max() < 0.1
    with pytest.raises(GraphError, match=r"input: 300 at \[0, 0\] is no token"):
        bundle.predict(np.full((1, LENGTH), 300))
