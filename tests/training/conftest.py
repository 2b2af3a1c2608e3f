"""Fixtures that several tests of training use."""

import pytest
import torch

from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig


@pytest.fixture
def untrained() -> NonlipPrior:
    """An untrained tiny prior of two steps; its answers are small but not zero."""
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig.tiny())
    torch.nn.init.normal_(network.out.weight, 0, 0.02)
    return NonlipPrior(network, torch.zeros(d_nl), torch.full((d_nl,), 0.1), num_inference_steps=2)
