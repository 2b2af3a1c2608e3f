"""Losses of the representation, compared with independent references: gradients, banks, disguises, drawn frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.representation.augment import AugmentConfig, disguised, reshape
from training.representation.data import spread_rows
from training.representation.decoder import REACH, DecoderConfig, FaceDecoder, face_weight, pixel_loss
from training.representation.losses import MemoryBanks, about_clips, orthogonality, pearson, same_person

SIDE = 64


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- losses


def test_pearson_is_numpy_s():
    a, b = _normal(50, 4), _normal(50, 3, seed=1)
    b[:, 0] += 2.0 * a[:, 1] - 5.0
    expected = np.corrcoef(a.numpy(), b.numpy(), rowvar=False)[:4, 4:]
    np.testing.assert_allclose(pearson(a, b).numpy(), expected, atol=1e-5)


def test_pearson_of_a_constant_is_zero_with_finite_gradients():
    a = torch.cat([torch.full((20, 1), 3.0), _normal(20, 1)], 1).requires_grad_()
    correlation = pearson(a, _normal(20, 2, seed=1))
    assert correlation[0].abs().max() < 1e-3
    correlation.square().sum().backward()
    assert torch.isfinite(a.grad).all()


def test_orthogonality_loss_is_low_only_for_features_independent_of_the_sound():
    sound = _normal(4000, 6)
    assert orthogonality(sound[:, :3], sound) > 0.99
    assert orthogonality(_normal(4000, 3, seed=1), sound) < 0.01
    assert orthogonality(-7.0 * sound[:, :1] + 4.0, sound) == pytest.approx(
        float(orthogonality(sound[:, :1], sound)), abs=1e-4
    )


def test_descent_on_the_orthogonality_loss_removes_the_sound():
    """After descent on the weights of a mixture of sound and another signal, only the other signal is left."""
    sound, free = _normal(500, 2), _normal(500, 2, seed=1)
    weights = torch.full((4, 1), 0.5, requires_grad=True)
    optimiser = torch.optim.Adam([weights], 0.05)
    for _ in range(200):
        optimiser.zero_grad()
        orthogonality(torch.cat([sound, free], 1) @ weights, sound).backward()
        optimiser.step()
    assert weights[:2].abs().max() < 0.1 * weights[2:].abs().max()


def test_banks_give_the_correlations_of_all_steps_together():
    banks = MemoryBanks(3, 10, 4, 5)
    steps = [(_normal(10, 4, seed=i), _normal(10, 5, seed=100 + i)) for i in range(6)]
    for index, (f_ol, f_a) in enumerate(steps):
        joined = banks.joined(f_ol, f_a)
        recent = steps[max(0, index - 2) : index + 1]
        together = [torch.cat(part).numpy() for part in zip(*recent, strict=True)]
        expected = np.corrcoef(*together, rowvar=False)[:4, 4:]
        np.testing.assert_allclose(pearson(*joined).numpy(), expected, atol=1e-5)
        assert orthogonality(*joined) == pytest.approx(np.square(expected).sum(1).mean(), rel=1e-4)
        banks.remember(f_ol, f_a)


def test_banks_give_some_rows_of_every_step():
    """The rows of one set, so that its correlations don't mix with those of another."""
    banks = MemoryBanks(3, 10, 4, 5)
    steps = [(_normal(10, 4, seed=i), _normal(10, 5, seed=100 + i)) for i in range(2)]
    banks.remember(*steps[0])
    joined = banks.joined(*steps[1], slice(5, 10))
    for found, one, other in zip(joined, steps[1], steps[0], strict=True):
        assert torch.equal(found, torch.cat([one[5:], other[5:]]))


def test_a_clips_mean_does_not_count_as_correlation():
    level = _normal(4, 1).repeat_interleave(8, 0)  # the talker's level, in sound and motion
    sound, motion = level + 0.1 * _normal(32, 1, seed=1), 2 * level + 0.1 * _normal(32, 1, seed=2)
    assert pearson(motion, sound).abs() > 0.9
    assert pearson(about_clips(motion, 8), about_clips(sound, 8)).abs() < 0.4


def test_gradients_reach_only_the_current_step():
    banks = MemoryBanks(3, 10, 4, 5)
    earlier = _normal(10, 4).requires_grad_()
    banks.remember(earlier, _normal(10, 5, seed=1))
    now = _normal(10, 4, seed=2).requires_grad_()
    orthogonality(*banks.joined(now, _normal(10, 5, seed=3))).backward()
    assert earlier.grad is None and now.grad.abs().min() > 0


def test_without_banks_only_the_current_step_counts():
    banks = MemoryBanks(1, 10, 4, 5)
    f_ol, f_a = _normal(10, 4), _normal(10, 5, seed=1)
    banks.remember(f_ol, f_a)
    assert torch.equal(banks.joined(f_ol, f_a)[0], f_ol) and int(banks.filled) == 0


def test_people_are_distinguished():
    person = torch.tensor([0, 0, 1, 1, 2])
    apart = torch.nn.functional.one_hot(person).float()
    assert same_person(apart, person, 0.1) < 1e-3
    # Four others, all equally similar.
    assert same_person(torch.ones(5, 3), person, 0.1) == pytest.approx(np.log(4), rel=1e-4)
    assert same_person(apart, torch.arange(5), 0.1) == 0.0  # nobody appears twice


# --- views


def test_a_disguise_changes_colours_and_shape_but_hardly_the_place():
    views = torch.zeros(4, 3, 32, 32)
    views[:, 0, 12:20, 12:20] = 1.0
    config = AugmentConfig(occlusion=0.0)
    one = disguised(views, config, torch.Generator().manual_seed(0))
    again = disguised(views, config, torch.Generator().manual_seed(0))
    assert torch.equal(one, again) and one.shape == views.shape and 0 <= float(one.min()) <= float(one.max()) <= 1
    assert (one - views).abs().mean() > 0.03
    still = AugmentConfig(stretch=0, bulge=0, shift=0, turn=0, zoom=0)
    torch.testing.assert_close(
        reshape(views, still, torch.Generator().manual_seed(0)), views, atol=1e-4, rtol=0
    )  # fmt: skip


def test_all_frames_of_a_clip_have_one_crop():
    views = torch.rand(1, 3, 32, 32).expand(6, -1, -1, -1)
    cropped = reshape(views, AugmentConfig(), torch.Generator().manual_seed(0), each=3)
    torch.testing.assert_close(cropped[0], cropped[2])
    assert (cropped[0] - cropped[3]).abs().mean() > 1e-3


def test_drawn_frames_are_not_neighbours():
    rng, frames = np.random.default_rng(0), np.arange(0, 75, 3)
    rows = np.arange(100, 125)
    for _ in range(20):
        chosen = spread_rows(rows, frames, 10, 4, rng)
        assert np.diff(np.sort(frames[chosen - 100])).min() >= 4 and len(chosen) == 10
    assert len(spread_rows(rows[:3], frames[:3], 6, 4, rng)) == 6  # a short clip is repeated


def test_the_picture_loss_weights_eyes_and_mouth_more():
    truth = torch.full((1, 3, 64, 64), 0.5)
    mouth, corner = truth.clone(), truth.clone()
    mouth[..., 42:46, 30:34] += 0.3
    corner[..., :4, :4] += 0.3
    assert pixel_loss(mouth, truth) > 2 * pixel_loss(corner, truth) and pixel_loss(truth, truth) == 0
    assert face_weight(64, torch.device("cpu"))[23, 23] > 9.0


def test_the_decoder_needs_matching_sizes():
    with pytest.raises(ValueError, match="sizes"):
        FaceDecoder(DecoderConfig.tiny(), (16, 4), 8, 4)


def test_the_decoder_starts_with_the_source_and_moves_it():
    torch.manual_seed(0)
    decoder, source = FaceDecoder(DecoderConfig.tiny(), (16, 8), 8, 4), torch.rand(2, 3, 64, 64)
    features = [torch.rand(2, 8), torch.rand(2, 16, 8, 8), torch.rand(2, 4), torch.rand(2, 4)]
    small = torch.nn.functional.avg_pool2d(source, 2)
    with torch.no_grad():
        assert (decoder(source, *features) - small).abs().max() < 0.05
        decoder.out.bias[:3] = torch.tensor(
            [2 / (32 * REACH), 0.0, -30.0]
        )  # two pixels to the right, no change of colour
        moved = decoder(source, *features)
    torch.testing.assert_close(moved[..., :-2], small[..., 2:], atol=1e-4, rtol=0)
