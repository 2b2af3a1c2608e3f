"""The guided denoiser against the network itself, and the slow correction of n̂⁰ by nᵗ."""

import copy

import pytest
import torch

from core.prior.denoiser import Denoiser, Networks, correct_slowly, predict_clean
from core.prior.features import d_nl
from core.prior.guidance import Guidance
from core.prior.kept import Known
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.schedule import CosineSchedule

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


def denoiser_of(network, window, guidance=None, coarse=None, **options):
    mel, _, given, mask = window
    networks = Networks(network, coarse or network, SCHEDULE)
    return Denoiser(networks, mel, Known(given, mask), guidance or Guidance(), **options)


@pytest.mark.parametrize("t", [1, 300, 1000])
def test_scale_one_is_the_conditional_and_zero_the_empty_prediction(network, window, t):
    mel, noisy, given, mask = window
    conditional = answer(network, window, t, network.encode_audio(mel[None]).expand(3, -1, -1))
    empty = answer(network, window, t, network.empty_audio(3, 20))
    assert (conditional - empty).abs().max() > 1e-3
    for scale, wanted in ((1.0, conditional), (0.0, empty), (2.5, 2.5 * conditional - 1.5 * empty)):
        denoiser = denoiser_of(network, window, Guidance(scale))
        made = denoiser(noisy, t)
        torch.testing.assert_close(denoiser.last, wanted, rtol=1e-4, atol=1e-5)
        assert torch.equal(made[mask], given[mask]) and torch.equal(made[~mask], denoiser.last[~mask])


def test_gain_leads_only_early_steps_and_not_next_to_known_entries(network, window):
    _, noisy, given, mask = window
    gain = torch.linspace(0.5, 1.5, d_nl)
    plain, led = denoiser_of(network, window), denoiser_of(network, window, Guidance(gain=gain))
    factor = 1 + (gain - 1) * Known(given, mask).away
    for t, wanted in ((900, factor), (334, factor), (333, torch.ones(d_nl)), (1, torch.ones(d_nl))):
        plain(noisy, t), led(noisy, t)
        torch.testing.assert_close(led.last, plain.last * wanted)
    assert (factor[:, :4] == 1).all() and (factor[:, -1] - gain).abs().max() < 0.15


def test_coarse_steps_come_first_and_the_last_are_exact(network, window):
    """The coarse network takes only steps at large t. It answers in float32, nearly as the exact one would."""
    noisy = window[1]
    coarse = copy.deepcopy(network).bfloat16()
    exact, mixed = denoiser_of(network, window), denoiser_of(network, window, coarse=coarse)
    for t, same in ((1000, False), (251, False), (250, True), (1, True)):
        wanted, made = exact(noisy, t), mixed(noisy, t)
        assert made.dtype == torch.float32 and torch.equal(made, wanted) is same
        assert (made - wanted).square().mean() < 1e-3 * wanted.square().mean()
    few = denoiser_of(network, window, coarse=coarse, exact_up_to=350)
    assert torch.equal(few(noisy, 350), exact(noisy, 350)) and not torch.equal(few(noisy, 351), exact(noisy, 351))


def test_known_parts_without_entries_of_their_own_are_put_in(network, window):
    mel, noisy, given, mask = window
    known = Known(given, mask, lambda clean: clean + 1)
    put = Denoiser(Networks(network, network, SCHEDULE), mel, known, Guidance())
    plain = denoiser_of(network, window)
    plain(noisy, 500)
    made = put(noisy, 500)
    assert torch.equal(put.last, plain.last + 1) and torch.equal(made[mask], given[mask])


def test_a_network_without_editing_does_not_see_known_entries(window):
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig(**{**vars(PriorConfig.tiny()), "editing": False})).eval()
    torch.nn.init.normal_(network.out.weight, 0, 0.05)
    mel, noisy, given, mask = window
    audio = network.encode_audio(mel[None]).expand(3, -1, -1)
    seen = [network(noisy, torch.full((3,), 500), audio, known, m) for known, m in ((given, mask), (-given, ~mask))]
    assert torch.equal(*seen)


@pytest.mark.parametrize("prediction", ["noise", "velocity"])
def test_other_predictions_are_converted_to_clean(window, prediction):
    """A network that answers zero: ε = 0 means nᵗ / √ᾱ, v = 0 means √ᾱ nᵗ."""
    network = AudioToNonlipPrior(PriorConfig(**{**vars(PriorConfig.tiny()), "prediction": prediction})).eval()
    torch.nn.init.zeros_(network.out.bias)
    _, noisy, given, mask = window
    t = torch.full((3,), 400)
    clean = predict_clean(network, SCHEDULE, noisy, t, network.empty_audio(3, 20), given, mask)
    alpha = SCHEDULE.alpha(400)
    wanted = noisy / alpha if prediction == "noise" else noisy * alpha
    torch.testing.assert_close(clean, correct_slowly(wanted, noisy, t, SCHEDULE), rtol=1e-4, atol=1e-5)


def noised(clean, t, seed=0):
    steps = torch.full((len(clean),), t)
    return SCHEDULE.add_noise(
        clean, steps, torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    ), steps


def slow_motion(batch=64, frames=100):
    axis = torch.arange(frames)[None, :, None] / 25
    phase = torch.rand(batch, 1, 1, generator=torch.Generator().manual_seed(5)) * 6
    return torch.sin(axis * 1.5 + phase)


@pytest.mark.parametrize("t", [50, 100, 300, 600])
def test_slow_errors_shrink_and_no_new_ones_appear(t):
    """A prediction with an error of 0.17 (variance 0.03, as measured) improves; a perfect one hardly changes."""
    clean = slow_motion()
    noisy, steps = noised(clean, t)
    error = (correct_slowly(clean - 0.17, noisy, steps, SCHEDULE) - clean).square().mean()
    disturbance = (correct_slowly(clean, noisy, steps, SCHEDULE) - clean).square().mean()
    assert error < 0.03 * (0.3 if t < 200 else 0.95)
    assert disturbance < 0.01


def test_pure_noise_is_ignored():
    predicted = slow_motion(4)
    noisy, steps = noised(predicted, 1000)
    torch.testing.assert_close(correct_slowly(predicted, noisy, steps, SCHEDULE), predicted, atol=1e-4, rtol=0)


def test_ends_and_single_frames_are_averaged_over_the_frames_there_are():
    for frames in (1, 3, 100):
        clean = torch.full((2, frames, 3), 0.7)
        alpha = SCHEDULE.alpha(20)
        corrected = correct_slowly(clean - 0.5, clean * alpha, torch.tensor([20, 20]), SCHEDULE)
        assert (corrected - clean).abs().max() < 0.05


def test_fast_detail_of_the_prediction_stays():
    clean = slow_motion(8)
    noisy, steps = noised(clean, 100)
    blink = torch.zeros_like(clean)
    blink[:, 50] = 1.0
    with_blink = correct_slowly(clean + blink, noisy + SCHEDULE.alpha(100) * blink, steps, SCHEDULE)
    without = correct_slowly(clean, noisy, steps, SCHEDULE)
    torch.testing.assert_close(with_blink - without, blink, atol=1e-5, rtol=0)
