"""Heads drawn without background, and the table of motion sources on them."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.load import load_portrait
from training.checks.meshes import FILM, Drawn, rows_of, table
from training.facetalk.head_pictures import SIZE, HeadPictures
from training.generator.measurement import FRECHET_NAME


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    path = tmp_path_factory.mktemp("portrait") / "face.png"
    Image.fromarray(skimage.data.astronaut()).save(path)
    return HeadPictures(HeadModel.load(), load_portrait(path))


@pytest.mark.slow
def test_a_head_opens_its_mouth_and_turns_before_a_plain_background(pictures):
    expression, rotation = np.zeros((3, len(EXPRESSIONS)), np.float32), np.zeros((3, 3), np.float32)
    expression[1, EXPRESSIONS.index("jawOpen")] = 0.6
    rotation[2, 1] = 0.2
    rest, opened, turned = pictures.draw(Motion(expression, rotation, np.zeros((3, 3), np.float32)))
    assert rest.shape == (SIZE, SIZE, 3) and rest.dtype == np.uint8
    assert (rest[0, 0] == rest[0, -1]).all() and rest[SIZE // 2, SIZE // 2].std() > 3  # grey behind a coloured face
    with FaceMesh() as mesh:
        points = [mesh.detect(picture)[0] for picture in (rest, opened, turned)]
    gaps = [np.linalg.norm(p[13, :2] - p[14, :2]) for p in points]
    assert gaps[1] > gaps[0] + 4 > gaps[2]
    assert points[2][1, 0] > points[0][1, 0] + 4  # the nose goes to the person's left


def drawn(confidence, seed):
    rng = np.random.default_rng(seed)
    return Drawn(confidence, 1.0 - confidence, torch.from_numpy(rng.normal(seed, 1.0, (20, 3))))


def test_rows_are_means_and_distances_to_the_films_own_motion():
    found = rows_of(
        {FILM: [drawn(0.2, 0), drawn(0.4, 1)], "near": [drawn(0.1, 0)], "far": [drawn(0.1, 5)]},
        {"near": [2.0, 4.0], "far": [1.0]},
    )
    assert found[FILM].sync_confidence == pytest.approx(0.3) and found[FILM].sync_distance == pytest.approx(0.7)
    assert np.isnan(found[FILM].frechet) and found["near"].frechet < found["far"].frechet
    assert found["near"].diversity == 3.0
    shown = table(found, 2, FRECHET_NAME)
    by_name = dict(zip(shown.columns, shown.rows[1], strict=True))
    assert shown.rows[0][0] == "**the film's own motion**" and shown.rows[0][-1] == "–"
    assert (by_name["S_c = LSE-C"], by_name["diversity (°)"]) == ("0.100", "3.0")
