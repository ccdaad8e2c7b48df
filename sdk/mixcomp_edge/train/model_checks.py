"""What a model and its inputs must be, with a task or without. Each check names what it is about, what it holds and
what it should hold."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn.parameter import is_lazy

from mixcomp_edge.errors import TaskError
from mixcomp_edge.frontend.torch_export.structure import input_names
from mixcomp_edge.train.arrays import as_array, as_input, check_finite, labelled, not_finite
from mixcomp_edge.train.samples import Samples


def checked_model(model: Any, name: str) -> nn.Module:
    """The model, all float32 and in main memory: itself, or a copy. TaskError names what is not finite."""
    if not isinstance(model, nn.Module):
        hint = f" Make one: {model.__name__}()." if isinstance(model, type) else ""
        raise TaskError(f"{name}: model is a {type(model).__name__}, expected a torch.nn.Module.{hint}")
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        model = model.module
    if isinstance(model, fx.GraphModule) and "eval" in vars(model):
        raise TaskError(
            f"{name}: model is what torch.export made of one; give the nn.Module that it was made of, or save the "
            "program (torch.export.save) and name the .pt2 file to the command."
        )
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for path, tensor in state.items():
        if is_lazy(tensor):
            raise TaskError(f"{name}: the model's {path} has no shape yet (a lazy module); run the model once before.")
        if tensor.is_inference():
            raise TaskError(f"{name}: the model's {path} was made in torch.inference_mode(); make it outside.")
        if tensor.layout != torch.strided:
            raise TaskError(f"{name}: the model's {path} is sparse; make it dense first, by .to_dense().")
        if tensor.is_complex():
            raise TaskError(f"{name}: the model's {path} holds complex numbers; only real weights are supported.")
        if tensor.is_meta:
            raise TaskError(f"{name}: the model's {path} lies on the meta device and has no values; load its weights.")
    floats = [tensor for tensor in state.values() if tensor.is_floating_point()]
    if any(tensor.dtype != torch.float32 or tensor.device.type != "cpu" for tensor in floats):
        try:
            model = copy.deepcopy(model).to("cpu", torch.float32)
        except Exception as error:  # modules may refuse to be copied in ways of their own
            raise TaskError(f"{name}: the model is not float32 on the CPU; call model.float().cpu() first.") from error
    for path, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, nn.Parameter) or path.endswith(("running_mean", "running_var")):
            bad = not_finite(np.atleast_1d(tensor.detach().numpy()))
            if bad is not None:
                layer, _, kind = path.rpartition(".")
                raise TaskError(
                    f"{name}: the {kind} of layer '{layer}' is not finite: {bad[1]} at "
                    f"[{', '.join(map(str, bad[0]))}]. Load whole weights, or train again at a lower rate."
                )
    return model


def takes_tokens(model: nn.Module) -> bool:
    """Whether integers given to the model are meant as such."""
    parts = list(model.modules())
    return any(isinstance(part, nn.Embedding | nn.EmbeddingBag) or getattr(part, "tokens", None) for part in parts)


def in_order(value: Any, model: nn.Module, what: str) -> Any:
    """Data by name as a tuple, in the order of the model's forward(); what has no names stays."""
    if not isinstance(value, Mapping):
        return value
    names = input_names(model)
    for name in value:
        if name not in names:
            raise TaskError(f"{what} names the input {name!r}; forward() takes {', '.join(names)}.")
    given = names[: len(value)]
    if missing := [name for name in given if name not in value]:
        raise TaskError(f"{what} lacks the input '{missing[0]}'; it names {', '.join(value)}.")
    return tuple(value[name] for name in given) if len(given) != 1 else value[given[0]]


def checked_calibration(value: Any, what: str, model: nn.Module) -> Samples:
    """Calibration data as the model takes it: at least one sample, all finite."""
    given, tokens = in_order(value, model, what), takes_tokens(model)
    tensors = []
    for label, part in labelled(given, what):
        array = as_array(part, label)
        if array.ndim < 2 or not array.size:
            raise TaskError(f"{label} has the shape {array.shape}, expected (N, ...) with at least one sample.")
        check_finite(array, label)
        tensors.append(as_input(array, label, tokens=tokens))
        if len(tensors[-1]) != len(tensors[0]):
            raise TaskError(f"{label} has {len(tensors[-1])} samples, the first input has {len(tensors[0])}.")
    return tuple(tensors) if len(tensors) > 1 else tensors[0]
