"""An operator's files are found because they lie in their folders, and none is missing."""

from importlib import import_module

from mixcomp_edge import operators
from mixcomp_edge.ir.nodes import FloatNode
from mixcomp_edge.operators import INTEGER
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.resources import firmware
from mixcomp_edge.train.operators import forward


def float_nodes() -> set[type[FloatNode]]:
    """The classes of the float graph, as the files define them."""
    names = [path.stem for path in (firmware().parent / "sdk" / "mixcomp_edge" / "operators").glob("[a-z]*.py")]
    found = [value for name in names for value in vars(import_module(f"{operators.__name__}.{name}")).values()]
    return {kind for kind in found if isinstance(kind, type) and issubclass(kind, FloatNode) and "op" in vars(kind)}


def test_every_operator_of_spec_4_is_found_by_its_name():
    assert {op: kind.op for op, kind in INTEGER.items()} == {op: op for op in INTEGER}
    spec = (firmware().parent / "SPEC.md").read_text()
    assert all(f"`{op}`" in spec or f" {op}" in spec for op in INTEGER)


def test_every_operator_that_runs_has_kernels_and_a_header():
    kinds = {op: kind for op, kind in INTEGER.items() if not (kind.is_input or kind.is_constant or kind.is_view)}
    running = set(kinds)
    assert {kernel.op for kernel in catalogue()} == running
    assert all((firmware() / "include" / "mixcomp" / f"{op}.h").is_file() for op in running)


def test_every_float_node_that_reaches_training_has_a_form_in_torch():
    trained = {kind for kind in float_nodes() if kind.op != "affine"}  # which becomes part of a layer before
    assert trained <= set(forward.registry)
