"""Tiny networks in place of the trained ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from core.facetalk.expression_code import ExpressionCode
from core.facetalk.model import FaceTalkMotion
from core.facetalk.network import MOTION, ExpressionDecoder, FaceTalkConfig
from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.places import ASSETS
from core.prior.autoregressive.model import AutoregressiveMotion
from core.prior.autoregressive.network import AutoregressivePrior
from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.spaces import CodeSpace
from core.renderer.generator import refine
from core.renderer.generator.config import GeneratorConfig
from core.renderer.generator.generator import Generator
from core.representation.model import Representation, RepresentationConfig
from core.sadtalker.exp_net import ExpNet, ExpNetConfig
from core.sadtalker.model import SadTalkerMotion
from core.sadtalker.pose_vae import PoseVae, PoseVaeConfig
from core.sound.prosody import PROSODY
from core.systems import choice
from core.systems.autoregressive import Autoregressive
from core.systems.diffusion import Diffusion
from core.systems.facetalk import FaceTalk
from core.systems.motion_source import MotionSource
from core.systems.sadtalker import SadTalker
from core.wire.protocol import Generate

FRAMES = 30


def _unlike_new(network: AudioToNonlipPrior) -> None:
    """Give the layers that start at zero weights, so that something is sampled and levels change it."""
    for layer in (network.out, network.levels_in[-1]):
        torch.nn.init.normal_(layer.weight, 0.0, 0.1)


def _diffusion(device: str) -> MotionSource:
    torch.manual_seed(0)
    network = AudioToNonlipPrior(replace(PriorConfig.tiny(), levels=True))
    _unlike_new(network)
    return Diffusion(NonlipPrior(network, torch.zeros(d_nl), torch.full((d_nl,), 0.05), num_inference_steps=3))


def _learned_diffusion(device: str) -> MotionSource:
    torch.manual_seed(0)
    space = CodeSpace(Representation(RepresentationConfig.tiny()).eval().requires_grad_(False))
    network = AudioToNonlipPrior(replace(PriorConfig.tiny(), features=space.size, learned=True, levels=True))
    _unlike_new(network)
    mean, deviation = torch.zeros(space.size), torch.full((space.size,), 0.3)
    return Diffusion(NonlipPrior(network, mean, deviation, num_inference_steps=3, space=space))


def _sadtalker(device: str) -> MotionSource:
    torch.manual_seed(0)
    expression = ExpNet(ExpNetConfig.tiny())
    pose = PoseVae(PoseVaeConfig.tiny(styles=3, heard=PROSODY))
    with torch.no_grad():
        for weights in (expression.out.weight, *pose.style.parameters()):
            weights.normal_(0.0, 0.5)
    return SadTalker(SadTalkerMotion(expression, pose, ("anna", "ben", "carla")))


def _autoregressive(device: str) -> MotionSource:
    torch.manual_seed(0)
    network = AutoregressivePrior(PriorConfig.tiny())
    torch.nn.init.normal_(network.out.weight, 0.0, 0.2)
    return Autoregressive(AutoregressiveMotion(network, torch.zeros(d_nl), torch.full((d_nl,), 0.1)))


def _facetalk(device: str) -> MotionSource:
    torch.manual_seed(0)
    network = ExpressionDecoder(FaceTalkConfig.tiny())
    torch.nn.init.normal_(network.out.weight, 0.0, 0.2)
    code = ExpressionCode.of(HeadModel.load())
    mean, deviation = torch.zeros(MOTION), torch.full((MOTION,), 0.1)
    return FaceTalk(FaceTalkMotion(network, mean, deviation, torch.zeros(len(LIP_CHANNELS)), code))


TINY = {
    "diffusion": _diffusion,
    "sadtalker": _sadtalker,
    "autoregressive": _autoregressive,
    "diffusion-learned": _learned_diffusion,
    "facetalk": _facetalk,
}


@pytest.fixture
def tiny_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every motion source has tiny networks."""
    for name in choice.SOURCES:
        monkeypatch.setitem(choice.SOURCES, name, TINY[name])


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Where the portrait's fit is kept for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def request_(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tiny_sources: None) -> Generate:
    """A second of the shipped voice and the shipped face in small pictures."""
    torch.manual_seed(0)
    painter = refine.Painter(Generator(GeneratorConfig.tiny()), Representation(RepresentationConfig.tiny()))
    monkeypatch.setattr(refine, "_load", lambda device: painter)
    monkeypatch.setenv("SOLILOQUY_CACHE", str(cache))
    voice, rate = soundfile.read(ASSETS / "self_test.flac")
    soundfile.write(tmp_path / "voice.wav", np.resize(voice, round(FRAMES / 25 * rate)), rate)
    return Generate(
        audio=str(tmp_path / "voice.wav"),
        portrait=str(ASSETS / "self_test.jpg"),
        out=str(tmp_path / "out"),
        size=128,
        framing="crop",
        preview=0.08,
        extract=False,
        device="cpu",
    )
