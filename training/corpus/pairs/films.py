"""Pairs from filmed talkers: one frame is the portrait; other frames are truths, posed on their landmarks.

The truths of a source are runs of neighbouring frames, so that a loss can compare how pictures change in time. The runs
surround the frames that change most: every blink, the widest open mouths, the broadest and the narrowest mouth, the
head farthest from its place in the source, some random frames, and some frames of another clip of the talker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.portrait.fit import fit_portrait
from core.readback.extract import CLOSED_LIDS
from core.readback.pieces import BadClip
from core.readback.track import lid_ratio

from ...common.folders import LANDMARKS
from ...common.splits import generator_split
from ...tracking import video
from ...tracking.landmarks import load_or_track, mouth_shape
from ...tracking.tracks import ADDRESSES, CORPORA, filmed_talkers
from .pair import Pair
from .portraits import seed_of
from .poses import Source, Truth

SOURCES = {"train": 48, "validation": 10, "test": 10, "unseen": 10}
"""Largest number of sources of one talker in each split. The clips of a talker take turns."""
SOURCES_OF_CLIP = 4
"""Largest number of sources in one clip."""
SHUT = 0.5
"""Openness of the lids, where 1 is the clip's usual one, below which a frame can be the deepest of a blink."""
OPENED = 0.85
"""Openness at which a blink begins and ends."""
BLINKS, MOUTHS, RANDOM, OTHER_CLIP = 3, 2, 2, 2
"""Blinks, open mouths, random frames, and frames of another clip among the truths of a source."""
REACH = 6
"""Frames around the deepest one that a blink has at most, on either side."""
APART = 5
"""Frames between two open mouths or two blinks."""


@dataclass(frozen=True)
class Film:
    """A filmed clip: its file, its corpus (``training.tracking.tracks.CORPORA``) and its name."""

    path: Path
    corpus: str
    name: str


@dataclass(frozen=True)
class ClipFrames:
    """Frames (T, H, W, 3) uint8 of a clip, their landmarks (T, 478, 3) px, mouth opening and width (T,) divided by the
    outer-eye distance, and the lids' openness (T,), where 1 is the clip's usual openness."""

    name: str
    frames: np.ndarray
    landmarks: np.ndarray
    opening: np.ndarray
    width: np.ndarray
    lids: np.ndarray

    @classmethod
    def read(cls, film: Film, model: LandmarkModel) -> ClipFrames:
        """Decode a clip; raises OSError or BadClip."""
        landmarks, _ = load_or_track(film.path, LANDMARKS / film.corpus / f"{film.name}.npz")
        frames = np.stack(list(video.frames(film.path)))
        if len(frames) != len(landmarks):
            raise BadClip(f"{len(frames)} frames, but {len(landmarks)} were tracked")
        opening, width = mouth_shape(landmarks)
        ratio = lid_ratio(torch.from_numpy(landmarks[..., :2].copy()), model).mean(1).numpy()
        lids = (ratio / np.median(ratio) - CLOSED_LIDS) / (1 - CLOSED_LIDS)
        return cls(film.name, frames, landmarks, opening, width, lids)


def films(data: Path, part: str) -> dict[str, list[Film]]:
    """The clips of a split by talker, in a shuffled order."""
    found: dict[str, list[Film]] = {}
    for corpus in CORPORA:
        for talker, clips in filmed_talkers(data, corpus).items():
            chosen = [Film(path, corpus, name) for name, path in clips.items() if generator_split(name) == part]
            order = np.random.default_rng(0).permutation(len(chosen))
            if chosen:
                found[talker] = [chosen[i] for i in order]
    return found


def sittings(data: Path, part: str) -> Mapping[str, tuple[Film, Film | None, int]]:
    """The sources of a split by name: the clip, another clip of the same recording day or None, and the source's number
    in the clip.

    The addresses were recorded on different days, so none of them has another clip.
    """
    found = {}
    for clips in films(data, part).values():
        numbered = [(number, place) for number in range(SOURCES_OF_CLIP) for place in range(len(clips))]
        for number, place in numbered[: SOURCES[part]]:
            film, other = clips[place], clips[(place + 1) % len(clips)]
            alone = film is other or film.corpus == ADDRESSES
            found[f"{film.name} {number}"] = (film, None if alone else other, number)
    # In random order, so that the first shards already show all talkers.
    names = list(found)
    return {names[i]: found[names[i]] for i in np.random.default_rng(0).permutation(len(names))}


def film_pairs(head: HeadModel, model: LandmarkModel, film: Film, other: Film | None, number: int) -> list[Pair]:
    """Pairs of source ``number`` of a clip, with some truths from ``other``. Raises BadClip, OSError or BadInputError.

    The pairs of neighbouring frames follow each other. ``facts`` has their ``clip``, ``frame`` and ``source``.
    """
    rng = seed_of(f"{film.name} {number}")
    clip = ClipFrames.read(film, model)
    place = _source_frame(clip, rng)
    source = Source(head, fit_portrait(clip.frames[place], name=film.name))
    truths = _truths(source, clip, truth_frames(clip, place, rng))
    if other is not None:
        beside = ClipFrames.read(other, model)
        middles = rng.choice(np.arange(1, len(beside.frames) - 1), OTHER_CLIP, replace=False)
        chosen = sorted({int(i) + step for i in middles for step in (-1, 0, 1)})
        truths += _truths(source, beside, dict.fromkeys(chosen, "another clip"))
    facts = {"kind": "films", "name": film.name, "split": generator_split(film.name), "source": str(place)}
    return source.pairs(truths, facts, shoulders_move=True, own_background=False)


def _source_frame(clip: ClipFrames, rng: np.random.Generator) -> int:
    """A frame with open eyes, like a portrait; in two of three clips also with a closed mouth."""
    usable = np.abs(clip.lids - 1) < 0.2
    if rng.random() < 2 / 3:
        usable &= clip.opening <= np.quantile(clip.opening[usable], 0.3)
    return int(rng.choice(np.flatnonzero(usable)))


def blinks(lids: np.ndarray) -> list[range]:
    """The deepest blinks of a clip with openness (T,): each from the last open frame before to the first one after it,
    at most ``REACH`` frames away."""
    found = []
    for k in peaks(-lids, BLINKS):
        if lids[k] > SHUT:
            continue
        first = next((i for i in range(k, max(k - REACH, 0), -1) if lids[i] > OPENED), max(k - REACH, 0))
        last = next((i for i in range(k, min(k + REACH, len(lids) - 1)) if lids[i] > OPENED), k + REACH)
        found.append(range(first, min(last, len(lids) - 1) + 1))
    return found


def peaks(values: np.ndarray, count: int) -> list[int]:
    """Places of at most ``count`` largest values (T,) that are at least ``APART`` frames from each other."""
    found: list[int] = []
    for k in np.argsort(-values, kind="stable"):
        if len(found) < count and all(abs(int(k) - other) >= APART for other in found):
            found.append(int(k))
    return found


def truth_frames(clip: ClipFrames, place: int, rng: np.random.Generator) -> dict[int, str]:
    """The truths of the source at frame ``place``, in the order of time: frames and why each was chosen."""
    moved = np.linalg.norm(clip.landmarks[:, :, :2] - clip.landmarks[place, :, :2], axis=-1).mean(1)
    middles = [(k, "wide mouth") for k in peaks(clip.opening, MOUTHS)]
    middles += [(int(clip.width.argmax()), "broadest mouth"), (int(clip.width.argmin()), "narrowest mouth")]
    middles += [(int(moved.argmax()), "farthest")]
    middles += [(int(k), "at random") for k in rng.choice(len(clip.frames), RANDOM, replace=False)]
    chosen: dict[int, str] = {i: "blink" for blink in blinks(clip.lids) for i in blink}
    for k, what in middles:
        middle = min(max(k, 1), len(clip.frames) - 2)
        for i in (middle - 1, middle, middle + 1):
            chosen.setdefault(i, what)
    return {i: chosen[i] for i in sorted(chosen) if i != place}


def _truths(source: Source, clip: ClipFrames, chosen: Mapping[int, str]) -> list[Truth]:
    """The truths of a clip's frames, which are ``chosen`` for a reason each. Lids keep their own measure: they move
    faster than a smooth fit does."""
    poses = source.poses_on(clip.landmarks)
    truths = []
    for i, what in chosen.items():
        pose = source.with_lids(poses[i], torch.full((2,), float(clip.lids[i])))
        truths.append(Truth(clip.frames[i], clip.landmarks[i], pose, what, {"clip": clip.name, "frame": str(i)}))
    return truths
