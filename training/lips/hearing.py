"""What Whisper's encoder hears in the recordings and in changed versions of them, computed once and kept.

Whisper's encoder is not trained here, so its outputs can be kept. Every recording is heard as it is, at another speed,
in another place (``training.speech.places``), and both. Written to ``.cache/lips_heard/<corpus>/<name>.<version>.npy``.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.sound.audio import read_mono
from core.sound.level import level_speech
from core.sound.mel import MELS_PER_FRAME
from core.sound.whisper.encoder import OUTPUTS_PER_FRAME, WhisperEncoder
from core.sound.whisper.front_end import whisper_mel
from core.sound.whisper.windows import windows

from ..common import folders
from ..common.arrays import save_npy
from ..speech.places import SPEED, elsewhere, faster

CACHE = folders.CACHE / "lips_heard"
VERSIONS = 4
"""As it is; at another speed; in another place; both."""
_OTHERS = 9
"""Every so many of the LibriSpeech recordings is a voice of the babble."""


@dataclass(frozen=True)
class Version:
    """A recording of T frames as it is heard: ``heard`` (2 T / ``speed``, width) float16, played at ``speed``."""

    heard: np.ndarray
    speed: float

    @property
    def frames(self) -> int:
        """Video frames of the version."""
        return len(self.heard) // OUTPUTS_PER_FRAME


class Hearing:
    """Hears recordings, in ``count`` versions each. ``data`` is the data folder, for the voices of the babble."""

    def __init__(self, data: Path, count: int = VERSIONS, encoder: WhisperEncoder | None = None) -> None:
        self._encoder = WhisperEncoder.load() if encoder is None else encoder
        self._count = count
        self._voices = [read_mono(path)[0] for path in sorted((data / "speech").glob("*.flac"))[::_OTHERS]]

    def versions(self, path: Path, corpus: str, frames: int) -> tuple[Version, ...]:
        """The versions of a recording of ``frames`` video frames, from the cache where they are there."""
        return tuple(self._version(path, corpus, frames, number) for number in range(self._count))

    def _version(self, path: Path, corpus: str, frames: int, number: int) -> Version:
        rng = np.random.default_rng([zlib.crc32(path.stem.encode()), number])
        speed = round(100 * rng.uniform(*SPEED)) / 100 if number in (1, 3) else 1.0
        cache = CACHE / corpus / f"{path.stem}.{number}.npy"
        if not cache.exists():
            samples, _ = read_mono(path)
            if speed != 1.0:
                samples = faster(samples, speed)
            if number in (2, 3):
                samples = elsewhere(samples, self._voices, rng)
            level_speech(samples)
            save_npy(cache, self.version_of(whisper_mel(samples, round(frames / speed))).heard)
        return Version(np.load(cache, allow_pickle=False), speed)

    @torch.no_grad()
    def version_of(self, mel: np.ndarray) -> Version:
        """What is heard in (4 T, 80) of Whisper's log-mel."""
        pieces: list[np.ndarray] = []
        for window in windows(len(mel) // MELS_PER_FRAME):
            rows = torch.from_numpy(mel[MELS_PER_FRAME * window.begin : MELS_PER_FRAME * window.end].astype(np.float32))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                heard = self._encoder(rows[None])[0]
            first, last = (OUTPUTS_PER_FRAME * (frame - window.begin) for frame in (window.first, window.last))
            pieces.append(heard[first:last].float().numpy().astype(np.float16))
        return Version(np.concatenate(pieces), 1.0)


def statistics(versions: Sequence[Version]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (2 · width,) of what is heard in a frame, over all versions; the deviation at least 1e-3."""
    frames = np.concatenate([version.heard[: OUTPUTS_PER_FRAME * version.frames] for version in versions])
    frames = frames.reshape(-1, OUTPUTS_PER_FRAME * frames.shape[1]).astype(np.float32)
    return frames.mean(0), np.maximum(frames.std(0), 1e-3)
