"""What R learns from: synthetic views with exact truth, tracked frames of GRID's talkers, fits of portraits.

All are face views with their truth in the view's own camera. Real views are cut anew each time with a little error of
framing, as R will be given them; synthetic ones were rendered with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import BadInputError
from core.face.face_view import VIEW_SIDE, clip_similarity, face_view, to_view
from core.face.reconstruction import view_camera
from core.head.rotation import euler_to_matrix
from core.portrait.portrait import Portrait, load_portrait

from ..common.splits import portrait_split
from ..corpus.dataset import Corpus
from ..corpus.synthetic.motions import gaze_of
from ..corpus.synthetic.skins import PORTRAITS
from ..corpus.synthetic.views import SyntheticViews

CROP = 256
"""Side of the crop of a portrait that is kept in memory, pixels."""
FRAMING_ERROR = (0.05, 0.035, 0.025)
"""Standard deviations of log scale, turn (radians) and shift (shares of the side) of a badly framed view."""


@dataclass(frozen=True)
class Example:
    """One view (128, 128, 3) uint8 and its truth, pixels of the view; ``light`` is None where nobody knows it."""

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
    """A view's similarity with an error: half of the views a quarter of ``FRAMING_ERROR``, the others all of it."""
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
    """The view of a picture and what is known of it there.

    Parameters
    ----------
    person
        Identity and expression.
    pose, camera
        Rotation (3, 3) and translation (3,) before the picture's camera, its focal length and centre (2,), pixels.
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
    """Frames of a corpus of clips, drawn at random; clips of one talker count together as one."""

    def __init__(self, folder: Path, split: str | Sequence[str]) -> None:
        self.clips = list(Corpus.open(folder, split))
        self._poses: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def of(self, clip: int, frame: int, rng: np.random.Generator | None = None) -> Example:
        """A frame; without ``rng`` well framed."""
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
        """A frame of a clip."""
        clip = int(rng.integers(len(self.clips)))
        return self.of(clip, int(rng.integers(self.clips[clip].frames)), rng)


class PortraitExamples:
    """The portraits of one split with the fits of ``core.portrait``; those that can't be fitted are left out."""

    def __init__(self, folder: Path, split: str, limit: int | None = None) -> None:
        paths = [path for path in sorted(folder.glob("*.jpg")) if portrait_split(path.stem) == split]
        self.portraits: list[Portrait] = []
        for path in paths[:limit]:
            try:
                self.portraits.append(_cropped(load_portrait(path, PORTRAITS)))
            except BadInputError:
                continue

    def of(self, index: int, rng: np.random.Generator | None = None) -> Example:
        """A portrait; without ``rng`` well framed."""
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
        """Any portrait."""
        return self.of(int(rng.integers(len(self.portraits))), rng)


def _cropped(portrait: Portrait) -> Portrait:
    """The portrait's crop, ``CROP`` pixels a side, with everything in its pixels: whole photographs fill the memory."""
    x, y, side = portrait.crop
    scale = CROP / side
    matrix = np.array([[scale, 0, -scale * x], [0, scale, -scale * y]])
    still = cv2.GaussianBlur(portrait.image, (0, 0), 0.4 / scale) if scale < 1 else portrait.image
    shifted = matrix.copy()
    shifted[:, 2] += (scale - 1) / 2  # OpenCV counts pixel centres at integers
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
        """Any view."""
        return self.of(int(rng.integers(len(self))))


def collate(examples: Sequence[Example]) -> dict[str, Tensor]:
    """A batch: view (B, 3, S, S) 0–1; the truth as tensors, light zero and ``lit`` (B,) False where unknown."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([np.asarray(getattr(e, name), np.float32) for e in examples]))

    batch = {f: stack(f) for f in ("identity", "expression", "rotation", "translation", "focal", "centre", "gaze")}
    batch["landmarks"] = stack("landmarks")
    views = torch.from_numpy(np.stack([e.view for e in examples]))
    batch["view"] = views.permute(0, 3, 1, 2).float() / 255  # (B, S, S, 3) -> (B, 3, S, S)
    dark = np.zeros((9, 3), np.float32)
    batch["light"] = torch.from_numpy(np.stack([dark if e.light is None else e.light for e in examples]))
    batch["lit"] = torch.tensor([e.light is not None for e in examples])
    return batch


def photographed(views: Tensor, rng: np.random.Generator) -> Tensor:
    """Views (B, 3, S, S) as other cameras would have taken them: focus, colours, contrast, noise, and things before
    the face. Nothing moves, so the truth stays true."""
    size = views.shape[-1]
    out = []
    for view in views.split(1):
        if rng.random() < 0.5:  # resolution lost and blown up again
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
