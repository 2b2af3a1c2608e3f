"""Truth: distances from a ball, grown hair, and the people of a folder."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.neural_head.field import REGIONS
from training.common.splits import FIRST_HELD_OUT_SEED
from training.neural_head.hair_style import HairStyle, random_style
from training.neural_head.people import People, make_people, read_truth, seeds_in
from training.neural_head.truth import TriangleDistance, Truths


@pytest.fixture(scope="module")
def truths():
    return Truths(HeadModel.load())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    make_people(3, points=80, folder=folder)
    make_people(1, held_out=True, points=80, folder=folder)
    return folder


def identity(truths):
    return np.zeros(truths.head.identity_count, np.float32)


def test_distances_from_a_ball():
    ball = trimesh.creation.icosphere(4, 5.0)
    rng = np.random.default_rng(0)
    distance = TriangleDistance(np.asarray(ball.vertices), np.asarray(ball.faces), rng)
    points = rng.uniform(-8, 8, (500, 3))
    np.testing.assert_allclose(distance.signed(points), np.linalg.norm(points, axis=1) - 5, atol=0.02)


def test_bald_people_without_beards_have_no_hair(truths):
    grown = truths.hair(identity(truths), HairStyle(top=0.0, sides=0.0))
    assert len(grown.surface.vertices) == 0 and len(grown.beard) == 0


def test_longer_hair_hangs_lower_and_leaves_the_face_free(truths):
    short, long = (
        truths.hair(identity(truths), HairStyle(top=top, sides=sides)).surface.vertices
        for top, sides in ((4.0, 1.5), (30.0, 26.0))
    )
    assert short[:, 1].min() > -8 and long[:, 1].min() < -12
    face = np.array([0.0, 1.0, 13.0])
    assert min(np.linalg.norm(hair - face, axis=1).min() for hair in (short, long)) > 4


def test_receding_hair_begins_farther_back(truths):
    front = [
        truths.hair(identity(truths), HairStyle(top=1.5, sides=1.0, receding=receding)).surface.vertices[:, 2].max()
        for receding in (0.0, 4.0)
    ]
    assert front[0] > front[1] + 1.0


def test_a_beard_is_labelled_and_lies_at_the_chin(truths):
    grown = truths.hair(identity(truths), HairStyle(top=3.0, sides=1.0, beard=2.0, beard_width=0.8))
    vertices = grown.surface.vertices
    assert vertices[grown.beard, 1].max() < 2 and vertices[~grown.beard, 1].max() > 14
    assert grown.beard.sum() > 200


def test_a_style_grows_the_same_hair_twice(truths):
    style = HairStyle(curl=0.5, seed=3)
    first, second, other = (truths.hair(identity(truths), s).surface for s in (style, style, replace(style, seed=4)))
    np.testing.assert_array_equal(first.vertices, second.vertices)
    assert first.vertices.shape != other.vertices.shape or not np.array_equal(first.vertices, other.vertices)


def test_random_styles_are_of_all_kinds():
    styles = [random_style(np.random.default_rng(seed)) for seed in range(200)]
    assert any(s.top == 0 for s in styles) and any(s.top > 24 for s in styles)
    assert 20 < sum(s.beard > 0 for s in styles) < 80


def test_truths_agree_with_their_surfaces(truths, folder):
    truth = read_truth(0, folder)
    person, _ = truths.person(0)
    skin = TriangleDistance(truths.vertices(person), truths.solid.triangles, np.random.default_rng(5))
    assert np.abs(skin.signed(truth.skin)).max() < 0.05
    np.testing.assert_allclose(skin.signed(truth.space), truth.space_skin, atol=0.15)
    np.testing.assert_allclose(np.linalg.norm(truth.skin_normals, axis=1), 1, atol=1e-4)
    assert set(truth.skin_region) <= set(range(REGIONS.index("hair")))
    outside = truth.skin + 0.3 * truth.skin_normals
    assert (skin.signed(outside) > 0).mean() > 0.98


def test_people_are_drawn_with_their_own_identity_and_anchors(truths, folder):
    people = People(truths, seeds_in(folder), folder)
    batch = people.draw(5, 16, np.random.default_rng(0))
    assert batch.skin.shape == (5, 16, 3) and batch.space.shape == (5, 32, 3) and batch.hair_region.shape == (5, 16)
    for row, seed in enumerate(batch.person.tolist()):
        assert torch.equal(batch.identity[row], torch.from_numpy(truths.person(seed)[0]))
        assert bool(batch.has_hair[row]) == (len(read_truth(seed, folder).hair) > 0)


def test_held_out_people_are_apart(folder, tmp_path):
    assert seeds_in(folder) == [0, 1, 2] and seeds_in(folder, held_out=True) == [FIRST_HELD_OUT_SEED]
    with pytest.raises(SoliloquyError, match="no people") as raised:
        seeds_in(tmp_path)
    assert raised.value.code == "people_missing"
