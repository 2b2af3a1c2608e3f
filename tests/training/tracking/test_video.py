"""Pictures of video files at their times."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.tracking import video


@pytest.mark.parametrize("name", ["film.mkv", "film.avi", "film.mp4"])
def test_every_picture_is_seen_once_at_its_own_rate(tmp_path: Path, name: str) -> None:
    """OpenCV gives the first picture of Matroska files the time of the second; it must not be seen twice."""
    codec = "mp4v" if name.endswith("mp4") else "MJPG"
    writer = cv2.VideoWriter(str(tmp_path / name), cv2.VideoWriter.fourcc(*codec), 25.0, (64, 64))
    for index in range(20):
        writer.write(np.full((64, 64, 3), 10 + 12 * index, np.uint8))
    writer.release()
    seen = [round((frame.mean() - 10) / 12) for frame in video.frames(tmp_path / name)]
    assert seen == list(range(20))
