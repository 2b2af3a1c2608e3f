"""Frames and sound of a video file: OpenCV decodes the pictures, ffmpeg (a program) the sound."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from core.channels import FPS
from core.mel import SAMPLE_RATE


def frames(path: Path, fps: float = FPS) -> Iterator[np.ndarray]:
    """Frames of ``path`` as (H, W, 3) uint8 RGB, ``fps`` a second: frame i is what is shown at (i + 0.5) / fps seconds.

    The file's own rate is taken as constant. Raises OSError when it can't be opened.
    """
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise OSError(f"{path.name}: not a readable video")
    rate = capture.get(cv2.CAP_PROP_FPS)
    step = rate / fps if rate > 0 and abs(rate - fps) > 1e-3 else 1.0
    given = read = 0
    try:
        while True:
            there, frame = capture.read()
            if not there:
                return
            while int((given + 0.5) * step) == read:
                yield np.ascontiguousarray(frame[:, :, ::-1])
                given += 1
            read += 1
    finally:
        capture.release()


def extract_sound(path: Path, target: Path) -> None:
    """Write the sound of ``path`` as 16 kHz mono 16-bit WAV, its first sample at the time of the first frame.

    Raises OSError with ffmpeg's last line when that fails.
    """
    beside = target.with_suffix(".part.wav")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path), "-vn", "-ac", "1", "-ar", str(SAMPLE_RATE)]
    command += ["-af", "aresample=async=1:first_pts=0", str(beside)]  # sound that starts late begins with silence
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        raise OSError("ffmpeg is needed to read the sound of video files; install it") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{path.name}: reading its sound took over two minutes") from error
    if done.returncode != 0:
        raise OSError(f"{path.name}: {(done.stderr.strip() or 'no sound').splitlines()[-1]}")
    beside.replace(target)
