"""Model and data files with one thing wrong each, as an accident or somebody unkind makes them. A case is a function
that writes into a folder and returns the words of the command: the model and its options."""

from __future__ import annotations

import io
import pickle
import struct
import wave
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Case = Callable[[Path], list[Any]]
CASES: dict[str, Case] = {}
RNG = np.random.default_rng(0)
IMAGE = (3, 8, 6)
GIANT = 1 << 20
FLOAT = TensorProto.FLOAT


# Models in ONNX


def node(kind: str, *inputs: str, out: str = "y", **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, [out], name=f"the_{kind}", **attributes)


def network(
    nodes: list[Any], constants: dict[str, Any] | None = None, shape: Any = ("n", *IMAGE), opset: int = 17, **more: Any
) -> Any:
    """A ModelProto of nodes that read x and the constants and make y."""
    tensors = [v if isinstance(v, TensorProto) else numpy_helper.from_array(np.asarray(v), k)
               for k, v in (constants or {}).items()]  # fmt: skip
    kind = more.pop("type", FLOAT)
    x, y = helper.make_tensor_value_info("x", kind, shape), helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10, **more)


def onnx_file(folder: Path, model: Any) -> list[Any]:
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return [path, "--no-data"]


def onnx_case(name: str, make: Callable[[], Any]) -> None:
    CASES[f"onnx_{name}"] = lambda folder: onnx_file(folder, make())


def relu() -> Any:
    return network([node("Relu", "x")])


def tensor(shape: list[int], data: bytes = b"", **fields: Any) -> TensorProto:
    made = TensorProto(name="w", data_type=FLOAT, raw_data=data, **fields)
    made.dims.extend(shape)
    return made


def outside(place: str) -> Any:
    """Weights in another file."""
    made = TensorProto(name="w", data_type=FLOAT, data_location=TensorProto.EXTERNAL)
    made.dims.extend([4, 3, 1, 1])
    made.external_data.add(key="location", value=place)
    return network([node("Conv", "x", "w")], {"w": made})


def grown(kind: str, **attributes: Any) -> Callable[..., Any]:
    """A network that adds to its input what one operation makes of small constants."""
    return lambda **constants: network(
        [node(kind, *constants, out="c", **attributes), node("Add", "x", "c")], constants
    )


def functions(calls: list[list[str]]) -> Any:
    """Functions f0, f1, … that call others, the network f0."""
    made = [
        helper.make_function(
            "own", f"f{i}", ["a"], ["b"],
            [helper.make_node(f, ["a" if k == 0 else f"v{k}"], ["b" if k == len(names) - 1 else f"v{k + 1}"],
                              domain="own" if f.startswith("f") else "") for k, f in enumerate(names)],
            [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)],
        )
        for i, names in enumerate(calls)
    ]  # fmt: skip
    model = network([helper.make_node("f0", ["x"], ["y"], domain="own")], functions=made)
    model.opset_import.append(helper.make_opsetid("own", 1))
    return model


def endless() -> Any:
    """A loop of 2^60 rounds over constants."""
    body = helper.make_graph(
        [node("Identity", "going", out="on"), node("Add", "v", "v", out="w")], "body",
        [helper.make_tensor_value_info(n, t, []) for n, t in (("i", 7), ("going", 9), ("v", FLOAT))],
        [helper.make_tensor_value_info(n, t, []) for n, t in (("on", 9), ("w", FLOAT))],
    )  # fmt: skip
    constants = {"rounds": np.array(1 << 60), "yes": np.array(True), "v0": np.float32(0)}
    return network([node("Loop", *constants, out="c", body=body), node("Add", "x", "c")], constants)


def copied(change: Callable[[Any], Any]) -> Any:
    model = relu()
    change(model)
    return model


for _name, _make in {
    "empty": lambda: b"",
    "text": lambda: b"not a model\n",
    "cut": lambda: network([node("MatMul", "x", "w")], {"w": np.ones((6, 400), np.float32)}).SerializeToString()[:4000],
    "noise": lambda: RNG.bytes(4000),
    "zip": lambda: b"PK\x03\x04" + bytes(100),
    "pickle": lambda: pickle.dumps({"weights": [1.0]}),
    "html": lambda: b"<!DOCTYPE html><html><body>404: Not Found</body></html>",
    "git_lfs": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "old_opset": lambda: network([node("Relu", "x")], opset=6),
    "opset_of_the_future": lambda: network([node("Relu", "x")], opset=9999),
    "no_opset": lambda: copied(lambda m: m.ClearField("opset_import")),
    "no_graph": lambda: copied(lambda m: m.ClearField("graph")),
    "no_nodes": lambda: copied(lambda m: m.graph.ClearField("node")),
    "no_input": lambda: copied(lambda m: m.graph.ClearField("input")),
    "no_output": lambda: copied(lambda m: m.graph.ClearField("output")),
    "cyclic": lambda: network([node("Add", "x", "b", out="a"), node("Relu", "a", out="b"), node("Relu", "b")]),
    "made_twice": lambda: network([node("Relu", "x"), node("Abs", "x")]),
    "its_own_input": lambda: network([node("Relu", "y")]),
    "input_of_text": lambda: network([node("Identity", "x")], type=TensorProto.STRING),
    "input_of_tokens": lambda: network([node("Gather", "w", "x")], {"w": np.ones((9, 4), np.float32)},
                                       shape=("n", 5), type=TensorProto.INT64),
    "input_without_shape": lambda: network([node("Relu", "x")], shape=None),
    "input_of_no_size": lambda: network([node("Relu", "x")], shape=("n", 3, "h", "w")),
    "giant_input": lambda: network([node("Relu", "x")], shape=(1, 3, GIANT, GIANT)),
    "giant_batch": lambda: network([node("Relu", "x")], shape=(1 << 33, *IMAGE)),
    "weights_outside": lambda: outside("../../secret.bin"),
    "weights_anywhere": lambda: outside("/etc/passwd"),
    "weights_missing": lambda: outside("weights.bin"),
    "giant_weights": lambda: network([node("Conv", "x", "w")], {"w": tensor([1 << 40, 1 << 40])}),
    "weights_of_negative_size": lambda: network([node("Conv", "x", "w")], {"w": tensor([-2, 3, 1, 1], bytes(24))}),
    "short_weights": lambda: network([node("Conv", "x", "w")], {"w": tensor([4, 3, 5, 5], bytes(8))}),
    "weights_of_text": lambda: network([node("Conv", "x", "w")], {"w": np.array(["a", "b"])}),
    "weights_that_are_nan": lambda: network([node("Conv", "x", "w")], {"w": np.full((4, 3, 1, 1), np.nan, np.float32)}),
    "weights_that_do_not_fit": lambda: network([node("Conv", "x", "w")], {"w": np.ones((4, 5, 1, 1), np.float32)}),
    "no_weights": lambda: network([node("Conv", "x")]),
    "steps_of_zero": lambda: network([node("MaxPool", "x", kernel_shape=[2, 2], strides=[0, 0])]),
    "kernel_of_text": lambda: network([node("MaxPool", "x", kernel_shape=["2", "2"])]),
    "negative_kernel": lambda: network([node("MaxPool", "x", kernel_shape=[-2, 2])]),
    "axis_out_of_range": lambda: network([node("Softmax", "x", axis=9)]),
    "shape_that_does_not_fit": lambda: network([node("Reshape", "x", "s")], {"s": np.array([2, 7])}),
    "index_out_of_range": lambda: network([node("Gather", "x", "i", axis=1)], {"i": np.array([99])}),
    "grown_by_constant": lambda: grown("ConstantOfShape")(s=np.array([GIANT, GIANT])),
    "grown_by_expand": lambda: grown("Expand")(a=np.float32(1), s=np.array([GIANT, GIANT])),
    "grown_by_tile": lambda: grown("Tile")(a=np.ones((2, 2), np.float32), s=np.array([GIANT, GIANT])),
    "grown_by_range": lambda: grown("Range")(i=np.array(0), j=np.array(1 << 50), k=np.array(1)),
    "grown_by_product": lambda: grown("Mul")(a=np.ones((1 << 17, 1), np.float32), b=np.ones((1, 1 << 17), np.float32)),
    "grown_by_padding": lambda: network([node("Pad", "x", "p")], {"p": np.array([0, 0, 0, 0, 0, 0, GIANT, GIANT])}),
    "grown_by_resize": lambda: network([node("Resize", "x", "", "s", mode="nearest")],
                                       {"s": np.array([1, 1, 1e6, 1e6], np.float32)}),
    "grown_by_strides": lambda: network([node("ConvTranspose", "x", "w", strides=[GIANT, GIANT])],
                                        {"w": np.ones((3, 4, 2, 2), np.float32)}),
    "grown_step_by_step": lambda: network(
        [node("Concat", *["x" if k == 0 else f"v{k}"] * 8, out="y" if k == 11 else f"v{k + 1}", axis=1)
         for k in range(12)]),
    "endless_loop": endless,
    "function_calls_itself": lambda: functions([["f1"], ["f0"]]),
    "functions_that_double": lambda: functions([[f"f{i + 1}"] * 8 for i in range(20)] + [["Relu"]]),
    "twenty_thousand_nodes": lambda: network(
        [helper.make_node("Relu", ["x" if k == 0 else f"v{k}"], ["y" if k == 20_000 else f"v{k + 1}"])
         for k in range(20_001)]),
    "long_name": lambda: network([helper.make_node("Det", ["x"], ["y"], name="n" * 1_000_000)]),
    "name_that_clears_the_screen": lambda: network([helper.make_node("Det", ["x"], ["y"], name="\x1b[2J\x1b[31m\n\n")]),
    "unknown_domain": lambda: network([helper.make_node("Frobnicate", ["x"], ["y"], domain="com.example")]),
}.items():  # fmt: skip
    onnx_case(_name, _make)


# Models in TensorFlow Lite


def tflite_case(name: str, change: Callable[[Any], None], kind: str = "TANH", **more: Any) -> None:
    def make(folder: Path) -> list[Any]:
        from support.tflite_files import MAP, save

        return [save(folder / "model.tflite", kind, MAP, change=change, **more), "--no-data"]

    CASES[f"tflite_{name}"] = make


def tflite_bytes(name: str, change: Callable[[bytes], bytes]) -> None:
    def make(folder: Path) -> list[Any]:
        from support.tflite_files import MAP, save

        path = save(folder / "model.tflite", "TANH", MAP)
        path.write_bytes(change(path.read_bytes()))
        return [path, "--no-data"]

    CASES[f"tflite_{name}"] = make


def with_(place: Callable[[Any], Any], **values: Any) -> Callable[[Any], None]:
    """Sets attributes of a part of the model."""
    return lambda model: [setattr(place(model), key, value) for key, value in values.items()] and None


tflite_bytes("empty", lambda good: b"")
tflite_bytes("text", lambda good: b"hello, world")
tflite_bytes("wrong_magic", lambda good: good[:4] + b"TFL9" + good[8:])
tflite_bytes("cut", lambda good: good[: len(good) // 2])
tflite_bytes("noise", lambda good: good[:8] + RNG.bytes(2000))
tflite_case("no_graph", lambda model: setattr(model, "subgraphs", []))
tflite_case("operator_that_is_not_there", with_(lambda m: m.subgraphs[0].operators[0], opcodeIndex=7))
tflite_case("tensor_that_is_not_there", with_(lambda m: m.subgraphs[0].operators[0], inputs=[99]))
tflite_case("buffer_that_is_not_there", with_(lambda m: m.subgraphs[0].tensors[0], buffer=99))
tflite_case("cyclic", with_(lambda m: m.subgraphs[0].operators[0], inputs=[1]))
tflite_case("giant_input", with_(lambda m: m.subgraphs[0].tensors[0], shape=[1, GIANT, GIANT, 3]))
tflite_case("negative_input", with_(lambda m: m.subgraphs[0].tensors[0], shape=[1, -8, 10, 6]))
tflite_case("another_shape", with_(lambda m: m.subgraphs[0].tensors[1], shape=[1, 9, 9, 9]))
tflite_case("grown_by_padding", lambda model: None, "PAD", options=("PadOptions", {}),
            constants=[np.array([[0, 0], [0, GIANT], [0, GIANT], [0, 0]], np.int32)])  # fmt: skip
tflite_case("grown_by_resize", lambda model: None, "RESIZE_BILINEAR", constants=[np.array([GIANT, GIANT], np.int32)],
            options=("ResizeBilinearOptions", {"halfPixelCenters": True}))  # fmt: skip


# Archives of torch.export


class Program:
    """A pickle that would run a command."""

    def __reduce__(self) -> Any:
        return eval, ("open('was_run', 'w')",)


def sound_archive() -> dict[str, bytes]:
    """The members of an archive that is taken."""
    import torch

    net, stream = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU()), io.BytesIO()
    torch.export.save(torch.export.export(net.eval(), (torch.zeros(1, *IMAGE),)), stream)
    with zipfile.ZipFile(stream) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def pt2_case(name: str, change: Callable[[dict[str, bytes]], None]) -> None:
    """An archive in which members are changed."""

    def make(folder: Path) -> list[Any]:
        members = sound_archive()
        change(members)
        path = folder / "model.pt2"
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
        return [path, "--no-data"]

    CASES[f"pt2_{name}"] = make


def in_graph(old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        [graph] = [name for name in members if name.endswith(("models/model.json", "exported_program.json"))]
        assert old in members[graph]
        members[graph] = members[graph].replace(old, new)

    return change


def pickled(members: dict[str, bytes]) -> None:
    [name] = [name for name in members if name.endswith(("sample_inputs/model.pt", "example_inputs.pt"))]
    members[name] = pickle.dumps(Program())


def saved(name: str, value: Callable[[], Any]) -> None:
    def make(folder: Path) -> list[Any]:
        (folder / name.split("_")[0]).write_bytes(pickle.dumps(value()))
        return [folder / name.split("_")[0], "--no-data", "--input-shape", "3,8,6"]

    CASES[name] = make


pt2_case("with_a_program_in_it", pickled)
pt2_case("that_calls_the_system", in_graph(b"torch.ops.aten.relu.default", b"torch.hub.os.system"))
pt2_case("that_is_no_json", in_graph(b"{", b"["))
pt2_case("without_graph", lambda members: members.clear())
pt2_case("of_text", lambda members: members.update({"model/x.pkl": b"hello"}))
saved("model.pt_that_is_a_pickle", Program)
saved("model.pth_of_weights", lambda: {"w": [1.0]})


# Data


def data_case(name: str, content: Callable[[], bytes], *options: Any) -> None:
    """A file of that name beside a good model."""

    def make(folder: Path) -> list[Any]:
        (folder / name.partition("/")[2]).write_bytes(content())
        return [onnx_file(folder, relu())[0], "--data", folder / name.partition("/")[2], *options]

    CASES[f"data_{name.replace('/d', '')}"] = make


def folder_case(name: str, fill: Callable[[Path], None], shape: Any = ("n", *IMAGE)) -> None:
    def make(folder: Path) -> list[Any]:
        (folder / "samples").mkdir()
        fill(folder / "samples")
        return [onnx_file(folder, network([node("Relu", "x")], shape=shape))[0], "--data", folder / "samples"]

    CASES[f"folder_{name}"] = make


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def pixels(count: int, *shape: int) -> Any:
    return RNG.integers(0, 256, (count, *(shape or IMAGE)), np.uint8)


def bomb(members: dict[str, bytes], said: int | None = None) -> bytes:
    """An archive that unpacks to far more than it holds; or that says another size of itself."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    raw = bytearray(stream.getvalue())
    if said is not None:
        at = raw.rindex(b"PK\x01\x02")
        raw[at + 24 : at + 28] = said.to_bytes(4, "little")
    return bytes(raw)


def head(shape: str) -> bytes:
    """An .npy that says it holds this shape, and holds nothing."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def wav(path: Path, rate: int = 8000, frames: int = 48, **change: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(RNG.integers(-999, 999, frames).astype("<i2").tobytes())
    if change:
        raw = bytearray(path.read_bytes())
        for at, data in change["bytes"].items():
            raw[at : at + len(data)] = data
        path.write_bytes(bytes(raw[: change.get("cut")]))


def png(path: Path, width: int, height: int, body: bytes | None = None) -> None:
    """A picture whose header says this size."""
    path.parent.mkdir(exist_ok=True)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
             (b"IDAT", zlib.compress(bytes(64)) if body is None else body), (b"IEND", b"")]  # fmt: skip
    chunks = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


for _name, _content in {
    "text/d.npz": lambda: b"hello",
    "cut/d.npz": lambda: npz(x=pixels(20))[:-40],
    "bomb/d.npz": lambda: bomb({f"x{k}.npy": head("(67108864,)") + bytes(1 << 26) for k in range(20)}),
    "lying_bomb/d.npz": lambda: bomb({"x.npy": bytes(1000)}, 0xFFFFFFF0),
    "giant_head/d.npz": lambda: bomb({"x.npy": head(f"({1 << 40}, {1 << 20})")}),
    "other_names/d.npz": lambda: npz(images=pixels(4)),
    "objects/d.npz": lambda: npz(x=np.array([{}, {}], dtype=object)),
    "text_in_it/d.npz": lambda: npz(x=np.array(["a", "b"])),
    "labels_missing/d.npz": lambda: npz(x=pixels(4), y=np.arange(3)),
    "labels_of_text/d.npz": lambda: npz(x=pixels(4), y=np.array(["cat", "dog", "cat", "dog"])),
    "labels_beyond/d.npz": lambda: npz(x=pixels(40), y=np.full((40, *IMAGE[1:]), 7)),
    "only_test/d.npz": lambda: npz(x_test=pixels(4), y_test=np.arange(4)),
    "another_shape/d.npz": lambda: npz(x=pixels(4, 3, 9, 9)),
    "no_samples/d.npz": lambda: npz(x=pixels(0)),
    "not_a_number/d.npz": lambda: npz(x=np.full((40, *IMAGE), np.nan, np.float32)),
    "pickle/d.npy": lambda: npy(np.array([Program()], dtype=object), allow_pickle=True),
    "cut/d.npy": lambda: npy(pixels(20))[:200],
    "giant_head/d.npy": lambda: head(f"({1 << 40}, 3, 8, 6)"),
    "overflowing_head/d.npy": lambda: head("(18446744073709551616, 2)"),
    "code_in_its_head/d.npy": lambda: head("(__import__('os').getpid(),)"),
    "complex/d.npy": lambda: npy(np.zeros((4, *IMAGE), complex)),
    "ragged/d.csv": lambda: b"a,b\n1,2\n3\n",
    "words/d.csv": lambda: b"a,b\n1,x\n",
    "header_alone/d.csv": lambda: b"a,b\n",
    "empty/d.csv": lambda: b"",
    "utf16/d.csv": lambda: "a,b\n1,2\n".encode("utf-16"),
    "giant_field/d.csv": lambda: b"a,b\n" + b"1" * (1 << 20) + b",2\n",
    "zeros/d.csv": lambda: bytes(1 << 16),
    "unknown/d.parquet": lambda: b"PAR1",
}.items():  # fmt: skip
    data_case(_name, _content)

folder_case("empty", lambda at: None)
folder_case("of_an_empty_class", lambda at: (png(at / "cat" / "a.png", 2, 2), (at / "dog").mkdir()))
folder_case("of_a_torn_picture", lambda at: png(at / "cat" / "a.png", 8, 6, b"\x78\x9c"))
folder_case("of_a_giant_picture", lambda at: png(at / "cat" / "a.png", 60_000, 60_000))
folder_case("of_pictures_and_recordings", lambda at: (png(at / "a" / "a.png", 8, 6), wav(at / "b" / "b.wav")))
folder_case("of_another_rate", lambda at: (wav(at / "a" / "a.wav"), wav(at / "b" / "b.wav", 16_000)), ("n", 1, 48))
folder_case("of_recordings_for_maps", lambda at: wav(at / "a" / "a.wav"))
folder_case("of_a_cut_recording", lambda at: wav(at / "a" / "a.wav", bytes={}, cut=80), ("n", 1, 48))
folder_case("of_packed_sound", lambda at: wav(at / "a" / "a.wav", bytes={20: b"\x11\x00"}), ("n", 1, 48))
folder_case("of_no_channels", lambda at: wav(at / "a" / "a.wav", bytes={22: b"\x00\x00"}), ("n", 1, 48))
folder_case("of_silence", lambda at: wav(at / "a" / "a.wav", frames=0), ("n", 1, 48))
folder_case(
    "of_text_named_wav", lambda at: ((at / "a").mkdir(), (at / "a" / "a.wav").write_text("hello")), ("n", 1, 48)
)


def project(name: str, text: str) -> None:
    def make(folder: Path) -> list[Any]:
        (folder / "mixcomp.toml").write_text(text)
        return [folder / "mixcomp.toml"]

    CASES[f"toml_{name}"] = make


project("of_no_model", "scale = 1.0\n")
project("of_a_missing_model", 'model = "none.onnx"\nno_data = true\n')
project("of_an_unknown_key", 'model = "m.onnx"\nscales = 1.0\n')
project("of_a_wrong_type", 'model = "m.onnx"\nscale = "1"\n')
project("of_itself", 'model = "mixcomp.toml"\n')
