"""Emotions at times: added at the current frame of the speech, asked for, adopted, saved, in lists of jobs."""

import bpy
import pytest
from soliloquy.addon.properties.emotions import SoliloquyEmotion
from soliloquy.core.batch import job_list
from soliloquy.core.wire import lines, protocol
from soliloquy.core.wire.emotions import EMOTIONS, EmotionAt
from soliloquy.core.wire.style import PriorStyle

TWO = (EmotionAt(seconds=0.8, emotion="happy", strength=0.5), EmotionAt(seconds=2.0, emotion="angry"))


def add(scene, frame, emotion, strength=None):
    scene.frame_set(frame)
    assert bpy.ops.soliloquy.add_emotion() == {"FINISHED"}
    performance = scene.soliloquy.performance
    chosen = performance.emotions[performance.active_emotion]
    chosen.emotion = emotion
    if strength is not None:
        chosen.strength = strength
    return performance


def test_the_panel_offers_what_the_worker_knows(scene):
    items = SoliloquyEmotion.bl_rna.properties["emotion"].enum_items
    assert tuple(item.identifier for item in items) == EMOTIONS
    assert SoliloquyEmotion.bl_rna.properties["strength"].default == pytest.approx(EmotionAt(seconds=0.0).strength)


def test_they_are_added_at_the_current_frame_and_removed(speaking):
    add(speaking, 61, "angry")
    performance = add(speaking, 31, "happy", 0.5)
    assert performance.active_emotion == 0
    style = performance.style()
    assert style == PriorStyle(emotions=TWO), "in the order of their times, no trace of single precision"
    lines.encode_request("1", protocol.Generate(audio="a", portrait="p", out="o", style=style))
    add(speaking, 61, "sad")
    assert performance.active_emotion == 1 and len(performance.emotions) == 2, "the one that is there is chosen"
    bpy.ops.soliloquy.remove_emotion()
    bpy.ops.soliloquy.remove_emotion()
    assert performance.style() == PriorStyle() and not bpy.ops.soliloquy.remove_emotion.poll()


def test_they_are_adopted_and_saved(speaking, tmp_path):
    performance = add(speaking, 31, "sad")
    performance.adopt(PriorStyle(emotions=TWO), ["emotions"])
    assert performance.style().emotions == TWO
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "felt.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "felt.blend"))
    assert bpy.context.scene.soliloquy.performance.style().emotions == TWO


@pytest.mark.parametrize("name", ["jobs.csv", "jobs.json"])
def test_lists_of_jobs_hold_them(scene, tmp_path, name):
    files = {key: str(tmp_path / key) for key in ("audio", "portrait", "out")}
    request = protocol.Generate(**files, style=PriorStyle(emotions=TWO))
    job_list.save([job_list.Entry("one", request)], tmp_path / name)
    [again] = job_list.load(tmp_path / name, {})
    assert again.request.style.emotions == TWO
