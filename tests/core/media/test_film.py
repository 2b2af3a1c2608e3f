"""The pictures of films at their times: real films, made with PyAV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import BadInputError
from core.media import film
from core.media.film import film_frames
from tests.media_files import write_film


def numbers(path: Path, fps: float = 25.0) -> list[int]:
    return [round(float(frame[-4, -4, 0]) / 10) for frame in film_frames(path, fps)]


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([0, 40, 80, 120], [0, 1, 2, 3]),
        ([200, 240, 280, 320], [0, 1, 2, 3]),  # a film that begins late
        ([0, 40, 160, 200], [0, 1, 1, 1, 2, 3]),  # a picture that stands still
        ([0, 33, 67, 100, 133, 167], [0, 1, 3, 4, 5]),  # 30 a second: frame i is shown at (i + 0.5) / 25 s
    ],
)
def test_every_picture_is_seen_at_its_time(tmp_path: Path, name: str, stamps: list[int], expected: list[int]) -> None:
    write_film(tmp_path / name, stamps)
    assert numbers(tmp_path / name) == expected


def test_pictures_are_turned_and_made_smaller(tmp_path: Path) -> None:
    """A telephone that is held upright writes lying pictures, and says so."""
    write_film(tmp_path / "a.mp4", [0, 40], wide=128)
    [plain, _] = film_frames(tmp_path / "a.mp4")
    assert plain.shape == (64, 128, 3) and plain[4, 4, 0] > 80 > plain[-4, 4, 0]
    write_film(tmp_path / "b.mp4", [0, 40], wide=128, turned=90)
    [turned, _] = film_frames(tmp_path / "b.mp4")
    np.testing.assert_array_equal(turned, np.rot90(plain))
    [small, _] = film_frames(tmp_path / "b.mp4", long_side=32)
    assert small.shape == (32, 16, 3)


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(BadInputError) as told:
        list(film_frames(path))
    assert "\n" not in str(told.value)
    return told.value.code, str(told.value)


def test_what_is_no_film_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(tmp_path / "none.mp4")[0] == "video_missing"
    assert refused(tmp_path)[0] == "video_unreadable"
    (tmp_path / "a.mp4").write_bytes(b"")
    assert refused(tmp_path / "a.mp4")[0] == "video_empty"
    (tmp_path / "a.mp4").write_bytes(b"these are words, and no film" * 50)
    assert refused(tmp_path / "a.mp4") == (
        "video_unreadable",
        "The video file a.mp4 is no video that can be read. Save the video as MP4.",
    )
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    assert refused(tmp_path / "a.wav") == ("video_no_pictures", "a.wav has no video. Choose a video file.")
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/film.mp4\n")
    write_film(tmp_path / "film.mp4", [0, 40, 80])
    assert refused(tmp_path / "list.m3u8")[0] == "video_unreadable", "a list of other files is none"
    content = (tmp_path / "film.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(content[:200])
    assert "it is damaged, or its recording was broken off" in refused(tmp_path / "half.mp4")[1]
    monkeypatch.setattr(film, "_MOST_PIXELS", 1000)
    assert "its pictures are too large" in refused(tmp_path / "film.mp4")[1]
