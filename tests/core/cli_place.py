"""A folder with good input for ``python -m core``. A test spoils a part of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from core.__main__ import main
from core.places import ASSETS

RATE = 16000


def voice(seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """Synthesised speech, again and again, (N, channels)."""
    samples, _ = soundfile.read(ASSETS / "self_test.flac")
    return np.tile(np.resize(samples, round(seconds * RATE))[:, None], (1, channels))


class Place:
    """A folder with a good sound and a good picture; a test spoils one of them."""

    def __init__(self, folder: Path, face: Image.Image) -> None:
        self.folder = folder
        self.audio, self.portrait, self.out = folder / "speech.wav", folder / "face.png", folder / "out"
        soundfile.write(self.audio, voice(), RATE)
        face.save(self.portrait)

    def run(self, *more: str) -> int:
        base = ["generate", "--audio", str(self.audio), "--portrait", str(self.portrait), "--out", str(self.out)]
        return main([*base, "--device", "cpu", "--motion-only", *more])
