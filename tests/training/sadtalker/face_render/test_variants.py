"""Pairs in a mirror and the other way round."""

import numpy as np
import torch

from core.motion.channels import EXPRESSIONS
from tests.training.sadtalker.face_render.made_faces import MadeFaces
from training.sadtalker.face_render.variants import MIRROR_COLUMNS, MIRROR_SIGNS, chosen, mirrored, the_other_way


def test_a_mirror_swaps_sides_and_is_its_own_inverse() -> None:
    left, right, jaw = (EXPRESSIONS.index(name) for name in ("eyeBlink_L", "eyeBlink_R", "jawOpen"))
    assert MIRROR_COLUMNS[left] == right and MIRROR_COLUMNS[jaw] == jaw
    assert MIRROR_SIGNS[-6:].tolist() == [1, -1, -1, -1, 1, 1]
    faces = MadeFaces().draw(2, np.random.default_rng(0))
    twice = mirrored(mirrored(faces))
    torch.testing.assert_close(twice.driven_pose.place, faces.driven_pose.place)
    torch.testing.assert_close(twice.driven_window, faces.driven_window)
    torch.testing.assert_close(twice.truth, faces.truth)
    torch.testing.assert_close(twice.driven_anchors, faces.driven_anchors)
    assert not torch.allclose(mirrored(faces).driven_anchors, faces.driven_anchors)


def test_a_mirrored_pose_moves_as_the_mirrored_coefficients_say() -> None:
    faces = mirrored(MadeFaces().draw(2, np.random.default_rng(0)))
    motion = faces.driven_window[:, 6, 53:]
    again = faces.pose.moved(motion[:, :3], motion[:, 3:])
    torch.testing.assert_close(again.place, faces.driven_pose.place)


def test_the_way_back_leads_from_the_truth_to_the_source() -> None:
    faces = MadeFaces().draw(2, np.random.default_rng(0))
    turn = torch.tensor([[0.1, -0.2, 0.05, 0.5, -0.3, 0.0]]).expand(2, -1)
    faces.driven_window[..., 53:] = turn[:, None]
    pose = faces.pose.moved(turn[:, :3], turn[:, 3:])
    for name, value in vars(pose).items():
        getattr(faces.driven_pose, name)[:] = value
    back = the_other_way(faces)
    torch.testing.assert_close(back.source, faces.truth)
    torch.testing.assert_close(back.driven_anchors, faces.anchors)
    torch.testing.assert_close(back.window[:, 0, :53], faces.driven_window[:, 6, :53])
    assert not back.window[..., 53:].any()
    motion = back.driven_window[:, 6, 53:]
    again = back.pose.moved(motion[:, :3], motion[:, 3:])
    torch.testing.assert_close(again.rotation, faces.pose.rotation, atol=1e-5, rtol=0)
    torch.testing.assert_close(again.place, faces.pose.place, atol=1e-5, rtol=0)


def test_some_pairs_are_chosen() -> None:
    faces = MadeFaces().draw(3, np.random.default_rng(0))
    some = chosen(torch.tensor([True, False, True]), mirrored(faces), faces)
    torch.testing.assert_close(some.truth[0], faces.truth[0].flip(-1))
    torch.testing.assert_close(some.truth[1], faces.truth[1])
    torch.testing.assert_close(some.driven_pose.place[2, 0], -faces.driven_pose.place[2, 0])
