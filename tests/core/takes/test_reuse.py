"""A take that is made from another one renders the frames that differ, and copies the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.motion.motion import Motion, group_indices
from core.takes import extraction
from core.wire.protocol import Progress, Render, Resample, TakeReady
from core.wire.take_file import TakeFacts
from tests.core.job_runs import run

FRAMES = 30


@pytest.fixture
def first(models, request_) -> TakeReady:
    take = run(replace(request_, takes=1)).takes()[0]
    models._renderer.rendered = 0
    return take


def edited(take: TakeReady, folder: Path, frames: list[int]) -> Render:
    """A render of the take's curves with other brows in some frames. (Shoulders follow another head for a while.)"""
    channels = Motion.load(take.motion).channels().copy()
    channels[np.ix_(frames, group_indices("brows"))] = 0.5
    Motion.from_channels(channels).save(folder / "edited.npz")
    return Render(job=take.job, take=take.index, motion=str(folder / "edited.npz"), device="cpu")


def pixels(take: TakeReady) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(Path(take.frames).iterdir())]


@pytest.mark.parametrize("frames", [[3], [29], [0, 1, 12, 13, 14, 28], list(range(FRAMES))])
def test_edited_curves_render_their_frames_only(first, models, tmp_path, frames) -> None:
    take = run(edited(first, tmp_path, frames)).takes()[0]
    assert models._renderer.rendered == len(frames)
    before, after = pixels(first), pixels(take)
    assert len(after) == FRAMES
    changed = [k for k in range(FRAMES) if not np.array_equal(before[k], after[k])]
    assert changed == frames


def test_a_renderer_that_looks_around_renders_the_frames_near_a_change_too(
    first, models, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(models._renderer, "reach", 2)
    run(edited(first, tmp_path, [0, 10, 29]))
    assert models._renderer.rendered == 3 + 5 + 3


def test_frames_of_another_size_are_all_rendered(first, models, tmp_path) -> None:
    """With the same settings as the source's they are copied, whether they are named or left out."""
    rendering = edited(first, tmp_path, [3])
    assert TakeFacts.read(Path(first.folder)).picture == "photograph"
    run(replace(rendering, picture="fit"))
    assert models._renderer.rendered == FRAMES
    models._renderer.rendered = 0
    run(replace(rendering, picture="photograph"))
    take = run(rendering).takes()[0]
    assert models._renderer.rendered == 1 and take.index == 3


def test_a_resampled_range_renders_its_frames_only(first, models) -> None:
    take = run(Resample(job=first.job, take=1, renew=("blink",), first_frame=5, last_frame=9, device="cpu")).takes()[0]
    assert models._renderer.rendered == 5
    assert [k for k, (a, b) in enumerate(zip(pixels(first), pixels(take), strict=True)) if (a != b).any()] == [
        *range(5, 10)
    ]


def test_unchanged_curves_render_nothing(first, models, tmp_path) -> None:
    run(edited(first, tmp_path, []))
    assert models._renderer.rendered == 0


def test_a_damaged_picture_among_copied_ones_is_rendered(first, models, tmp_path) -> None:
    (Path(first.frames) / "000011.png").write_bytes(b"no picture")
    take = run(edited(first, tmp_path, [3, 20])).takes()[0]
    assert models._renderer.rendered == 3 and len(pixels(take)) == FRAMES


def test_curves_are_read_back_from_copied_and_drawn_frames_in_order(first, models, tmp_path, monkeypatch) -> None:
    seen: list[np.ndarray] = []

    def keep(pictures, *_):
        seen.extend(picture.copy() for picture in pictures)
        return Motion.zeros(len(seen))

    monkeypatch.setattr(extraction, "extract", keep)
    take = run(edited(first, tmp_path, [2, 3, 17])).takes()[0]
    assert all(np.array_equal(a, b) for a, b in zip(seen, pixels(take), strict=True))


def test_progress_counts_copied_frames(first, tmp_path) -> None:
    heard = run(edited(first, tmp_path, [10]))
    done = [event.done for event in heard if isinstance(event, Progress) and event.stage == "frames"]
    assert done == sorted(done) and done[-1] == FRAMES
