"""Real heads for voices: chosen by how their mouths move, and told with the mouth that they go with."""

import numpy as np
import pytest

from core.motion.channels import LIP_CHANNELS
from core.prior.told.mouth import MOUTH, mouth_curves
from training.prior.carriers import Carrier, draw_carrier
from training.prior.data import OWN_MOUTH, Clip
from training.speech.prosody import Prosody

FRAMES = 200


def talking(pauses, frames=FRAMES):
    """(frames, 9) curves of a mouth that talks except in ``pauses``."""
    lips = np.zeros((frames, len(LIP_CHANNELS)), np.float32)
    lips[:, LIP_CHANNELS.index("jawOpen")] = 0.2 - 0.2 * np.cos(2 * np.pi * np.arange(frames) / 5)
    for pause in pauses:
        lips[pause] = 0.0
    return mouth_curves(lips)


VOICE = talking([slice(60, 100)])
ALIKE, OTHER = (Carrier(np.full((FRAMES, 6), value), mouth) for value, mouth in ((1.0, VOICE), (2.0, talking([]))))


def test_the_carrier_is_the_one_whose_mouth_moves_like_the_voice():
    drawn = [draw_carrier((OTHER, ALIKE), FRAMES, VOICE, np.random.default_rng(seed)) for seed in range(60)]
    found = [carrier for carrier in drawn if carrier is not None]
    assert 20 < len(found) < 40, "half of the voices have no carrier"
    sizes = np.array([np.abs(carrier.head).max() for carrier in found])
    assert sizes.max() <= 1.0, "those of the other carrier are up to twice as large"
    blind = [draw_carrier((OTHER, ALIKE), FRAMES, None, np.random.default_rng(seed)) for seed in range(60)]
    assert max(np.abs(carrier.head).max() for carrier in blind if carrier is not None) > 1.0
    assert all(draw_carrier((ALIKE,), FRAMES + 1, VOICE, np.random.default_rng(seed)) is None for seed in range(9))


def test_a_stretch_keeps_its_head_and_its_mouth_together():
    along = np.arange(500, dtype=np.float32)
    long = Carrier(along[:, None] * np.array([0, 0, 0, 0, 1, 0]), np.repeat(along[:, None], len(MOUTH), 1))
    carrier = next(c for s in range(9) if (c := draw_carrier((long,), 50, None, np.random.default_rng(s))) is not None)
    steps = np.diff(carrier.head[:, 4])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)  # smaller, but in order
    assert carrier.head[0, 4] / steps[0] == pytest.approx(carrier.mouth[0, 0], rel=1e-3)


def test_lessons_of_carried_voices_come_mostly_with_the_mouth_of_the_head():
    clip = Clip("v", None, None, Prosody.silent(FRAMES), mouth=VOICE, carriers=(OTHER,))
    mouths = [clip.lesson(np.random.default_rng(seed))[1] for seed in range(200)]
    heads = np.mean([np.array_equal(mouth, OTHER.mouth) for mouth in mouths])
    assert heads == pytest.approx(0.5 * OWN_MOUTH, abs=0.1)
    assert all(np.array_equal(mouth, VOICE) or np.array_equal(mouth, OTHER.mouth) for mouth in mouths)
