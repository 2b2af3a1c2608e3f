"""The tongue in rendered frames: seen between the lips, lit like the rest, smooth, and gone in a closed mouth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.head.head_model import PARTS, HeadModel
from core.head.raster import rasterise
from core.motion.channels import EXPRESSIONS, TONGUE
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.renderer import Renderer

OPEN = {"jawOpen": 0.2, "mouthLowerDown_L": 0.25, "mouthLowerDown_R": 0.25}


@pytest.fixture(scope="module")
def renderer():
    """Without G, so that nothing but the drawing of the mouth can change a pixel."""
    data = pytest.importorskip("skimage.data")
    return Renderer(HeadModel.load(), fit_portrait(data.astronaut()), 256, framing="crop", painter=None)


def motion_of(weights: dict[str, float], *tongues: tuple[float, float], yaw: float = 0.0) -> Motion:
    """One frame for each tongue: (out, up)."""
    frames = len(tongues)
    expression, turn = np.zeros((frames, len(EXPRESSIONS))), np.zeros((frames, 3))
    for name, value in weights.items():
        expression[:, EXPRESSIONS.index(name)] = value
    turn[:, 1] = yaw
    return Motion(expression, turn, np.zeros((frames, 3)), 25.0, np.array(tongues))


def frames_of(renderer: Renderer, motion: Motion) -> np.ndarray:
    return np.stack(list(renderer.render(motion))).astype(float)


def tongue_seen(renderer: Renderer, motion: Motion, margin: int = 1) -> np.ndarray:
    """(S, S) where the tongue is the nearest surface in any frame, and ``margin`` pixels around."""
    arrays = (motion.expression, motion.rotation, motion.translation)
    expression, rotation, translation = (torch.tensor(v) for v in arrays)
    heads = renderer.geometry.pose(expression, rotation, translation, tongue=torch.tensor(motion.tongue))
    model, size = renderer.geometry.model, renderer.size
    found = rasterise(heads.pixels, model.triangles, size, size, cull_backfaces=True).triangle
    seen = (model.triangle_part[found.clamp_min(0)] == PARTS.index("tongue")) & (found >= 0)
    around = torch.nn.functional.max_pool2d(seen.any(0)[None, None].float(), 2 * margin + 1, 1, margin)
    return around[0, 0].numpy() > 0


@pytest.mark.parametrize("tongue", [(0.0, 1.0), (0.33, 0.4), (1.0, 0.0)])
@pytest.mark.parametrize("yaw", [0.0, 0.3])
def test_a_moving_tongue_is_seen_and_changes_nothing_else(renderer, tongue, yaw) -> None:
    motion = motion_of(OPEN, (0.0, 0.0), tongue, yaw=yaw)
    still, moved = frames_of(renderer, motion)
    changed = np.abs(moved - still).max(-1) > 2
    assert changed.sum() > 40
    # Gaps between teeth are closed by blurred teeth, so where there is tongue now, a few pixels around change too.
    assert not (changed & ~tongue_seen(renderer, motion, margin=8)).any()
    mouth = renderer.mouth.opening[0, 0].numpy() > 0
    rows = np.flatnonzero(mouth.any(1))
    assert np.abs(np.flatnonzero(changed.any(1)) - rows.mean()).max() < 0.16 * renderer.size


def test_it_is_pink_and_neither_black_nor_brighter_than_teeth(renderer) -> None:
    motion = motion_of(OPEN, (0.33, 0.4))
    frame = frames_of(renderer, motion)[0]
    expression, zero = torch.tensor(motion.expression), torch.zeros(1, 3)
    heads = renderer.geometry.pose(expression, zero, zero, tongue=torch.tensor(motion.tongue))
    model, size = renderer.geometry.model, renderer.size
    found = rasterise(heads.pixels, model.triangles, size, size, cull_backfaces=True).triangle[0]
    part = torch.where(found >= 0, model.triangle_part[found.clamp_min(0)], -1).numpy()
    tongue, teeth = (frame[np.isin(part, [PARTS.index(n) for n in names])] for names in
                     (("tongue",), ("teeth_upper",)))  # fmt: skip
    red, green, _ = np.median(tongue, 0)
    assert len(tongue) > 40 and red > 90 and red > 1.25 * green
    assert np.median(tongue, 0).mean() < 0.85 * np.median(teeth, 0).mean()


def test_nothing_is_seen_of_it_in_a_shut_mouth(renderer) -> None:
    frames = frames_of(renderer, motion_of({}, (0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (1.0, 0.0)))
    assert (frames == frames[0]).all()


def test_a_resting_tongue_draws_the_same_bytes_in_any_company(renderer) -> None:
    """Frames whose tongue rests don't depend on whether others in the batch have one that moves."""
    alone = next(iter(renderer.render(motion_of(OPEN, (0.0, 0.0)))))
    beside = list(renderer.render(motion_of(OPEN, (0.0, 0.0), (0.3, 0.8), (0.0, 0.0)), batch=3))
    assert (beside[0] == alone).all() and (beside[2] == alone).all() and (beside[1] != alone).any()
    again = [next(iter(renderer.render(motion_of(OPEN, tongue)))) for tongue in ((0.3, 0.8),)]
    assert (again[0] == beside[1]).all()


@pytest.mark.parametrize("name", TONGUE)
def test_it_moves_without_popping(renderer, name) -> None:
    """A weight that rises by a fiftieth changes the picture by about a fiftieth of what the whole rise changes."""
    steps = np.linspace(0, 1, 51)
    tongues = [(v, 0.0) if name == "tongueOut" else (0.0, v) for v in steps]
    frames = frames_of(renderer, motion_of(OPEN, *tongues))
    change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert change[0] < 3 * change.mean(), "it doesn't pop when it begins to move"
    assert change.max() < 5 * change.mean()


def test_it_does_not_pop_when_the_lips_part(renderer) -> None:
    openings = np.linspace(0, 0.2, 41)
    expression = np.zeros((len(openings), len(EXPRESSIONS)))
    expression[:, EXPRESSIONS.index("jawOpen")] = openings
    still = np.zeros((len(openings), 3))
    frames = {
        out: frames_of(renderer, Motion(expression, still, still, 25.0, np.tile([[out, 0.0]], (len(openings), 1))))
        for out in (0.0, 1.0)
    }
    difference = np.abs(frames[1.0] - frames[0.0]).mean((1, 2, 3))
    assert difference[0] == 0 and difference[-1] > 0.05
    assert np.abs(np.diff(difference)).max() < 0.25 * difference.max()


def test_it_does_not_come_through_closed_teeth(renderer) -> None:
    """Lips apart and teeth shut: the tip stays behind the teeth, and no spot of it is seen on them."""
    grin = {f"{name}_{side}": 0.5 for name in ("mouthUpperUp", "mouthLowerDown") for side in "LR"}
    still, *out = frames_of(renderer, motion_of(grin, (0.0, 0.0), (0.33, 0.4), (1.0, 0.0)))
    for frame in out:
        assert (np.abs(frame - still).max(-1) > 20).sum() < 4
    opened = frames_of(renderer, motion_of(grin | {"jawOpen": 0.3}, (0.0, 0.0), (1.0, 0.0)))
    assert (np.abs(opened[1] - opened[0]).max(-1) > 20).sum() > 60
