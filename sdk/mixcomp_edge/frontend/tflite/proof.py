"""What was made of a .tflite file, held against LiteRT. Of a float file every value is compared; where LiteRT rounds
and we do not (integers, or integer weights alone), only an output that is plainly another is a fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixcomp_edge.errors import ModelFileError
from mixcomp_edge.frontend.bounds import first_line
from mixcomp_edge.frontend.litert import interpreter, real
from mixcomp_edge.frontend.tflite.module import TfliteModule, file_order, module_order

TOLERANCE = 1e-3  # of the largest element of a value: float32 in another order
SAMPLES = 4
HYBRID_SQNR, INTEGER_SQNR = 15.0, 3.0  # dB, the least between outputs
STEPS = 2  # of an integer output, which may be off beside that: it may be 0, or one number


def prove(module: TfliteModule, inputs: list[Tensor]) -> str:
    """The name of the runtime that agreed on the first samples; ModelFileError names the value that does not."""
    try:
        runtime = interpreter(module.document.content)
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{module.path}: LiteRT cannot run it: {first_line(error)}.") from error
    network = module.document
    quantization = {entry["index"]: entry["quantization"] for entry in runtime.get_tensor_details()}
    rounds = network.is_quantized or network.is_hybrid
    least = HYBRID_SQNR if network.is_hybrid else INTEGER_SQNR
    made = [i for operation, _ in module.plan for i in operation.outputs if i not in network.apart]
    watched = network.outputs if rounds else made
    for sample in range(min(SAMPLES, len(inputs[0]))):
        given = [x[sample : sample + 1] for x in inputs]
        given = [x if x.dtype == torch.int64 else x.float() for x in given]
        runtime.reset_all_variables()
        held = []
        for entry, x in zip(runtime.get_input_details(), given, strict=True):
            slot = network.slots[entry["index"]]
            stored = _stored(file_order(x, slot).numpy(), entry).reshape(slot.shape)
            runtime.set_tensor(entry["index"], stored)
            value = module_order(torch.from_numpy(real(stored, entry["quantization"]).reshape(1, *slot.sample)), slot)
            held.append(value if entry["quantization"][0] else x)
        runtime.invoke()
        with torch.no_grad():
            ours = module.values(*held)
        for index in watched:
            expected = real(runtime.get_tensor(index), quantization[index])
            got = file_order(ours[index], network.slots[index]).numpy().reshape(network.slots[index].shape)
            if got.dtype.kind != "f":
                continue  # indices of equal maxima may differ
            step = quantization[index][0]
            if not (_similar(got, expected, least, step) if rounds else _close(got, expected)):
                raise ModelFileError(
                    f"{module.path}: '{network.slots[index].name}' is something else here than in LiteRT. "
                    "This is a fault of mixcomp-edge: please report it with the file."
                )
    return "LiteRT"


def _stored(x: np.ndarray, entry: dict[str, Any]) -> np.ndarray:
    scale, zero = entry["quantization"]
    if entry["dtype"] == np.float32 or not scale:
        return x.astype(entry["dtype"])
    bounds = np.iinfo(entry["dtype"])
    return np.clip(np.rint(x / scale + zero), bounds.min, bounds.max).astype(entry["dtype"])


def _close(got: np.ndarray, expected: np.ndarray) -> bool:
    peak = float(np.max(np.abs(expected), initial=0.0))
    return got.shape == expected.shape and bool(np.allclose(got, expected, rtol=0.0, atol=TOLERANCE * peak + 1e-6))


def _similar(got: np.ndarray, expected: np.ndarray, least: float, step: float) -> bool:
    """step: of an output of integers, else 0."""
    signal, noise = float(np.sum(expected**2)), float(np.sum((got - expected) ** 2))
    floor = expected.size * (STEPS * step) ** 2 + 1e-6
    return got.shape == expected.shape and noise <= signal / 10 ** (least / 10) + floor
