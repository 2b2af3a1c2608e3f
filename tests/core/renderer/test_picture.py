"""Frames have the size that was asked for, and hold what the photograph has in them, whatever the face is worked at."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.renderer.detail import Moved
from core.renderer.framing import NEARLY, frame_portrait
from core.takes.extraction import frame_to_image
from core.wire.picture_size import FIT, MAX_SIDE, PHOTOGRAPH, frame_size
from tests.core.made_portraits import turned_portrait
from tests.core.renderer.test_framing import CLOSE_UP, cut_out, portrait_of

WHOLE = (0, 0, 512, 512)
FACE = np.s_[60:200, 130:330]
"""The head of the standard photograph, with some of its surroundings."""
LIP, FOREHEAD, IRISES = 14, 151, (468, 473)
"""Landmarks."""


def psnr(frame: np.ndarray, wanted: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(float(((frame.astype(float) - wanted) ** 2).mean()), 1e-9)))


@cache
def renderer_of(size: int, picture: int | str) -> Renderer:
    return Renderer(HeadModel.load(), portrait_of(), size, painter=None, picture=picture)


# ------------------------------------------------------------------------------------------------------------- the size
@pytest.mark.parametrize("shape", [(512, 512), (335, 410), (64, 80), (81, 65), (2161, 1200), (4096, 3001), (1, 9)])
@pytest.mark.parametrize("picture", [PHOTOGRAPH, 64, 701, 2160])
def test_the_size_is_even_and_that_of_the_long_side(shape: tuple[int, int], picture: int | str) -> None:
    width, height = frame_size(*shape, picture)
    wanted = min(max(shape), MAX_SIDE) if picture == PHOTOGRAPH else picture
    assert width % 2 == 0 and height % 2 == 0 and min(width, height) >= 2
    assert max(width, height) == max(2, wanted - wanted % 2)
    if picture == PHOTOGRAPH and max(shape) <= MAX_SIDE:
        assert (width, height) == tuple(max(2, side - side % 2) for side in shape)


def test_the_size_of_fit_does_not_follow_from_the_photograph() -> None:
    with pytest.raises(ValueError, match="fit"):
        frame_size(512, 512, FIT)


@pytest.mark.parametrize("size", [128, 256, 1024])
@pytest.mark.parametrize("picture", [PHOTOGRAPH, 200, 1033])
@pytest.mark.parametrize(("part", "zoom"), [(WHOLE, 1.0), ((0, 0, 511, 509), 1.0), (CLOSE_UP, 4.0), (WHOLE, 4.4)])
def test_frames_have_the_size_that_was_asked_for(size: int, picture: int | str, part: tuple, zoom: float) -> None:
    portrait = portrait_of(*part, zoom=zoom)
    height, width = portrait.image.shape[:2]
    framing = frame_portrait(portrait, size, "portrait", picture)
    assert framing.frame.shape[1::-1] == frame_size(width, height, picture)
    assert len(framing.crop) == len(frame_portrait(portrait, size, "portrait", FIT).crop)  # the work is the same
    scale, origin = frame_to_image(framing)
    assert np.allclose(origin, 0, atol=1e-6)
    assert np.isclose(
        scale, (min(max(height, width), MAX_SIDE) if picture == PHOTOGRAPH else picture) / max(height, width)
    )
    x, y, side = (value / scale for value in framing.paste)
    assert np.isclose(side, portrait.crop[2], rtol=NEARLY, atol=0.51 / scale)
    assert np.allclose([x + side / 2, y + side / 2], middle_of(portrait), atol=1.01 / scale)
    assert (framing.fine is None) == (framing.paste[2] == len(framing.crop))
    rows, columns = framing.visible
    assert framing.fine is None or framing.fine.shape[:2] == (rows.stop - rows.start, columns.stop - columns.start)


def middle_of(portrait: Portrait) -> list[float]:
    """(x, y) px of the middle of the portrait's square."""
    x0, y0, side = portrait.crop
    return [x0 + side / 2, y0 + side / 2]


def test_a_square_of_nearly_the_frames_pixels_is_a_part_of_the_frame() -> None:
    """The head of the standard photograph has 253 pixels: with 256 nothing is resized."""
    framing = frame_portrait(portrait_of(), 256, "portrait", PHOTOGRAPH)
    x, _, side = framing.paste
    assert side == 256 and framing.scale == 1.0
    assert np.array_equal(framing.crop[20:], framing.frame[framing.paste[1] + 20 : framing.paste[1] + 256, x : x + 256])


@pytest.mark.parametrize("picture", [PHOTOGRAPH, 300])
def test_a_face_alone_has_the_size_of_its_square(picture: int | str) -> None:
    alone, before = (frame_portrait(portrait_of(), 256, "crop", wanted) for wanted in (picture, FIT))
    assert np.array_equal(alone.frame, before.frame) and alone.paste == before.paste


def test_a_photograph_of_its_own_size_is_taken_as_it_is() -> None:
    portrait = portrait_of(0, 0, 511, 509)
    frame = frame_portrait(portrait, 256, "portrait", PHOTOGRAPH).frame
    assert np.array_equal(frame, portrait.image[:508, :510])


def test_a_tiny_photograph_keeps_its_size() -> None:
    whole = portrait_of()
    x0, y0, side = (value / 8 for value in whole.crop)
    tiny = replace(
        whole,
        image=cv2.resize(whole.image, (64, 64), interpolation=cv2.INTER_AREA),
        landmarks=whole.landmarks / 8,
        focal=whole.focal / 8,
        centre=whole.centre / 8,
        crop=(x0, y0, side),
    )
    renderer = Renderer(HeadModel.load(), tiny, 256, painter=None, picture=PHOTOGRAPH)
    (frame,) = renderer.render(Motion.zeros(1))
    assert frame.shape == (64, 64, 3)
    assert psnr(frame[2:12, 22:36], tiny.image[2:12, 22:36]) > 30


# ------------------------------------------------------------------------------------------------------ the fine detail
def test_a_square_that_nothing_moved_gives_the_photograph_back() -> None:
    renderer = renderer_of(128, PHOTOGRAPH)
    assert renderer.detail is not None
    crop = renderer.framing.crop
    unmoved = Moved(renderer.detail.grid.copy(), renderer.detail.matte.copy())
    assert np.array_equal(renderer.framing.compose(renderer.detail.added(crop, unmoved)), renderer.framing.frame)
    assert psnr(renderer.framing.compose(crop)[FACE], renderer.framing.frame[FACE]) < 32  # without the detail


@pytest.mark.parametrize("degrees", [24, 90])
def test_the_same_for_a_tilted_face(degrees: int) -> None:
    portrait, _ = turned_portrait(portrait_of(), degrees)
    renderer = Renderer(HeadModel.load(), portrait, 128, painter=None, picture=PHOTOGRAPH)
    assert renderer.detail is not None and renderer.framing.angle
    unmoved = Moved(renderer.detail.grid.copy(), renderer.detail.matte.copy())
    crop, frame = renderer.framing.crop, renderer.framing.frame
    with_detail, without = (renderer.framing.compose(s) for s in (renderer.detail.added(crop, unmoved), crop))
    assert psnr(with_detail, frame) > psnr(without, frame) + 8
    assert degrees != 90 or np.array_equal(with_detail, frame)


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("picture", [PHOTOGRAPH, 800])
def test_a_still_head_leaves_the_photograph(size: int, picture: int | str) -> None:
    """Around the square to the bit; in it all but the mouth, which closes, and eyes that are drawn."""
    renderer = renderer_of(size, picture)
    (frame,) = renderer.render(Motion.zeros(1))
    wanted = renderer.framing.frame
    x, y, side = renderer.framing.paste
    around = np.ones(wanted.shape[:2], bool)
    around[max(y, 0) : y + side, max(x, 0) : x + side] = False
    assert around.any() and np.array_equal(frame[around], wanted[around])
    zoom, enlarged = len(wanted) / 512, renderer.framing.compose(renderer.framing.crop)
    # Inside the hair, hair with its outline, background, suit.
    for least, (top, bottom, left, right) in (
        (70, (60, 90, 190, 260)),
        *((38, (20, 90, 180, 280)), (48, (10, 100, 300, 345)), (48, (200, 240, 110, 340))),
    ):
        part = np.s_[int(top * zoom) : int(bottom * zoom), int(left * zoom) : int(right * zoom)]
        assert psnr(frame[part], wanted[part]) > least
        if renderer.detail is not None:  # which is what does it
            assert psnr(enlarged[part], wanted[part]) < psnr(frame[part], wanted[part]) - 4


def test_detail_moves_with_the_head() -> None:
    """A face that is worked with half the pixels comes near to one that is worked with all of them."""
    turns = np.radians([[5, 0, 0], [0, 7, 0], [0, 0, -5], [-4, -6, 3]]).astype(np.float32)
    motion = Motion(np.zeros((4, len(EXPRESSIONS)), np.float32), turns, np.zeros((4, 3), np.float32))
    half, full = renderer_of(128, PHOTOGRAPH), renderer_of(256, PHOTOGRAPH)
    assert half.detail is not None
    for k, wanted in enumerate(full.render(motion)):
        ((square, moved),) = half._draw(motion.slice(k, k + 1))
        assert moved is not None
        with_detail, without = (half.framing.compose(s) for s in (half.detail.added(square, moved), square))
        assert psnr(with_detail[FACE], wanted[FACE]) > psnr(without[FACE], wanted[FACE]) + 1.5


def test_what_is_drawn_anew_has_no_detail_of_the_photograph() -> None:
    renderer = renderer_of(128, PHOTOGRAPH)
    assert renderer.detail is not None
    expression = np.zeros((1, len(EXPRESSIONS)), np.float32)
    for name in ("jawOpen", "eyeBlink_L", "eyeBlink_R"):
        expression[:, EXPRESSIONS.index(name)] = 0.8
    motion = Motion(expression, np.zeros((1, 3)), np.zeros((1, 3)))
    ((square, moved),) = renderer._draw(motion)
    assert moved is not None
    own = renderer.detail.own
    renderer.detail.own = np.full_like(own, 60.0)
    mark = renderer.detail.added(square, moved).astype(int) - renderer.framing.resized(square)
    renderer.detail.own = own
    ratio = len(mark) / 128
    landmarks = renderer.framing.to_crop(portrait_of().landmarks) * ratio
    for point in (LIP, *IRISES):
        x, y = landmarks[point].astype(int)
        assert mark[y - 1 : y + 2, x - 1 : x + 2].max() < 15
    x, y = landmarks[FOREHEAD].astype(int)
    assert mark[y - 3 : y + 4, x - 3 : x + 4].min() > 40


def test_shoulders_of_an_enlarged_square_meet_those_around_it() -> None:
    """Where both show the moved photograph they are alike; below the head, along the square's own border."""
    renderer = renderer_of(128, PHOTOGRAPH)
    body = np.array([0.6, 0.3, 0.02, 1.0], np.float32)
    motion = Motion(np.zeros((1, len(EXPRESSIONS))), np.zeros((1, 3)), np.zeros((1, 3)), 25.0, body=body[None])
    ((square, moved),) = renderer._draw(motion)
    assert renderer.detail is not None and moved is not None
    x, y, side = renderer.framing.paste
    band = np.s_[-round(0.055 * side) : -round(0.025 * side), side // 4 : -side // 4]
    inside = renderer.detail.added(square, moved)[band].astype(int)
    around = renderer.around.moved(body)[y + side - len(inside) - round(0.025 * side) :][: len(inside), x + side // 4 :]
    around = around[:, : inside.shape[1]].astype(int)
    still = renderer.framing.fine[band].astype(int) if renderer.framing.fine is not None else inside
    assert np.abs(inside - around).mean() < 0.5 * np.abs(inside - still).mean()


def test_frames_are_the_same_bytes_in_any_batch() -> None:
    turns = np.linspace((0, -0.1, 0), (0, 0.1, 0), 5)
    motion = Motion(np.zeros((5, len(EXPRESSIONS))), turns, np.zeros((5, 3)))
    renderer = renderer_of(128, PHOTOGRAPH)
    one, many = (list(renderer.render(motion, batch)) for batch in (1, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))


def test_cut_out_portraits_keep_their_alpha_at_the_photographs_size() -> None:
    portrait, _ = cut_out(256)
    renderer = Renderer(HeadModel.load(), portrait, 128, painter=None, picture=PHOTOGRAPH)
    (frame,) = renderer.render(Motion.zeros(1))
    assert portrait.alpha is not None and frame.shape == (512, 512, 4)
    assert np.abs(frame[..., 3].astype(int) - portrait.alpha).mean() < 0.5
    assert not frame[:20, -20:, 3].any()
