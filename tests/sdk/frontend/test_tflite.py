"""TensorFlow Lite files become torch modules that compute what the file says. Judge: LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mixcomp_edge import convert, prepare
from mixcomp_edge.errors import ModelFileError, UnsupportedError
from mixcomp_edge.frontend.tflite import TfliteModule, prove

pytest.importorskip("flatbuffers")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
from support.tflite_files import save  # noqa: E402

RNG = np.random.default_rng(0)
MAP = (1, 8, 10, 6)
SAME, VALID = 0, 1


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def window(name, kernel=None, stride=(1, 1), padding=SAME, activation=0, **more):
    settings = {"padding": padding, "strideH": stride[0], "strideW": stride[1], "fusedActivationFunction": activation}
    if kernel is not None:
        settings |= {"filterHeight": kernel[0], "filterWidth": kernel[1]}
    return name, settings | more


def ints(*values):
    return np.array(values, np.int32)


CASES = [  # kind, constants, shape of the result, options, further arguments
    ("CONV_2D", [floats(4, 3, 3, 6), floats(4)], (1, 4, 10, 4), window("Conv2DOptions", stride=(2, 1))),
    ("CONV_2D", [floats(4, 3, 2, 6), floats(4)], (1, 6, 9, 4), window("Conv2DOptions", padding=VALID, activation=1)),
    ("CONV_2D", [floats(4, 3, 3, 6), floats(4)], (1, 8, 10, 4),
     window("Conv2DOptions", dilationHFactor=2, dilationWFactor=3, activation=3)),
    ("DEPTHWISE_CONV_2D", [floats(1, 3, 3, 12), floats(12)], (1, 4, 5, 12),
     window("DepthwiseConv2DOptions", stride=(2, 2), depthMultiplier=2, dilationHFactor=1, dilationWFactor=1)),
    ("TRANSPOSE_CONV", [ints(1, 16, 20, 4), floats(4, 3, 3, 6)], (1, 16, 20, 4),
     window("TransposeConvOptions", stride=(2, 2)), {"x_at": 2}),
    ("TRANSPOSE_CONV", [ints(1, 17, 21, 4), floats(4, 3, 3, 6)], (1, 17, 21, 4),
     window("TransposeConvOptions", stride=(2, 2), padding=VALID), {"x_at": 2}),
    ("AVERAGE_POOL_2D", [], (1, 4, 5, 6), window("Pool2DOptions", (3, 3), (2, 2))),
    ("AVERAGE_POOL_2D", [], (1, 8, 10, 6), window("Pool2DOptions", (3, 3))),
    ("MAX_POOL_2D", [], (1, 4, 4, 6), window("Pool2DOptions", (2, 3), (2, 3))),
    ("MEAN", [ints(1, 2)], (1, 6), ("ReducerOptions", {"keepDims": False})),
    ("MEAN", [ints(-1)], (1, 8, 10, 1), ("ReducerOptions", {"keepDims": True})),
    ("SUM", [ints(2)], (1, 8, 6), ("ReducerOptions", {"keepDims": False})),
    ("REDUCE_MAX", [ints(1)], (1, 10, 6), ("ReducerOptions", {"keepDims": False})),
    ("ADD", [floats(6)], MAP, ("AddOptions", {"fusedActivationFunction": 1})),
    ("MUL", [floats(1, 1, 1, 6)], MAP, ("MulOptions", {})),
    ("SUB", [floats(8, 10, 1)], MAP, ("SubOptions", {})),
    ("DIV", [np.float32(2.5)], MAP, ("DivOptions", {})),
    ("MAXIMUM", [floats(6)], MAP, ("MaximumMinimumOptions", {})),
    ("LOGISTIC", [], MAP, None),
    ("TANH", [], MAP, None),
    ("HARD_SWISH", [], MAP, ("HardSwishOptions", {})),
    ("LEAKY_RELU", [], MAP, ("LeakyReluOptions", {"alpha": 0.1})),
    ("PRELU", [floats(1, 1, 6)], MAP, None),
    ("ELU", [], MAP, None),
    ("ABS", [], MAP, ("AbsOptions", {})),
    ("SOFTMAX", [], MAP, ("SoftmaxOptions", {"beta": 2.0})),
    ("RESHAPE", [ints(1, 480)], (1, 480), ("ReshapeOptions", {"newShape": [1, 480]})),
    ("RESHAPE", [ints(1, 20, 8, 3)], (1, 20, 8, 3), ("ReshapeOptions", {"newShape": [1, 20, 8, 3]})),
    ("RESHAPE", [ints(1, 80, 6)], (1, 80, 6), ("ReshapeOptions", {"newShape": [1, 80, 6]})),
    ("TRANSPOSE", [ints(0, 3, 1, 2)], (1, 6, 8, 10), ("TransposeOptions", {})),
    ("PAD", [np.array([[0, 0], [1, 2], [3, 0], [0, 1]], np.int32)], (1, 11, 13, 7), ("PadOptions", {})),
    ("MIRROR_PAD", [np.array([[0, 0], [1, 2], [3, 0], [0, 0]], np.int32)], (1, 11, 13, 6),
     ("MirrorPadOptions", {"mode": 0})),
    ("CONCATENATION", [floats(1, 8, 10, 2)], (1, 8, 10, 8), ("ConcatenationOptions", {"axis": 3})),
    ("SPLIT", [ints(3)[0]], [(1, 8, 10, 2)] * 3, ("SplitOptions", {"numSplits": 3}), {"x_at": 1}),
    ("SLICE", [ints(0, 2, 0, 1), ints(-1, 5, -1, 3)], (1, 5, 10, 3), ("SliceOptions", {})),
    ("STRIDED_SLICE", [ints(0, 1, 0, 2), ints(1, 8, 10, 3), ints(1, 2, 3, 1)], (1, 4, 4),
     ("StridedSliceOptions", {"beginMask": 1, "endMask": 1, "shrinkAxisMask": 8})),
    ("RESIZE_NEAREST_NEIGHBOR", [ints(16, 30)], (1, 16, 30, 6), ("ResizeNearestNeighborOptions", {})),
    ("RESIZE_BILINEAR", [ints(16, 15)], (1, 16, 15, 6), ("ResizeBilinearOptions", {"halfPixelCenters": True})),
    ("RESIZE_BILINEAR", [ints(15, 19)], (1, 15, 19, 6), ("ResizeBilinearOptions", {"alignCorners": True})),
    ("RESHAPE", [ints(80, 6)], (80, 6), ("ReshapeOptions", {})),
    ("RESHAPE", [ints(480)], (480,), ("ReshapeOptions", {})),
    ("RESHAPE", [ints(8, 1, 60)], (8, 1, 60), ("ReshapeOptions", {})),
    ("TRANSPOSE", [ints(1, 0, 3, 2)], (8, 1, 6, 10), ("TransposeOptions", {})),
    ("PACK", [floats(1, 8, 10, 6)], (1, 8, 2, 10, 6), ("PackOptions", {"axis": 2, "valuesCount": 2})),
    ("PACK", [floats(1, 8, 10, 6)], (2, 1, 8, 10, 6), ("PackOptions", {"axis": 0, "valuesCount": 2})),
    ("UNPACK", [], [(1, 8, 6)] * 10, ("UnpackOptions", {"axis": 2, "num": 10})),
    ("UNPACK", [], [(8, 10, 6)], ("UnpackOptions", {"axis": 0, "num": 1})),
    ("SPLIT_V", [ints(2, -1, 3), ints(2)[0]], [(1, 8, 2, 6), (1, 8, 5, 6), (1, 8, 3, 6)],
     ("SplitVOptions", {"numSplits": 3})),
    ("STRIDED_SLICE", [ints(0, 7), ints(1, 8), ints(1, 1)], (10, 6), ("StridedSliceOptions", {"shrinkAxisMask": 3})),
    ("GATHER", [ints(5, 0, 0)], (1, 8, 10, 3), ("GatherOptions", {"axis": 3})),
    ("GATHER", [np.array([[1, 0], [7, 3]], np.int32)], (1, 2, 2, 10, 6), ("GatherOptions", {"axis": 1})),
    ("TILE", [ints(1, 2, 1, 3)], (1, 16, 10, 18), ("TileOptions", {})),
    ("TILE", [ints(2, 1, 1, 1)], (2, 8, 10, 6), ("TileOptions", {})),
    ("BROADCAST_TO", [ints(3, 1, 8, 10, 6)], (3, 1, 8, 10, 6), ("BroadcastToOptions", {}),
     {"change": lambda model: setattr(model.operatorCodes[0], "version", 2)}),
    ("REVERSE_V2", [ints(3)], MAP, ("ReverseV2Options", {})),
    ("L2_NORMALIZATION", [], MAP, ("L2NormOptions", {})),
    ("L2_POOL_2D", [], (1, 4, 5, 6), window("Pool2DOptions", (3, 3), (2, 2))),
    ("CUMSUM", [ints(1)[0]], MAP, ("CumsumOptions", {})),
    ("SUM", [ints(1, 2, 3)], (1,), ("ReducerOptions", {"keepDims": False})),
    ("PRELU", [floats(8, 10, 6)], MAP, None),
    ("SIGN", [], MAP, ("SignOptions", {})),
    ("FLOOR_DIV", [np.float32(0.7)], MAP, ("FloorDivOptions", {})),
    ("FLOOR_MOD", [np.float32(0.7)], MAP, ("FloorModOptions", {})),
    ("MINIMUM", [floats(10, 1)], MAP, ("MaximumMinimumOptions", {})),
    ("ADD_N", [floats(1, 8, 10, 6), floats(1, 8, 10, 6)], MAP, ("AddNOptions", {})),
    ("CONCATENATION", [floats(1, 8, 4, 6)], (1, 8, 14, 6), ("ConcatenationOptions", {"axis": 2})),
    ("SPACE_TO_DEPTH", [], (1, 4, 5, 24), ("SpaceToDepthOptions", {"blockSize": 2})),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_an_operator_computes_what_litert_computes(tmp_path, case):
    kind, constants, out, options, *more = case
    path = save(tmp_path / "m.tflite", kind, MAP, constants, out, options, **(more[0] if more else {}))
    assert prove(TfliteModule(path), [torch.from_numpy(floats(3, 6, 8, 10))]) == "LiteRT"


def test_a_linear_layer_reads_a_map_in_the_files_order(tmp_path):
    options = ("FullyConnectedOptions", {"fusedActivationFunction": 1})
    path = save(tmp_path / "m.tflite", "FULLY_CONNECTED", MAP, [floats(4, 480), floats(4)], (1, 4), options)
    module = TfliteModule(path)
    assert prove(module, [torch.from_numpy(floats(2, 6, 8, 10))]) == "LiteRT"
    assert [name for name, _ in module.named_parameters()] == [
        "net.FULLY_CONNECTED.y0.weight",
        "net.FULLY_CONNECTED.y0.bias",
    ]


def recurrent(path, kind, ways, time_major=False):
    """A layer over 5 steps of 4 numbers, with 3 in its state, as the file has it: optional operands that are left out,
    and states that it keeps."""
    shape, size = ((5, 1, 4) if time_major else (1, 5, 4)), 3
    is_lstm = kind.endswith("LSTM")
    gates, states = (4, 2) if is_lstm else (1, 1)
    weights = [[floats(size, n) for _ in range(gates)] for n in (4, size)]
    weights.append([floats(size) for _ in range(gates)])
    parts = [array for _ in range(ways) for group in weights for array in group]
    parts += [np.zeros((1, size), np.float32)] * (states * ways)

    def arrange(model):
        [graph] = model.subgraphs
        [operator] = graph.operators
        for tensor in graph.tensors[1 + len(parts) - states * ways : 1 + len(parts)]:
            tensor.isVariable, tensor.buffer = True, 0
        if is_lstm:
            x, *rest = operator.inputs
            inputs = [x]
            for way in range(ways):
                one = rest[12 * way : 12 * way + 12]
                inputs += [*one[:8], -1, -1, -1, *one[8:], -1, -1]
            operator.inputs = [*inputs, *rest[12 * ways :], *[-1] * (4 if ways == 1 else 9)]

    settings = {"fusedActivationFunction": 4, "timeMajor": time_major} | ({"mergeOutputs": True} if ways == 2 else {})
    names = {"RNN": "SequenceRNN", "LSTM": "UnidirectionalSequenceLSTM" if ways == 1 else "BidirectionalSequenceLSTM"}
    options = (f"{names[kind.rpartition('_')[2]]}Options", settings)
    return save(path, kind, shape, parts, (*shape[:2], size * ways), options, change=arrange)


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize(
    ("kind", "ways"),
    [("UNIDIRECTIONAL_SEQUENCE_LSTM", 1), ("BIDIRECTIONAL_SEQUENCE_LSTM", 2), ("UNIDIRECTIONAL_SEQUENCE_RNN", 1)],
)
def test_a_recurrent_layer_computes_what_litert_computes_from_states_of_0(tmp_path, kind, ways, time_major):
    module = TfliteModule(recurrent(tmp_path / "m.tflite", kind, ways, time_major))
    x = torch.from_numpy(floats(40, *next(iter(module.input_shapes.values()))))
    assert prove(module, [x]) == "LiteRT"
    assert "weight_ih_l0" in next(name for name, _ in module.named_parameters())
    convert(prepare(module, x, name="net"))


def test_a_bias_that_names_a_dimension_of_its_weight_is_read_by_its_own(tmp_path):
    def damage(model):
        bias = model.subgraphs[0].tensors[2]
        bias.quantization = schema.QuantizationParametersT()
        bias.quantization.scale, bias.quantization.zeroPoint = [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0]
        bias.quantization.quantizedDimension = 3

    bias = ints(10, -20, 30, -40)
    path = save(
        tmp_path / "m.tflite", "FULLY_CONNECTED", (1, 6), [floats(4, 6), bias], (1, 4), ("FullyConnectedOptions", {}),
        change=damage,
    )  # fmt: skip
    read = dict(TfliteModule(path).named_parameters())["net.FULLY_CONNECTED.y0.bias"]
    np.testing.assert_allclose(read, [1, -4, 9, -16], rtol=1e-6)


def test_an_input_of_any_size_is_told(tmp_path):
    def loosen(model):
        model.subgraphs[0].tensors[0].shapeSignature = [-1, -1, -1, 6]

    path = save(tmp_path / "m.tflite", "TANH", MAP, change=loosen)
    with pytest.raises(ModelFileError, match=r"its input 'x' is of any size, \(\?, \?, \?, 6\); convert it for one"):
        TfliteModule(path)


def test_slopes_of_a_sequence_belong_to_its_channels(tmp_path):
    path = save(tmp_path / "m.tflite", "PRELU", (1, 6, 6), [floats(6)], (1, 6, 6))
    assert prove(TfliteModule(path), [torch.from_numpy(floats(3, 6, 6))]) == "LiteRT"


def test_a_changed_weight_is_caught_by_the_proof(tmp_path):
    path = save(
        tmp_path / "m.tflite", "CONV_2D", MAP, [floats(4, 3, 3, 6), floats(4)], (1, 8, 10, 4), window("Conv2DOptions")
    )
    module = TfliteModule(path)
    next(module.parameters()).data[0, 0, 0, 0] += 0.1
    with pytest.raises(ModelFileError, match="something else here than in LiteRT"):
        prove(module, [torch.from_numpy(floats(2, 6, 8, 10))])


FILES = ["ad01", "ic_resnet8", "ic_resnet_large", "kws_dscnn", "vww_96"]


@pytest.mark.parametrize("form", ["float", "int8"])
@pytest.mark.parametrize("name", FILES)
def test_mlperf_tinys_files_are_what_litert_says(data_folder, name, form):
    module = TfliteModule(data_folder / "models" / "mlperf_tiny" / "tflite" / f"{name}_{form}.tflite")
    [shape] = module.input_shapes.values()
    x = RNG.uniform(0, 255 if name.startswith("ic") else 1, (3, *shape)).astype(np.float32)
    assert prove(module, [torch.from_numpy(x)]) == "LiteRT"


def test_what_is_missing_is_told_by_name(tmp_path):
    path = save(
        tmp_path / "m.tflite", "REDUCE_PROD", MAP, [ints(1)], (1, 10, 6), ("ReducerOptions", {"keepDims": False})
    )
    with pytest.raises(UnsupportedError, match="the TFLite operator REDUCE_PROD is not supported"):
        TfliteModule(path)


@pytest.mark.parametrize("outputs", [[], [7], [-1]])
def test_an_operation_makes_tensors_of_the_file(tmp_path, outputs):
    def damage(model):
        [graph] = model.subgraphs
        graph.operators[0].outputs, graph.outputs = outputs, [0]

    path = save(tmp_path / "m.tflite", "TANH", MAP, change=damage)
    with pytest.raises(ModelFileError, match="a TANH makes a tensor that is not there, or none"):
        TfliteModule(path)


def test_broken_files_are_told_in_one_sentence(tmp_path):
    good = save(tmp_path / "good.tflite", "TANH", MAP).read_bytes()
    files = {
        "empty": b"", "text": b"hello, world", "cut": good[: len(good) // 2], "head": good[:8],
        "noise": b"\x1c\x00\x00\x00TFL3" + bytes(RNG.integers(0, 256, 2000, np.uint8)),
        "zip": b"PK\x03\x04" + bytes(90),
    }  # fmt: skip
    for name, data in files.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        with pytest.raises((ModelFileError, UnsupportedError)) as caught:
            TfliteModule(path)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
