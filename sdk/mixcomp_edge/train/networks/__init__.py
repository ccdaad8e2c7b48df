"""The networks of the built-in tasks. A forward() is straight-line code over static shapes, as torch.export asks."""

from mixcomp_edge.train.networks.autoencoder import AutoEncoder
from mixcomp_edge.train.networks.dscnn import DsCnn
from mixcomp_edge.train.networks.gru import DigitsGru, Gru
from mixcomp_edge.train.networks.mobilenet import MobileNet
from mixcomp_edge.train.networks.resnet8 import ResNet8
from mixcomp_edge.train.networks.resnet20 import ResNet20
from mixcomp_edge.train.networks.small import DigitsCnn, FashionCnn
from mixcomp_edge.train.networks.text_encoder import EncoderLayer, TextEncoder
from mixcomp_edge.train.networks.vibration_cnn import VibrationCnn

__all__ = [
    "AutoEncoder",
    "DigitsCnn",
    "DigitsGru",
    "DsCnn",
    "EncoderLayer",
    "FashionCnn",
    "Gru",
    "MobileNet",
    "ResNet8",
    "ResNet20",
    "TextEncoder",
    "VibrationCnn",
]
