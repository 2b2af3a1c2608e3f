"""Progressive distillation: the target follows the formula, a pupil does in one step what its teacher does in two."""

import numpy as np
import pytest
import torch

from core.prior.calibration import SHAPE, Calibration
from core.prior.denoiser import Denoiser, Networks, predict_clean
from core.prior.features import d_nl
from core.prior.guidance import Guidance, spread_for
from core.prior.kept import Known
from core.prior.model import NonlipPrior
from core.prior.sampler import ddim
from core.prior.schedule import CosineSchedule
from training.common.engine import RunConfig
from training.prior.batches import BatchSource
from training.prior.data import Clip
from training.prior.distil import DistilConfig, answers_as_sampled, ddim_step, distil, halving_target, main
from training.prior.export import export
from training.prior.train import TrainConfig, train

SCHEDULE = CosineSchedule(1000)


def gaussian(noisy, t):
    """E[n⁰ | nᵗ] of n⁰ ~ N(0.8, 0.5²), for a batch of t."""
    alpha, sigma = SCHEDULE.coefficients(t, noisy)
    return 0.8 + alpha * 0.25 / (alpha**2 * 0.25 + sigma**2) * (noisy - alpha * 0.8)


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_one_step_with_the_target_is_two_of_the_teacher(steps):
    coarse, fine = SCHEDULE.timesteps(steps), SCHEDULE.timesteps(2 * steps)
    assert coarse == fine[::2], "a pupil's times are every second time of its teacher"
    noisy = torch.randn(steps, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t, middle, following = (torch.tensor(times) for times in (coarse[:-1], fine[1::2], coarse[1:]))
    target = halving_target(gaussian, noisy, SCHEDULE, t, middle, following)
    one = ddim_step(target, noisy, SCHEDULE, t, following)
    for k in range(steps):
        sample = noisy[k : k + 1]
        for now, then in ((fine[2 * k], fine[2 * k + 1]), (fine[2 * k + 1], fine[2 * k + 2])):
            clean = gaussian(sample, torch.tensor([now]))
            noise = (sample - SCHEDULE.alpha(now) * clean) / SCHEDULE.sigma(now)
            sample = SCHEDULE.alpha(then) * clean + SCHEDULE.sigma(then) * noise
        torch.testing.assert_close(one[k : k + 1], sample, rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    motion = np.cumsum(rng.normal(0, 0.02, (200, d_nl)), axis=0).astype(np.float32)
    return {"grid": [Clip("c", rng.normal(size=(800, 80)).astype(np.float16), motion)]}


@pytest.fixture(scope="module")
def prior(clips, tmp_path_factory):
    """A teacher that has learned a little: the result of a random network can't be had in fewer steps."""
    folder = tmp_path_factory.mktemp("teacher")
    config = TrainConfig(size="tiny", batch=8, shares=(("grid", 1.0),), learning_rate=3e-3, warm_up=5)
    train(config, RunConfig(steps=150, device="cpu", bfloat16=False, ema=0.9), clips, folder)
    export(folder, 4, 1.0, folder / "weights")
    return NonlipPrior.load(folder=folder / "weights")


@pytest.mark.slow
def test_the_first_teacher_answers_as_in_the_products_sampler(prior, clips):
    """Compares it window by window with the sampler's own denoiser, with a calibration, a spread and known entries."""
    rng = torch.Generator().manual_seed(3)
    keep, trust = (0.8 + 0.4 * torch.rand(SHAPE, generator=rng), 0.3 * torch.rand(SHAPE, generator=rng))
    spread = torch.linspace(0.9, 1.3, d_nl)
    statistics = torch.from_numpy(prior.mean), torch.from_numpy(prior.deviation)
    whole = NonlipPrior(prior.network, *statistics, 8, spread=spread, calibration=Calibration(keep, trust))
    batch = BatchSource(clips, CONFIG, 100, prior.mean, prior.deviation).batch(np.random.default_rng(5))
    assert batch.has_audio.any() and not batch.has_audio.all()
    assert batch.known_mask.any() and not batch.known_mask.all()
    batch.levels[0], batch.levels[1] = 0.5, -1.25  # the full spread, and half of it
    noisy = torch.randn(batch.clean.shape, generator=rng)
    times = SCHEDULE.timesteps(8)
    # First: moved away from the mean; second: not moved any more; third: guided.
    for place, scale in ((1, 1.0), (6, 1.0), (1, 1.5)):
        t = torch.full((len(noisy),), times[place])
        with torch.no_grad():
            found = answers_as_sampled(whole, 8, scale, batch)(noisy, t)
        for i in range(len(noisy)):
            heard = float(batch.has_audio[i])
            gain = torch.from_numpy(spread_for(spread.numpy(), batch.levels[i].numpy(), heard))
            guidance = Guidance(scale * heard, batch.levels[i], whole.calibration, gain)
            known = Known(batch.clean[i : i + 1], batch.known_mask[i : i + 1])
            networks = Networks(prior.network, prior.network, SCHEDULE)
            with torch.no_grad():
                wanted = Denoiser(networks, batch.mel[i], known, guidance)(noisy[i : i + 1], times[place])
            torch.testing.assert_close(found[i : i + 1], wanted, rtol=1e-4, atol=1e-5)


CONFIG = DistilConfig(first=4, last=1, batch=8, learning_rate=3e-4, warm_up=2, shares=(("grid", 1.0),))


def sampled(prior, steps):
    """Windows without known entries from the same noise, normalised."""
    network = prior.network
    audio = network.empty_audio(6, 40)
    nothing = torch.zeros(6, 40, d_nl)

    def denoise(noisy, t):
        return predict_clean(network, SCHEDULE, noisy, torch.full((6,), t), audio, nothing, nothing.bool())

    noise = torch.randn(6, 40, d_nl, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return ddim(denoise, noise, SCHEDULE, steps, None)


@pytest.mark.slow
def test_a_pupil_approaches_its_teachers_result_in_half_the_steps(prior, clips, tmp_path):
    settings = RunConfig(steps=150, device="cpu", bfloat16=False, ema=0.9)
    folders = distil(prior, CONFIG, settings, clips, tmp_path)
    assert [folder.name for folder in folders] == ["weights-2", "weights-1"]
    pupil = NonlipPrior.load(folder=folders[0])
    assert (pupil.num_inference_steps, pupil.sampler, pupil.guidance_scale) == (2, "ddim", 1.0)
    wanted = sampled(prior, 4)
    gained, without = ((sampled(p, 2) - wanted).square().mean() for p in (pupil, prior))
    assert gained < 0.85 * without
    mel = np.zeros((200, 80), np.float32)
    assert NonlipPrior.load(folder=folders[1]).sample(mel, [1]).shape == (1, 50, 32)
    again = distil(prior, CONFIG, settings, clips, tmp_path)  # all pupils exist: nothing is trained again
    assert again == folders and len((tmp_path / "halved-to-2" / "log.jsonl").read_text().splitlines()) == 10


def test_steps_that_cannot_be_halved_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--from", "10", "--to", "4"])
    assert "times a power of two" in capsys.readouterr().err
