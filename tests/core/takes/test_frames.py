"""Rendering in batches, pictures on disk, and contact sheets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.motion.motion import Motion
from core.renderer.framing import Framing
from core.takes import frames, take_maker
from core.takes.extraction import frame_to_image
from core.wire.names import frame_name
from tests.core.standins import StandInRenderer


def test_gpu_memory_halves_the_batch_and_goes_on() -> None:
    class Small(StandInRenderer):
        batches: list[int] = []  # noqa: RUF012 - one test, one class

        def render(self, motion, batch, frames):
            self.batches.append(batch)
            if batch > 2:
                raise RuntimeError("CUDA out of memory. Tried to allocate")
            yield from super().render(motion, batch, frames)

    motion = Motion.from_channels(np.random.default_rng(0).random((20, 59)))
    straight = list(take_maker.render_from(StandInRenderer(), motion, range(20)))
    halved = list(take_maker.render_from(Small(), motion, range(20)))
    assert Small.batches == [8, 4, 2]
    assert all(np.array_equal(a, b) for a, b in zip(straight, halved, strict=True))
    some = list(take_maker.render_from(StandInRenderer(), motion, [2, 3, 11]))
    assert all(np.array_equal(a, straight[index]) for a, index in zip(some, (2, 3, 11), strict=True))


def test_other_errors_of_the_renderer_are_not_swallowed() -> None:
    renderer = StandInRenderer()
    renderer.fail_at = (3, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes"):
        list(take_maker.render_from(renderer, Motion.zeros(8), range(8)))


def test_frames_map_back_to_the_portraits_pixels() -> None:
    """A point of the photograph is mapped to the square, to the frame, and back."""
    crop = np.zeros((100, 100, 3), np.uint8)
    frame = np.zeros((80, 90, 3), np.uint8)
    framing = Framing(crop, np.ones((100, 100), bool), 0.4, 0.0, (37, -12), (300, 267), frame, (11, -4, 50))
    point = np.array([212.0, 95.0])
    square = framing.to_crop(point)
    frame = square * (framing.paste[2] / 100) + np.array(framing.paste[:2])
    scale, origin = frame_to_image(framing)
    assert np.allclose(frame / scale + np.array(origin), point)


def test_a_contact_sheet_is_small_and_shows_first_and_last(tmp_path) -> None:
    pictures = [np.full((480, 640, 3), value, np.uint8) for value in (10, 90, 250)]
    sheet = frames.contact_sheet(pictures)
    assert sheet.shape == (180, 720, 3)
    assert sheet[90, 10, 0] == 10 and sheet[90, -10, 0] == 250


def test_frames_count_stops_at_the_first_gap(tmp_path) -> None:
    assert frames.frames_on_disk(tmp_path / "none") == 0
    for index in (0, 1, 3):
        (tmp_path / frame_name(index)).write_bytes(b"x")
    assert frames.frames_on_disk(tmp_path) == 2


def test_a_contact_sheet_shows_only_the_face(tmp_path) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:30, 20:50] = 200
    (tmp_path / "frames").mkdir()
    with frames.FrameWriter(tmp_path / "frames", {}) as writer:
        writer.put(0, picture)
    frames.write_contact_sheet(tmp_path / "contact.png", tmp_path / "frames", 1, {}, face=(20, -10, 40))
    with Image.open(tmp_path / "contact.png") as sheet:
        shown = np.asarray(sheet)
    assert shown.shape == (30, 40, 3)
    assert shown[:, :30].min() == 200 and shown[:, 30:].max() == 0
