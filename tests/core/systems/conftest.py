"""Tiny networks in place of the trained ones."""

from __future__ import annotations

import pytest
import torch

from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.systems import choice
from core.systems.diffusion import Diffusion
from core.systems.motion_source import MotionSource


def _diffusion(device: str) -> MotionSource:
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig.tiny())
    with torch.no_grad():
        network.out.weight.normal_(0, 0.1)
    return Diffusion(NonlipPrior(network, torch.zeros(d_nl), torch.full((d_nl,), 0.05), num_inference_steps=3))


TINY = {"diffusion": _diffusion}


@pytest.fixture
def tiny_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every motion source has tiny networks."""
    for name in choice.SOURCES:
        monkeypatch.setitem(choice.SOURCES, name, TINY[name])
