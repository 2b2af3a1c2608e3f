"""Frames have the size that was asked for, and keep the transparency of portraits that are cut out."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.renderer.framing import FEATHER, INSET, MOST_ENLARGED, Framing, frame_portrait
from core.takes.frames import FrameWriter, read_frame


@cache
def portrait_of(x0: int = 0, y0: int = 0, x1: int = 512, y1: int = 512, zoom: float = 1.0) -> Portrait:
    """The standard photograph, or a part of it, enlarged."""
    image = pytest.importorskip("skimage.data", reason="the photograph comes with scikit-image").astronaut()
    return fit_portrait(cv2.resize(image[y0:y1, x0:x1], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC))


CLOSE_UP = (130, 40, 310, 210)


@pytest.mark.parametrize("size", [128, 253, 256, 512, 1024])
@pytest.mark.parametrize("part", [CLOSE_UP, (150, 55, 295, 185), (30, 10, 330, 300), (0, 0, 512, 512)])
def test_the_long_side_is_at_least_the_size_where_the_photograph_has_it(part: tuple, size: int) -> None:
    portrait = portrait_of(*part, zoom=4.0)
    framing = frame_portrait(portrait, size, "portrait")
    height, width = portrait.image.shape[:2]
    long_side = max(framing.frame.shape[:2])
    assert long_side >= min(size, height, width) - 2
    assert long_side > min(size, max(height, width)) - 2
    side = framing.crop.shape[0]
    assert side % 2 == 0 and size <= side <= MOST_ENLARGED * size + 1 and framing.paste[2] >= side
    assert abs(framing.frame.shape[0] / framing.frame.shape[1] - height / width) < 0.02


@pytest.mark.parametrize("framing", ["portrait", "crop"])
def test_any_size_is_rendered(framing: str) -> None:
    renderer = Renderer(HeadModel.load(), portrait_of(), 129, framing=framing)
    (frame,) = renderer.render(Motion(np.zeros((1, 53), np.float32), *np.zeros((2, 1, 3), np.float32)))
    assert frame.shape[:2] == renderer.frame_shape and min(frame.shape[:2]) >= 129


def test_ordinary_portraits_keep_their_square() -> None:
    portrait = portrait_of()
    framing = frame_portrait(portrait, 512, "portrait")
    scale = 512 / portrait.crop[2]
    assert framing.crop.shape[0] == 512 and framing.scale == scale and framing.paste[2] == 512
    assert framing.frame.shape[0] == 2 * (int(512 * scale) // 2)
    assert frame_portrait(portrait_of(*CLOSE_UP, zoom=4.0), 256, "crop").frame.shape == (256, 256, 3)


def test_a_square_enlarged_at_pasting_meets_the_photograph() -> None:
    """An extreme close-up: the square can't grow as far as the frame, so it is enlarged; at rest nothing shifts."""
    portrait = portrait_of(*CLOSE_UP, zoom=4.0)
    x0, y0, side = portrait.crop
    wide = replace(portrait, crop=(x0 - side / 2, y0 - side / 2, 2 * side))
    framing = frame_portrait(wide, 256, "portrait")
    assert framing.crop.shape[0] == MOST_ENLARGED * 256 < framing.paste[2] and max(framing.frame.shape) >= 255
    pasted = framing.compose(framing.crop)
    assert np.abs(pasted.astype(int) - framing.frame).mean() < 4
    shifted = np.abs(np.roll(pasted, 2, 1).astype(int) - framing.frame)[:, 4:-4].mean()
    assert np.abs(pasted.astype(int) - framing.frame)[:, 4:-4].mean() < 0.6 * shifted


@cache
def cut_out(size: int, framing: str = "portrait") -> tuple[Portrait, list[np.ndarray]]:
    """A portrait without background, and frames of it: at rest, nodding, turned."""
    portrait = portrait_of()
    alpha = np.zeros((512, 512), np.uint8)
    cv2.ellipse(alpha, (224, 120), (88, 112), 0, 0, 360, (255,), -1)
    alpha[235:] = 255
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    image = np.round(128 + (portrait.image - 128.0) * (alpha[..., None] / 255)).astype(np.uint8)
    portrait = replace(portrait, image=image, alpha=alpha)
    turns = np.array([[0, 0, 0], [0.2, 0, 0], [0, 0.25, 0]], np.float32)
    motion = Motion(np.zeros((3, 53), np.float32), turns, np.zeros((3, 3), np.float32))
    renderer = Renderer(HeadModel.load(), portrait, size, framing=framing, painter=None)
    return portrait, list(renderer.render(motion))


@pytest.mark.parametrize("framing", ["portrait", "crop"])
def test_alpha_moves_with_the_head_and_stays_elsewhere(framing: str) -> None:
    portrait, frames = cut_out(256, framing)
    wanted = frame_portrait(portrait, 256, framing)
    face = wanted.to_crop(portrait.landmarks[:468])
    middle = face.mean(0) + (wanted.paste[:2] if framing == "portrait" else 0)
    half = int(np.ptp(face[:, 0]) * 0.2)
    for frame in frames:
        assert frame.shape == (*wanted.frame.shape[:2], 4)
        x, y = middle.astype(int)
        assert frame[y - half : y + half, x - half : x + half, 3].min() >= 235  # nothing shines through the face
        assert not frame[:20, -20:, 3].any()
        assert np.abs(frame[-10:, :, 3].astype(int) - wanted.frame[-10:, :, 3]).max() <= 6
    rest, nod, turn = (frame[..., 3].astype(int) for frame in frames)
    assert np.abs(rest - wanted.frame[..., 3]).mean() < 1.5
    for moved in (nod, turn):
        assert np.abs(moved - rest).mean() > 0.03 and np.abs(moved - rest).max() > 40


def test_colours_of_transparent_frames_hold_no_grey(tmp_path: Path) -> None:
    portrait, frames = cut_out(256)
    wanted = frame_portrait(portrait_of(), 256, "portrait").frame
    half_seen = (frames[0][..., 3] > 60) & (frames[0][..., 3] < 250)
    half_seen[: int(0.03 * len(wanted))] = False
    grey = frame_portrait(portrait, 256, "portrait").frame[..., :3]
    miss = np.abs(frames[0][..., :3].astype(int) - wanted)[half_seen].mean()
    assert miss < 0.5 * np.abs(grey.astype(int) - wanted)[half_seen].mean()
    with FrameWriter(tmp_path, {"Source": "synthetic"}) as writer:
        writer.put(0, frames[0])
    (file,) = tmp_path.glob("*.png")
    stored = Image.open(file)
    assert stored.mode == "RGBA" and np.array_equal(np.asarray(stored), frames[0])
    assert np.array_equal(read_frame(tmp_path, 0), frames[0][..., :3])


@pytest.mark.parametrize("degrees", [0, 20, 45, 90])
@pytest.mark.parametrize("kind", ["opaque", "alpha", "moved"])
def test_pasting_is_the_mean_of_square_and_frame_by_the_soft_rim(degrees: int, kind: str) -> None:
    """Only the rim is mixed and the rest is copied; the bytes are those of mixing every pixel."""
    side, channels = 90, 4 if kind == "alpha" else 3
    r = np.random.default_rng(degrees)
    square = r.integers(0, 256, (side, side, channels), np.uint8)
    frame = r.integers(0, 256, (100, 140, channels), np.uint8)
    inside = np.ones((side, side), bool)
    # The square reaches beyond the frame at the top.
    framing = Framing(square[..., :3], inside, 1.0, np.radians(degrees), (30, -20), (140, 100), frame, (30, -20, side))
    surroundings = r.integers(0, 256, frame.shape, np.uint8) if kind == "moved" else None
    rim = FEATHER * side
    lost = INSET * side if kind == "moved" else 0.0
    ramp = np.clip((np.minimum(np.arange(side), np.arange(side)[::-1]) - lost) / rim, 0, 1)
    weight = np.round(256 * np.minimum(ramp[:, None], ramp[None])).astype(np.uint16)
    x0, y0, x1, y1 = framing._box
    if degrees:
        new, part = framing._turned_back(square), framing._turned_back(weight, outside=cv2.BORDER_CONSTANT)
    else:
        new, part = square[20:], weight[20:]
    wanted = (frame if surroundings is None else surroundings).copy()
    old = wanted[y0:y1, x0:x1].astype(int)
    share = part[..., None].astype(int)
    wanted[y0:y1, x0:x1] = (new.astype(int) * share + old * (256 - share) + 128) >> 8
    kept = frame.copy()
    assert np.array_equal(framing.compose(square, surroundings), wanted)
    assert np.array_equal(framing.frame, kept)  # the photograph itself stays for the next frame
    assert (part == 256).any() and ((part > 0) & (part < 256)).any() and (part == 0).any()
