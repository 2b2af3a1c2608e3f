"""Recordings from which the lip model learns, with mouth tracks, with exact phones, or with recognised phones.

``grid``      filmed clips (real mouths) of GRID's talkers, force-aligned phones
``synthetic`` flite and espeak-ng with exact phones, mouth from ``visemes`` on the scale of the tracks
``recorded``  LibriSpeech and LJ Speech: many real voices, phones by ``training.speech.phones``, mouth from ``visemes``
``quiet``     rooms in which nobody speaks
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.motion.channels import FPS, LIP_CHANNELS, LIP_COLUMNS
from core.phones.phone_set import SILENCE as SILENT_PHONE
from core.phones.phone_set import Segment
from core.phones.rows import phone_rows
from core.sound.audio import load_audio
from core.sound.mel import MELS_PER_FRAME, SAMPLE_RATE, log_mel
from core.sound.whisper.front_end import whisper_mel

from ..common import folders
from ..common.arrays import save_npz
from ..common.splits import HELD_OUT_VOICES, lips_split, split
from ..speech import phones, visemes
from ..speech.places import coloured_noise
from ..speech.synthesis import CACHE as SPEECH
from ..speech.synthesis import VOICES
from .hearing import Hearing, Version
from .seen import Sight
from .sound_offsets import in_time_of_sound

SOUNDS = folders.CACHE / "lips_sounds"
SOURCES = ("grid", "synthetic", "recorded", "quiet")
FILMED = ("grid", "talkers", "addresses")
"""Folders of tracks."""


@dataclass(frozen=True)
class Utterance:
    """One recording of T frames.

    Attributes
    ----------
    name, source
        For reports; the source is one of :data:`SOURCES`.
    mel, whisper_mel
        (4 T, 80) float16: ``core.sound.mel`` and ``core.sound.whisper.front_end``.
    phones
        (4 T,) int64 index into ``core.phones.phone_set.PHONES``, or −1 if unknown.
    gestures
        (4 T,) int64 index into ``visemes.GESTURES`` of the gesture that the lips must make.
    mouth
        (T, 27) float32 weights to learn.
    opening
        (T,) inner-lip gap divided by the outer-eye distance, measured on the landmarks; only for filmed clips.
    segments
        The phones with their times; empty if unknown.
    versions
        What Whisper's encoder hears in the recording and in changed versions of it; empty unless asked for.
    f_v
        (T, d_v) float16, what E_v sees in each frame; only for filmed clips, if asked for.
    """

    name: str
    source: str
    mel: np.ndarray
    whisper_mel: np.ndarray
    phones: np.ndarray
    gestures: np.ndarray
    mouth: np.ndarray
    opening: np.ndarray | None
    segments: tuple[Segment, ...]
    versions: tuple[Version, ...] = ()
    f_v: np.ndarray | None = None

    @property
    def frames(self) -> int:
        """T."""
        return len(self.mouth)


def _sound(path: Path, corpus: str, frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """``mel`` and ``whisper_mel`` of a sound file, cached. T is ``frames``, or the length of the file."""
    cache = SOUNDS / corpus / f"{path.stem}.npz"
    if not cache.exists():
        audio = load_audio(path)
        count = audio.frames if frames is None else frames
        mels = log_mel(audio.samples, count), whisper_mel(audio.samples, count)
        save_npz(cache, mel=mels[0].astype(np.float16), whisper_mel=mels[1].astype(np.float16))
    with np.load(cache, allow_pickle=False) as kept:
        return kept["mel"], kept["whisper_mel"]


def _utterance(
    name: str,
    source: str,
    sound: tuple[np.ndarray, np.ndarray],
    segments: Sequence[Segment],
    mouth: np.ndarray,
    opening: np.ndarray | None = None,
) -> Utterance:
    rows = len(sound[0])
    labels = phone_rows(segments, rows) if segments else np.full(rows, -1, np.int64)
    gestures = visemes.gesture_rows(segments, rows)
    return Utterance(name, source, *sound, labels, gestures, mouth.astype(np.float32), opening, tuple(segments))


def filmed_utterances(which: str, hearing: Hearing | None = None, sight: Sight | None = None) -> list[Utterance]:
    """Tracked clips of one part of ``splits.lips_split``: ``train``, ``test`` or ``validation``."""
    return _filmed(FILMED, lambda name: lips_split(name) == which, hearing, sight)


def grid_utterances(which: str) -> list[Utterance]:
    """Tracked clips of s1 and s4 of one part of ``splits.split``: ``train``, ``test`` or ``unseen``."""
    return _filmed(("grid",), lambda name: split(name) == which, None)


def _filmed(
    corpora: Sequence[str], wanted: Callable[[str], bool], hearing: Hearing | None, sight: Sight | None = None
) -> list[Utterance]:
    out = []
    for corpus in corpora:
        for path in sorted((folders.TRACKS / corpus).glob("*.npz")):
            if not wanted(path.stem):
                continue
            with np.load(path, allow_pickle=False) as track:
                mouth, opening = visemes.symmetric(track["expression"][:, LIP_COLUMNS]), track["opening"]
            mouth, opening = in_time_of_sound(mouth, path), in_time_of_sound(opening, path)
            aligned = phones.CACHE / corpus / f"{path.stem}.json"
            segments = phones.load(aligned) if aligned.exists() else []
            sound = path.with_suffix(".wav")
            clip = _utterance(path.stem, "grid", _sound(sound, corpus, len(mouth)), segments, mouth, opening)
            if sight is not None:
                clip = replace(clip, f_v=in_time_of_sound(sight.f_v(path, corpus), path))
            out.append(_heard(clip, sound, corpus, hearing))
    return out


def _heard(utterance: Utterance, sound: Path, corpus: str, hearing: Hearing | None) -> Utterance:
    if hearing is None:
        return utterance
    return replace(utterance, versions=hearing.versions(sound, corpus, utterance.frames))


def viseme_table(clips: Sequence[Utterance]) -> np.ndarray:
    """(shapes, 27) targets of the phones, on the scale of real tracked clips."""
    return visemes.calibrate([(list(clip.segments), clip.mouth) for clip in clips if clip.segments])


def synthetic_utterances(table: np.ndarray, held_out: bool, hearing: Hearing | None = None) -> list[Utterance]:
    """Synthesised speech of the training voices or of the held-out voices."""
    out = []
    for voice in VOICES:
        if (voice.name in HELD_OUT_VOICES) != held_out:
            continue
        for path in sorted((SPEECH / voice.name).glob("*.wav")):
            segments = phones.load(path.with_suffix(".json"))
            out.append(_voice(path, voice.name, f"{voice.name}_{path.stem}", "synthetic", segments, table, hearing))
    return out


def recorded_utterances(
    data: Path, table: np.ndarray, held_out: bool, hearing: Hearing | None = None
) -> list[Utterance]:
    """LibriSpeech and LJ Speech with recognised phones. A tenth of the LibriSpeech speakers is held out."""
    out = []
    for corpus in ("speech", "speech_lj"):
        for path in sorted((data / corpus).glob("*.flac")):
            aligned = phones.CACHE / corpus / f"{path.stem}.json"
            if (split(path.stem) == "test") != held_out or not aligned.exists():
                continue
            if segments := phones.load(aligned):
                out.append(_voice(path, corpus, path.stem, "recorded", segments, table, hearing))
    return out


def _voice(
    path: Path,
    corpus: str,
    name: str,
    source: str,
    segments: Sequence[Segment],
    table: np.ndarray,
    hearing: Hearing | None,
) -> Utterance:
    """A recording that nobody filmed, with mouths made from its phones."""
    sound = _sound(path, corpus)
    mouth = visemes.mouth_targets(segments, len(sound[0]) // MELS_PER_FRAME, table)
    return _heard(_utterance(name, source, sound, segments, mouth), path, corpus, hearing)


def quiet_utterances(count: int, seed: int, hearing: Hearing | None = None) -> list[Utterance]:
    """Steady coloured noise, from inaudible to as loud as speech, 4 s each, with the mouth closed and at rest."""
    rng = np.random.default_rng(seed)
    frames = round(4 * FPS)
    out = []
    for number in range(count):
        noise = coloured_noise(4 * SAMPLE_RATE, rng)
        level = 10.0 ** (rng.uniform(-90.0, -18.0) / 20.0)
        samples = (noise * (level / np.sqrt(np.mean(np.square(noise))))).astype(np.float32)
        if number % 4 == 0:
            samples[:] = 0.0
        rows = whisper_mel(samples, frames)
        sound = log_mel(samples, frames).astype(np.float16), rows.astype(np.float16)
        mouth = np.zeros((frames, len(LIP_CHANNELS)), np.float32)
        room = _utterance(f"quiet_{number}", "quiet", sound, [Segment(SILENT_PHONE, 0.0, 4.0)], mouth)
        out.append(room if hearing is None else replace(room, versions=(hearing.version_of(rows),)))
    return out
