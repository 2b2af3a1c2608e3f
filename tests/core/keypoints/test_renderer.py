"""Frames of a portrait by the face render, with tiny untrained networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.keypoints.renderer import KeypointRenderer
from core.keypoints.weights import KeypointNetworks, load_networks, save_networks
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.systems.frame_renderer import FrameRenderer
from tests.core.keypoints.made import TINY, random_render

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    data = pytest.importorskip("skimage.data")
    return fit_portrait(data.astronaut())


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def networks() -> KeypointNetworks:
    made = KeypointNetworks(TINY)
    made.render.load_state_dict(random_render().state_dict())
    torch.nn.init.normal_(made.mapping.offsets.weight, std=0.1)
    return made.eval().requires_grad_(False)


def _motion(frames: int = 5) -> Motion:
    rng = np.random.default_rng(0)
    turn = np.linspace(0, 0.2, frames)[:, None] * np.array([0.2, 1.0, 0.1])
    return Motion(rng.uniform(0, 0.5, (frames, 53)), turn, np.zeros((frames, 3)))


def test_frames_are_those_of_the_other_renderer_in_shape(
    model: HeadModel, portrait: Portrait, networks: KeypointNetworks
) -> None:
    renderer = KeypointRenderer(model, portrait, 256, networks=networks)
    other = Renderer(model, portrait, 256, painter=None)
    assert renderer.kind == "keypoints" and renderer.frame_shape == other.frame_shape
    frames = list(renderer.render(_motion(3)))
    assert len(frames) == 3 and all(frame.shape == (*other.frame_shape, 3) for frame in frames)
    assert all(frame.dtype == np.uint8 for frame in frames)
    assert renderer.framing.paste == other.framing.paste


def test_any_batch_gives_the_same_bytes(model: HeadModel, portrait: Portrait, networks: KeypointNetworks) -> None:
    renderer = KeypointRenderer(model, portrait, 256, framing="crop", networks=networks)
    one, many = (list(renderer.render(_motion(), batch)) for batch in (1, 8))
    assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))
    assert not np.array_equal(one[0], one[-1])


def test_frames_that_are_drawn_alone_are_the_same(
    model: HeadModel, portrait: Portrait, networks: KeypointNetworks
) -> None:
    """Each sees the whole motion around it, as far as ``reach`` says."""
    renderer: FrameRenderer = KeypointRenderer(model, portrait, 256, framing="crop", networks=networks)
    motion = _motion(20)
    every = list(renderer.render(motion))
    some = list(renderer.render(motion, frames=[9, 3]))
    assert all(np.array_equal(a, every[k]) for a, k in zip(some, (9, 3), strict=True))
    changed = motion.table()
    changed[9, :53] += 0.3
    moved = [not np.array_equal(a, b) for a, b in zip(renderer.render(Motion.from_table(changed)), every, strict=True)]
    assert np.flatnonzero(moved).tolist() == list(range(9 - renderer.reach, 9 + renderer.reach + 1))
    assert list(renderer.render(motion, frames=[])) == []


def test_a_still_motion_shows_the_photograph(model: HeadModel, portrait: Portrait) -> None:
    """Where nothing is drawn: no keypoint moves by itself."""
    networks = KeypointNetworks(TINY).eval()
    torch.nn.init.zeros_(networks.render.decoder.to_picture.weight)
    renderer = KeypointRenderer(model, portrait, 256, framing="crop", networks=networks)
    (frame,) = renderer.render(Motion.zeros(1))
    assert np.abs(frame.astype(int) - renderer.framing.crop).max() <= 1


def test_a_turned_head_moves_the_face_and_not_the_rim(
    model: HeadModel, portrait: Portrait, networks: KeypointNetworks
) -> None:
    renderer = KeypointRenderer(model, portrait, 256, framing="crop", networks=KeypointNetworks(TINY).eval())
    first, _, _, _, last = renderer.render(_motion())
    moved = np.abs(first.astype(int) - last).mean(2)
    assert moved[90:170, 90:170].mean() > 4 * moved[:10].mean()


def test_transparency_stays(model: HeadModel, portrait: Portrait, networks: KeypointNetworks) -> None:
    alpha = np.full(portrait.image.shape[:2], 255, np.uint8)
    alpha[:40] = 0
    renderer = KeypointRenderer(model, replace(portrait, alpha=alpha), 256, networks=networks)
    (frame,) = renderer.render(_motion(1))
    assert frame.shape[2] == 4
    assert frame[:10, :, 3].max() == 0 and frame[-10:, :, 3].min() == 255


def test_weights_are_written_and_read(tmp_path: Path, networks: KeypointNetworks) -> None:
    path = tmp_path / "keypoints.safetensors"
    save_networks(path, networks)
    read = load_networks(path)
    assert read.config == networks.config
    for name, value in networks.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], value, atol=2e-3, rtol=2e-3)


def test_missing_and_damaged_weights_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SoliloquyError, match="face render") as missing:
        load_networks(tmp_path / "none.safetensors")
    assert missing.value.code == "weights_missing"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "picture.png")
    with pytest.raises(SoliloquyError, match="face render") as damaged:
        load_networks(tmp_path / "picture.png")
    assert damaged.value.code == "weights_damaged"
