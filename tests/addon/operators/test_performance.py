"""Sampling settings: they reach the worker, poses come from takes, presets use Blender's own system."""

import json
import math
from dataclasses import replace
from pathlib import Path

import bpy
import pytest
from soliloquy.addon import places
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.addon.jobs import jobs
from soliloquy.addon.panels import presets as style_presets
from soliloquy.addon.panels import style as panels_style
from soliloquy.addon.sequencer import speech
from soliloquy.core.wire import lines, protocol
from soliloquy.core.wire.style import PriorStyle
from soliloquy.core.wire.take_file import TakeFacts


@pytest.fixture
def taken(scene, sound, portrait, speaks):
    """A scene with one take from scene frame 11 on."""
    scene.soliloquy.portrait_file = str(portrait())
    spoken = speech.Speech(sound, 0.0, None, 11, "", 1)
    speaks(spoken)
    bpy.ops.soliloquy.generate()
    return scene


@pytest.fixture
def asked(monkeypatch):
    """The requests that operators send."""
    sent = []
    start = jobs.start

    def remember(request, *rest):
        sent.append(request)
        return start(request, *rest)

    monkeypatch.setattr(jobs, "start", remember)
    return sent


def test_untouched_settings_are_the_priors_own(scene):
    assert scene.soliloquy.performance.style() == PriorStyle()


def test_every_setting_of_the_style_can_be_set(scene):
    performance = scene.soliloquy.performance
    performance.liveliness, performance.gaze_to_camera, performance.loop = -0.3, 0.7, True
    for index, name in enumerate(("head", "gaze", "brow", "lid", "cheek")):
        setattr(performance, f"{name}_amplitude", 0.5 + 0.1 * index)
    performance.blink_rate, performance.persona, performance.set_persona = 30, 12, True
    performance.start_pose = performance.end_pose = [math.radians(angle) for angle in (5, -10, 2.5)]
    performance.set_blink_rate = performance.set_start_pose = performance.set_end_pose = True
    style = performance.style()
    wanted = PriorStyle(
        liveliness=-0.3,
        persona=12,
        head_amplitude=0.5,
        gaze_amplitude=0.6,
        brow_amplitude=0.7,
        lid_amplitude=0.8,
        cheek_amplitude=0.9,
        blink_rate=30.0,
        gaze_to_camera=0.7,
        start_pose=(5.0, -10.0, 2.5),
        end_pose=(5.0, -10.0, 2.5),
        loop=True,
    )
    assert style == wanted, "no trace of single precision, which would make another job of it"
    lines.encode_request("1", protocol.Generate(audio="a", portrait="p", out="o", style=style))


@pytest.mark.parametrize("name", ["liveliness", "head_amplitude", "blink_rate", "gaze_to_camera"])
def test_limits_are_the_protocols(scene, name):
    performance = scene.soliloquy.performance
    performance.set_blink_rate = True
    for value in (-1e9, 1e9):
        setattr(performance, name, value)
        lines.encode_request("1", protocol.Generate(audio="a", portrait="p", out="o", style=performance.style()))


def test_generate_and_render_ask_for_style_and_renderer(taken, asked):
    taken.soliloquy.renderer = "warp"
    taken.soliloquy.performance.liveliness = 0.5
    bpy.ops.soliloquy.generate()
    assert (asked[-1].renderer, asked[-1].style.liveliness) == ("warp", 0.5)
    bpy.ops.soliloquy.render_take()
    assert asked[-1].renderer == "warp"


def test_resample_asks_for_transition_and_style(taken, asked):
    settings = taken.soliloquy
    settings.renew, settings.transition, settings.performance.liveliness = {"blink"}, 0.8, -1.0
    bpy.ops.soliloquy.resample()
    assert (asked[-1].transition, asked[-1].style.liveliness) == (20, -1.0)
    settings.transition, settings.renew_style = 1e9, False
    bpy.ops.soliloquy.resample()
    assert (asked[-1].transition, asked[-1].style) == (100, None)


def test_a_pose_comes_from_the_take_at_the_current_frame(taken):
    taken.frame_set(11 + 20)
    bpy.ops.soliloquy.pose_from_take(which="end")
    performance = taken.soliloquy.performance
    motion = load_motion(taken.soliloquy.takes[0].path() / "motion.npz")
    assert performance.set_end_pose and not performance.set_start_pose
    assert tuple(performance.end_pose) == pytest.approx(motion.rotation[20], abs=1e-6)
    Path(taken.soliloquy.takes[0].path() / "motion.npz").unlink()
    with pytest.raises(RuntimeError, match="missing"):
        bpy.ops.soliloquy.pose_from_take(which="start")


def test_the_persona_of_a_take_performs_the_next_ones(taken, asked):
    folder = taken.soliloquy.takes[0].path()
    facts = TakeFacts.read(folder)
    replace(facts, persona=None).write(folder)
    with pytest.raises(RuntimeError, match="no persona"):
        bpy.ops.soliloquy.persona_from_take()
    replace(facts, persona=23, temperament="lively").write(folder)
    bpy.ops.soliloquy.persona_from_take()
    bpy.ops.soliloquy.generate()
    assert asked[-1].style.persona == 23


# -------------------------------------------------------------------------------------------------------- presets
def run_preset(operator, name):
    """Do what a click on a preset in the popover does."""
    path = bpy.utils.preset_find(name, operator.preset_subdir, display_name=True)
    assert path, name
    with Path(path).open() as stream:
        exec(compile(stream.read(), path, "exec"), {"__name__": "__main__"})


SHIPPED = [
    (style_presets.SOLILOQUY_OT_performance_preset, path.stem)
    for path in sorted((places.PRESET_PATHS / "presets" / "soliloquy" / "performance").glob("*.py"))
]


def test_presets_come_with_the_extension():
    assert len(SHIPPED) >= 5


@pytest.mark.parametrize(("operator", "name"), SHIPPED)
def test_every_shipped_performance_is_whole(scene, operator, name):
    performance = scene.soliloquy.performance
    performance.liveliness, performance.loop, performance.set_end_pose = 1.0, True, True
    scene.soliloquy.guidance_scale, scene.soliloquy.articulation, scene.soliloquy.body = 3.0, 1.4, 0.0
    run_preset(operator, name.replace("_", " "))
    assert scene.soliloquy.articulation == scene.soliloquy.body == 1.0, "as people do"
    first = performance.style()
    generate = protocol.Generate(audio="a", portrait="p", out="o")
    assert scene.soliloquy.guidance_scale == pytest.approx(generate.guidance_scale)
    lines.encode_request("1", protocol.Generate(audio="a", portrait="p", out="o", style=first))
    run_preset(operator, "As Sampled")
    assert performance.style() == PriorStyle()
    run_preset(operator, name.replace("_", " "))
    assert performance.style() == first, "a preset sets all there is, whatever was set before"
    assert (first == PriorStyle()) == (name == "As_Sampled")


def test_every_shipped_style_is_whole(taken):
    style = taken.soliloquy.takes[0].style
    folder = places.PRESET_PATHS / "presets" / "soliloquy" / "style"
    names = [path.stem.replace("_", " ") for path in sorted(folder.glob("*.py"))]
    assert len(names) >= 5
    seen = set()
    for name in names:
        run_preset(style_presets.SOLILOQUY_OT_style_preset, name)
        first = [getattr(style, group) for group in style_presets._SHOWN]
        for group in style_presets.GROUPS:
            setattr(style, group, 3.0)
        run_preset(style_presets.SOLILOQUY_OT_style_preset, name)
        assert [getattr(style, group) for group in style_presets._SHOWN] == first, name
        seen.add(json.dumps(first))
    assert len(seen) == len(names)


def test_a_preset_of_ones_own_is_saved_found_and_removed(scene, tmp_path, monkeypatch):
    (tmp_path / "presets" / "soliloquy" / "performance").mkdir(parents=True)
    monkeypatch.setattr(bpy.utils, "user_resource", lambda *_, path="", **__: str(tmp_path / path))
    monkeypatch.setattr(bpy.utils, "preset_paths", lambda subdir: [str(tmp_path / "presets" / subdir)])
    performance = scene.soliloquy.performance
    performance.liveliness, performance.start_pose, performance.set_start_pose = 0.25, (0.1, 0.2, 0.3), True
    scene.soliloquy.articulation, scene.soliloquy.body = 0.75, 0.5
    assert bpy.ops.soliloquy.performance_preset(name="My Own") == {"FINISHED"}
    wanted = performance.style()
    performance.liveliness, performance.set_start_pose = -1.0, False
    scene.soliloquy.articulation, scene.soliloquy.body = 1.0, 0.0
    run_preset(style_presets.SOLILOQUY_OT_performance_preset, "My Own")
    assert performance.style() == wanted and (scene.soliloquy.articulation, scene.soliloquy.body) == (0.75, 0.5)
    assert bpy.ops.soliloquy.performance_preset(name="My Own", remove_name=True) == {"FINISHED"}
    assert not list(tmp_path.rglob("*.py"))


def test_a_preset_of_an_earlier_version_sets_what_it_knows(scene, tmp_path, monkeypatch):
    """As version 0.1 wrote it: without articulation and body, which stay."""
    folder = tmp_path / "presets" / "soliloquy" / "performance"
    folder.mkdir(parents=True)
    shipped = places.PRESET_PATHS / "presets" / "soliloquy" / "performance" / "Lively.py"
    later = ("settings.articulation", "settings.body")
    lines_of_then = [line for line in shipped.read_text().splitlines() if not line.startswith(later)]
    assert len(lines_of_then) == len(shipped.read_text().splitlines()) - 2
    (folder / "Then.py").write_text("\n".join(lines_of_then))
    monkeypatch.setattr(bpy.utils, "preset_paths", lambda subdir: [str(tmp_path / "presets" / subdir)])
    scene.soliloquy.articulation, scene.soliloquy.body = 1.25, 0.25
    run_preset(style_presets.SOLILOQUY_OT_performance_preset, "Then")
    assert (scene.soliloquy.performance.liveliness, scene.soliloquy.articulation) == (pytest.approx(0.7), 1.25)
    assert scene.soliloquy.body == 0.25


def test_panels_have_their_presets_in_the_header():
    assert panels_style.SOLILOQUY_PT_performance_presets.preset_operator == "script.execute_preset"
    assert all(
        hasattr(cls, "draw_header_preset")
        for cls in panels_style.CLASSES
        if cls.__name__.startswith(("SOLILOQUY_PT_perf", "SOLILOQUY_PT_style"))
    )
