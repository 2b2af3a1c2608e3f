"""Frames and sound of a video file: OpenCV decodes the pictures, ffmpeg (a program) the sound."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

SAMPLE_RATE = 16_000


def frames(path: Path) -> Iterator[np.ndarray]:
    """Every frame of ``path`` as (H, W, 3) uint8 RGB. Raises OSError when it can't be opened."""
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise OSError(f"{path.name}: not a readable video")
    try:
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield np.ascontiguousarray(frame[:, :, ::-1])
    finally:
        capture.release()


def extract_sound(path: Path, target: Path) -> None:
    """Write the sound of ``path`` as 16 kHz mono 16-bit WAV. Raises OSError with ffmpeg's last line when that fails."""
    beside = target.with_suffix(".part.wav")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path), "-vn", "-ac", "1", "-ar", str(SAMPLE_RATE), str(beside)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        raise OSError("ffmpeg is needed to read the sound of video files; install it") from error
    if done.returncode != 0:
        raise OSError(f"{path.name}: {(done.stderr.strip() or 'no sound').splitlines()[-1]}")
    beside.replace(target)
