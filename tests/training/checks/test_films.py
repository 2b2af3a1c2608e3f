"""Lips against films: the offset, the reader, and the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.checks.films import Score, measured, read_openings, scores, table


def film(late: int, seed: int, movement: float = 1.0, frames: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Openings of a film, and of a mouth that comes ``late`` frames after it."""
    rng = np.random.default_rng(seed)
    curve = np.convolve(rng.normal(size=frames + 40), np.hanning(5), "same")
    return curve[20 : 20 + frames], movement * curve[20 - late : 20 - late + frames]


def test_the_offset_is_that_of_other_films() -> None:
    found = scores({f"s3{i}_clip": film(2, i, 0.7) for i in range(3)} | {"s40_clip": film(-1, 9)})
    assert [found[f"s3{i}_clip"].late for i in range(3)] == [2, 2, 2]
    assert found["s30_clip"].match > 0.99 and abs(found["s30_clip"].movement - 0.7) < 0.05
    alone = found["s40_clip"]
    assert (alone.late, alone.own_late) == (2, -1)
    assert alone.own_match > 0.99 and alone.match < 0.6  # it must not choose its own offset


def test_another_film_of_the_recording_counts_more_than_other_recordings() -> None:
    curves = {f"president_{i:02d}": film(late, i) for i, late in ((1, 4), (2, 0), (3, 2))}
    curves |= {f"president_{i:02d}": film(-2, i) for i in (4, 8)}  # one recording
    found = scores(curves)
    assert found["president_04"].late == -2 and found["president_08"].late == -2


def test_pictures_without_a_face_are_refused() -> None:
    with pytest.raises(ValueError, match="no face in 5 of 5 pictures"):
        read_openings(np.full((64, 64, 3), 90, np.uint8) for _ in range(5))


def test_a_folder_without_films_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="grid_more"):
        measured(tmp_path, lambda path: np.zeros(10), tmp_path)


def test_the_table_has_each_film_and_the_medians() -> None:
    group = {name: Score(match, 2, match, 1, 0.9) for name, match in (("a", 0.5), ("b", 0.7), ("c", 0.9))}
    rows = table({"some": group}, fast=False).rows
    assert [row[0] for row in rows] == ["**some, median of 3**", "a", "b", "c"]
    assert rows[0][1:4] == ("0.700", "0.90", "2")
