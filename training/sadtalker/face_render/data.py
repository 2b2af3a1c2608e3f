"""Two pictures of one person with the heads' poses and coefficients: what the face render trains on.

The pairs are the generator's (``training.corpus.pairs``). Where shoulders moved between both pictures, nobody could
know it from the coefficients, so the truth shows the source there: shoulders rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.head.head_model import HeadModel
from core.keypoints.anchors import anchor_places
from core.keypoints.mapping import windows
from core.keypoints.pose import HeadPose, head_pose
from core.motion.channels import EXPRESSIONS
from core.renderer.fields import resize

from ...common.folders import TRACKS
from ...corpus.pairs.pair import PairBatch
from ...generator.losses import LossWeights, importance

REGIONS = LossWeights(mouth=12.0, eyes=8.0, edge=1.0)
"""Additional weight of pixels in mouth, eyes and at the outline. They are small: with the generator's weights, which
are for windows around them, the decoder learned to draw nothing."""
SURE = 0.2
"""Weight of a pixel where truth and source are mixed."""


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


def middle(windows: Tensor) -> Tensor:
    """(B, 59) coefficients of the middle frame of windows (B, 2 · radius + 1, 59)."""
    return windows[:, windows.shape[1] // 2]


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
