"""VGG-19 up to relu5_1 (Simonyan and Zisserman 2014). The user gives the file of its weights; none is shipped."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import BadInputError

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
"""Channels of the convolutions up to conv5_1; 0 is max pooling. The numbers in ``features`` follow from it."""
TAPS = (1, 6, 11, 20, 29)
"""Indices in ``features`` of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1, whose outputs are returned."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pictures, RGB 0–1."""


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
