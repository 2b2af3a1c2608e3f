"""The noise schedule and the samplers against closed forms."""

import itertools
import math

import pytest
import torch

from core.prior.sampler import SAMPLERS, ddim, ddpm, dpm_solver_pp
from core.prior.schedule import CosineSchedule

SCHEDULE = CosineSchedule(1000)


def test_alpha_bar_is_the_cosine_of_nichol_and_dhariwal():
    def f(t):
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    for t in (1, 10, 300, 700, 950):
        assert SCHEDULE.alpha_bar[t].item() == pytest.approx(f(t) / f(0), rel=1e-9)
    assert SCHEDULE.alpha_bar[0] == 1 and 0 < SCHEDULE.alpha_bar[-1] < 1e-7
    assert SCHEDULE.alpha_bar.dtype == torch.float64
    assert (SCHEDULE.alpha_bar.diff() < 0).all()


@pytest.mark.parametrize("t", [1, 250, 600, 1000])
def test_add_noise_has_the_moments_of_q(t):
    generator = torch.Generator().manual_seed(0)
    clean = torch.full((200_000, 1), 1.7)
    noisy = SCHEDULE.add_noise(clean, torch.full((len(clean),), t), torch.randn(clean.shape, generator=generator))
    share = SCHEDULE.alpha_bar[t].item()
    sigma = math.sqrt(1 - share)
    assert noisy.mean().item() == pytest.approx(math.sqrt(share) * 1.7, abs=5 * sigma / math.sqrt(len(clean)) + 1e-6)
    assert noisy.std().item() == pytest.approx(sigma, rel=0.01)


@pytest.mark.parametrize("t", [1, 400, 999])
def test_clean_noise_and_velocity_agree(t):
    """n⁰, ε and v of one nᵗ, each computed here from its definition, are converted to the same n⁰."""
    clean, noise = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(t))
    angle = math.acos(math.sqrt(SCHEDULE.alpha_bar[t].item()))  # Salimans & Ho 2022: nᵗ is n⁰ turned towards ε
    noisy = math.cos(angle) * clean + math.sin(angle) * noise
    velocity = math.cos(angle) * noise - math.sin(angle) * clean
    times = torch.full((3,), t)
    for kind, answer in (("clean", clean), ("noise", noise), ("velocity", velocity)):
        torch.testing.assert_close(SCHEDULE.clean_from(kind, answer, noisy, times), clean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(SCHEDULE.noise_from_clean(clean, noisy, t), noise, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="prediction"):
        SCHEDULE.clean_from("score", clean, noisy, times)


def test_coefficients_are_those_of_each_t():
    times = torch.tensor([0, 1, 500, 1000])
    alpha, sigma = SCHEDULE.coefficients(times, torch.zeros(4, 6, 2))
    assert alpha.shape == sigma.shape == (4, 1, 1) and alpha.dtype == torch.float32
    for k, t in enumerate(times.tolist()):
        assert alpha[k].item() == pytest.approx(SCHEDULE.alpha(t), abs=1e-7)
        assert sigma[k].item() == pytest.approx(SCHEDULE.sigma(t), abs=1e-7)


def test_posterior_agrees_with_bayes_on_one_dimension():
    """q(nˢ | nᵗ, n⁰) ∝ q(nᵗ | nˢ) q(nˢ | n⁰): product of two Gaussians, computed here from their precisions."""
    t, s, clean, noisy = 700, 500, 0.4, -1.1
    now, before = SCHEDULE.alpha_bar[t].item(), SCHEDULE.alpha_bar[s].item()
    ratio = now / before
    precision = 1 / (1 - before) + ratio / (1 - ratio)
    mean = (math.sqrt(before) * clean / (1 - before) + math.sqrt(ratio) * noisy / (1 - ratio)) / precision
    got_mean, got_variance = SCHEDULE.posterior(torch.tensor(clean), torch.tensor(noisy), t, s)
    assert got_mean.item() == pytest.approx(mean, rel=1e-5)
    assert got_variance == pytest.approx(1 / precision, rel=1e-9)


def test_timesteps_run_from_all_noise_to_none():
    assert SCHEDULE.timesteps(4) == [1000, 875, 646, 350, 0]
    assert SCHEDULE.timesteps(1000) == list(range(1000, -1, -1))
    for count in (1, 7, 333, 999):
        times = SCHEDULE.timesteps(count)
        assert len(times) == count + 1 and times[-1] == 0 and all(a > b for a, b in itertools.pairwise(times))
    for wrong in (0, 1001):
        with pytest.raises(ValueError, match="num_inference_steps"):
            SCHEDULE.timesteps(wrong)


MEAN, DEVIATION = 0.8, 0.5


def gaussian(noisy, t):
    """E[n⁰ | nᵗ] where n⁰ ~ N(MEAN, DEVIATION²): the ideal denoiser."""
    alpha, sigma = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    gain = alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + sigma**2)
    return MEAN + gain * (noisy - alpha * MEAN)


def flow_end(noise):
    """Where the probability-flow ODE takes nᵀ for this data. It maps a Gaussian linearly onto a Gaussian."""
    alpha, sigma = SCHEDULE.alpha(1000), SCHEDULE.sigma(1000)
    return MEAN + DEVIATION * (noise - alpha * MEAN) / math.sqrt(alpha**2 * DEVIATION**2 + sigma**2)


def errors(sampler, steps):
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64)[None, :, None]
    return [(sampler(gaussian, noise, SCHEDULE, k, None) - flow_end(noise)).abs().max().item() for k in steps]


def test_ddim_converges_to_the_flow_at_first_order():
    coarse, middle, fine = errors(ddim, (25, 100, 400))
    assert fine < 0.01
    assert coarse > 2.5 * middle > 2.5 * 2.5 * fine


def test_dpm_solver_converges_faster():
    steps = (20, 50, 100)
    second, first = errors(dpm_solver_pp, steps), errors(ddim, steps)
    assert all(a < 0.5 * b for a, b in zip(second, first, strict=True))
    assert second == sorted(second, reverse=True)
    assert second[-1] < 0.002


def test_ancestral_sampling_gives_the_distribution():
    generator = torch.Generator().manual_seed(3)
    shape = (1, 20_000, 1)

    def draw():
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    sample = ddpm(gaussian, draw(), SCHEDULE, 1000, draw)
    assert sample.mean().item() == pytest.approx(MEAN, abs=0.015)
    assert sample.std().item() == pytest.approx(DEVIATION, abs=0.01)


@pytest.mark.parametrize("sampler", [ddpm, ddim, dpm_solver_pp])
def test_one_step_returns_the_prediction(sampler):
    noise = torch.randn(1, 3, 2)
    torch.testing.assert_close(sampler(lambda n, t: n * 0 + 0.3, noise, SCHEDULE, 1, None), torch.full((1, 3, 2), 0.3))


def mixture(noisy, t):
    """E[n⁰ | nᵗ] where n⁰ is −1 or 1 (deviation 0.2 about either) with odds 1 : 2, by Bayes' rule."""
    alpha, sigma, spread = SCHEDULE.alpha(t), SCHEDULE.sigma(t), 0.2
    variance = alpha**2 * spread**2 + sigma**2
    means = torch.tensor([-1.0, 1.0], dtype=noisy.dtype)
    logits = torch.log(torch.tensor([1 / 3, 2 / 3], dtype=noisy.dtype)) - (noisy[..., None] - alpha * means) ** 2 / (
        2 * variance
    )
    each = means + alpha * spread**2 / variance * (noisy[..., None] - alpha * means)
    return (logits.softmax(-1) * each).sum(-1)


def test_ddim_and_dpm_solver_converge_to_one_sample():
    """On two modes, which have no closed form, they agree better with more steps, and DPM-Solver++ converges first."""
    noise = torch.randn(1, 200, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    best = dpm_solver_pp(mixture, noise, SCHEDULE, 1000, None)
    gaps = []
    for steps in (10, 30, 100, 500):
        first, second = (s(mixture, noise, SCHEDULE, steps, None) for s in (ddim, dpm_solver_pp))
        gaps.append((first - second).abs().mean().item())
        assert (second - best).abs().mean() < (first - best).abs().mean()
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < 0.1 * gaps[0]
    assert (best > 0).double().mean().item() == pytest.approx(2 / 3, abs=0.1), (
        "both modes are sampled with the right odds"
    )


@pytest.mark.parametrize("name", ["ddpm", "ddim", "dpm_solver_pp"])
def test_a_correlated_gaussian_is_sampled_right(name):
    """Two correlated features of different variance keep their mean and covariance."""
    mean = torch.tensor([0.5, -1.0], dtype=torch.float64)
    covariance = torch.tensor([[0.5, 0.3], [0.3, 0.4]], dtype=torch.float64)

    def denoise(noisy, t):
        alpha, sigma = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
        gain = alpha * covariance @ torch.linalg.inv(alpha**2 * covariance + sigma**2 * torch.eye(2))
        return mean + (noisy - alpha * mean) @ gain.T

    generator = torch.Generator().manual_seed(1)

    def draw():
        return torch.randn(1, 30_000, 2, generator=generator, dtype=torch.float64)

    sample = SAMPLERS[name](denoise, draw(), SCHEDULE, 200, draw)[0]
    torch.testing.assert_close(sample.mean(0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(torch.cov(sample.T), covariance, atol=0.02, rtol=0)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_keeps_the_contract(name):
    """One call a step, at the times of the schedule; shape and type stay; the last n̂⁰ comes back bit for bit."""
    asked, answers = [], []

    def denoise(noisy, t):
        asked.append(t)
        answers.append(0.7 * noisy + 0.1)
        return answers[-1]

    noise = torch.randn(2, 5, 3)
    sample = SAMPLERS[name](denoise, noise, SCHEDULE, 7, lambda: torch.randn(2, 5, 3))
    assert asked == SCHEDULE.timesteps(7)[:-1]
    assert sample.shape == noise.shape and sample.dtype == noise.dtype
    assert torch.equal(sample, answers[-1])
