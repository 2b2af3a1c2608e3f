"""SadTalkerMotion: takes of any length, seeds and styles, blinks on and off, portraits at rest, its file."""

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.head.expression import target_expression
from core.motion.channels import CHANNELS, EXPRESSIONS, HEAD, LIP_COLUMNS
from core.sadtalker.exp_net import ExpNet, ExpNetConfig
from core.sadtalker.model import SadTalkerMotion
from core.sadtalker.pose_vae import PoseVae, PoseVaeConfig
from core.sound.lips import Heard
from core.sound.prosody import PROSODY

LIDS = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
TURNS = slice(len(EXPRESSIONS), len(CHANNELS))


@pytest.fixture(scope="module")
def motion():
    torch.manual_seed(0)
    expression = ExpNet(ExpNetConfig.tiny())
    with torch.no_grad():
        expression.out.weight[:, -1] = 0.0
        expression.out.weight[LIDS, -1] = 1.0
        expression.out.weight[:, : expression.config.code] *= torch.isin(
            torch.arange(53)[:, None], torch.tensor(LIP_COLUMNS)
        )
        expression.out.weight[:, : expression.config.code] *= 20.0
    return SadTalkerMotion(expression, PoseVae(PoseVaeConfig.tiny(3, PROSODY)), ("ann", "bob", "cy"))


def speech(frames, seed=0):
    rng = np.random.default_rng(seed)
    phones = np.exp(3.0 * rng.normal(size=(4 * frames, 40)))
    phones = (phones / phones.sum(1, keepdims=True)).astype(np.float32)
    return Heard(phones, rng.normal(size=(frames, 3)).astype(np.float32)), rng.normal(size=(4 * frames, 80))


@pytest.mark.parametrize("frames", [0, 1, 31, 32, 33, 1000])
def test_takes_of_any_length(motion, frames):
    take = motion.sample(*speech(frames), seed=1)
    assert take.shape == (frames, len(CHANNELS)) and take.dtype == np.float32 and np.isfinite(take).all()
    weights = take[:, : len(EXPRESSIONS)]
    assert np.all(weights >= 0) and np.all(weights <= 1)
    if frames > 1:
        assert not take[0, TURNS].any() and take[-1, TURNS].any()
        assert weights[:, LIP_COLUMNS].std(0).max() > 0.01


def test_pieces_don_t_show(motion, monkeypatch):
    heard, mel = speech(120)
    whole = motion.sample(heard, mel, seed=3)
    monkeypatch.setattr("core.sadtalker.model._PIECE_FRAMES", 7)
    np.testing.assert_allclose(motion.sample(heard, mel, seed=3), whole, atol=1e-6)


def test_the_seed_decides_head_and_blinks_but_not_the_mouth(motion):
    heard, mel = speech(300)
    one, same, other = (motion.sample(heard, mel, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert np.array_equal(one[:, LIP_COLUMNS], other[:, LIP_COLUMNS])
    assert not np.array_equal(one[:, LIDS], other[:, LIDS])
    assert not np.allclose(one[:, TURNS], other[:, TURNS], atol=1e-3)


def test_a_style_changes_the_head_alone(motion):
    heard, mel = speech(100)
    one, other = (motion.sample(heard, mel, seed=4, pose_style=style) for style in (0, 2))
    assert np.array_equal(one[:, : len(EXPRESSIONS)], other[:, : len(EXPRESSIONS)])
    assert not np.allclose(one[:, TURNS], other[:, TURNS], atol=1e-4)


def test_blinks_are_random_given_or_off(motion):
    heard, mel = speech(200)
    random = motion.sample(heard, mel, seed=4)
    off = motion.sample(heard, mel, seed=4, blink=np.zeros(200, np.float32))
    asked = np.clip(np.sin(np.arange(200) / 9), 0, 1).astype(np.float32)
    given = motion.sample(heard, mel, seed=4, blink=asked)
    assert random[:, LIDS].max() == pytest.approx(1.0, abs=0.05)
    assert np.allclose(off[:, LIDS], off[0, LIDS], atol=1e-6)
    np.testing.assert_allclose(given[:, LIDS] - off[:, LIDS], np.stack([asked] * 2, 1), atol=0.05)
    assert np.array_equal(random[:, TURNS], off[:, TURNS])


def test_a_portrait_at_rest_looks_like_itself(motion):
    """A motion's weights come on top of the portrait's own, which the network shows: the motion has none of its own."""
    own = np.random.default_rng(2).uniform(0, 0.4, 53).astype(np.float32)
    seen = target_expression(torch.from_numpy(own), torch.zeros(1, 53))[0].numpy()
    take = motion.sample(Heard.nothing(50, 3), np.zeros((200, 80)), seed=0, reference=own, blink=np.zeros(50))
    shown = target_expression(torch.from_numpy(own), torch.from_numpy(take[:, :53])).numpy()
    upper = np.setdiff1d(np.arange(53), LIP_COLUMNS)
    np.testing.assert_allclose(shown[:, upper], np.broadcast_to(seen[upper], (50, len(upper))), atol=1e-5)
    assert take[:, upper].max() < 1e-5


def test_articulation_and_presence_scale_the_mouth_about_its_rest(motion):
    heard, mel = speech(60)
    rest = motion.sample(heard, mel, seed=0, presence=np.zeros(60))[:, LIP_COLUMNS]
    silence = motion.sample(Heard.nothing(60, 3), mel, seed=0)[30, LIP_COLUMNS]
    np.testing.assert_allclose(rest, np.broadcast_to(silence, rest.shape), atol=1e-5)
    full, half = (motion.sample(heard, mel, seed=0, articulation=a)[:, LIP_COLUMNS] for a in (1.0, 0.5))
    inside = (full > 0) & (full < 1) & (half > 0) & (rest > 0)
    assert inside.sum() > 50
    np.testing.assert_allclose((half - rest)[inside], 0.5 * (full - rest)[inside], atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"pose_style": 3},
        {"pose_style": -1},
        {"blink": np.zeros(9)},
        {"presence": np.zeros(11)},
    ],
)
def test_what_doesn_t_fit_is_refused(motion, wrong):
    with pytest.raises(ValueError, match=r"pose styles|rows"):
        motion.sample(*speech(10), seed=0, **wrong)


def test_its_file(motion, tmp_path):
    path = tmp_path / "sadtalker.safetensors"
    motion.save(path)
    again = SadTalkerMotion.load(path=path)
    assert again.styles == ("ann", "bob", "cy")
    heard, mel = speech(64)
    np.testing.assert_allclose(again.sample(heard, mel, 1), motion.sample(heard, mel, 1), atol=0.02)
    with pytest.raises(SoliloquyError, match="missing"):
        SadTalkerMotion.load(path=tmp_path / "none.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SoliloquyError, match="can't be used"):
        SadTalkerMotion.load(path=path)


def test_each_style_needs_a_name(motion):
    with pytest.raises(ValueError, match="2 names for 3 styles"):
        SadTalkerMotion(motion.expression, motion.pose, ("ann", "bob"))


def test_head_channels_are_the_last():
    assert CHANNELS[TURNS] == HEAD
