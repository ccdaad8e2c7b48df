"""Quantized training of modules that have no C yet: attention, recurrence, embeddings. The user's modules stay; each
weight gets the quantizer that the graph route uses, as a parametrization, and each operand of a product its own.

Quantized are the weights of Linear, Conv and Embedding, what a Linear or Conv reads, and each `Value` of the model. The
rest (norms, softmax, sums, the output) computes in float. A layer that reads the model's input reads it at 8 bits."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mixcomp_edge.errors import UnsupportedError
from mixcomp_edge.lower.assign_types import ValueType
from mixcomp_edge.quant_plan import QuantPlan
from mixcomp_edge.train.method.calibrate import activation_step
from mixcomp_edge.train.method.histogram import Histogram
from mixcomp_edge.train.method.quantizers import ActivationQuantizer, WeightQuantizer, weight_quantizer
from mixcomp_edge.train.model_checks import checked_calibration, checked_model
from mixcomp_edge.train.proof import prove_copy
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.samples import Samples, count, each

INPUT_BITS = 8


class Value(nn.Identity):
    """Marks an operand of a product that no layer reads, such as the queries of an attention: it is quantized here."""


READERS = (nn.Linear, nn.Conv1d, nn.Conv2d)  # a product of a weight and what the layer reads
WEIGHTED = (*READERS, nn.Embedding)
INNER_OPERANDS = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)


class Layer(nn.Module):
    """The parametrization of a module's weight (O, ...); of an embedding, O are the words."""

    def __init__(self, module: nn.Module, quantizer: WeightQuantizer) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.quantizing = True
        self._module = [module]  # in a list, so that it does not become a part of its own part

    @property
    def weight(self) -> nn.Parameter:
        """The float weight that is trained."""
        return self._module[0].parametrizations["weight"].original  # type: ignore[index, union-attr]

    def forward(self, w: Tensor) -> Tensor:
        y: Tensor = self.quantizer(w) if self.quantizing else w
        return y


class QuantizedModules(nn.Module):
    """A copy of the user's model with its layers quantized; takes and gives what the model does. `plan` holds every
    layer's codebook; a plan names layers by module path."""

    def __init__(self, model: nn.Module, calibration: Samples, plan: QuantPlan, recipe: Recipe, name: str) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        self.plan = plan
        self.quantizing = True
        found = dict(self.model.named_modules())
        for path, module in found.items():
            if isinstance(module, INNER_OPERANDS):
                raise UnsupportedError(
                    f"{name}: module '{path}' is a {type(module).__name__}, whose inner operands cannot be quantized. "
                    "Write it out of linear layers, as mixcomp_edge.train.networks does in Gru and EncoderLayer."
                )
        weighted: dict[str, nn.Module] = {
            path: module for path, module in found.items() if isinstance(module, WEIGHTED)
        }
        marked: dict[str, nn.Module] = {path: module for path, module in found.items() if isinstance(module, Value)}
        if not weighted:
            raise UnsupportedError(f"{name}: has no Linear, Conv1d, Conv2d or Embedding, so nothing to quantize.")
        plan.check_names([*weighted, *marked])
        seen = _observe(self.model, weighted | marked, calibration)

        self.macs = {path: seen.macs[path] for path in weighted}  # in one inference
        self.layers: dict[str, Layer] = {}
        for path, module in weighted.items():
            w: Tensor = module.weight.detach()  # type: ignore[operator]
            quantizer = weight_quantizer(w.cpu().numpy(), plan[path], recipe)
            self.layers[path] = Layer(module, quantizer)
            parametrize.register_parametrization(module, "weight", self.layers[path])
            if quantizer.codebook.name != plan[path].weights:  # the best of a family
                self.plan = self.plan.with_layer(path, weights=quantizer.codebook.name)
        self.operands = nn.ModuleDict()
        for path, histogram in seen.operands.items():
            bits = INPUT_BITS if path == seen.reads_input else plan[path].act_bits
            self.operands[path.replace(".", "/")] = operand = _operand_quantizer(histogram, bits)
            found[path].register_forward_pre_hook(self._operand_hook(operand))

    def forward(self, *inputs: Tensor) -> Any:
        return self.model(*inputs)

    def layer(self, path: str) -> Layer:
        return self.layers[path]

    @contextmanager
    def floating(self) -> Iterator[None]:
        """Within it the model computes without quantizers."""
        switches: list[QuantizedModules | Layer] = [self, *self.layers.values()]
        for switch in switches:
            switch.quantizing = False
        try:
            yield
        finally:
            for switch in switches:
                switch.quantizing = True

    def _operand_hook(self, quantizer: nn.Module) -> Callable[..., tuple[Any, ...] | None]:
        def hook(module: nn.Module, operands: tuple[Any, ...]) -> tuple[Any, ...] | None:
            return (quantizer(operands[0]), *operands[1:]) if self.quantizing else None

        return hook


class _Seen:
    """What the modules of a float model read: the numbers in each operand, the MACs of each layer for one input, and
    which layer reads the model's input, if one does."""

    def __init__(self) -> None:
        self.operands: dict[str, Histogram] = {}
        self.macs: dict[str, int] = defaultdict(int)
        self.reads_input: str | None = None


@torch.no_grad()
def _observe(model: nn.Module, modules: dict[str, nn.Module], calibration: Samples) -> _Seen:
    seen = _Seen()
    first: list[str] = []

    def watch(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, operands: tuple[Tensor, ...], y: Tensor) -> None:
            first.append(path)
            if isinstance(module, READERS):
                w = module.weight
                seen.macs[path] += y.numel() // count(calibration) // len(w) * w.numel()
            if not isinstance(module, nn.Embedding):
                seen.operands.setdefault(path, Histogram(path)).add(operands[0])

        return hook

    handles = [module.register_forward_hook(watch(path)) for path, module in modules.items()]
    try:
        model(*each(calibration))
    finally:
        for handle in handles:
            handle.remove()
    if first and isinstance(modules[first[0]], READERS):
        seen.reads_input = first[0]
    return seen


def _operand_quantizer(seen: Histogram, bits: int) -> ActivationQuantizer:
    """Unsigned where no operand was negative; the step with the least squared error on all operands."""
    quantizer = ActivationQuantizer(ValueType(f"{'s' if seen.negative else 'u'}{bits}"))
    quantizer.set_step(activation_step(seen, quantizer.low, quantizer.high))
    return quantizer


def prepare_modules(
    model: nn.Module,
    calibration: Tensor | ArrayLike,
    plan: QuantPlan | None = None,
    name: str = "model",
    recipe: Recipe | None = None,
) -> QuantizedModules:
    """A copy of the model, ready for quantized training in torch; the model itself stays float.

    calibration: a few hundred inputs as the model takes them, from the training data. UnsupportedError for modules
    whose operands are out of reach, PlanError for a plan that names no layer of the model, ImportMismatch
    for a model that gives other outputs when it runs again."""
    model = checked_model(model, name)
    inputs = checked_calibration(calibration, f"{name}: calibration", model)
    quantized = QuantizedModules(model, inputs, plan or QuantPlan(), recipe or Recipe(), name)
    prove_copy(model, quantized, inputs, name)
    return quantized
