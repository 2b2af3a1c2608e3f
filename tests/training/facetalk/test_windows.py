"""Windows of recordings: parts of one clip, mirrored and scaled, with a known beginning, some without their speech."""

import numpy as np
import pytest
import torch

from core.facetalk.expression_code import MOVEMENTS, ExpressionCode
from core.head.head_model import HeadModel
from core.motion.channels import CHANNELS, EXPRESSIONS
from core.phones.phone_set import PHONES
from training.facetalk.data import Recording, mouth_at_rest
from training.facetalk.windows import LEAST, WindowSampler

JAW, SMILES = EXPRESSIONS.index("jawOpen"), [EXPRESSIONS.index(f"mouthSmile_{side}") for side in "LR"]
YAW = CHANNELS.index("headYaw")


def recording(name, filmed=True, frames=90):
    """A jaw that opens where /aa/ is heard, a smile on the left, a head that turns to the left all the time."""
    rng = np.random.default_rng(sum(name.encode()))
    loud = np.repeat(rng.random(frames // 5 + 1) < 0.5, 5)[:frames]
    phones = np.zeros((4 * frames, len(PHONES)), np.float16)
    phones[np.arange(4 * frames), np.where(np.repeat(loud, 4), PHONES.index("AA"), 0)] = 1.0
    motion = np.zeros((1 if filmed else 3, frames, len(CHANNELS)), np.float32)
    motion[..., JAW] = 0.1 + 0.5 * loud
    motion[..., SMILES[0]] = 0.3
    motion[..., YAW] = 0.1
    talker = name.split("_")[0] if filmed else "voices"
    return Recording(name, talker, phones, np.zeros((frames, 12), np.float32), motion, filmed)


@pytest.fixture(scope="module")
def code():
    return ExpressionCode.of(HeadModel.load())


def sampler(code, **settings):
    found = [recording("ann_0"), recording("bob_0"), recording("voice_0", filmed=False)]
    usual = {"frames": 30, "voices": 0.5, "hidden": 0.25, "scaled": (1.0, 1.0)}
    return WindowSampler(found, code, **(usual | settings))


def test_windows_show_what_is_heard(code):
    batch = sampler(code).draw(60, np.random.default_rng(0))
    weights = code.decode(batch.motion[..., :MOVEMENTS])
    phones, manner = batch.cues
    heard = phones.unflatten(1, (-1, 4)).mean(2)[:, :, 0] < 0.5
    torch.testing.assert_close(weights[..., JAW], 0.1 + 0.5 * heard, atol=1e-4, rtol=0)
    assert phones.shape == (60, 120, len(PHONES)) and manner.shape == (60, 30, 12)
    again = sampler(code).draw(60, np.random.default_rng(0))
    assert torch.equal(batch.motion, again.motion)


def test_half_of_the_windows_are_mirrored_as_a_whole(code):
    batch = sampler(code).draw(100, np.random.default_rng(1))
    smiles = code.decode(batch.motion[..., :MOVEMENTS])[:, 0, SMILES]
    turned_left = batch.motion[:, 0, MOVEMENTS + 1] > 0
    assert 30 < turned_left.sum() < 70
    assert torch.equal(smiles[:, 0] > 0.1, turned_left) and torch.equal(smiles[:, 1] > 0.1, ~turned_left)


def test_expressions_are_scaled_and_heads_are_not(code):
    batch = sampler(code, scaled=(0.5, 2.0)).draw(80, np.random.default_rng(2))
    smiles = code.decode(batch.motion[..., :MOVEMENTS])[:, 0, SMILES].sum(-1) / 0.3
    assert 0.5 <= smiles.min() < 0.7 and 1.6 < smiles.max() <= 2.001
    torch.testing.assert_close(batch.motion[:, :, MOVEMENTS + 1].abs(), torch.full((80, 30), 0.1))


def test_known_frames_come_first_and_speech_is_hidden_at_times(code):
    batch = sampler(code).draw(200, np.random.default_rng(3))
    count = batch.known.sum(1)
    assert torch.equal(batch.known, torch.arange(30) < count[:, None])
    assert 60 < (count == 0).sum() < 140 and count.max() < 10
    assert 20 < (~batch.heard).sum() < 80


def test_scales_have_a_least_value(code):
    mean, deviation = sampler(code).statistics(50)
    assert deviation.min() > 0 and mean.shape == deviation.shape and deviation[-1] == 1.0
    movements = deviation[:MOVEMENTS]
    assert float(movements.min()) == pytest.approx(LEAST * float(movements.max()))


def test_without_long_films_there_is_nothing_to_learn(code):
    with pytest.raises(ValueError, match="no filmed clip has 500 frames"):
        sampler(code, frames=500)


def test_the_mouth_rests_as_in_silence():
    rest = mouth_at_rest([recording("ann_0"), recording("voice_0", filmed=False)])
    assert rest.shape == (27,) and float(rest.max()) == pytest.approx(0.3)
    assert 0.1 in rest.round(4)
