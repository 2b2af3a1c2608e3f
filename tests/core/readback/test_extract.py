"""Extraction: a motion is recovered from the landmarks of a known portrait, and from real frames of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.portrait.portrait import Portrait
from core.readback import extract as extract_module
from core.readback.extract import MAX_LOST, extract
from tests.core.readback.shown_landmarks import JAW, ShownLandmarks, speaking


def numbered(count: int, without_face: range = range(0)) -> Iterator[np.ndarray]:
    """Frames whose first pixel holds their number and whether they show no face."""
    for index in range(count):
        frame = np.zeros((2, 2, 3), np.uint8)
        frame[0, 0] = index, index in without_face, 0
        yield frame


def test_motion_is_recovered_from_its_landmarks(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = speaking(40)
    monkeypatch.setattr(extract_module, "FaceMesh", ShownLandmarks(portrait, motion))
    found = extract(numbered(40), portrait)
    assert len(found) == 40
    assert np.degrees(np.abs(found.rotation - motion.rotation)).max() < 2
    assert np.corrcoef(found.expression[:, JAW], motion.expression[:, JAW])[0, 1] > 0.95
    blink = EXPRESSIONS.index("eyeBlink_L")
    assert np.corrcoef(found.expression[:, blink], motion.expression[:, blink])[0, 1] > 0.9


def test_short_gaps_are_filled_and_long_ones_are_an_error(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = speaking(30)
    monkeypatch.setattr(extract_module, "FaceMesh", ShownLandmarks(portrait, motion))
    found = extract(numbered(30, range(10, 13)), portrait)
    assert len(found) == 30 and np.degrees(np.abs(found.rotation - motion.rotation)).max() < 4
    with pytest.raises(SoliloquyError) as caught:
        extract(numbered(30, range(5, 6 + MAX_LOST)), portrait)
    assert caught.value.code == "extract_no_face"


def test_no_frames_give_an_empty_motion(portrait: Portrait) -> None:
    assert len(extract(iter(()), portrait)) == 0


def test_frames_at_another_scale_and_position(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = speaking(25)
    shown = ShownLandmarks(portrait, motion)
    monkeypatch.setattr(extract_module, "FaceMesh", shown)
    plain = extract(numbered(25), portrait)
    shown.landmarks = (shown.landmarks - [30, 20, 0]).astype(np.float32) * 2
    moved = extract(numbered(25), portrait, scale=2.0, origin=(30.0, 20.0))
    assert np.abs(moved.rotation - plain.rotation).max() < 1e-3
    assert np.abs(moved.expression - plain.expression).max() < 0.02


@pytest.mark.slow
def test_round_trip_through_real_frames(portrait: Portrait) -> None:
    from core.renderer.renderer import Renderer
    from core.takes.extraction import frame_to_image

    motion = speaking(40)
    head = HeadModel.load()
    renderer = Renderer(head, portrait, size=256, framing="crop")
    turned = np.degrees(np.abs(motion.rotation)).max()
    found = extract(renderer.render(motion), portrait, *frame_to_image(renderer.framing))
    error = np.degrees(np.abs(found.rotation - motion.rotation))
    assert turned > 5 and error.mean() < 1.5 and np.percentile(error, 95) < 3
    assert np.corrcoef(found.expression[:, JAW], motion.expression[:, JAW])[0, 1] > 0.9
