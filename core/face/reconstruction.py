"""R, the reconstruction network: one face view → identity, expression, head pose, gaze and light of the head model.

It is a small residual network with the role that Deng et al. 2019 has in the paper: it measures pictures in training.
E_v has the same network and starts from its weights. A single view doesn't show the camera. R therefore gives the
rotation relative to the line of sight and the place in the view; with a known camera, :func:`camera_pose` turns both
into an absolute pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..compute.weight_files import open_weights
from ..head.camera import pinhole
from ..head.rotation import euler_to_matrix, matrix_to_euler
from ..motion.channels import EXPRESSIONS
from .face_view import VIEW_SIDE

IDENTITY = 50
"""Identity coefficients that R estimates."""
SIZES = {"identity": IDENTITY, "expression": len(EXPRESSIONS), "rotation": 3, "place": 3, "gaze": 4, "light": 27}
"""Number of outputs of each kind, in the order of R's last layer."""
MIDDLE_PLACE = (0.5, 0.5, 1.42)
"""``Face.place`` in an average view; R learns the difference from it."""
MIDDLE_LIGHT = 0.68
"""Constant term of the light in an average view; R learns the difference from it."""
SCALE_UNIT = 100.0
"""``Face.place`` measures the scale in hundredths of the view's side per centimetre, before the logarithm."""


@dataclass(frozen=True)
class ReconstructionConfig:
    """Size of R.

    Attributes
    ----------
    widths
        Channels at 1/2, 1/4, 1/8 and 1/16 of the view's side.
    blocks
        Residual blocks at 1/4, 1/8 and 1/16.
    squeeze
        Channels of the last map before it is flattened.
    embedding
        Width of the embedding.
    dropout
        Dropout before the last layer, in training.
    """

    widths: tuple[int, int, int, int] = (24, 48, 96, 192)
    blocks: tuple[int, int, int] = (2, 2, 2)
    squeeze: int = 48
    embedding: int = 384
    dropout: float = 0.1

    @classmethod
    def tiny(cls) -> ReconstructionConfig:
        """A size for tests."""
        return cls(widths=(8, 12, 16, 24), blocks=(1, 1, 1), squeeze=8, embedding=48, dropout=0.0)


@dataclass(frozen=True)
class Face:
    """R's estimates for B views.

    Attributes
    ----------
    identity, expression
        (B, 50) coefficients and (B, 53) weights of the head model. Weights can lie slightly outside 0–1.
    rotation
        (B, 3) pitch, yaw, roll in radians, relative to the line of sight to the head's origin.
    place
        (B, 3): x and y of the head's origin as fractions of the view's side, and the natural logarithm of the scale
        there, in hundredths of the view's side per centimetre.
    gaze
        (B, 2, 2) yaw (to the person's left) and pitch (down) of the eyes relative to the head, radians; the left eye
        first.
    light
        (B, 9, 3) irradiance coefficients over 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y² of the normal, RGB.
    """

    identity: Tensor
    expression: Tensor
    rotation: Tensor
    place: Tensor
    gaze: Tensor
    light: Tensor


class Block(nn.Module):
    """Two 3 × 3 convolutions with batch norm, added to a shortcut (He et al. 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        nn.init.zeros_(self.norm2.weight)  # before training, a block is equal to its shortcut
        self.shortcut = nn.Conv2d(inside, outside, 1, bias=False) if stride > 1 or inside != outside else None
        self.stride = stride

    def forward(self, value: Tensor) -> Tensor:
        """(B, inside, H, W) -> (B, outside, H / stride, W / stride)."""
        short = F.avg_pool2d(value, self.stride) if self.stride > 1 else value
        short = short if self.shortcut is None else self.shortcut(short)
        out = F.silu(self.norm1(self.first(value)))
        return F.silu(short + self.norm2(self.second(out)))


class Reconstruction(nn.Module):
    """R; has the role of Deng et al. 2019 in the paper."""

    def __init__(self, config: ReconstructionConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ReconstructionConfig()
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(config.widths[0]), nn.SiLU()
        )
        self.stages = nn.ModuleList()
        for inside, outside, count in zip(config.widths[:-1], config.widths[1:], config.blocks, strict=True):
            blocks = [Block(inside if k == 0 else outside, outside, 2 if k == 0 else 1) for k in range(count)]
            self.stages.append(nn.Sequential(*blocks))
        # The map is flattened, not averaged, because positions in the view matter.
        grid = VIEW_SIDE // 16
        self.squeeze = nn.Conv2d(config.widths[-1], config.squeeze, 1)
        self.embed = nn.Linear(config.squeeze * grid * grid, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.head: nn.Module = nn.Linear(config.embedding, sum(SIZES.values()))
        nn.init.normal_(self.head.weight, 0, 0.01)
        nn.init.zeros_(self.head.bias)

    def maps(self, picture: Tensor) -> list[Tensor]:
        """Feature maps of pictures (B, 3, H, W) RGB 0–1 at 1/2, 1/4, 1/8 and 1/16 of their size."""
        out = [self.stem(picture * 2 - 1)]
        for stage in self.stages:
            out.append(stage(out[-1]))
        return out

    def embedding(self, views: Tensor) -> Tensor:
        """Embedding (B, embedding) of face views (B, 3, 128, 128) RGB 0–1; all outputs are computed from it."""
        return F.silu(self.embed(F.silu(self.squeeze(self.maps(views)[-1])).flatten(1)))

    def forward(self, views: Tensor) -> Face:
        """Estimate the faces in views (B, 3, 128, 128) RGB 0–1."""
        values = self.head(self.dropout(self.embedding(views))).float()
        parts = dict(zip(SIZES, values.split(list(SIZES.values()), dim=1), strict=True))
        parts["place"] = parts["place"] + values.new_tensor(MIDDLE_PLACE)
        light = parts["light"].reshape(-1, 9, 3)  # (B, 27) -> (B, 9, 3)
        even = torch.zeros_like(light)
        even[:, 0] = MIDDLE_LIGHT
        gaze = parts["gaze"].reshape(-1, 2, 2)  # (B, 4) -> (B, eye, yaw and pitch)
        return Face(**{**parts, "light": light + even, "gaze": gaze})

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu") -> Reconstruction:
        """The trained R, in evaluation mode. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        hint = "Train and export it: python -m training.reconstruction"
        with open_weights(path, "reconstruction network", hint, device) as file:
            network = cls(ReconstructionConfig(**file.config))
            network.load_state_dict(file.tensors)
        return network.to(device).eval().requires_grad_(False)


def view_camera(focal: Tensor, centre: Tensor, similarity: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """The camera that would take a face view directly. A similarity of the picture plane is a zoom, a shift and a roll.

    Parameters
    ----------
    focal, centre
        (B,) and (B, 2) of the picture's camera, pixels.
    similarity
        (B, 2, 3) of ``core.face.face_view``, from pixels to the unit square.
    side
        Side of the view in pixels.

    Returns
    -------
    tuple of Tensor
        Focal length (B,) and principal point (B, 2) in pixels of the view, and the roll (B, 3, 3) from the picture's
        camera axes to the view's.
    """
    linear, shift = similarity[..., :2], similarity[..., 2]
    scale = linear[..., :, 0].norm(dim=-1)
    turn = torch.atan2(linear[..., 1, 0], linear[..., 0, 0])
    roll = torch.zeros(*turn.shape, 3, dtype=turn.dtype)
    roll[..., 2] = -turn  # y of pixels points down
    moved = (linear @ centre[..., None])[..., 0] + shift
    return focal * scale * side, moved * side, euler_to_matrix(roll)


def sight_pose(
    rotation: Tensor, translation: Tensor, camera: tuple[Tensor, Tensor], side: int
) -> tuple[Tensor, Tensor]:
    """``Face.rotation`` and ``Face.place`` of a known pose; :func:`camera_pose` is the inverse.

    Parameters
    ----------
    rotation, translation
        (B, 3, 3) and (B, 3) cm, from head space to the axes of the view's camera.
    camera
        Focal length (B,) and principal point (B, 2) of the view's camera, pixels.
    side
        Side of the view in pixels.
    """
    focal, centre = camera
    scale = focal / -translation[:, 2]  # pixels per centimetre
    middle = pinhole(translation, focal[:, None], centre) / side
    place = torch.cat([middle, torch.log(scale * SCALE_UNIT / side)[:, None]], -1)
    return matrix_to_euler(_to_sight(translation) @ rotation), place


def camera_pose(face: Face, camera: tuple[Tensor, Tensor], side: int) -> tuple[Tensor, Tensor]:
    """Rotation (B, 3, 3) and translation (B, 3) cm in the axes of the view's camera; see :func:`sight_pose`."""
    focal, centre = camera
    scale = torch.exp(face.place[:, 2]) * side / SCALE_UNIT
    depth = focal / scale
    x = (face.place[:, 0] * side - centre[:, 0]) / scale
    y = -(face.place[:, 1] * side - centre[:, 1]) / scale
    translation = torch.stack([x, y, -depth], -1)
    return _to_sight(translation).mT @ euler_to_matrix(face.rotation), translation


def _to_sight(translation: Tensor) -> Tensor:
    """(B, 3, 3) shortest rotation that takes the direction to a point (B, 3) onto the camera's axis −z."""
    direction = F.normalize(translation, dim=-1)
    x, y, z = direction.unbind(-1)
    # Rodrigues' formula for the axis d × (0, 0, −1) = (−y, x, 0) and cosine −z.
    zero, cosine = torch.zeros_like(x), -z
    cross = torch.stack([zero, zero, x, zero, zero, y, -x, -y, zero], -1).reshape(*x.shape, 3, 3)  # (B, 9) -> (B, 3, 3)
    return torch.eye(3) + cross + cross @ cross / (1 + cosine)[..., None, None]
