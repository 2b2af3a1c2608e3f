"""The panel's queue: strips become jobs of their characters, takes go on their targets, the file holds the queue."""

import json
from pathlib import Path

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.animation import nla
from soliloquy.addon.commands import cli
from soliloquy.addon.jobs import jobs
from soliloquy.addon.operators import preview as operators_preview
from soliloquy.addon.queue import job_queue, scene_jobs
from soliloquy.addon.scene import characters, takes
from soliloquy.core.batch import summary
from soliloquy.core.errors import BadInputError

pytestmark = pytest.mark.skipif(not compat.HAS_SOUND, reason="this Blender was built without sound strips")


def add_character(scene, name, picture):
    character = scene.soliloquy_queue.characters.add()
    character.name, character.portrait_file = name, str(picture)
    return character


@pytest.fixture
def play(scene, sound, portrait, shape_mesh):
    """Anna and Ben take turns, each with their own face; a third strip has no character."""
    for name in ("Anna", "Ben"):
        add_character(scene, name, portrait(name.lower()))
        target = scene.soliloquy.targets.add()
        target.thing = shape_mesh(f"{name}'s face", ["jawOpen", "eyeBlink_L"])
        target.character = name
    for channel, (name, who, frame) in enumerate([("line 2", "Ben", 61), ("line 1", "Anna", 1), ("door", "", 101)], 1):
        strip = compat.new_sound_strip(scene, name, str(sound), channel, frame)
        strip.soliloquy_character = who
    scene.soliloquy.motion_only = True
    return scene


def strip_of(scene, name):
    return next(strip for strip in compat.all_strips(scene) if strip.name == name)


def on_disk() -> tuple[list[dict], dict]:
    path = job_queue.path()
    return json.loads(path.read_text())["jobs"], json.loads(summary.summary_path(path).read_text())


def test_every_assigned_strip_becomes_a_job_in_the_order_heard(play):
    assert bpy.ops.soliloquy.queue_scene() == {"FINISHED"}
    assert [(entry.name, entry.strip, entry.character) for entry in job_queue.entries()] == [
        ("line 1 – Anna", "line 1", "Anna"), ("line 2 – Ben", "line 2", "Ben"),
    ]  # fmt: skip
    assert [Path(entry.request.portrait).stem for entry in job_queue.entries()] == ["anna", "ben"]
    assert bpy.ops.soliloquy.queue_scene() == {"FINISHED"} and len(job_queue.entries()) == 2, "once is enough"
    strip_of(play, "line 2").mute = True
    assert [strip.name for strip in characters.assigned_strips(play)] == ["line 1"]
    rows, _ = on_disk()
    assert rows[1]["audio"].endswith("speech.wav") and rows[1]["character"] == "Ben"
    lines = bpy.context.window_manager.soliloquy_queue
    assert [line.name for line in lines.items] == ["line 1 – Anna", "line 2 – Ben"]


def test_each_strip_brings_its_own_words_and_takes_remember_them(play):
    play.soliloquy.articulation, play.soliloquy.transcript.words = 0.7, "the mix"
    strip_of(play, "line 1").soliloquy_transcript.words = "Bin blue"
    strip_of(play, "line 2").soliloquy_transcript.words = "notes.txt"
    bpy.ops.soliloquy.queue_scene()
    play.soliloquy.articulation = 1.0
    assert [entry.request.transcript for entry in job_queue.entries()] == ["Bin blue", "notes.txt"]
    rows, _ = on_disk()
    assert [(row["articulation"], row["transcript"]) for row in rows] == [(0.7, "Bin blue"), (0.7, '"notes.txt"')]
    assert bpy.ops.soliloquy.queue_run() == {"FINISHED"}
    remembered = [(round(take.articulation, 4), take.transcript) for take in play.soliloquy.takes]
    assert remembered == [(0.7, "Bin blue"), (0.7, "notes.txt")]
    strip_of(play, "line 1").soliloquy_transcript.words = "Bin red"
    play.soliloquy.articulation = 0.7
    bpy.ops.soliloquy.queue_scene()
    assert len(job_queue.entries()) == 3, "other words are another job"


@pytest.mark.parametrize("kept", [True, False])
def test_takes_remember_the_words_of_a_file_that_the_list_names(play, tmp_path, kept):
    (tmp_path / "line.txt").write_text("Bin\nblue", encoding="utf-8")
    bpy.ops.soliloquy.queue_scene()
    job_queue.entries()[0].transcript_file = tmp_path / "line.txt"
    assert bpy.ops.soliloquy.queue_run() == {"FINISHED"}
    assert [take.transcript for take in play.soliloquy.takes] == ["Bin blue", ""]
    play.soliloquy.takes.clear()
    if not kept:
        (tmp_path / "line.txt").unlink()
    assert bpy.ops.soliloquy.queue_place() == {"FINISHED"}
    assert [take.transcript for take in play.soliloquy.takes] == ["Bin blue" if kept else "", ""]


def test_takes_land_on_their_characters_targets(play):
    bpy.ops.soliloquy.queue_scene()
    assert bpy.ops.soliloquy.queue_run() == {"FINISHED"}
    assert [entry.status for entry in job_queue.entries()] == ["done", "done"]
    assert [(take.character, take.audio_strip) for take in play.soliloquy.takes] == [
        ("Anna", "line 1"), ("Ben", "line 2"),
    ]  # fmt: skip
    for take, name, first in zip(play.soliloquy.takes, ("Anna", "Ben"), (1, 61), strict=True):
        keys = bpy.data.objects[f"{name}'s face"].data.shape_keys
        (track,) = nla.tracks_on(keys)
        assert track.key == take.key and track.strip.frame_start == first
    assert jobs.why_busy() == "" and jobs.last_message() == ("Queue: 2 done.", False)
    _, outcome = on_disk()
    assert outcome["counts"] == {"done": 2}


def test_a_job_that_fails_can_be_retried(play, portrait):
    characters.named(play, "Ben").portrait_file = str(portrait("noface"))
    bpy.ops.soliloquy.queue_scene()
    bpy.ops.soliloquy.queue_run()
    good, bad = job_queue.entries()
    assert (good.status, bad.status) == ("done", "failed") and "No face" in bad.error
    assert jobs.last_message() == ("Queue: 1 done, 1 failed.", True)
    made = Path(good.takes[0].motion).stat().st_mtime_ns
    assert bpy.ops.soliloquy.queue_retry() == {"FINISHED"} and bad.status == "waiting"
    bpy.ops.soliloquy.queue_run()
    assert Path(good.takes[0].motion).stat().st_mtime_ns == made and bad.attempts == 1
    assert not bpy.ops.soliloquy.queue_run.poll(), "nothing waits"
    bpy.context.window_manager.soliloquy_queue.active = 1
    bpy.ops.soliloquy.queue_remove()
    bpy.ops.soliloquy.queue_clear(done=True)
    assert job_queue.entries() == [] and on_disk()[0] == []


def test_the_active_strip_with_the_portrait_above(play, portrait):
    scene = play
    scene.sequence_editor.active_strip = strip_of(scene, "door")
    assert not bpy.ops.soliloquy.queue_strip.poll(), "no portrait is chosen"
    scene.soliloquy.portrait_file = str(portrait("passer by"))
    bpy.ops.soliloquy.queue_strip()
    scene.sequence_editor.active_strip = strip_of(scene, "line 1")
    bpy.ops.soliloquy.queue_strip()
    assert [Path(entry.request.portrait).stem for entry in job_queue.entries()] == ["passer by", "anna"]
    assert bpy.ops.soliloquy.generate.poll()
    bpy.ops.soliloquy.generate()
    take = scene.soliloquy.takes[0]
    assert take.character == "Anna", "Generate knows the strip's character as well"
    assert [target.thing.name for target in takes.targets_for(scene, take)] == ["Anna's face"]


def test_the_queue_is_found_again_with_its_file(play, tmp_path):
    bpy.ops.soliloquy.queue_scene()
    bpy.ops.soliloquy.queue_run()
    key = job_queue.entries()[0].key
    path = tmp_path / "play.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert job_queue.entries() == [] and job_queue.path() is None
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert [entry.status for entry in job_queue.entries()] == ["done", "done"]
    assert job_queue.entries()[0].key != key
    assert [line.name for line in bpy.context.window_manager.soliloquy_queue.items] == [
        "line 1 – Anna", "line 2 – Ben",
    ]  # fmt: skip
    scene = bpy.context.scene
    assert strip_of(scene, "line 1").soliloquy_character == "Anna"
    assert scene.soliloquy.targets[1].character == "Ben"


def test_what_the_command_line_made_is_brought_in(play, tmp_path):
    bpy.ops.soliloquy.queue_scene()
    path = tmp_path / "lists" / "play.csv"
    assert bpy.ops.soliloquy.queue_save(filepath=str(path)) == {"FINISHED"}
    assert cli.run(["batch", str(path)]) == 0
    assert len(play.soliloquy.takes) == 0, "it was not asked to save a .blend"
    bpy.ops.soliloquy.queue_open(filepath=str(path))
    assert [entry.status for entry in job_queue.entries()] == ["done", "done"]
    assert bpy.ops.soliloquy.queue_place() == {"FINISHED"}
    assert [take.character for take in play.soliloquy.takes] == ["Anna", "Ben"]
    assert scene_jobs.unplaced(job_queue.entries(), play) == []


def test_the_scene_from_the_command_line(play, tmp_path):
    blend = tmp_path / "done.blend"
    list_file = tmp_path / "kept.json"
    code = cli.run(["batch", "--scene", "--save-list", str(list_file), "--save-blend", str(blend)])
    assert code == 0 and [job["strip"] for job in json.loads(list_file.read_text())["jobs"]] == ["line 1", "line 2"]
    assert [take.character for take in play.soliloquy.takes] == ["Anna", "Ben"] and blend.is_file()
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("motion.npz")}
    assert cli.run(["batch", "--scene", "--save-list", str(list_file), "--save-blend", str(blend)]) == 0
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("motion.npz")}
    assert len(play.soliloquy.takes) == 2


def test_a_scene_without_characters_is_told(scene, capsys):
    assert cli.run(["batch", "--scene"]) == 2
    assert "No sound strip has a character with a portrait" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="No sound strip has a character"):
        bpy.ops.soliloquy.queue_scene()


def test_while_it_runs_no_other_job_starts_and_the_other_way_round(play):
    bpy.ops.soliloquy.queue_scene()
    job_queue.start(1)
    assert "queue is running" in jobs.why_busy() and not bpy.ops.soliloquy.queue_open.poll()
    assert not bpy.ops.soliloquy.generate.poll()
    with pytest.raises(Exception, match="queue is running"):
        job_queue.open_list(job_queue.path())
    pids = [seat.client.pid for seat in job_queue.crew().seats if seat.client] if job_queue.crew().poll() else []
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert job_queue.crew() is None and jobs.why_busy() == "" and pids
    assert "another file was opened" in jobs.last_message()[0]


def test_the_same_line_on_two_strips_is_a_take_on_each(play):
    strip_of(play, "door").soliloquy_character = "Anna"  # the sound that she speaks on "line 1" too
    bpy.ops.soliloquy.queue_scene()
    assert [entry.strip for entry in job_queue.entries()] == ["line 1", "line 2", "door"]
    bpy.ops.soliloquy.queue_run()
    first, _, again = play.soliloquy.takes
    assert (first.audio_strip, again.audio_strip) == ("line 1", "door")
    assert first.path() == again.path() and first.key != again.key
    tracks = list(nla.tracks_on(bpy.data.objects["Anna's face"].data.shape_keys))
    assert [(track.key, track.strip.frame_start) for track in tracks] == [(first.key, 1), (again.key, 101)]
    assert scene_jobs.unplaced(job_queue.entries(), play) == []
    bpy.ops.soliloquy.queue_scene()
    assert len(job_queue.entries()) == 3, "once is enough"


def test_a_strip_that_is_gone_leaves_its_takes_on_disk(play):
    bpy.ops.soliloquy.queue_scene()
    strips = compat.strips_of(play.sequence_editor)
    strips.remove(strip_of(play, "line 2"))
    bpy.ops.soliloquy.queue_run()
    assert [take.character for take in play.soliloquy.takes] == ["Anna"]
    assert "there is no strip “line 2” in this file" in jobs.last_message()[0]
    assert Path(job_queue.entries()[1].takes[0].motion).is_file()


def test_characters_come_and_go(play, portrait):
    scene = play
    scene.soliloquy.portrait_file = str(portrait("anna"))
    for strip in compat.all_strips(scene):
        strip.select = strip.name == "door"
    bpy.ops.soliloquy.add_character()
    assert [c.name for c in scene.soliloquy_queue.characters] == ["Anna", "Ben", "anna"]
    assert strip_of(scene, "door").soliloquy_character == "anna"
    bpy.ops.soliloquy.add_character()
    assert scene.soliloquy_queue.characters[3].name == "anna 2"
    assert strip_of(scene, "door").soliloquy_character == "anna", "it is somebody's already"
    bpy.ops.soliloquy.assign_character()
    assert strip_of(scene, "door").soliloquy_character == "anna 2"
    scene.soliloquy_queue.active_character = 0
    bpy.ops.soliloquy.remove_character()
    assert strip_of(scene, "line 1").soliloquy_character == "" and scene.soliloquy.targets[0].character == ""
    with pytest.raises(BadInputError):
        strip_of(scene, "line 2").soliloquy_character = "nobody"
        strip_of(scene, "door").soliloquy_character = ""
        list(scene_jobs.entries_of_scene(scene))


# ------------------------------------------------------------------------------------------------------------ preview
def test_a_preview_is_small_and_the_real_take_replaces_it(play, portrait):
    scene = play
    scene.soliloquy.motion_only = False
    scene.soliloquy.takes_wanted = 2
    scene.sequence_editor.active_strip = strip_of(scene, "line 1")
    bpy.ops.soliloquy.preview()
    take = scene.soliloquy.takes[0]
    assert (take.name, take.preview, take.has_frames) == ("Preview", True, True) and "previews" in take.folder
    key = take.key
    assert nla.tracks_of(key) and not bpy.ops.soliloquy.resample.poll()
    bpy.ops.soliloquy.preview()
    assert [take.name for take in scene.soliloquy.takes] == ["Preview"], "a preview replaces a preview"
    bpy.ops.soliloquy.generate()
    assert [take.name for take in scene.soliloquy.takes] == ["Take 1", "Take 2"]
    assert not nla.tracks_of(key)
    images = [strip.name for strip in compat.all_strips(scene) if strip.type == "IMAGE"]
    assert len(images) == 2 and not any("Preview" in name for name in images)


def test_what_a_preview_asks_for(scene, sound, portrait):
    from soliloquy.core.wire.protocol import Generate

    whole = Generate(audio=str(sound), portrait=str(portrait()), out="/o", takes=5, seed=3, num_inference_steps=7)
    small = operators_preview.preview_of(whole)
    assert (small.takes, small.size, small.renderer, small.preview) == (1, 256, "warp", 4.0)
    assert (small.seed, small.num_inference_steps) == (3, 7), "what shapes the motion stays"
