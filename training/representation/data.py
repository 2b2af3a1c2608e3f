"""Face views with their motion and sound on disk, and the training batches of the representation.

A set is a folder of arrays (``.npy``, mapped into memory): N views from clips. The views of a clip have the same
person, light and place of the view.

| array | shape | content |
|---|---|---|
| views | (N, S, S, 3) uint8 | ``core.face.face_view`` |
| channels | (N, 59) float32 | the 59 channels, with the head's rotation in the camera's axes |
| observed | (N, 59) bool | which of them are known |
| clip, frame | (N,) int32 | clip of each view, and its frame there |
| person | (clips,) int32 | person of each clip; −1: each view shows another person |
| sounds | (clips + 1,) int64 | clip i has mel rows ``4 sounds[i] : 4 sounds[i + 1]``; no rows: no sound |
| mel | (M, 80) float16 | ``core.sound.whisper.front_end`` |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import SoliloquyError
from core.motion.channels import CHANNELS, GROUPS
from core.sound.lips import LipModel
from core.sound.mel import MEL_BANDS, MELS_PER_FRAME

from ..common import folders
from ..common.arrays import save_folder

CACHE = folders.CACHE / "representation"
EVERYONE = -1
"""Person of a clip in which each view shows another person."""
ARRAYS = ("views", "channels", "observed", "clip", "frame", "person", "sounds", "mel")
CURVE_GROUPS = [
    [CHANNELS.index(name) for names in group for name in GROUPS[names]]
    for group in (("lips", "jaw"), ("cheeks", "nose"), ("brows",), ("blink",), ("gaze",), ("head",))
]
"""Columns of channels that are edited together."""


@dataclass(frozen=True)
class FilmedClip:
    """A clip to be stored: views (n, S, S, 3) uint8 of frames (n,), channels (n, 59), observed (59,) or (n, 59),
    person, and the sound (4 T, 80) or None."""

    views: np.ndarray
    frames: np.ndarray
    channels: np.ndarray
    observed: np.ndarray
    person: int
    mel: np.ndarray | None


def write_faces(folder: Path, clips: Iterable[FilmedClip]) -> int:
    """Store clips as a set; returns the number of views. The folder is either complete or absent."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
    heard, people = [0], []
    for index, clip in enumerate(clips):
        count = len(clip.frames)
        parts["views"].append(clip.views)
        parts["channels"].append(clip.channels.astype(np.float32))
        parts["observed"].append(np.broadcast_to(clip.observed, clip.channels.shape))
        parts["clip"].append(np.full(count, index, np.int32))
        parts["frame"].append(np.asarray(clip.frames, np.int32))
        people.append(clip.person)
        mel = np.zeros((0, MEL_BANDS), np.float16) if clip.mel is None else clip.mel.astype(np.float16)
        parts["mel"].append(mel)
        heard.append(heard[-1] + len(mel) // MELS_PER_FRAME)
    arrays = {name: np.concatenate(values) for name, values in parts.items() if values}
    arrays |= {"person": np.array(people, np.int32), "sounds": np.array(heard, np.int64)}
    save_folder(folder, {name: arrays[name] for name in ARRAYS})
    return len(arrays["clip"])


@dataclass(frozen=True)
class Batch:
    """Views of several clips, ``each`` views of one clip after the other; B = clips · each.

    Attributes
    ----------
    views
        (B, 3, S, S) float 0–1.
    channels, observed
        (B, 59) float32 and bool.
    person, alike
        (B,) long, different numbers for different people over all sets; and (B,) bool, whether the clip's other views
        show the same person.
    parts
        Number of equal stretches of the batch, each from one set.
    f_a, f_l
        (B, d_a) standardised and (B, 32); zero where ``heard`` (B,) is false.
    f_v
        (B, d_v) of the changed views, with one of several random changes for each clip, if it was computed beforehand
        (``training.representation.seen``).
    """

    views: Tensor
    channels: Tensor
    observed: Tensor
    person: Tensor
    alike: Tensor
    f_a: Tensor
    f_l: Tensor
    heard: Tensor
    each: int
    parts: int = 1
    f_v: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        moved: dict[str, Any] = {name: v.to(device) for name, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved)


class Faces:
    """A set on disk, with f_a and f_l of its sound.

    Raises SoliloquyError ``faces_missing`` if the folder is not a set.
    """

    def __init__(self, folder: Path, first_person: int = 0) -> None:
        try:
            for name in ARRAYS:
                setattr(self, name, np.load(folder / f"{name}.npy", mmap_mode="r" if name == "views" else None))
        except (OSError, ValueError) as error:
            raise SoliloquyError(
                "faces_missing",
                f"There are no face views in {folder}.",
                f"Make them: python -m training.representation prepare {folder.name.split('-')[0]}",
            ) from error
        self.name, self.first_person = folder.name, first_person
        self.clips = len(self.person)
        self.rows = [np.flatnonzero(self.clip == index) for index in range(self.clips)]
        self.f_a: np.ndarray | None = None
        self.f_l: np.ndarray | None = None
        self.f_v: np.ndarray | None = None  # (disguises, N, d_v)

    views: np.ndarray
    channels: np.ndarray
    observed: np.ndarray
    clip: np.ndarray
    frame: np.ndarray
    person: np.ndarray
    sounds: np.ndarray
    mel: np.ndarray

    @property
    def side(self) -> int:
        """Side of the views, pixels."""
        return int(self.views.shape[1])

    def heard(self, clip: int) -> bool:
        """Whether a clip has sound."""
        return bool(self.sounds[clip + 1] > self.sounds[clip])

    @torch.no_grad()
    def listen(self, lips: LipModel) -> None:
        """Compute f_a (Σ T, d_a) and f_l (Σ T, 32) of all the sound."""
        codes = [
            lips.lip_features(
                torch.from_numpy(
                    self.mel[MELS_PER_FRAME * self.sounds[i] : MELS_PER_FRAME * self.sounds[i + 1]].astype(np.float32)
                )[None].to(lips.rest.device)
            )
            for i in range(self.clips)
            if self.heard(i)
        ]
        joined = [torch.cat([pair[k][0] for pair in codes]).cpu().numpy() for k in (0, 1)] if codes else [None, None]
        self.f_l, self.f_a = joined

    def sound_rows(self, rows: np.ndarray) -> np.ndarray:
        """Row of f_a and f_l for each view; −1 if its clip has no sound."""
        clip = self.clip[rows]
        silent = self.sounds[clip + 1] == self.sounds[clip]
        return np.where(silent, -1, self.sounds[clip] + self.frame[rows])


class Mixture:
    """Batches from several sets.

    Parameters
    ----------
    sets, shares
        How often a clip of a batch comes from each set.
    lips
        Lip model that gives f_a and f_l. f_a is standardised by its mean and deviation over the first set's sound, so
        that all entries count equally.
    side
        Side, in pixels, to which the views are resized.
    """

    def __init__(self, sets: Sequence[Faces], shares: Sequence[float], lips: LipModel, side: int) -> None:
        self.sets, self.shares, self.side = list(sets), np.asarray(shares, np.float64) / np.sum(shares), side
        for faces in self.sets:
            faces.listen(lips)
        known = [faces.f_a for faces in self.sets if faces.f_a is not None]
        width = lips.config.adapter.width
        self.sound_mean = known[0].mean(0) if known else np.zeros(width, np.float32)
        self.sound_scale = known[0].std(0) + 1e-3 if known else np.ones(width, np.float32)
        self.widths = (width, lips.config.code)

    def draw(
        self,
        clips: int,
        each: int,
        rng: np.random.Generator,
        gap: int = 4,
        heard: bool = False,
        evenly: bool = False,
    ) -> Batch:
        """``clips`` clips with ``each`` views that are at least ``gap`` frames apart, if the clip is long enough.

        With ``heard`` only sets with sound are used. With ``evenly`` each set gives the same number of clips, one set
        after the other.
        """
        usable = np.array([faces.f_a is not None or not heard for faces in self.sets])
        shares = self.shares * usable
        picks: list[tuple[Faces, np.ndarray]] = []
        parts = int(usable.sum()) if evenly and clips % usable.sum() == 0 else 1
        if parts > 1:
            sequence = np.repeat(np.flatnonzero(usable), clips // parts)
        else:
            sequence = rng.choice(len(self.sets), size=clips, p=shares / shares.sum())
        for which in sequence:
            faces = self.sets[which]
            rows = faces.rows[rng.integers(faces.clips)]
            picks.append((faces, spread_rows(rows, faces.frame[rows], each, gap, rng)))
        seen = [faces.f_v[rng.integers(len(faces.f_v)), rows] for faces, rows in picks if faces.f_v is not None]
        f_v = torch.from_numpy(np.concatenate(seen)).float() if len(seen) == clips else None
        return replace(self._batch(picks, each), parts=parts, f_v=f_v)

    def draw_curves(self, count: int, rng: np.random.Generator) -> Batch:
        """Channels (count, 59) without views, as an artist may edit them, and ``count`` f_l of speech.

        Half of the rows are from one moment. In the others each group (lips and jaw together) is from another moment
        and has a random strength.
        """
        rows = [self._moment(rng) for _ in range(count)]
        channels = np.stack([faces.channels[row] for faces, row in rows])
        for i in range(0, count, 2):
            for group in CURVE_GROUPS:
                faces, row = rows[rng.integers(count)]
                channels[i, group] = faces.channels[row, group] * rng.uniform(0.3, 1.5)
        heard = [faces for faces in self.sets if faces.f_l is not None]
        f_l = np.zeros((count, self.widths[1]), np.float32)
        if heard:
            codes = heard[rng.integers(len(heard))].f_l
            assert codes is not None
            f_l = codes[rng.integers(len(codes), size=count)]
        none = torch.zeros(0, 3, self.side, self.side)
        everyone = torch.ones(count, dtype=torch.bool)
        return Batch(
            views=none,
            channels=torch.from_numpy(channels),
            observed=everyone[:, None].expand(-1, len(CHANNELS)),
            person=torch.zeros(count, dtype=torch.long),
            alike=everyone,
            f_a=torch.zeros(count, self.widths[0]),
            f_l=torch.from_numpy(f_l),
            heard=everyone & bool(heard),
            each=1,
        )

    def _moment(self, rng: np.random.Generator) -> tuple[Faces, int]:
        faces = self.sets[rng.choice(len(self.sets), p=self.shares)]
        return faces, int(rng.integers(len(faces.clip)))

    def _batch(self, picks: list[tuple[Faces, np.ndarray]], each: int) -> Batch:
        f_a = np.zeros((len(picks) * each, self.widths[0]), np.float32)
        f_l = np.zeros((len(picks) * each, self.widths[1]), np.float32)
        heard = np.zeros(len(picks) * each, bool)
        for i, (faces, rows) in enumerate(picks):
            sound = faces.sound_rows(rows)
            if faces.f_a is not None and faces.f_l is not None and (sound >= 0).all():
                part = slice(i * each, (i + 1) * each)
                f_a[part] = (faces.f_a[sound] - self.sound_mean) / self.sound_scale
                f_l[part], heard[part] = faces.f_l[sound], True
        people = np.concatenate([faces.first_person + faces.person[faces.clip[rows]] for faces, rows in picks])
        alike = np.concatenate([faces.person[faces.clip[rows]] != EVERYONE for faces, rows in picks])
        people = np.where(alike, people, -1 - np.arange(len(people)))
        return Batch(
            views=as_input(np.concatenate([faces.views[rows] for faces, rows in picks]), self.side),
            channels=torch.from_numpy(np.concatenate([faces.channels[rows] for faces, rows in picks])),
            observed=torch.from_numpy(np.concatenate([faces.observed[rows] for faces, rows in picks])),
            person=torch.from_numpy(people).long(),
            alike=torch.from_numpy(alike),
            f_a=torch.from_numpy(f_a),
            f_l=torch.from_numpy(f_l),
            heard=torch.from_numpy(heard),
            each=each,
        )

    def channel_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (59,) of the observed channels; each set counts by its share.

        The deviation is at least :func:`least_spread`.
        """
        known = [faces.observed.astype(np.float64) for faces in self.sets]
        weights = [share * k / max(k.sum(0).max(), 1) for share, k in zip(self.shares, known, strict=True)]
        total = np.maximum(sum(w.sum(0) for w in weights), 1e-9)
        pairs = list(zip(self.sets, weights, strict=True))
        mean = sum((faces.channels * w).sum(0) for faces, w in pairs) / total
        spread = np.sqrt(sum((np.square(faces.channels - mean) * w).sum(0) for faces, w in pairs) / total)
        return torch.from_numpy(mean).float(), torch.from_numpy(np.maximum(spread, least_spread())).float()


def least_spread() -> np.ndarray:
    """(59,) smallest deviation of a channel that is not just noise: 0.03 for weights, 1 degree, 0.2 cm."""
    return np.array([0.03] * (len(CHANNELS) - 6) + [np.deg2rad(1.0)] * 3 + [0.2] * 3)


def spread_rows(rows: np.ndarray, frames: np.ndarray, count: int, gap: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` of ``rows`` in random order whose ``frames`` are at least ``gap`` apart, if there are enough.

    Neighbouring frames have almost the same sound, so they would be misleading negatives of each other.
    """
    chosen: list[int] = []
    order = rng.permutation(len(rows))
    for i in order:
        if len(chosen) == count:
            break
        if all(abs(int(frames[i]) - int(frames[j])) >= gap for j in chosen):
            chosen.append(int(i))
    rest = [int(i) for i in order if i not in set(chosen)]
    chosen += rest[: count - len(chosen)]
    while len(chosen) < count:
        chosen.append(int(rng.integers(len(rows))))
    return rows[np.array(chosen)]


def as_input(views: np.ndarray, side: int) -> Tensor:
    """(B, S, S, 3) uint8 → (B, 3, side, side) float 0–1, channels last in memory, which is faster for convolutions."""
    pictures = torch.from_numpy(views).permute(0, 3, 1, 2).float() / 255.0
    if pictures.shape[-1] == side:
        return pictures
    return nn.functional.interpolate(pictures, size=(side, side), mode="bilinear", antialias=True)
