"""The paper's own generator, and weights of both kinds on disk."""

from __future__ import annotations

import pytest
import torch

from core.errors import SoliloquyError
from core.renderer.generator import Generator, GeneratorConfig
from core.renderer.generator.weights import load_generator
from core.renderer.paper.network import PaperGenerator, PaperGeneratorConfig
from core.renderer.paper.weights import load_paper_generator
from training.generator.weights import load, save

TINY = PaperGeneratorConfig.tiny()


def paper(seed: int = 0) -> PaperGenerator:
    """A small generator with random weights in every layer."""
    torch.manual_seed(seed)
    network = PaperGenerator(TINY)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return network.eval()


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(2, 3, TINY.side, TINY.side), torch.randn(2, sum(TINY.style))


def test_paper_generator_draws_from_identity_and_style_only():
    network, (source, style) = paper(), inputs()
    made = network(source, style)
    assert made.shape == source.shape and made.min() >= 0 and made.max() <= 1
    assert not torch.allclose(made[:1], network(source[:1], style[1:]))
    assert not torch.allclose(made[:1], network(source[1:], style[:1]))
    with pytest.raises(ValueError, match="side"):
        PaperGenerator(PaperGeneratorConfig(side=128))


def test_half_the_digits_draw_the_same(tmp_path):
    path = tmp_path / "g.safetensors"
    save(path, paper())
    exact, rough = (load(path, dtype)(*inputs()) - 0.5 for dtype in (torch.float32, torch.bfloat16))
    assert exact.square().mean() > 1e-4
    assert (rough - exact).square().mean() < 1e-3 * exact.square().mean()


@pytest.mark.parametrize("network", [Generator(GeneratorConfig.tiny()), PaperGenerator(TINY)])
def test_weights_of_both_kinds_come_back_from_disk(tmp_path, network):
    path = tmp_path / "g.safetensors"
    save(path, network)
    again = load(path)
    assert type(again) is type(network) and again.config == network.config
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value.half().float(), rtol=0, atol=0)


def test_weights_of_the_other_kind_are_refused(tmp_path):
    path = tmp_path / "g.safetensors"
    save(path, PaperGenerator(TINY))
    with pytest.raises(SoliloquyError, match="kind 'paper'"):
        load_generator(path)
    save(path, Generator(GeneratorConfig.tiny()))
    with pytest.raises(SoliloquyError, match="kind 'flow'"):
        load_paper_generator(path)
