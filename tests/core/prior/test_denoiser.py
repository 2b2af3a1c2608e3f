"""The guided denoiser against the network itself."""

import copy

import pytest
import torch

from core.prior.denoiser import Denoiser, predict_clean
from core.prior.features import d_nl
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.schedule import CosineSchedule
from core.prior.skip import correct_slowly

SCHEDULE = CosineSchedule(1000)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig.tiny()).eval().requires_grad_(False)
    network.out.weight.normal_(0, 0.05)
    network.no_audio.normal_()
    return network


@pytest.fixture(scope="module")
def window():
    generator = torch.Generator().manual_seed(1)
    mel = torch.randn(80, 80, generator=generator)
    noisy, given = torch.randn(2, 3, 20, d_nl, generator=generator)
    mask = torch.zeros(3, 20, d_nl, dtype=torch.bool)
    mask[:, :4] = True
    return mel, noisy, given, mask


def answer(network, window, t, audio):
    _, noisy, given, mask = window
    times = torch.full((3,), t)
    return correct_slowly(network(noisy, times, audio, given, mask), noisy, times, SCHEDULE)


@pytest.mark.parametrize("t", [1, 300, 1000])
def test_guidance_one_is_the_conditional_and_zero_the_empty_prediction(network, window, t):
    mel, noisy, given, mask = window
    conditional = answer(network, window, t, network.encode_audio(mel[None]).expand(3, -1, -1))
    empty = answer(network, window, t, network.empty_audio(3, 20))
    assert (conditional - empty).abs().max() > 1e-3
    for scale, wanted in ((1.0, conditional), (0.0, empty), (2.5, 2.5 * conditional - 1.5 * empty)):
        denoiser = Denoiser(network, SCHEDULE, mel, scale, given, mask)
        made = denoiser(noisy, t)
        torch.testing.assert_close(denoiser.last, wanted, rtol=1e-4, atol=1e-5)
        assert torch.equal(made[mask], given[mask]) and torch.equal(made[~mask], denoiser.last[~mask])


def test_gain_leads_the_early_steps_alone(network, window):
    mel, noisy, given, mask = window
    gain = torch.linspace(0.5, 1.5, d_nl)
    plain, led = (
        Denoiser(network, SCHEDULE, mel, 1.0, given, mask),
        Denoiser(network, SCHEDULE, mel, 1.0, given, mask, gain),
    )
    for t, factor in ((900, gain), (334, gain), (333, torch.ones(d_nl)), (1, torch.ones(d_nl))):
        plain(noisy, t), led(noisy, t)
        torch.testing.assert_close(led.last, plain.last * factor)


def test_coarse_steps_come_first_and_the_last_are_exact(network, window):
    """A coarse network is asked at large t alone, and answers in float32 what the exact one would, nearly."""
    mel, noisy, given, mask = window
    coarse = copy.deepcopy(network).bfloat16()
    exact = Denoiser(network, SCHEDULE, mel, 1.0, given, mask)
    mixed = Denoiser(network, SCHEDULE, mel, 1.0, given, mask, coarse=coarse)
    for t, same in ((1000, False), (251, False), (250, True), (1, True)):
        wanted, made = exact(noisy, t), mixed(noisy, t)
        assert made.dtype == torch.float32 and torch.equal(made, wanted) is same
        assert (made - wanted).square().mean() < 1e-3 * wanted.square().mean()
    few = Denoiser(network, SCHEDULE, mel, 1.0, given, mask, coarse=coarse, exact_up_to=350)
    assert torch.equal(few(noisy, 350), exact(noisy, 350)) and not torch.equal(few(noisy, 351), exact(noisy, 351))


def test_a_network_without_editing_sees_nothing_that_is_known(window):
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig(**{**vars(PriorConfig.tiny()), "editing": False})).eval()
    torch.nn.init.normal_(network.out.weight, 0, 0.05)
    mel, noisy, given, mask = window
    audio = network.encode_audio(mel[None]).expand(3, -1, -1)
    seen = [network(noisy, torch.full((3,), 500), audio, known, m) for known, m in ((given, mask), (-given, ~mask))]
    assert torch.equal(*seen)


@pytest.mark.parametrize("prediction", ["noise", "velocity"])
def test_other_predictions_are_read_as_clean(window, prediction):
    """A network that answers zero: ε = 0 means nᵗ / √ᾱ, v = 0 means √ᾱ nᵗ."""
    network = AudioToNonlipPrior(PriorConfig(**{**vars(PriorConfig.tiny()), "prediction": prediction})).eval()
    torch.nn.init.zeros_(network.out.bias)
    _, noisy, given, mask = window
    t = torch.full((3,), 400)
    clean = predict_clean(network, SCHEDULE, noisy, t, network.empty_audio(3, 20), given, mask)
    alpha = SCHEDULE.alpha(400)
    wanted = noisy / alpha if prediction == "noise" else noisy * alpha
    torch.testing.assert_close(clean, correct_slowly(wanted, noisy, t, SCHEDULE), rtol=1e-4, atol=1e-5)
