"""What an ONNX file may cost before it is worked on: weights in other files, functions that call functions, and
operations on constants, whose results may be far larger than they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from mixcomp_edge.frontend.bounds import Budget, TooMuch

SMALL = 1024  # elements of a constant that may be a shape
FLOAT = 1  # onnx.TensorProto.FLOAT


def check_weight_files(model: Any, path: Path, most: int) -> None:
    """TooMuch where the files that hold the weights are larger than `most` bytes together. Whether they lie where they
    may is for onnx to say."""
    places = {
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    }
    files = [path.parent / place for place in places]
    size = sum(os.path.getsize(file) for file in files if file.is_file())
    if size > most:
        raise TooMuch(f"its weights lie in files of {size} bytes; at most {most} are read")


def check_functions(model: Any, most: int) -> None:
    """TooMuch where the network has more nodes than `most` with its functions inlined, or one that calls itself."""
    functions = {(f.domain, f.name): f.node for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Any) -> int | None:
        """None as long as one is not known yet."""
        total = 0
        for node in nodes:
            key = node.domain, node.op_type
            if key in functions and key not in sizes:
                return None
            total += sizes.get(key, 1)
        return min(total, most + 1)

    for _ in functions:
        for key, nodes in functions.items():
            if key not in sizes and (found := size(nodes)) is not None:
                sizes[key] = found
    if len(sizes) < len(functions):
        name = next(name for domain, name in functions if (domain, name) not in sizes)
        raise TooMuch(f"its function '{name}' calls itself")
    if (size(model.graph.node) or 0) > most:
        raise TooMuch(f"holds more than {most} nodes with its functions inlined")


def check_result(proto: Any, opset: int, operands: Sequence[Any], budget: Budget) -> None:
    """TooMuch where what an operation makes of its operands (arrays, tensors, None) is beyond the budget. Of one that
    says no size beforehand the result is no larger than what it reads."""
    import onnx
    from onnx import defs, helper, numpy_helper, shape_inference

    try:
        given = {name: value for name, value in zip(proto.input, operands, strict=True) if name and value is not None}
        arrays = {name: value for name, value in given.items() if not isinstance(value, Tensor)}
        types = {
            name: helper.make_tensor_type_proto(
                helper.np_dtype_to_tensor_dtype(value.dtype) if name in arrays else FLOAT, tuple(value.shape)
            )
            for name, value in given.items()
        }
        data = {name: numpy_helper.from_array(value, name) for name, value in arrays.items() if value.size <= SMALL}
        made = shape_inference.infer_node_outputs(
            defs.get_schema(proto.op_type, opset, ""), proto, types, data,
            opset_imports=[helper.make_opsetid("", opset)], ir_version=onnx.IR_VERSION,
        )  # fmt: skip
    except Exception:  # what is wrong with it is told when it is worked out
        return
    budget.take(tuple(d.dim_value for d in entry.tensor_type.shape.dim) for entry in made.values())
