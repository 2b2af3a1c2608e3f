"""What ExpNet learns from: lip-only expressions of filmed talkers and of voices, and windows of them.

SadTalker's targets are *lip-only*: everything but the mouth is as in the first frame, whatever the film shows. The
paper makes such targets by letting Wav2Lip speak on the first frame. Here they come from the tracks: the mouth of the
film, lids by the film's blinks, and all else from the frame that is the reference. For voices that nobody filmed, the
shipped lip model is the teacher.

A track is relative to the talker's own face at rest, but a portrait may smile. So each window gets a face of its own.
The reference is what a photograph of that face in that frame would show, and the targets are what takes of this
photograph show by the product's rule (``core.head.expression.target_expression``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.head.expression import target_expression
from core.motion.channels import BLINK, EXPRESSIONS, EYE_BLINKS, LIP_COLUMNS
from core.sadtalker.blinks import random_blinks
from core.sound.audio import load_audio
from core.sound.lips import Heard, LipModel
from core.sound.mel import MELS_PER_FRAME
from core.sound.whisper.front_end import whisper_mel

from ..common.folders import TRACKS
from ..common.splits import lips_split, split
from ..lips.data import FILMED
from ..lips.sampler import shares_of
from ..lips.sound_offsets import in_time_of_sound
from ..speech import visemes

VOICES = ("speech", "speech_lj")
"""Folders of recorded voices in the data."""
LIDS = [EXPRESSIONS.index(name) for name in EYE_BLINKS]
_LARGEST, _LARGEST_LID = 0.6, 0.15
"""Largest weight of a window's own face, and of its blink, squint and wide eyes, which are below 0.13 in 95 % of fitted
portraits."""
_DOUBT = 2.0
"""Largest addition to the temperature of the phones of a window."""
_EYES = [EXPRESSIONS.index(name) for name in BLINK]


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames of one talker.

    Attributes
    ----------
    name, talker
        The voices are one talker.
    heard
        What the lip model hears.
    expression
        (T, 53) float32: as filmed, with a symmetric mouth, in the time of the sound; of voices only the mouth.
    filmed
        Whether somebody was filmed.
    """

    name: str
    talker: str
    heard: Heard
    expression: np.ndarray
    filmed: bool


def filmed_clips(part: str, lips: LipModel) -> list[Clip]:
    """The tracked clips with sound of one part of ``splits.lips_split``; empty if nothing was tracked."""
    found = []
    for corpus in FILMED:
        for path in sorted((TRACKS / corpus).glob("*.npz")):
            sound = path.with_suffix(".wav")
            if lips_split(path.stem) != part or not sound.exists():
                continue
            with np.load(path, allow_pickle=False) as track:
                expression = in_time_of_sound(track["expression"], path)
            expression[:, LIP_COLUMNS] = visemes.symmetric(expression[:, LIP_COLUMNS])
            heard = lips.listen(whisper_mel(load_audio(sound).samples, len(expression)))
            found.append(Clip(path.stem, path.stem.split("_")[0], heard, expression, filmed=True))
    return found


def voice_clips(data: Path, lips: LipModel) -> list[Clip]:
    """LibriSpeech's and LJ Speech's training voices in ``data``, with the mouth that the lip model makes, without its
    gain."""
    gain = lips.gain.clone()
    lips.gain.fill_(1.0)
    found = []
    for path in (path for corpus in VOICES for path in sorted((data / corpus).glob("*.flac"))):
        if split(path.stem) != "train":
            continue
        audio = load_audio(path)
        heard = lips.listen(whisper_mel(audio.samples, audio.frames))
        expression = np.zeros((len(heard), len(EXPRESSIONS)), np.float32)
        expression[:, LIP_COLUMNS] = lips.predict(heard)
        found.append(Clip(path.stem, "voices", heard, expression, filmed=False))
    lips.gain.copy_(gain)
    return found


@dataclass(frozen=True)
class Windows:
    """B windows of L frames.

    Attributes
    ----------
    phones, manner
        (B, 4 L, 40) and (B, L, m), what is heard.
    reference
        (B, 53) what a photograph shows: a random frame of the clip, on the window's own face, with open eyes.
    blink
        (B, L) how far the eyes are shut.
    target
        (B, L, 53) lip-only expressions.
    filmed
        (B,) bool.
    """

    phones: Tensor
    manner: Tensor
    reference: Tensor
    blink: Tensor
    target: Tensor
    filmed: Tensor

    def to(self, device: torch.device) -> Windows:
        """The same windows on a device."""
        return Windows(**{name: value.to(device) for name, value in vars(self).items()})


class ClipSampler:
    """Draws windows of ``frames`` frames: first whether somebody was filmed, then the clip by `shares_of`, then the
    place in it.

    ``voices`` is the share of windows of voices that nobody filmed, if there are any. Raises ValueError if no filmed
    clip is long enough.
    """

    def __init__(self, clips: Sequence[Clip], frames: int, voices: float) -> None:
        self.frames = frames
        long_enough = [clip for clip in clips if len(clip.heard) >= frames]
        self._pools = {kind: [clip for clip in long_enough if clip.filmed == kind] for kind in (True, False)}
        if not self._pools[True]:
            raise ValueError(f"no filmed clip has {frames} frames")
        self._voices = voices if self._pools[False] else 0.0
        self._weights = {
            kind: shares_of([clip.talker for clip in pool], [len(clip.heard) for clip in pool])
            for kind, pool in self._pools.items()
        }

    def draw(self, count: int, rng: np.random.Generator) -> Windows:
        """``count`` random windows."""
        windows = [self._window(rng) for _ in range(count)]
        names = [field.name for field in fields(Windows)]
        return Windows(**{name: torch.stack([getattr(window, name) for window in windows]) for name in names})

    def _window(self, rng: np.random.Generator) -> Windows:
        """One window, without the first dimension."""
        filmed = bool(rng.random() >= self._voices)
        clip = self._pools[filmed][int(rng.choice(len(self._pools[filmed]), p=self._weights[filmed]))]
        begin = int(rng.integers(len(clip.heard) - self.frames + 1))
        part = slice(begin, begin + self.frames)
        first = torch.from_numpy(clip.expression[int(rng.integers(len(clip.expression)))])
        mouth = torch.from_numpy(clip.expression[part][:, LIP_COLUMNS])
        blink = torch.from_numpy(clip.expression[part, LIDS].mean(1) if filmed else random_blinks(self.frames, rng))
        reference, target = lip_only(own_face(rng), first, mouth, blink)
        rows = slice(MELS_PER_FRAME * part.start, MELS_PER_FRAME * part.stop)
        phones = less_sure(torch.from_numpy(clip.heard.phones[rows]), 1.0 + _DOUBT * float(rng.random()) ** 2)
        manner = torch.from_numpy(clip.heard.manner[part])
        return Windows(phones, manner, reference, blink, target, torch.tensor(filmed))


def less_sure(phones: Tensor, temperature: float) -> Tensor:
    """Shares of phones (…, 40) as if they were heard less surely: the lip model knows the clips that it was trained on
    better than a stranger's speech."""
    softer = phones.clamp_min(1e-6) ** (1.0 / temperature)
    return softer / softer.sum(-1, keepdim=True)


def own_face(rng: np.random.Generator) -> Tensor:
    """(53,) a random expression that a portrait might have: a few weights are large, most are small."""
    face = _LARGEST * rng.random(len(EXPRESSIONS), np.float32) ** 3
    face[_EYES] *= _LARGEST_LID / _LARGEST
    return torch.from_numpy(face)


def lip_only(own: Tensor, first: Tensor, mouth: Tensor, blink: Tensor) -> tuple[Tensor, Tensor]:
    """The reference (53,) and the targets (T, 53) of a stretch.

    Parameters
    ----------
    own
        (53,) expression of the face at rest.
    first
        (53,) weights of the frame that is the reference.
    mouth
        (T, 27) weights of the mouth.
    blink
        (T,) how far the eyes are shut.
    """
    opened = first.clone()
    opened[LIDS] = 0.0
    reference = (own + opened).clamp(0.0, 1.0)
    speaking = opened.repeat(len(mouth), 1)
    speaking[:, LIP_COLUMNS] = mouth
    target = target_expression(own, speaking)
    target[:, LIDS] = reference[LIDS] + blink[:, None] * (1.0 - reference[LIDS])
    return reference, target


def phones_of_frames(phones: Tensor) -> Tensor:
    """(B, 4 T, 40) shares of the phones in each 10 ms → (B, T, 40), the mean of each frame."""
    return phones.unflatten(1, (-1, MELS_PER_FRAME)).mean(2)
