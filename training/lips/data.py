"""Training data of the lip model: utterances with mouth tracks, with exact phones, or with recognised phones.

``grid``      tracked GRID clips (real mouths), force-aligned phones
``synthetic`` flite and espeak-ng with exact phones, mouth from ``visemes`` on the scale of the GRID tracks
``recorded``  LibriSpeech and LJ Speech: many real voices, phones by pocketsphinx, mouth from ``visemes``
``quiet``     rooms in which nobody speaks
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.motion.channels import LIP_CHANNELS, LIP_COLUMNS
from core.phones.phone_set import SILENCE as SILENT_PHONE
from core.phones.phone_set import Segment
from core.phones.rows import phone_rows
from core.sound.audio import load_audio
from core.sound.mel import MEL_BANDS, MELS_PER_FRAME, SILENCE, log_mel, normalise_log

from ..common import folders
from ..common.arrays import save_npy
from ..common.splits import HELD_OUT_VOICES, split
from ..speech import phones, revoice, visemes
from ..speech.synthesis import CACHE as SPEECH
from ..speech.synthesis import VOICES

TRACKS = folders.TRACKS / "grid"
MELS = folders.CACHE / "lips_mel"
SOURCES = ("grid", "synthetic", "recorded", "quiet")


@dataclass(frozen=True)
class Utterance:
    """One recording of T frames.

    Attributes
    ----------
    name, source
        For reports; the source is one of :data:`SOURCES`.
    mel
        (4 T, 80) float16.
    revoiced
        The same speech by other voices (``training.speech.revoice``), each (4 T, 80) float16.
    phones
        (4 T,) int64 index into ``core.phones.phone_set.PHONES``, or −1 if unknown.
    gestures
        (4 T,) int64 index into ``visemes.GESTURES`` of the gesture that the lips must make.
    mouth
        (T, 27) float32 weights to learn.
    opening
        (T,) inner-lip gap divided by the outer-eye distance, measured on the landmarks; only for GRID.
    segments
        The phones with their times; empty if unknown.
    """

    name: str
    source: str
    mel: np.ndarray
    phones: np.ndarray
    gestures: np.ndarray
    mouth: np.ndarray
    opening: np.ndarray | None
    segments: tuple[Segment, ...]
    revoiced: tuple[np.ndarray, ...] = ()

    @property
    def frames(self) -> int:
        """T."""
        return len(self.mouth)


def _mel(path: Path, corpus: str, frames: int | None = None, voice: int = 0) -> np.ndarray:
    """(4 T, 80) float16 of a sound file, cached. T is ``frames``, or the length of the file; ``voice`` 0 is its own."""
    cache = MELS / corpus / (f"{path.stem}.npy" if voice == 0 else f"{path.stem}.voice-{voice}.npy")
    if cache.exists():
        return np.load(cache, allow_pickle=False)
    audio = load_audio(path)
    frames = audio.frames if frames is None else frames
    if voice == 0:
        mel = log_mel(audio.samples, frames).astype(np.float16)
    else:
        factors = revoice.draw(np.random.default_rng([zlib.crc32(path.stem.encode()), voice]))
        mel = revoice.revoiced_mel(audio.samples, frames, *factors).astype(np.float16)
    save_npy(cache, mel)
    return mel


def _utterance(
    name: str,
    source: str,
    mels: Sequence[np.ndarray],
    segments: Sequence[Segment],
    mouth: np.ndarray,
    opening: np.ndarray | None = None,
) -> Utterance:
    rows = len(mels[0])
    labels = phone_rows(segments, rows) if segments else np.full(rows, -1, np.int64)
    gestures = visemes.gesture_rows(segments, rows)
    mouth, others = mouth.astype(np.float32), tuple(mels[1:])
    return Utterance(name, source, mels[0], labels, gestures, mouth, opening, tuple(segments), others)


def grid_utterances(which: str, voices: int = 0) -> list[Utterance]:
    """Tracked GRID clips of one part of ``splits.split`` (``train``, ``test`` or ``unseen``), with ``voices`` other
    voices each."""
    out = []
    for path in sorted(TRACKS.glob("*.npz")):
        if split(path.stem) != which:
            continue
        with np.load(path, allow_pickle=False) as track:
            mouth, opening = visemes.symmetric(track["expression"][:, LIP_COLUMNS]), track["opening"]
        aligned = phones.CACHE / "grid" / f"{path.stem}.json"
        segments = phones.load(aligned) if aligned.exists() else []
        mels = [_mel(path.with_suffix(".wav"), "grid", len(mouth), voice) for voice in range(1 + voices)]
        out.append(_utterance(path.stem, "grid", mels, segments, mouth, opening))
    return out


def viseme_table(clips: Sequence[Utterance]) -> np.ndarray:
    """(shapes, 27) targets of the phones, on the scale of real tracked clips."""
    return visemes.calibrate([(list(clip.segments), clip.mouth) for clip in clips if clip.segments])


def synthetic_utterances(table: np.ndarray, held_out: bool, voices: int = 0) -> list[Utterance]:
    """Synthesised speech of the training voices or of the held-out voices, with ``voices`` other voices each."""
    out = []
    for voice in VOICES:
        if (voice.name in HELD_OUT_VOICES) != held_out:
            continue
        for path in sorted((SPEECH / voice.name).glob("*.wav")):
            segments = phones.load(path.with_suffix(".json"))
            mels = [_mel(path, voice.name, voice=number) for number in range(1 + voices)]
            mouth = visemes.mouth_targets(segments, len(mels[0]) // MELS_PER_FRAME, table)
            out.append(_utterance(f"{voice.name}_{path.stem}", "synthetic", mels, segments, mouth))
    return out


def recorded_utterances(data: Path, table: np.ndarray, held_out: bool, voices: int = 0) -> list[Utterance]:
    """LibriSpeech and LJ Speech with recognised words. A tenth of the LibriSpeech speakers is held out."""
    out = []
    for corpus in ("speech", "speech_lj"):
        for path in sorted((data / corpus).glob("*.flac")):
            aligned = phones.CACHE / corpus / f"{path.stem}.json"
            if (split(path.stem) == "test") != held_out or not aligned.exists():
                continue
            segments = phones.load(aligned)
            if not segments:
                continue
            mels = [_mel(path, corpus, voice=number) for number in range(1 + voices)]
            mouth = visemes.mouth_targets(segments, len(mels[0]) // MELS_PER_FRAME, table)
            out.append(_utterance(path.stem, "recorded", mels, segments, mouth))
    return out


def quiet_utterances(count: int, seed: int) -> list[Utterance]:
    """Steady coloured noise, from inaudible to as loud as speech, 4 s each, with the mouth closed and at rest."""
    rng = np.random.default_rng(seed)
    segments = [Segment(SILENT_PHONE, 0.0, 4.0)]
    out = []
    for number in range(count):
        slope = np.cumsum(rng.normal(0.0, 0.5, MEL_BANDS))
        level = rng.uniform(-90.0, -18.0)  # dB of full scale
        grain = rng.gamma(2.0, 0.5, (400, MEL_BANDS))
        mel = normalise_log((grain * 10.0 ** ((level + slope - slope.mean()) / 10.0)).astype(np.float32))
        if number % 4 == 0:
            mel = np.full_like(mel, SILENCE)
        mouth = np.zeros((100, len(LIP_CHANNELS)), np.float32)
        out.append(_utterance(f"quiet_{number}", "quiet", [mel.astype(np.float16)], segments, mouth))
    return out


@dataclass(frozen=True)
class Batch:
    """B windows of L frames as arrays.

    Attributes
    ----------
    mel
        (B, 4 L, 80) float32.
    phones
        (B, 4 L) int64, −1 if unknown.
    gestures
        (B, L) int64: the gesture that fills at least half of the frame.
    mouth
        (B, L, 27) float32.
    source
        (B,) int64 index into :data:`SOURCES`.
    """

    mel: np.ndarray
    phones: np.ndarray
    gestures: np.ndarray
    mouth: np.ndarray
    source: np.ndarray


SLOW_SHARE = 0.08
SLOWEST = 0.35
"""A few windows (``SLOW_SHARE``) play at this speed or a little faster: held vowels, drawled words."""


class Sampler:
    """Draws random windows: the source by its share, the utterance by its length; voice, place and speed uniformly.

    ``own_voice`` is the probability of a recording's own voice, where it isn't one of several alike.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        shares: dict[str, float],
        frames: int,
        speed: float,
        own_voice: float | None = None,
    ) -> None:
        self._frames = frames
        self._own_voice = own_voice
        self._speed = speed
        self._pools = {source: [u for u in utterances if u.source == source] for source in SOURCES}
        self._weights = {}
        for source, pool in self._pools.items():
            lengths = np.array([u.frames for u in pool], dtype=np.float64)
            self._weights[source] = lengths / lengths.sum() if len(pool) else lengths
        present = [source for source in SOURCES if self._pools[source] and shares.get(source, 0.0) > 0.0]
        self._sources = present
        self._shares = np.array([shares[source] for source in present])
        self._shares /= self._shares.sum()

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """``count`` random windows."""
        length = self._frames
        mel = np.empty((count, MELS_PER_FRAME * length, MEL_BANDS), np.float32)
        labels = np.empty((count, MELS_PER_FRAME * length), np.int64)
        gestures = np.empty((count, length), np.int64)
        mouth = np.empty((count, length, len(LIP_CHANNELS)), np.float32)
        source = np.empty(count, np.int64)
        for i in range(count):
            name = self._sources[int(rng.choice(len(self._sources), p=self._shares))]
            pool = self._pools[name]
            utterance = pool[int(rng.choice(len(pool), p=self._weights[name]))]
            version = self._voice(len(utterance.revoiced), rng)
            sound = utterance.mel if version == 0 else utterance.revoiced[version - 1]
            slow = rng.random() < SLOW_SHARE
            speed = rng.uniform(
                SLOWEST if slow else 1.0 - self._speed, 1.0 - self._speed if slow else 1.0 + self._speed
            )
            room = utterance.frames - length * speed
            start = rng.uniform(0.0, room) if room > 0 else room / 2  # short ones in the middle, silence around
            mel[i], labels[i], wanted, mouth[i] = window(utterance, sound, start, speed, length)
            shares = np.eye(len(visemes.GESTURES))[wanted].reshape(length, MELS_PER_FRAME, -1).mean(1)
            gestures[i] = np.where(shares[:, 1:].max(1) >= 0.5, 1 + shares[:, 1:].argmax(1), 0)
            source[i] = SOURCES.index(name)
        return Batch(mel, labels, gestures, mouth, source)

    def _voice(self, others: int, rng: np.random.Generator) -> int:
        """A random voice: 0 for the recording's own, else one of its others. All are equally probable, or its own has
        the given probability."""
        if self._own_voice is None or others == 0:
            return int(rng.integers(1 + others))
        return 0 if rng.random() < self._own_voice else 1 + int(rng.integers(others))


def window(
    utterance: Utterance, sound: np.ndarray, start: float, speed: float, length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """``length`` frames from ``start`` (frames) on, played ``speed`` times as fast: mel, phones, gestures, mouth.

    ``sound`` (4 T, 80) is the utterance's own mel or that of one of its other voices.
    """
    rows = MELS_PER_FRAME * start + (np.arange(MELS_PER_FRAME * length) + 0.5) * speed - 0.5
    mel = _interpolate(sound, rows)
    outside = (rows < -0.5) | (rows > len(sound) - 0.5)
    mel[outside] = SILENCE
    nearest = np.clip(np.round(rows).astype(int), 0, len(sound) - 1)
    labels, gestures = utterance.phones[nearest], utterance.gestures[nearest]
    labels[outside & (labels >= 0)] = 0
    gestures[outside] = 0
    mouth = _interpolate(utterance.mouth, start + (np.arange(length) + 0.5) * speed - 0.5)
    return mel, labels, gestures, mouth


def _interpolate(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N, C) linearly interpolated at fractional rows and constant beyond both ends, float32."""
    places = np.clip(places, 0.0, len(values) - 1.0)
    below = np.minimum(places.astype(int), max(len(values) - 2, 0))
    above = np.minimum(below + 1, len(values) - 1)
    share = (places - below).astype(np.float32)[:, None]
    return values[below].astype(np.float32) * (1.0 - share) + values[above].astype(np.float32) * share
