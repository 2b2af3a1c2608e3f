"""What E_v sees in filmed clips: a row for each frame, kept on disk until E_v changes."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from core.face import points
from training.common import folders
from training.lips import seen
from training.lips.seen import Sight

FRAMES = 120


class Eye(torch.nn.Module):
    """Sees the brightness of a view's left and right half; counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        self.asked += len(views)
        return torch.stack([half.mean((1, 2, 3)) for half in views.split(views.shape[-1] // 2, -1)], 1)


def brightness(frame: int) -> float:
    return 40 + 160 * (0.5 + 0.5 * np.sin(0.2 * frame))


@pytest.fixture
def track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film whose right half gets lighter and darker, with landmarks and a track."""
    monkeypatch.setattr(seen, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(folders, "LANDMARKS", tmp_path / "landmarks")
    (tmp_path / "films").mkdir()
    (tmp_path / "landmarks" / "grid").mkdir(parents=True)
    writer = cv2.VideoWriter(str(tmp_path / "films" / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (160, 160))
    for frame in range(FRAMES):
        picture = np.zeros((160, 160, 3), np.uint8)
        picture[:, 80:] = round(brightness(frame))
        writer.write(picture)
    writer.release()
    face = np.zeros((points.LANDMARKS, 3), np.float32)
    for corners, place in zip(
        (points.EYE_CORNERS[1], points.EYE_CORNERS[0], points.MOUTH_CORNERS),
        ((62, 60), (98, 60), (80, 100)),
        strict=True,
    ):
        face[list(corners), :2] = place
    np.savez(
        tmp_path / "landmarks" / "grid" / "s1_a.npz",
        landmarks=np.tile(face, (FRAMES, 1, 1)),
        found=np.ones(FRAMES, bool),
        size=np.array([160, 160]),
    )
    path = tmp_path / "s1_a.npz"
    np.savez(path, expression=np.zeros((FRAMES, 53), np.float32), clip=np.array("films/a.avi"))
    return path


def test_every_frame_is_seen_in_its_place(track: Path) -> None:
    f_v = Sight(track.parent, Eye()).f_v(track, "grid")
    assert f_v.shape == (FRAMES, 2) and f_v.dtype == np.float16
    np.testing.assert_allclose(f_v[:, 1], [brightness(frame) / 255 for frame in range(FRAMES)], atol=0.03)
    assert float(f_v[:, 0].max()) < 0.1


def test_it_is_looked_at_once_for_each_e_v(track: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eye = Eye()
    first = Sight(track.parent, eye).f_v(track, "grid")
    assert np.array_equal(Sight(track.parent, eye).f_v(track, "grid"), first) and eye.asked == FRAMES
    weights = track.parent / "newer.safetensors"
    weights.touch()
    kept = next((track.parent / "cache").rglob("*.npy"))
    os.utime(kept, (1, 1))
    monkeypatch.setattr(seen, "WEIGHTS", weights)
    Sight(track.parent, eye).f_v(track, "grid")
    assert eye.asked == 2 * FRAMES


def test_a_film_that_is_not_the_track_s_is_named(track: Path) -> None:
    np.savez(track, expression=np.zeros((FRAMES - 1, 53), np.float32), clip=np.array("films/a.avi"))
    with pytest.raises(OSError, match=r"a\.avi has 120 frames, its track 119; track it again"):
        Sight(track.parent, Eye()).f_v(track, "grid")
