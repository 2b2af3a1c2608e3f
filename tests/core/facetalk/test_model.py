"""FaceTalk's takes: the same seed, the same bytes; windows that go on; rest, articulation, guidance; files."""

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.facetalk.expression_code import ExpressionCode
from core.facetalk.model import FaceTalkMotion
from core.facetalk.network import MOTION, ExpressionDecoder, FaceTalkConfig
from core.head.head_model import HeadModel
from core.motion.channels import CHANNELS, LIP_CHANNELS, LIP_COLUMNS
from core.phones.phone_set import PHONES
from core.sound.lips import Heard

HEAD = slice(-6, None)


def heard(frames, seed=0):
    rng = np.random.default_rng(seed)
    phones = rng.dirichlet(np.full(len(PHONES), 0.1), 4 * frames).astype(np.float32)
    return Heard(phones, rng.normal(0, 0.3, (frames, 3)).astype(np.float32))


def mel(frames, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (4 * frames, 80)).astype(np.float32)


@pytest.fixture(scope="module")
def motion():
    torch.manual_seed(0)
    network = ExpressionDecoder(FaceTalkConfig.tiny())
    torch.nn.init.normal_(network.out.weight, 0.0, 0.2)
    torch.nn.init.normal_(network.no_speech, 0.0, 1.0)
    mean, deviation = torch.full((MOTION,), 0.05), torch.full((MOTION,), 0.2)
    rest = torch.full((len(LIP_CHANNELS),), 0.1)
    return FaceTalkMotion(network, mean, deviation, rest, ExpressionCode.of(HeadModel.load()))


def test_a_seed_is_a_take_and_another_seed_another_one(motion):
    takes = [motion.sample(heard(40), mel(40), seed) for seed in (3, 3, 4)]
    assert takes[0].shape == (40, len(CHANNELS)) and takes[0].dtype == np.float32
    assert takes[0].tobytes() == takes[1].tobytes()
    assert not np.allclose(takes[0][:, HEAD], takes[2][:, HEAD], atol=1e-3)
    assert takes[0][:, :-6].min() >= 0.0 and takes[0][:, :-6].max() <= 1.0


def test_a_take_goes_on_from_window_to_window(motion):
    told = []
    plain = motion.sample(heard(90), mel(90), 1, smooth=False, progress=told.append)
    assert told == [motion.network.config.window, 54, 78, 90]
    # What is heard in the first frames reaches the second window only through the frames that it is given.
    other = heard(90)
    other.phones[:40] = heard(90, seed=5).phones[:40]
    changed = motion.sample(other, mel(90), 1, smooth=False)
    assert not np.allclose(changed[30:54, HEAD], plain[30:54, HEAD], atol=1e-5)


def test_what_comes_later_changes_nothing_that_is_more_than_a_window_away(motion):
    whole, other = heard(80), heard(80)
    other.phones[4 * 70 :] = heard(80, seed=5).phones[4 * 70 :]
    first, second = (motion.sample(h, mel(80), 2, smooth=False) for h in (whole, other))
    np.testing.assert_array_equal(first[:54], second[:54])
    assert not np.array_equal(first[70:], second[70:])


def test_the_mouth_rests_where_nobody_speaks_and_articulation_scales_it_alone(motion):
    silent = np.zeros(40, np.float32)
    resting = motion.sample(heard(40), mel(40), 0, presence=silent)
    np.testing.assert_allclose(resting[:, LIP_COLUMNS], 0.1, atol=1e-6)
    usual, small = (motion.sample(heard(40), mel(40), 0, articulation=size) for size in (1.0, 0.5))
    others = [i for i in range(len(CHANNELS)) if i not in LIP_COLUMNS]
    np.testing.assert_array_equal(usual[:, others], small[:, others])
    np.testing.assert_array_equal(usual[:, others], resting[:, others])
    assert np.abs(small[:, LIP_COLUMNS] - 0.1).sum() < 0.8 * np.abs(usual[:, LIP_COLUMNS] - 0.1).sum()


def test_style_strength_is_how_far_the_speech_changes_the_motion(motion):
    deaf, other = (motion.sample(heard(40, seed), mel(40), 0, guidance_scale=0.0) for seed in (0, 1))
    np.testing.assert_array_equal(deaf, other)

    def effect(scale):
        takes = [motion.sample(heard(40, seed), mel(40), 0, guidance_scale=scale, smooth=False) for seed in (0, 1)]
        return np.abs(takes[0][:, HEAD] - takes[1][:, HEAD]).mean()

    assert 0.0 < effect(0.5) < effect(1.0) < effect(2.0)


@pytest.mark.filterwarnings("error:The given NumPy array is not writable")
@pytest.mark.parametrize("frames", [1, 2, 31])
def test_short_takes_of_arrays_that_nobody_may_write(motion, frames):
    spoken, loud = heard(frames), mel(frames)
    for values in (spoken.phones, spoken.manner, loud):
        values.setflags(write=False)
    made = motion.sample(spoken, loud, 0)
    assert made.shape == (frames, len(CHANNELS)) and np.isfinite(made).all()


def test_steps_are_heeded(motion):
    one, five = (motion.sample(heard(30), mel(30), 0, num_inference_steps=steps) for steps in (1, 5))
    assert not np.allclose(one, five, atol=1e-4)


def test_lengths_that_do_not_fit_are_refused(motion):
    with pytest.raises(ValueError, match="mel has 80 rows, expected 160"):
        motion.sample(heard(40), mel(20), 0)
    with pytest.raises(ValueError, match="presence has 3 rows, expected 40"):
        motion.sample(heard(40), mel(40), 0, presence=np.ones(3, np.float32))
    assert motion.sample(heard(0), mel(0), 0).shape == (0, len(CHANNELS))


def test_a_file_brings_the_same_takes_back(motion, tmp_path):
    motion.save(tmp_path / "facetalk.safetensors")
    read = FaceTalkMotion.load(path=tmp_path / "facetalk.safetensors")
    before, after = (m.sample(heard(35), mel(35), 7) for m in (motion, read))
    np.testing.assert_allclose(before, after, atol=0.02)
    with pytest.raises(SoliloquyError, match="missing"):
        FaceTalkMotion.load(path=tmp_path / "none.safetensors")
