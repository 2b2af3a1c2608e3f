"""The measurement around the moving head, on one small scene of each kind."""

from __future__ import annotations

import numpy as np
import pytest

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
