"""ONNX files become torch modules that compute what the file says. Judge: onnxruntime, which shares no code with us."""

from __future__ import annotations

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from mixcomp_edge import convert  # noqa: E402
from mixcomp_edge.errors import ModelFileError, TaskError, UnsupportedError  # noqa: E402
from mixcomp_edge.frontend.onnx import OnnxModule, prove  # noqa: E402
from mixcomp_edge.train.quantized_model import prepare  # noqa: E402
from mixcomp_edge.train.tasks.files import task_of  # noqa: E402
from mixcomp_edge.train.tasks.source import Source  # noqa: E402

RNG = np.random.default_rng(0)
IMAGE = (2, 6, 8, 10)
OPSET = 17


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def save(path, nodes, constants=(), shape=IMAGE, opset=OPSET, outputs=("y",), kind=TensorProto.FLOAT):
    """A file of nodes that read x and the constants and make y."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(constants).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def node(kind, *inputs, out="y", **attributes):
    return helper.make_node(kind, inputs, [out] if isinstance(out, str) else out, name=f"the_{kind}", **attributes)


def judged(path, x):
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


CASES = [  # kind, attributes, constants, opset
    ("Conv", {"pads": [1, 0, 2, 1], "strides": [2, 1]}, {"w": floats(4, 6, 3, 3), "b": floats(4)}, 17),
    ("Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 3]}, {"w": floats(4, 6, 3, 4)}, 17),
    ("Conv", {"auto_pad": "SAME_LOWER", "group": 3}, {"w": floats(6, 2, 2, 2)}, 17),
    ("ConvTranspose", {"strides": [2, 2], "pads": [1, 1, 1, 1]}, {"w": floats(6, 4, 3, 3), "b": floats(4)}, 17),
    ("ConvTranspose", {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, {"w": floats(6, 4, 3, 3)}, 17),
    ("ConvTranspose", {"strides": [2, 2], "output_padding": [1, 0], "group": 2}, {"w": floats(6, 2, 3, 3)}, 17),
    ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, {}, 17),
    ("MaxPool", {"kernel_shape": [2, 3], "auto_pad": "SAME_UPPER"}, {}, 17),
    ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, {}, 17),
    ("AveragePool", {"kernel_shape": [3, 3], "pads": [0, 1, 2, 1]}, {}, 17),
    ("AveragePool", {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, {}, 17),
    ("GlobalMaxPool", {}, {}, 17),
    ("BatchNormalization", {"epsilon": 1e-3},
     {"g": floats(6), "b": floats(6), "m": floats(6), "v": floats(6) ** 2}, 17),
    ("InstanceNormalization", {}, {"g": floats(6), "b": floats(6)}, 17),
    ("LayerNormalization", {"axis": -2}, {"g": floats(8, 10), "b": floats(8, 10)}, 17),
    ("LRN", {"size": 3}, {}, 17),
    ("MatMul", {}, {"w": floats(10, 3)}, 17),
    ("Clip", {}, {"low": np.float32(-0.5), "high": np.float32(0.25)}, 17),
    ("Clip", {"min": 0.0, "max": 6.0}, {}, 10),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}, {}, 17),
    ("PRelu", {}, {"s": floats(6, 1, 1)}, 17),
    ("Softmax", {}, {}, 17),
    ("Softmax", {"axis": 1}, {}, 11),
    ("LogSoftmax", {"axis": 1}, {}, 17),
    ("Mul", {}, {"c": floats(6, 1, 1)}, 17),
    ("Pow", {}, {"c": np.float32(2.0)}, 17),
    ("Max", {}, {"c": floats(10)}, 17),
    ("Flatten", {"axis": 1}, {}, 17),
    ("Reshape", {}, {"s": np.array([0, 3, -1])}, 17),
    ("Transpose", {"perm": [0, 2, 3, 1]}, {}, 17),
    ("Unsqueeze", {}, {"a": np.array([1, 4])}, 17),
    ("Pad", {"mode": "reflect"}, {"p": np.array([0, 0, 1, 2, 0, 0, 3, 0])}, 17),
    ("Pad", {}, {"p": np.array([0, 1, 0, 0, 0, 2, 0, 3]), "v": np.float32(1.5)}, 17),
    ("Slice", {},
     {"b": np.array([1, -9]), "e": np.array([5, 1 << 40]), "a": np.array([1, 3]), "s": np.array([2, 3])}, 17),
    ("Slice", {"starts": [2], "ends": [7], "axes": [2]}, {}, 9),
    ("Gather", {"axis": 1}, {"i": np.array([5, 0, -1])}, 17),
    ("Gather", {"axis": 2}, {"i": np.array(3)}, 17),
    ("Gather", {"axis": -2}, {"i": np.array([[0, 2, 7], [1, -1, 2]])}, 17),
    ("Expand", {}, {"s": np.array([1, 6, 8, 10])}, 17),
    ("Concat", {"axis": 1}, {"c": floats(2, 3, 8, 10)}, 17),
    ("SpaceToDepth", {"blocksize": 2}, {}, 17),
    ("ReduceMean", {"axes": [1], "keepdims": 0}, {}, 17),
    ("ReduceMean", {}, {"a": np.array([2, 3])}, 18),
    ("ReduceL2", {"axes": [1, 3]}, {}, 17),
    ("ReduceMax", {"axes": [-1]}, {}, 17),
    ("Resize", {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
     {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 3], np.float32)}, 17),
    ("Resize", {"mode": "nearest"}, {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 2], np.float32)}, 17),
    ("Resize", {"mode": "linear"},
     {"r": np.zeros(0, np.float32), "e": np.zeros(0, np.float32), "s": np.array([2, 6, 5, 25])}, 17),
    ("Resize", {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
     {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 2], np.float32)}, 17),
    ("Upsample", {}, {"s": np.array([1, 1, 2, 2], np.float32)}, 9),
    ("ReduceL1", {"axes": [1, 3]}, {}, 17),
    ("ReduceLogSumExp", {"axes": [2], "keepdims": 0}, {}, 17),
    ("LpNormalization", {"axis": 1}, {}, 17),
    ("Einsum", {"equation": "n c h w, wd -> n c h d"}, {"w": floats(10, 3)}, 17),
    ("Mean", {}, {"c": floats(6, 1, 1), "d": floats(10)}, 17),
    ("Atan", {}, {}, 17),
    ("Asinh", {}, {}, 17),
    ("Mod", {"fmod": 1}, {"m": np.array(0.7, np.float32)}, 17),
    *((kind, {}, {}, 20) for kind in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Mish", "Softplus", "Gelu", "Elu", "Selu",
                                      "LeakyRelu", "Erf", "Exp", "Abs", "Neg", "Identity")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "attributes", "constants", "opset"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_an_operator_computes_what_onnxruntime_computes(tmp_path, kind, attributes, constants, opset):
    path = save(tmp_path / "m.onnx", [node(kind, "x", *constants, **attributes)], constants, opset=opset)
    x = floats(*IMAGE)
    with torch.no_grad():
        got = OnnxModule(path)(torch.from_numpy(x)).numpy()
    [expected] = judged(path, x)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_channels_become_positions_in_either_order(tmp_path, mode):
    path = save(tmp_path / "m.onnx", [node("DepthToSpace", "x", blocksize=2, mode=mode)], shape=(1, 8, 3, 2))
    x = floats(1, 8, 3, 2)
    np.testing.assert_array_equal(OnnxModule(path)(torch.from_numpy(x)).numpy(), judged(path, x)[0])


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_takes_its_factors_into_weights_and_bias(tmp_path, transposed):
    weight = floats(5, 7) if transposed else floats(7, 5)
    gemm = node("Gemm", "x", "w", "b", alpha=0.5, beta=2.0, transB=transposed)
    path = save(tmp_path / "m.onnx", [gemm], {"w": weight, "b": floats(5)}, shape=(3, 7))
    x = floats(3, 7)
    module = OnnxModule(path)
    np.testing.assert_allclose(module(torch.from_numpy(x)).numpy(), judged(path, x)[0], rtol=1e-5, atol=1e-5)
    assert {name: tuple(value.shape) for name, value in module.named_parameters()} == {
        "the_Gemm.weight": (5, 7),
        "the_Gemm.bias": (5,),
    }


def flattened():
    """Shape, Gather and Concat, as exporters write view(x.shape[0], -1)."""
    return [
        node("Shape", "x", out="shape"),
        node("Gather", "shape", "zero", out="n"),
        node("Unsqueeze", "n", "zeros", out="n1"),
        node("Concat", "n1", "rest", out="target", axis=0),
        node("Reshape", "x", "target"),
    ], {"zero": np.array(0), "zeros": np.array([0]), "rest": np.array([-1])}


def test_shape_arithmetic_follows_the_number_of_samples(tmp_path):
    nodes, constants = flattened()
    module = OnnxModule(save(tmp_path / "m.onnx", nodes, constants, shape=(1, 6, 8, 10)))
    assert module(torch.zeros(5, 6, 8, 10)).shape == (5, 480)


@pytest.mark.parametrize("target", [[1, -1], [1, 480], [1, 2, 3, 80]])
def test_a_batch_that_is_frozen_into_the_file_gives_way(tmp_path, target):
    path = save(tmp_path / "m.onnx", [node("Reshape", "x", "s")], {"s": np.array(target)}, shape=(1, 6, 8, 10))
    x = floats(3, 6, 8, 10)
    got = OnnxModule(path)(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(got, np.concatenate([judged(path, one[None])[0] for one in x]))


def test_layers_keep_the_names_of_the_files_weights(tmp_path):
    nodes = [
        node("Conv", "x", "stage.0.conv.weight", out="a"),
        helper.make_node("Conv", ["a", "onnx::Conv_7"], ["b"], name="/stage/1/conv/Conv"),
        node("Relu", "b"),
    ]
    constants = {"stage.0.conv.weight": floats(4, 6, 1, 1), "onnx::Conv_7": floats(2, 4, 1, 1)}
    module = OnnxModule(save(tmp_path / "m.onnx", nodes, constants))
    assert [name for name, _ in module.named_parameters()] == ["stage.0.conv.weight", "stage.1.conv.weight"]


def test_two_nodes_of_one_name_are_two_layers(tmp_path):
    nodes = [node("Conv", "x", "w", out="a"), node("Conv", "a", "w")]
    module = OnnxModule(save(tmp_path / "m.onnx", nodes, {"w": floats(6, 6, 1, 1)}))
    assert [name for name, _ in module.named_parameters()] == ["the_Conv.weight", "the_Conv_1.weight"]


def test_all_that_is_missing_is_told_at_once(tmp_path):
    nodes = [node("Det", "x", out="a"), node("NonZero", "a", out="b"), node("Det", "b")]
    with pytest.raises(UnsupportedError) as caught:
        OnnxModule(save(tmp_path / "m.onnx", nodes))
    assert {(missing.operator, missing.count) for missing in caught.value.missing} == {("det", 2), ("nonzero", 1)}


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Gemm", "x", "x", "x")], "a second operand that is computed"),
        ([node("MaxPool", "x", kernel_shape=[2, 2], out=["y", "i"])], "indices"),
        ([node("Dropout", "x", out=["y", "mask"])], "more than its first result"),
        ([node("Cast", "x", to=7)], "a type that is no float"),
    ],
)
def test_a_setting_without_counterpart_is_refused_by_name(tmp_path, nodes, message):
    with pytest.raises(UnsupportedError, match=message):
        OnnxModule(save(tmp_path / "m.onnx", nodes))


def test_integers_are_moved_and_cast_but_arithmetic_on_them_is_refused(tmp_path):
    """In the file's integers 7 / 2 is 3, and 200 + 100 is 44."""
    moved = [node("Transpose", "x", perm=[0, 2, 3, 1], out="a"), node("MaxPool", "a", kernel_shape=[2, 2], out="b")]
    cast = [node("Cast", "b", to=1, out="c"), node("Div", "c", "w")]
    x = np.random.default_rng(0).integers(0, 256, IMAGE).astype(np.uint8)
    path = save(tmp_path / "m.onnx", [*moved, *cast], {"w": np.float32(3.0)}, kind=TensorProto.UINT8)
    np.testing.assert_allclose(OnnxModule(path)(torch.from_numpy(x).float()).numpy(), judged(path, x)[0], rtol=1e-6)
    for kind in ("Div", "Add", "Neg", "AveragePool"):
        operands = ("b", "w") if kind in ("Div", "Add") else ("b",)
        last = node(kind, *operands, **({"kernel_shape": [2, 2]} if kind == "AveragePool" else {}))
        path = save(tmp_path / "m.onnx", [*moved, last], {"w": np.uint8(3)}, kind=TensorProto.UINT8)
        with pytest.raises(UnsupportedError, match=f"the ONNX operator {kind} on integers.*cast them to float"):
            OnnxModule(path)


def classifier_of_words(path, kind=TensorProto.INT64):
    """The mean of six words' rows, and two classes of it."""
    constants = {"table": floats(20, 8), "w": floats(8, 2)}
    nodes = [
        node("Gather", "table", "x", out="words"),
        node("ReduceMean", "words", out="mean", axes=[1], keepdims=0),
        node("MatMul", "mean", "w"),
    ]
    return save(path, nodes, constants, shape=("n", 6), kind=kind)


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32])
def test_tokens_of_a_file_stay_integers_and_pick_rows(tmp_path, kind):
    file = classifier_of_words(tmp_path / "words.onnx", kind)
    module, x = OnnxModule(file), torch.from_numpy(RNG.integers(0, 20, (5, 6)))
    [expected] = judged(file, x.numpy().astype(helper.tensor_dtype_to_np_dtype(kind)))
    np.testing.assert_allclose(module(x).numpy(), expected, atol=1e-5)
    assert prove(module, [x]) == "onnxruntime"
    [tokens] = convert(prepare(module, x, name="words")).graph.inputs
    assert (tokens.type.dtype, tokens.shape) == ("u8", (6,))


def test_a_file_of_tokens_is_calibrated_on_its_data(tmp_path):
    file = classifier_of_words(tmp_path / "words.onnx")
    with pytest.raises(TaskError, match=r"takes tokens.*Give --data"):
        task_of(file, Source())
    x = RNG.integers(0, 20, (60, 6))
    np.savez(tmp_path / "words.npz", x=x, y=x[:, 0] % 2)
    task = task_of(file, Source(data=tmp_path / "words.npz"))
    assert task.calibration.dtype == torch.int64
    with pytest.raises(TaskError, match=r"takes tokens.*--scale"):
        task_of(file, Source(data=tmp_path / "words.npz", scale=0.5))


def test_a_file_that_was_computed_otherwise_is_caught_by_the_proof(tmp_path):
    module = OnnxModule(
        save(tmp_path / "m.onnx", [node("Conv", "x", "w", out="a"), node("Tanh", "a")], {"w": floats(4, 6, 3, 3)})
    )
    assert prove(module, [torch.randn(5, 6, 8, 10)]) == "onnxruntime"
    module.get_submodule("the_Conv").weight.data[0, 0, 0, 0] += 0.1
    with pytest.raises(
        ModelFileError, match=r"node 'the_Conv' \(Conv\) computes something else here than in onnxruntime"
    ):
        prove(module, [torch.randn(5, 6, 8, 10)])


def test_a_quantized_file_stands_for_real_numbers(tmp_path):
    """A layer between pairs that round: its weights come as integers, values are rounded in the file alone."""
    codes = RNG.integers(-8, 8, (4, 6, 3, 3)).astype(np.int8)
    scales = RNG.uniform(0.05, 0.1, 4).astype(np.float32)
    constants = {
        "xs": np.float32(0.03), "xz": np.uint8(128), "wq": codes, "ws": scales, "wz": np.zeros(4, np.int8),
        "b": floats(4), "ys": np.float32(0.1), "yz": np.uint8(100),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", "x", "xs", "xz", out="xq"),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"], name="back"),
        helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["w"], name="weights", axis=0),
        node("Conv", "xd", "w", "b", out="a"),
        helper.make_node("QuantizeLinear", ["a", "ys", "yz"], ["aq"], name="round"),
        helper.make_node("DequantizeLinear", ["aq", "ys", "yz"], ["y"], name="last"),
    ]
    module = OnnxModule(save(tmp_path / "m.onnx", nodes, constants))
    assert module.is_rounded
    x = floats(*IMAGE)
    weight = torch.from_numpy(codes * scales[:, None, None, None])
    expected = torch.nn.functional.conv2d(torch.from_numpy(x), weight, torch.from_numpy(constants["b"]))
    torch.testing.assert_close(module(torch.from_numpy(x)), expected, atol=1e-4, rtol=1e-4)
    assert prove(module, [torch.from_numpy(x)]) == "onnxruntime"
    module.get_submodule("the_Conv").weight.data.neg_()
    with pytest.raises(ModelFileError, match="something else here than in onnxruntime"):
        prove(module, [torch.from_numpy(x)])


def broken(tmp_path):
    """Name -> file that is no sound ONNX file."""
    good = save(tmp_path / "good.onnx", [node("Relu", "x")]).read_bytes()
    files = {
        "empty": b"",
        "text": b"not a model",
        "cut": good[: len(good) // 2],
        "noise": bytes(RNG.integers(0, 256, 4000, np.uint8)),
        "zip": b"PK\x03\x04" + bytes(100),
        "pickle": b"\x80\x04\x95" + bytes(50),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)
    weights = numpy_helper.from_array(floats(4, 6, 1, 1), "w")
    outside = TensorProto()
    outside.CopyFrom(weights)
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="../../secret.bin")
    graph = onnx.load(tmp_path / "good.onnx").graph
    graph.initializer.append(outside)
    for name, change in (("outside", None), ("huge", [1 << 40, 1 << 40]), ("short", [4, 6, 5, 5])):
        tensor = TensorProto()
        tensor.CopyFrom(outside if change is None else weights)
        if change is not None:
            del tensor.dims[:]
            tensor.dims.extend(change)
        model = helper.make_model(helper.make_graph(
            [node("Conv", "x", "w")], "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [tensor],
        ), opset_imports=[helper.make_opsetid("", OPSET)])  # fmt: skip
        (tmp_path / f"{name}.onnx").write_bytes(model.SerializeToString())
    cyclic = helper.make_model(helper.make_graph(
        [node("Add", "x", "b", out="a"), node("Relu", "a", out="b"), node("Relu", "b")], "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    ), opset_imports=[helper.make_opsetid("", OPSET)])  # fmt: skip
    (tmp_path / "cyclic.onnx").write_bytes(cyclic.SerializeToString())
    save(tmp_path / "old.onnx", [node("Relu", "x")], opset=6)
    save(tmp_path / "open.onnx", [node("Relu", "x")], shape=("n", 3, "h", "w"))
    save(tmp_path / "wrong.onnx", [node("Reshape", "x", "s")], {"s": np.array([2, 7])})
    (tmp_path / "folder.onnx").mkdir()
    return sorted(path for path in tmp_path.glob("*.onnx") if path.stem != "good")


def test_broken_files_are_told_in_one_sentence(tmp_path):
    files = broken(tmp_path)
    assert len(files) == 14
    for path in files:
        with pytest.raises((ModelFileError, UnsupportedError)) as caught:
            OnnxModule(path)
        assert "\n" not in str(caught.value)
        assert path.stem in str(caught.value)


def test_an_input_without_a_dimension_of_its_own_is_told(tmp_path):
    with pytest.raises(ModelFileError, match=r"has one dimension, taken for the samples.*second one: \(N, 1\)"):
        OnnxModule(save(tmp_path / "m.onnx", [node("Relu", "x")], shape=(5,)))


@pytest.mark.parametrize("opset", [9, 17])
def test_factors_of_a_resize_are_no_weights(tmp_path, opset):
    """Exported with the module, they would be data that its shapes depend on."""
    factors = np.array([1, 1, 2, 3], np.float32)
    nodes, constants = [node("Conv", "x", "w", out="a")], {"w": floats(4, 6, 3, 3), "s": factors}
    if opset == 9:
        nodes.append(node("Upsample", "a", "s"))
    else:
        nodes.append(node("Resize", "a", "", "s", coordinate_transformation_mode="asymmetric", nearest_mode="floor"))
    module = OnnxModule(save(tmp_path / "m.onnx", nodes, constants, opset=opset))
    quantized = prepare(module, torch.randn(4, *IMAGE[1:]))
    with torch.no_grad():
        assert quantized(torch.randn(2, *IMAGE[1:])).shape == (2, 4, 12, 24)


def test_layers_take_the_place_of_their_module_in_torchs_names(tmp_path):
    """As TorchScript's exporter writes scopes: a padding beside its layer, modules within lists."""
    nodes = [
        helper.make_node("Pad", ["x", "p"], ["a"], name="/layer1/layer1.0/conv/Pad"),
        helper.make_node("Conv", ["a", "w"], ["b"], name="/layer1/layer1.0/conv/Conv"),
        helper.make_node("Relu", ["b"], ["c"], name="/layer1/layer1.0/Relu"),
        helper.make_node("Conv", ["c", "v"], ["d"], name="/layer1/layer1.1/conv/Conv"),
        helper.make_node("Relu", ["d"], ["y"], name="/layer1/layer1.1/relu/Relu"),
    ]
    constants = {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "w": floats(6, 6, 3, 3), "v": floats(4, 6, 1, 1)}
    module = OnnxModule(save(tmp_path / "m.onnx", nodes, constants))
    assert [place for _, place in module.plan] == [
        "layer1.0.conv_pad", "layer1.0.conv", "layer1.0_relu", "layer1.1.conv", "layer1.1.relu"
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"])
def test_a_choice_by_comparison_becomes_one_function(tmp_path, kind):
    nodes = [node("Conv", "x", "w", out="a"), node(kind, "a", "c", out="m"), node("Where", "m", "d", "a")]
    constants = {"w": floats(4, 6, 3, 3), "c": np.float32(0.5), "d": np.float32(-1.0)}
    path = save(tmp_path / "m.onnx", nodes, constants)
    x = floats(*IMAGE)
    module = OnnxModule(path)
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.from_numpy(x)).numpy(), judged(path, x)[0], rtol=1e-4, atol=1e-5)
        prepared = prepare(module, torch.from_numpy(x))
    assert [n.op for n in prepared.graph.nodes] == ["input", "conv2d", "lookup"]
