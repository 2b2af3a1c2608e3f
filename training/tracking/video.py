"""Frames and sound of a video file. OpenCV decodes the pictures, the program ffmpeg decodes the sound."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from core.files import write_bytes
from core.motion.channels import FPS
from core.sound.mel import SAMPLE_RATE


def frames(path: Path, fps: float = FPS) -> Iterator[np.ndarray]:
    """Frames of ``path`` as (H, W, 3) uint8 RGB at ``fps`` frames a second, for any constant or variable rate of the
    file.

    Frame i is the picture shown (i + 0.5) / fps seconds after the first picture. Raises OSError if the file can't be
    opened.
    """
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise OSError(f"{path.name}: not a readable video")
    rate = capture.get(cv2.CAP_PROP_FPS)
    duration = 1.0 / rate if rate > 0 else 1.0 / fps
    shown: np.ndarray | None = None
    given = 0
    try:
        for time, picture in _pictures(capture, duration):
            while shown is not None and (given + 0.5) / fps < time - 1e-6:
                yield shown
                given += 1
            shown = picture
    finally:
        capture.release()


def _pictures(capture: cv2.VideoCapture, duration: float) -> Iterator[tuple[float, np.ndarray | None]]:
    """Seconds since the first picture, and (H, W, 3) uint8 RGB, of all pictures; at last the end, without a picture.

    ``duration`` is the usual time from a picture to the next, in seconds.
    """
    first, before, time = 0.0, 0.0, 0.0
    for index in count():
        there, frame = capture.read()
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        if index == 0:
            first = stamp
        elif index == 1 and there and stamp <= before:
            first = stamp - duration  # OpenCV gives the first picture of Matroska files the time of the second
        # Some files have no time stamps: their pictures follow each other at a constant rate.
        if index > 0:
            time = stamp - first if there and stamp - first > time + 1e-6 else time + duration
        before = stamp
        if not there:
            yield time, None
            return
        yield time, np.ascontiguousarray(frame[:, :, ::-1])


def extract_sound(path: Path, target: Path) -> None:
    """Write the sound of ``path`` as 16 kHz mono 16-bit WAV. Its first sample is at the time of the first picture.

    Raises OSError with ffmpeg's last line if that fails.
    """
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path), "-vn", "-ac", "1", "-ar", str(SAMPLE_RATE)]
    # If the sound begins late, silence is added; sound before the first picture is cut off.
    command += ["-af", "aresample=async=1:first_pts=0", "-ss", f"{_first_picture(path):.6f}", "-f", "wav"]
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        done = _ran([*command, str(sound)], path)
        if done.returncode != 0:
            raise OSError(f"{path.name}: {(done.stderr.strip() or 'no sound').splitlines()[-1]}")
        write_bytes(target, sound.read_bytes())


def _first_picture(path: Path) -> float:
    """Seconds from the start of the file's clock to its first picture."""
    asked = ["-select_streams", "v:0", "-show_entries", "stream=start_time:format=start_time", "-of", "json"]
    done = _ran(["ffprobe", "-v", "error", *asked, str(path)], path)
    try:
        told = json.loads(done.stdout)
        return max(float(told["streams"][0]["start_time"]) - float(told["format"]["start_time"]), 0.0)
    except (ValueError, KeyError, IndexError):
        return 0.0  # a format without time stamps


def _ran(command: list[str], path: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        raise OSError("ffmpeg is needed to read the sound of video files; install it") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{path.name}: reading its sound took over two minutes") from error
