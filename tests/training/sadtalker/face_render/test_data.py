"""What the face render trains on, made of the generator's pairs."""

from pathlib import Path

import numpy as np
import torch

from core.head.head_model import HeadModel
from core.keypoints.anchors import ANCHORS
from core.keypoints.pose import UNIT_CM
from tests.training.generator.made_pairs import MadePairs
from training.sadtalker.face_render.batches import FaceSource
from training.sadtalker.face_render.data import FaceMaker, Tracks


class _Pairs:
    def batch(self, n: int, rng: np.random.Generator, shares: object) -> object:
        return MadePairs().batch(n, 0, rng)


def _maker(folder: Path) -> FaceMaker:
    return FaceMaker(HeadModel.load(), 32, 6, Tracks(folder))


def test_shapes_and_truths(tmp_path: Path) -> None:
    source = FaceSource(_maker(tmp_path), _Pairs())  # type: ignore[arg-type]
    faces = source.draw(3, np.random.default_rng(0))
    assert faces.source.shape == faces.truth.shape == (3, 3, 32, 32)
    assert faces.weight.shape == (3, 1, 32, 32)
    assert faces.window.shape == faces.driven_window.shape == (3, 13, 59)
    assert len(faces.pose) == len(faces.driven_pose) == 3
    assert faces.anchors.shape == faces.driven_anchors.shape == (3, len(ANCHORS), 2)


def test_shoulders_that_move_rest_in_the_truth(tmp_path: Path) -> None:
    pairs = MadePairs().batch(1, 0, np.random.default_rng(0))
    pairs.valid[..., 32:, :] = 0
    pairs.truth[:] = 1
    faces = _maker(tmp_path).faces(pairs)
    torch.testing.assert_close(faces.truth[..., 16:, :], faces.source[..., 16:, :])
    assert not torch.equal(faces.truth[..., :16, :], faces.source[..., :16, :])


def test_a_window_has_the_pairs_level_and_the_tracks_changes(tmp_path: Path) -> None:
    (tmp_path / "grid").mkdir()
    rise = np.linspace(0.1, 0.5, 20, dtype=np.float32)[:, None]
    np.savez(
        tmp_path / "grid" / "s1_clip.npz",
        expression=np.repeat(rise, 53, 1),
        rotation=np.zeros((20, 3), np.float32),
        translation=np.zeros((20, 3), np.float32),
    )
    tracks, own = Tracks(tmp_path), torch.full((59,), 0.7)
    window = tracks.window(own, {"clip": "s1_clip", "frame": "10"}, 6)
    torch.testing.assert_close(window[6], own)
    torch.testing.assert_close(window[7, 0] - window[6, 0], torch.tensor(0.4 / 19))
    still = tracks.window(own, {"kind": "portraits"}, 6)
    assert torch.equal(still, own.expand(13, 59))


def test_canonical_points_have_the_heads_size(tmp_path: Path) -> None:
    """Ten centimetres of a portrait's head are about half of half the square."""
    assert UNIT_CM == 10
    pairs = MadePairs().batch(1, 0, np.random.default_rng(0))
    model = HeadModel.load()
    points = model.mesh468(model.mean) / UNIT_CM
    pairs.source_landmarks[0, :468] = (points[:, :2] * torch.tensor([0.5, -0.5]) + 1) * 32
    pose = _maker(tmp_path).faces(pairs).pose
    torch.testing.assert_close(pose.scale, torch.tensor([0.5]), atol=1e-4, rtol=0)
