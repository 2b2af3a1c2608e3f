"""Shoulders and chest in rendered frames: they move smoothly, and background, face and edges don't move with them."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.portrait.tilt import turned
from core.renderer import Renderer
from core.renderer.framing import FEATHER, INSET
from core.renderer.layers.around import CELLS, MARGIN
from core.renderer.layers.near import along_edges
from core.renderer.layers.torso import RISE_CM

SIZE = 256
BODIES = np.array(
    [
        [0.0, 0.0, 0.0, 1.0],
        [0.6, 0.0, 0.0, 0.0],
        [-0.6, 0.2, 0.0, 0.5],
        [0.0, 0.0, 0.04, 0.0],
        [0.5, -0.3, -0.04, 0.9],
    ],
    np.float32,
)
"""A full breath, two swings, a tilt, and all of them."""


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return fit_portrait(pytest.importorskip("skimage.data").astronaut())


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def whole(model, portrait) -> Renderer:
    """The square is pasted into the photograph. Without G, so that nothing but the warp can change a pixel."""
    return Renderer(model, portrait, SIZE, painter=None)


@pytest.fixture(scope="module")
def square(model, portrait) -> Renderer:
    """The square alone."""
    return Renderer(model, portrait, SIZE, framing="crop", painter=None)


def motion_of(bodies: np.ndarray, degrees: tuple[float, float, float] = (0, 0, 0)) -> Motion:
    turn = np.tile(np.radians(degrees), (len(bodies), 1))
    return Motion(np.zeros((len(bodies), 53)), turn, np.zeros((len(bodies), 3)), body=bodies)


def frames_of(renderer: Renderer, bodies: np.ndarray, degrees=(0, 0, 0), **more) -> np.ndarray:
    return np.stack(list(renderer.render(motion_of(bodies, degrees), **more)))


def field_of(renderer: Renderer, bodies: np.ndarray, degrees=(0, 0, 0)) -> np.ndarray:
    """(B, S, S, 2) pixels by which the body alone moves what is seen."""
    motion = motion_of(bodies, degrees)
    rotation, translation, body = (torch.tensor(v) for v in (motion.rotation, motion.translation, motion.body))
    heads = renderer.geometry.pose(torch.tensor(motion.expression), rotation, translation)
    moved, still = (renderer.flow_field(heads, rotation, translation, b).positions for b in (body, None))
    return (still - moved).numpy()


def cut(portrait: Portrait, left: int, top: int, right: int, bottom: int) -> Portrait:
    """The portrait whose photograph ends there."""
    shift = np.array([left, top])
    return replace(
        portrait,
        image=np.ascontiguousarray(portrait.image[top:bottom, left:right]),
        landmarks=(portrait.landmarks - np.array([left, top, 0])).astype(np.float32),
        centre=(portrait.centre - shift).astype(np.float32),
        crop=(portrait.crop[0] - left, portrait.crop[1] - top, portrait.crop[2]),
    )


def test_a_breath_lifts_the_shoulders_by_a_few_pixels_and_leaves_the_face(whole) -> None:
    field = field_of(whole, BODIES[:1])[0]
    cm = whole.geometry.focal / whole.geometry.source.pixels[0, :, 2].mean().item()
    assert np.abs(field[..., 0]).max() < 0.01 and field[..., 1].max() < 0.01, "straight up"
    assert -field[..., 1].min() == pytest.approx(RISE_CM * cm, rel=0.15)
    assert 1.5 < -field[..., 1].min() * 512 / SIZE < 8
    skin = whole.geometry.model.part_vertices("lips", "eye_left", "eye_right")
    x, y = whole.geometry.source.pixels[0, skin, :2].round().long().T
    assert np.abs(field[y, x]).max() < 0.01


@pytest.mark.parametrize("degrees", [(0, 0, 0), (12, 0, 0), (0, 15, 0), (0, -15, 8)])
def test_the_field_is_smooth_also_at_the_neck(whole, square, degrees) -> None:
    """Neighbouring pixels never move apart by more than a third of a pixel, so nothing tears or folds."""
    for renderer in (whole, square):
        field = field_of(renderer, BODIES, degrees)
        assert np.abs(np.diff(field, axis=1)).max() < 0.34 and np.abs(np.diff(field, axis=2)).max() < 0.34
        assert np.abs(np.diff(field, 2, axis=1)).max() < 0.1 and np.abs(np.diff(field, 2, axis=2)).max() < 0.1


def test_the_head_takes_none_of_it(whole) -> None:
    """Down to the lower rim of the eyes no pixel of a frame differs; below it, the sides of the neck begin to move."""
    without, moved = (frames_of(whole, bodies, (4, 10, 3)) for bodies in (np.zeros((5, 4)), BODIES))
    eyes = whole.geometry.source.pixels[0, whole.geometry.model.part_vertices("eye_left", "eye_right"), 1]
    above = int(eyes.max()) + whole.framing.paste[1]
    assert above > 60 and (without[:, :above] == moved[:, :above]).all()
    assert all((a != b).any() for a, b in zip(without, moved, strict=True))


def test_the_background_stays(whole) -> None:
    """Where no part of the person is, before or after, no pixel of a frame differs from the photograph."""
    frames = frames_of(whole, BODIES).astype(int)
    person = torch.maximum(whole.still.person.layer, whole.with_body.person.layer)[0].abs().amax(0).numpy() > 0.004
    x, y, side = whole.framing.paste
    around = whole.around
    seen = np.zeros(whole.frame_shape, np.uint8)
    seen[around.rows, around.columns] = around.person[..., 3] > 0
    rows, columns = (slice(max(k, 0), k + side) for k in (y, x))
    seen[rows, columns] |= person[rows.start - y :, columns.start - x :]
    still = cv2.dilate(seen, np.ones((21, 21), np.uint8)) == 0
    assert still.mean() > 0.3
    assert np.abs(frames - whole.framing.frame)[:, still].max() <= 1


def test_around_the_pasted_square_the_chest_moves_on(whole) -> None:
    """Below the square too, and less and less: far from it the photograph stays."""
    frames = frames_of(whole, BODIES).astype(int)
    x, y, side = whole.framing.paste
    change = np.abs(frames - whole.framing.frame).max((0, 3))
    assert (change[y + side : y + side + side // 10, x : x + side] > 15).mean() > 0.05
    assert change[y + side + math.ceil(MARGIN * side) :].max() == 0 == change[:, : x - math.ceil(MARGIN * side)].max()
    fields = np.tensordot(BODIES, whole.around.fields, 1)
    assert max(np.abs(np.diff(fields, axis=axis)).max() for axis in (1, 2)) < 0.34 * side / CELLS


def test_no_border_of_the_paste_is_seen(whole) -> None:
    """Where square and surroundings pass into each other, both show the shoulders in the same place."""
    x, y, side = whole.framing.paste
    ring = np.zeros((side, side), bool)
    first, last = (round(k * side) for k in (INSET, INSET + FEATHER))
    ring[first:-first, first:-first] = True
    ring[last:-last, last:-last] = False
    ring[: side // 2] = False
    place = np.s_[max(y, 0) : y + side, x : x + side]
    still, *squares = (s.astype(int) for s, _ in whole._draw(motion_of(np.concatenate([np.zeros((1, 4)), BODIES]))))
    for body, square in zip(BODIES, squares, strict=True):
        around = np.zeros((side, side, 3), int)
        around[max(-y, 0) :] = whole.around.moved(body)[place]
        apart, moved = (np.abs(square - other)[ring].mean() for other in (around, still))
        assert apart < 0.35 * moved and apart < 3


@pytest.mark.parametrize("angle", [25, -60])
def test_where_the_surroundings_can_not_move_the_rim_of_the_square_stays(model, portrait, angle) -> None:
    renderer = Renderer(model, tilted(portrait, angle), SIZE, painter=None)
    assert not renderer.framing.is_surrounded
    field = np.abs(field_of(renderer, BODIES))
    rim = int(FEATHER * SIZE)
    for side in (field[:, :rim], field[:, -rim:], field[:, :, :rim], field[:, :, -rim:]):
        assert side.max() == 0.0


@pytest.mark.parametrize("framing", ["portrait", "crop"])
@pytest.mark.parametrize("angle", [0, 25, -60])
def test_no_edge_of_the_photograph_is_pulled_inward(model, portrait, framing, angle) -> None:
    """Nothing moves across an edge. Along it, shoulders move: those that it cuts off too."""
    close = cut(portrait, 130, 0, 330, 240)
    if angle:
        close = tilted(close, angle)
    renderer = Renderer(model, close, SIZE, framing=framing, painter=None)
    field = field_of(renderer, BODIES)
    grid = renderer.flow_field.grid.numpy()
    distances, normals = renderer.framing.photograph_edges(grid)
    for distance, normal in zip(distances, normals, strict=True):
        at_edge = (np.abs(distance) < 1.0) & (renderer.framing.room(grid) > -1)
        if at_edge.any():
            assert np.abs(field[:, at_edge] @ normal).max() < 0.08


def test_the_edges_of_a_square_alone_are_not_pulled_inward(square) -> None:
    field = field_of(square, BODIES)
    assert max(np.abs(field[:, :, column, 0]).max() for column in (0, 1, -2, -1)) < 1e-5
    assert max(np.abs(field[:, row, :, 1]).max() for row in (0, 1, -2, -1)) < 1e-5
    assert np.abs(field[1, -1, :, 0]).max() > 1, "along the lower edge the chest swings"


def tilted(portrait: Portrait, degrees: float) -> Portrait:
    """The portrait whose head seems to be tilted: its landmarks are turned about their middle."""
    angle = np.radians(degrees)
    middle = portrait.landmarks[:, :2].mean(0)
    points = portrait.landmarks.copy()
    points[:, :2] = turned(points[:, :2] - middle, angle) + middle
    return replace(portrait, landmarks=points.astype(np.float32))


def test_the_same_frame_alone_and_in_any_company(whole, square) -> None:
    """Also beside a frame whose body rests, which is drawn as before."""
    bodies = np.concatenate([BODIES[:3], np.zeros((1, 4), np.float32), BODIES[3:]])
    for renderer in (whole, square):
        together = frames_of(renderer, bodies, (3, 6, 2))
        for batch in (1, 2, 5):
            assert np.array_equal(frames_of(renderer, bodies, (3, 6, 2), batch=batch), together)
        assert np.array_equal(together[3], frames_of(renderer, np.zeros((1, 4)), (3, 6, 2))[0])


def test_a_body_that_rests_draws_the_frames_of_a_motion_without_one(whole) -> None:
    with_zeros = frames_of(whole, np.zeros((2, 4)), (5, -8, 0))
    rotation = torch.tensor(np.radians([[5, -8, 0]] * 2), dtype=torch.float32)
    plain = whole.warp(torch.zeros(2, 53), rotation, torch.zeros(2, 3)).picture
    squares = (plain * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    assert np.array_equal(np.stack([whole.framing.compose(one) for one in squares]), with_zeros)


def test_with_a_resting_body_the_layers_still_show_the_photograph(whole) -> None:
    """Next to nothing changes when the first breath begins: the two kinds of layers show the same picture."""
    person, background = whole.with_body.person.layer, whole.with_body.background
    shown = person[:, :3] + (1 - person[:, 3:]) * background
    crop = torch.tensor(whole.framing.crop).permute(2, 0, 1)[None] / 255
    off = (shown - crop).abs().amax(1)[0]
    assert off.mean() < 0.002 and (off > 0.1).float().mean() < 0.005


def test_the_background_behind_shoulders_is_completed(whole) -> None:
    """Where shoulders go aside, no trace of them is left: the person isn't in the background layer."""
    person, background = whole.with_body.person.layer, whole.with_body.background
    lower = whole.flow_field.torso.below_head
    below = torch.nn.functional.interpolate(lower[None, None], (SIZE, SIZE))[0, 0] > 0.9
    edge = (person[0, 3] > 0.98) & below
    depth = torch.nn.functional.avg_pool2d(edge[None, None].float(), 5, 1, 2)[0, 0]
    near = edge & (depth < 1)
    crop = torch.tensor(whole.framing.crop).permute(2, 0, 1) / 255
    assert near.sum() > 50
    assert ((background[0] - crop).abs().amax(0)[near] > 0.05).float().mean() > 0.7


def test_a_portrait_cut_at_the_chin_is_drawn_as_without_a_body(model, portrait) -> None:
    chin = int(portrait.landmarks[:, 1].max()) + 2
    renderer = Renderer(model, cut(portrait, 120, 0, 340, chin), SIZE, painter=None)
    moved, still = frames_of(renderer, BODIES), frames_of(renderer, np.zeros((5, 4)))
    assert moved.shape == still.shape and np.abs(moved.astype(int) - still).mean() < 0.5


def test_alpha_moves_with_the_shoulders(model, portrait) -> None:
    """A figure that is cut out keeps its outline: its alpha goes where its colours go."""
    base = Renderer(model, portrait, SIZE, framing="crop", painter=None)
    x0, y0, side = (round(v) for v in portrait.crop)
    alpha = np.zeros(portrait.image.shape[:2], np.uint8)
    solid = (torch.nn.functional.interpolate(base.still.person.layer[:, 3:], (side, side))[0, 0].numpy() * 255).round()
    ys, xs = np.mgrid[:side, :side]
    ok = (ys + y0 >= 0) & (xs + x0 >= 0) & (ys + y0 < alpha.shape[0]) & (xs + x0 < alpha.shape[1])
    alpha[(ys + y0)[ok], (xs + x0)[ok]] = solid[ok]
    renderer = Renderer(model, replace(portrait, alpha=alpha), SIZE, framing="crop", painter=None)
    frames = frames_of(renderer, np.array([[0, 0, 0, 0], [0.6, 0, 0, 1.0]], np.float32))
    assert frames.shape[-1] == 4
    field = field_of(renderer, np.array([[0.6, 0, 0, 1.0]], np.float32))[0]
    before, after = frames[..., 3].astype(int)
    moved = np.hypot(*np.moveaxis(field, -1, 0)) > 1.5
    assert (np.abs(after - before) > 40)[moved].sum() > 20
    assert np.array_equal(after[~moved & (np.abs(field).max(-1) == 0)], before[~moved & (np.abs(field).max(-1) == 0)])


def test_the_filter_keeps_a_mask_on_the_pictures_own_edge() -> None:
    """A rough mask around a disc becomes the disc."""
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    disc = ((x - 48) ** 2 + (y - 48) ** 2 < 30**2).float()
    noise = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0)) * 0.02
    picture = (0.2 + 0.6 * disc + noise)[None]
    rough = ((x - 50) ** 2 + (y - 47) ** 2 < (30 + 2 * torch.sin(torch.atan2(y - 48, x - 48) * 9)) ** 2).float()
    found = along_edges(rough[None, None], picture, 5)[0, 0]
    before, after = (((mask - disc).abs() > 0.5).sum() for mask in (rough, found))
    assert before > 150 and after < 0.2 * before
