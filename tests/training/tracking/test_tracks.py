"""Tracks of video corpora: splits, gaps, cuts, talkers, and one real clip."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from core.face.landmark_model import LandmarkModel
from core.head.camera import Fit, project
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS
from core.readback.pieces import BadClip
from core.readback.talker import check, clip_arrays, fit_talker, lid_range, rest_frames
from core.readback.track import lid_ratio
from training.common.splits import HELD_OUT_SHARE, UNSEEN_TALKER, split
from training.tracking import landmarks as landmarks_module
from training.tracking.landmarks import fill, load_or_track, mouth_shape
from training.tracking.obama import cuts, observed_channels, steady
from training.tracking.tracks import check_steps

DATA = Path(os.environ.get("SOLILOQUY_DATA", Path(__file__).parents[3].parent / "shared" / "data"))


def test_split_is_fixed_and_keeps_pieces_of_a_recording_together() -> None:
    names = [f"s1_clip{index:04d}" for index in range(2000)]
    share = np.mean([split(name) == "test" for name in names])
    assert abs(share - HELD_OUT_SHARE) < 0.03
    assert {split(name) for name in names} == {"train", "test"}
    assert split(f"{UNSEEN_TALKER}_clip0001") == "unseen"
    assert [split(f"address_{i:02d}") for i in range(1, 11)] == ["train"] * 9 + ["test"]
    assert split("address_10-01688") == "test" and split("address_01-00873") == "train"


def test_short_gaps_are_interpolated_and_long_ones_refused() -> None:
    truth = np.linspace(0, 1, 50, dtype=np.float32)[:, None, None] * np.ones((50, 478, 3), np.float32)
    found = np.ones(50, bool)
    found[[0, 20, 21]] = False
    broken = np.where(found[:, None, None], truth, 0)
    filled = fill(broken, found)
    assert np.allclose(filled[1:], truth[1:], atol=1e-6)
    assert np.allclose(filled[0], truth[1])  # no earlier frame exists: the first seen frame is used
    found[:] = True
    found[10:30] = False
    with pytest.raises(BadClip, match="20 of 50"):
        fill(truth, found)
    found[:] = True
    found[20 : 20 + landmarks_module.MAX_GAP + 1] = False
    long = np.concatenate([truth] * 4)
    with pytest.raises(BadClip, match="lost for 6"):
        fill(long, np.concatenate([found, np.ones(150, bool)]))


def test_mouth_shape_does_not_depend_on_scale_and_place() -> None:
    points = np.random.default_rng(0).normal(size=(4, 478, 3)).astype(np.float32)
    opening, width = mouth_shape(points)
    again, wide = mouth_shape(points * 3.5 + 100)
    assert np.allclose(opening, again, rtol=1e-3) and np.allclose(width, wide, rtol=1e-3)
    points[:, [87, 14, 317]] = points[:, [82, 13, 312]]
    assert np.allclose(mouth_shape(points)[0], 0)


def test_jumps_and_bad_fits_are_refused() -> None:
    still = np.tile(np.random.default_rng(1).normal(size=(1, 478, 3)) * 50, (30, 1, 1))
    check_steps(still)
    jump = still.copy()
    jump[17:] += 60
    with pytest.raises(BadClip, match="frame 17"):
        check_steps(jump)
    check({"residual": np.full(40, 0.01)})
    with pytest.raises(BadClip, match="don't fit"):
        check({"residual": np.where(np.arange(40) < 10, 0.2, 0.01)})


def test_addresses_are_cut_where_the_camera_changes() -> None:
    rng = np.random.default_rng(2)
    face = rng.normal(size=(68, 2)) * 40
    face[36], face[45] = (-80, 0), (80, 0)
    near, far = face + np.array([640, 360]), 0.7 * face + np.array([500, 300])
    shots = np.concatenate([np.tile(near, (300, 1, 1)), np.tile(far, (200, 1, 1)), np.tile(near, (60, 1, 1))])
    shots += rng.normal(size=(560, 1, 2))  # the head moves a little
    shots[100] += 90  # one wrong frame is not a cut
    found = cuts(shots)
    assert len(found) == 2  # the last shot is too short
    assert found[0][0] == 0 and abs(found[0][1] - 300) <= 2 and abs(found[1][1] - 500) <= 2


def test_steadying_removes_jumps_and_keeps_blinks() -> None:
    time = np.arange(200)
    track = np.zeros((200, 68, 2))
    track[:, 37, 1] = 10 * np.exp(-(((time - 100) / 2.0) ** 2))
    track[150] += 80
    smooth = steady(track)
    assert np.abs(smooth[150]).max() < 1
    assert smooth[:, 37, 1].max() > 7.5
    assert np.abs(smooth[:90]).max() < 1e-6


def test_unseen_channels_are_marked() -> None:
    seen = dict(zip(EXPRESSIONS, observed_channels(), strict=True))
    assert seen["jawOpen"] and seen["eyeBlink_L"] and seen["browInnerUp_R"]
    assert not seen["eyeLookUp_L"] and not seen["cheekPuff_R"]


@pytest.fixture(scope="module")
def talking() -> tuple[HeadModel, LandmarkModel, Fit, torch.Tensor]:
    """A made-up person with eyes narrower than the model's: 120 frames of talking and blinking, with rests."""
    head = HeadModel.load()
    model = LandmarkModel.face_mesh(head)
    generator = torch.Generator().manual_seed(4)
    time = torch.arange(120) / 25
    expression = torch.zeros(120, len(EXPRESSIONS))
    talk = (torch.sin(2.5 * time) > 0).float()
    expression[:, EXPRESSIONS.index("jawOpen")] = talk * (0.2 - 0.2 * torch.cos(14 * time))
    for side in "LR":
        blinks = sum(torch.exp(-(((time - moment) / 0.07) ** 2)) for moment in (1.0, 3.4))
        expression[:, EXPRESSIONS.index(f"eyeBlink_{side}")] = 0.15 + 0.85 * blinks
    angles = torch.stack([0.04 * torch.sin(2 * time), 0.1 * torch.sin(1.1 * time), 0 * time], dim=1)
    truth = Fit(
        identity=0.6 * torch.randn(model.identity.shape[0], generator=generator),
        focal=torch.tensor(1000.0),
        centre=torch.tensor([180.0, 144.0]),
        expression=expression,
        rotation=euler_to_matrix(angles),
        translation=torch.tensor([0.5, -1.0, -95.0]).repeat(120, 1),
    )
    pixels = project(model.positions(truth.identity, truth.expression), truth)
    return head, model, truth, pixels + 0.2 * torch.randn(pixels.shape, generator=generator)


def test_a_talker_is_calibrated_on_the_resting_face(
    talking: tuple[HeadModel, LandmarkModel, Fit, torch.Tensor],
) -> None:
    _, model, truth, pixels = talking
    lids = lid_range(lid_ratio(pixels, model))
    assert (lids.closed < 0.4 * lids.open).all()
    rest = rest_frames(pixels, model, lids, 10)
    assert len(rest) == 10
    assert truth.expression[rest, EXPRESSIONS.index("jawOpen")].max() < 0.05
    assert truth.expression[rest, EXPRESSIONS.index("eyeBlink_L")].max() < 0.4


def test_the_clip_of_a_talker_gives_the_motion(talking: tuple[HeadModel, LandmarkModel, Fit, torch.Tensor]) -> None:
    head, model, truth, pixels = talking
    talker = fit_talker(model, pixels, (360.0, 288.0))
    arrays = clip_arrays(talker, pixels, head.neck_pivot)
    weights = arrays["expression"]
    assert weights.shape == (120, 53) and weights.min() >= 0 and weights.max() <= 1
    jaw, blink = EXPRESSIONS.index("jawOpen"), EXPRESSIONS.index("eyeBlink_L")
    assert np.corrcoef(weights[:, jaw], truth.expression[:, jaw])[0, 1] > 0.95
    assert np.corrcoef(weights[:, blink], truth.expression[:, blink])[0, 1] > 0.95
    assert np.median(weights[:, blink]) < 0.1 and weights[:, blink].max() > 0.7  # the talker's own open eye is zero
    for column, (size, speed) in enumerate(((0.04, 2.0), (0.1, 1.1))):
        true = size * np.sin(speed * np.arange(120) / 25)
        assert np.degrees(np.abs(arrays["rotation"][:, column] - (true - np.median(true)))).max() < 1.5
    assert np.corrcoef(arrays["fitted_opening"], mouth_shape(pixels.numpy())[0])[0, 1] > 0.95
    again = clip_arrays(talker, pixels, head.neck_pivot)
    assert all(np.array_equal(arrays[key], again[key]) for key in arrays)


def test_a_smaller_picture_of_the_same_talk_gives_the_same_motion(
    talking: tuple[HeadModel, LandmarkModel, Fit, torch.Tensor],
) -> None:
    head, model, _, pixels = talking
    arrays = clip_arrays(fit_talker(model, pixels, (360.0, 288.0)), pixels, head.neck_pivot)
    half = clip_arrays(fit_talker(model, pixels / 2, (180.0, 144.0)), pixels / 2, head.neck_pivot)
    assert np.abs(half["expression"] - arrays["expression"]).max() < 0.05
    assert np.degrees(np.abs(half["rotation"] - arrays["rotation"])).max() < 0.3


@pytest.mark.real_data
@pytest.mark.skipif(not (DATA / "grid" / "s4").is_dir(), reason="no GRID clips at hand")
def test_a_real_clip_is_tracked(tmp_path: Path) -> None:
    clip = sorted((DATA / "grid" / "s4").glob("*.mp4"))[0]
    points, size = load_or_track(clip, tmp_path / "clip.npz")
    assert points.shape == (75, 478, 3) and size.tolist() == [512, 512]
    again, _ = load_or_track(clip, tmp_path / "clip.npz")  # from the cache
    assert np.array_equal(points, again)
    head = HeadModel.load()
    model = LandmarkModel.face_mesh(head)
    pixels = torch.from_numpy(points[..., :2].copy())
    arrays = clip_arrays(fit_talker(model, pixels, (512.0, 512.0)), pixels, head.neck_pivot)
    check(arrays)
    assert np.corrcoef(arrays["fitted_opening"], mouth_shape(points)[0])[0, 1] > 0.95
