"""core.motion.live_link: the CSV that other programs read."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from core.errors import BadInputError
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES
from core.motion.live_link import (
    HEADER,
    VALUE_COLUMNS,
    read_live_link_csv,
    timecode,
    to_values,
    write_live_link_csv,
)
from core.motion.motion import Motion


def motion_with(**weights: float) -> Motion:
    expression = np.zeros((3, 53), dtype=np.float32)
    for name, value in weights.items():
        expression[:, EXPRESSIONS.index(name)] = value
    return Motion(expression, np.tile([[0.1, -0.2, 0.3]], (3, 1)), np.zeros((3, 3)))


def value(motion: Motion, column: str) -> float:
    return float(to_values(motion)[0, VALUE_COLUMNS.index(column)])


def test_the_header_is_live_link_faces() -> None:
    assert len(VALUE_COLUMNS) == len(set(VALUE_COLUMNS)) == 61
    assert HEADER[:4] == ("Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft")
    assert HEADER[16:20] == ("JawForward", "JawRight", "JawLeft", "JawOpen")
    assert HEADER[-10:-6] == ("TongueOut", "HeadYaw", "HeadPitch", "HeadRoll")
    assert HEADER[-1] == "RightEyeRoll"


def test_every_expression_reaches_exactly_one_column() -> None:
    for name in EXPRESSIONS:
        values = to_values(motion_with(**{name: 0.5}))[0, :52]
        assert np.count_nonzero(values) == 1, name
    everything = to_values(Motion(np.ones((1, 53)), np.zeros((1, 3)), np.zeros((1, 3))))[0]
    assert everything[VALUE_COLUMNS.index("TongueOut")] == 0.0
    assert np.array_equal(np.delete(everything[:52], 51), np.ones(51))


def test_sides_stay_the_persons_own_and_halves_are_averaged() -> None:
    motion = motion_with(mouthSmile_L=0.8, browInnerUp_L=1.0, cheekPuff_R=0.5, mouthLeft=0.25)
    assert value(motion, "MouthSmileLeft") == pytest.approx(0.8)
    assert value(motion, "MouthSmileRight") == 0.0
    assert value(motion, "BrowInnerUp") == pytest.approx(0.5)
    assert value(motion, "CheekPuff") == pytest.approx(0.25)
    assert value(motion, "MouthLeft") == pytest.approx(0.25)


def test_angles_follow_the_documented_signs() -> None:
    motion = motion_with(eyeLookOut_L=0.5, eyeLookIn_R=0.5, eyeLookDown_L=1.0, eyeLookUp_R=1.0)
    assert value(motion, "HeadPitch") == pytest.approx(0.1)
    assert value(motion, "HeadYaw") == pytest.approx(-0.2)
    assert value(motion, "HeadRoll") == pytest.approx(0.3)
    # Both eyes look to the person's left by the same angle; the left one down, the right one up.
    assert value(motion, "LeftEyeYaw") == pytest.approx(value(motion, "RightEyeYaw")) == pytest.approx(math.radians(15))
    assert value(motion, "LeftEyePitch") == pytest.approx(math.radians(25))
    assert value(motion, "RightEyePitch") == pytest.approx(math.radians(-25))


def test_eyes_turn_as_far_as_the_head_models() -> None:
    gaze = HeadModel.load().gaze_angles.tolist()  # down, in, out, up
    up_down, sideways = math.radians(GAZE_UP_DOWN_DEGREES), math.radians(GAZE_SIDEWAYS_DEGREES)
    assert gaze == pytest.approx([up_down, sideways, sideways, up_down], abs=1e-4)


def test_file_round_trip(tmp_path) -> None:
    generator = np.random.default_rng(3)
    expression = generator.random((60, 53)).astype(np.float32)
    for name in ("browInnerUp", "cheekPuff"):
        expression[:, EXPRESSIONS.index(f"{name}_R")] = expression[:, EXPRESSIONS.index(f"{name}_L")]
    motion = Motion(expression, generator.normal(0, 0.2, (60, 3)), np.zeros((60, 3)))
    path = tmp_path / "curves.csv"
    write_live_link_csv(motion, path)
    again = read_live_link_csv(path)
    assert np.allclose(again.channels(), motion.channels(), atol=1e-6)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == 61 and all(len(row) == 63 for row in rows)
    assert {row[1] for row in rows[1:]} == {"61"}


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 60.0, 30000 / 1001])
def test_timecodes_rise_and_name_the_frame(fps) -> None:
    seconds = []
    for frame in range(0, 200_000, 997):
        hours, minutes, second, part = timecode(frame, fps).split(":")
        seconds.append(int(hours) * 3600 + int(minutes) * 60 + int(second) + float(part) / fps)
        assert 0 <= float(part) < fps + 1e-3
        assert seconds[-1] == pytest.approx(frame / fps, abs=1e-3 / fps + 1e-6)
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "Timecode,JawOpen\n0,high\n"])
def test_bad_curves_are_a_sentence(tmp_path, text) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        read_live_link_csv(path)
    assert caught.value.code == "curves_unreadable"
