"""The walk over an exported program: what the operators' handlers in aten.py build on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.ir import ops
from mixcomp_edge.ir.graph import Graph, Node, Shape
from mixcomp_edge.ir.verify import symbol

BATCH = 2  # export with two samples, so that an operation that mixes samples shows
MAX_NAME = 88  # characters of a layer's name; the IR allows 96, and `unique` may add a number
VIEWS = ("view", "reshape", "flatten", "slice", "squeeze", "unsqueeze", "detach", "alias")


class Importer:
    """Walks the ATen graph once. `alias` maps an fx node to the IR node whose value it stands for."""

    def __init__(self, program: torch.export.ExportedProgram, name: str) -> None:
        self.program, self.name = program, name
        self.nodes: dict[str, Node] = {}
        self.alias: dict[fx.Node, str] = {}
        signature = program.graph_signature
        constants = signature.inputs_to_lifted_tensor_constants
        self.paths = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **constants}
        state: dict[str, Tensor] = {**program.state_dict, **program.constants}
        self.tensors = {node: state[path] for node, path in self.paths.items()}

    def run(self) -> Graph:
        output = ""
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node.name not in self.tensors:
                self._input(node)
            elif node.op == "call_function":
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

    def _call(self, node: fx.Node) -> None:
        handler = HANDLERS.get(str(node.target).removeprefix("aten."))
        if handler is None:
            operator = str(node.target).removesuffix(".default").removesuffix(".Tensor")
            raise self.unsupported(node, f"the operator {operator} is not supported")
        if _overload_packet(node).endswith("_"):
            self._check_in_place(node)
        handler(self, node)

    def _check_in_place(self, node: fx.Node) -> None:
        """An operation in place also changes what its operand is a view of; refused where that is read elsewhere."""
        operand = node.args[0]
        while isinstance(operand, fx.Node) and _overload_packet(operand) in VIEWS:
            operand = operand.args[0]
            if isinstance(operand, fx.Node) and len(operand.users) > 1:
                raise self.unsupported(node, f"{node.target} in place on a view of a value that is also used elsewhere")

    # What the handlers need

    def unsupported(self, node: fx.Node, what: str) -> UnsupportedError:
        supported = (
            "conv2d, linear, batch_norm, relu, relu6, add, cat, pooling, mean over H and W, pad, flatten, softmax"
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
        """The parameter or buffer behind an argument, as float32."""
        if not isinstance(argument, fx.Node) or argument.name not in self.tensors:
            return None
        return self.tensors[argument.name].detach().to(torch.float32).cpu().numpy().copy()

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
        return self.unique(path.rpartition(".")[0] or node.name)

    def add(self, fx_node: fx.Node, node: Node) -> None:
        self.nodes[node.name] = node
        self.alias[fx_node] = node.name


def _overload_packet(node: fx.Node) -> str:
    """relu_ for aten.relu_.default; empty for what is no ATen operator."""
    parts = str(node.target).split(".")
    return parts[1] if len(parts) == 3 else ""


def module_path(node: fx.Node) -> str:
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return (stack[-1][0] if stack else "") or "the top module"


def shape_of(node: fx.Node) -> Shape:
    """Channels-last shape without the batch of an fx node's value (N, C, ...)."""
    shape = tuple(int(size) for size in node.meta["val"].shape)
    if len(shape) < 2 or shape[0] != BATCH or len(shape) > 4:
        path = module_path(node)
        raise UnsupportedError(
            f"{node.name} in module '{path}' has shape {shape}; expected (N, F), (N, C, L) or (N, C, H, W) "
            "with the batch first and untouched."
        )
    return (*shape[2:], shape[1])


def axis_of(dim: int, rank: int) -> int:
    """Axis in a channels-last shape for a PyTorch dim of an (N, C, ...) tensor of this rank; -1 for the batch."""
    dim %= rank
    return -1 if dim == 0 else rank - 2 if dim == 1 else dim - 2


def pair(value: Any) -> tuple[int, int]:
    values = [int(v) for v in value] if isinstance(value, list | tuple) else [int(value)]
    return (values[0], values[-1])


def arguments(node: fx.Node, *defaults: Any) -> list[Any]:
    """Positional arguments of a call, filled up with the operator's defaults."""
    given = list(node.args) + [None] * (len(defaults) - len(node.args))
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    for index, (name, default) in enumerate(zip(names, defaults, strict=False)):
        if index >= len(node.args):
            given[index] = node.kwargs.get(name, default)
    return given


Handler = Callable[[Importer, fx.Node], None]
HANDLERS: dict[str, Handler] = {}


def handles(*targets: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(targets, handler))
        return handler

    return register
