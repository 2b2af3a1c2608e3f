"""R: one look at a face view → identity, expression, head pose, gaze and light of the head model.

A small residual network. It does for this project what Deng et al. 2019 does in the paper: it measures pictures in
training. E_v has the same network and starts from its weights. A picture alone doesn't tell the absolute pose: R gives
the turn about the line of sight and the place in the view, and :func:`camera_pose` makes them absolute with a known
camera.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..compute.weight_files import open_weights
from ..head.rotation import euler_to_matrix, matrix_to_euler
from ..motion.channels import EXPRESSIONS
from .face_view import VIEW_SIDE

IDENTITY = 50
SIZES = {"identity": IDENTITY, "expression": len(EXPRESSIONS), "rotation": 3, "place": 3, "gaze": 4, "light": 27}
"""Numbers that R tells of a face, in the order of its last layer."""
MIDDLE = {"place": (0.5, 0.5, 1.42)}
"""What an average view shows; R learns the difference. Light: see ``_LIGHT``."""
_LIGHT = 0.68
"""Even light of an average picture."""


@dataclass(frozen=True)
class ReconstructionConfig:
    """Size of R: channels at 1/2, 1/4, 1/8 and 1/16 of the view, blocks of the last three, channels of the map that is
    flattened, width of the embedding."""

    widths: tuple[int, int, int, int] = (24, 48, 96, 192)
    blocks: tuple[int, int, int] = (2, 2, 2)
    squeeze: int = 48
    embedding: int = 384
    dropout: float = 0.1

    @classmethod
    def tiny(cls) -> ReconstructionConfig:
        """For tests."""
        return cls(widths=(8, 12, 16, 24), blocks=(1, 1, 1), squeeze=8, embedding=48, dropout=0.0)


@dataclass(frozen=True)
class Face:
    """What R sees in B views.

    Attributes
    ----------
    identity, expression
        (B, 50) coefficients and (B, 53) weights of the head model; weights may leave 0–1 a little.
    rotation
        (B, 3) pitch, yaw, roll in radians as seen along the line of sight to the head's origin.
    place
        (B, 3): x and y of the head's origin in shares of the view's side, and the logarithm of the scale there: of
        how many hundredths of the view's side a centimetre covers.
    gaze
        (B, 2, 2) yaw (to the person's left) and pitch (down) of the eyes in the head, radians; the left eye first.
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
    """Two 3 × 3 convolutions with batch norm beside a shortcut (He et al. 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        nn.init.zeros_(self.norm2.weight)  # a block begins as its shortcut
        self.shortcut = nn.Conv2d(inside, outside, 1, bias=False) if stride > 1 or inside != outside else None
        self.stride = stride

    def forward(self, value: Tensor) -> Tensor:
        """(B, inside, H, W) -> (B, outside, H / stride, W / stride)."""
        short = F.avg_pool2d(value, self.stride) if self.stride > 1 else value
        short = short if self.shortcut is None else self.shortcut(short)
        out = F.silu(self.norm1(self.first(value)))
        return F.silu(short + self.norm2(self.second(out)))


class Reconstruction(nn.Module):
    """R (the role of Deng et al. 2019 in the paper)."""

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
        # Where things lie in the view matters, so the map is flattened rather than averaged.
        grid = VIEW_SIDE // 16
        self.squeeze = nn.Conv2d(config.widths[-1], config.squeeze, 1)
        self.embed = nn.Linear(config.squeeze * grid * grid, config.embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.embedding, sum(SIZES.values()))
        nn.init.normal_(self.head.weight, 0, 0.01)
        nn.init.zeros_(self.head.bias)

    def maps(self, picture: Tensor) -> list[Tensor]:
        """Feature maps of pictures (B, 3, H, W) RGB 0–1 at 1/2, 1/4, 1/8 and 1/16 of their size."""
        out = [self.stem(picture * 2 - 1)]
        for stage in self.stages:
            out.append(stage(out[-1]))
        return out

    def embedding(self, views: Tensor) -> Tensor:
        """(B, embedding) of face views (B, 3, 128, 128) RGB 0–1: all that R knows of them."""
        return F.silu(self.embed(F.silu(self.squeeze(self.maps(views)[-1])).flatten(1)))

    def forward(self, views: Tensor) -> Face:
        """Faces of views (B, 3, 128, 128) RGB 0–1."""
        values = self.head(self.dropout(self.embedding(views))).float()
        parts = dict(zip(SIZES, values.split(list(SIZES.values()), dim=1), strict=True))
        parts["place"] = parts["place"] + values.new_tensor(MIDDLE["place"])
        light = parts["light"].reshape(-1, 9, 3)  # (B, 27) -> (B, 9, 3)
        even = torch.zeros_like(light)
        even[:, 0] = _LIGHT
        gaze = parts["gaze"].reshape(-1, 2, 2)  # (B, 4) -> (B, eye, yaw and pitch)
        return Face(**{**parts, "light": light + even, "gaze": gaze})

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu") -> Reconstruction:
        """The trained R in evaluation mode. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        hint = "Train and export it: python -m training.reconstruction"
        with open_weights(path, "reconstruction network", hint, device) as file:
            network = cls(ReconstructionConfig(**file.config))
            network.load_state_dict(file.tensors)
        return network.to(device).eval().requires_grad_(False)

    def facts(self) -> dict[str, str]:
        """Metadata that :meth:`load` reads."""
        return {"config": json.dumps(asdict(self.config))}


def view_camera(focal: Tensor, centre: Tensor, similarity: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """The camera whose picture is a view: a similarity of the picture plane is a zoom, a shift and a roll.

    Parameters
    ----------
    focal, centre
        (B,) and (B, 2) of the picture's camera, pixels.
    similarity
        (B, 2, 3) of ``core.face.face_view``, from pixels to the unit square.
    side
        Pixels of the view.

    Returns
    -------
    focal (B,) and centre (B, 2) in pixels of the view, and the roll (B, 3, 3) that turns camera axes to the view's.
    """
    linear, shift = similarity[..., :2], similarity[..., 2]
    scale = linear[..., :, 0].norm(dim=-1)
    turn = torch.atan2(linear[..., 1, 0], linear[..., 0, 0])
    roll = torch.zeros(*turn.shape, 3, dtype=turn.dtype)
    roll[..., 2] = -turn  # pixels' y points down
    moved = (linear @ centre[..., None])[..., 0] + shift
    return focal * scale * side, moved * side, euler_to_matrix(roll)


def sight_pose(
    rotation: Tensor, translation: Tensor, camera: tuple[Tensor, Tensor], side: int
) -> tuple[Tensor, Tensor]:
    """What R is to say of a pose (B, 3, 3), (B, 3) before a view's camera (focal (B,), centre (B, 2)): ``Face``'s
    rotation and place. Inverted by :func:`camera_pose`."""
    focal, centre = camera
    depth = -translation[:, 2]
    scale = focal / depth
    x = (centre[:, 0] + scale * translation[:, 0]) / side
    y = (centre[:, 1] - scale * translation[:, 1]) / side
    place = torch.stack([x, y, torch.log(scale * 100 / side)], -1)
    return matrix_to_euler(_to_sight(translation) @ rotation), place


def camera_pose(face: Face, camera: tuple[Tensor, Tensor], side: int) -> tuple[Tensor, Tensor]:
    """Rotation (B, 3, 3) and translation (B, 3) cm before a view's camera (focal (B,), centre (B, 2) px)."""
    focal, centre = camera
    scale = torch.exp(face.place[:, 2]) * side / 100
    depth = focal / scale
    x = (face.place[:, 0] * side - centre[:, 0]) / scale
    y = -(face.place[:, 1] * side - centre[:, 1]) / scale
    translation = torch.stack([x, y, -depth], -1)
    return _to_sight(translation).mT @ euler_to_matrix(face.rotation), translation


def _to_sight(translation: Tensor) -> Tensor:
    """(B, 3, 3) shortest rotation of the direction to a point (B, 3) onto the camera's own axis −z."""
    direction = F.normalize(translation, dim=-1)
    x, y, z = direction.unbind(-1)
    # Rodrigues' formula for the axis d × (0, 0, −1) = (−y, x, 0) and cosine −z.
    zero, cosine = torch.zeros_like(x), -z
    cross = torch.stack([zero, zero, x, zero, zero, y, -x, -y, zero], -1).reshape(*x.shape, 3, 3)  # (B, 9) -> (B, 3, 3)
    return torch.eye(3) + cross + cross @ cross / (1 + cosine)[..., None, None]
