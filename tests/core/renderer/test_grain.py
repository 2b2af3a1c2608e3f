"""The skin's grain: that of the most even patch, only on skin, as fine as in the photograph, and fixed to the head."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.renderer import Renderer
from core.renderer.fields import blur
from core.renderer.layers.grain import PATCH_CM, PATCHES, SkinGrain
from core.renderer.layers.softer import SOFTER, softened
from training.corpus.synthetic.make_person import photograph
from training.corpus.synthetic.person import Look

SIZE, PX_PER_CM = 256, 10.0
SKIN = torch.tensor([0.8, 0.6, 0.5])[None, :, None, None]


def geometry() -> SimpleNamespace:
    """A head so far away that a centimetre has ten pixels."""
    return SimpleNamespace(focal=500.0, source=SimpleNamespace(pixels=torch.full((1, 5, 3), 50.0)))


def landmarks() -> np.ndarray:
    """All points in a corner, except those of the patches."""
    points = np.full((478, 2), 2.0, np.float32)
    points[list(PATCHES)] = [(60, 120), (190, 120), (70, 180), (180, 180), (128, 50)]
    return points


def grainy(seed: int = 0) -> torch.Tensor:
    """(1, 3, S, S) skin with grain."""
    grain = torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)) - 0.5
    return SKIN * (1 + 0.2 * grain)


def grain_of(picture: torch.Tensor) -> SkinGrain:
    alpha = torch.ones(1, 1, SIZE, SIZE)
    found = SkinGrain.of(geometry(), picture, alpha, softened(picture, alpha), landmarks())
    assert found is not None
    return found


def test_the_patch_has_the_grain_of_the_photograph():
    found = grain_of(grainy())
    side = round(PATCH_CM * PX_PER_CM)
    assert found.tile.shape == (1, len(SOFTER), side, side) and found.pixels_per_cm == PX_PER_CM
    lost = (grainy() - blur(grainy(), 2)).mean(1) / SKIN.mean()
    assert float(found.tile.sum(1).std()) == pytest.approx(float(lost.std()), rel=0.15)
    assert float(found.tile.mean().abs()) < 1e-4


def test_a_patch_with_a_hair_in_it_is_left_out():
    """Dark lines lie across all patches but one, and the grain has none."""
    picture = grainy()
    for x, y in landmarks()[list(PATCHES[:-1])].astype(int):
        picture[..., y - 10 : y + 10, x : x + 2] = 0.05
    assert float(grain_of(picture).tile.abs().max()) < 0.25


def test_only_skin_gets_grain():
    picture = grainy()
    picture[..., :128] = torch.tensor([0.1, 0.2, 0.7])[None, :, None, None]
    picture[..., 200:, :] = 0.02
    skin = grain_of(picture).skin[0, 0]
    assert float(skin[:, :112].max()) == 0 and float(skin[216:].max()) == 0
    assert float(skin[10:190, 140:].min()) > 0.95


def test_places_beyond_the_patch_are_mirrored():
    found = grain_of(grainy())
    side_cm = found.tile.shape[-1] / PX_PER_CM
    inside = torch.rand(2, 50, generator=torch.Generator().manual_seed(1)) * side_cm
    shares = [torch.ones(50)] * len(SOFTER)
    points = torch.full((2, 50), 128.0)
    values = found.factors(points, inside, shares)
    assert float((values - 1).std()) > 0.01
    for other in (-inside, inside + 2 * side_cm, inside - 4 * side_cm):
        torch.testing.assert_close(found.factors(points, other, shares), values, atol=1e-4, rtol=0)
    nothing = [torch.zeros(50)] * len(SOFTER)
    assert torch.equal(found.factors(points, inside, nothing), torch.ones(50))


@pytest.mark.parametrize("case", ["far away", "at the edge", "cut out"])
def test_without_a_patch_there_is_no_grain(case):
    head, points, alpha = geometry(), landmarks(), torch.ones(1, 1, SIZE, SIZE)
    if case == "far away":
        head.focal = 100.0
    elif case == "at the edge":
        points[list(PATCHES)] = 3.0
    else:
        alpha *= 0.9
    assert SkinGrain.of(head, grainy(), alpha, softened(grainy(), alpha), points) is None


def test_a_turned_cheek_has_grain_that_turns_along():
    """Where a turn stretches the cheek there is fine detail, and it stays when the head turns a little more."""
    model = HeadModel.load()
    look = replace(Look.draw(5, model.identity_count), rotation=torch.zeros(3))
    picture = photograph(look, 5, 400, 400)[0]
    noise = np.random.default_rng(0).normal(0, 6, (*picture.shape[:2], 1))
    portrait = fit_portrait(np.clip(picture + noise, 0, 255).astype(np.uint8))
    renderer = Renderer(model, portrait, SIZE, framing="crop", painter=None)
    motion = replace(Motion.zeros(3), rotation=np.radians([[0, 15, 0], [0, 15.1, 0], [0, 17, 0]]))
    stretched = renderer.still.stretched
    with_grain = np.stack(list(renderer.render(motion))).astype(np.float32)
    stretched.grain = None
    added = (with_grain - np.stack(list(renderer.render(motion)))).mean(-1).reshape(3, -1)
    assert 0.002 < (np.abs(added[0]) > 1).mean() < 0.2
    assert np.corrcoef(added[0], added[1])[0, 1] > 0.8 > np.corrcoef(added[0], added[2])[0, 1]
