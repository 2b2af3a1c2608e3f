"""Pictures of video files at their times."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.tracking import video


class Film:
    """A video as OpenCV reads it: picture i is all i, at a time in ms."""

    def __init__(self, *stamps: float) -> None:
        self._stamps, self._next = stamps, 0

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        self._next += 1
        there = self._next <= len(self._stamps)
        return there, np.full((4, 4, 3), self._next - 1, np.uint8) if there else None

    def get(self, what: int) -> float:
        if what == cv2.CAP_PROP_FPS:
            return 25.0
        return self._stamps[min(self._next, len(self._stamps)) - 1]

    def release(self) -> None:
        pass


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ((0, 40, 80, 120), [0, 1, 2, 3]),
        ((40, 40, 80, 120), [0, 1, 2, 3]),  # OpenCV on Matroska: the first picture has the time of the second
        ((200, 240, 280, 320), [0, 1, 2, 3]),  # a film that begins late
        ((0, 0, 0, 0), [0, 1, 2, 3]),  # no time stamps
        ((0, 40, 160, 200), [0, 1, 1, 1, 2, 3]),  # a picture that stands still
    ],
)
def test_every_picture_is_seen_at_its_time(monkeypatch: pytest.MonkeyPatch, stamps, expected) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda path: Film(*stamps))
    assert [int(frame[0, 0, 0]) for frame in video.frames(Path("film.mkv"))] == expected
