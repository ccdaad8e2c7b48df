"""The float nodes of operators/ by one name."""

from mixcomp_edge.ir.nodes import Activation, Doubles, Floats
from mixcomp_edge.operators.add import Add
from mixcomp_edge.operators.affine import Affine
from mixcomp_edge.operators.avgpool2d import AvgPool2d
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.conv2d import Conv2d
from mixcomp_edge.operators.dense import Dense
from mixcomp_edge.operators.input import Input
from mixcomp_edge.operators.maxpool2d import MaxPool2d
from mixcomp_edge.operators.pad import Pad
from mixcomp_edge.operators.rescale import Relu
from mixcomp_edge.operators.reshape import Reshape
from mixcomp_edge.operators.softmax import Softmax

__all__ = [
    "Activation", "Add", "Affine", "AvgPool2d", "Concat", "Conv2d", "Dense", "Doubles", "Floats", "Input", "MaxPool2d",
    "Pad", "Relu", "Reshape", "Softmax",
]  # fmt: skip
