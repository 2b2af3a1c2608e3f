"""The factors by frequency that give takes the power of people's motion, in cases whose answer is known."""

import numpy as np
import pytest
import scipy.fft
import torch

from core.prior.calibration import BANDS, CENTRES, SHAPE, TIMES, Calibration, frequency_shares
from core.prior.features import FEATURES, d_nl
from core.prior.model import NonlipPrior
from training.prior import spectrum as prior_spectrum
from training.prior import spread as prior_spread
from training.prior.data import Clip
from training.prior.evaluation import HeldOut
from training.prior.export import write
from training.prior.spectrum import LEAST, MOST, MOVING, SITTING, calibrate, power, powers
from training.prior.spread import TOGETHER

FRAMES = 150
ENTRIES = MOVING.entries
RAISED = [place for place, band in enumerate(BANDS) if 0.0 < band < 6.0]


def clips(count: int) -> list[Clip]:
    rng = np.random.default_rng(3)
    return [
        Clip(f"c{i}", rng.normal(size=(4 * FRAMES, 80)).astype(np.float16), rng.normal(0, 0.1, (FRAMES, d_nl)))
        for i in range(count)
    ]


def test_every_entry_is_for_moving_or_for_still_talkers():
    assert [CENTRES[place] for place in ENTRIES[:-1]] == [-1.0, 0.0, 1.0, 2.5] and ENTRIES[-1] == len(CENTRES)
    assert [CENTRES[place] for place in SITTING.entries] == [-4.0, -2.5]


def test_power_is_at_the_frequency_of_the_motion():
    place = BANDS.index(2.06)
    number = round(BANDS[place] * FRAMES / 12.5)  # index in the cosine transform: k · 12.5 / L Hz
    motion = np.zeros((FRAMES, d_nl))
    motion[:, 4] = 3.0 + 0.2 * np.cos(np.pi * number / FRAMES * (np.arange(FRAMES) + 0.5))
    found = power([motion, np.zeros_like(motion)])
    assert found.sum() == pytest.approx(0.5 * motion[:, 4].var()), "all of the variance and nothing of the mean"
    assert found[place, 4] > 0.9 * found.sum() and not np.delete(found, 4, axis=1).any()


def stand_in(prior, wrong, talkers, real, monkeypatch) -> Calibration:
    """Takes that are filtered clips: (F, 25) too strong or too weak, and then multiplied by the table's entries."""
    before = prior.calibration = Calibration(torch.full(SHAPE, 0.9), torch.full(SHAPE, 0.2))
    shares = frequency_shares(FRAMES).numpy()

    def beside(_held, now, _seeds):
        factors = (now.calibration.keep / before.keep)[talkers.entries[0], 3].numpy()
        filters = shares @ (wrong * factors**6) ** 0.5
        filtered = [filters * scipy.fft.dct(motion, axis=0, norm="ortho") for motion in real]
        return [scipy.fft.idct(spectrum, axis=0, norm="ortho") for spectrum in filtered], real

    monkeypatch.setattr(prior_spectrum, "takes_beside", beside)
    return before


def test_power_becomes_right_if_it_follows_the_factors(untrained, monkeypatch):
    wrong = np.random.default_rng(1).uniform(0.6, 1.5, (len(BANDS), d_nl))
    left, right = TOGETHER["browDown"]
    wrong[:, right] = wrong[:, left]
    wrong[:, left] *= 1.2  # both sides share a factor, so their difference stays
    wrong[:, FEATURES.index("headYaw")] = 0.01
    before = stand_in(untrained, wrong, MOVING, [clip.motion for clip in clips(6)], monkeypatch)
    told: list[str] = []
    calibrate(untrained, HeldOut("voices", clips(1), clips(1)), 8, 1, tell=told.append)
    table = untrained.calibration
    factors = (table.keep / before.keep).numpy()
    for name, (ours, theirs) in powers(HeldOut("voices", [], []), untrained, 1).items():
        if name != "headYaw":
            np.testing.assert_allclose((ours / theirs)[RAISED], 1.0, atol=0.05, err_msg=name)
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


def test_still_talkers_keep_their_total_power(untrained, monkeypatch):
    """Fast motion gets the clips' power; slow motion loses as much, down to its lower limit."""
    fast, slow = [place for place in RAISED if BANDS[place] >= 1.0], [place for place in RAISED if BANDS[place] < 1.0]
    wrong = np.full((len(BANDS), d_nl), 1.1)
    wrong[fast] = 0.7
    swings = np.cumsum([clip.motion for clip in clips(6)], axis=1)  # mostly slow motion, as in people
    swings[..., FEATURES.index("headYaw")] = clips(1)[0].motion[:, 0]  # but not here
    before = stand_in(untrained, wrong, SITTING, list(swings), monkeypatch)
    first = powers(HeldOut("grid", [], []), untrained, 1)
    told: list[str] = []
    calibrate(untrained, HeldOut("grid", clips(1), clips(1)), 40, 1, SITTING, told.append)
    for name, (ours, theirs) in powers(HeldOut("grid", [], []), untrained, 1).items():
        np.testing.assert_allclose((ours / theirs)[fast], 1.0, atol=0.05, err_msg=name)
        if name != "headYaw":
            assert ours.sum() == pytest.approx(first[name][0].sum(), rel=0.02), name
    factors = (untrained.calibration.keep / before.keep).numpy()
    np.testing.assert_allclose(factors[SITTING.entries, :, :][..., slow, FEATURES.index("headYaw")], LEAST, rtol=1e-5)
    assert told[0].endswith("total power relative to before: 1.000") and len(told) == 40
    assert (np.delete(factors, SITTING.entries, axis=0) == 1.0).all(), "moving talkers are unchanged"


def test_the_command_writes_it_into_the_shards(untrained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prior_spread, "held_out", lambda *_: HeldOut("grid", clips(2), clips(1)))
    write(untrained, tmp_path)
    with pytest.raises(SystemExit):
        prior_spectrum.main(["--prior", str(tmp_path)])
    assert "training.prior.calibration first" in capsys.readouterr().err
    untrained.calibration = Calibration(torch.ones(SHAPE), torch.zeros(SHAPE))
    write(untrained, tmp_path)
    prior_spectrum.main(["--prior", str(tmp_path), "--rounds", "1", "--seeds", "1"])
    written = NonlipPrior.load(folder=tmp_path).calibration
    changed = [place for place in range(SHAPE[0]) if (written.keep[place, :, RAISED] != 1.0).any()]
    assert changed == list(ENTRIES)
    assert not written.trust.any() and (written.keep[:, :, 0] == 1.0).all()
    prior_spectrum.main(["--prior", str(tmp_path), "--still", "--rounds", "1", "--seeds", "1"])
    after = NonlipPrior.load(folder=tmp_path).calibration
    changed = [place for place in range(SHAPE[0]) if (after.keep[place] != written.keep[place]).any()]
    assert changed == list(SITTING.entries)
    monkeypatch.setattr(prior_spread, "held_out", lambda *_: HeldOut("grid", [], []))
    with pytest.raises(SystemExit):
        prior_spectrum.main(["--prior", str(tmp_path)])
