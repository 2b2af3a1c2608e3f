"""The factors that bring the power of takes to that of people, by frequency: found where the answer is known."""

import numpy as np
import pytest
import scipy.fft
import torch

from core.prior.calibration import BANDS, CENTRES, SHAPE, TIMES, Calibration, frequency_shares
from core.prior.features import FEATURES, d_nl
from core.prior.model import NonlipPrior
from training import prior_spectrum, prior_spread
from training.prior_data import Clip
from training.prior_evaluation import HeldOut
from training.prior_export import write
from training.prior_spectrum import ENTRIES, LEAST, MOST, calibrate, power, power_ratios
from training.prior_spread import TOGETHER

FRAMES = 150
RAISED = [place for place, band in enumerate(BANDS) if 0.0 < band < 6.0]


def clips(count: int) -> list[Clip]:
    rng = np.random.default_rng(3)
    return [
        Clip(f"c{i}", rng.normal(size=(4 * FRAMES, 80)).astype(np.float16), rng.normal(0, 0.1, (FRAMES, d_nl)))
        for i in range(count)
    ]


def test_still_talkers_stay_as_they_are():
    assert [CENTRES[place] for place in ENTRIES[:-1]] == [-1.0, 0.0, 1.0, 2.5] and ENTRIES[-1] == len(CENTRES)


def test_power_stands_where_the_motion_swings():
    place = BANDS.index(2.06)
    number = round(BANDS[place] * FRAMES / 12.5)  # of the cosine transform, k · 12.5 / L Hz
    motion = np.zeros((FRAMES, d_nl))
    motion[:, 4] = 3.0 + 0.2 * np.cos(np.pi * number / FRAMES * (np.arange(FRAMES) + 0.5))
    found = power([motion, np.zeros_like(motion)])
    assert found.sum() == pytest.approx(0.5 * motion[:, 4].var()), "all of the variance, nothing of the mean"
    assert found[place, 4] > 0.9 * found.sum() and not np.delete(found, 4, axis=1).any()


def test_power_comes_out_right_where_it_follows_the_factors(untrained, monkeypatch):
    """A stand-in whose takes are the clips through a filter, too strong or too weak, that follows the table."""
    real = [clip.motion for clip in clips(6)]
    shares, wrong = frequency_shares(FRAMES).numpy(), np.random.default_rng(1).uniform(0.6, 1.5, (len(BANDS), d_nl))
    left, right = TOGETHER["browDown"]
    wrong[:, right] = wrong[:, left]
    wrong[:, left] *= 1.2  # both sides share a factor, so what they differ by stays
    wrong[:, FEATURES.index("headYaw")] = 0.01
    before = Calibration(torch.full(SHAPE, 0.9), torch.full(SHAPE, 0.2))
    untrained.calibration = before

    def beside(_held, prior, _seeds):
        factors = (prior.calibration.keep / before.keep)[ENTRIES[0], 3].numpy()
        filters = shares @ (wrong * factors**6) ** 0.5
        filtered = [filters * scipy.fft.dct(motion, axis=0, norm="ortho") for motion in real]
        return [scipy.fft.idct(spectrum, axis=0, norm="ortho") for spectrum in filtered], real

    monkeypatch.setattr(prior_spectrum, "takes_beside", beside)
    told: list[str] = []
    calibrate(untrained, HeldOut("voices", clips(1), clips(1)), 8, 1, told.append)
    table = untrained.calibration
    factors = (table.keep / before.keep).numpy()
    for name, ratio in power_ratios(HeldOut("voices", [], []), untrained, 1).items():
        if name != "headYaw":
            np.testing.assert_allclose(ratio[RAISED], 1.0, atol=0.05, err_msg=name)
    chosen = np.ix_(ENTRIES, range(len(TIMES)), RAISED, [FEATURES.index("headYaw")])
    np.testing.assert_allclose(factors[chosen], MOST, rtol=1e-5, err_msg="so far and no further")
    assert factors.min() >= LEAST - 1e-6
    np.testing.assert_allclose((table.trust / before.trust).numpy(), factors, rtol=1e-5)
    untouched = np.ones(SHAPE, bool)
    untouched[np.ix_(ENTRIES, range(len(TIMES)), RAISED, [i for i, name in enumerate(FEATURES) if name != "blink"])] = (
        False
    )
    np.testing.assert_array_equal(factors[untouched], 1.0)
    np.testing.assert_array_equal(factors[..., left], factors[..., right])
    assert len(told) == 8 and "round 8" in told[-1] and "2.06 Hz 1.0" in told[-1]


def test_the_command_writes_it_into_the_shards(untrained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prior_spread, "held_out", lambda *_: HeldOut("grid", clips(2), clips(1)))
    write(untrained, tmp_path)
    with pytest.raises(SystemExit):
        prior_spectrum.main(["--prior", str(tmp_path)])
    assert "prior_calibration first" in capsys.readouterr().err
    untrained.calibration = Calibration(torch.ones(SHAPE), torch.zeros(SHAPE))
    write(untrained, tmp_path)
    prior_spectrum.main(["--prior", str(tmp_path), "--rounds", "1", "--seeds", "1"])
    written = NonlipPrior.load(folder=tmp_path).calibration
    changed = [place for place in range(SHAPE[0]) if (written.keep[place, :, RAISED] != 1.0).any()]
    assert changed == list(ENTRIES)
    assert not written.trust.any() and (written.keep[:, :, 0] == 1.0).all()
    monkeypatch.setattr(prior_spread, "held_out", lambda *_: HeldOut("grid", [], []))
    with pytest.raises(SystemExit):
        prior_spectrum.main(["--prior", str(tmp_path)])
