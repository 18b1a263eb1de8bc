"""The networks of this folder by name, with inputs to try them on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mobilenet
import recurrent
import torch
import torch.nn as nn
from alexnet import AlexNet
from convnext import ConvNeXt
from dcgan import discriminator, generator
from densenet import DenseNet
from googlenet import GoogLeNet, inception_v3
from gpt import GPT
from regnet import regnet_y
from resnet import Bottleneck, ResNet, resnext
from shufflenet import ShuffleNetV2
from squeezenet import SqueezeNet
from swin import Swin
from transformer import Classifier
from unet import UNet
from vgg import VGG
from vit import ViT


@dataclass(frozen=True)
class Architecture:
    """How to make the network and its input."""

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    """Of one row."""
    words: int = 0
    """The input is tokens below this number, when it is not 0."""

    def inputs(self, rows: int) -> torch.Tensor:
        """Drawn from torch's generator."""
        return torch.randint(0, self.words, (rows, *self.shape)) if self.words else torch.randn(rows, *self.shape)


ARCHITECTURES = {
    a.name: a
    for a in [
        Architecture("alexnet", AlexNet, (3, 63, 63)),
        Architecture("vgg", VGG, (3, 16, 16)),
        Architecture("vgg_bn", lambda: VGG(norm=True), (3, 16, 16)),
        Architecture("resnet", ResNet, (3, 32, 32)),
        Architecture("resnet_bottleneck", lambda: ResNet(Bottleneck, (1, 1)), (3, 32, 32)),
        Architecture("resnext", resnext, (3, 32, 32)),
        Architecture("densenet", DenseNet, (3, 16, 16)),
        Architecture("googlenet", GoogLeNet, (3, 32, 32)),
        Architecture("inception_v3", inception_v3, (3, 32, 32)),
        Architecture("squeezenet", SqueezeNet, (3, 32, 32)),
        Architecture("shufflenet_v2", ShuffleNetV2, (3, 32, 32)),
        Architecture("mobilenet_v2", mobilenet.mobilenet_v2, (3, 24, 24)),
        Architecture("mobilenet_v3", mobilenet.mobilenet_v3, (3, 24, 24)),
        Architecture("mnasnet", mobilenet.mnasnet, (3, 24, 24)),
        Architecture("efficientnet", mobilenet.efficientnet, (3, 24, 24)),
        Architecture("regnet_y", regnet_y, (3, 32, 32)),
        Architecture("convnext", ConvNeXt, (3, 32, 32)),
        Architecture("vit", ViT, (3, 16, 16)),
        Architecture("swin", Swin, (3, 32, 32)),
        Architecture("unet", UNet, (1, 20, 20)),
        Architecture("unet_bilinear", lambda: UNet(bilinear=True), (1, 18, 18)),
        Architecture("dcgan_generator", generator, (12, 1, 1)),
        Architecture("dcgan_discriminator", discriminator, (3, 16, 16)),
        Architecture("text_cnn", recurrent.TextCNN, (9,), 20),
        Architecture("lstm", recurrent.TextLSTM, (7,), 20),
        Architecture("lstm_time_first", recurrent.ImageLSTM, (1, 6, 8)),
        Architecture("gru", recurrent.SequenceGRU, (7, 5)),
        Architecture("gpt", GPT, (8,), 17),
        Architecture("gpt_plain", lambda: GPT(fused=False), (8,), 17),
        Architecture("transformer", Classifier, (6,), 20),
        Architecture("transformer_norm_first", lambda: Classifier(norm_first=True, act="gelu"), (6,), 20),
    ]
}
