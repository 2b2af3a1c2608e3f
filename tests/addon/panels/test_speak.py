"""What the panels draw of a speech's words and of how a take's mouth was made."""

from __future__ import annotations

import bpy
import pytest
from soliloquy.addon import drawing
from soliloquy.addon.panels import speak, style


class Layout:
    """Stands in for a layout of Blender; notes what is drawn into it."""

    def __init__(self, drawn: list[tuple[str, str]] | None = None) -> None:
        self.drawn: list[tuple[str, str]] = [] if drawn is None else drawn

    def row(self, **_: object) -> Layout:
        return Layout(self.drawn)

    column = row

    def label(self, text: str = "", **_: object) -> None:
        self.drawn.append(("label", text))

    def prop(self, owner: bpy.types.bpy_struct, name: str, **more: object) -> None:
        assert name in owner.bl_rna.properties, name
        self.drawn.append(("prop", str(more.get("placeholder", name))))

    def operator(self, name: str, **_: object) -> Layout:
        self.drawn.append(("operator", name))
        return self

    def template_ID(self, owner: bpy.types.bpy_struct, name: str, **_: object) -> None:
        assert name in owner.bl_rna.properties, name
        self.drawn.append(("choice", name))


def test_words_can_be_typed_pasted_or_chosen_and_are_called_optional(scene):
    layout = Layout()
    speak._draw_transcript(layout, scene.soliloquy.transcript)
    assert layout.drawn == [
        ("prop", "Transcript (optional)"), ("operator", "soliloquy.paste_transcript"), ("choice", "text"),
    ]  # fmt: skip
    assert "Optional" in scene.soliloquy.transcript.bl_rna.properties["words"].description


def test_a_chosen_text_has_the_row_for_itself(scene):
    scene.soliloquy.transcript.text = bpy.data.texts.new("script")
    layout = Layout()
    speak._draw_transcript(layout, scene.soliloquy.transcript)
    assert layout.drawn == [("choice", "text")]


def test_articulation_and_body_are_among_the_settings_of_a_performance(scene):
    panel = type("Drawn", (style._Performance,), {"layout": Layout()})()
    panel.draw(bpy.context)
    names = [name for _, name in panel.layout.drawn]
    assert names.index("articulation") == names.index("head_amplitude") - 1
    assert names.index("body") == names.index("cheek_amplitude") + 1


@pytest.mark.parametrize(
    ("articulation", "words", "told"),
    [
        (1.0, "", None),
        (1.001, "", None),
        (0.699999988, "", "Articulation 0.7"),
        (1.0, "Bin blue", "“Bin blue”"),
        (1.25, "Bin blue", "Articulation 1.25 · “Bin blue”"),
    ],
)
def test_how_a_mouth_was_made_is_told_where_it_is_not_as_usual(scene, articulation, words, told):
    layout = Layout()
    drawing.draw_mouth(layout, articulation, words)
    assert layout.drawn == ([] if told is None else [("label", told)])
