"""What we use of TensorFlow Lite's schema (schema.fbs, version 3): numbers of types, operators and their settings, and
the fields of its tables by their place. tests/sdk/tflite holds them against LiteRT's own."""

from __future__ import annotations

from dataclasses import dataclass, field

IDENTIFIER = b"TFL3"
VERSION = 3
TYPES = {"FLOAT32": 0, "FLOAT16": 1, "INT32": 2, "UINT8": 3, "INT64": 4, "BOOL": 6, "INT16": 7, "INT8": 9, "INT4": 17}
DTYPES = {  # of what lies in memory as NumPy has it
    "FLOAT32": "<f4", "FLOAT16": "<f2", "INT32": "<i4", "INT64": "<i8", "INT16": "<i2", "INT8": "i1", "UINT8": "u1",
    "BOOL": "?",
}  # fmt: skip

MODEL = {
    "version": 0, "operatorCodes": 1, "subgraphs": 2, "description": 3, "buffers": 4, "metadata": 6,
}  # fmt: skip
SUBGRAPH = {"tensors": 0, "inputs": 1, "outputs": 2, "operators": 3, "name": 4}
TENSOR = {"shape": 0, "type": 1, "buffer": 2, "name": 3, "quantization": 4}
QUANTIZATION = {"scale": 2, "zeroPoint": 3, "quantizedDimension": 6}
OPERATOR = {"opcodeIndex": 0, "inputs": 1, "outputs": 2, "builtinOptionsType": 3, "builtinOptions": 4}
CODE = {"deprecatedBuiltinCode": 0, "customCode": 1, "version": 2, "builtinCode": 3}
BUFFER = {"data": 0}
METADATA = {"name": 0, "buffer": 1}


@dataclass(frozen=True)
class Kind:
    """An operator: its number, what adds it to a MicroMutableOpResolver, its version for int8; the number of its table
    of settings, and these: name -> (place, kind of number)."""

    code: int
    adds: str
    version: int = 1
    options: int = 0
    settings: dict[str, tuple[int, str]] = field(default_factory=dict)


CUSTOM = 32  # the number of all that TensorFlow Lite has no number for, and knows by name

_CONV = {
    "padding": (0, "int8"), "strideW": (1, "int32"), "strideH": (2, "int32"),
    "dilationWFactor": (4, "int32"), "dilationHFactor": (5, "int32"),
}  # fmt: skip
_DEPTHWISE = {
    "padding": (0, "int8"), "strideW": (1, "int32"), "strideH": (2, "int32"), "depthMultiplier": (3, "int32"),
    "dilationWFactor": (5, "int32"), "dilationHFactor": (6, "int32"),
}  # fmt: skip
_POOL = {
    "padding": (0, "int8"), "strideW": (1, "int32"), "strideH": (2, "int32"),
    "filterWidth": (3, "int32"), "filterHeight": (4, "int32"),
}  # fmt: skip
_TRANSPOSED = {"padding": (0, "int8"), "strideW": (1, "int32"), "strideH": (2, "int32")}
_RESIZED = {"alignCorners": (2, "bool"), "halfPixelCenters": (3, "bool")}
_REDUCER = {"keepDims": (0, "bool")}

KINDS = {
    "ADD": Kind(0, "AddAdd", 2, 11),
    "ARG_MAX": Kind(56, "AddArgMax", 2, 40, {"outputType": (0, "int8")}),
    "AVERAGE_POOL_2D": Kind(1, "AddAveragePool2D", 2, 5, _POOL),
    "BATCH_MATMUL": Kind(126, "AddBatchMatMul", 2, 101, {"adjX": (0, "bool"), "adjY": (1, "bool")}),
    "CAST": Kind(53, "AddCast", 1, 37, {"inDataType": (0, "int8"), "outDataType": (1, "int8")}),
    "CONCATENATION": Kind(2, "AddConcatenation", 2, 10, {"axis": (0, "int32")}),
    "CONV_2D": Kind(3, "AddConv2D", 3, 1, _CONV),
    "DEPTHWISE_CONV_2D": Kind(4, "AddDepthwiseConv2D", 3, 2, _DEPTHWISE),
    "FULLY_CONNECTED": Kind(9, "AddFullyConnected", 4, 8),
    "GATHER": Kind(36, "AddGather", 2, 23, {"axis": (0, "int32")}),
    "LOG_SOFTMAX": Kind(50, "AddLogSoftmax", 2, 36),
    "MAXIMUM": Kind(55, "AddMaximum", 2, 39),
    "MAX_POOL_2D": Kind(17, "AddMaxPool2D", 2, 5, _POOL),
    "MEAN": Kind(40, "AddMean", 2, 27, _REDUCER),
    "MINIMUM": Kind(57, "AddMinimum", 2, 39),
    "MUL": Kind(18, "AddMul", 2, 21),
    "PAD": Kind(34, "AddPad", 2, 22),
    "PADV2": Kind(60, "AddPadV2", 2, 43),
    "PRELU": Kind(54, "AddPrelu"),
    "QUANTIZE": Kind(114, "AddQuantize", 2, 89),
    "REDUCE_MAX": Kind(82, "AddReduceMax", 2, 27, _REDUCER),
    "REDUCE_MIN": Kind(89, "AddReduceMin", 2, 27, _REDUCER),
    "RESIZE_BILINEAR": Kind(23, "AddResizeBilinear", 3, 15, _RESIZED),
    "RESHAPE": Kind(22, "AddReshape", 1, 17),
    "SLICE": Kind(65, "AddSlice", 2, 48),
    "SOFTMAX": Kind(25, "AddSoftmax", 2, 9, {"beta": (0, "float32")}),
    "SUB": Kind(41, "AddSub", 2, 28),
    "SUM": Kind(74, "AddSum", 2, 27, _REDUCER),
    "TFLM_DECODE": Kind(CUSTOM, "AddDecode"),
    "TRANSPOSE": Kind(39, "AddTranspose", 2, 26),
    "TRANSPOSE_CONV": Kind(67, "AddTransposeConv", 3, 49, _TRANSPOSED),
}
