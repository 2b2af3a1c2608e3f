"""Picture metrics against independent references."""

import math

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from training.generator.picture_quality import BEST_PSNR, frechet, mean_over, psnr, sharpness, ssim, ssim_map


def pictures(noise: float = 0.05) -> tuple[torch.Tensor, torch.Tensor]:
    """A crop of the test photograph and the same crop with noise, (1, 3, 96, 128) each."""
    picture = torch.from_numpy(astronaut()[40:136, 160:288].copy()).permute(2, 0, 1)[None].float() / 255
    spoilt = (picture + noise * torch.randn(picture.shape, generator=torch.manual_seed(0))).clamp(0, 1)
    return spoilt, picture


def array(picture: torch.Tensor) -> np.ndarray:
    return picture[0].permute(1, 2, 0).numpy()


def test_psnr_is_that_of_scikit_image():
    a, b = pictures()
    expected = peak_signal_noise_ratio(array(b), array(a), data_range=1)
    assert float(psnr(a, b)[0]) == pytest.approx(expected, abs=1e-3)


def test_ssim_is_that_of_scikit_image():
    a, b = pictures()
    ours = ssim_map(a, b)[0].permute(1, 2, 0).numpy()
    _, expected = structural_similarity(
        array(b),
        array(a),
        data_range=1,
        channel_axis=-1,
        full=True,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    inner = slice(5, -5)  # scikit-image mirrors the picture at its border
    assert np.abs(ours[inner, inner] - expected[inner, inner]).max() < 2e-4
    assert float(ssim(a, b)[0]) == pytest.approx(expected.mean(), abs=2e-3)


def test_equal_pictures_are_best():
    _, b = pictures()
    assert float(psnr(b, b)[0]) == BEST_PSNR
    assert float(ssim(b, b)[0]) == pytest.approx(1.0, abs=1e-5)
    assert float(sharpness(b, b)[0]) == pytest.approx(1.0, abs=1e-5)


def test_pixels_without_weight_do_not_count():
    a, b = pictures()
    weight = torch.zeros(1, 1, 96, 128)
    weight[..., :40] = 1
    other = a.clone()
    other[..., 40:] = 0.5
    assert torch.equal(psnr(a, b, weight), psnr(other, b, weight))
    assert float(psnr(a, b, weight)[0]) == pytest.approx(float(psnr(a[..., :40], b[..., :40])[0]), abs=1e-3)
    assert math.isnan(float(mean_over(a, torch.zeros_like(weight))[0]))


def test_sharpness_falls_with_blur_and_rises_with_noise():
    a, b = pictures()
    soft = torch.nn.functional.avg_pool2d(b, 3, 1, 1)
    assert float(sharpness(soft, b)[0]) < 0.6
    assert float(sharpness(a, b)[0]) > 1.2


def test_frechet_distance_of_gaussians_has_its_closed_form():
    random = torch.manual_seed(1)
    a = torch.randn(20000, 3, generator=random) * torch.tensor([1.0, 2.0, 0.5])
    b = torch.randn(20000, 3, generator=random) * torch.tensor([2.0, 1.0, 0.5]) + torch.tensor([3.0, 0.0, 0.0])
    # independent coordinates: |Δμ|² + Σ (σ_a − σ_b)²
    assert frechet(a, b) == pytest.approx(9 + 1 + 1 + 0, rel=0.03)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_does_not_depend_on_the_axes():
    random = torch.manual_seed(2)
    a = torch.randn(400, 4, generator=random)
    b = torch.randn(300, 4, generator=random) @ torch.randn(4, 4, generator=random)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=random))
    assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b), rel=1e-4)
    assert math.isnan(frechet(a[:1], b))
