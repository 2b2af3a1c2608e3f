"""The face render: shapes, the motion of a still face, batches, and what a frame costs."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from core.keypoints import FaceRender, KeypointsConfig
from core.keypoints.anchors import first_places
from core.keypoints.blocks import square_grid
from core.keypoints.detector import KeypointDetector
from core.keypoints.window import cropped, window_grid
from tests.core.keypoints.made import TINY, pictures, pose, random_render

K = TINY.keypoints


def test_shapes() -> None:
    network, source, heads = random_render(), pictures(2), pose(2)
    made, encoded, drawn = network(source, heads, torch.zeros(2, K, 3), heads, torch.zeros(2, K, 3))
    assert made.shape == source.shape
    assert encoded.keypoints.shape == encoded.canonical.shape == (2, K, 3)
    assert drawn.field.volume.shape == (2, TINY.depth, 32, 32, 2)
    assert drawn.field.surface.shape == drawn.field.close.shape == (2, 64, 64, 2)
    assert drawn.field.shown.shape == (2, 1, 64, 64)
    assert encoded.appearance.volume.shape == (2, TINY.widths[2] // TINY.depth, TINY.depth, 4, 4)
    assert drawn.change.shape == (2, 3, 32, 32) and drawn.shift.shape == (2, 2, 32, 32)


def test_a_still_face_has_no_flow() -> None:
    """Whatever the weights: where nothing moves, all motions that are mixed are the same."""
    network, offsets = random_render(), torch.full((1, K, 3), 0.03)
    encoded = network.encode(pictures(1), pose(), offsets)
    field = network.draw(encoded, pose(), offsets).field
    torch.testing.assert_close(field.surface[0], square_grid(64), atol=1e-5, rtol=0)
    torch.testing.assert_close(field.close[0], window_grid(64), atol=1e-5, rtol=0)
    torch.testing.assert_close(field.volume[0, 0], square_grid(32), atol=1e-5, rtol=0)


def test_a_turned_head_is_looked_up_where_it_was() -> None:
    network, offsets = random_render(), torch.zeros(1, K, 3)
    encoded = network.encode(pictures(1), pose(), offsets)
    to_the_right = pose().moved(torch.zeros(1, 3), torch.tensor([[2.0, 0.0, 0.0]]))
    field = network.draw(encoded, to_the_right, offsets).field
    middle = (field.surface[0] - square_grid(64))[28:36, 28:36, 0]
    assert middle.max() < -0.05  # 2 cm are 0.1 of the square
    assert (field.close[0] - window_grid(64))[24:40, 24:40, 0].max() < -0.05


def test_offsets_move_the_keypoints_of_the_frame() -> None:
    network = random_render()
    encoded = network.encode(pictures(1), pose(), torch.zeros(1, K, 3))
    torch.testing.assert_close(network.driven(encoded, pose(), torch.zeros(1, K, 3)), encoded.keypoints)
    moved = network.driven(encoded, pose(), torch.full((1, K, 3), 0.1))
    torch.testing.assert_close(moved, encoded.keypoints + 0.1)


def test_frames_do_not_depend_on_their_batch() -> None:
    network, source, offsets = random_render(), pictures(3), torch.randn(3, K, 3) * 0.02
    with torch.inference_mode():
        together = network(source, pose(3), torch.zeros(3, K, 3), pose(3), offsets)[0]
        alone = network(source[1:2], pose(), torch.zeros(1, K, 3), pose(), offsets[1:2])[0]
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=0)


def test_a_larger_square_keeps_its_own_detail() -> None:
    network, offsets = FaceRender(TINY).eval(), torch.zeros(1, K, 3)
    large = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    small = torch.nn.functional.interpolate(large, (64, 64), mode="bilinear", antialias=True)
    with torch.inference_mode():
        drawn = network.draw(network.encode(small, pose(), offsets), pose(), offsets)
        fine = drawn.picture(large) - drawn.picture(small).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert fine.std() > 0.1  # enlarging the small frame would leave nothing


def test_a_drawn_shift_moves_only_the_window() -> None:
    network, offsets = FaceRender(TINY).eval(), torch.zeros(1, K, 3)
    with torch.inference_mode():
        drawn = network.draw(network.encode(pictures(1), pose(), offsets), pose(), offsets)
        assert not drawn.shift.any()  # nothing is shifted when training begins
        moved = replace(drawn, shift=drawn.shift + 0.05).places(64) - drawn.places(64)
    torch.testing.assert_close(cropped(moved.permute(0, 3, 1, 2))[..., 8:24, 8:24], torch.full((1, 2, 16, 16), 0.05))
    assert not moved[:, :16].any() and not moved[:, :, :14].any()


def test_keypoints_begin_at_their_first_places() -> None:
    config = KeypointsConfig()
    seen = KeypointDetector(config)(pictures(1, 256))[0, :, :2]
    torch.testing.assert_close(seen, first_places(config.keypoints), atol=0.03, rtol=0)


def test_keypoints_move_with_the_picture() -> None:
    detector = random_render().detector
    detector.prior.zero_()  # the prior ties keypoints to their first places
    with torch.no_grad():
        detector.head.weight *= 10  # narrow distributions, as after training
    spot = torch.zeros(1, 3, 64, 64)
    spot[..., 24:32, 24:32] = 1
    here, there = detector(spot), detector(spot.roll(8, -1))
    shift = (there - here)[0, :, 0]
    largest = shift.abs().max()
    assert largest > 0.01 and shift[shift.abs() == largest] > 0


def test_a_frame_costs_less_than_25_gflop() -> None:
    """At the configuration's side, without the source's encoding."""
    config = KeypointsConfig()
    network, offsets = FaceRender(config), torch.zeros(1, config.keypoints, 3)
    with torch.no_grad():
        encoded = network.encode(torch.zeros(1, 3, config.side, config.side), pose(), offsets)
        with FlopCounterMode(display=False) as counter:
            network.draw(encoded, pose(), offsets)
    print(f"{counter.get_total_flops() / 1e9:.2f} GFLOP a frame")
    assert 1e9 < counter.get_total_flops() < 25e9


@pytest.mark.parametrize("side", [64, 128])
def test_the_same_networks_work_at_any_side(side: int) -> None:
    network, offsets = random_render(), torch.zeros(1, K, 3)
    assert network(pictures(1, side), pose(), offsets, pose(), offsets)[0].shape == (1, 3, side, side)
