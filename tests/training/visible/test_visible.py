"""Covers cover what they should, and the two models learn to tell what is seen."""

from __future__ import annotations

import random

import numpy as np
import pytest

from core.face.face_mesh import FaceMesh
from core.face.points import EYE_CORNERS, LIPS_OUTER_RING
from core.face.visible import FEATURES, cut_out, features
from training.visible import covers
from training.visible.__main__ import LENIENCE, rows, train
from training.visible.examples import PARTS, Example, Examples, treated


@pytest.fixture(scope="module")
def found() -> tuple[np.ndarray, np.ndarray]:
    """The standard photograph and its face."""
    image = pytest.importorskip("skimage.data", reason="the photograph comes with scikit-image").astronaut()
    with FaceMesh() as mesh:
        return image, mesh.detect(image)[0]


@pytest.mark.parametrize("name", [*covers.COVERS, "tinted glasses"])
def test_covers_cover_their_part_and_nothing_else(name: str, found: tuple[np.ndarray, np.ndarray]) -> None:
    image, face = found
    before = image.copy()
    mouth = face[list(LIPS_OUTER_RING), :2].mean(0).astype(int)
    eyes = [face[list(corners), :2].mean(0).astype(int) for corners in EYE_CORNERS]
    for seed in range(4):
        covered = covers.COVERS.get(name, covers.shaded)(random.Random(seed), image, face)
        assert covered.shape == image.shape and covered.dtype == np.uint8 and np.array_equal(image, before)
        changed = np.abs(covered.astype(int) - image).max(2) > 4
        over_eyes = [changed[y - 3 : y + 4, x - 5 : x + 6].mean() > 0.7 for x, y in eyes]
        over_mouth = changed[mouth[1] - 3 : mouth[1] + 4, mouth[0] - 6 : mouth[0] + 7].mean() > 0.7
        assert over_mouth == (name in covers.OVER_MOUTH)
        assert any(over_eyes) == (name not in covers.OVER_MOUTH)
        assert not changed[-60:].any() or name == "scarf"
        again = covers.COVERS.get(name, covers.shaded)(random.Random(seed), image, face)
        assert np.array_equal(covered, again)


def test_features_are_finite_and_hardly_depend_on_the_light(found: tuple[np.ndarray, np.ndarray]) -> None:
    image, face = found
    for part in range(PARTS):
        whole = features(cut_out(image, face, part))
        dark = features(cut_out((image * 0.4).astype(np.uint8), face, part))
        assert whole.shape == (FEATURES,) and np.linalg.norm(whole - dark) < 0.2 * np.linalg.norm(whole)
        for level in (0, 255):
            assert np.isfinite(features(cut_out(np.full_like(image, level), face, part))).all()
        assert np.isfinite(features(cut_out(image, face + 5000, part))).all()


def test_the_models_learn_and_are_lenient(found: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture) -> None:
    image, face = found
    examples = []
    for index in range(40):
        r = random.Random(index)
        kind, seen = ("as it is", 1.0) if index % 2 else ("mask", 0.0)
        shown = treated(r, image) if index % 2 else covers.mask(r, image, face)
        inputs = np.stack([features(cut_out(shown, face, part)) for part in range(PARTS)])
        examples.append(Example(f"person {index}", kind, inputs, np.array([-1, 1, seen], np.float32)))
    inputs, wanted, _ = rows(examples, (2,))
    model = train(examples, (2,), "mouth")
    scores = inputs @ model[:-1] + model[-1]
    assert ((scores > LENIENCE["mouth"]) == (wanted > 0)).all() and "people left out" in capsys.readouterr().out
    assert len(rows(examples, (0, 1))[0]) == 40  # what is not known is left out


def test_invented_people_are_examples_of_their_skin() -> None:
    with FaceMesh() as mesh:
        examples = [
            example
            for seed, tone in ((2000, 0.0), (2001, 1.0))
            for example in Examples(mesh).of_person(seed, tone, covers=seed == 2001)
        ]
    kinds = [example.kind for example in examples]
    assert kinds.count("invented, light skin") == kinds.count("invented, dark skin") == 4
    assert {kind.split(", ")[1] for kind in kinds} >= set(covers.COVERS)
    hidden = [example for example in examples if example.kind == "invented, mask"]
    assert all(example.seen.tolist() == [1, 1, 0] for example in hidden)
