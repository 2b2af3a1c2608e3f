"""core.schema: plain values and back, unknown keys refused or kept, kinds told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from core.errors import BadInputError
from core.schema import build, checked, plain, read, setting


@dataclass(frozen=True, kw_only=True)
class Round:
    kind: ClassVar[str] = "round"
    radius: float = setting(1.0, low=0.0)


@dataclass(frozen=True, kw_only=True)
class Square:
    kind: ClassVar[str] = "square"
    side: float
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    name: str
    shapes: tuple[Round | Square, ...] = ()
    frame: Square | None = None
    sizes: dict[str, float] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Forgetful:
    name: str


DRAWING = Drawing(name="a", shapes=(Round(radius=2.0), Square(side=3.0)), frame=Square(side=9.0), sizes={"x": 1.0})
PLAIN = {
    "name": "a",
    "shapes": [{"kind": "round", "radius": 2.0}, {"kind": "square", "side": 3.0}],
    "frame": {"kind": "square", "side": 9.0},
    "sizes": {"x": 1.0},
}


@pytest.mark.parametrize("make", [build, read])
def test_plain_values_and_back(make) -> None:
    assert plain(DRAWING) == PLAIN
    assert make(Drawing, PLAIN) == DRAWING


def test_whole_numbers_become_floats_at_every_depth() -> None:
    made = build(Drawing, {"name": "a", "shapes": [{"kind": "round", "radius": 2}], "sizes": {"x": 1}})
    assert isinstance(made.shapes[0], Round) and isinstance(made.shapes[0].radius, float)
    assert isinstance(made.sizes["x"], float)


def test_build_refuses_unknown_keys_at_every_depth() -> None:
    for wrong in (PLAIN | {"colour": "red"}, PLAIN | {"frame": {"kind": "square", "side": 1.0, "colour": "red"}}):
        with pytest.raises(BadInputError, match="There is no setting “colour”"):
            build(Drawing, wrong)
    with pytest.raises(BadInputError, match="There is no setting “more”"):
        build(Drawing, PLAIN | {"more": {}})


def test_read_keeps_unknown_keys_at_every_depth_and_plain_writes_them_back() -> None:
    newer = PLAIN | {"colour": "red", "frame": {"kind": "square", "side": 9.0, "tilt": [1, 2]}}
    made = read(Drawing, newer)
    assert made.more == {"colour": "red"} and made.frame is not None and made.frame.more == {"tilt": [1, 2]}
    assert made != DRAWING
    assert plain(made) == newer


def test_read_drops_unknown_keys_of_a_class_that_keeps_none() -> None:
    assert read(Forgetful, {"name": "a", "colour": "red"}) == Forgetful(name="a")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "The setting name is missing"),
        ({"name": 1}, "name must be a text"),
        ({"name": "a", "shapes": [{"kind": "star"}]}, "shapes must be an object"),
        ({"name": "a", "shapes": [{"side": 1.0}]}, "shapes must be an object"),
        ({"name": "a", "shapes": [{"kind": "round", "radius": -1.0}]}, "radius can't be -1"),
        ({"name": "a", "sizes": {"x": "wide"}}, "sizes.x must be a number"),
        ({"name": "a", "sizes": [1.0]}, "sizes must be an object"),
        ({"name": "a", "frame": 3}, "frame must be an object or nothing"),
    ],
)
@pytest.mark.parametrize("make", [build, read])
def test_wrong_values_are_named_either_way(make, wrong, words) -> None:
    with pytest.raises(BadInputError, match=words) as caught:
        make(Drawing, wrong)
    assert caught.value.code == "bad_setting"


def test_checked_looks_into_messages_that_were_made_by_hand() -> None:
    assert checked(DRAWING) == DRAWING
    with pytest.raises(BadInputError, match="radius"):
        checked(Drawing(name="a", shapes=(Round(radius=-1.0),)))
