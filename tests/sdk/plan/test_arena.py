"""The memory plan, judged by a memory that knows which value wrote each byte."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixcomp_edge.errors import ExportError
from mixcomp_edge.frontend.torch_export import import_model
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import QType, Requant
from mixcomp_edge.lower import lower, simplify
from mixcomp_edge.operators.add import QAdd
from mixcomp_edge.operators.input import QInput
from mixcomp_edge.operators.mul import QMul
from mixcomp_edge.operators.reduce import QReduceMax
from mixcomp_edge.operators.rescale import QRescale
from mixcomp_edge.operators.reshape import QReshape
from mixcomp_edge.plan.arena import Arena, plan_arena
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.plan.layout import lay_out
from mixcomp_edge.plan.lifetimes import lifetimes
from mixcomp_edge.targets import target, targets
from mixcomp_edge.train import networks
from support.float_graphs import quantized
from support.integer_graphs import graphs, small_graph

quiet = {"deadline": None, "suppress_health_check": list(HealthCheck)}
ONE = Requant(np.array([2**30], np.int32), 1)
IN_PLACE = {
    "add": (0, 1),
    **dict.fromkeys(("rescale", "lookup", "prelu"), (0,)),
    "conv2d_add": (1,),
    "push": (0,),
    **dict.fromkeys(("gru_states", "lstm_states", "rnn_states"), (1,)),
    **dict.fromkeys(("mul", "blend", "minimum", "maximum"), (0, 1)),
}  # SPEC.md and mixcomp/<op>.h: kernels that may write over these of their inputs


def nbytes(node: QNode) -> int:
    count = 1
    for size in node.shape:
        count *= size
    return count if node.type.dtype in ("u8", "s8") else (count + 1) // 2


def replay(graph: Graph, scratch: dict[str, int], arena: Arena) -> None:
    """Runs the plan on a memory of tags: each byte knows the value it belongs to, a reshape belongs to its source."""
    memory: list[str | None] = [None] * arena.total_bytes
    nodes = {node.name: node for node in graph.nodes}
    tag: dict[str, str] = {}

    def place(name: str) -> range:
        start = arena.offsets[name]
        return range(start, start + nbytes(nodes[name]))

    held = {node.name for node in graph.nodes if node.op == "constant"}  # in flash
    inputs = [node.name for node in graph.nodes if not node.inputs and node.name not in held]
    for name in inputs:  # the caller writes all of them before the first step
        tag[name] = name
        assert {memory[i] for i in place(name)} == {None}, "two inputs meet"
        memory[place(name).start : place(name).stop] = [name] * len(place(name))
    for node in graph.nodes:
        if node.name in held:
            continue
        reads = [(index, source) for index, source in enumerate(node.inputs) if source not in held]
        where = place(node.name)
        assert where.start % 4 == 0
        assert where.stop <= arena.total_bytes
        for _, source in reads:
            assert {memory[i] for i in place(source)} == {tag[source]}, f"{node.name} reads what was overwritten"
        if node.op == "reshape":
            assert where == place(node.inputs[0])
            tag[node.name] = tag[node.inputs[0]]
            continue
        needed = scratch.get(node.name, 0)
        if needed:
            assert arena.scratch[node.name] % 4 == 0
            busy = range(arena.scratch[node.name], arena.scratch[node.name] + needed)
            assert busy.stop <= arena.total_bytes
            for other in (where, *(place(source) for _, source in reads)):
                assert max(busy.start, other.start) >= min(busy.stop, other.stop), "scratch meets an operand"
            memory[busy.start : busy.stop] = ["scratch"] * needed
        for index, source in reads:
            if max(where.start, place(source).start) < min(where.stop, place(source).stop):
                assert index in IN_PLACE.get(node.op, ()), f"{node.name} writes over what it reads"
                assert where.start == place(source).start
                assert nodes[source].type.bits == node.type.bits
                assert tag[source] not in inputs, "an input is written"
        if node.name not in inputs:
            tag[node.name] = node.name
            memory[where.start : where.stop] = [node.name] * len(where)
    for output in graph.outputs.values():
        assert {memory[i] for i in place(output)} == {tag[output]}


def lower_bound(graph: Graph) -> int:
    """What any plan needs between two steps: all that was written and is still to be read, reshapes counted once."""
    nodes = {node.name: node for node in graph.nodes}
    owner: dict[str, str] = {}
    for node in graph.nodes:
        owner[node.name] = owner[node.inputs[0]] if isinstance(node, QReshape) else node.name
    step = {node.name: i for i, node in enumerate(graph.nodes)}
    last = dict.fromkeys(owner.values(), 0)
    for node in graph.nodes:
        for source in node.inputs:
            last[owner[source]] = max(last[owner[source]], step[node.name])
    for output in graph.outputs.values():
        last[owner[output]] = len(graph.nodes)
    step |= {node.name: 0 for node in graph.nodes if not node.inputs}
    return max(
        sum((nbytes(nodes[name]) + 3) // 4 * 4 for name in last if step[name] <= now < last[name])
        for now in range(len(graph.nodes))
    )


@st.composite
def planned(draw) -> tuple[Graph, dict[str, int]]:
    graph = draw(graphs(ops=OPS, most=14, several=draw(st.booleans())))
    scratch = {
        n.name: draw(st.sampled_from([0, 1, 6, 40, 333])) for n in graph.nodes if n.op in ("conv2d", "conv2d_add")
    }
    return graph, scratch


TWICE = ("conv2d_add", "add", "rescale")  # what may run in place comes more often
OPS = (*TWICE, *TWICE, "reshape", "conv2d", "concat", "maxpool2d", "pad", "dense")


@given(case=planned())
@settings(max_examples=150, **quiet)
def test_no_value_is_overwritten_before_its_last_reader(case):
    graph, scratch = case
    arena = plan_arena(graph, scratch)
    replay(graph, scratch, arena)
    assert set(arena.offsets) == {node.name for node in graph.nodes}
    assert set(arena.scratch) == {name for name, size in scratch.items() if size}
    assert arena.total_bytes >= arena.lower_bound_bytes >= lower_bound(graph)
    assert arena.total_bytes % 4 == 0


def test_the_judge_sees_a_plan_that_overlaps():
    graph = small_graph()
    good = plan_arena(graph, {})
    replay(graph, {}, good)
    for value in ("block.dw", "fc"):  # moved onto what it reads
        with pytest.raises(AssertionError):
            replay(graph, {}, replace(good, offsets=good.offsets | {value: good.offsets[graph[value].inputs[0]]}))


@given(case=planned())
@settings(max_examples=50, **quiet)
def test_the_callers_input_and_output_are_buffers_of_their_own(case):
    graph, scratch = case
    nodes = {node.name: node for node in graph.nodes}
    buffers = lifetimes(graph, scratch)
    for source in [node for node in graph.nodes if not node.inputs]:
        (holds_input,) = [b for b in buffers if source.name in b.values]
        assert all(isinstance(nodes[name], QInput | QReshape) for name in holds_input.values)
        assert holds_input.first == 0
    holders = []
    for output in graph.outputs.values():
        (holds_output,) = [b for b in buffers if output in b.values]
        assert holds_output.nbytes == nbytes(nodes[output])
        assert holds_output.last == len(graph.nodes) - 1
        holders.append(holds_output.name)
    assert len(set(holders)) == len(holders)
    assert sorted(name for b in buffers for name in b.values) == sorted(nodes)


@given(case=planned())
@settings(max_examples=25, **quiet)
def test_a_plan_depends_on_the_graph_only(case):
    assert plan_arena(*case) == plan_arena(*case)


def source(dtype: str = "s8") -> QInput:
    return QInput(name="x", inputs=(), shape=(8,), type=QType(dtype, 1.0))


def rescale(name: str, x: str, dtype: str = "s8") -> QRescale:
    return QRescale(name=name, inputs=(x,), shape=(8,), type=QType(dtype, 1.0), requant=ONE)


def add(name: str, a: str, b: str, dtype: str = "s8") -> QAdd:
    return QAdd(
        name=name, inputs=(a, b), shape=(8,), type=QType(dtype, 1.0), a_multiplier=1, b_multiplier=1, shift=1
    )  # fmt: skip


def homes(*nodes: QNode) -> list[tuple[str, ...]]:
    graph = Graph("net", nodes, nodes[-1].name)
    replay(graph, {}, plan_arena(graph, {}))
    return [buffer.values for buffer in lifetimes(graph, {})]


def test_an_operation_runs_in_place_over_a_value_that_dies_there():
    assert homes(source(), rescale("a", "x"), rescale("b", "a")) == [("x",), ("a", "b")]


def test_the_first_operation_never_runs_in_place_over_the_input():
    assert homes(source(), rescale("a", "x")) == [("x",), ("a",)]


def test_nor_over_a_reshape_of_the_input():
    flat = QReshape(name="r", inputs=("x",), shape=(8,), type=QType("s8", 1.0))
    assert homes(source(), flat, rescale("a", "r")) == [("x", "r"), ("a",)]


def test_nothing_runs_in_place_over_another_width():
    assert homes(source(), rescale("a", "x"), rescale("b", "a", "s4")) == [("x",), ("a",), ("b",)]
    assert homes(source(), rescale("a", "x", "u4"), rescale("b", "a", "s4")) == [("x",), ("a", "b")]


def test_nothing_runs_in_place_over_a_value_that_is_read_later():
    nodes = (source(), rescale("a", "x"), rescale("b", "a"), add("c", "a", "b"))
    assert homes(*nodes) == [("x",), ("a", "c"), ("b",)]


def test_nor_over_a_value_whose_reshape_is_read_later():
    view = QReshape(name="r", inputs=("a",), shape=(8,), type=QType("s8", 1.0))
    nodes = (source(), rescale("a", "x"), view, rescale("b", "a"), add("c", "b", "r"))
    assert homes(*nodes) == [("x",), ("a", "r"), ("b", "c")]


def test_an_add_takes_the_second_input_when_the_first_lives_on():
    nodes = (source(), rescale("a", "x"), rescale("b", "x"), add("c", "a", "b"), add("d", "a", "c"))
    assert homes(*nodes) == [("x",), ("a", "d"), ("b", "c")]


def test_an_add_of_a_value_to_itself_runs_in_place():
    assert homes(source(), rescale("a", "x"), add("b", "a", "a")) == [("x",), ("a", "b")]


def test_a_product_takes_the_operand_that_does_not_repeat():
    one = QReduceMax(name="s", inputs=("a",), shape=(1,), type=source().type, axes=(0,), count=8, least=0)
    product = QMul(name="p", inputs=("s", "a"), shape=(8,), type=source().type, requant=ONE)
    assert homes(source(), rescale("a", "x"), one, product) == [("x",), ("a", "p"), ("s",)]


def test_operations_in_place_are_those_whose_kernels_allow_it():
    assert {kernel.op for kernel in catalogue() if kernel.in_place} == set(IN_PLACE)


def test_scratch_costs_memory_only_while_its_layer_runs():
    graph = small_graph()
    without, with_scratch = plan_arena(graph, {}), plan_arena(graph, {"fc": 64})
    assert with_scratch.total_bytes == without.total_bytes  # fc runs when little is alive
    assert plan_arena(graph, {"block.conv": 1000}).total_bytes == 72 + 56 + 1000


SHAPES = {
    "ResNet8": (3, 32, 32), "DsCnn": (1, 49, 10), "MobileNet": (3, 96, 96), "AutoEncoder": (640,),
    "ResNet20": (3, 32, 32), "DigitsCnn": (1, 8, 8), "FashionCnn": (1, 28, 28),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_the_known_networks_need_no_byte_more_than_the_lower_bound(name):
    graph = simplify(import_model(getattr(networks, name)(), SHAPES[name], name.lower()))
    x = np.random.default_rng(0).uniform(0, 1, (1, *graph.nodes[0].shape))
    integer = lower(quantized(graph, x, input_positive=True))
    layout = lay_out(integer, target("cortex-m4"))
    assert layout.arena.total_bytes == layout.arena.lower_bound_bytes
    scratch = {s.node.name: s.packed.scratch_bytes or 0 for s in layout.steps}
    replay(integer, scratch, layout.arena)


@pytest.mark.parametrize("name", list(targets()))
def test_a_layout_numbers_what_computes_and_counts_its_constants(name):
    layout = lay_out(small_graph(), target(name))
    assert [step.index for step in layout.steps] == list(range(19))
    assert "flatten" not in {step.node.name for step in layout.steps}
    weighted = [step for step in layout.steps if hasattr(step.node, "weights")]
    biases = sum(step.packed.bias.nbytes for step in weighted)  # MVE's are padded to whole vectors of channels
    assert all(0 <= step.packed.bias.size - step.node.weights.bias.size < 16 for step in weighted)
    multipliers = sum(4 * step.node.weights.requant.multiplier.size for step in weighted)
    codes = sum(step.packed.codes.nbytes + step.packed.blocks.nbytes for step in weighted)
    others = 4 + 4 + 8 + 512 + 3 + 24 + 256  # relu, avgpool, concat, softmax, held, prelu, lookup
    assert layout.weight_bytes == codes + biases + multipliers + others


def test_portable_kernels_take_four_bits_a_weight():
    layout = lay_out(small_graph(), target("generic"))
    codes = {s.node.name: s.packed.codes.nbytes for s in layout.steps if hasattr(s.node, "weights")}
    assert codes == {"block.conv": 3 * 9, "block.dw": 9 * 2, "join": 3 * 2, "fc": 5 * 12}


def test_a_model_that_only_reshapes_is_refused():
    flat = QReshape(name="r", inputs=("x",), shape=(2, 4), type=QType("s8", 1.0))
    with pytest.raises(ExportError, match="net: the model computes nothing"):
        lay_out(Graph("net", (source(), flat), "r"), target("generic"))


def test_portable_convolution_scratch_is_one_patch_of_sixteen_bit_numbers():
    steps = lay_out(small_graph(), target("generic")).steps
    assert next(s.packed.scratch_bytes for s in steps if s.node.name == "block.conv") == 2 * 3 * 3 * 2
