"""core.motion.live_link: the CSV that other programs read."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

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


def tongue_motion(out: float, up: float) -> Motion:
    return Motion.from_channels(np.zeros((3, 59)), tongue=np.tile([[out, up]], (3, 1)))


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


def test_the_tongue_has_a_column_for_coming_out_only() -> None:
    assert value(tongue_motion(0.7, 0.0), "TongueOut") == pytest.approx(0.7)
    assert np.count_nonzero(to_values(tongue_motion(0.7, 0.0))[0]) == 1
    assert not to_values(tongue_motion(0.0, 0.9)).any(), "Live Link Face has no column for a tip that rises"


def test_a_recording_keeps_its_tongue(tmp_path) -> None:
    rows = [["Timecode", "BlendShapeCount", "JawOpen", "TongueOut"]]
    rows += [[f"00:00:00:{i:02d}.000", "61", "0.5", f"{i / 10:.6f}"] for i in range(11)]
    motion = read_live_link_csv(written(tmp_path / "take.csv", rows), 60.0)
    assert np.allclose(motion.tongue[:, 0], np.arange(11) / 10, atol=1e-6) and not motion.tongue[:, 1].any()
    assert np.allclose(motion.resampled(25.0).tongue[:, 0], np.arange(5) * 60 / 25 / 10, atol=1e-6)
    write_live_link_csv(motion, tmp_path / "again.csv")
    assert np.array_equal(read_live_link_csv(tmp_path / "again.csv").tongue, motion.tongue)


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


# ------------------------------------------------------------------------------------------------ rows and their times
RATE, COUNT = 60, 600


def recording(rate: float = RATE, count: int = COUNT, start: float = 0.0) -> list[list[str]]:
    """Header and rows of a recording whose jaw is .5 + .5 sin(πt); ``start`` is the first row's time of day."""
    rows = [["Timecode", "BlendShapeCount", "JawOpen", "HeadYaw"]]
    for i in range(count):
        at = round(start * rate) + i
        second, frame = divmod(at, round(rate))
        second %= 86400
        code = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}:{frame:02d}.000"
        rows.append([code, "61", f"{jaw(i / rate):.6f}", f"{0.1 * math.sin(i / rate):.6f}"])
    return rows


def jaw(seconds: float) -> float:
    return 0.5 + 0.5 * math.sin(math.pi * seconds)


def written(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding))
    return path


def worst(motion: Motion, kept: Iterable[int], rate: float = RATE) -> float:
    """Largest error of the jaw at the rows that are there."""
    got = motion.expression[:, EXPRESSIONS.index("jawOpen")]
    return max(abs(float(got[round(i * motion.fps / rate)]) - jaw(i / rate)) for i in kept)


@pytest.mark.parametrize("seed", range(5))
def test_lost_rows_leave_the_others_in_their_place(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    kept = [0, *sorted(generator.choice(np.arange(1, COUNT - 1), round(0.85 * COUNT) - 2, replace=False)), COUNT - 1]
    header, *rows = recording()
    motion = read_live_link_csv(written(tmp_path / "a.csv", [header, *(rows[i] for i in kept)]))
    assert (motion.fps, motion.seconds) == (60.0, 10.0)
    assert worst(motion, kept) < 0.01 and worst(motion, range(COUNT)) < 0.05


def test_a_hole_is_bridged(tmp_path: Path) -> None:
    header, *rows = recording()
    kept = [i for i in range(COUNT) if not 200 <= i < 320]
    motion = read_live_link_csv(written(tmp_path / "a.csv", [header, *(rows[i] for i in kept)]))
    assert motion.seconds == 10.0 and worst(motion, kept) < 0.01
    bridge = motion.expression[199:321, EXPRESSIONS.index("jawOpen")]
    assert np.allclose(np.diff(bridge, 2), 0, atol=1e-5), "a straight line over the hole"


@pytest.mark.parametrize("rate", [24, 25, 30, 48, 50, 60, 120])
def test_midnight_and_every_rate(tmp_path: Path, rate: int) -> None:
    header, *rows = recording(rate, 4 * rate, start=86398.5)
    assert rows[-1][0].startswith("00:00:02")
    motion = read_live_link_csv(written(tmp_path / "a.csv", [header, *rows]))
    assert (motion.fps, motion.seconds) == (rate, 4.0) and worst(motion, range(4 * rate), rate) < 0.01


def test_rows_that_come_in_another_order_are_sorted(tmp_path: Path) -> None:
    header, *rows = recording()
    rows[100:103] = rows[102], rows[100], rows[101]
    assert worst(read_live_link_csv(written(tmp_path / "a.csv", [header, *rows])), range(COUNT)) < 1e-3


def test_a_timecode_of_half_the_rate_has_two_rows_per_frame(tmp_path: Path) -> None:
    header, *rows = recording()
    for row, half in zip(rows, (row for row in recording(30, 300)[1:] for _ in range(2)), strict=True):
        row[0] = half[0]
    motion = read_live_link_csv(written(tmp_path / "a.csv", [header, *rows]))
    assert (motion.fps, motion.seconds) == (60.0, 10.0) and worst(motion, range(COUNT)) < 1e-3


def test_decimals_of_a_second_and_jitter(tmp_path: Path) -> None:
    header, *rows = recording()
    for i, row in enumerate(rows):
        row[0] = f"10:20:{30 + i // 60:02d}.{i % 60 * 1000 // 60:03d}"
    motion = read_live_link_csv(written(tmp_path / "a.csv", [header, *rows[:50], *rows[80:]]))
    assert (motion.fps, motion.seconds) == (60.0, 10.0) and worst(motion, range(80, COUNT)) < 0.01
    header, *rows = recording()
    for i, row in enumerate(rows):
        row[0] = row[0].replace(".000", f".{700 + i % 7:03d}")
    assert np.array_equal(
        read_live_link_csv(written(tmp_path / "b.csv", [header, *rows])).expression,
        read_live_link_csv(written(tmp_path / "c.csv", recording())).expression,
    ), "jitter of thousandths changes no value"


def test_rows_without_times_are_counted(tmp_path: Path) -> None:
    header, *rows = recording()
    for spoiled in ("", "soon", "1.5"):
        motion = read_live_link_csv(written(tmp_path / "a.csv", [header, *([spoiled, *row[1:]] for row in rows)]), 50.0)
        assert (motion.fps, len(motion)) == (50.0, COUNT)
    without = [row[1:] for row in [header, *rows]]
    assert len(read_live_link_csv(written(tmp_path / "a.csv", without))) == COUNT
    motion = read_live_link_csv(written(tmp_path / "a.csv", [header, *rows[300:], *rows[:300]]), 60.0)
    assert len(motion) == COUNT, "two recordings in one file"


def test_a_given_rate_wins(tmp_path: Path) -> None:
    exact = 30000 / 1001
    write_live_link_csv(Motion.zeros(1000, exact), tmp_path / "a.csv")
    motion = read_live_link_csv(tmp_path / "a.csv", exact)
    assert (motion.fps, len(motion)) == (exact, 1000)
    assert read_live_link_csv(tmp_path / "a.csv").seconds == pytest.approx(1000 / exact, abs=0.04)
    motion = read_live_link_csv(written(tmp_path / "b.csv", recording()), 25.0)
    assert (motion.fps, len(motion)) == (25.0, COUNT), "rows at another rate than their timecodes: slow motion"


@pytest.mark.parametrize(
    ("delimiter", "encoding", "change"),
    [
        (";", "utf-8-sig", lambda text: text.replace(".", ",") if text[:1] in "0-" and ":" not in text else text),
        ("\t", "utf-16", lambda text: text),
        (", ", "utf-8", str.lower),
        (" ; ", "cp1252", str.upper),
        (",", "utf-8", lambda text: text.replace("JawOpen", "jaw_open")),
        (",", "utf-8", lambda text: f'"{text}"'),
    ],
)
def test_tables_as_spreadsheets_write_them(tmp_path: Path, delimiter, encoding, change) -> None:
    rows = [[change(cell) for cell in row] for row in recording()]
    motion = read_live_link_csv(written(tmp_path / "a.csv", rows, delimiter, encoding))
    assert motion.seconds == 10.0 and worst(motion, range(COUNT)) < 1e-3
    assert np.abs(motion.rotation[:, 1]).max() == pytest.approx(0.1, abs=1e-3)


def test_blank_rows_and_a_row_that_was_cut_off_are_left_out(tmp_path: Path) -> None:
    rows = recording()
    motion = read_live_link_csv(written(tmp_path / "a.csv", [*rows[:-1], ["", "", "", ""], [], rows[-1][:2]]))
    assert len(motion) == COUNT - 1
    with pytest.raises(BadInputError, match="row 3 has no JawOpen"):
        read_live_link_csv(written(tmp_path / "a.csv", [*rows[:3], rows[3][:2], *rows[4:]]))


def test_times_that_no_recording_has_are_refused(tmp_path: Path) -> None:
    rows = recording()
    late = [f"05{rows[-1][0][2:]}", *rows[-1][1:]]
    with pytest.raises(BadInputError, match="hole of 300 minutes") as caught:
        read_live_link_csv(written(tmp_path / "a.csv", [*rows[:-1], late]))
    assert caught.value.code == "curves_unreadable"
    sparse = [rows[0], *([f"{i * 9 // 60:02d}:{i * 9 % 60:02d}:00:{i % 60:02d}.000", *rows[1][1:]] for i in range(150))]
    with pytest.raises(BadInputError, match="hours"):
        read_live_link_csv(written(tmp_path / "a.csv", sparse))


@pytest.mark.parametrize("value", ["1e39", "1e400", "-1e30", "nan", "inf", "100000"])
def test_values_that_no_recording_has_are_refused(tmp_path: Path, value: str, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"Timecode,HeadYaw,JawOpen\n00:00:00:00.000,{value},0.5\n", encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        read_live_link_csv(path)
    assert caught.value.code == "curves_unreadable" and not recwarn.list
