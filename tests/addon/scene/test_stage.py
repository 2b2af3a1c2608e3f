"""``--save-blend`` from a new scene: a camera sees head and picture. A user's own scene keeps what it has."""

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from soliloquy.addon.commands import cli
from soliloquy.addon.scene import stage

from tests.addon.scene.found_head import box_of


@pytest.fixture
def saved(default, sound, portrait, tmp_path):
    """Function that runs the command with --save-blend in the open scene and opens what it saved."""

    def make(*more: str):
        target = tmp_path / "man.blend"
        arguments = ["--audio", str(sound), "--portrait", str(portrait()), "--out", str(tmp_path / "out"), *more]
        assert cli.run([*arguments, "--save-blend", str(target)]) == 0
        bpy.ops.wm.open_mainfile(filepath=str(target))
        return bpy.context.scene

    return make


def seen(scene, box):
    """Places of a box's corners in the camera's picture: 0 … 1 across and up, and the distance."""
    corners = [Vector((box[i][0], box[j][1], box[k][2])) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    return np.array([tuple(world_to_camera_view(scene, scene.camera, corner)) for corner in corners])


def rig_of(scene):
    return scene.soliloquy.targets[0].thing


def test_from_the_factory_scene(saved):
    scene = saved()
    assert not {"Cube", "Camera", "Light"} & {thing.name for thing in scene.objects}
    places = [seen(scene, box_of(*rig_of(scene).children)), seen(scene, box_of(scene.objects["Picture"]))]
    for corners in places:
        assert (corners[:, :2] > 0.0).all() and (corners[:, :2] < 1.0).all() and (corners[:, 2] > 0.2).all()
    assert places[0][:, 0].max() < places[1][:, 0].min(), "the head is left of the picture"
    assert np.ptp(np.concatenate(places)[:, 0]) > 0.4 or np.ptp(np.concatenate(places)[:, 1]) > 0.7, "not from far away"
    assert any(thing.type == "LIGHT" for thing in scene.objects) and not scene.render.use_sequencer
    assert scene.render.fps == 25 and scene.view_settings.view_transform == "Standard"
    assert bpy.context.view_layer.objects.active == rig_of(scene)


def test_from_an_empty_scene(default, saved):
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    scene = saved("--motion-only")
    assert scene.camera is not None and "Picture" in scene.objects
    texture = scene.objects["Picture"].active_material.node_tree.nodes.active
    assert texture.image.source == "FILE", "without frames it is the portrait"


@pytest.mark.slow
def test_a_render_shows_the_head_and_the_frame_of_that_time(saved, tmp_path):
    scene = saved()
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    scene.render.resolution_x, scene.render.resolution_y = 96, 54
    scene.render.image_settings.file_format = "PNG"
    for frame in (1, 31):
        scene.frame_set(frame)
        scene.render.filepath = str(tmp_path / f"{frame}.png")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        pixels = np.array(image.pixels[:]).reshape(54, 96, 4)[..., :3]
        x, y, _ = seen(scene, box_of(scene.objects["Picture"])).mean(axis=0)
        shown = pixels[int(y * 54), int(x * 96)] * 255.0
        assert np.allclose(shown, ((frame - 1) % 256, 0, 128), atol=4.0), "the scripted worker's colour of that frame"
        x, y, _ = seen(scene, box_of(*rig_of(scene).children)).mean(axis=0)
        around = pixels[2, 2]
        assert np.abs(pixels[int(y * 54), int(x * 96)] - around).max() > 0.03, "the head isn't the background"


@pytest.mark.parametrize("touch", ["moved", "scaled", "sculpted", "another", "keyed", "renamed", "saved", "scenes"])
def test_what_a_user_has_made_stays(default, saved, tmp_path, touch):
    cube = bpy.data.objects["Cube"]
    if touch == "moved":
        cube.location.x = 0.5
    elif touch == "scaled":
        cube.scale.z = 2.0
    elif touch == "sculpted":
        cube.data.vertices[0].co.x = 0.9
    elif touch == "another":
        bpy.ops.mesh.primitive_monkey_add(location=(0, 3, 0))
    elif touch == "keyed":
        cube.keyframe_insert("location", frame=1)
    elif touch == "renamed":
        cube.name = "My cube"
    elif touch == "saved":
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mine.blend"))
    else:
        bpy.data.scenes.new("Mine")
    before = {thing.name: tuple(thing.location) for thing in bpy.data.objects}
    camera, rate = default.camera.name, default.render.fps
    assert not stage.is_untouched(bpy.context.scene)
    scene = saved()
    after = {thing.name: tuple(thing.location) for thing in bpy.data.objects}
    assert {name: after[name] for name in before} == before and "Picture" not in after
    assert scene.camera.name == camera and scene.render.fps == rate and scene.render.use_sequencer


def test_without_a_head_nothing_is_touched(default, sound, portrait, tmp_path):
    arguments = ["--audio", str(sound), "--portrait", str(portrait()), "--out", str(tmp_path / "out")]
    assert cli.run(arguments) == 0
    assert {"Cube", "Camera", "Light"} <= {thing.name for thing in bpy.context.scene.objects}
