"""Losses of the lip model: what learns from which mouth, and what missing gestures cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.phones.phone_set import PHONES
from core.sound.lips import LipModel, LipModelConfig
from training.lips.data import SOURCES
from training.lips.losses import BothWays, Losses, LossWeights, known_shares
from training.lips.mouth_geometry import MouthGeometry
from training.lips.sampler import Batch
from training.speech.visemes import GESTURES


@pytest.fixture(scope="module")
def geometry() -> MouthGeometry:
    return MouthGeometry.of(HeadModel.load())


def pupil(**options) -> BothWays:
    torch.manual_seed(0)
    return BothWays(LipModel(LipModelConfig.tiny()), **options)


def gradient(module: torch.nn.Module) -> float:
    return sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None)


def inputs(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """What is heard in two windows of 10 frames, and known phones."""
    torch.manual_seed(seed)
    return torch.randn(2, 20, 32), known_shares(torch.randint(len(PHONES), (2, 40)))


def test_no_mouth_s_gradient_reaches_e_a():
    """E_a learns only phones; the manner and MLP_a2l learn the mouth."""
    both = pupil(forget=0.0)
    mouths, logits, f_a = both(*inputs())
    assert mouths.shape == (4, 10, len(LIP_CHANNELS)) and logits.shape == (2, 40, len(PHONES))
    assert f_a.shape == (2, 10, 24)
    mouths.square().sum().backward()
    assert gradient(both.adapter) == gradient(both.phones) == 0.0
    assert min(gradient(part) for part in (both.manner, both.a2l, both.decoder)) > 0.0
    logits = both(*inputs())[1]
    logits.square().sum().backward()
    assert min(gradient(part) for part in (both.adapter, both.phones)) > 0.0


def test_both_mouths_are_those_of_the_model():
    """Mouths of recognised phones first, as the model itself makes them, then those of the known ones."""
    model = LipModel(LipModelConfig.tiny()).eval()
    both, (heard, known) = BothWays(model).eval(), inputs()
    with torch.no_grad():
        mouths, logits, f_a = both(heard, known)
        features, expected, manner = model.recognise(heard)
        torch.testing.assert_close(f_a, features)
        torch.testing.assert_close(logits, expected)
        torch.testing.assert_close(mouths[:2], model.decoder(model.a2l(expected.softmax(-1), manner)))
        torch.testing.assert_close(mouths[2:], model.decoder(model.a2l(known, manner)))


def test_the_manner_is_hidden_in_training_only():
    heard, known = inputs()
    both = pupil(forget=1.0)
    torch.nn.init.normal_(both.manner.weight, 0.0, 5.0)
    with torch.no_grad():
        hidden, seen = both.train()(heard, known)[0], both.eval()(heard, known)[0]
        torch.nn.init.zeros_(both.manner.weight)
        torch.nn.init.zeros_(both.manner.bias)
        torch.testing.assert_close(both(heard, known)[0], hidden)
    assert float((seen - hidden).abs().max()) > 0.01
    count = 400
    many, shares = torch.randn(1, 4, 32).repeat(count, 1, 1), known[:1, :8].repeat(count, 1, 1)
    half = pupil(forget=0.25)
    torch.nn.init.normal_(half.manner.weight, 0.0, 5.0)
    with torch.no_grad():
        out = half.train()(many, shares)[0].flatten(1)
    assert len(torch.unique(out[:count].round(decimals=3), dim=0)) == 2, "with the manner and without"
    same = (out[:count] - out[0]).abs().max(1).values < 1e-3
    assert min(float(same.float().mean()), 1 - float(same.float().mean())) == pytest.approx(0.25, abs=0.07)
    assert torch.equal(same, (out[count:] - out[count]).abs().max(1).values < 1e-3), "both ways of a window alike"


def test_a_fixed_e_a_neither_learns_nor_forgets():
    both = pupil(encoder_learns=False)
    both.train()
    assert not both.adapter.training and both.a2l.training
    assert not any(p.requires_grad for part in (both.adapter, both.phones) for p in part.parameters())
    mouths = both(*inputs())[0]
    mouths.square().sum().backward()
    assert gradient(both.adapter) == gradient(both.phones) == 0.0 and gradient(both.a2l) > 0.0
    learning = pupil()
    assert learning.train().adapter.training and all(p.requires_grad for p in learning.parameters())


def batch_of(source: str, mouth: np.ndarray, gesture: str) -> Batch:
    frames = mouth.shape[1]
    number = [g.name for g in GESTURES].index(gesture)
    return Batch(
        heard=np.zeros((1, 2 * frames, 32), np.float32),
        phones=np.zeros((1, 4 * frames), np.int64),
        gestures=np.full((1, frames), number, np.int64),
        mouth=mouth,
        source=np.array([SOURCES.index(source)]),
    )


def losses_of(geometry: MouthGeometry) -> Losses:
    return Losses(LossWeights(), torch.ones(len(LIP_CHANNELS)), geometry, torch.device("cpu"))


def test_mouths_of_talkers_without_video_are_learned_from_known_phones(geometry):
    """Without video, the mouth from sound is compared with that from known phones, which gets no gradient from it."""
    losses, truth = losses_of(geometry), np.full((1, 6, 27), 0.1, np.float32)
    logits = torch.zeros(1, 24, len(PHONES))
    mouths = torch.full((2, 6, 27), 0.2, requires_grad=True)
    filmed = losses(mouths, logits, batch_of("grid", truth, "none"))
    assert filmed["weights"].item() == pytest.approx(0.01, rel=1e-4)
    stranger = losses(mouths, logits, batch_of("synthetic", truth, "none"))
    # Only the mouth from known phones counts, with its weight.
    assert stranger["weights"].item() == pytest.approx(0.01 * 0.1 / 2, rel=1e-4)
    stranger["velocity"].backward()
    assert float(mouths.grad.abs().sum()) == 0.0


@pytest.mark.parametrize(
    ("gesture", "channel", "made", "missed"),
    [("closed", "jawOpen", 0.0, 0.4), ("on teeth", "jawOpen", 0.0, 0.4), ("rounded", "mouthPucker", 0.8, 0.1)],
)
def test_missing_gestures_cost(geometry, gesture, channel, made, missed):
    logits, column = torch.zeros(1, 24, len(PHONES)), LIP_CHANNELS.index(channel)
    names = {"closed", "on_teeth", "rounded"}
    values = []
    for weight in (made, missed):
        mouths = torch.zeros(2, 6, len(LIP_CHANNELS))
        mouths[..., column] = weight
        terms = losses_of(geometry)(mouths, logits, batch_of("grid", np.zeros((1, 6, 27), np.float32), gesture))
        values.append(float(terms[gesture.replace(" ", "_")]))
        assert all(float(terms[name]) == 0.0 for name in names - {gesture.replace(" ", "_")})
    assert values[0] == 0.0 < values[1]


def test_unknown_phones_teach_nothing(geometry):
    losses, truth = losses_of(geometry), np.full((1, 6, 27), 0.1, np.float32)
    logits, mouths = torch.randn(1, 24, len(PHONES)), torch.full((2, 6, 27), 0.2)
    known = batch_of("grid", truth, "none")
    unknown = Batch(known.heard, np.full_like(known.phones, -1), known.gestures, known.mouth, known.source)
    there, missing = losses(mouths, logits, known), losses(mouths, logits, unknown)
    assert missing["cross_entropy"].item() == 0.0 < there["cross_entropy"].item()
    assert missing["weights"].item() == pytest.approx(there["weights"].item() / 2), "only the mouth from sound counts"


def test_known_phones_are_shares():
    shares = known_shares(torch.tensor([[3, -1, 0]]))
    assert shares.shape == (1, 3, len(PHONES)) and shares.argmax(-1).tolist() == [[3, 0, 0]]
    assert torch.equal(shares.sum(-1), torch.ones(1, 3))
