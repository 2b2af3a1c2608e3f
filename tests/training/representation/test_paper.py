"""The paper's backbones: they have the published sizes, and they run."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.representation.encoders import D_ID
from core.sound.mel import SILENCE
from training.representation.fan import FaceAlignmentBackbone
from training.representation.paper import PaperIdentityEncoder, PaperMotionEncoder
from training.representation.resnet_se import ResNetSE
from training.representation.resnext import ResNeXt50

TALKERS = 5830
"""Number of classes of the classification heads that PC-AVS's published counts include."""


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _linear(width_in: int, width_out: int) -> int:
    return (width_in + 1) * width_out


def test_the_paper_s_backbones_have_the_published_size():
    """14.3, 38.0 and 10.4 million with the heads that classify 5,830 talkers, which are only used in its training."""
    mouth = 2 * _linear(512, 512) + _linear(512, 500) + _linear(512, TALKERS)
    pose = 2 * _linear(512, 512) + _linear(512, 12) + _linear(12, TALKERS)
    heads = _linear(512, 512) + _linear(512, TALKERS) + mouth + pose
    assert (_parameters(FaceAlignmentBackbone(224)) + heads) / 1e6 == pytest.approx(14.3, abs=0.05)
    imagenet_and_talkers = _linear(2048, 1000) + _linear(2048, TALKERS)
    assert (_parameters(ResNeXt50()) + imagenet_and_talkers) / 1e6 == pytest.approx(38.0, abs=0.05)
    assert (_parameters(ResNetSE()) + _linear(512, TALKERS)) / 1e6 == pytest.approx(10.4, abs=0.05)


def test_the_paper_s_backbones_run():
    with torch.no_grad():
        views = torch.rand(1, 3, 64, 64)
        assert PaperMotionEncoder(64).eval()(views).shape == (1, 512)
        encoder = PaperIdentityEncoder(64).eval()
        f_id, face = encoder.with_map(views)
        assert f_id.shape == (1, D_ID) and face.shape[1:] == (encoder.map_shape[0], 2, 2)
        assert f_id.norm().item() == pytest.approx(D_ID**0.5, rel=1e-4)
    with pytest.raises(ValueError, match="multiple of 8"):
        FaceAlignmentBackbone(100)


def test_the_paper_s_audio_encoder_hears_five_frames():
    torch.manual_seed(0)
    encoder = ResNetSE().eval()
    mel = torch.randn(1, 40, 80)
    other = mel.clone()
    other[:, 4 * 5 :] = SILENCE  # from frame 5 on
    with torch.no_grad():
        first, second = encoder(mel), encoder(other)
    assert first.shape == (1, 10, 512)
    changed = (first - second).abs().amax(-1)[0] > 1e-6
    assert changed.tolist() == [False] * 3 + [True] * 7
