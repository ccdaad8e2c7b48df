"""Random integer graphs whose factors are those of their scales, as lowering makes them: what TensorFlow Lite knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from mixcomp_edge.errors import MixcompError
from mixcomp_edge.ir import tflite
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.nodes import FloatNode, QNode
from mixcomp_edge.ir.types import QType, Requant
from mixcomp_edge.ir.verify import verify as check
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.operators.blend import Blend, Maximum, Minimum
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.log_softmax import LogSoftmax
from mixcomp_edge.operators.matmul import MatMul
from mixcomp_edge.operators.mul import Mul
from mixcomp_edge.operators.prelu import PRelu
from mixcomp_edge.operators.reduce import ReduceSum
from mixcomp_edge.operators.rescale import Relu
from mixcomp_edge.operators.softmax import Softmax
from support.integer_graphs import SPATIAL, WINDOWED, Builder

OPS = (
    *WINDOWED, "dense", "add", "mul", "blend", "minimum", "maximum", "rescale", "lookup", "concat", "pad", "reshape",
    "transpose", "slice", "gather", "conv2d_transpose", "softmax", "arg_max", "reduce_max",
    "reduce_sum", "matmul", "prelu", "resize",
    "log_softmax",
)  # fmt: skip
BY_NAME: dict[str, type[FloatNode]] = {
    "add": Add, "avgpool2d": AvgPool2d, "blend": Blend, "minimum": Minimum, "maximum": Maximum, "concat": Concat,
    "log_softmax": LogSoftmax,
    "matmul": MatMul, "mul": Mul, "prelu": PRelu, "reduce_sum": ReduceSum, "rescale": Relu, "softmax": Softmax,
}  # fmt: skip


def by_tflm(graph: Graph) -> Graph:
    """The same in contract tflm."""
    return check(replace(graph, contract="tflm"))


class Scaled(Builder):
    """What `Builder` makes with any factor is lowered here from its float node."""

    def put(self, cls: type, sources: list[QNode], shape: tuple[int, ...], type_: QType, **more) -> QNode:
        types = [source.type for source in sources]
        if cls.op == "conv2d_add":
            residual = Requant.of(types[1].scale / type_.scale)
            more |= {"residual_multiplier": int(residual.multiplier[0]), "residual_shift": residual.shift}
        if cls.op == "resize":
            more |= self.looks(sources[0], shape)
        if cls.op not in BY_NAME:
            return super().put(cls, sources, shape, type_, **more)
        words = {key: more[key] for key in ("axis", "window", "axes", "count", "a_axes", "b_axes") if key in more}
        if cls.op == "avgpool2d":
            words["count_include_pad"] = self.draw(st.booleans())
        if cls.op == "blend":
            words["factors"] = np.array(self.draw(st.sampled_from([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0)])))
        if cls.op == "matmul":
            words["factor"] = self.draw(st.sampled_from([1.0, 0.25, 3.0]))
        if cls.op == "reduce_sum":
            words["mean"] = self.draw(st.booleans())
        if cls.op == "prelu":
            words["slope"] = self.rng.uniform(-1, 2, shape[-1])
        names = tuple(source.name for source in sources)
        node = BY_NAME[cls.op](name=f"{cls.op}{len(self.values)}", inputs=names, shape=shape, **words)
        made = node.lower(type_, types, None)
        self.values.append(made)
        return made

    def looks(self, x: QNode, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Real places as PyTorch has them, or multiples of a step, in 1/1024."""
        way = self.draw(st.sampled_from(["centres", "corners", "multiples"]))
        found = []
        for n, m in zip((1, *x.shape)[-3:-1], (1, *shape)[-3:-1], strict=True):
            i = np.arange(m)
            places = (
                (i + 0.5) * n / m - 0.5
                if way == "centres"
                else i * n / m
                if way == "multiples"
                else i * (n - 1) / max(1, m - 1)
            )
            found.append(np.rint(1024 * np.clip(places, 0, n - 1)).astype(np.int32))
        return {"rows": found[0], "columns": found[1]}

    def type(self) -> QType:
        """Of any scale, so that float32 rounds products of two."""
        plain = super().type()
        return QType(plain.dtype, plain.scale * float(self.rng.uniform(0.7, 1.4)), plain.zero_point)

    def format(self) -> str:
        return self.draw(st.sampled_from(["fixp4", "posit4", "e2m1", "lut4", "int8"]))


@st.composite
def graphs(draw, ops: tuple[str, ...] = OPS, most: int = 5) -> Graph:
    """Of 1 to `most` nodes that TensorFlow Lite Micro takes."""
    builder = Scaled(draw, draw(st.sampled_from([(5, 4, 2), (3, 3, 3), (1, 6, 1), (4, 1, 4), (2, 2, 6), (7, 3)])))
    for _ in range(draw(st.integers(1, most))):
        source, count = draw(st.sampled_from(builder.values[-2:])), len(builder.values)
        fitting = [op for op in ops if len(source.shape) > 1 or op not in (*WINDOWED, *SPATIAL)]
        try:
            if fitting:
                builder.grow(draw(st.sampled_from(fitting)), source)
            by_name = {value.name: value for value in builder.values}
            for node in builder.values[count:]:
                sources = [by_name[name] for name in node.inputs]
                node.output_shape([s.shape for s in sources])
                node.check([s.type for s in sources])
                tflite.operations(node, sources)
        except MixcompError:  # it has no form there, or a factor that 32 bits do not hold
            del builder.values[count:]
    assume(len(builder.values) > 1)
    return builder.finish()
