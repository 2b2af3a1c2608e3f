"""What users of SadTalker complain about most must not happen here, with any motion source and any renderer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.face.points import LID_RINGS
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, LIP_COLUMNS
from core.motion.motion import Motion
from core.places import ASSETS
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.systems.choice import RENDERERS as NEW_RENDERERS
from core.systems.frame_renderer import FrameRenderer
from core.wire.picture_size import FIT
from core.wire.protocol import Generate
from core.wire.style import PriorStyle
from core.wire.systems import RENDERERS, SOURCES, names, source_facts
from tests.core.job_runs import run

BLINKS = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
JAW = EXPRESSIONS.index("jawOpen")
FOREHEAD = 10
"""Point of the face mesh at the forehead's upper edge."""
AWAY, ABOVE, BORDER = {"warp": 1, "gan": 6, "keypoints": 6, "paper": 30}, {"paper": 18}, {"paper": 5}
"""Levels by which pictures may change where nothing should: away from blinking eyes, above a still forehead (others 1),
at the square's border (others: 2). The paper's generator draws the whole square from one code, so everything follows
everything a little, which its card says."""
TURNED = np.radians([4.0, 10.0, 3.0]).astype(np.float32)


@pytest.fixture(params=names(SOURCES))
def make(request, tmp_path):
    """Makes the motion of the self-test's sentence with a source that ships, with other settings if they are given."""
    asked = Generate(
        audio=str(ASSETS / "self_test.flac"),
        portrait=str(ASSETS / "self_test.jpg"),
        out=str(tmp_path),
        source=request.param,
        motion_only=True,
        device="cpu",
    )

    def made(**settings) -> Motion:
        [take] = run(replace(asked, **settings)).takes()
        return Motion.load(take.motion)

    return made


def test_a_still_head_is_still_and_speaks(make) -> None:
    still, usual = make(style=PriorStyle(head_amplitude=0.0)), make()
    assert not still.rotation.any() and not still.translation.any()
    np.testing.assert_array_equal(still.expression[:, LIP_COLUMNS], usual.expression[:, LIP_COLUMNS])


def test_a_lively_head_moves_more_than_a_calm_one(make, request) -> None:
    calm, lively = (make(style=PriorStyle(liveliness=end, persona=5)).rotation for end in (-1.0, 1.0))
    if "liveliness" in source_facts(request.node.callspec.params["make"]).unheeded:
        np.testing.assert_array_equal(calm, lively)
    else:
        assert lively.std(axis=0).mean() > 2.0 * calm.std(axis=0).mean()


def test_blinks_do_not_nod_the_head(make) -> None:
    often, never = (make(style=PriorStyle(blink_rate=rate)) for rate in (50.0, 0.0))
    assert often.expression[:, BLINKS].max() > 0.5 > never.expression[:, BLINKS].max()
    np.testing.assert_array_equal(often.rotation, never.rotation)


def test_lips_and_head_have_scales_of_their_own(make) -> None:
    usual, wide, calm = make(), make(articulation=1.5), make(style=PriorStyle(head_amplitude=0.5))
    assert np.ptp(wide.expression[:, JAW]) > 1.2 * np.ptp(usual.expression[:, JAW])
    np.testing.assert_array_equal(wide.rotation, usual.rotation)
    assert np.abs(calm.rotation).max() < np.abs(usual.rotation).max()
    np.testing.assert_array_equal(calm.expression[:, LIP_COLUMNS], usual.expression[:, LIP_COLUMNS])


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return load_portrait(ASSETS / "self_test.jpg")


@pytest.fixture(scope="module", params=names(RENDERERS))
def renderer(request, portrait) -> FrameRenderer:
    return NEW_RENDERERS[request.param](HeadModel.load(), portrait, 256, "cpu", "portrait", FIT)


def frames_of(renderer: FrameRenderer, rotation: np.ndarray | None = None, **weights: float) -> np.ndarray:
    """(2, H, W, 3) a face at rest, and one with these weights and rotation; shoulders rest."""
    expression, turn = np.zeros((2, len(EXPRESSIONS)), np.float32), np.zeros((2, 3), np.float32)
    for name, weight in weights.items():
        expression[1, EXPRESSIONS.index(name)] = weight
    if rotation is not None:
        turn[1] = rotation
    return np.stack(list(renderer.render(Motion(expression, turn, np.zeros((2, 3), np.float32))))).astype(int)


def changed(frames: np.ndarray) -> np.ndarray:
    """(H, W) largest difference of the two frames, levels."""
    difference: np.ndarray = np.abs(frames[1] - frames[0]).max(-1)
    return difference


def test_a_blink_changes_only_the_eyes(renderer, portrait) -> None:
    apart = changed(frames_of(renderer, eyeBlink_L=1.0, eyeBlink_R=1.0))
    eyes = portrait.landmarks[np.concatenate(LID_RINGS), :2] * (renderer.frame_shape[1] / portrait.image.shape[1])
    width = np.ptp(eyes[:, 0])
    (left, top), (right, bottom) = eyes.min(0) - 0.35 * width, eyes.max(0) + 0.35 * width
    y, x = np.mgrid[: apart.shape[0], : apart.shape[1]]
    near = (x > left) & (x < right) & (y > top) & (y < bottom)
    assert apart[near].max() > 20
    # Networks that draw see more of the face than the eyes, so they draw the mouth a hair differently.
    assert apart[~near].max() <= AWAY[renderer.kind]


def test_speech_moves_nothing_above_the_forehead_of_a_still_head(renderer, portrait) -> None:
    apart = changed(frames_of(renderer, jawOpen=0.4, mouthPucker=0.2))
    forehead = portrait.landmarks[FOREHEAD, 1] * renderer.frame_shape[0] / portrait.image.shape[0]
    assert apart.max() > 20
    assert apart[: int(forehead)].max() <= ABOVE.get(renderer.kind, 1)


def test_a_turned_head_leaves_no_seam_and_does_not_drag_the_shoulders(renderer) -> None:
    apart = changed(frames_of(renderer, TURNED))
    assert apart.max() > 60
    border = np.concatenate([apart[:2].ravel(), apart[:, :2].ravel(), apart[:, -2:].ravel()])
    assert border.max() <= BORDER.get(renderer.kind, 2), "the square's border"
    assert apart[int(0.97 * len(apart)) :].max() <= 2, "what lies at the bottom"
