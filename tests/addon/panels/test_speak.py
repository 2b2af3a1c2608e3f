"""What the panels draw of a speech's words and of how a take's mouth was made."""

from __future__ import annotations

from dataclasses import replace

import bpy
import pytest
from soliloquy.addon import drawing
from soliloquy.addon.panels import speak, style
from soliloquy.core.wire import systems


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
    assert names[-2:] == ["as sampled"] * 2, "a pose video and a blink video"


def drawn(panel: type) -> list[str]:
    """Names of the properties that a panel draws."""
    shown = type("Drawn", (panel,), {"layout": Layout()})()
    shown.draw(bpy.context)
    return [name for kind, name in shown.layout.drawn if kind == "prop"]


def test_source_and_renderer_are_advanced_and_only_some_sources_have_pose_styles(scene, monkeypatch):
    assert drawn(speak._Advanced) == ["source", "num_inference_steps", "renderer"]
    several = replace(systems.SOURCES[0], has_pose_styles=True)
    monkeypatch.setattr(systems, "SOURCES", (several,))
    assert drawn(speak._Advanced) == ["source", "pose_style", "num_inference_steps", "renderer"]


def test_what_is_offered_is_what_the_worker_accepts(scene):
    for name, offered in (("source", systems.SOURCES), ("renderer", systems.RENDERERS)):
        about = scene.soliloquy.bl_rna.properties[name]
        assert [item.identifier for item in about.enum_items] == list(systems.names(offered))
        assert about.default == offered[0].name


def test_settings_that_may_be_unheeded_have_the_panels_labels(scene):
    settings, performance = scene.soliloquy, scene.soliloquy.performance
    for name, label in systems.LABELS.items():
        owner = settings if name in settings.bl_rna.properties else performance
        assert owner.bl_rna.properties[name].name == label


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
