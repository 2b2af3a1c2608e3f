"""Pairs from GRID's clips: one frame is the portrait; other frames of the talker are truths, posed on their landmarks.

The truths of a source are the frames that change most: the widest open mouth, the broadest and the narrowest mouth, the
deepest blink, the head farthest from its place in the source, some random frames, and two frames of another clip of the
talker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.portrait.fit import fit_portrait
from core.readback.extract import CLOSED_LIDS
from core.readback.track import lid_ratio

from ...common.splits import split
from ...tracking import video
from ...tracking.landmarks import BadClip, load_or_track, mouth_shape
from .pair import Pair
from .portraits import seed_of
from .poses import Source, Truth

RANDOM_TRUTHS = 2
OTHER_CLIP = 2
"""Truths from another clip of the talker."""
CLIPS = {"train": 64, "test": 24, "unseen": 24}
"""Number of clips in each split that give a source."""


@dataclass(frozen=True)
class ClipFrames:
    """Frames (T, H, W, 3) uint8 of a clip, their landmarks (T, 478, 3) px, mouth opening and width (T,) divided by the
    outer-eye distance, and the lids' openness (T,), where 1 is the clip's usual openness."""

    frames: np.ndarray
    landmarks: np.ndarray
    opening: np.ndarray
    width: np.ndarray
    lids: np.ndarray

    @classmethod
    def read(cls, path: Path, cache: Path, model: LandmarkModel) -> ClipFrames:
        """Decode a clip; raises OSError or BadClip."""
        landmarks, _ = load_or_track(path, cache / f"{clip_name(path)}.npz")
        frames = np.stack(list(video.frames(path)))
        if len(frames) != len(landmarks):
            raise BadClip(f"{len(frames)} frames, but {len(landmarks)} were tracked")
        opening, width = mouth_shape(landmarks)
        ratio = lid_ratio(torch.from_numpy(landmarks[..., :2].copy()), model).mean(1).numpy()
        lids = (ratio / np.median(ratio) - CLOSED_LIDS) / (1 - CLOSED_LIDS)
        return cls(frames, landmarks, opening, width, lids)


def clip_name(path: Path) -> str:
    """``s1_bbaf2n`` of ``…/s1/bbaf2n.mp4``."""
    return f"{path.parent.name}_{path.stem}"


def clips(data: Path, part: str) -> list[Path]:
    """The clips of a split that give a source, in a shuffled order."""
    files = [f for f in sorted((data / "grid").glob("*/*.mp4")) if split(clip_name(f)) == part]
    return [files[i] for i in np.random.default_rng(0).permutation(len(files))[: CLIPS[part]]]


def clip_pairs(head: HeadModel, model: LandmarkModel, path: Path, other: Path, cache: Path) -> list[Pair]:
    """Pairs of a clip, with some truths from ``other``, a clip of the same talker. Raises BadClip, OSError or
    BadInputError."""
    name = clip_name(path)
    rng = seed_of(name)
    clip = ClipFrames.read(path, cache, model)
    place = _source_frame(clip, rng)
    source = Source(head, fit_portrait(clip.frames[place], name=name))
    truths = [_truth(source, clip, i, f"frame {i} of {place}: {what}") for i, what in _truth_frames(clip, place, rng)]
    if other != path:
        beside = ClipFrames.read(other, cache, model)
        for i in rng.choice(len(beside.frames), OTHER_CLIP, replace=False):
            truths.append(_truth(source, beside, int(i), f"frame {i} of {clip_name(other)}"))
    facts = {"kind": "grid", "name": name, "split": split(name)}
    return source.pairs(truths, facts, shoulders_move=True, own_background=False)


def _source_frame(clip: ClipFrames, rng: np.random.Generator) -> int:
    """A frame with open eyes, like a portrait; in two of three clips also with a closed mouth."""
    usable = np.abs(clip.lids - 1) < 0.2
    if rng.random() < 2 / 3:
        usable &= clip.opening <= np.quantile(clip.opening[usable], 0.3)
    return int(rng.choice(np.flatnonzero(usable)))


def _truth_frames(clip: ClipFrames, place: int, rng: np.random.Generator) -> list[tuple[int, str]]:
    moved = np.linalg.norm(clip.landmarks[:, :, :2] - clip.landmarks[place, :, :2], axis=-1).mean(1)
    chosen = {
        int(clip.opening.argmax()): "widest mouth",
        int(clip.width.argmax()): "broadest mouth",
        int(clip.width.argmin()): "narrowest mouth",
        int(moved.argmax()): "farthest",
    }
    if clip.lids.min() < 0.5:
        chosen[int(clip.lids.argmin())] = "blink"
    for i in rng.choice(len(clip.frames), RANDOM_TRUTHS, replace=False):
        chosen.setdefault(int(i), "at random")
    return [(i, what) for i, what in chosen.items() if i != place]


def _truth(source: Source, clip: ClipFrames, i: int, what: str) -> Truth:
    landmarks = clip.landmarks[i]
    pose = source.with_lids(source.pose_on(landmarks), torch.full((2,), float(clip.lids[i])))
    return Truth(clip.frames[i], landmarks, pose, what)
