"""The measurement around the moving head, on one small scene of each kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.renderer import Renderer
from training.checks import outline


@pytest.mark.parametrize(("hair", "backdrop"), [("bald", "stripes"), ("cropped", "sky"), ("full hair", "shelves")])
def test_nothing_but_the_head_moves(hair, backdrop, monkeypatch):
    monkeypatch.setattr(outline, "HAIR_CM", {hair: outline.HAIR_CM[hair]})
    monkeypatch.setattr(outline, "BACKDROPS", {backdrop: outline.BACKDROPS[backdrop]})
    monkeypatch.setattr(outline, "POSES", ((16, 0, 0), (-16, 0, 0), (0, 15, 0), (0, 0, 10)))
    ((_, _, found),) = list(outline.measure([3], "shipped"))
    for seen in found:
        assert seen.still < 0.3
        if backdrop != "shelves":  # nobody can know which books stand behind the head
            assert seen.worst < 40 and seen.residue == 0 and not seen.uncovered > 12
    table = outline.table([(hair, backdrop, found)], "command")
    assert table.rows[0][0] == f"{hair}, {backdrop}"


def sides(cover: np.ndarray, rows: slice) -> np.ndarray:
    """(2,) mean columns of the left and right outline of a cover (S, S) 0..1 within some rows."""
    inside = cover[rows] > 0.5
    return np.array([inside.argmax(1).mean(), inside.shape[1] - inside[:, ::-1].argmax(1).mean()])


def test_a_turn_moves_the_face_but_hardly_the_outline_at_the_sides():
    """One side of a head goes out of sight and the other comes into view. Hair and ears that turned with the face
    would make the turn look too small. The bounds are in distances between the outer corners of the eyes."""
    scene = outline.Scene.make(7, outline.HAIR_CM["cropped"], outline.sky(*outline.SHAPE))
    renderer = Renderer(HeadModel.load(), scene.portrait, outline.SIZE, framing="crop")
    marks = renderer.framing.to_crop(scene.portrait.landmarks)[:, :2]
    eyes = np.linalg.norm(marks[33] - marks[263])
    rows, above = slice(int(marks[10, 1]), int(marks[4, 1])), slice(0, int(marks[outline.CHIN, 1]))
    rest = sides(scene.truth((0, 0, 0))[1], rows)
    for yaw in (-12, 12):
        rotation, zeros = torch.tensor(np.radians([[0, yaw, 0]]), dtype=torch.float32), torch.zeros(1, 3)
        warped = renderer.warp(torch.zeros(1, 53), rotation, zeros)
        picture, cover = scene.truth((0, yaw, 0))
        assert np.abs(sides(cover, rows) - rest).max() / eyes < 0.03  # the truth
        assert np.abs(sides(warped.alpha[0, 0].numpy(), rows) - sides(cover, rows)).max() / eyes < 0.045
        frame = renderer.refine(warped, torch.cat([torch.zeros(1, 53), rotation, zeros], 1))[0].permute(1, 2, 0).numpy()
        assert -10 * np.log10(np.square(frame - picture)[above].mean()) > 26


def test_the_old_outline_is_found():
    """The measurement sees a person who stayed where he was."""
    scene = outline.Scene.make(3, 0.0, outline.stripes(*outline.SHAPE))
    renderer = Renderer(HeadModel.load(), scene.portrait, outline.SIZE, framing="crop", painter=None)
    chin = float(renderer.framing.to_crop(scene.portrait.landmarks)[outline.CHIN, 1])
    source, truth = scene.truth((0, 0, 0)), scene.truth((0, 0, 10))
    right = outline.around(truth[0], source, truth, chin)
    wrong = outline.around(source[0], source, truth, chin)
    assert right.residue == 0 and right.still == 0 and right.uncovered == 0
    assert wrong.residue > 100 and np.isfinite(wrong.uncovered)
