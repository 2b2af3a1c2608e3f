"""Two pictures of one person with the heads' poses and coefficients: what the face render trains on.

The pairs are the generator's (``training.corpus.pairs``). Where shoulders moved between both pictures, nobody could
know it from the coefficients, so the truth shows the source there: shoulders rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.head.head_model import HeadModel
from core.keypoints.anchors import MIRRORED, anchor_places
from core.keypoints.mapping import windows
from core.keypoints.pose import HeadPose, head_pose
from core.motion.channels import CHANNELS, EXPRESSIONS
from core.renderer.fields import resize

from ...common.folders import TRACKS
from ...common.mirror import HEAD_SIGNS, other_side
from ...corpus.pairs.pair import PairBatch
from ...generator.data import recolour
from ...generator.losses import LossWeights, importance

SHARES = {"films": 0.55, "portraits": 0.35, "own": 0.05, "lids": 0.05}
"""Share of each kind of pairs. Films show real motion, portraits many people."""
REGIONS = LossWeights(mouth=12.0, eyes=8.0, edge=1.0)
"""Additional weight of pixels in mouth, eyes and at the outline. They are small: with the generator's weights, which
are for windows around them, the decoder learned to draw nothing."""
SURE = 0.2
"""Weight of a pixel where truth and source are mixed."""


MIRROR_COLUMNS = [CHANNELS.index(other_side(name)) for name in CHANNELS]
"""Where each channel of a mirrored face comes from."""
MIRROR_SIGNS = torch.tensor([1.0] * len(EXPRESSIONS) + HEAD_SIGNS.tolist())
"""Its sign."""


@dataclass(frozen=True)
class Faces:
    """B pairs of pictures of one person each.

    Attributes
    ----------
    source, truth
        (B, 3, S, S) RGB 0–1.
    weight
        (B, 1, S, S): how much each pixel counts; more in mouth, eyes and at the outline.
    pose, driven_pose
        The heads' poses in both.
    anchors, driven_anchors
        (B, n, 2) where landmarks put the first keypoints in both, in the square's coordinates.
    window, driven_window
        (B, 2 · radius + 1, 59) coefficients around both: weights that the face shows, pose relative to the source.
    """

    source: Tensor
    truth: Tensor
    weight: Tensor
    pose: HeadPose
    driven_pose: HeadPose
    anchors: Tensor
    driven_anchors: Tensor
    window: Tensor
    driven_window: Tensor

    def to(self, device: torch.device) -> Faces:
        """The same pairs on a device."""
        return Faces(**{name: value.to(device) for name, value in vars(self).items()})


class Tracks:
    """Coefficients around the frames of films, from ``.cache/tracks``.

    A pair's own coefficients were fitted on its source, tracks on all clips of a talker, so their levels differ. A
    window has the pair's own coefficients in the middle; its other frames differ from them as the track does. Where
    there is no track, and for photographs, the face is held still.
    """

    def __init__(self, folder: Path = TRACKS) -> None:
        self.paths = {path.stem: path for path in sorted(folder.glob("*/*.npz"))}
        self._known: dict[str, Tensor] = {}

    def window(self, channels: Tensor, facts: dict[str, str], radius: int) -> Tensor:
        """(2 · radius + 1, 59) around a pair's ``channels`` (59,)."""
        still = channels.expand(2 * radius + 1, -1)
        path = self.paths.get(facts.get("clip", ""))
        if path is None:
            return still
        name = path.stem
        if name not in self._known:
            with np.load(path, allow_pickle=False) as track:
                parts = [track[part] for part in ("expression", "rotation", "translation")]
            self._known[name] = torch.from_numpy(np.concatenate(parts, 1).astype(np.float32))
        track, frame = self._known[name], int(facts["frame"])
        if frame >= len(track):
            return still
        moved = still + windows(track, radius)[frame] - track[frame]
        return torch.cat([moved[:, : len(EXPRESSIONS)].clamp(0, 1), moved[:, len(EXPRESSIONS) :]], 1)


class Pairs(Protocol):
    """Where pairs come from: ``training.corpus.pairs.dataset.ReenactmentPairs``, or a stand-in for it."""

    def batch(self, n: int, rng: np.random.Generator, shares: Mapping[str, float]) -> PairBatch:
        """``n`` random pairs."""


class FaceMaker:
    """Makes :class:`Faces` of the generator's pairs, with pictures of a ``side`` and windows of a ``radius``."""

    def __init__(self, head: HeadModel, side: int, radius: int, tracks: Tracks | None = None) -> None:
        self.head, self.side, self.radius = head, side, radius
        self.tracks = tracks or Tracks()

    def faces(self, pairs: PairBatch) -> Faces:
        """The pairs as faces."""
        valid = resize(pairs.valid, self.side, self.side)
        source, truth = (resize(picture, self.side, self.side) for picture in (pairs.source, pairs.truth))
        sure = SURE + (1 - SURE) * (2 * valid - 1).abs()
        interest = resize(importance(pairs.interest * pairs.valid, REGIONS), self.side, self.side)
        landmarks, driven_landmarks = (
            points * (2.0 / pairs.source.shape[-1]) - 1 for points in (pairs.source_landmarks, pairs.landmarks)
        )
        pose = head_pose(self.head, pairs.own, landmarks)
        motion = pairs.channels[:, len(EXPRESSIONS) :]
        shown = torch.cat([pairs.expression, motion], 1)
        driven = [self.tracks.window(row, facts, self.radius) for row, facts in zip(shown, pairs.facts, strict=True)]
        own = torch.cat([pairs.own, torch.zeros_like(motion)], 1)
        return Faces(
            source=source,
            truth=source + valid * (truth - source),
            weight=sure * interest,
            pose=pose,
            driven_pose=pose.moved(motion[:, :3], motion[:, 3:]),
            anchors=anchor_places(landmarks),
            driven_anchors=anchor_places(driven_landmarks),
            window=own[:, None].expand(-1, 2 * self.radius + 1, -1),
            driven_window=torch.stack(driven),
        )


class FaceSource:
    """Random batches for training, made of ``pairs``."""

    def __init__(self, maker: FaceMaker, pairs: Pairs) -> None:
        self.maker, self.pairs = maker, pairs

    def draw(self, count: int, rng: np.random.Generator) -> Faces:
        """``count`` random pairs, under varying light; half of them mirrored."""
        faces = self.maker.faces(recolour(self.pairs.batch(count, rng, SHARES), rng))
        return mirrored(faces, torch.from_numpy(rng.random(count) < 0.5))


def mirrored(faces: Faces, which: Tensor) -> Faces:
    """The pairs, those of ``which`` (B,) bool seen in a mirror."""

    def swapped(value: Tensor, other: Tensor) -> Tensor:
        return torch.where(which.reshape(-1, *(1,) * (value.dim() - 1)), other, value)

    def turned(pose: HeadPose) -> HeadPose:
        signs = torch.tensor([-1.0, 1.0, 1.0])
        rotation = swapped(pose.rotation, pose.rotation * signs[:, None] * signs)
        return HeadPose(rotation, swapped(pose.place, pose.place * signs[:2]), pose.scale)

    def across(anchors: Tensor) -> Tensor:
        return swapped(anchors, anchors[:, MIRRORED] * torch.tensor([-1.0, 1.0]))

    pictures = {name: getattr(faces, name) for name in ("source", "truth", "weight")}
    coefficients = {name: getattr(faces, name) for name in ("window", "driven_window")}
    return Faces(
        **{name: swapped(value, value.flip(-1)) for name, value in pictures.items()},
        **{name: swapped(value, value[..., MIRROR_COLUMNS] * MIRROR_SIGNS) for name, value in coefficients.items()},
        pose=turned(faces.pose),
        driven_pose=turned(faces.driven_pose),
        anchors=across(faces.anchors),
        driven_anchors=across(faces.driven_anchors),
    )
