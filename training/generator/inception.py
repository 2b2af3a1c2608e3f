"""Inception v3 as the Fréchet inception distance uses it (Szegedy et al. 2016; Heusel et al. 2017): pictures to 2048
features. We may not ship the weights: the user gives them as a safetensors file with torchvision's names."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from core.errors import SoliloquyError

SIDE = 299
FEATURES = 2048

Layer = tuple[str, int, tuple[int, int], int]
"""Name, channels, kernel (rows, columns) and stride of a convolution."""
_1, _3, _5, _ROW, _COLUMN, _ROW3, _COLUMN3 = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1), (1, 3), (3, 1)


class Convolution(nn.Module):
    """Convolution, batch norm, ReLU. Padding keeps the size, unless there is a stride."""

    def __init__(self, channels: int, out: int, kernel: tuple[int, int], stride: int = 1, pad: bool = True) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if pad and stride == 1 else 0
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, out, h, w)."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Parallel branches of convolutions, and one branch that pools.

    Parameters
    ----------
    channels
        Channels of the input.
    branches
        Chains of layers. Layers at the end of a chain whose names end in a and b work in parallel.
    pool
        "mean" and "max" keep the size, and a convolution ``branch_pool`` of ``pooled`` channels follows. "stride"
        halves the size, and nothing follows.
    """

    def __init__(self, channels: int, branches: tuple[tuple[Layer, ...], ...], pool: str, pooled: int = 0) -> None:
        super().__init__()
        self.branches = [[layer[0] for layer in branch] for branch in branches]
        self.pool = pool
        for branch in branches:
            width = channels
            for name, out, kernel, stride in branch:
                self.add_module(name, Convolution(width, out, kernel, stride))
                width = width if name.endswith("a") else out
        if pool != "stride":
            self.branch_pool = Convolution(channels, pooled, _1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> all branches' channels."""
        parts = []
        for names in self.branches:
            value, split = x, []
            for name in names:
                result = self.get_submodule(name)(value)
                if name[-1] in "ab":
                    split.append(result)
                else:
                    value = result
            parts += split or [value]
        if self.pool == "stride":
            parts.append(F.max_pool2d(x, 3, 2))
        else:
            # As in FID's own network, unlike torchvision's: at the rim only existing pixels count.
            mean = self.pool == "mean"
            pooled = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) if mean else F.max_pool2d(x, 3, 1, 1)
            parts.append(self.branch_pool(pooled))
        return torch.cat(parts, 1)


def _fine(channels: int, pooled: int) -> Mixed:
    branches = (
        (("branch1x1", 64, _1, 1),),
        (("branch5x5_1", 48, _1, 1), ("branch5x5_2", 64, _5, 1)),
        (("branch3x3dbl_1", 64, _1, 1), ("branch3x3dbl_2", 96, _3, 1), ("branch3x3dbl_3", 96, _3, 1)),
    )
    return Mixed(channels, branches, "mean", pooled)


def _middle(width: int) -> Mixed:
    chain = (("branch7x7_1", width, _1, 1), ("branch7x7_2", width, _ROW, 1), ("branch7x7_3", 192, _COLUMN, 1))
    double = tuple(
        (f"branch7x7dbl_{k + 1}", 192 if k == 4 else width, kernel, 1)
        for k, kernel in enumerate((_1, _COLUMN, _ROW, _COLUMN, _ROW))
    )
    return Mixed(768, ((("branch1x1", 192, _1, 1),), chain, double), "mean", 192)


def _coarse(channels: int, pool: str) -> Mixed:
    def ends(stem: str) -> tuple[Layer, ...]:
        return (f"{stem}a", 384, _ROW3, 1), (f"{stem}b", 384, _COLUMN3, 1)

    single = (("branch3x3_1", 384, _1, 1), *ends("branch3x3_2"))
    double = (("branch3x3dbl_1", 448, _1, 1), ("branch3x3dbl_2", 384, _3, 1), *ends("branch3x3dbl_3"))
    return Mixed(channels, ((("branch1x1", 320, _1, 1),), single, double), pool, 192)


class Inception(nn.Module):
    """Pictures (B, 3, H, W) RGB 0–1 -> (B, 2048)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, _3, 2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, _3, pad=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, _3)
        self.Conv2d_3b_1x1 = Convolution(64, 80, _1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, _3, pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _fine(192, 32), _fine(256, 64), _fine(288, 64)
        double = (("branch3x3dbl_1", 64, _1, 1), ("branch3x3dbl_2", 96, _3, 1), ("branch3x3dbl_3", 96, _3, 2))
        self.Mixed_6a = Mixed(288, ((("branch3x3", 384, _3, 2),), double), "stride")
        self.Mixed_6b, self.Mixed_6c = _middle(128), _middle(160)
        self.Mixed_6d, self.Mixed_6e = _middle(160), _middle(192)
        narrow = (("branch3x3_1", 192, _1, 1), ("branch3x3_2", 320, _3, 2))
        long = (
            ("branch7x7x3_1", 192, _1, 1),
            ("branch7x7x3_2", 192, _ROW, 1),
            ("branch7x7x3_3", 192, _COLUMN, 1),
            ("branch7x7x3_4", 192, _3, 2),
        )
        self.Mixed_7a = Mixed(768, (narrow, long), "stride")
        self.Mixed_7b, self.Mixed_7c = _coarse(1280, "mean"), _coarse(2048, "max")

    @classmethod
    def load(cls, path: Path) -> Inception:
        """The network with the weights of a safetensors file. Other tensors of the file (classifiers) are ignored.

        Raises SoliloquyError ``inception_unusable``.
        """
        network = cls()
        names = set(network.state_dict())
        try:
            with safe_open(str(path), framework="pt") as file:
                weights = {name: file.get_tensor(name) for name in names & set(file.keys())}
            missing = [name for name in names - set(weights) if not name.endswith("num_batches_tracked")]
            if missing:
                raise KeyError(missing[0])
            network.load_state_dict(weights, strict=False)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise SoliloquyError(
                "inception_unusable",
                f"{path} doesn't hold Inception v3 ({str(error).splitlines()[0]}).",
                "Give the weights under torchvision's names as a safetensors file, or none.",
            ) from error
        return network.eval().requires_grad_(False)

    def forward(self, picture: Tensor) -> Tensor:
        """Features (B, 2048) of the last pooling."""
        x = F.interpolate(picture, (SIDE, SIDE), mode="bilinear", align_corners=False) * 2 - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = self.get_submodule(f"Mixed_{name}")(x)
        return x.mean((2, 3))
