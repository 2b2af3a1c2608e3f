"""The list of takes: star, note, solo, A/B, duplicate, delete; what survives saving, reloading and appending."""

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.animation import nla
from soliloquy.addon.scene import take_list
from soliloquy.addon.sequencer import strips


@pytest.fixture
def three(spoken):
    """Three takes with frames, and a head on which each was baked on arrival."""
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    spoken.soliloquy.takes_wanted = 3
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    return spoken


def rig_of(scene):
    return scene.soliloquy.targets[0].thing


def playing(scene):
    return [track.track.name for track in nla.tracks_on(rig_of(scene)) if not track.track.mute]


def seen(scene):
    return [strip.name for strip in compat.all_strips(scene) if strip.type == "IMAGE" and not strip.mute]


def test_each_take_has_an_action_a_track_and_a_channel_of_its_own(three):
    tracks = list(nla.tracks_on(rig_of(three)))
    assert {track.track.name for track in tracks} == {"Take 1", "Take 2", "Take 3"}
    assert len({track.action.name for track in tracks}) == 3
    images = [strip for strip in compat.all_strips(three) if strip.type == "IMAGE"]
    assert len({strip.channel for strip in images}) == 3
    assert playing(three) == ["Take 3"] and seen(three) == ["Take 3 (seed 2)"]


def test_choosing_shows_one_take_and_ab_flips_back(three):
    settings = three.soliloquy
    settings.active_take = 0
    assert playing(three) == ["Take 1"] and seen(three) == ["Take 1 (seed 0)"]
    bpy.ops.soliloquy.compare_takes()
    assert (settings.active_take, playing(three)) == (2, ["Take 3"])
    bpy.ops.soliloquy.compare_takes()
    assert (settings.active_take, playing(three)) == (0, ["Take 1"])
    settings.takes[1].shown = True
    assert set(playing(three)) == {"Take 1", "Take 2"} and len(seen(three)) == 2


def test_the_rig_moves_as_the_chosen_take_does(three):
    turns = []
    for index in range(3):
        three.soliloquy.active_take = index
        three.frame_set(30)
        rig = rig_of(three).evaluated_get(bpy.context.evaluated_depsgraph_get())
        turns.append(tuple(round(angle, 4) for angle in rig.pose.bones["head"].rotation_euler))
    assert len(set(turns)) == 3, "head turns of the three seeds differ"


def test_a_duplicate_can_be_edited_without_the_first(three):
    settings = three.soliloquy
    settings.active_take = 1
    assert bpy.ops.soliloquy.duplicate_take() == {"FINISHED"}
    assert [take.name for take in settings.takes] == ["Take 1", "Take 2", "Take 2 copy", "Take 3"]
    first, second = settings.takes[1], settings.takes[2]
    assert first.key != second.key and first.folder == second.folder
    one, two = nla.tracks_of(first.key)[0], nla.tracks_of(second.key)[0]
    assert one.action != two.action and (two.strip.frame_start, two.strip.frame_end) == (11, 61)
    curve = next(c for c in compat.action_fcurves(two.action) if c.data_path == '["jawOpen"]')
    curve.keyframe_points[3].co.y = 0.987
    other = next(c for c in compat.action_fcurves(one.action) if c.data_path == '["jawOpen"]')
    assert other.keyframe_points[3].co.y != pytest.approx(0.987)
    assert playing(three) == ["Take 2 copy"] and first.image_strip != second.image_strip
    bpy.ops.soliloquy.duplicate_take()
    assert settings.takes[3].name == "Take 2 copy 2"
    bpy.ops.soliloquy.remove_take()
    assert len(nla.tracks_of(settings.takes[1].key)) == 1 and len(bpy.data.actions) == 4
    settings.active_take = 1
    assert bpy.ops.soliloquy.delete_take.poll() is False, "its files are still used"


def test_delete_removes_the_files_too(three):
    folder = three.soliloquy.takes[2].path()
    assert bpy.ops.soliloquy.delete_take("EXEC_DEFAULT") == {"FINISHED"}
    assert not folder.exists() and len(three.soliloquy.takes) == 2 and len(bpy.data.actions) == 2


def test_delete_refuses_a_folder_that_is_no_take(three, tmp_path):
    precious = tmp_path / "holiday"
    precious.mkdir()
    three.soliloquy.takes[2].folder = str(precious)
    with pytest.raises(RuntimeError, match="doesn't look like a take"):
        bpy.ops.soliloquy.delete_take("EXEC_DEFAULT")
    assert precious.is_dir()


def test_names_notes_and_stars_survive_and_tracks_are_renamed(three, tmp_path):
    take = three.soliloquy.takes[0]
    take.star, take.note, take.name = True, "the good nod", "Hero"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "talk.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "talk.blend"))
    take = bpy.context.scene.soliloquy.takes[0]
    assert (take.star, take.note, take.name) == (True, "the good nod", "Hero")
    assert nla.tracks_of(take.key)[0].track.name == "Hero"
    assert strips.find_strip(bpy.context.scene, take.image_strip).name.startswith("Hero (seed ")
    bpy.context.scene.soliloquy.active_take = 0
    assert playing(bpy.context.scene) == ["Hero"]


def test_an_appended_rig_brings_its_takes_along(three, tmp_path):
    keys, name = [take.key for take in three.soliloquy.takes], rig_of(three).name
    hero = three.soliloquy.takes[1]
    hero.name, hero.star, hero.note = "Hero", True, "the good nod"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "rig.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "rig.blend")) as (_, into):
        into.objects = [name]
    scene = bpy.context.scene
    scene.collection.objects.link(bpy.data.objects[name])
    assert bpy.ops.soliloquy.collect_takes() == {"FINISHED"}
    assert [take.key for take in scene.soliloquy.takes] == keys
    assert [(take.name, take.star, take.note) for take in scene.soliloquy.takes] == [
        ("Take 1", False, ""),
        ("Hero", True, "the good nod"),
        ("Take 3", False, ""),
    ]
    assert {take.status for take in scene.soliloquy.takes} == {"READY"}, "their frames are found where they were made"
    assert take_list.from_rigs(scene) == 0


def test_an_override_gets_curves_of_its_own_and_they_stay(three, tmp_path):
    """Anything that a bake writes into a library's Actions is lost when the file is opened again."""
    key, name = three.soliloquy.takes[2].key, rig_of(three).name
    three.soliloquy.takes[1].shown = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "rig.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "rig.blend"), link=True) as (_, into):
        into.objects = [name]
    scene = bpy.context.scene
    rig = bpy.data.objects[name].override_create()
    scene.collection.objects.link(rig)
    bpy.ops.soliloquy.collect_takes()
    scene.soliloquy.active_take = 0
    scene.soliloquy.active_take = take_list.index_of(scene, key)
    (track,) = [track for track in nla.tracks_on(rig) if track.key == key]
    with pytest.raises(RuntimeError, match="belong to another file"):
        bpy.ops.soliloquy.edit_curves()
    before = [tuple(point.co) for curve in compat.action_fcurves(track.action) for point in curve.keyframe_points]
    scene.soliloquy.targets.add().thing = rig
    scene.render.fps = 50
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    assert before == [tuple(p.co) for curve in compat.action_fcurves(track.action) for p in curve.keyframe_points]
    assert track.track.mute, "the library's track would play beside it"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    rig = bpy.context.scene.soliloquy.targets[0].thing
    (track,) = [track for track in nla.tracks_on(rig) if track.key == key]
    assert track.own and not track.track.mute and track.strip.action_frame_end > 100
    playing_now = [track for track in rig.animation_data.nla_tracks if not track.mute]
    assert len(playing_now) == 1, "the other takes stay silent, the library's of the same too"
    assert nla.facts_of(track.action)["rate"] == 50
    bpy.ops.soliloquy.unbake()
    (track,) = [track for track in nla.tracks_on(rig) if track.key == key]
    assert not track.own and track.track.mute


def test_an_appended_scene_finds_its_takes(three, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    three.soliloquy.output_dir = str(folder / "takes")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "talk.blend"))
    bpy.ops.soliloquy.generate()
    assert three.soliloquy.takes[-1].folder.startswith("//")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(folder / "talk.blend")) as (_, into):
        into.scenes = ["Scene"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(elsewhere / "film.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "film.blend"))
    appended = next(scene for scene in bpy.data.scenes if len(scene.soliloquy.takes))
    assert {take.status for take in appended.soliloquy.takes} == {"READY"}


def test_curves_open_for_editing_and_close_again(three):
    rig = rig_of(three)
    for thing in three.objects:
        thing.select_set(False)
    assert bpy.ops.soliloquy.edit_curves() == {"FINISHED"}
    assert [thing for thing in three.objects if thing.select_get()] == [rig], "the graph editor shows what is selected"
    assert rig.animation_data.use_tweak_mode and rig.animation_data.action.name.endswith("Take 3")
    assert bpy.ops.soliloquy.edit_curves() == {"FINISHED"}
    assert not rig.animation_data.use_tweak_mode and rig.animation_data.action is None
    rig.select_set(False)
    skin = next(child for child in rig.children if child.type == "MESH")
    skin.select_set(True)
    bpy.ops.soliloquy.edit_curves()
    assert rig.select_get() and skin.select_get(), "none of what carries the take was selected"
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}, "an open take is closed and baked again"
    three.soliloquy.active_take = 0
    bpy.ops.soliloquy.unbake()
    with pytest.raises(RuntimeError, match="Bake it first"):
        bpy.ops.soliloquy.edit_curves()


def test_removed_takes_take_their_strip_along(three):
    names = [take.image_strip for take in three.soliloquy.takes]
    bpy.ops.soliloquy.remove_take()
    assert strips.find_strip(three, names[2]) is None and playing(three) == ["Take 2"]
