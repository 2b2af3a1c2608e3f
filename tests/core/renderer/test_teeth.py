"""Teeth in rendered frames: fixed to skull and jaw, single, smooth over time, lit as the photograph, a person's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.face.points import LIPS_INNER_RING
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.renderer import Renderer
from core.renderer.fields import dilate, erode
from core.renderer.masks import polygon
from core.renderer.teeth.appearance import load_teeth, luma_of
from core.renderer.teeth.arch import Arch, boundaries, texture_places
from core.renderer.teeth.photographed import teeth_mask

BARED = {"mouthUpperUp": 0.8, "mouthLowerDown": 0.8, "mouthSmile": 0.5, "jawOpen": 0.06}

LIP = np.array([150, 70, 70])


def drawn(portrait, size: int = 256) -> Renderer:
    return Renderer(HeadModel.load(), portrait, size, framing="crop", painter=None)


@pytest.fixture(scope="module")
def portrait():
    data = pytest.importorskip("skimage.data")
    return fit_portrait(data.astronaut())


@pytest.fixture(scope="module")
def renderer(portrait):
    return drawn(portrait)


@pytest.fixture(scope="module")
def hidden(portrait):
    """The same person with a lip's red in place of the teeth: nothing of them is seen."""
    height, width = portrait.image.shape[:2]
    mouth = polygon(portrait.landmarks[list(LIPS_INNER_RING)], max(height, width))[..., :height, :width]
    mask = dilate((mouth > 0).float(), 2)[0, 0, :, :, None].numpy() > 0
    return replace(portrait, image=np.where(mask, LIP, portrait.image).astype(np.uint8), digest="a" * 64)


def motion_of(*frames: dict[str, float]) -> Motion:
    """One frame for each set of weights; a name without a side means both."""
    expression = np.zeros((len(frames), len(EXPRESSIONS)), np.float32)
    for row, weights in zip(expression, frames, strict=True):
        for name, value in weights.items():
            for full in (name, f"{name}_L", f"{name}_R"):
                if full in EXPRESSIONS:
                    row[EXPRESSIONS.index(full)] = value
    still = np.zeros((len(frames), 3), np.float32)
    return Motion(expression, still, still, 25.0)


def heads_of(renderer: Renderer, *frames: dict[str, float]):
    motion = motion_of(*frames)
    return renderer.geometry.pose(*(torch.tensor(v) for v in (motion.expression, motion.rotation, motion.translation)))


def test_the_upper_teeth_stay_with_the_skull_and_the_lower_go_with_the_jaw(renderer):
    heads = heads_of(renderer, {}, {"jawOpen": 0.3}, {"jawOpen": 0.9, "mouthSmile": 0.5})
    lower, upper = (row.places(heads) for row in renderer.mouth.interior.teeth.rows)
    assert float((upper - upper[:1]).abs().max()) < 0.01
    model = renderer.geometry.model
    vertices = renderer.mouth.interior.teeth.rows[0].arch.vertices
    front = vertices[model.mean[vertices, 0].abs() < 0.8]
    fall = (lower - lower[:1]).reshape(3, 7, 43, 3)[:, :, 18:25, 1].mean((1, 2))
    own = (heads.pixels[:, front] - heads.pixels[:1, front])[..., 1].mean(1)
    assert fall[1] > 2 and fall[2] > 2 * fall[1]
    assert torch.allclose(fall, own, rtol=0.1)


def test_pixels_of_the_upper_teeth_do_not_move_when_the_jaw_opens(portrait):
    """Well inside the upper teeth a frame changes only by the light that a larger opening lets in."""
    renderer = drawn(portrait, 512)
    steps = [{"mouthUpperUp": 0.5, "jawOpen": jaw} for jaw in (0.3, 0.6)]
    heads = heads_of(renderer, *steps)
    first, second = (frame.astype(float).mean(-1) for frame in renderer.render(motion_of(*steps)))
    points = renderer.mouth.interior.teeth.rows[1].places(heads)[0, :, :2].reshape(7, 43, 2)
    x0, x1 = int(points[4, 13, 0]), int(points[4, 29, 0])
    y0, y1 = int(points[4, 21, 1]), int(points[5, 21, 1])
    rings = renderer.geometry.model.mesh468(heads.pixels)[:, list(LIPS_INNER_RING), :2].numpy()
    inside = torch.cat([polygon(ring, renderer.size) for ring in rings]).amin(0)[None]
    inside = erode(inside, 3)[0, 0, y0:y1, x0:x1].numpy() > 0.99
    assert inside.sum() > 100

    def likeness(right: int, down: int) -> float:
        a, b = first[y0:y1, x0:x1], second[y0 + down : y1 + down, x0 + right : x1 + right]
        return float(np.corrcoef(a[inside], b[inside])[0, 1])

    there = likeness(0, 0)
    assert there > 0.95 and all(there > likeness(*way) + 0.02 for way in ((1, 0), (-1, 0), (0, 1), (0, -1)))


@pytest.mark.parametrize("seen", [True, False])
def test_teeth_are_single_and_no_band_of_one_colour(renderer, hidden, seen):
    """A row of pixels along the front teeth is darker at the gaps than in the middle of the teeth beside them."""
    made = renderer if seen else drawn(hidden)
    teeth = made.mouth.interior.teeth
    assert teeth.seen == seen
    for row in teeth.rows:
        luma = luma_of(row.picture[0, :3])[0]
        along, height = texture_places()
        line = luma[(height[:, 0] > 0.2) & (height[:, 0] < 0.45)].mean(0)
        ends = torch.cat([torch.zeros(1), boundaries(row.arch.row)[:3]])
        deep = []
        for end in torch.cat([ends, -ends[1:]]):
            gap = line[(along[0] - end).abs() < 0.12].min()
            beside = [line[(along[0] - end - side).abs() < 0.12].max() for side in (-0.3, 0.3)]
            deep.append(float(gap / max(beside)))
        assert np.median(deep) < 0.93 and max(deep[:1]) < 0.97
    frame = next(iter(made.render(motion_of(BARED)))).astype(float).mean(-1)
    points = teeth.rows[1].places(heads_of(made, BARED))[0, :, :2].reshape(7, 43, 2)[4, 12:31]
    values = np.array([frame[int(y), int(x)] for x, y in points])
    assert values.std() > 0.03 * values.mean() and values.mean() > 60


def test_nothing_pops_while_the_jaw_opens(renderer, hidden):
    """Twenty equal steps: none changes the picture much more than its neighbours do."""
    for made in (renderer, drawn(hidden)):
        steps = [{"jawOpen": float(jaw), "mouthUpperUp": 0.3 * float(jaw)} for jaw in np.linspace(0, 1, 21)]
        frames = np.stack(list(made.render(motion_of(*steps)))).astype(float)
        change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
        assert change.max() < 2.5 * np.median(change)
        assert (change[1:-1] < 1.6 * np.maximum(change[:-2], change[2:])).all()


def test_teeth_are_as_bright_as_the_photograph(hidden):
    bright, dark = (
        drawn(replace(hidden, image=(hidden.image * share).astype(np.uint8))).mouth.interior for share in (1.0, 0.5)
    )
    for k in (0, 1):
        levels = [float(i.teeth.rows[k].picture[0, :3].mean()) for i in (bright, dark)]
        assert 0.45 < levels[1] / levels[0] < 0.75
    heads = heads_of(drawn(hidden), {"jawOpen": 0.6})
    lit = [i.vertex_colours(heads)[..., :3].mean() for i in (bright, dark)]
    assert 0.45 < float(lit[1] / lit[0]) < 0.75


def test_the_cavity_is_lit_by_what_comes_in_and_is_no_hole(renderer):
    """The tongue's tip is brighter than its root; an opening twice as large brings more light; nothing is black."""
    interior, model = renderer.mouth.interior, renderer.geometry.model
    heads = heads_of(renderer, {"jawOpen": 0.25}, {"jawOpen": 0.8})
    colours = interior.vertex_colours(heads)[..., :3].mean(-1)
    tongue = model.part_vertices("tongue")
    z = model.mean[tongue, 2]
    tip, root = tongue[z > z.quantile(0.8)], tongue[z < z.quantile(0.2)]
    assert (colours[:, tip].mean(1) > 1.5 * colours[:, root].mean(1)).all()
    assert colours[1, tip].mean() > 1.1 * colours[0, tip].mean()
    frame = next(iter(renderer.render(motion_of({"jawOpen": 0.8})))).astype(float)
    ring = renderer.geometry.model.mesh468(heads.pixels)[1, list(LIPS_INNER_RING), :2].numpy()
    inside = polygon(ring, renderer.size)[0, 0].numpy() > 0.99
    assert np.percentile(frame[inside].mean(-1), 2) > 12
    red, green, _ = np.median(frame[inside], 0)
    assert red > 1.25 * green


def test_a_portrait_with_teeth_keeps_its_own(portrait, renderer):
    """In the portrait's own pose its teeth are drawn as the photograph shows them: closer than the mean by 3 dB."""
    own = torch.tensor(portrait.expression, dtype=torch.float32)[None]
    still = torch.zeros(1, 3)
    photo = torch.tensor(renderer.framing.crop).permute(2, 0, 1)[None].float() / 255
    interior = renderer.mouth.interior
    mask = teeth_mask(photo, renderer.mouth.opening, interior.light) > 0.9
    assert int(mask.sum()) > 40

    def miss() -> float:
        frame = renderer.warp(own, still, still, absolute=True).picture
        return float(-10 * ((frame - photo).square().mean(1, keepdim=True)[mask].mean()).log10())

    kept = miss()
    row = interior.teeth.rows[1]
    model, worn = load_teeth(), row.picture
    level = (worn[0, :3] * worn[0, 3:]).sum((1, 2)) / (model.mean * worn[0, 3:]).sum((1, 2))
    row.picture = torch.cat([(model.mean * level[:, None, None])[None], worn[:, 3:]], 1)
    plain = miss()
    row.picture = worn
    assert kept > 20 and kept > plain + 3


def test_teeth_belong_to_the_portrait_and_not_to_take_or_size(hidden):
    weights = [drawn(hidden, size).mouth.interior.teeth.weights for size in (256, 320)]
    assert torch.equal(*weights)
    other = drawn(replace(hidden, digest="b" * 64)).mouth.interior.teeth.weights
    assert float((other - weights[0]).abs().max()) > 0.3


@pytest.mark.parametrize("row", ["upper", "lower"])
def test_the_arch_lies_on_the_head_models_teeth(row):
    model = HeadModel.load()
    arch = Arch.of(model, row)
    along = torch.linspace(-2.5, 2.5, 21)
    points = arch.points(along, torch.full_like(along, 0.4))
    distance = torch.cdist(points, model.mean[arch.vertices]).amin(1)
    assert float(distance.max()) < 0.4
    moved = model.mean[arch.vertices] @ torch.diag(torch.tensor([1.1, 0.9, 1.05])) + torch.tensor([1.0, 2.0, -3.0])
    wanted = points @ torch.diag(torch.tensor([1.1, 0.9, 1.05])) + torch.tensor([1.0, 2.0, -3.0])
    assert torch.allclose(arch.weights(points, model) @ moved, wanted, atol=0.01)
    length = (points[1:] - points[:-1]).norm(dim=1).sum()
    assert float(length) == pytest.approx(5.0, rel=0.03)
