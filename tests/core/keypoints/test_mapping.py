"""MappingNet and its windows."""

from dataclasses import replace

import pytest
import torch

from core.keypoints.anchors import PARTS, follows
from core.keypoints.mapping import OFFSET_REACH, STRAIGHT_GAIN, MappingNet, windows
from core.motion.channels import CHANNELS
from tests.core.keypoints.made import TINY

JAW = CHANNELS.index("jawOpen")
EYES, MOUTH = (follows(TINY.keypoints)[list(PARTS).index(part), :, 0].bool().tolist() for part in ("eyes", "mouth"))


def test_an_untrained_net_says_the_known_pose() -> None:
    window = torch.randn(2, 13, 59, generator=torch.Generator().manual_seed(0))
    mapped = MappingNet(TINY)(window)
    torch.testing.assert_close(mapped.rotation, window[:, 6, 53:56])
    torch.testing.assert_close(mapped.translation, window[:, 6, 56:])
    assert mapped.offsets.shape == (2, TINY.keypoints, 3) and not mapped.offsets.any()


def test_every_frame_of_the_window_counts_and_offsets_are_bounded() -> None:
    torch.manual_seed(0)
    net = MappingNet(TINY)
    torch.nn.init.normal_(net.offsets.weight)
    window = torch.randn(1, 13, 59, requires_grad=True)
    mapped = net(window)
    assert mapped.offsets.abs().max() <= OFFSET_REACH
    mapped.offsets.sum().backward()
    assert window.grad is not None and (window.grad.abs().sum(2) > 0).all()


def test_weights_of_the_middle_frame_go_straight_to_the_offsets() -> None:
    net, window = MappingNet(TINY), torch.zeros(1, 13, 59)
    torch.nn.init.constant_(net.straight.weight, 0.01)
    window[:, 5] = window[:, 7] = 0.5
    assert not net(window).offsets.any()  # the neighbours' weights go another way
    window[:, 6, JAW] = 0.5
    expected = OFFSET_REACH * torch.tanh(torch.tensor(STRAIGHT_GAIN * 0.01 * 0.5))
    torch.testing.assert_close(net(window).offsets[:, MOUTH], expected.expand(1, sum(MOUTH), 3))


def _moved(channel: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which keypoints (K,) move, and whether each number of the pose (6,) does, when a channel changes."""
    torch.manual_seed(1)
    net, window = MappingNet(TINY), torch.rand(1, 13, 59)
    for head in (net.offsets, net.straight, net.pose):
        torch.nn.init.normal_(head.weight, std=0.3)
    other = window.clone()
    other[..., channel] += 0.3
    with torch.inference_mode():
        before, after = net(window), net(other)
    pose = torch.cat([after.rotation - before.rotation, after.translation - before.translation], 1)
    return (after.offsets != before.offsets).any(-1)[0], (pose != 0)[0]


def test_a_blink_moves_the_eyes_keypoints_and_nothing_else() -> None:
    """SadTalker's blinks nod the head."""
    keypoints, pose = _moved(CHANNELS.index("eyeBlink_L"))
    assert keypoints.tolist() == EYES and not pose.any()


def test_speech_moves_the_mouths_keypoints_and_nothing_else() -> None:
    keypoints, pose = _moved(JAW)
    assert keypoints.tolist() == MOUTH and not pose.any()


def test_the_head_moves_no_keypoint_by_itself() -> None:
    keypoints, pose = _moved(CHANNELS.index("headYaw"))
    assert not keypoints.any() and pose.all()


def test_windows_hold_the_ends() -> None:
    channels = torch.arange(4.0)[:, None].expand(4, 59)
    seen = windows(channels, 2)[..., 0]
    assert seen.tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]


def test_a_radius_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="radius of 5"):
        MappingNet(replace(TINY, radius=5))
