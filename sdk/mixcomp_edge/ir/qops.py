"""The integer nodes of operators/ by one name."""

from mixcomp_edge.ir.nodes import QNode
from mixcomp_edge.ir.types import DTYPES, QType, Requant, Weights
from mixcomp_edge.operators.add import QAdd as Add
from mixcomp_edge.operators.avgpool2d import QAvgPool2d as AvgPool2d
from mixcomp_edge.operators.concat import QConcat as Concat
from mixcomp_edge.operators.conv2d import QConv2d as Conv2d
from mixcomp_edge.operators.conv2d import QConv2dAdd as Conv2dAdd
from mixcomp_edge.operators.dense import QDense as Dense
from mixcomp_edge.operators.dwconv2d import QDwConv2d as DwConv2d
from mixcomp_edge.operators.input import QAffineInput as AffineInput
from mixcomp_edge.operators.input import QInput as Input
from mixcomp_edge.operators.maxpool2d import QMaxPool2d as MaxPool2d
from mixcomp_edge.operators.pad import QPad as Pad
from mixcomp_edge.operators.rescale import QRescale as Rescale
from mixcomp_edge.operators.reshape import QReshape as Reshape
from mixcomp_edge.operators.softmax import QSoftmax as Softmax

__all__ = [
    "DTYPES", "WEIGHTED", "Add", "AffineInput", "AvgPool2d", "Concat", "Conv2d", "Conv2dAdd", "Dense", "DwConv2d",
    "Input", "MaxPool2d", "Pad", "QNode", "QType", "Requant", "Rescale", "Reshape", "Softmax", "Weights",
]  # fmt: skip

WEIGHTED = (Conv2d, DwConv2d, Dense)
