"""Frames and sound of a video file. ``core.media.film`` decodes the pictures, the program ffmpeg decodes the sound."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.errors import BadInputError
from core.files import write_bytes
from core.media.film import film_frames
from core.motion.channels import FPS
from core.sound.mel import SAMPLE_RATE


def frames(path: Path, fps: float = FPS) -> Iterator[np.ndarray]:
    """Frames of ``path`` as `core.media.film.film_frames` gives them. Raises OSError if the file can't be read."""
    try:
        yield from film_frames(path, fps)
    except BadInputError as error:
        raise OSError(str(error)) from error


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
