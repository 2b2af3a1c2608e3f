"""The fit of the calibration table: cases whose best weights are known, and the command."""

import numpy as np
import pytest
import scipy.fft
import torch

from core.prior.calibration import BANDS, CENTRES, TIMES, frequency_shares
from core.prior.features import d_nl
from core.prior.kept import Known
from core.prior.model import NonlipPrior
from core.prior.told.levels import LEVELS
from core.prior.told.mouth import MOUTH
from training.prior import calibration as prior_calibration
from training.prior.batches import Batch
from training.prior.calibration import Moments, calibrate
from training.prior.data import Clip
from training.prior.export import write
from training.speech.prosody import HEARD, Prosody


def test_the_fit_corrects_a_halved_answer():
    """n̂⁰ is half of n⁰ with noise; there is also a measurement of n⁰ that is twice as noisy."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(600, 100, d_nl, generator=generator)  # noqa: E731
    truth, moments = draw(), Moments()
    answer, measured = 0.5 * truth + 0.1 * draw(), truth + 0.4 * draw()
    levels = torch.zeros(600, len(LEVELS))
    moments.add(truth, answer, measured - answer, levels)
    keep, trust = moments.solve(trusted=True)
    # Independent errors are weighted by the inverse of their variances: 0.2² of 2 n̂⁰, 0.4² of the measurement, 1 a
    # priori.
    inverse = np.array([1 / 0.04, 1 / 0.16, 1.0])
    of_answer, of_measured = 2 * inverse[0] / inverse.sum(), inverse[1] / inverse.sum()
    place = CENTRES.index(0.0)
    torch.testing.assert_close(trust[place].mean(), torch.tensor(of_measured).float(), atol=5e-3, rtol=0)
    torch.testing.assert_close(keep[place].mean(), torch.tensor(of_answer + of_measured).float(), atol=1e-2, rtol=0)
    alone, none = moments.solve(trusted=False)
    assert float(alone[place].mean()) == pytest.approx(0.5 / (0.25 + 0.01), rel=5e-3) and not none.any()
    torch.testing.assert_close(keep[-1], torch.ones_like(keep[-1]))  # no talker was unknown: unchanged


def test_talkers_who_sit_still_are_measured_separately():
    generator, moments = torch.Generator().manual_seed(0), Moments()
    truth = torch.randn(200, 100, d_nl, generator=generator)
    answer = truth.clone()
    answer[:100] *= 0.5  # a typical talker moves too little, a still one the right amount, an unknown one too much
    answer[150:] *= 2.0
    levels = torch.zeros(200, len(LEVELS))
    levels[100:150], levels[150:] = -4.0, torch.nan
    moments.add(truth, answer, torch.zeros_like(truth), levels)
    keep, _ = moments.solve(trusted=True)
    for place, factor in ((CENTRES.index(0.0), 2.0), (CENTRES.index(-4.0), 1.0), (-1, 0.5)):
        assert float(keep[place].mean()) == pytest.approx(factor, rel=0.02)


def test_calibration_improves_an_untrained_prior(untrained):
    """Swings of 2 Hz that the network doesn't know: at 2 Hz nᵗ must be trusted, and the error must fall."""
    generator = torch.Generator().manual_seed(2)
    phase = 2 * torch.pi * (2.0 * torch.arange(100)[:, None] / 25 + torch.rand(64, 1, d_nl, generator=generator))
    motion, nobody = phase.sin(), torch.full((64, len(LEVELS)), torch.nan)
    unheard = torch.full((64, 100, len(HEARD)), torch.nan)
    unseen = torch.full((64, 100, len(MOUTH)), torch.nan)
    sounds = torch.zeros(64, 400, 80), torch.ones(64, dtype=torch.bool)
    batch = Batch(motion, *sounds, motion > 99, nobody, unheard, unseen)
    table = calibrate(untrained, [batch])
    swings, fast = table.trust[-1, :, BANDS.index(2.06)].mean(dim=-1), table.trust[-1, :, -1].mean(dim=-1)
    assert swings[0] == 0 and swings[-1] > 0.9 and (swings.diff() > -0.1).all(), "the less noise, the more trust"
    assert (fast < 0.1).all(), "there is no fast motion"
    t = round(TIMES[8] * untrained.schedule.steps)
    noisy = untrained.schedule.alpha(t) * motion + untrained.schedule.sigma(t) * torch.randn(
        motion.shape, generator=generator
    )
    answer = torch.zeros_like(motion)
    corrected = table.correction(untrained.schedule, answer, noisy, t, nobody[0], Known(motion, batch.known_mask))
    # The error of a Wiener filter with the same bands, which knows the power of motion and noise.
    power = np.square(scipy.fft.dct(motion.numpy(), axis=1, norm="ortho")).mean(axis=(0, 2))
    noise, shares = (
        (untrained.schedule.sigma(t) / untrained.schedule.alpha(t)) ** 2,
        frequency_shares(100).numpy(),
    )
    banded = shares.T @ power / shares.sum(axis=0)
    gain = shares @ (banded / (banded + noise))
    ideal = ((1 - gain) ** 2 * power + gain**2 * noise).mean()
    assert (corrected - motion).square().mean() < 1.2 * ideal < 0.2 * motion.square().mean()


def test_the_command_writes_the_table_into_the_shards(untrained, tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    voice = Clip("a", rng.normal(size=(600, 80)).astype(np.float16), None, Prosody.silent(150))
    monkeypatch.setattr(prior_calibration, "load_clips", lambda _: {"synthetic": [voice], "grid": [], "address": []})
    write(untrained, tmp_path)
    assert NonlipPrior.load(folder=tmp_path).calibration is None
    before = NonlipPrior.load(folder=tmp_path).sample(np.zeros((200, 80), np.float32), [1])
    prior_calibration.main(["--prior", str(tmp_path), "--batches", "2", "--shares", "synthetic=1"])
    assert "t/T 0.079: slow ×" in capsys.readouterr().out
    written = NonlipPrior.load(folder=tmp_path)
    assert written.calibration.trust[:, 1:].any() and written.num_inference_steps == 2
    after = written.sample(np.zeros((200, 80), np.float32), [1])
    assert np.isfinite(after).all() and not np.array_equal(before, after)
