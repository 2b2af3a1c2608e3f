"""What the panel, its menus and the sequencer's context menu draw of a take's phones."""

from __future__ import annotations

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.panels import phones
from soliloquy.addon.sequencer import phone_lane
from soliloquy.addon.sequencer.timing import Timing
from soliloquy.core.phones.phone_set import PHONES, SILENCE, Segment


class Layout:
    """Stands in for a layout of Blender; notes operators and menus with their texts."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def row(self, **_: object) -> Layout:
        return self

    column = row

    def operator(self, name: str, text: str = "", **_: object) -> Layout:
        self.drawn.append(f"{name.removeprefix('soliloquy.')} {text}".strip())
        return self

    def menu(self, name: str, text: str = "", **_: object) -> None:
        assert hasattr(bpy.types, name), name
        self.drawn.append(f"menu {text}".strip())

    def separator(self) -> None:
        pass


@pytest.fixture
def take(scene):
    take = scene.soliloquy.takes.add()
    take.key, take.frame_count = "key", 50
    scene.soliloquy.active_take = 0
    return take


def show(scene, *names):
    segments = [Segment(name, k / 5, (k + 1) / 5) for k, name in enumerate(names)]
    list(phone_lane.lay_out(scene, "key", segments, Timing(1.0, 25.0), 2))
    return sorted(phone_lane.strips_in(scene, "key"), key=compat.left_handle)


def test_the_row_offers_what_can_be_done_next(scene, take):
    layout = Layout()
    phones.draw(layout, scene)
    assert layout.drawn == ["show_phones", "menu"]
    strips = show(scene, "DH", "AH")
    layout = Layout()
    phones.draw(layout, scene)
    assert layout.drawn == ["update_lips", "remove_phones", "menu"]
    scene.sequence_editor.active_strip = strips[0]
    layout = Layout()
    phones.draw(layout, scene)
    assert layout.drawn[-1] == "menu DH  thee"
    strips[0].name = "Schwa"
    layout = Layout()
    phones.draw(layout, scene)
    assert layout.drawn[-1] == "menu Schwa"


def test_the_menu_has_every_phone_once(scene):
    menu = type("Drawn", (), {"layout": Layout()})()
    phones.SOLILOQUY_MT_set_phone.draw(menu, bpy.context)
    names = [entry.split()[1] for entry in menu.layout.drawn]
    assert sorted(names) == sorted(set(PHONES) - {SILENCE})


def test_a_right_click_offers_phones_only_on_a_phone(scene, take):
    menu = type("Drawn", (), {"layout": Layout()})()
    phones.strip_entries(menu, bpy.context)
    assert menu.layout.drawn == []
    scene.sequence_editor_create()
    scene.sequence_editor.active_strip = show(scene, "DH")[0]
    phones.strip_entries(menu, bpy.context)
    assert menu.layout.drawn == ["menu", "update_lips"]
