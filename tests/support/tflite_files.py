"""TensorFlow Lite files of one operation, written by the schema's own classes."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

MAP = (1, 8, 10, 6)
TYPES = {"f": 0, "i": 2}  # FLOAT32, INT32


def save(path, kind, shapes, constants=(), out=MAP, options=None, x_at=0, change=lambda model: None):
    """A file of one operation: x of the first shape at operand `x_at`, constants at the others; results of shape `out`,
    or several where it is a list. change: what is done to the schema's ModelT before it is written."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, graph.tensors = 3, [schema.BufferT()], []

    def tensor(name, shape, array=None):
        entry = schema.TensorT()
        entry.name, entry.shape, entry.type, entry.buffer = name, list(shape), 0, 0
        if array is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(array.tobytes(), np.uint8)
            entry.type, entry.buffer = TYPES[array.dtype.kind], len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(entry)
        return len(graph.tensors) - 1

    x = tensor("x", shapes)
    operands = [tensor(f"c{i}", array.shape, array) for i, array in enumerate(map(np.asarray, constants))]
    operands.insert(x_at, x)
    results = [tensor(f"net/{kind}/y{i}", shape) for i, shape in enumerate(out if isinstance(out, list) else [out])]
    operator, code = schema.OperatorT(), schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, operands, results
    if options is not None:
        name, settings = options
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = getattr(schema, f"{name}T")()
        for key, value in settings.items():
            assert hasattr(operator.builtinOptions, key)
            setattr(operator.builtinOptions, key, value)
    graph.inputs, graph.outputs, graph.operators = [x], results, [operator]
    model.operatorCodes, model.subgraphs = [code], [graph]
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
