"""The walk over an exported program: what the operators' handlers build on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch._ops import OpOverload

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.frontend.torch_export.calls import module_path, module_stack, overload_packet, shape_of
from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.verify import symbol

MAX_NAME = 88  # characters of a layer's name; the IR allows 96, and `unique` may add a number
VIEWS = ("view", "reshape", "flatten", "slice", "squeeze", "unsqueeze", "detach", "alias")


class Importer:
    """Walks the ATen graph once. `alias` maps an fx node to the IR node whose value it stands for; `constants` holds
    the values of those that do not depend on the input: parameters, buffers, and what is computed from these."""

    def __init__(self, program: torch.export.ExportedProgram, name: str) -> None:
        self.program, self.name = program, name
        self.nodes: dict[str, Node] = {}
        self.alias: dict[fx.Node, str] = {}
        signature = program.graph_signature
        constants = signature.inputs_to_lifted_tensor_constants
        self.paths = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **constants}
        state: dict[str, Tensor] = {**program.state_dict, **program.constants}
        self.constants = {
            node: state[self.paths[node.name]].detach().clone()
            for node in program.graph.nodes
            if node.op == "placeholder" and node.name in self.paths
        }

    def run(self) -> Graph:
        output = ""
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node not in self.constants:
                self._input(node)
            elif node.op == "call_function" and not self._evaluate(node):
                self._call(node)
            elif node.op == "output":
                output = self._output(node)
        return Graph(self.name, tuple(self.nodes.values()), output).without_unread()

    def _input(self, node: fx.Node) -> None:
        if self.nodes:
            raise UnsupportedError(f"{self.name}: the model has several inputs; one is supported. Join them into one.")
        self.add(node, ops.Input(name="input", inputs=(), shape=shape_of(node)))

    def _output(self, node: fx.Node) -> str:
        results = node.args[0]
        if not isinstance(results, tuple | list) or len(results) != 1 or results[0] not in self.alias:
            raise UnsupportedError(f"{self.name}: the model must return one tensor that depends on its input.")
        return self.alias[results[0]]  # type: ignore[index]

    def _evaluate(self, node: fx.Node) -> bool:
        """Computes a value that depends on constants only; False for any other, and for what is drawn at random."""
        operator = node.target
        if not isinstance(operator, OpOverload) or torch.Tag.nondeterministic_seeded in operator.tags:
            return False
        if any(source not in self.constants for source in node.all_input_nodes):
            return False
        arguments, keywords = fx.node.map_arg((node.args, node.kwargs), lambda source: self.constants[source])
        with torch.no_grad():
            value = operator(*arguments, **keywords)
        if not isinstance(value, Tensor):
            return False
        self.constants[node] = value
        return True

    def _call(self, node: fx.Node) -> None:
        handler = HANDLERS.get(str(node.target).removeprefix("aten."))
        if handler is None:
            operator = str(node.target).removesuffix(".default").removesuffix(".Tensor")
            raise self.unsupported(node, f"the operator {operator} is not supported")
        if overload_packet(node).endswith("_"):
            self._check_in_place(node)
        handler(self, node)

    def _check_in_place(self, node: fx.Node) -> None:
        """An operation in place also changes what its operand is a view of; refused where that is read elsewhere."""
        operand = node.args[0]
        while isinstance(operand, fx.Node) and overload_packet(operand) in VIEWS:
            operand = operand.args[0]
            if isinstance(operand, fx.Node) and len(operand.users) > 1:
                raise self.unsupported(node, f"{node.target} in place on a view of a value that is also used elsewhere")

    # What the handlers need

    def unsupported(self, node: fx.Node, what: str) -> UnsupportedError:
        supported = (
            "conv2d, linear, batch_norm, relu, relu6, add, cat, pooling, mean over H and W, pad, flatten, softmax, "
            "arithmetic with constants"
        )
        return UnsupportedError(
            f"{self.name}: {what}, in module '{module_path(node)}' ({node.name}). Supported: {supported}. "
            "Replace it there, or cut the model before it and compute the rest outside."
        )

    def source(self, node: fx.Node, index: int = 0) -> Node:
        argument = node.args[index]
        if not isinstance(argument, fx.Node) or argument not in self.alias:
            raise self.unsupported(node, f"operand {index} of {node.target} does not come from the input")
        return self.nodes[self.alias[argument]]

    def tensor(self, argument: Any) -> np.ndarray | None:
        """The constant behind an argument, as float32."""
        if not isinstance(argument, fx.Node) or argument not in self.constants:
            return None
        return self.constants[argument].to(torch.float32).cpu().numpy().copy()

    def channel_constant(self, node: fx.Node, argument: Any) -> np.ndarray:
        """A number, or a constant that broadcasts over the channels of the node's value, as (C,) float64."""
        shape = shape_of(node)
        if isinstance(argument, fx.Node):
            value = self.constants[argument].to(torch.float64).cpu().numpy()
        else:
            value = np.array(argument, np.float64)
        full = (1,) * (len(shape) + 1 - value.ndim) + value.shape
        if len(full) != len(shape) + 1 or full[1] not in (1, shape[-1]) or prod(full) != full[1]:
            raise self.unsupported(
                node, f"a constant of shape {value.shape} in {node.target} (one number, or one a channel)"
            )
        if not np.isfinite(value).all():
            raise self.unsupported(node, f"a constant in {node.target} that is not finite")
        return np.broadcast_to(value.reshape(-1), (shape[-1],)).copy()

    def unique(self, name: str) -> str:
        """A legal name that no node has yet."""
        name = re.sub(r"[^A-Za-z0-9_.]", "_", name)
        name = name if re.match(r"[A-Za-z0-9_]", name) else f"_{name}"
        if len(name) > MAX_NAME:
            name = f"{name[: MAX_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        taken = {symbol(other) for other in self.nodes}
        candidate, count = name, 1
        while symbol(candidate) in taken:
            candidate, count = f"{name}_{count}", count + 1
        return candidate

    def layer_name(self, node: fx.Node, weight: Any) -> str:
        """Path of the module that owns the weight: the name under which a plan finds the layer."""
        path = self.paths.get(weight.name, "") if isinstance(weight, fx.Node) else ""
        return self.unique(path.rpartition(".")[0] or self.place(node))

    def place(self, node: fx.Node) -> str:
        """A name for what belongs to no parameter: the operation's, behind the path of its module."""
        path = module_stack(node)
        return f"{path}.{node.name}" if path else node.name

    def add(self, fx_node: fx.Node, node: Node) -> None:
        self.nodes[node.name] = node
        self.alias[fx_node] = node.name

    def unary(self, node: fx.Node, make: Callable[..., Node], **attributes: Any) -> None:
        """Adds make(...), a node that reads the call's first operand."""
        name = self.unique(node.name)
        self.add(node, make(name=name, inputs=(self.source(node).name,), shape=shape_of(node), **attributes))

    def affine(self, node: fx.Node, name: str, index: int, gain: np.ndarray, offset: np.ndarray) -> None:
        """Adds gain * operand + offset, for the operand of that index."""
        name, inputs = self.unique(name), (self.source(node, index).name,)
        self.add(node, ops.Affine(name=name, inputs=inputs, shape=shape_of(node), gain=gain, offset=offset))


Handler = Callable[[Importer, fx.Node], None]
HANDLERS: dict[str, Handler] = {}


def handles(*targets: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(targets, handler))
        return handler

    return register
