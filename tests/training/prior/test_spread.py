"""The factors that move takes away from the mean: found in a case whose answer is known, and written to the shards."""

import numpy as np
import pytest
import torch

from core.prior.features import FEATURES, d_nl
from core.prior.model import NonlipPrior
from core.prior.told.levels import measure_levels
from training.prior import spread as prior_spread
from training.prior.data import Clip
from training.prior.evaluation import HeldOut
from training.prior.export import write
from training.prior.spread import TOGETHER


def clips(count: int) -> list[Clip]:
    rng = np.random.default_rng(3)
    return [
        Clip(f"c{i}", rng.normal(size=(400, 80)).astype(np.float16), rng.normal(0, 0.1, (100, d_nl)).astype(np.float32))
        for i in range(count)
    ]


def test_variances_become_right_if_they_follow_the_factors(untrained, monkeypatch):
    """The stand-in's takes are the clip with features too small or too large, multiplied by the factor as in a take."""
    held = HeldOut("grid", clips(4), clips(1))
    still = list(TOGETHER["cheekPuff"])
    for clip in held.clips:
        clip.motion[:, still] *= 0.05
    moving = [name for name in TOGETHER if name != "cheekPuff"]
    wrong = dict(zip(moving, np.random.default_rng(0).uniform(0.5, 1.5, len(moving)), strict=True)) | {"eyeWide": 30.0}

    def sampler(prior, levels):
        size = np.ones(d_nl)
        for name, ratio in wrong.items():
            columns = list(TOGETHER[name])
            size[columns] = (ratio * prior.spread[columns] ** 6) ** 0.5

        def take(clip, seed):
            np.testing.assert_array_equal(
                levels(clip, seed), measure_levels(clip.motion), "told of whom it stands beside"
            )
            return clip.motion * size

        return take

    monkeypatch.setattr(prior_spread, "prior_sampler", sampler)
    monkeypatch.setattr("training.prior.evaluation.in_range", lambda features: features)
    before = prior_spread.variance_ratios(held, untrained, 1)
    assert before == pytest.approx(wrong, rel=1e-5), "a feature that hardly moves has no influence"
    told: list[str] = []
    prior_spread.calibrate(untrained, held, 6, 1, told.append)
    after = prior_spread.variance_ratios(held, untrained, 1)
    assert all(after[name] == pytest.approx(1.0, abs=0.02) for name in moving if name != "eyeWide")
    np.testing.assert_array_equal(untrained.spread[list(TOGETHER["eyeWide"])], np.float32(prior_spread.LEAST))
    untouched = [*still, FEATURES.index("blink")]
    np.testing.assert_array_equal(untrained.spread[untouched], np.float32(1.0), "nor are blinks of other sizes")
    assert len(told) == 6 * len(moving) and f"headPitch: variance {wrong['headPitch']:.2f}" in told[0]


def test_the_command_writes_them_into_the_shards(untrained, tmp_path, monkeypatch):
    untrained.spread[:], untrained.guidance_scale = 1.4, 1.5
    write(untrained, tmp_path)
    sets = {"training-voices": HeldOut("voices", clips(2), clips(1))}
    monkeypatch.setattr(prior_spread, "held_out", lambda name, *_: sets[name])
    prior_spread.main(["--prior", str(tmp_path), "--rounds", "1", "--seeds", "1"])
    written = NonlipPrior.load(folder=tmp_path)
    assert (written.num_inference_steps, written.guidance_scale) == (2, 1.5)
    prior_spread.main(["--prior", str(tmp_path), "--rounds", "1", "--seeds", "1", "--steps", "3"])
    assert NonlipPrior.load(folder=tmp_path).num_inference_steps == 3
    assert written.spread.shape == (d_nl,) and not np.isin(written.spread, (1.0, np.float32(1.4))).all()
    assert (written.spread >= prior_spread.LEAST).all() and (written.spread <= prior_spread.MOST).all()
    for name, value in untrained.network.state_dict().items():
        torch.testing.assert_close(written.network.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    sets["training-voices"].clips.clear()
    with pytest.raises(SystemExit):
        prior_spread.main(["--prior", str(tmp_path)])
