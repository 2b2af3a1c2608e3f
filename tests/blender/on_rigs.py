"""Cases for ``blender -b`` with the installed zip: rigs of other makers: a real Rigify rig, ARKit shapes, overrides.

Run by ``tests/blender/run.py``; the worker is the scripted one.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import addon_utils
import bpy
import numpy as np
from harness import addon, folder, ready_scene, run_cases


def rigify_person():
    """The human that Rigify generates, with its face controls."""
    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    bpy.ops.object.mode_set(mode="POSE")
    bpy.ops.pose.rigify_generate()
    bpy.ops.object.mode_set(mode="OBJECT")
    return bpy.data.objects["rig"]


def arkit_face():
    """A mesh with ARKit's shapes in another spelling; each shape moves its own vertex."""
    names = addon("rig.arkit").SHAPE_NAMES
    mesh = bpy.data.meshes.new("face")
    mesh.from_pydata([(i * 0.01, 0.0, 1.7) for i in range(len(names))], [], [])
    face = bpy.data.objects.new("face", mesh)
    bpy.context.scene.collection.objects.link(face)
    face.shape_key_add(name="Basis")
    for index, name in enumerate(names):
        key = face.shape_key_add(name=name.replace("Left", "_L").replace("Right", "_R"))
        key.data[index].co.z += 0.02
        key.value = 0.0
    return face


def target(thing):
    """Add the object as a target with its guessed mapping."""
    entry = bpy.context.scene.soliloquy.targets.add()
    entry.thing = thing
    return entry


def pose_at(rig, names, frames):
    """(frames, bones, 4, 4) final matrices."""
    result = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        result.append([np.array(posed.pose.bones[name].matrix) for name in names])
    return np.array(result)


def one_take_moves_three_rigs_and_leaves_as_it_came():
    scene, _ = ready_scene()
    rig, face = rigify_person(), arkit_face()
    rig.pose.bones["torso"].keyframe_insert("location", frame=1)
    walk = rig.animation_data.action
    bpy.ops.soliloquy.add_head()
    for thing, preset in ((rig, "RIGIFY"), (face, "ARKIT")):
        assert target(thing).preset == preset
    controls = ("head", "jaw_master", "lips.L", "lid.T.L.002", "lid.T.R.002", "eyes", "brow.T.L.003")
    assert set(controls) <= {rule.destination for rule in scene.soliloquy.targets[1].rules}
    bones = ("head", "jaw_master", "DEF-lid.T.L.002", "DEF-jaw")
    rest = pose_at(rig, bones, [30])[0]
    started = time.perf_counter()
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    print(f"rate of three rigs: {time.perf_counter() - started:.1f} s for a take with three bakes")
    take = scene.soliloquy.takes[0]
    nla, moves = addon("animation.nla"), addon("animation.visibility")
    assert {track.block for track in nla.tracks_of(take.key)} >= {rig, face.data.shape_keys}
    posed = pose_at(rig, bones, range(12, 60, 6))
    moved = np.ptp(posed, axis=0).max(axis=(1, 2))
    assert (moved > 0.004).all(), dict(zip(bones, moved, strict=True))
    for entry in scene.soliloquy.targets:
        assert moves.obstacles(entry.thing, take.key, take.name) == [], entry.thing.name
    assert bpy.ops.soliloquy.check_moves() == {"FINISHED"}
    assert not addon("jobs.jobs").last_message()[1], addon("jobs.jobs").last_message()
    assert bpy.ops.soliloquy.unbake() == {"FINISHED"}
    assert list(bpy.data.actions) == [walk] and not nla.tracks_of(take.key)
    assert np.allclose(pose_at(rig, bones, [30])[0], rest, atol=1e-5)


def the_jaw_of_a_rigify_face_opens_down_and_lids_close():
    scene, _ = ready_scene()
    rig = rigify_person()
    target(rig)
    bpy.ops.soliloquy.generate()
    take = scene.soliloquy.takes[0]
    motion = addon("animation.motion_file").load_motion(take.path() / "motion.npz")
    names = addon("rig.arkit").SHAPE_NAMES
    shut = int(np.argmin(motion.expression[:, names.index("jawOpen")]))
    wide = int(np.argmax(motion.expression[:, names.index("jawOpen")]))
    chin = pose_at(rig, ["DEF-jaw"], [11 + shut, 11 + wide])
    pitch = [pose_at(rig, ["head"], [11 + k])[0, 0] for k in (shut, wide)]
    in_head = [np.linalg.inv(head) @ jaw[0] for head, jaw in zip(pitch, chin, strict=True)]
    assert in_head[1][1, 3] < in_head[0][1, 3] - 0.003, "in the head's axes the chin goes down (y is along the bone)"


def a_long_bake_is_quick():
    """60 s: 1,500 frames on the head's 73 curves. The time is printed, and checked against a generous limit."""
    scene, _ = ready_scene()
    bpy.ops.soliloquy.add_head()
    bake, presets, steps = addon("animation.bake"), addon("rig.presets"), addon("steps")
    timing = addon("sequencer.timing").Timing(1.0, 25.0)
    rig = scene.soliloquy.targets[0].thing
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(0, 0.02, (1500, 59)), axis=0) * np.hanning(1500)[:, None]
    take = addon("animation.motion_file").Motion(
        np.clip(smooth[:, :53], 0, 1), smooth[:, 53:56] * 0.2, smooth[:, 56:], 25.0
    )
    for tolerance in (0.0, 0.002):
        started = time.perf_counter()
        steps.advance(bake.bake(rig, presets.own_rules(rig), take, timing, "x", "Take", tolerance), float("inf"))
        seconds = time.perf_counter() - started
        print(f"rate of a bake of 1500 frames, curve error {tolerance}: {seconds:.2f} s")
        assert seconds < 20


def a_library_override_takes_the_bake_and_keeps_it():
    scene, _ = ready_scene()
    bpy.ops.soliloquy.add_head()
    name = scene.soliloquy.targets[0].thing.name
    library = folder("library") / "head.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene, _ = ready_scene()
    scene.soliloquy.output_dir = str(folder("out"))
    with bpy.data.libraries.load(str(library), link=True) as (_, into):
        into.objects = [name, name.replace(" rig", " head")]
    linked = bpy.data.objects[name]
    scene.collection.objects.link(linked)
    target(linked)
    bpy.ops.soliloquy.generate()
    assert "library override" in addon("jobs.jobs").last_message()[0], addon("jobs.jobs").last_message()
    scene.soliloquy.targets.clear()
    own = linked.override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    target(own)
    assert scene.soliloquy.targets[0].preset == "OWN"
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    path = folder("shot") / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    scene = bpy.context.scene
    rig = scene.soliloquy.targets[0].thing
    assert rig.override_library is not None and len(list(addon("animation.nla").tracks_on(rig))) == 1
    assert len(scene.soliloquy.targets[0].rules) > 60, "the mapping is the scene's, not the linked rig's"
    jaws = []
    for frame in (11, 17, 23, 29):
        scene.frame_set(frame)
        jaws.append(rig.evaluated_get(bpy.context.evaluated_depsgraph_get())["jawOpen"])
    assert max(jaws) - min(jaws) > 0.3


def nothing_is_left_running():
    """The runner checks that this process ends."""
    ready_scene()
    bpy.ops.soliloquy.generate()
    print(f"LEFT {addon('jobs.jobs').worker_pid()}", flush=True)


run_cases(
    [
        one_take_moves_three_rigs_and_leaves_as_it_came,
        the_jaw_of_a_rigify_face_opens_down_and_lids_close,
        a_long_bake_is_quick,
        a_library_override_takes_the_bake_and_keeps_it,
        nothing_is_left_running,
    ]
)
