"""Poses of the head at times: their order, and which ones are refused."""

from __future__ import annotations

import pytest

from core.errors import BadInputError
from core.schema import build, checked, plain
from core.wire.options import Parser, add_options, nested
from core.wire.poses import PoseAt, poses_in_order
from core.wire.protocol import Generate
from core.wire.style import PriorStyle

FRAMES = 100


def at(seconds: float, yaw: float = 0.0) -> PoseAt:
    return PoseAt(seconds=seconds, yaw=yaw)


def test_poses_are_put_in_order() -> None:
    style = PriorStyle(poses=(at(3, 5), at(1)), start_pose=(0.0, 2.0, 0.0), end_pose=(1.0, 2.0, 3.0))
    assert style.in_order(FRAMES).poses == (at(1), at(3, 5))
    assert style.path(FRAMES) == (at(0, 2), at(1), at(3, 5), PoseAt(seconds=4, pitch=1, yaw=2, roll=3))
    assert PriorStyle(start_pose=(0.0, 2.0, 0.0)).path(FRAMES) == ()
    assert [at(second).frame(FRAMES) for second in (0, 0.5, 3.99, 4)] == [0, 12, 99, 99]


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ({"poses": (at(4.1),)}, "at 4.1 s comes after the end of the sound, which is 4 s long"),
        ({"poses": (at(1), at(2), at(1.01, 5))}, "at the same time, 1 s and 1.01 s"),
        ({"poses": (at(1, -30), at(1.4, 30))}, "turn 60° between the poses at 1 s and 1.4 s. It turns at most 120°"),
        ({"poses": (at(0, 10),), "start_pose": (0.0, 0.0, 0.0)}, "at the same time, 0 s and 0 s"),
        ({"poses": (at(3.98, 10),), "end_pose": (0.0, 0.0, 0.0)}, "at the same time, 3.98 s and 4 s"),
        ({"poses": (at(0, -20), at(3.9, 20)), "loop": True}, "turn 40° between the poses at 3.9 s and 0 s"),
    ],
)
def test_poses_that_no_head_can_take_are_refused(style, words) -> None:
    with pytest.raises(BadInputError) as raised:
        PriorStyle(**style).in_order(FRAMES)
    assert raised.value.code == "bad_setting" and words in str(raised.value)


def test_poses_that_a_head_can_take_are_kept() -> None:
    poses = (at(0, -30), at(0.5, 30), at(4, 30))
    assert poses_in_order(poses, FRAMES, loop=False) == poses
    assert poses_in_order((), FRAMES, loop=True) == ()


def test_they_travel_as_objects() -> None:
    style = PriorStyle(poses=(at(1.5, 10), at(2)))
    assert build(PriorStyle, plain(style)) == style == checked(style)
    assert build(PriorStyle, {"poses": [{"seconds": 1, "roll": 5}]}).poses == (PoseAt(seconds=1.0, roll=5.0),)


@pytest.mark.parametrize(
    ("poses", "word"),
    [
        ([[1, 0, 0, 0]], "poses"),
        ([{"yaw": 1}], "seconds"),
        ([{"seconds": -1}], "seconds can't be -1"),
        ([{"seconds": 1, "yaw": 31}], "yaw can't be 31"),
        ([{"seconds": 1, "turn": 3}], "turn"),
        ([{"seconds": float("nan")}], "seconds"),
        ({"seconds": 1}, "poses"),
    ],
)
def test_wrong_ones_are_refused_by_name(poses, word) -> None:
    with pytest.raises(BadInputError, match=word):
        build(PriorStyle, {"poses": poses})


def test_an_option_adds_one_each_time_it_is_given() -> None:
    parser = Parser(prog="speak")
    add_options(parser, Generate, only=("style",))
    given = vars(parser.parse_args(["--pose-at", "1", "-5", "20", "0", "--pose-at", "2.5", "0", "0", "0", "--no-loop"]))
    style = nested({name: value for name, value in given.items() if value is not None})["style"]
    assert build(PriorStyle, style).poses == (PoseAt(seconds=1, pitch=-5, yaw=20), at(2.5))
    assert "--pose-at SECONDS PITCH YAW ROLL" in " ".join(parser.format_help().split())
    with pytest.raises(BadInputError):
        parser.parse_args(["--pose-at", "1", "2"])
