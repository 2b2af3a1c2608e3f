"""The block of sentences has one height, whatever it says, so that the buttons below it stay where they are."""

from __future__ import annotations

import textwrap
import types

import bpy
import pytest
from soliloquy.addon.panels import status
from soliloquy.addon.panels.status import LINES, Told

LONG = "The portrait is missing: /home/somebody/projects/film/assets/portraits/person.png. Choose another picture. " * 4


class Layout:
    """Stands in for a layout of Blender; counts the lines that are drawn into it."""

    def __init__(self, parent: Layout | None = None) -> None:
        self.lines: list[str] = parent.lines if parent else []
        self.buttons: list[types.SimpleNamespace] = parent.buttons if parent else []

    def column(self, **_: object) -> Layout:
        return Layout(self)

    row = column

    def label(self, text: str, icon: str = "NONE") -> None:
        self.lines.append(text)

    def operator(self, *_: object, text: str = "", **__: object) -> types.SimpleNamespace:
        self.lines.append(text)
        self.buttons.append(types.SimpleNamespace(message=""))
        return self.buttons[-1]


@pytest.fixture(autouse=True)
def lines_of_forty_letters(monkeypatch):
    """Without a window Blender doesn't know how large its letters are."""
    monkeypatch.setattr(status, "wrapped", lambda text, _width: textwrap.wrap(text, 40))


@pytest.mark.parametrize(
    "sentences",
    [
        [],
        [Told("Stopping…", "SORTTIME")],
        [Told("Generate: done in 5 s.", "CHECKMARK"), Told("About 20 s, 30 MB of disk for 4.0 s of speech", "TIME")],
        [Told(LONG, "ERROR", True)],
        [Told(LONG, "ERROR", True), Told(LONG, "INFO")],
        [Told(f"Notice {number}", "INFO") for number in range(12)],
    ],
)
def test_the_height_is_always_the_same(scene, sentences):
    layout = Layout()
    status.draw(layout, sentences)
    assert len(layout.lines) == LINES


def test_what_has_no_room_is_shown_by_a_button(scene):
    layout = Layout()
    status.draw(layout, [Told(LONG, "ERROR", True), Told("And a second sentence.")])
    assert layout.lines[-1] == "More…" and layout.buttons[0].message == f"{LONG}\nAnd a second sentence."
    assert bpy.ops.soliloquy.show_message(message=LONG) == {"FINISHED"}
    short = Layout()
    status.draw(short, [Told("One line.")])
    assert not short.buttons and short.lines[0] == "One line."
