"""E_a's adapter: shapes, its context, and the statistics that it starts from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.sound.adapter import Adapter, AdapterConfig

CONFIGS = [AdapterConfig.tiny(), AdapterConfig(width=16, dilations=(1, 3), input_dropout=0.2, dropout=0.1)]
HEARD = 10


def adapter(config: AdapterConfig, heard: int = HEARD) -> Adapter:
    torch.manual_seed(0)
    return Adapter(config, heard).eval()


def noise(batch: int, frames: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, 2 * frames, HEARD, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("frames", [1, 2, 7, 30])
def test_shapes(config: AdapterConfig, frames: int) -> None:
    assert adapter(config)(noise(3, frames)).shape == (3, frames, config.width)


@pytest.mark.parametrize("config", [*CONFIGS, replace(AdapterConfig(), width=16)])
def test_gradients_reach_exactly_as_far_as_the_context(config: AdapterConfig) -> None:
    frames, middle = 2 * config.context_frames + 5, config.context_frames + 2
    heard = noise(1, frames).requires_grad_(True)
    adapter(config)(heard)[0, middle].square().sum().backward()
    assert heard.grad is not None
    touched = torch.nonzero(heard.grad[0].abs().sum(1)).flatten()
    reach = config.context_frames
    assert (int(touched[0]), int(touched[-1])) == (2 * (middle - reach), 2 * (middle + reach) + 1)
    assert len(touched) >= 6, "both outputs of each frame count"


def test_the_features_of_a_frame_see_little_more_than_it() -> None:
    assert 1 <= AdapterConfig().context_frames <= 5


@pytest.mark.parametrize("config", CONFIGS)
def test_pieces_with_context_equal_the_whole(config: AdapterConfig) -> None:
    model, heard, context = adapter(config), noise(1, 60), config.context_frames
    with torch.no_grad():
        whole = model(heard)
        piece = model(heard[:, 2 * (20 - context) : 2 * (40 + context)])[:, context : context + 20]
    torch.testing.assert_close(piece, whole[:, 20:40], atol=1e-5, rtol=1e-5)


def test_what_is_heard_is_normalised_by_its_own_statistics() -> None:
    """Another scale and offset of each channel make no difference, if mean and deviation say so."""
    plain, other, heard = adapter(CONFIGS[0]), adapter(CONFIGS[0]), noise(2, 9)
    scale, offset = torch.rand(HEARD) + 0.5, torch.randn(HEARD)
    other.mean.copy_(offset.repeat(2))
    other.deviation.copy_(scale.repeat(2))
    with torch.no_grad():
        torch.testing.assert_close(other(heard * scale + offset), plain(heard), atol=1e-5, rtol=1e-5)
        assert float((other(heard) - plain(heard)).abs().max()) > 0.1


def test_the_two_outputs_of_a_frame_are_told_apart() -> None:
    model, heard = adapter(CONFIGS[0]), noise(1, 8)
    swapped = heard.unflatten(1, (8, 2)).flip(2).flatten(1, 2)
    with torch.no_grad():
        assert float((model(heard) - model(swapped)).abs().max()) > 0.1


def test_whole_channels_are_forgotten_in_training_only() -> None:
    model = adapter(replace(CONFIGS[0], input_dropout=0.5))
    seen = []
    model.enter.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    with torch.no_grad():
        assert torch.equal(model(noise(2, 9)), model(noise(2, 9)))
        model.train()(torch.ones(2, 18, HEARD))
    channels = seen[-1]
    assert bool(((channels == 0).all(1) | (channels == 2).all(1)).all())
    assert 0.2 < float((channels == 0).float().mean()) < 0.8 and bool((seen[0] != 0).all())
