"""The networks of the built-in tasks. A forward() is straight-line code over static shapes, as torch.export asks."""

from mixcomp_edge.train.networks.autoencoder import AutoEncoder
from mixcomp_edge.train.networks.dscnn import DsCnn
from mixcomp_edge.train.networks.efficientnet import EfficientNetLite
from mixcomp_edge.train.networks.gru import DigitsGru, DigitsStream
from mixcomp_edge.train.networks.mobilenet import MobileNet
from mixcomp_edge.train.networks.mobilenet_v3 import MobileNetV3Small
from mixcomp_edge.train.networks.resnet1d import ResNet1d
from mixcomp_edge.train.networks.resnet8 import ResNet8
from mixcomp_edge.train.networks.resnet20 import ResNet20
from mixcomp_edge.train.networks.small import DigitsCnn, FashionCnn
from mixcomp_edge.train.networks.tcn import Tcn
from mixcomp_edge.train.networks.text_encoder import TextEncoder
from mixcomp_edge.train.networks.tiny_yolo import TinyYolo
from mixcomp_edge.train.networks.unet import UNet
from mixcomp_edge.train.networks.vibration_cnn import VibrationCnn

__all__ = [
    "AutoEncoder",
    "DigitsCnn",
    "DigitsGru",
    "DigitsStream",
    "DsCnn",
    "EfficientNetLite",
    "FashionCnn",
    "MobileNet",
    "MobileNetV3Small",
    "ResNet1d",
    "ResNet8",
    "ResNet20",
    "Tcn",
    "TextEncoder",
    "TinyYolo",
    "UNet",
    "VibrationCnn",
]
