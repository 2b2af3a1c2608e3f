"""The hidden side of a face that looks aside is drawn from the other side, nearer to the truth than stretched skin."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.renderer import Renderer
from core.renderer.framing import frame_portrait
from training.corpus.synthetic.make_person import photograph
from training.corpus.synthetic.person import Look

SIZE, SEED = 256, 3
ASIDE = 10.0


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def look(model) -> Look:
    """A made-up person who looks to their left."""
    aside = torch.tensor([0.03, np.radians(ASIDE), 0.0], dtype=torch.float32)
    return replace(Look.draw(SEED, model.identity_count), rotation=aside)


@pytest.fixture(scope="module")
def portrait(look):
    return fit_portrait(photograph(look, SEED, 400, 400)[0])


@pytest.fixture(scope="module")
def renderer(model, portrait) -> Renderer:
    return Renderer(model, portrait, SIZE, framing="crop", painter=None)


def frame(renderer: Renderer, yaw: float, mirrored: bool = True) -> np.ndarray:
    """(S, S, 3) picture of a head turned by degrees; with its hidden side stretched instead of mirrored on wish."""
    motion = replace(Motion.zeros(1), rotation=np.radians([[0.0, yaw, 0.0]]))
    side = renderer.still.mirrored
    kept = side.triangles
    try:
        side.triangles = kept if mirrored else kept[:0]
        return next(iter(renderer.render(motion)))
    finally:
        side.triangles = kept


def test_only_the_side_that_is_hidden_is_mirrored(model, renderer) -> None:
    share = renderer.still.mirrored.share
    left = model.mean[:, 0] > 0
    assert share[left].max() > 0.9
    assert share[~left].max() == 0
    assert share[model.mean[:, 0].abs() < 2].max() == 0, "nose and mouth are nobody else's"


def test_it_is_nearer_to_the_truth_than_stretched_skin(look, portrait, renderer) -> None:
    turn = torch.tensor([0.0, -np.radians(15.0), 0.0], dtype=torch.float32)
    turned, _ = photograph(look, SEED, 400, 400, turn=turn)
    truth = frame_portrait(replace(portrait, image=turned), SIZE, "crop").crop.astype(float)
    stretched, mirrored = (frame(renderer, -15.0, wanted).astype(float) for wanted in (False, True))
    changed = np.abs(stretched - mirrored).max(2) > 4
    assert changed.mean() > 0.02
    errors = [np.square(picture - truth)[changed].mean() for picture in (stretched, mirrored)]
    assert errors[1] < 0.95 * errors[0]


def test_the_photograph_and_turns_to_the_other_side_are_unchanged(renderer) -> None:
    for yaw in (0.0, 6.0):
        apart = np.abs(frame(renderer, yaw).astype(int) - frame(renderer, yaw, mirrored=False))
        assert (apart > 4).mean() < 0.001, yaw


def test_the_mirrored_side_comes_in_smoothly(renderer) -> None:
    steps = [frame(renderer, yaw).astype(float) for yaw in np.arange(-15.0, 0.0, 0.5)]
    plain = [frame(renderer, yaw, mirrored=False).astype(float) for yaw in np.arange(-15.0, 0.0, 0.5)]
    change, without = ([np.abs(b - a).mean() for a, b in pairwise(pictures)] for pictures in (steps, plain))
    assert max(change) < 1.25 * max(without)


def test_nothing_is_mirrored_in_a_face_from_the_front(model, renderer) -> None:
    front = fit_portrait(pytest.importorskip("skimage.data").astronaut())
    side = Renderer(model, front, SIZE, framing="crop", painter=None).still.mirrored
    assert side.share.sum() < 0.1 * renderer.still.mirrored.share.sum()
