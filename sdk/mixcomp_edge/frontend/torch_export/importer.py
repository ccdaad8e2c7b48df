"""The walk over an exported program: what the operators' handlers build on. A call that cannot be translated leaves a
stand-in behind, so that the walk finds all of them before it ends."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.export.graph_signature import OutputKind
from torch.nn import functional as F

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export.calls import (
    BATCH,
    module_stack,
    operator_of,
    refused,
    shape_of,
    torch_shape,
    value_of,
)
from mixcomp_edge.frontend.torch_export.lifting import Lift, lifted
from mixcomp_edge.frontend.torch_export.orders import canonical, placed
from mixcomp_edge.frontend.torch_export.refusals import Refusal, Refused, unsupported
from mixcomp_edge.frontend.torch_export.structure import Structure, structure_of
from mixcomp_edge.frontend.torch_export.values import Operand, Stored, Values
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.constant import Constant
from mixcomp_edge.operators.input import Input, TokenInput

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # casts among these only round
CASTS = ("_to_copy", "type_as")
WHOLE = ("argmax", "getitem")  # calls whose results may be integers
STATE = "a model in C keeps no state: compute it outside, or make it a constant"


class Importer(Values):
    """Walks the ATen graph once. `constants` holds the values that do not depend on the input: parameters, buffers, and
    what is computed from these; `state` the buffers that the model changes; `lost` the values behind a refused call
    that no node can stand for."""

    def __init__(self, program: torch.export.ExportedProgram, name: str, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self.program, self.name = program, name
        user_inputs = [str(argument) for argument in program.graph_signature.user_inputs]
        self.inputs = dict(zip(user_inputs, inputs, strict=True))
        self.structure, self.results = self._outputs()
        self.lost: set[fx.Node] = set()
        self.refusals: list[Refusal] = []
        signature = program.graph_signature
        constants = signature.inputs_to_lifted_tensor_constants
        self.paths = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **constants}
        changed = {spec.target for spec in signature.output_specs if spec.kind is not OutputKind.USER_OUTPUT}
        placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
        self.state = {node for node in placeholders if self.paths.get(node.name) in changed}
        values: dict[str, Tensor] = {**program.state_dict, **program.constants}
        self.constants: dict[fx.Node, Any] = {
            node: values[self.paths[node.name]].detach().clone()
            for node in placeholders
            if node.name in self.paths and node not in self.state
        }

    def run(self) -> Graph:
        """The float graph; UnsupportedError lists every call that has no counterpart."""
        needed = _ancestors(self.results.values())
        for node in self.program.graph.nodes:
            if node.name in self.inputs:
                name = self.unique(self.inputs[node.name])
                kind: Callable[..., Node] = Input if _is_real(node) else partial(TokenInput, words=0)
                self.add(node, kind(name=name, inputs=(), shape=self._input_shape(node)))
            elif node.op == "call_function" and node in needed and not self._evaluate(node):
                self._translate(node)
        if self.refusals:
            raise unsupported(self.name, self.refusals)
        for name, result in self.results.items():
            if result not in self.alias:
                raise UnsupportedError(
                    f"{self.name}: {self._called(name)} does not depend on the model's inputs; keep it outside."
                )
        try:
            outputs = {
                name: self.source(result, self._leaving(name, result)).name for name, result in self.results.items()
            }
        except Refused as error:
            raise unsupported(self.name, [error.refusal]) from error
        graph = Graph(self.name, tuple(self.nodes.values()), outputs).without_unread()
        for node in graph.inputs:
            if not graph.users[node.name] and node.name not in graph.leaving:
                raise UnsupportedError(
                    f"{self.name}: the model makes no use of its input '{node.name}'. Leave it out of forward(), or "
                    "give it a default there and no data."
                )
        return graph

    def _leaving(self, name: str, result: fx.Node) -> Stored:
        """Where an output lies, the samples first; the structure knows where the model has them."""
        stored = self.stored(result, result)
        dims = stored.placement.dims
        if (0,) not in dims[1:]:
            return stored
        at = dims.index((0,))
        self.structure = replace(self.structure, samples={**self.structure.samples, name: at})
        order = (at, *(dim for dim in range(len(dims)) if dim != at))
        return replace(stored, placement=stored.placement.permuted(order))

    def _called(self, output: str) -> str:
        return "its output" if len(self.results) == 1 else f"its output '{output}'"

    def _outputs(self) -> tuple[Structure, dict[str, fx.Node]]:
        """How the model returns its results, and these by name."""
        *_, last = self.program.graph.nodes
        specs = self.program.graph_signature.output_specs
        results = [
            result for spec, result in zip(specs, last.args[0], strict=True) if spec.kind is OutputKind.USER_OUTPUT
        ]
        leaves = [value_of(result) if isinstance(result, fx.Node) else result for result in results]
        structure = structure_of(self.program.call_spec.out_spec, leaves)
        found = {name: value for name, value in zip(structure.names, results, strict=True) if name is not None}
        for value in found.values() if found else [None]:
            if not isinstance(value, fx.Node):
                raise UnsupportedError(
                    f"{self.name}: the model returns {value!r}; it must return tensors that depend on its inputs. "
                    "Wrap it in a module that returns those that matter."
                )
        return structure, found

    def _input_shape(self, node: fx.Node) -> tuple[int, ...]:
        try:
            return shape_of(node)
        except Refused as error:
            its = "its input" if len(self.inputs) == 1 else f"its input '{self.inputs[node.name]}'"
            raise UnsupportedError(f"{self.name}: {its} is {error.refusal.what}.") from error

    def _evaluate(self, node: fx.Node) -> bool:
        """Computes a value that depends on constants only; False for any other, and for what is drawn at random."""
        call: Any = node.target
        if isinstance(call, OpOverload):
            if torch.Tag.nondeterministic_seeded in call.tags:
                return False
        elif call not in (operator.getitem, F.normalize):
            return False
        if any(source not in self.constants for source in node.all_input_nodes):
            return False
        arguments, keywords = fx.node.map_arg((node.args, node.kwargs), lambda source: self.constants[source])
        with torch.no_grad():
            self.constants[node] = call(*arguments, **keywords)
        return True

    def _translate(self, node: fx.Node) -> None:
        try:
            self._call(node)
        except Refused as error:
            self.refusals.append(error.refusal)
            self._stand_in(node)

    def _call(self, node: fx.Node) -> None:
        name = operator_of(node)
        handler = handler_of(node)
        read = next((source for source in node.all_input_nodes if source in self.state), None)
        if read is not None:
            path = self.paths[read.name]
            raise refused(node, f"reading '{path}', which the model itself changes when it runs", STATE)
        if handler is None:
            full = str(node.target) if any(key.startswith(f"{name}.") for key in HANDLERS) else f"aten.{name}"
            raise refused(node, f"the operator {full} is not supported")
        if any(source in self.lost for source in node.all_input_nodes):
            return self._stand_in(node)
        value = value_of(node)
        is_mask = value is not None and value.dtype == torch.bool and name not in CASTS
        rounds = any(_is_real(source) for source in node.all_input_nodes if source in self.alias)
        if value is not None and value.dtype not in FLOATS and name not in WHOLE and not is_mask and rounds:
            raise refused(node, f"a cast to {str(value.dtype).removeprefix('torch.')}")
        lift = _entry(LIFTS, node)
        return None if lift and lifted(self, node, handler, lift) else handler(self, node)

    def _stand_in(self, node: fx.Node) -> None:
        """A node of the value's shape, for the walk to go on behind a call that was refused."""
        value = value_of(node)
        try:
            several = isinstance(node.meta.get("val"), list | tuple)
            if several or value is None or value.dtype not in FLOATS or 0 in torch_shape(node):
                raise refused(node, "no number")
            self.add(node, Input(name=self.unique(node.name), inputs=(), shape=shape_of(node)))
        except Refused:
            self.lost.add(node)

    # What the handlers need

    def tensor(self, argument: Any) -> np.ndarray | None:
        """The constant behind an argument, as float32."""
        if not isinstance(argument, fx.Node) or argument not in self.constants:
            return None
        return self.constants[argument].to(torch.float32).cpu().numpy().copy()

    def constant(self, node: fx.Node, argument: Any, *, finite: bool = True) -> np.ndarray:
        """A constant operand of a call, float64, of the rank of the call's value: channels last, without the batch."""
        rank = len(shape_of(node)) + 1
        if isinstance(argument, fx.Node):
            value = self.constants[argument].to(torch.float64).cpu().numpy()
        else:
            value = np.array(argument, np.float64)
        full = value.reshape((1,) * (rank - value.ndim) + value.shape)
        if len(full) > 1 and np.array_equal(full[:1].repeat(len(full), axis=0), full):
            full = full[:1]
        if full.ndim != rank or len(full) > 1:
            raise refused(node, f"a constant of shape {value.shape} in {node.target}, which differs among samples")
        if finite and not np.isfinite(full).all():
            raise refused(node, f"a constant in {node.target} that is not finite")
        return np.moveaxis(full[0], 0, -1).copy()

    def flash(self, node: fx.Node, argument: Any, values: np.ndarray) -> Stored:
        """Adds the values of a constant operand of a call, channels last, as a node, named after the parameter or the
        call."""
        path = self.paths.get(argument.name, "") if isinstance(argument, fx.Node) else ""
        name = self.unique(path or f"{self.place(node)}_constant")
        self.nodes[name] = Constant(name=name, inputs=(), shape=values.shape, values=values)
        shape = (BATCH, values.shape[-1], *values.shape[:-1])
        return Stored(name, placed(shape, canonical(values.ndim)), name)

    def layer_name(self, node: fx.Node, weight: Any) -> str:
        """Path of the module that owns the weight: the name under which a plan finds the layer."""
        while isinstance(weight, fx.Node) and operator_of(weight) == "_to_copy":
            weight = weight.args[0]
        path = self.paths.get(weight.name, "") if isinstance(weight, fx.Node) else ""
        return self.unique(path.rpartition(".")[0] or self.place(node))

    def place(self, node: fx.Node) -> str:
        """A name for what belongs to no parameter: the operation's, behind the path of its module."""
        path = module_stack(node)
        return f"{path}.{node.name}" if path else node.name

    def unary(self, node: fx.Node, make: Callable[..., Node], **attributes: Any) -> None:
        """Adds make(...), a node that reads the call's first operand."""
        name = self.unique(node.name)
        self.add(node, make(name=name, inputs=(self.source(node).name,), shape=shape_of(node), **attributes))

    def pointwise(self, node: fx.Node, make: Callable[..., Node], *indices: Operand, **attributes: Any) -> None:
        """Adds make(...), which treats each element by itself, on operands of one shape: in the order in which the
        first lies, whatever it is; sequences (N, T, F) in PyTorch's, if one does, which their layers work in."""
        operands = [self.stored(node, index) for index in indices or (0,)]
        stored = next((o for o in operands if o.placement.order == (0, 1)), operands[0])
        source = self.nodes[stored.node]
        inputs = [source if o is stored else self.brought(o, stored.placement, source.shape) for o in operands]
        name = self.unique(node.name)
        self.nodes[name] = make(name=name, inputs=tuple(n.name for n in inputs), shape=source.shape, **attributes)
        self.alias[node] = replace(stored, node=name)

    def affine(self, node: fx.Node, name: str, stored: Stored, gain: np.ndarray, offset: np.ndarray) -> None:
        """Adds gain * value + offset, each (C,): as the value lies where its channels lie innermost or are treated
        alike, else in the canonical order."""
        source = self.nodes[stored.node]
        if np.all(gain == gain[0]) and np.all(offset == offset[0]):
            gain, offset = (np.full(source.shape[-1], values[0]) for values in (gain, offset))
        else:
            if not stored.placement.is_innermost(1):
                source = self.source(node, stored)
                stored = Stored(source.name, placed(torch_shape(node), canonical(len(source.shape))), stored.call)
            columns = stored.placement.columns(1)
            if source.shape[-1] != len(columns):
                source = self.shaped(source, (prod(source.shape) // len(columns), len(columns)), stored.call)
            gain, offset = gain[columns], offset[columns]
        name = self.unique(name)
        self.nodes[name] = Affine(name=name, inputs=(source.name,), shape=source.shape, gain=gain, offset=offset)
        self.alias[node] = replace(stored, node=name)


def _is_real(node: fx.Node) -> bool:
    """Whether a value holds real numbers, rather than whole ones or booleans."""
    value = value_of(node)
    return value is None or value.dtype in FLOATS


def _ancestors(nodes: Iterable[fx.Node]) -> set[fx.Node]:
    """The nodes and all that their values are made of."""
    found = set(nodes)
    open_ = list(found)
    while open_:
        new = [source for source in open_.pop().all_input_nodes if source not in found]
        found.update(new)
        open_ += new
    return found


Handler = Callable[[Importer, fx.Node], None]
HANDLERS: dict[str, Handler] = {}
LIFTS: dict[str, Lift] = {}
Entry = TypeVar("Entry")


def handler_of(node: fx.Node) -> Handler | None:
    """What translates a call."""
    return _entry(HANDLERS, node)


def _entry(table: dict[str, Entry], node: fx.Node) -> Entry | None:
    return table.get(str(node.target).removeprefix("aten.")) or table.get(operator_of(node))


def handles(*targets: str, lift: Lift | None = None) -> Callable[[Handler], Handler]:
    """What translates calls of these targets. lift: how they are made where the samples are no first dimension; without
    it the handler sees to that itself."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(targets, handler))
        if lift:
            LIFTS.update(dict.fromkeys(targets, lift))
        return handler

    return register
