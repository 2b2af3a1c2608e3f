"""Emotions at times, in requests, on the command line, and in the order of their times."""

from __future__ import annotations

import pytest

from core.__main__ import parser
from core.errors import BadInputError
from core.schema import build, plain
from core.wire.emotions import EMOTIONS, EmotionAt, emotions_in_order
from core.wire.options import nested
from core.wire.protocol import Generate
from core.wire.style import PriorStyle

FILES = {"audio": "a", "portrait": "p", "out": "o"}
TWO = (EmotionAt(seconds=2.0, emotion="sad", strength=0.5), EmotionAt(seconds=0.5, emotion="happy"))


def test_they_go_through_a_request():
    request = Generate(**FILES, style=PriorStyle(emotions=TWO))
    assert build(Generate, plain(request)) == request
    with pytest.raises(BadInputError, match="emotion"):
        build(PriorStyle, {"emotions": [{"seconds": 0.0, "emotion": "bored"}]})
    with pytest.raises(BadInputError, match="strength"):
        build(PriorStyle, {"emotions": [{"seconds": 0.0, "emotion": EMOTIONS[1], "strength": 1.5}]})


def test_they_are_put_in_order():
    assert [emotion.seconds for emotion in PriorStyle(emotions=TWO).in_order(100).emotions] == [0.5, 2.0]
    with pytest.raises(BadInputError, match=r"emotion at 2 s comes after the end of the sound, which is 1\.6 s"):
        emotions_in_order(TWO, 40, loop=False)
    with pytest.raises(BadInputError, match=r"Two emotions are at the same time, 1 s and 1\.01 s"):
        emotions_in_order([EmotionAt(seconds=1.0), EmotionAt(seconds=1.01)], 100, loop=False)


def test_a_loop_ends_with_the_emotion_it_begins_with():
    ends = [EmotionAt(seconds=0.0, emotion="happy"), EmotionAt(seconds=4.0, emotion="sad")]
    with pytest.raises(BadInputError, match="emotions at 0 s and 4 s differ, but in a loop"):
        PriorStyle(emotions=ends, loop=True).in_order(100)
    assert len(emotions_in_order(ends, 100, loop=False)) == len(emotions_in_order(ends, 101, loop=True)) == 2
    alike = [ends[0], EmotionAt(seconds=4.0, emotion="happy")]
    assert len(emotions_in_order(alike, 100, loop=True)) == 2


def options(*words: str) -> dict:
    given = parser().parse_args(["generate", "--audio", "a", "--portrait", "p", "--out", "o", *words])
    return nested(vars(given))["style"]


def test_the_command_line_takes_several():
    style = options("--emotion-at", "0", "happy", "0.7", "--emotion-at", "1.5", "neutral", "0")
    assert style["emotions"] == [
        {"seconds": 0.0, "emotion": "happy", "strength": 0.7},
        {"seconds": 1.5, "emotion": "neutral", "strength": 0.0},
    ]
    assert options("--pose-at", "0", "-5", "0", "2")["poses"][0]["pitch"] == -5.0
    with pytest.raises(BadInputError, match="invalid float value: 'happy'"):
        options("--emotion-at", "happy", "0", "0.7")
