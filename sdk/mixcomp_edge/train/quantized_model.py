"""The graph as a PyTorch module with a quantizer on each value and weight: what is trained is what is lowered."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mixcomp_edge.frontend.torch_export import import_program
from mixcomp_edge.frontend.torch_export.masks import OUT
from mixcomp_edge.frontend.torch_export.structure import Structure, plain
from mixcomp_edge.ir import weighted
from mixcomp_edge.ir.graph import Graph, Node
from mixcomp_edge.ir.nodes import FloatNode
from mixcomp_edge.ir.types import QuantizedWeights
from mixcomp_edge.lower import QuantizedGraph, simplify
from mixcomp_edge.lower.assign_types import assign_types, quantizer_of
from mixcomp_edge.lower.equalize import equalize
from mixcomp_edge.operators.input import Input, TokenInput
from mixcomp_edge.quant_plan import QuantPlan
from mixcomp_edge.train.method.calibrate import input_range
from mixcomp_edge.train.method.histogram import Histogram
from mixcomp_edge.train.method.quantizers import ActivationQuantizer, weight_quantizer
from mixcomp_edge.train.model_checks import checked_calibration, checked_model
from mixcomp_edge.train.operators import forward
from mixcomp_edge.train.operators.input import normalized
from mixcomp_edge.train.operators.tokens import check_tokens
from mixcomp_edge.train.proof import prove
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import Samples, count, each, shapes, take

if TYPE_CHECKING:
    from mixcomp_edge.train.task import Task


class Layer(nn.Module):
    """Weight, bias and weight quantizer of one node. The weight has PyTorch's layout, (O, C, ...)."""

    def __init__(self, node: weighted.Layer, plan: QuantPlan, recipe: Recipe) -> None:
        super().__init__()
        weight = np.moveaxis(node.weight, -1, 1)
        self.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight)))
        self.bias = nn.Parameter(torch.from_numpy(node.bias.copy()))
        self.quantizer = weight_quantizer(weight, plan[node.name], recipe)


class QuantizedModel(nn.Module):
    """Takes and gives what the user's model does, (N, C, ...) float32 each, with every weight and value quantized.

    Parameters keep the user's names where a layer has some: `layers.<module path>.weight`, with batch norms folded."""

    def __init__(
        self, graph: Graph, plan: QuantPlan, recipe: Recipe, *, input_positive: bool | Set[str],
        structure: Structure | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.graph, self.plan = graph, plan
        self.structure = structure or plain(graph.outputs)
        types = assign_types(graph, plan, input_positive=input_positive)
        self.owner = quantizer_of(graph)
        self.layers = nn.ModuleDict(
            {_key(n.name): Layer(n, plan, recipe) for n in graph.nodes if isinstance(n, weighted.Layer)}
        )
        for name in (n.name for n in graph.nodes if isinstance(n, weighted.Layer)):
            chosen = self.layer(name).quantizer.codebook.name
            if chosen != plan[name].weights:  # the best of a family
                self.plan = self.plan.with_layer(name, weights=chosen)
        self.activations = nn.ModuleDict({_key(name): ActivationQuantizer(t) for name, t in types.items()})
        for node in graph.nodes:
            if isinstance(node, FloatNode) and node.fixed_step is not None:
                self.quantizer(node.name).fix(node.fixed_step)
        self.probabilities = _last_probabilities(graph, self.owner)
        self.logits = frozenset(self.owner[graph[name].inputs[0]] for name in self.probabilities)
        self.quantizing, self.is_learning = True, False
        self.observe: Callable[[str, Tensor], None] | None = None  # of forward(), as that of run()

    @property
    def macs(self) -> dict[str, int]:
        """Multiply-accumulates of each layer in one inference, in the graph's order."""
        return {node.name: node.macs for node in self.graph.nodes if isinstance(node, weighted.Layer)}

    def layer(self, name: str) -> Layer:
        return self.layers[_key(name)]  # type: ignore[return-value]

    def quantizer(self, name: str) -> ActivationQuantizer:
        return self.activations[_key(name)]  # type: ignore[return-value]

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(inputs, self.observe)

    def run(self, x: Samples, observe: Callable[[str, Tensor], None] | None = None) -> Any:
        """The forward pass; observe(name, value) sees each value before its quantizer."""
        values: dict[str, Tensor] = {}
        numbers = (value if value.is_floating_point() else value.float() for value in each(x))
        given = dict(zip((node.name for node in self.graph.inputs), numbers, strict=True))
        for node in self.graph.nodes:
            inputs = [given[node.name]] if node.is_input else [values[name] for name in node.inputs]
            inputs = inputs or [*given.values()][:1]  # a constant is of the samples' type
            value = self.value(node, inputs)
            if observe is not None:
                observe(node.name, value)
            values[node.name] = self.rounded(node, value)
        return self.structure.build({name: values[node] for name, node in self.graph.outputs.items()})

    def value(self, node: Node, inputs: list[Tensor]) -> Tensor:
        """What a node makes of its inputs, before its quantizer."""
        is_layer = isinstance(node, weighted.Layer)
        parameters = (self.weight(node.name), self.layer(node.name).bias) if is_layer else ()
        stored = self.stored(node)
        return forward(node, inputs, *parameters, *([] if stored is None else [stored]))

    def rounded(self, node: Node, value: Tensor) -> Tensor:
        """A node's value as those that read it find it."""
        exact = self.is_learning and node.name in self.probabilities
        if not self.quantizing or self.owner[node.name] != node.name or exact:
            return value
        quantize = self.quantizer(node.name)
        if self.is_learning and node.name in self.logits:  # the gradient reaches those beyond the range, too
            return quantize(value.detach()) + (value - value.detach())
        rounded: Tensor = quantize(value)
        return rounded

    def stored(self, node: Node) -> ActivationQuantizer | None:
        """What makes the value of a node that reads it itself what it is when it is stored."""
        feeds_back = isinstance(node, weighted.Layer) and node.feeds_back
        return self.quantizer(node.name) if self.quantizing and feeds_back else None

    def weight(self, name: str) -> Tensor:
        layer = self.layer(name)
        return layer.quantizer(layer.weight) if self.quantizing else layer.weight

    @contextmanager
    def floating(self) -> Iterator[None]:
        """Within it the model computes without quantizers."""
        self.quantizing = False
        try:
            yield
        finally:
            self.quantizing = True

    @torch.no_grad()
    def as_given(self) -> QuantizedModel:
        """A copy with the weights and biases of the graph, whatever became of ours: `floating`, the float model."""
        model = copy.deepcopy(self, {id(part): part for part in (self.graph, self.structure)}).requires_grad_(False)
        for node in self.graph.nodes:
            if isinstance(node, weighted.Layer):
                layer = model.layer(node.name)
                layer.weight.copy_(torch.from_numpy(np.moveaxis(node.weight, -1, 1)))
                layer.bias.copy_(torch.from_numpy(node.bias))
        return model

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Within it outputs that are probabilities are not rounded, and the logits that they are made of pass on every
        gradient: a loss learns nothing from a probability that became 0 or a logit that met the end of its range."""
        self.is_learning = True
        try:
            yield
        finally:
            self.is_learning = False

    @torch.no_grad()
    def watch(self, inputs: Samples, observe: Callable[[str, Tensor], None], batch_size: int = 128) -> None:
        """Shows all of the float model's values on `inputs` (N, C, ...), batch by batch."""
        with self.floating():
            for start in range(0, count(inputs), batch_size):
                self.run(take(inputs, slice(start, start + batch_size)), observe)

    def peaks(self, inputs: Samples) -> dict[str, NDArray[np.float64]]:
        """Of each layer's value in the float model the largest magnitude of each channel on `inputs` (N, C, ...)."""
        found: dict[str, Tensor] = {}

        def observe(name: str, value: Tensor) -> None:
            if isinstance(self.graph[name], weighted.Layer):
                peak = value.abs().transpose(0, 1).flatten(1).amax(1)
                found[name] = torch.maximum(found.get(name, peak), peak)

        self.watch(inputs, observe)
        return {name: peak.double().cpu().numpy() for name, peak in found.items()}

    @torch.no_grad()
    def calibrate(self, inputs: Samples, batch_size: int = 128) -> None:
        """Sets the range of every value's quantizer from all of the float model's values on `inputs` (N, C, ...),
        whatever their order and the batch size. TaskError for a value that is not finite."""
        seen: dict[str, Histogram] = {}
        given = dict(zip((node.name for node in self.graph.inputs), each(inputs), strict=True))
        for node in self.graph.nodes:
            assert isinstance(node, FloatNode)
            if isinstance(node, Input):
                self.quantizer(node.name).fix(*input_range(normalized(node, given[node.name]).cpu().numpy()))
            elif self.owner[node.name] == node.name and node.fixed_step is None:
                seen[node.name] = Histogram(node.name)

        def observe(name: str, value: Tensor) -> None:
            if name in seen:
                seen[name].add(_told_apart(self.graph[name], value))

        self.watch(inputs, observe, batch_size)
        for name, histogram in seen.items():
            self.quantizer(name).calibrate(histogram)

    def quantized_graph(self) -> QuantizedGraph:
        """The trained weights as codes and every value's type: what `lower` takes."""
        nodes: list[Node] = []
        weights: dict[str, QuantizedWeights] = {}
        types = {name: self.quantizer(owner).qtype() for name, owner in self.owner.items()}
        for node in self.graph.nodes:
            if isinstance(node, weighted.Layer):
                layer = self.layer(node.name)
                w = np.ascontiguousarray(np.moveaxis(layer.weight.detach().cpu().numpy(), 1, -1))
                node = replace(node, weight=w, bias=layer.bias.detach().cpu().numpy())
                book = layer.quantizer.codebook
                scale = node.scale_for_bias(layer.quantizer.scale(), types[node.inputs[0]], book)
                weights[node.name] = QuantizedWeights(book, book.encode(w, scale), scale)
            nodes.append(node)
        return QuantizedGraph(self.graph.with_nodes(nodes), types, weights)


def learning(model: nn.Module) -> AbstractContextManager[None]:
    """Within it the outputs of a quantized model are those that a loss learns from."""
    return model.learning() if isinstance(model, QuantizedModel) else nullcontext()


def _last_probabilities(graph: Graph, owner: Mapping[str, str]) -> frozenset[str]:
    """The nodes that make probabilities of logits and whose values leave the graph, perhaps moved, and go nowhere
    else."""
    made = {owner[name] for name in graph.leaving}
    read = {owner[name] for node in graph.nodes if owner[node.name] == node.name for name in node.inputs}
    nodes = (node for node in graph.nodes if isinstance(node, FloatNode) and node.gives_probabilities)
    return frozenset(node.name for node in nodes if node.name in made - read)


def _told_apart(node: Node, value: Tensor) -> Tensor:
    """A node's value (N, C, ...), of which each row along the last axis reaches no further down than it needs to."""
    reach = node.tells_apart if isinstance(node, FloatNode) else None
    if reach is None:
        return value
    if reach < np.inf:
        return torch.maximum(value, value.amax(1, keepdim=True) - reach)
    low = torch.where(value <= OUT, torch.inf, value).flatten(1).amin(1).nan_to_num(posinf=0.0)
    return torch.maximum(value, low.reshape(-1, *[1] * (value.dim() - 1)))


def _key(name: str) -> str:
    """A node's name as a key of a ModuleDict, which takes no dots and none of its own attributes' names."""
    return f"{name}/" if hasattr(nn.ModuleDict(), name) else name.replace(".", "/")


def prepare(
    model: nn.Module,
    calibration: Tensor | ArrayLike | tuple[Tensor | ArrayLike, ...] | Mapping[str, Tensor | ArrayLike],
    plan: QuantPlan | None = None,
    name: str = "model",
    recipe: Recipe | None = None,
) -> QuantizedModel:
    """The model, ready for quantized training: exported, simplified, with calibrated quantizers everywhere.

    calibration (N, C, ...), of any real type: inputs as the model takes them, a few hundred from the training data,
    NumPy or torch; of several inputs a tuple, or a dict by the names of forward(). A model of another float type is
    taken as float32. The recipe says how scales are found where the plan leaves it open. Raises TaskError for data or
    weights that are not finite, UnsupportedError for an operator that cannot be lowered, PlanError for a plan that does
    not fit, ImportMismatch if what was imported does not compute what the model does."""
    model = checked_model(model, name)
    inputs = checked_calibration(calibration, f"{name}: calibration", model)
    imported = import_program(model, shapes(inputs), name, tuple(x.dtype for x in each(inputs)))
    graph = simplify(imported.graph)
    for node, x in zip(graph.inputs, each(inputs), strict=True):
        if isinstance(node, TokenInput):
            check_tokens(node, x, f"{name}: calibration")
    positive = {
        node.name
        for node, x in zip(graph.inputs, each(inputs), strict=True)
        if isinstance(node, Input) and normalized(node, x).min() >= 0
    }
    plan, recipe = plan or QuantPlan(), recipe or Recipe()
    quantized = QuantizedModel(graph, plan, recipe, input_positive=positive, structure=imported.structure)
    prove(model, imported, quantized, inputs)
    if recipe.reconstruct:
        graph = equalize(graph, quantized.peaks(inputs))
        quantized = QuantizedModel(graph, plan, recipe, input_positive=positive, structure=imported.structure)
    quantized.calibrate(inputs)
    return quantized


def prepare_task(task: Task, plan: QuantPlan | None = None, recipe: Recipe | None = None) -> QuantizedModel:
    """The task's trained float model, ready for quantized training."""
    return prepare(task.model, task.calibration, plan, task.name, recipe or task.recipe)
