"""An exported program as a torch module, one submodule a call, so that layers keep the names of their weights. The
number of samples that it was exported for, which stands in its constants, gives way to that of the input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import OutputKind
from torch.utils._pytree import tree_leaves, tree_unflatten

from mixcomp_edge.errors import ModelFileError, UnsupportedError
from mixcomp_edge.frontend.bounds import FAULTS, first_line
from mixcomp_edge.frontend.places import path_of, put, shown
from mixcomp_edge.frontend.pt2.archive import read_program

RESHAPES = ("view", "reshape", "expand", "_unsafe_view")  # whose sizes hold the batch
TOLERANCE = 1e-4  # of the largest element: batches of another size are summed in another order
SAMPLES = 4


class Step(nn.Module):
    """One call. Its parameters and buffers are its own, by the last part of their names."""

    def __init__(self, node: fx.Node, tensors: dict[fx.Node, tuple[str, Tensor]], batch: int) -> None:
        super().__init__()
        self.node, self.batch = node, batch
        self.names: dict[fx.Node, str] = {}
        for operand in node.all_input_nodes:
            if operand in tensors:
                path, tensor = tensors[operand]
                name = put_tensor(self, path.rpartition(".")[2], tensor)
                self.names[operand] = name
        self.operands = [operand for operand in node.all_input_nodes if operand not in tensors]

    def forward(self, *given: Any) -> Any:
        values = dict(zip(self.operands, given, strict=True))
        values |= {operand: getattr(self, name) for operand, name in self.names.items()}
        args: Any = fx.node.map_arg(self.node.args, lambda node: values[node])
        kwargs: Any = fx.node.map_arg(self.node.kwargs, lambda node: values[node])
        name = str(self.node.target).split(".")[-2:][0]
        if name in RESHAPES and isinstance(args[0], Tensor) and args[1] and args[1][0] == self.batch:
            args = (args[0], [args[0].shape[0], *args[1][1:]], *args[2:])
        return self.node.target(*args, **kwargs)  # type: ignore[operator]


def put_tensor(module: nn.Module, name: str, tensor: Tensor) -> str:
    """Adds it under a name like this one that is free."""
    name, count = path_of(name).replace(".", "_"), 0
    while hasattr(module, name if not count else f"{name}_{count}"):
        count += 1
    name = name if not count else f"{name}_{count}"
    if isinstance(tensor, nn.Parameter) and tensor.is_floating_point():
        module.register_parameter(name, nn.Parameter(tensor.detach().float(), requires_grad=False))
    else:
        module.register_buffer(name, tensor.detach())
    return name


class Pt2Module(nn.Module):
    """Takes and gives what the program does. `input_shapes`: of each input by name, without the batch. Raises
    ModelFileError and UnsupportedError."""

    def __init__(self, path: str | Path, *, trust: bool = False) -> None:
        super().__init__()
        self.path = Path(path)
        self.program = read_program(self.path, trust=trust)
        signature = self.program.graph_signature
        changed = [spec.target for spec in signature.output_specs if spec.kind is not OutputKind.USER_OUTPUT]
        if changed:
            raise UnsupportedError(
                f"{self.path}: changes '{shown(str(changed[0]))}' while it runs; export the model in eval mode."
            )
        nodes = {node.name: node for node in self.program.graph.nodes}
        self.ends = [nodes[str(name)] for name in signature.user_inputs]
        self.input_shapes, self.batch = self._shapes()
        self.input_names = list(self.input_shapes)
        self.plan: list[tuple[fx.Node, str]] = []
        self._build()
        self.eval()

    def forward(self, *inputs: Tensor) -> Any:
        values: dict[fx.Node, Any] = dict(zip(self.ends, inputs, strict=True))
        for node, place in self.plan:
            step = self.get_submodule(place)
            values[node] = step(*(values[operand] for operand in step.operands))  # type: ignore[union-attr]
        results = self.program.graph.output_node().args[0]
        leaves = fx.node.map_arg(results, lambda node: values[node])
        return tree_unflatten(list(leaves), self.program.call_spec.out_spec)

    def _shapes(self) -> tuple[dict[str, tuple[int, ...]], int]:
        """Of each input without the batch, and the batch; a size that the program leaves open is not known."""
        shapes, batch = {}, 1
        for node in self.ends:
            value = node.meta.get("val")
            sizes = list(value.shape) if isinstance(value, Tensor) else []
            if len(sizes) < 2 or not all(isinstance(size, int) for size in sizes[1:]):
                raise ModelFileError(
                    f"{self.path}: its input '{shown(node.name)}' is of shape ({', '.join(map(str, sizes))}); expected "
                    "samples (N, …) whose other sizes are fixed."
                )
            shapes[node.name] = tuple(map(int, sizes[1:]))
            batch = sizes[0] if isinstance(sizes[0], int) else 1
        if not shapes:
            raise ModelFileError(f"{self.path}: has no input.")
        return shapes, batch

    def _build(self) -> None:
        signature = self.program.graph_signature
        paths = {
            **signature.inputs_to_parameters, **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }  # fmt: skip
        held = {**dict(self.program.constants), **self.program.state_dict}
        tensors: dict[fx.Node, tuple[str, Tensor]] = {}
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node.name in paths:
                tensors[node] = (paths[node.name], held[paths[node.name]])
            elif node.op == "call_function":
                step = Step(node, tensors, self.batch)
                stem = next((tensors[n][0].rpartition(".")[0] for n in step.names), "")
                self.plan.append((node, put(self, path_of(stem or node.name), step)))
            elif node.op not in ("placeholder", "output"):
                raise UnsupportedError(f"{self.path}: holds '{shown(node.name)}', a branch or a loop ({node.op}).")


def prove(module: Pt2Module, inputs: Sequence[Tensor]) -> str:
    """Holds the module against the program as it lies in the file, batch by batch; ModelFileError where they differ."""
    signature, n = module.program.graph_signature, module.batch
    held = {**dict(module.program.constants), **module.program.state_dict}
    count = max(1, min(SAMPLES, len(inputs[0])) // n) * n
    given = [x[torch.arange(count) % len(x)].float() for x in inputs]
    fixed = [held[spec.target] for spec in signature.input_specs if spec.target is not None and spec.target in held]
    try:
        with torch.no_grad():
            ours = tree_leaves(module(*given))
            parts = [
                fx.Interpreter(module.program.graph_module).run(*fixed, *(x[at : at + n] for x in given))
                for at in range(0, count, n)
            ]
    except FAULTS as error:
        raise ModelFileError(f"{module.path}: does not work: {first_line(error)}.") from error
    theirs = [torch.cat(leaves) for leaves in zip(*map(tree_leaves, parts), strict=True)]
    for got, expected in zip(ours, theirs, strict=True):
        peak = float(expected.abs().max())
        if got.shape != expected.shape or not torch.allclose(got, expected, rtol=0.0, atol=TOLERANCE * peak + 1e-6):
            raise ModelFileError(
                f"{module.path}: {count} samples together give something else than in batches of {n}, for which it was "
                "exported. Export it for samples (N, …) that do not mix."
            )
    return "torch"
