"""Frames of a portrait by the paper's generator, with tiny untrained networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.places import ASSETS
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.renderer.paper import weights
from core.renderer.paper.network import PaperGenerator, PaperGeneratorConfig
from core.renderer.paper.renderer import PaperNetworks, PaperRenderer
from core.representation.model import Representation, RepresentationConfig
from core.systems.frame_renderer import FrameRenderer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return load_portrait(ASSETS / "self_test.jpg")


@pytest.fixture(scope="module")
def networks() -> PaperNetworks:
    torch.manual_seed(0)
    generator = PaperGenerator(PaperGeneratorConfig.tiny()).eval().requires_grad_(False)
    return PaperNetworks(generator, Representation(RepresentationConfig.tiny()).eval().requires_grad_(False))


def _motion(frames: int = 5) -> Motion:
    turn = np.linspace(0, 0.2, frames)[:, None] * np.array([0.2, 1.0, 0.1])
    return Motion(np.random.default_rng(0).uniform(0, 0.5, (frames, 53)), turn, np.zeros((frames, 3)))


def test_frames_are_those_of_the_other_renderer_in_shape(portrait: Portrait, networks: PaperNetworks) -> None:
    renderer: FrameRenderer = PaperRenderer(portrait, 256, networks=networks)
    other = Renderer(HeadModel.load(), portrait, 256, painter=None)
    assert (renderer.kind, renderer.frame_shape, renderer.reach) == ("paper", other.frame_shape, 0)
    assert renderer.framing.paste == other.framing.paste
    frames = list(renderer.render(_motion(3)))
    assert len(frames) == 3 and all(frame.shape == (*other.frame_shape, 3) for frame in frames)
    assert all(frame.dtype == np.uint8 for frame in frames)


def test_any_batch_and_any_choice_of_frames_give_the_same_bytes(portrait: Portrait, networks: PaperNetworks) -> None:
    renderer = PaperRenderer(portrait, 256, framing="crop", networks=networks)
    one, many = (list(renderer.render(_motion(), batch)) for batch in (1, 8))
    assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))
    assert not np.array_equal(one[0], one[-1])
    (alone,) = renderer.render(_motion(), frames=[3])
    assert np.array_equal(alone, one[3]) and not list(renderer.render(_motion(), frames=[]))


def test_the_square_joins_the_photograph_around_it(portrait: Portrait, networks: PaperNetworks) -> None:
    (frame,) = PaperRenderer(portrait, 256, networks=networks).render(_motion(1))
    renderer = PaperRenderer(portrait, 256, networks=networks)
    x, y, side = renderer.framing.paste
    assert y + side < len(renderer.framing.frame), "its lower border lies in the picture"
    photograph = renderer.framing.frame.astype(int)
    apart = np.abs(frame - photograph).max(2)
    inside = np.zeros(apart.shape, bool)
    inside[max(y, 0) : y + side, max(x, 0) : x + side] = True
    assert apart[inside].max() > 20 and apart[~inside].max(initial=0) == 0
    assert apart[y + side - 1].max() <= 2


def test_transparency_stays(portrait: Portrait, networks: PaperNetworks) -> None:
    alpha = np.full(portrait.image.shape[:2], 255, np.uint8)
    alpha[:10] = 0
    (frame,) = PaperRenderer(replace(portrait, alpha=alpha), 256, networks=networks).render(_motion(1))
    assert frame.shape[2] == 4 and frame[:4, :, 3].max() == 0 and frame[-4:, :, 3].min() == 255


def test_missing_weights_are_one_sentence(portrait: Portrait, tmp_path, monkeypatch) -> None:
    missing = tmp_path / "paper_generator.safetensors"
    monkeypatch.setattr(weights.load_paper_generator, "__defaults__", (missing, "cpu", torch.float32))
    with pytest.raises(SoliloquyError, match=r"paper's generator, paper_generator\.safetensors, are missing") as caught:
        PaperRenderer(portrait)
    assert caught.value.code == "weights_missing"
