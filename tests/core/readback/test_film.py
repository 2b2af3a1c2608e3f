"""A film is read as the motion that it shows, or refused in one sentence; a reading is kept by the film's content."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError, CancelledError
from core.files import file_digest
from core.motion.channels import EXPRESSIONS, EYE_BLINKS
from core.motion.motion import Motion
from core.portrait.portrait import Portrait
from core.readback import film
from core.readback.film import frames_to_read, read_film, steps_to_read
from tests.core.readback.shown_landmarks import ShownLandmarks, speaking
from tests.media_files import write_film

DATA = Path(os.environ.get("SOLILOQUY_DATA", Path(__file__).parents[4] / "shared" / "data"))
LIDS = [EXPRESSIONS.index(name) for name in EYE_BLINKS]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, portrait: Portrait):
    """Gives a function that makes every film show a motion of the portrait, except in some frames without a face."""

    def show(motion: Motion, without_face: range = range(0), cut: int | None = None) -> None:
        mesh = ShownLandmarks(portrait, motion)
        if cut is not None:
            mesh.landmarks[cut:, :, 0] += 150.0

        def frames(path: Path, long_side: int) -> Iterator[np.ndarray]:
            for index in range(len(motion)):
                yield np.full((512, 512, 3), (index, index in without_face, 0), np.uint8)

        monkeypatch.setattr(film, "FaceMesh", mesh)
        monkeypatch.setattr(film, "film_frames", frames)

    return show


def reading(frames: int = 100, progress=lambda done: None, cache: Path | None = None) -> Motion:
    return read_film("a/film.mp4", "0123", frames, progress, cache)


def test_head_and_lids_are_read_relative_to_the_median_pose(shown) -> None:
    motion = speaking(100)
    shown(motion)
    read = reading()
    assert len(read) == 100
    np.testing.assert_allclose(np.median(read.rotation, axis=0), 0.0, atol=np.deg2rad(0.3))
    moved = motion.rotation - np.median(motion.rotation, axis=0)
    assert np.rad2deg(np.abs(read.rotation - moved)).max() < 0.8
    assert np.abs(read.translation).max() < 0.8
    lids = read.expression[:, LIDS].mean(axis=1)
    assert abs(int(lids.argmax()) - 15) <= 1 and lids.max() > 0.75, "the blink at 0.6 s"
    assert lids[30:].max() < 0.15
    others = [i for i in range(len(EXPRESSIONS)) if i not in LIDS]
    assert not read.expression[:, others].any(), "a mouth that speaks is none of its business"


def test_the_longest_shot_of_one_face_is_read(shown) -> None:
    motion = speaking(100)
    shown(motion, cut=30)
    assert len(reading()) == 70
    shown(motion, without_face=range(40, 44))
    assert len(reading()) == 100, "a short gap is bridged"
    shown(motion, without_face=range(60, 80))
    assert 58 <= len(reading()) <= 60


@pytest.mark.parametrize(
    ("frames", "without_face", "code", "sentence"),
    [
        (100, range(100), "video_no_face", "film.mp4 shows no face."),
        (20, range(0), "video_too_short", "film.mp4 shows a face for less than 1 second at a stretch."),
        (60, range(20, 40), "video_too_short", "film.mp4 shows a face for less than 1 second at a stretch."),
    ],
)
def test_a_film_that_shows_too_little_is_refused(shown, frames, without_face, code, sentence) -> None:
    shown(speaking(frames), without_face)
    with pytest.raises(BadInputError) as told:
        reading()
    assert (told.value.code, told.value.message) == (code, sentence) and told.value.hint


def test_a_film_without_a_frame_is_refused(shown) -> None:
    shown(speaking(0))
    with pytest.raises(BadInputError, match="shows no face"):
        reading()


def test_reading_can_be_stopped_at_any_frame(shown) -> None:
    shown(speaking(100))
    told: list[int] = []

    def stop(done: int) -> None:
        told.append(done)
        if done == 40:
            raise CancelledError

    with pytest.raises(CancelledError):
        reading(progress=stop)
    assert told == list(range(1, 41))
    told.clear()
    reading(progress=told.append)
    assert told == sorted(told) and told[-1] == 200, "each frame is seen, then fitted"


def test_readings_are_kept_by_content_and_length(shown, tmp_path: Path) -> None:
    shown(speaking(100))
    first = reading(cache=tmp_path / "cache")
    [kept] = (tmp_path / "cache").iterdir()
    if os.name == "posix":
        assert kept.stat().st_mode & 0o077 == 0, "only the user can read it"
    shown(speaking(50))
    assert reading(cache=tmp_path / "cache").to_bytes() == first.to_bytes()
    assert len(reading(frames=60 * 25 + 1, cache=tmp_path / "cache")) == 50, "a longer take needs more of a film"
    kept.write_bytes(b"damaged")
    assert len(reading(cache=tmp_path / "cache")) == 50, "it is read again"


def test_films_are_read_by_the_minute() -> None:
    assert [frames_to_read(frames) for frames in (1, 1500, 1501, 10**9)] == [1500, 1500, 3000, 15000]


def test_the_work_is_known_before_it_begins(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", [40 * i for i in range(20)])
    assert steps_to_read(tmp_path / "a.mp4", 100) == 40


@pytest.mark.real_data
def test_a_real_film() -> None:
    """A sentence of a weekly address, near whose end he blinks."""
    path = DATA / "addresses" / "president_04.mp4"
    if not path.is_file():
        pytest.skip("no films: set SOLILOQUY_DATA to the data folder")
    read = read_film(path, file_digest(path), 100, lambda done: None)
    assert len(read) == 105
    turned = np.rad2deg(np.ptp(read.rotation, axis=0))
    assert (turned > 2.0).all() and (turned < 30.0).all()
    assert np.abs(np.diff(np.rad2deg(read.rotation), axis=0)).max() < 3.0
    shut = read.expression[:, LIDS].min(axis=1) > 0.7
    assert shut[99:103].any() and not shut[:95].any(), "he blinks once, near the end"
