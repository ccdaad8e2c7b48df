"""One broken graph for each rule of the IR, and the message that names it; and the bound on accumulators, reached."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixcomp_edge.errors import GraphError, LoweringError, MixcompError
from mixcomp_edge.ir.graph import Graph, Window
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import QType, Requant, Weights
from mixcomp_edge.ir.verify import symbol, verify
from mixcomp_edge.numerics import codebook
from mixcomp_edge.operators.avgpool2d import QAvgPool2d
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.dense import QDense
from mixcomp_edge.operators.input import Input, QInput
from mixcomp_edge.operators.maxpool2d import QMaxPool2d
from mixcomp_edge.operators.rescale import QRescale
from support import torch_judge
from support.integer_graphs import Builder, forked_graph, graphs, small_graph

TOP = 2**31 - 1


def changed(name: str, **fields) -> Graph:
    """The small graph with some fields of one node replaced."""
    graph = small_graph()
    return graph.with_nodes(replace(n, **fields) if n.name == name else n for n in graph.nodes)


def typed(name: str, **fields) -> Graph:
    return changed(name, type=replace(small_graph()[name].type, **fields))


def weighed(name: str, **fields) -> Graph:
    return changed(name, weights=replace(small_graph()[name].weights, **fields))


def windowed(name: str, **fields) -> Graph:
    return changed(name, window=replace(small_graph()[name].window, **fields))


def by(multiplier: list[int], shift: int = 0) -> Requant:
    return Requant(np.array(multiplier), shift)


def renamed(old: str, new: str) -> Graph:
    graph = small_graph()
    nodes = [
        replace(n, name=new if n.name == old else n.name, inputs=tuple(new if i == old else i for i in n.inputs))
        for n in graph.nodes
    ]
    return graph.with_nodes(nodes)


def first(count: int, output: str) -> Graph:
    return Graph("net", small_graph().nodes[:count], output)


def leaving(**outputs: str) -> Graph:
    """The forked graph with these outputs beside those that it needs."""
    return replace(forked_graph(), outputs={"logits": "head", **outputs})


def chain(*nodes: QNode) -> Graph:
    return Graph("net", nodes, nodes[-1].name)


def source(shape: tuple[int, ...] = (4, 4, 2), dtype: str = "u8") -> QInput:
    return QInput(name="x", inputs=(), shape=shape, type=QType(dtype, 0.5))


def rescale(name: str, x: QNode, **fields) -> QRescale:
    return replace(
        QRescale(name=name, inputs=(x.name,), shape=x.shape, type=QType("u8", 0.5), requant=by([2**30])), **fields
    )


def float_conv(**fields) -> Graph:
    x = Input(name="x", inputs=(), shape=(4, 4, 2))
    conv = Conv2d(
        name="conv", inputs=("x",), shape=(4, 4, 6), weight=np.ones((6, 1, 1, 2), np.float32),
        bias=np.zeros(6, np.float32), window=Window((1, 1)),
    )  # fmt: skip
    return Graph("net", (x, replace(conv, **fields)), "conv")


def pooled(height: int, window: Window, outputs: int) -> Graph:
    x = source((height, 1, 1))
    pool = QMaxPool2d(name="pool", inputs=("x",), shape=(outputs, 1, 1), type=x.type, window=window)
    return chain(x, pool)


codes = small_graph()["block.conv"].weights.codes
nar = np.where(np.arange(9 * 3).reshape(9, 3) == 5, 8, 0).astype(np.uint8)
softmax_table = small_graph()["softmax"].table
long_chain = [source((1,))]
for i in range(4096):
    long_chain.append(rescale(f"r{i}", long_chain[-1]))

BROKEN = {
    "model name in capitals": (replace(small_graph(), name="Net"), "model name 'Net' must be a C name: a small"),
    "model name that ends a comment": (replace(small_graph(), name="a*/"), r"model name 'a\*/' must be a C name"),
    "model name too long": (replace(small_graph(), name="a" * 49), "at most 48 characters"),
    "no node": (Graph("net", (), "x"), "net: 0 nodes, expected 1 to 4096"),
    "input alone": (first(1, "input"), "net: the model returns its input unchanged"),
    "too many nodes": (chain(*long_chain), "4097 nodes, expected 1 to 4096"),
    "name with a newline": (renamed("add", "a\nb"), r"node 3: the name 'a\\nb' must be letters, digits"),
    "name that ends in a newline": (renamed("add", "add\n"), r"node 3: the name 'add\\n' must be letters, digits"),
    "name with a quote": (renamed("add", 'a"b'), "node 3: the name 'a\"b' must be letters"),
    "name not ASCII": (renamed("add", "é"), "node 3: the name 'é' must be letters"),
    "name of 97 characters": (renamed("add", "a" * 97), "96 characters at most"),
    "empty name": (renamed("add", ""), "node 3: the name '' must be letters"),
    "same name twice": (renamed("relu", "add"), "add: two nodes have this name in C"),
    "same name in C": (renamed("relu", "block_conv"), "block_conv: two nodes have this name in C"),
    "same name but for capitals": (renamed("relu", "ADD"), "ADD: two nodes have this name in C"),
    "no input": (Graph("net", small_graph().nodes[1:], "softmax"), "net: has no input"),
    "an input behind other nodes": (
        chain(source(), rescale("a", source()), replace(source(), name="x2")), "a: the inputs must be the first nodes"),
    "unknown source": (changed("add", inputs=("input", "ghost")), "add: reads 'ghost', which no earlier node makes"),
    "reads itself": (changed("add", inputs=("add", "add")), "add: reads 'add', which no earlier node makes"),
    "reads a later node": (changed("add", inputs=("relu", "relu")), r"add: reads 'relu'.*\(a cycle, or cut off\)"),
    "output unknown": (replace(small_graph(), outputs="ghost"), "the output 'ghost' is not made by any node"),
    "output is the input": (replace(small_graph(), outputs="input"), "net: the model returns its input unchanged"),
    "a lone output with a name": (replace(small_graph(), outputs={"y": "softmax"}), "only output is called 'y', not"),
    "no output": (replace(small_graph(), outputs={}), "small_net: 0 outputs, expected 1 to 32"),
    "33 outputs": (leaving(**{f"y{i}": "conv" for i in range(32)}), "forked_net: 33 outputs, expected 1 to 32"),
    "one of several outputs unknown": (leaving(y="ghost"), "the output 'ghost' is not made by any node"),
    "an output with a name that ends a comment": (leaving(**{"a*/": "cell"}), r"output 'a\*/': must be letters"),
    "outputs with one name in C": (leaving(**{"a.b": "cell", "A_b": "conv"}), "outputs 'a_b' and 'a_b' have names"),
    "outputs that differ by the side's name alone": (
        leaving(output_a="cell", a="conv"), "outputs 'a' and 'a' have names that meet"),
    "outputs whose names meet in C": (leaving(a="cell", a_get="conv"), "outputs 'a' and 'a_get' have names that meet"),
    "one value as two outputs": (leaving(y="head"), "'logits' is the bytes of another output or of an input"),
    "a view of another output": (leaving(y="conv", z="flat"), "'y' is the bytes of another output or of an input"),
    "an input among the outputs": (leaving(y="image"), "'y' is the bytes of another output or of an input"),
    "value nobody reads": (replace(small_graph(), outputs="fc"), "softmax: nobody reads its value"),
    "input nobody reads": (
        chain(source(), replace(rescale("a", source()), inputs=())), "a: rescale reads 0 values, expected"),
    "one value too many": (changed("fc", inputs=("flatten", "concat")), "fc: dense reads 2 values, expected 1"),
    "add of one": (changed("add", inputs=("block.conv",)), "add: add reads 1 values, expected 2"),
    "concat of none": (changed("concat", inputs=(), requants=()), "concat reads 0 values, expected one or more"),
    "no dimension": (chain(source(()), rescale("a", source(()))), r"x: shape \(\) must have 1 to 4 dimensions"),
    "five dimensions": (chain(source((1,) * 5), rescale("a", source((1,) * 5))), "must have 1 to 4 dimens"),
    "a size of 0": (chain(source((0, 4)), rescale("a", source((0, 4)))), r"shape \(0, 4\) must have"),
    "a negative size": (chain(source((-1, 4)), rescale("a", source((-1, 4)))), r"shape \(-1, 4\) must have"),
    "a size of 65536": (chain(source((65_536,)), rescale("a", source((65_536,)))), "of 1 to 65535"),
    "too many elements": (
        chain(source((4097, 4096)), rescale("a", source((4097, 4096)))), "16781312 elements, more than 16777216"),
    "a shape its inputs do not make": (changed("relu", shape=(6, 6, 4)), r"relu: shape is \(6, 6, 4\), but its inputs"),
    "add of two shapes": (changed("add", inputs=("block.conv", "input")), "add: adds shapes .* broadcasting is not"),
    "pad of too few axes": (changed("pad", before=(1, 0)), r"pad: pads \(1, 0\), \(0, 1, 0\) do not fit shape"),
    "negative pad": (changed("pad", before=(-1, 0, 0)), r"pad: pads \(-1, 0, 0\), \(0, 1, 0\) do not fit shape"),
    "reshape to another size": (changed("flatten", shape=(25,)), r"flatten: cannot view shape \(6, 2, 2\) as \(25,\)"),
    "convolution of a vector": (
        changed("block.conv", inputs=("input",)).with_nodes(
            [replace(small_graph().nodes[0], shape=(72,)), *small_graph().nodes[1:]]), "needs an input"),
    "kernel of 0": (windowed("maxpool", kernel=(0, 2)), "kernel, stride and dilation must be at least 1"),
    "stride of 0": (windowed("maxpool", stride=(2, 0)), "kernel, stride and dilation must be at least 1"),
    "dilation of -1": (windowed("block.conv", dilation=(1, -1)), "kernel, stride and dilation must be at least 1"),
    "negative padding": (windowed("block.conv", padding=(0, 0, 0, -1)), "padding at least 0"),
    "padding of 2**40": (windowed("block.conv", padding=(2**40,) * 4), "leaves 1 to 65535"),
    "weights of another kernel": (windowed("block.conv", kernel=(3, 2)), r"codes \(3, 18\) do not fit \(3, 2\)"),
    "depthwise of another kernel": (windowed("block.dw", kernel=(3, 2)), r"codes \(9, 3\) do not fit \(3, 2\)"),
    "groups that do not divide": (changed("block.conv", groups=2), "2 groups do not divide 2 inputs and 3 outputs"),
    "no groups": (changed("block.conv", groups=0), "0 groups do not divide"),
    "pooling in padding alone": (windowed("maxpool", padding=(2, 0, 0, 0)), "would lie in the padding alone"),
    "float weights of another kernel": (float_conv(window=Window((3, 3))), "conv: weight .* do not fit input"),
    "float bias too short": (float_conv(bias=np.zeros(5, np.float32)), "conv: weight .* do not fit input"),
    "float groups": (float_conv(groups=2), "2 groups do not fit input"),
    "dense of another length": (
        weighed("fc", codes=np.zeros((5, 23), np.uint8)), r"weights \(5, 23\) do not fit an input of shape \(24,\)"),
    "concat along no axis": (changed("concat", axis=3), r"concat: axis 3 is not in shape \(2, 2, 3\)"),
    "concat along a negative axis": (changed("concat", axis=-1), "concat: axis -1 is not in shape"),
    "concat of unequal shapes": (
        changed("concat", inputs=("avgpool", "pad"), axis=2), "concat: cannot join shapes .* along axis 2"),
    "unknown type": (typed("add", dtype="s32"), "add: unknown type 's32'; known: u4, s4, u8, s8, u16, s16"),
    "16 bits where they are not made": (typed("add", dtype="s16"), "add: add makes no s16"),
    "16 bits where they are not read": (
        chain(source(dtype="u16"), rescale("y", source())),
        "y: rescale does not read u16, which 'x' makes",
    ),
    "scale of 0": (typed("add", scale=0.0), "add: scale 0.0 must be a positive number"),
    "negative scale": (typed("add", scale=-1.0), "scale -1.0 must be a positive number"),
    "scale not a number": (typed("add", scale=float("nan")), "scale nan must be a positive number"),
    "infinite scale": (typed("add", scale=float("inf")), "scale inf must be a positive number"),
    "zero point beyond the type": (typed("add", zero_point=8), "zero point 8 leaves the range of s4"),
    "pool of another type": (typed("maxpool", scale=0.5), "maxpool: maxpool2d must keep the type of 'join'"),
    "pad of another type": (typed("pad", zero_point=1), "pad: pad must keep the type of 'maxpool'"),
    "reshape of another type": (typed("flatten", dtype="u4"), "flatten: reshape must keep the type of 'turned'"),
    "add with shift 0": (changed("add", shift=0), "add: shift 0 or a multiplier is out of range"),
    "add with shift 31": (changed("add", shift=31), "add: shift 31 or a multiplier is out of range"),
    "add with a negative multiplier": (changed("add", b_multiplier=-1), "or a multiplier is out of range"),
    "requantizer too many": (
        changed("relu", requant=by([1, 1])), "relu: 2 multipliers, expected 1"),
    "requantizer as a matrix": (changed("relu", requant=by([[1]])), "relu: 1 multipliers, expected 1"),
    "negative multiplier": (changed("relu", requant=by([-1])), "a multiplier is negative or the shift 0 is"),
    "convolution with a sum but no residual": (changed("join", inputs=("relu",)), "reads 1 values, expected 2"),
    "convolution with two inputs but no sum": (
        changed("block.conv", inputs=("input", "input")), "reads 2 values, expected 1"),
    "residual of another shape": (
        changed("join", inputs=("relu", "input")), r"join: the residual has shape \(6, 6, 2\), the convolution makes"),
    "negative residual multiplier": (changed("join", residual_multiplier=-1), "residual's multiplier or shift is out"),
    "residual multiplier beyond int32": (changed("join", residual_multiplier=2**31), "residual's multiplier or shift"),
    "residual shift of 31": (changed("join", residual_shift=31), "residual's multiplier or shift is out of range"),
    "negative shift": (changed("relu", requant=by([1], -1)), "the shift -1 is not in 0..30"),
    "shift of 31": (changed("relu", requant=by([1], 31)), "the shift 31 is not in 0..30"),
    "concat requantizers too few": (
        changed("concat", requants=small_graph()["concat"].requants[:1]), "concat: 1 requantizers for 2 inputs"),
    "concat with a broken requantizer": (
        changed("concat", requants=(by([1]), by([1], 31))), "concat: a multiplier is negative or the shift 31"),
    "average with two divisors of four": (changed("avgpool", requant=by([1, 1])), "2 multipliers, expected 1 or 4"),
    "channel multipliers too few": (
        weighed("fc", requant=by([1, 1])), "fc: 2 multipliers, expected 1 or 5"),
    "bias too short": (weighed("fc", bias=np.zeros(4, np.int32)), "fc: 4 biases for 5 outputs"),
    "code above 15": (weighed("block.conv", codes=codes | 16), "block.conv: holds a code that fixp4 never emits"),
    "not a real number": (weighed("block.dw", codes=nar), "block.dw: holds a code that posit4 never emits"),
    "softmax table too short": (
        changed("softmax", table=softmax_table[:16]), "softmax: the table has 16 entries, s8 needs 256"),
    "softmax to a signed type": (typed("softmax", dtype="s8"), "softmax makes u8 with scale 1/256 and zero point 0"),
    "softmax to another scale": (typed("softmax", scale=1 / 255), "softmax makes u8 with scale 1/256"),
    "softmax that starts low": (
        changed("softmax", table=softmax_table // 2), "the table must start with 32768 and never exceed it"),
    "softmax that rises": (
        changed("softmax", table=softmax_table * 0 + [32768, 32769, *[0] * 254]), "start with 32768 and never exceed"),
}  # fmt: skip

OVERFLOWS = {
    "add": (changed("add", a_multiplier=2**28), "add: the sum may reach .*, beyond int32"),
    "rescale": (changed("relu", requant=by([1], 29)), r"relu: the accumulator may reach 8 \* 2\*\*29, beyond int32"),
    "average": (changed("avgpool", requant=by([1], 26)), r"avgpool: the accumulator may reach 60 \* 2\*\*26"),
    "residual": (changed("join", residual_shift=28), r"join: the residual may reach 8 \* 2\*\*28"),
    "convolution of a sum": (weighed("join", requant=by([1], 30)), "join: the accumulator may reach"),
    "dense": (weighed("fc", requant=by([1], 30)), r"fc: the accumulator may reach .* \* 2\*\*30, beyond int32"),
    "bias": (weighed("fc", bias=np.full(5, -(2**31), np.int32)), "fc: the accumulator may reach"),
    "wide levels": (weighed("fc", codebook=codebook("posit4e2")), "fc: posit4e2 has levels above 16 bits"),
}


def test_the_small_graph_obeys_every_rule():
    graph = small_graph()
    assert verify(graph) is graph


@pytest.mark.parametrize("rule", BROKEN)
def test_a_graph_that_breaks_one_rule_is_refused_by_name(rule):
    graph, message = BROKEN[rule]
    with pytest.raises(GraphError, match=message):
        verify(graph)


@pytest.mark.parametrize("rule", OVERFLOWS)
def test_a_layer_that_int32_cannot_hold_is_refused(rule):
    graph, message = OVERFLOWS[rule]
    with pytest.raises(LoweringError, match=message):
        verify(graph)


def test_every_size_at_its_limit_is_allowed():
    verify(chain(*long_chain[:4096]))
    verify(chain(source((65_535,)), rescale("a", source((65_535,)))))
    verify(chain(source((4096, 4096)), rescale("a", source((4096, 4096)))))
    verify(replace(renamed("add", "a" * 96), name="n" * 48))
    verify(changed("relu", requant=by([TOP], 27)))  # 8 * 2**27 = 2**30


def test_int32_is_used_to_the_last_number():
    x = source((1,), "s8")
    verify(chain(x, rescale("a", x, requant=by([TOP], 23))))  # 128 * 2**23 = 2**30
    with pytest.raises(LoweringError, match=r"128 \* 2\*\*24"):  # 2**31: -128 would fit, +128 would not
        verify(chain(x, rescale("a", x, requant=by([TOP], 24))))
    book, bias = codebook("fixp4"), np.array([TOP - 255 * 8])
    for more, fits in ((0, True), (1, False)):
        weights = Weights(book, np.array([[8]], np.uint8), (bias + more).astype(np.int32), by([1]))
        graph = chain(source((1,)), QDense(name="a", inputs=("x",), shape=(1,), type=x.type, weights=weights))
        if fits:
            verify(graph)
        else:
            with pytest.raises(LoweringError, match=r"may reach 2147483648 \* 2\*\*0"):
                verify(graph)


@pytest.mark.parametrize(
    ("height", "window", "outputs"),
    [
        (1, Window((2, 1), dilation=(2, 1), padding=(2, 0, 2, 0)), 3),  # window 1 meets rows -1 and 1 of 0..0
        (1, Window((3, 1), dilation=(3, 1), padding=(2, 0, 6, 0)), 3),  # window 0 meets rows -2, 1, 4
        (2, Window((2, 1), (3, 1), (3, 1), (1, 0, 3, 0)), 1),  # rows -1 and 2
    ],
)
def test_a_pooling_window_that_steps_over_the_whole_input_is_refused(height, window, outputs):
    """SPEC.md 4: every window must hold at least one element of x. With dilation, padding below the kernel's reach is
    not enough: the window can straddle x."""
    assert window.output_size(height, 1) == (outputs, 1)
    with pytest.raises(GraphError, match="padding alone"):
        verify(pooled(height, window, outputs))


def test_a_pooling_window_that_meets_one_element_is_allowed():
    verify(pooled(1, Window((3, 1), padding=(2, 0, 2, 0)), 3))
    verify(pooled(2, Window((2, 1), dilation=(2, 1), padding=(2, 0, 2, 0)), 4))


@given(graph=graphs(most=10))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_graphs_obey_every_rule(graph):
    assert verify(graph) is graph


@given(graph=graphs(most=5), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_wrong_shape_anywhere_is_refused(graph, data):
    index = data.draw(st.integers(1, len(graph.nodes) - 1))
    node = graph.nodes[index]
    axis = data.draw(st.integers(0, len(node.shape) - 1))
    shape = tuple(n + (i == axis) for i, n in enumerate(node.shape))
    with pytest.raises(MixcompError):
        verify(graph.with_nodes(replace(n, shape=shape) if n is node else n for n in graph.nodes))


@pytest.mark.parametrize("op", ["conv2d", "dwconv2d", "dense"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_accumulator_peak_is_reached_by_its_worst_input(op, data):
    """Inputs of the largest size and the sign of the bias; an unsigned x reaches it only where all weights agree."""
    builder = Builder(data.draw, (3, 3, 2))
    node = builder.grow(op, builder.values[0])
    x = builder.values[0].type
    levels = torch_judge.LEVELS[node.weights.codebook.name]
    magnitude = max(abs(x.low), abs(x.high))
    rows = node.weights.codes.T if op == "dwconv2d" else node.weights.codes
    worst = []
    for bias, row in zip(node.weights.bias.tolist(), rows.tolist(), strict=True):
        chosen = [magnitude * (1 if bias >= 0 else -1) * (1 if levels[c] > 0 else -1) for c in row]
        acc = bias
        partial = [acc := acc + levels[c] * v for c, v in zip(row, chosen, strict=True)]
        worst.append(max(abs(bias), *map(abs, partial)))
    assert node.accumulator_peak(x) == max(worst)


def test_the_symbol_of_a_name_is_a_c_identifier():
    assert symbol("Block.1.Conv") == "layer_block_1_conv"


def test_average_pooling_counts_the_whole_window_in_its_bound():
    x = source((4, 4, 1))
    pool = QAvgPool2d(name="a", inputs=("x",), shape=(1, 1, 1), type=x.type, window=Window((4, 4)), requant=by([1], 19))
    assert prod(pool.window.kernel) * 255 * 2**19 <= TOP
    verify(chain(x, pool))
    with pytest.raises(LoweringError):
        verify(chain(x, replace(pool, requant=by([1], 20))))
