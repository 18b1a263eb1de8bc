"""Extents that the PyTorch and the Keras form of a network share."""

from __future__ import annotations

# Input channels, output channels, stride.
RESNET8_BLOCKS = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
RESNET18_BLOCKS = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
# Output channels and stride; MobileNetV1's table, a quarter of the channels.
MOBILENET_PAIRS = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1)]
# Rows of the autoencoder, and its hidden layers.
AUTOENCODER_ROW = 640
AUTOENCODER_WIDTHS = [128, 128, 128, 128, 8, 128, 128, 128, 128]
# Of DS-CNN: behind the first convolution, before the dense layer.
DS_CNN_DROPOUTS = (0.2, 0.4)
