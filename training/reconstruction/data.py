"""Training data of R: synthetic views with exact truth, tracked frames of GRID's talkers, fits of portraits.

All are face views with their truth in the view's own camera. Real views are cut again each time with a small framing
error, as in use; synthetic views were rendered with such errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import BadInputError
from core.face.face_view import VIEW_SIDE, clip_similarity, face_view, to_view
from core.face.reconstruction import view_camera
from core.motion.rotations import euler_to_matrix
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait

from ..common.folders import PORTRAITS
from ..common.splits import portrait_split
from ..corpus.dataset import Corpus
from ..corpus.synthetic.motions import gaze_of
from ..corpus.synthetic.views import SyntheticViews

CROP = 256
"""Side of the portraits' crops in memory, pixels."""
FRAMING_ERROR = (0.05, 0.035, 0.025)
"""Standard deviations of log scale, turn (radians) and shift (shares of the side) of a badly framed view."""


@dataclass(frozen=True)
class Example:
    """One view (128, 128, 3) uint8 and its truth, in pixels of the view; ``light`` is None if unknown."""

    view: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    centre: np.ndarray
    gaze: np.ndarray
    landmarks: np.ndarray
    light: np.ndarray | None = None


def misframed(similarity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A view's similarity with a random error: of size ``FRAMING_ERROR`` for half of the views, a quarter for the
    others."""
    error = 1.0 if rng.random() < 0.5 else 0.25
    scale, turn, shift = np.exp(error * rng.normal(0, FRAMING_ERROR[0])), *(error * np.array(FRAMING_ERROR[1:]))
    angle = rng.normal(0, turn)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([0.5, 0.5])
    moved = np.column_stack([linear @ similarity[:, :2], linear @ (similarity[:, 2] - middle) + middle])
    moved[:, 2] += rng.normal(0, shift, 2)
    return moved


def cut_example(
    picture: np.ndarray,
    landmarks: np.ndarray,
    person: tuple[np.ndarray, np.ndarray],
    pose: tuple[np.ndarray, np.ndarray],
    camera: tuple[float, np.ndarray],
    similarity: np.ndarray,
) -> Example:
    """The view of a picture with its truth.

    Parameters
    ----------
    person
        Identity and expression.
    pose, camera
        Rotation (3, 3) and translation (3,) in the axes of the picture's camera; its focal length and centre (2,), px.
    """
    given = (torch.tensor([camera[0]]), torch.from_numpy(np.asarray(camera[1]))[None])
    focal, centre, roll = view_camera(
        given[0].double(), given[1].double(), torch.from_numpy(similarity)[None], VIEW_SIDE
    )
    turn = roll[0].numpy()
    return Example(
        view=face_view(picture, similarity),
        identity=person[0],
        expression=person[1],
        rotation=turn @ pose[0],
        translation=turn @ pose[1],
        focal=float(focal),
        centre=centre[0].numpy(),
        gaze=gaze_of(person[1]),
        landmarks=to_view(landmarks[:, :2], similarity),
    )


class GridExamples:
    """Random frames of a corpus of clips."""

    def __init__(self, folder: Path, split: str | Sequence[str]) -> None:
        self.clips = list(Corpus.open(folder, split))
        self._poses: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def of(self, clip: int, frame: int, rng: np.random.Generator | None = None) -> Example:
        """A frame; well framed without ``rng``."""
        chosen = self.clips[clip]
        if chosen.name not in self._poses:
            self._poses[chosen.name] = chosen.absolute_pose()
        rotation, translation = self._poses[chosen.name]
        similarity = chosen.view_similarity if rng is None else misframed(chosen.view_similarity, rng)
        focal, x, y = chosen.camera
        return cut_example(
            chosen.picture(frame),
            chosen.landmarks[frame],
            (chosen.identity, chosen.expression[frame]),
            (rotation[frame], translation[frame]),
            (focal, np.array([x, y])),
            similarity,
        )

    def draw(self, rng: np.random.Generator) -> Example:
        """A random frame of a random clip."""
        clip = int(rng.integers(len(self.clips)))
        return self.of(clip, int(rng.integers(self.clips[clip].frames)), rng)


class PortraitExamples:
    """The portraits of one split with the fits of ``core.portrait``, without portraits that can't be fitted."""

    def __init__(self, folder: Path, split: str, limit: int | None = None) -> None:
        paths = [path for path in sorted(folder.glob("*.jpg")) if portrait_split(path.stem) == split]
        self.portraits: list[Portrait] = []
        for path in paths[:limit]:
            try:
                self.portraits.append(_cropped(load_portrait(path, PORTRAITS)))
            except BadInputError:
                continue

    def of(self, index: int, rng: np.random.Generator | None = None) -> Example:
        """A portrait; well framed without ``rng``."""
        chosen = self.portraits[index]
        similarity = clip_similarity(chosen.landmarks)
        return cut_example(
            chosen.image,
            chosen.landmarks,
            (chosen.identity, chosen.expression),
            (euler_to_matrix(chosen.rotation.astype(np.float64)), chosen.translation),
            (chosen.focal, np.asarray(chosen.centre, np.float64)),
            similarity if rng is None else misframed(similarity, rng),
        )

    def draw(self, rng: np.random.Generator) -> Example:
        """A random portrait."""
        return self.of(int(rng.integers(len(self.portraits))), rng)


def _cropped(portrait: Portrait) -> Portrait:
    """The portrait's crop, ``CROP`` pixels a side, with all facts in its pixels. Whole photographs would fill the
    memory.
    """
    x, y, side = portrait.crop
    scale = CROP / side
    matrix = np.array([[scale, 0, -scale * x], [0, scale, -scale * y]])
    still = cv2.GaussianBlur(portrait.image, (0, 0), 0.4 / scale) if scale < 1 else portrait.image
    shifted = matrix.copy()
    shifted[:, 2] += (scale - 1) / 2  # OpenCV has pixel centres at integers
    image = cv2.warpAffine(still, shifted, (CROP, CROP), borderMode=cv2.BORDER_REPLICATE)
    points = portrait.landmarks.copy()
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return Portrait(
        image=image,
        landmarks=points,
        identity=portrait.identity,
        expression=portrait.expression,
        rotation=portrait.rotation,
        translation=portrait.translation,
        focal=portrait.focal * scale,
        centre=np.asarray(portrait.centre) @ matrix[:, :2].T + matrix[:, 2],
        crop=(0.0, 0.0, float(CROP)),
        residual=portrait.residual,
        digest=portrait.digest,
    )


class SyntheticExamples:
    """Rendered views of one split."""

    def __init__(self, folder: Path, split: str, limit: int | None = None) -> None:
        self.views = SyntheticViews(split, folder, limit)

    def __len__(self) -> int:
        return len(self.views)

    def of(self, index: int) -> Example:
        """A view."""
        truth = {name: values[index] for name, values in self.views.truth.items()}
        rotation = euler_to_matrix(truth.pop("rotation").astype(np.float64))
        return Example(view=self.views[index], rotation=rotation, **truth)

    def draw(self, rng: np.random.Generator) -> Example:
        """A random view."""
        return self.of(int(rng.integers(len(self))))


@dataclass(frozen=True)
class Batch:
    """B views and their truth, in pixels of the view and in the axes of its camera.

    Attributes
    ----------
    view
        (B, 3, S, S) RGB 0–1.
    identity, expression
        (B, I) and (B, 53).
    rotation, translation
        (B, 3, 3) and (B, 3) cm.
    focal, centre
        (B,) and (B, 2) px.
    gaze
        (B, 2 eyes, 2) yaw and pitch, radians.
    landmarks
        (B, P, 2) px.
    light, lit
        (B, 9, 3) irradiance, and (B,) bool whether it is known; unknown light is 0.
    """

    view: Tensor
    identity: Tensor
    expression: Tensor
    rotation: Tensor
    translation: Tensor
    focal: Tensor
    centre: Tensor
    gaze: Tensor
    landmarks: Tensor
    light: Tensor
    lit: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """Several batches as one."""
        return cls(**{field.name: torch.cat([getattr(b, field.name) for b in batches]) for field in fields(cls)})


def collate(examples: Sequence[Example]) -> Batch:
    """The examples as a batch."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([np.asarray(getattr(e, name), np.float32) for e in examples]))

    views = torch.from_numpy(np.stack([e.view for e in examples]))
    dark = np.zeros((9, 3), np.float32)
    return Batch(
        view=views.permute(0, 3, 1, 2).float() / 255,  # (B, S, S, 3) -> (B, 3, S, S)
        identity=stack("identity"),
        expression=stack("expression"),
        rotation=stack("rotation"),
        translation=stack("translation"),
        focal=stack("focal"),
        centre=stack("centre"),
        gaze=stack("gaze"),
        landmarks=stack("landmarks"),
        light=torch.from_numpy(np.stack([dark if e.light is None else e.light for e in examples])),
        lit=torch.tensor([e.light is not None for e in examples]),
    )


def photographed(views: Tensor, rng: np.random.Generator) -> Tensor:
    """Views (B, 3, S, S) as other cameras would have taken them: focus, colours, contrast, noise, and objects in front
    of the face. Nothing moves, so the truth stays valid."""
    size = views.shape[-1]
    out = []
    for view in views.split(1):
        if rng.random() < 0.5:  # lose resolution, then enlarge again
            small = int(size * rng.uniform(0.35, 0.9))
            view = F.interpolate(F.interpolate(view, (small, small), mode="area"), (size, size), mode="bilinear")
        gain = torch.from_numpy(np.exp(rng.normal(0, 0.08, (1, 3, 1, 1)) + rng.normal(0, 0.15))).float()
        view = (view.clamp(1e-3, 1) ** float(np.exp(rng.normal(0, 0.2)))) * gain
        if rng.random() < 0.1:
            view = view.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        if rng.random() < 0.15:
            x, y = rng.integers(0, size, 2)
            w, h = rng.integers(size // 10, size // 3, 2)
            view = view.clone()
            view[..., y : y + h, x : x + w] = torch.from_numpy(rng.random((1, 3, 1, 1))).float()
        noise = np.abs(rng.normal(0, 0.02))
        grain = torch.from_numpy(rng.standard_normal((1, 3, size, size), dtype=np.float32))
        out.append((view + float(noise) * grain).clamp(0, 1))
    return torch.cat(out)
