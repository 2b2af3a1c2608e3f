"""What the diffusion decoder learns from: whole motion of filmed talkers and of voices, with what is heard.

Filmed talkers give all 59 channels as they were tracked. Few were filmed, so most recordings are voices that nobody
filmed. Their mouths are those of the shipped lip model. Their heads, eyes and brows are drawn from published numbers,
half of them on the head motion of filmed addresses, as for the prior (``training.prior.data``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from core.facetalk.network import manner_of
from core.motion.channels import CHANNELS, LIP_COLUMNS, NONLIP_COLUMNS
from core.phones.phone_set import PHONES, SILENCE
from core.prior.features import channels_from_features
from core.sound.audio import load_audio
from core.sound.lips import Heard, LipModel
from core.sound.mel import log_mel
from core.sound.whisper.front_end import whisper_mel

from ..common.arrays import save_npz
from ..common.folders import CACHE
from ..common.splits import lips_split, split
from ..lips.data import FILMED
from ..lips.sound_offsets import in_time_of_sound
from ..prior.carriers import Carrier
from ..prior.data import FULL_BLINK, Clip, address_clip, carriers_of, track_files
from ..sadtalker.clips import LIDS, VOICES
from ..speech import visemes
from ..speech.prosody import analyse

STORE = CACHE / "facetalk"
"""What was prepared: a file for each recording."""
DRAWS = 4
"""Motions that are drawn for each voice."""
_SURE = 0.9
"""Share of silence in a frame that counts as silent."""


@dataclass(frozen=True, eq=False)
class Recording:
    """T frames of one talker.

    Attributes
    ----------
    name, talker
        The voices are one talker.
    phones
        (4 T, 40) float16 shares of the phones in each 10 ms.
    manner
        (T, 12) float32 of ``core.facetalk.network.manner_of``.
    motions
        (n, T, 59) float32: as filmed, or ``DRAWS`` motions that were drawn.
    filmed
        Whether somebody was filmed.
    """

    name: str
    talker: str
    phones: np.ndarray
    manner: np.ndarray
    motions: np.ndarray
    filmed: bool

    def __len__(self) -> int:
        return len(self.manner)


def filmed(part: str, lips: LipModel) -> list[Recording]:
    """The tracked clips with sound of one part of ``splits.lips_split``; empty if nothing was tracked."""
    paths = [path for corpus in FILMED for path in track_files(corpus) if lips_split(path.stem) == part]
    return [
        _prepared(path, path.stem.split("_")[0], partial(_filmed, path, lips))
        for path in paths
        if path.with_suffix(".wav").exists()
    ]


def voices(data: Path, lips: LipModel) -> list[Recording]:
    """LibriSpeech's and LJ Speech's training voices in ``data``."""
    carriers = carriers_of(address_clip(path) for path in track_files("obama") if split(path.stem) == "train")
    paths = [path for corpus in VOICES for path in sorted((data / corpus).glob("*.flac"))]
    return [
        _prepared(path, "voices", partial(_voice, path, lips, carriers))
        for path in paths
        if split(path.stem) == "train"
    ]


def mouth_at_rest(recordings: Sequence[Recording]) -> np.ndarray:
    """(27,) float32 weights of the mouth where silence is heard: the median."""
    silent = [
        r.phones[:, PHONES.index(SILENCE)].astype(np.float32).reshape(len(r), -1).mean(1) >= _SURE for r in recordings
    ]
    mouths = [r.motions[0][quiet][:, LIP_COLUMNS] for r, quiet in zip(recordings, silent, strict=True)]
    return np.median(np.concatenate(mouths), 0).astype(np.float32)


def _prepared(path: Path, talker: str, make: Callable[[], tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Recording:
    """A recording from the store, or made and put there."""
    stored = STORE / f"{path.stem}.npz"
    if not stored.exists():
        phones, manner, motions = make()
        save_npz(stored, phones=phones.astype(np.float16), manner=manner, motions=motions.astype(np.float32))
    with np.load(stored, allow_pickle=False) as kept:
        return Recording(path.stem, talker, kept["phones"], kept["manner"], kept["motions"], talker != "voices")


def _heard(samples: np.ndarray, frames: int, lips: LipModel) -> tuple[Heard, np.ndarray]:
    heard = lips.listen(whisper_mel(samples, frames))
    return heard, manner_of(heard, log_mel(samples, frames))


def _filmed(path: Path, lips: LipModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as track:
        motion = np.concatenate([track["expression"], track["rotation"], track["translation"]], 1)
    motion = in_time_of_sound(motion, path)
    motion[:, LIP_COLUMNS] = visemes.symmetric(motion[:, LIP_COLUMNS])
    motion[:, LIDS] = np.minimum(motion[:, LIDS].mean(1, keepdims=True) / FULL_BLINK, 1.0)
    heard, manner = _heard(load_audio(path.with_suffix(".wav")).samples, len(motion), lips)
    return heard.phones, manner, motion[None]


def _voice(path: Path, lips: LipModel, carriers: tuple[Carrier, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    audio = load_audio(path)
    heard, manner = _heard(audio.samples, audio.frames, lips)
    drawn = Clip(path.stem, None, None, analyse(audio.samples, audio.frames), carriers=carriers)
    motions = np.empty((DRAWS, audio.frames, len(CHANNELS)), np.float32)
    motions[..., LIP_COLUMNS] = lips.predict(heard)
    for index in range(DRAWS):
        rng = np.random.default_rng([index, *path.stem.encode()])
        motions[index][:, NONLIP_COLUMNS] = channels_from_features(drawn.features(rng))
    return heard.phones, manner, motions
