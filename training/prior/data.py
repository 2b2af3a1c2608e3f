"""Training data of the prior: windows of motion with their audio, from three kinds of sources.

``synthetic``  any speech (LibriSpeech, LJ Speech, GRID's sound) with newly drawn motion of
               ``training.corpus.synthetic.performance``
``grid``       tracked GRID clips with their own sound: real blinks, brows and gaze, little head motion
``address``    tracked White House addresses, which have no sound: real head motion and brows, with the mouth that they
               go with

Half of the synthetic motions are added to the addresses' head motion, so that real head motion also occurs with speech
(``training.prior.carriers``). The addresses have only sixty-eight landmarks at whole pixels. They show when a lid
closes, but not how far, and they show no irises. So an address gives the motion of head and brows and the times of its
blinks, and the other channels are synthetic.

Every window comes with its mouth (``core.prior.told.mouth``): tracked lips, or those that the product makes of a voice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.ndimage
import scipy.signal

from core.motion.channels import EXPRESSIONS, FPS, HEAD_ROTATION, LIP_CHANNELS, NONLIP_COLUMNS
from core.prior.features import FEATURE_GROUPS, FEATURES, d_nl, features_from_channels
from core.prior.told.levels import measure_levels
from core.prior.told.mouth import mouth_curves
from core.sound.audio import load_audio
from core.sound.lips import LipModel
from core.sound.mel import log_mel
from core.sound.whisper.front_end import whisper_mel

from ..common.folders import TRACKS, data_folder
from ..common.splits import split
from ..corpus.synthetic.performance import draw_blink_rate, synthesise
from ..speech.prosody import Prosody, analyse, heard
from .blink_thinning import blinks_a_minute, thin_blinks
from .carriers import Carrier, draw_carrier

_LIPS = [EXPRESSIONS.index(name) for name in LIP_CHANNELS]


OWN_MOUTH = 0.75
"""Share of the voices carried by a real head that come with the mouth of that head instead of the voice's."""


@dataclass(frozen=True)
class Clip:
    """One utterance or track of T frames.

    Attributes
    ----------
    name
        For the split and for reports.
    mel
        (4 T, 80) float16 log-mel, or None if there is no sound.
    motion
        (T, 25) float32 features, or None if motion is synthesised from ``prosody``.
    prosody
        Prosody of the voice; required if motion is synthesised.
    head
        (T, 6) real head motion, if only that is real.
    blinks
        Frames at which real blinks begin, if ``head`` is given.
    brows
        (T, 6) real weights of the brows, if ``head`` is given.
    mouth
        (T, 9) curves of the mouth (``core.prior.told.mouth``), or None if it isn't known.
    carriers
        Real head motions to choose from, if everything else is synthetic.
    blink_rate
        Blinks a minute of a filmed talker over all clips; None if no blinks were filmed.
    """

    name: str
    mel: np.ndarray | None
    motion: np.ndarray | None
    prosody: Prosody | None = None
    head: np.ndarray | None = None
    blinks: list[float] | None = None
    brows: np.ndarray | None = None
    mouth: np.ndarray | None = None
    carriers: tuple[Carrier, ...] = ()
    blink_rate: float | None = None

    @property
    def frames(self) -> int:
        """T."""
        return self._voice().frames if self.motion is None else len(self.motion)

    def _voice(self) -> Prosody:
        if self.prosody is None:
            raise ValueError(f"{self.name} has neither motion nor prosody to synthesise it from")
        return self.prosody

    def features(self, rng: np.random.Generator) -> np.ndarray:
        """(T, 25) its motion. If any of it is synthetic, ``rng`` draws one of many."""
        return self._drawn(rng)[0]

    def lesson(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """(T, 25) the motion to learn from it, and (T, 9) the mouth that it goes with, or None.

        It is the clip's own motion, but filmed talkers blink at a rate drawn by ``rng``.
        """
        motion, mouth = self._drawn(rng)
        if self.blink_rate is None:
            return motion, mouth
        return thin_blinks(motion, draw_blink_rate(rng) / self.blink_rate, rng), mouth

    def _drawn(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """(T, 25) motion and (T, 9) mouth."""
        if self.motion is not None:
            return self.motion, self.mouth
        if self.head is not None:
            return synthesise(self._voice(), rng, self.head, self.blinks, self.brows), self.mouth
        carrier = draw_carrier(self.carriers, self.frames, self.mouth, rng)
        if carrier is None:
            return synthesise(self._voice(), rng), self.mouth
        motion = synthesise(self._voice(), rng, carrier.head)
        # Heads go with their own mouths exactly, and with the voice's mouth as far as the two mouths are alike.
        return motion, carrier.mouth if self.mouth is not None and rng.random() < OWN_MOUTH else self.mouth


def speech_clip(path: Path, lips: LipModel | None = None) -> Clip:
    """A clip of a sound file. Its motion is synthesised, and its mouth is what ``lips`` make of the voice."""
    audio = load_audio(path)
    mel = log_mel(audio.samples, audio.frames).astype(np.float16)
    mouth = None
    if lips is not None:
        mouth = mouth_curves(lips.hear_and_predict(whisper_mel(audio.samples, audio.frames), audio.presence))
    return Clip(path.stem, mel, None, analyse(audio.samples, audio.frames), mouth=mouth)


def track_features(path: Path) -> np.ndarray:
    """(T, 25) features of a track file (``expression``, ``rotation``, ``translation``)."""
    with np.load(path, allow_pickle=False) as track:
        motion = np.concatenate([track["expression"], track["rotation"], track["translation"]], axis=1)
    return features_from_channels(motion[:, NONLIP_COLUMNS])


def track_mouth(path: Path) -> np.ndarray:
    """(T, 9) curves of the mouth in a track file."""
    with np.load(path, allow_pickle=False) as track:
        return mouth_curves(track["expression"][:, _LIPS])


def track_files(corpus: str) -> list[Path]:
    """Tracks of a corpus (``grid`` or ``obama``), sorted by name."""
    return sorted((TRACKS / corpus).glob("*.npz"))


def _has_motion(path: Path) -> bool:
    with np.load(path, allow_pickle=False) as track:
        return {"expression", "rotation", "translation"} <= set(track.files)


FULL_BLINK = 0.8
"""Tracked lid weight of a closed eye: the fit does not go further on GRID (99.5 % quantile of its blinks: 0.82)."""


def track_clip(path: Path) -> Clip:
    """A tracked clip with the sound next to it. Its blinks are scaled to close fully."""
    motion = track_features(path)
    blink = motion[:, FEATURES.index("blink")]
    np.minimum(blink / FULL_BLINK, 1.0, out=blink)
    samples = load_audio(path.with_suffix(".wav")).samples
    mel = log_mel(samples, len(motion)).astype(np.float16)
    return Clip(path.stem, mel, motion, mouth=track_mouth(path))


def blink_starts(closure: np.ndarray) -> list[float]:
    """Frames at which blinks begin in a lid curve (T,) that shows when lids close, but not how far."""
    raised = closure - scipy.ndimage.median_filter(closure, 25)
    peaks, _ = scipy.signal.find_peaks(raised, height=0.15, prominence=0.12, distance=8, width=(1, 12))
    return [float(peak) - 2.5 for peak in peaks]  # lids take about 0.1 s to close


SLOW_TURNS, SLOW_SHIFTS = 0.5, 0.8
"""Shares of an address's slow turns and shifts that are taken out. The speaker turns from teleprompter to teleprompter
and leans in by up to 12 cm, which is more than one portrait can show."""
_BROWS = list(FEATURE_GROUPS["brows"])
_BROW_FRAMES = 1.5
"""Deviation in frames of the Gaussian that takes the landmarks' trembling out of an address's brows."""


def address_clip(path: Path) -> Clip:
    """An address: its real motion of head and brows, its blink times and its mouth, no sound.

    A part of a running mean (Gaussian, σ = 2.5 s) is subtracted from the head motion, so that the head moves around a
    rest pose.
    """
    features = track_features(path)
    head = features[:, list(FEATURE_GROUPS["head"])]
    turns = len(HEAD_ROTATION)
    slow = scipy.ndimage.gaussian_filter1d(head, 2.5 * FPS, axis=0, mode="nearest")
    slow[:, :turns] *= SLOW_TURNS
    slow[:, turns:] *= SLOW_SHIFTS
    head = (head - slow).astype(np.float32)
    blinks = blink_starts(features[:, FEATURES.index("blink")])
    brows = scipy.ndimage.gaussian_filter1d(features[:, _BROWS], _BROW_FRAMES, axis=0, mode="nearest")
    silence = Prosody.silent(len(head))
    return Clip(path.stem, None, None, silence, head, blinks, brows, track_mouth(path))


def carriers_of(addresses: Iterable[Clip]) -> tuple[Carrier, ...]:
    """The head motion of addresses, with their mouths."""
    return tuple(
        Carrier(clip.head, clip.mouth) for clip in addresses if clip.head is not None and clip.mouth is not None
    )


def load_clips(part: str, grid_sound: int = 60, voices: int | None = None) -> dict[str, list[Clip]]:
    """All clips of ``part`` (``train``, ``test`` or ``unseen``) by source. A missing source gives an empty list.

    Parameters
    ----------
    grid_sound
        Number of GRID clips whose sound is also used with synthetic motion. Without them a network could tell from the
        recording which kind of motion goes with it.
    voices
        Largest number of recordings of speech; the analysis of all of them takes minutes.
    """
    data = data_folder()
    speech = [p for folder in ("speech", "speech_lj") for p in sorted((data / folder).glob("*.flac"))]
    grid = [p for p in track_files("grid") if split(p.stem) == part]
    address = [p for p in track_files("obama") if split(p.stem) == part]
    sound = [p.with_suffix(".wav") for p in grid if p.with_suffix(".wav").exists()][:grid_sound]
    addresses = [address_clip(p) for p in address]
    carriers = carriers_of(addresses)
    recorded = [p for p in speech if split(p.stem) == part][:voices]
    lips = LipModel.load()
    spoken = [speech_clip(p, lips) for p in recorded + sound]
    filmed = [track_clip(p) for p in grid if _has_motion(p)]
    motions = [clip.motion for clip in filmed if clip.motion is not None]
    rate = blinks_a_minute(motions) if motions else None  # all clips of a part show one talker
    return {
        "synthetic": [replace(clip, carriers=carriers) for clip in spoken],
        "grid": [replace(clip, blink_rate=rate) for clip in filmed],
        "address": addresses,
    }


@dataclass(frozen=True)
class Window:
    """A stretch of T frames of a clip.

    Attributes
    ----------
    mel
        (4 T, 80) float32, or None if there is no sound.
    motion
        (T, 25) float32 features.
    levels
        (7,) levels of the whole clip's motion.
    heard
        (T, 4) ``prosody.heard`` of the voice, or None if it was not analysed.
    mouth
        (T, 9) curves of the mouth, or None if it isn't known.
    """

    mel: np.ndarray | None
    motion: np.ndarray
    levels: np.ndarray
    heard: np.ndarray | None
    mouth: np.ndarray | None


def draw_window(clips: list[Clip], frames: int, rng: np.random.Generator) -> Window:
    """A random stretch of ``frames`` frames. Clips are drawn in proportion to the number of stretches they hold."""
    room = np.array([max(clip.frames - frames + 1, 0) for clip in clips], dtype=np.float64)
    clip = clips[rng.choice(len(clips), p=room / room.sum())]
    start = int(rng.integers(0, clip.frames - frames + 1))
    motion, mouth = clip.lesson(rng)
    part = slice(start, start + frames)
    mel = None if clip.mel is None else clip.mel[4 * start : 4 * (start + frames)].astype(np.float32)
    said = None if mel is None or clip.prosody is None else heard(clip.prosody)[part]
    return Window(mel, motion[part], measure_levels(motion), said, None if mouth is None else mouth[part])


def augment_mel(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulate other microphones and rooms: level, tilt, noise floor, in the mel's own units of about one deviation."""
    tilt = rng.normal(0.0, 0.15) * np.linspace(-1.0, 1.0, mel.shape[1])
    mel = mel + rng.normal(0.0, 0.12) + tilt
    floor = rng.uniform(-2.2, -0.6)
    if rng.random() < 0.5:
        mel = np.maximum(mel, floor + rng.normal(0.0, 0.08, size=mel.shape))
    return mel.astype(np.float32)


def draw_mask(frames: int, rng: np.random.Generator, groups: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """(frames, 25) bool: the parts of n⁰ that are given in training.

    The paper masks 90 % of the n⁰ tokens. Here this is one of four kinds of mask, because the product needs the others
    as well: nothing given (a first window), a tenth of the frames, the first frames (a following window, or a kept
    beginning; sometimes an end too), and whole channel groups or spans of them (editing).
    """
    mask = np.zeros((frames, d_nl), dtype=bool)
    kind = rng.random()
    if kind < 0.25:
        return mask
    if kind < 0.45:
        mask[rng.random(frames) < 0.1] = True
    elif kind < 0.75:
        mask[: int(rng.integers(1, max(frames * 3 // 10, 2)))] = True
        if rng.random() < 0.3:
            mask[frames - int(rng.integers(1, max(frames // 3, 2))) :] = True
    else:
        columns = [i for group in groups if rng.random() < 0.5 for i in group] or list(range(d_nl))
        if rng.random() < 0.5:
            mask[:, columns] = True
        else:
            start, end = sorted(rng.integers(0, frames + 1, size=2))
            mask[start:end, columns] = True
    return mask
