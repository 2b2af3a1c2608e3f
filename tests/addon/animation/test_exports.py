"""Takes for other programs: files that Blender's own importers read back, with their motion."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat
from soliloquy.addon.animation import exports, nla
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.addon.sequencer import speech
from soliloquy.core.motion.channels import EXPRESSIONS
from soliloquy.core.wire.names import HEAD_MATERIALS
from soliloquy.core.wire.systems import GAME, MODEL, NEURAL

FIRST, FRAMES = 11, 50


@pytest.fixture
def taken(request, scene, sound, portrait, speaks):
    """A head with two takes baked on it from scene frame 11 to 60, the first of them chosen, and a box next to it.

    The fixture's parameter, if there is one, is the head's detail.
    """
    import addon_utils

    for name in ("io_scene_gltf2", "io_scene_fbx"):
        addon_utils.enable(name)
    scene.soliloquy.portrait_file = str(portrait())
    spoken = speech.Speech(sound, 0.0, None, FIRST, "", 1)
    speaks(spoken)
    scene.soliloquy.head_detail = getattr(request, "param", MODEL)
    bpy.ops.soliloquy.add_head()
    scene.soliloquy.takes_wanted = 2
    bpy.ops.soliloquy.generate()
    scene.soliloquy.active_take = 0
    box = bpy.data.objects.new("box", bpy.data.meshes.new("box"))
    scene.collection.objects.link(box)
    box.select_set(True)
    bpy.context.view_layer.objects.active = box
    scene.frame_start, scene.frame_end = 3, 99
    return scene


@pytest.fixture
def written(taken, tmp_path):
    """Function that exports a take, imports the file into an empty scene, and returns the take's motion."""

    def export(kind, index=0, importer=None):
        path = tmp_path / f"out ü{exports.FORMATS[kind].ending}"
        if exports.why_not(kind):
            pytest.skip(exports.why_not(kind))
        taken.soliloquy.active_take = index
        motion = load_motion(taken.soliloquy.takes[index].path() / "motion.npz")
        assert bpy.ops.soliloquy.export_animation(filepath=str(path), kind=kind) == {"FINISHED"}
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
        bpy.context.scene.render.fps = 25
        importer(str(path))
        return motion

    return export


def shape_curve(names):
    """Values of an imported shape key at its own frames. The first of the names that is there is used."""
    for keys in bpy.data.shape_keys:
        action = keys.animation_data.action if keys.animation_data else None
        strips = [s for t in (keys.animation_data.nla_tracks if keys.animation_data else ()) for s in t.strips]
        for one in [action, *(strip.action for strip in strips)]:
            for curve in compat.action_fcurves(one) if one else ():
                if any(f'"{name}"' in curve.data_path for name in names):
                    first, last = curve.range()
                    return np.array([curve.evaluate(first + i) for i in range(round(last - first) + 1)])
    raise AssertionError(f"no curve of {names}")


def head_turns():
    """Range of the imported head bone's turn over the take, radians."""
    rig = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    bone = next(bone for bone in rig.pose.bones if bone.name == "head")
    start = None
    most = 0.0
    for frame in range(0, 70, 3):
        bpy.context.scene.frame_set(frame)
        posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[bone.name]
        turn = posed.matrix.to_quaternion()
        start = start or turn
        most = max(most, start.rotation_difference(turn).angle)
    return most


def jaw(motion):
    return motion.expression[:, EXPRESSIONS.index("jawOpen")]


def gltf(path):
    bpy.ops.import_scene.gltf(filepath=path)


def fbx(path):
    bpy.ops.import_scene.fbx(filepath=path)


@pytest.mark.parametrize(("kind", "importer"), [("GLTF", gltf), ("FBX", fbx)])
@pytest.mark.parametrize("index", [0, 1])
def test_shape_keys_and_bones_come_back(written, kind, importer, index):
    motion = written(kind, index, importer)
    seen = shape_curve(["jawOpen"])
    assert len(seen) in (FRAMES, FRAMES + 1) and np.abs(seen[:FRAMES] - jaw(motion)).max() < 0.02
    turned = np.ptp(motion.rotation, axis=0).max()
    assert head_turns() > 0.5 * turned, "the chosen take's, not another's"


def usd(path):
    bpy.ops.wm.usd_import(filepath=path, import_shapes=True, import_skeletons=True, import_blendshapes=True)


@pytest.mark.parametrize("taken", [NEURAL, GAME], indirect=True)
@pytest.mark.parametrize(("kind", "importer"), [("GLTF", gltf), ("FBX", fbx), ("USD", usd)])
def test_a_detailed_head_comes_back_with_hair_materials_and_motion(written, kind, importer):
    motion = written(kind, 0, importer)
    ends = {material.name.replace("_", " ").rpartition(" ")[2] for material in bpy.data.materials}
    assert {*HEAD_MATERIALS, "hair"} <= ends
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH"]
    shaped = [thing for thing in meshes if thing.data.shape_keys]
    hair = [thing for thing in meshes if any("hair" in material.name for material in thing.data.materials)]
    assert len(shaped) == 1 and len(hair) == 1 and shaped[0] is not hair[0]
    assert {"jawOpen", "tongueOut"} <= {key.name for key in shaped[0].data.shape_keys.key_blocks}
    assert abs(np.ptp(shape_curve(["jawOpen"])) - np.ptp(jaw(motion))) < 0.02


@pytest.mark.parametrize("taken", [GAME], indirect=True)
@pytest.mark.parametrize(("kind", "importer"), [("GLTF", gltf), ("FBX", fbx), ("USD", usd)])
def test_the_game_preset_comes_back_with_its_normal_map(written, kind, importer):
    written(kind, 0, importer)
    skin = next(material for material in bpy.data.materials if material.name.replace("_", " ").endswith(" skin"))
    turned = next(node for node in skin.node_tree.nodes if node.type == "NORMAL_MAP")
    picture = turned.inputs["Color"].links[0].from_node
    while picture.type != "TEX_IMAGE":  # an importer may scale its values
        picture = next(socket.links[0].from_node for socket in picture.inputs if socket.links)
    assert picture.image.size[0] and picture.image.colorspace_settings.name == "Non-Color"


def test_usd_brings_blend_shapes(written):

    motion = written("USD", 1, usd)
    seen = shape_curve(["jawOpen"])
    first = next(i for i in range(len(seen)) if np.abs(seen[i : i + 3] - jaw(motion)[:3]).max() < 0.02)
    part = seen[first : first + FRAMES]
    assert np.abs(part - jaw(motion)[: len(part)]).max() < 0.02 and len(part) > FRAMES - 2
    assert head_turns() > 0.05


def test_alembic_brings_the_moving_mesh(taken, written):
    skin = next(child for child in taken.soliloquy.targets[0].thing.children)
    places = []
    for frame in (FIRST, FIRST + 6, FIRST + 30):
        taken.frame_set(frame)
        posed = skin.evaluated_get(bpy.context.evaluated_depsgraph_get())
        places.append(np.array([posed.matrix_world @ v.co for v in posed.data.vertices]))
    written("ALEMBIC", 0, lambda path: bpy.ops.wm.alembic_import(filepath=path, as_background_job=False))
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    for frame, place in zip((FIRST, FIRST + 6, FIRST + 30), places, strict=True):
        bpy.context.scene.frame_set(frame)
        posed = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
        now = np.array([posed.matrix_world @ v.co for v in posed.data.vertices])
        assert np.abs(np.sort(now, axis=0) - np.sort(place, axis=0)).max() < 1e-4, frame
    assert not [thing for thing in bpy.data.objects if thing.name.startswith("box")], "only the target is written"


def test_everything_is_as_it_was_afterwards(taken, tmp_path):
    rig = taken.soliloquy.targets[0].thing
    taken.frame_set(37)
    mutes = {track.key: track.track.mute for track in nla.tracks_on(rig)}
    rig.select_set(False)
    assert bpy.ops.soliloquy.export_animation(filepath=str(tmp_path / "a.glb"), kind="GLTF") == {"FINISHED"}
    assert (taken.frame_start, taken.frame_end, taken.frame_current) == (3, 99, 37)
    assert [thing.name for thing in bpy.context.selected_objects] == ["box"]
    assert bpy.context.view_layer.objects.active.name == "box"
    assert {track.key: track.track.mute for track in nla.tracks_on(rig)} == mutes


def test_an_export_that_fails_is_reported(taken, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RuntimeError, match="can't be written"):
        bpy.ops.soliloquy.export_animation(filepath=str(tmp_path / "file" / "a.glb"), kind="GLTF")
    assert (taken.frame_start, taken.frame_end) == (3, 99)
    monkeypatch.setattr(exports, "_known_settings", lambda _name: set())
    with pytest.raises(RuntimeError, match="switched off"):
        bpy.ops.soliloquy.export_animation(filepath=str(tmp_path / "a.glb"), kind="GLTF")
    with pytest.raises(RuntimeError, match="built without Alembic"):
        bpy.ops.soliloquy.export_animation(filepath=str(tmp_path / "a.abc"), kind="ALEMBIC")
    bpy.ops.soliloquy.unbake()
    assert not bpy.ops.soliloquy.export_animation.poll()
    assert not list(Path(tmp_path).glob("a.*"))
