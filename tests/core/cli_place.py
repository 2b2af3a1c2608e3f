"""A folder with good input for ``python -m core``. A test spoils a part of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from core.__main__ import main

RATE = 16000


def voice(seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """A buzz at 120 Hz that rises and falls four times a second, (N, channels)."""
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = 0.2 * np.sign(np.sin(2 * np.pi * 120 * t)) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t))
    return np.tile(buzz[:, None], (1, channels))


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
