"""A .blend that version 0.1 saved, in Blender 5.0: it opens with all that was in it, and its takes bake and render.

``data/version-0.1.blend`` has two takes of one speech (seeds 5 and 6, made by the scripted worker), a head and a mesh
as targets, both baked, one character, and settings that are not the defaults. The test makes the files that it names.
"""

import math
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat
from soliloquy.addon.animation import nla
from soliloquy.addon.jobs import jobs
from soliloquy.addon.scene import take_list, takes
from soliloquy.addon.sequencer import strips
from soliloquy.core.motion.channels import CHANNELS, EXPRESSIONS
from soliloquy.core.wire.style import PriorStyle

BLEND = Path(__file__).parent / "data" / "version-0.1.blend"
JOB = "job-17c85f1f"
KEYS = ("fad26936964db148", "ae57aedd54a8cf0c")


def take_folder(folder: Path, turn: float) -> None:
    """A take of two seconds on disk, as version 0.1 left it: motion and frames."""
    (folder / "frames").mkdir(parents=True)
    seconds = np.arange(50) / 25.0
    expression = np.zeros((50, len(EXPRESSIONS)), np.float32)
    expression[:, EXPRESSIONS.index("jawOpen")] = 0.5 - 0.5 * np.cos(4 * np.pi * seconds)
    expression[:, EXPRESSIONS.index("eyeBlink_L")] = np.clip(np.sin(3 * seconds), 0, 1)
    rotation = (turn * np.sin(seconds[:, None] + np.arange(3))).astype(np.float32)
    moving = {"expression": expression, "rotation": rotation, "translation": np.zeros((50, 3), np.float32)}
    np.savez(folder / "motion.npz", fps=25.0, names=np.array(CHANNELS), **moving)
    for index in range(50):
        (folder / "frames" / f"{index + 1:06d}.png").touch()


@pytest.fixture
def old(scene, sound, portrait, tmp_path):
    """The scene of the old file."""
    if bpy.app.version < (5, 0, 0):
        pytest.skip("the file was saved by Blender 5.0")
    for name in ("person", "anna"):
        portrait(name)
    for index, turn in ((1, 0.2), (2, 0.1)):
        take_folder(tmp_path / "soliloquy" / JOB / f"take-{index:03d}", turn)
    shutil.copyfile(BLEND, tmp_path / BLEND.name)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / BLEND.name))
    return bpy.context.scene


def values(block: bpy.types.ID, key: str) -> dict[str, list[float]]:
    """Values of a take's curves on a data-block at some frames."""
    (track,) = (track for track in nla.tracks_on(block) if track.key == key)
    curves = compat.action_fcurves(track.action)
    return {f"{curve.data_path}[{curve.array_index}]": [curve.evaluate(t) for t in range(0, 50, 7)] for curve in curves}


def test_settings_are_as_they_were_saved(old):
    settings = old.soliloquy
    assert (settings.takes_wanted, settings.seed, settings.guidance_scale, settings.num_inference_steps) == (
        2,
        5,
        2.5,
        12,
    )
    assert (settings.size, settings.framing, settings.renderer, settings.portrait_file) == (
        "256", "crop", "warp", "//person.png",
    )  # fmt: skip
    assert settings.renew == {"blink", "head"} and settings.renew_style is False
    assert (settings.range_kind, settings.range_first, settings.range_last, settings.transition) == (
        "FRAMES",
        15,
        40,
        0.5,
    )
    assert settings.tolerance == pytest.approx(0.004)
    assert settings.articulation == settings.body == 1.0
    assert (settings.source, settings.pose_style) == ("diffusion", 0)
    assert [take.articulation for take in settings.takes] == [1.0, 1.0]
    assert not settings.transcript.said()
    assert not any(strip.soliloquy_transcript.said() for strip in compat.all_strips(old))
    pose = tuple(round(math.degrees(angle), 3) for angle in (0.1, 0.2, 0.0))
    assert settings.performance.style() == PriorStyle(
        liveliness=0.5, head_amplitude=1.5, blink_rate=20.0, gaze_to_camera=0.25, loop=True, start_pose=pose
    )


def test_takes_are_listed_shown_and_in_the_sequencer(old, tmp_path):
    first, second = old.soliloquy.takes
    assert [(take.key, take.name, take.seed, take.status) for take in (first, second)] == [
        (KEYS[0], "Good one", 5, "READY"),
        (KEYS[1], "Take 2", 6, "READY"),
    ]
    assert first.path() == tmp_path / "soliloquy" / JOB / "take-001" and first.job_path() == first.path().parent
    assert first.star and first.note == "the first one" and (first.shown, second.shown) == (True, False)
    assert (first.frame_count, first.fps, first.origin, first.audio_strip) == (50, 25.0, 11.0, "speech")
    assert (first.style.liveliness, first.style.blink, first.style.way_in) == (0.5, 1.5, 0.25)
    placed = [strips.find_strip(old, take.image_strip) for take in (first, second)]
    assert [(compat.left_handle(strip), strip.mute) for strip in placed] == [(11, False), (11, True)]
    assert takes.timing_of(old, first).origin == 11.0


def test_targets_characters_and_queue_are_there(old):
    head, face = old.soliloquy.targets
    assert (head.thing.name, head.preset, head.look_at.name) == ("person rig", "OWN", "eye catcher")
    assert head.look_influence == pytest.approx(0.6) and len(head.wanted_rules()) > 50
    assert face.thing.name == "face" and {rule.destination for rule in face.rules} == {"jawOpen", "eyeBlinkLeft"}
    (anna,) = old.soliloquy_queue.characters
    assert (anna.name, anna.portrait_file, old.soliloquy_queue.workers) == ("Anna", "//anna.png", 2)
    spoken = {strip.name: strip.soliloquy_character for strip in compat.all_strips(old) if strip.type == "SOUND"}
    assert spoken == {"speech": "", "line": "Anna"}
    assert old.soliloquy_queue.file == "//soliloquy/queue.json"


def test_baked_takes_play_and_follow_the_list(old):
    rig = old.soliloquy.targets[0].thing
    assert {track.key for track in nla.tracks_on(rig)} == set(KEYS)
    assert {track.key: track.track.mute for track in nla.tracks_on(rig)} == {KEYS[0]: False, KEYS[1]: True}
    old.soliloquy.active_take = 1
    assert {track.key: track.track.mute for track in nla.tracks_on(rig)} == {KEYS[0]: True, KEYS[1]: False}
    old.soliloquy.takes[1].name = "Renamed"
    assert [track.track.name for track in nla.tracks_on(rig) if track.key == KEYS[1]] == ["Renamed"]


def test_a_take_bakes_again(old):
    old.soliloquy.active_take = 0
    face = old.soliloquy.targets[1].thing.data.shape_keys
    before = values(face, KEYS[0])
    assert takes.unbake(KEYS[0]) == 2 and not nla.tracks_of(KEYS[0])
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    assert {found.block.name for found in nla.tracks_of(KEYS[0])} == {"person rig", face.name}
    after = values(face, KEYS[0])
    assert after.keys() == before.keys()
    for path, curve in after.items():
        assert curve == pytest.approx(before[path], abs=2 * old.soliloquy.tolerance), path
    first = old.soliloquy.takes[0]
    assert (first.style.blink, first.style.way_in) == (1.5, 0.25), "baking keeps the style"


def test_a_take_is_rendered_and_new_ones_are_made(old):
    old.soliloquy.active_take = 0
    assert bpy.ops.soliloquy.render_take() == {"FINISHED"}
    assert [(take.index, take.status) for take in old.soliloquy.takes] == [(1, "READY"), (2, "READY"), (3, "READY")]
    assert old.soliloquy.takes[2].path().name == "take-003" and not jobs.last_message()[1]
    old.soliloquy.seed, old.soliloquy.takes_wanted = 40, 1
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    newest = take_list.active_take(old)
    assert newest.seed == 40 and nla.tracks_of(newest.key)


def test_it_can_be_saved_and_opened_again(old, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "again.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "again.blend"))
    scene = bpy.context.scene
    assert [take.key for take in scene.soliloquy.takes] == list(KEYS)
    assert scene.soliloquy.takes[0].style.blink == 1.5 and len(scene.soliloquy.targets) == 2
