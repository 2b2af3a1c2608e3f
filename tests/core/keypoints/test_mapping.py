"""MappingNet and its windows."""

from dataclasses import replace

import pytest
import torch

from core.keypoints.mapping import OFFSET_REACH, STRAIGHT_GAIN, MappingNet, windows
from tests.core.keypoints.made import TINY


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
    offsets = net(window).offsets
    assert offsets.abs().max() <= OFFSET_REACH
    offsets.sum().backward()
    assert window.grad is not None and (window.grad.abs().sum(2) > 0).all()


def test_weights_of_the_middle_frame_go_straight_to_the_offsets() -> None:
    net, window = MappingNet(TINY), torch.zeros(1, 13, 59)
    torch.nn.init.constant_(net.straight.weight, 0.01)
    window[:, 5] = window[:, 7] = 0.5
    assert not net(window).offsets.any()  # the neighbours' weights go another way
    window[:, 6, 3] = 0.5
    expected = OFFSET_REACH * torch.tanh(torch.tensor(STRAIGHT_GAIN * 0.01 * 0.5))
    torch.testing.assert_close(net(window).offsets, expected.expand(1, TINY.keypoints, 3))


def test_windows_hold_the_ends() -> None:
    channels = torch.arange(4.0)[:, None].expand(4, 59)
    seen = windows(channels, 2)[..., 0]
    assert seen.tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]


def test_a_radius_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="radius of 5"):
        MappingNet(replace(TINY, radius=5))
