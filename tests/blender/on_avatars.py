"""Cases for ``blender -b`` with the installed zip: avatars as MPFB, VRM and Ready Player Me make them in Blender.

Run by ``tests/blender/run.py``; the worker is the scripted one, whose box-shaped head has shapes that lower it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import addon_utils
import avatars
import bpy
import numpy as np
from harness import addon, folder, ready_scene, run_cases


def baked_on(make, **how):
    """Bake a take on an avatar; returns (scene, target, the take's motion of 50 frames)."""
    scene, _ = ready_scene()
    bpy.ops.soliloquy.add_head()
    head = scene.soliloquy.targets[0].thing
    rig = make(head, **how)
    scene.soliloquy.targets.clear()
    target = scene.soliloquy.targets.add()
    target.thing = rig
    bpy.ops.soliloquy.generate()
    take = scene.soliloquy.takes[0]
    assert addon("animation.visibility").obstacles(rig, take.key, take.name) == []
    assert bpy.ops.soliloquy.check_moves() == {"FINISHED"}
    assert not addon("jobs.jobs").last_message()[1], addon("jobs.jobs").last_message()
    return scene, target, addon("animation.motion_file").load_motion(take.path() / "motion.npz")


def sources_of(target) -> dict[str, list[str]]:
    """{destination: channels that move it}."""
    found: dict[str, list[str]] = {}
    for rule in target.rules:
        found.setdefault(rule.destination, []).append(rule.source)
    return found


def gaze_turns_once(scene, rig, eye: str, motion, frame: int) -> None:
    """The left eye turns exactly as far as the motion says: a weight of 0.5 is half of 0.52 radians."""
    scene.frame_set(11 + frame)
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    bone = posed.pose.bones[eye]
    local = bone.parent.matrix.inverted() @ bone.matrix
    rest = bone.parent.bone.matrix_local.inverted() @ bone.bone.matrix_local
    turned = (rest.inverted() @ local).to_quaternion().angle
    names = addon("rig.arkit").SHAPE_NAMES
    out = motion.expression[frame, names.index("eyeLookOutLeft")]
    assert abs(turned - 0.52 * out) < 0.01, (turned, out)


def forward_of(rig, bone: str):
    """Current world direction of a bone's direction out of the face at rest, which the eyes define."""
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[bone]
    return (posed.matrix @ posed.bone.matrix_local.inverted()).to_3x3()


def an_mpfb_person_with_face_units():
    scene, target, motion = baked_on(avatars.mpfb, face_units=True)
    assert target.preset == "MPFB"
    moved = sources_of(target)
    assert moved["!ex-jawOpen"] == ["jawOpen"] and moved["!ex-eyeBlinkLeft"] == ["eyeBlinkLeft"]
    assert moved["!ex-browInnerUp"] == ["0.5 browInnerUpLeft + 0.5 browInnerUpRight"]
    assert sum(name.startswith("!ex-") for name in moved) == 52, "all of ARKit"
    assert {"neck01", "head"} <= set(moved) and "jaw" not in moved, "the shape opens the mouth, once"
    if bpy.data.objects.get("Human.low-poly"):
        assert "eye.L" in moved, "its eyeballs have no shapes, so the bones turn them"
    scene.frame_set(11 + 6)
    keys = bpy.data.objects["Human.body"].data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get())
    jaw = motion.expression[6, addon("rig.arkit").SHAPE_NAMES.index("jawOpen")]
    assert abs(keys.key_blocks["!ex-jawOpen"].value - jaw) < 0.003


def an_mpfb_person_without_face_units():
    scene, target, motion = baked_on(avatars.mpfb, face_units=False)
    assert target.preset == "MPFB"
    moved = sources_of(target)
    assert {"jaw", "eye.L", "orbicularis03.L", "orbicularis04.R", "oculi01.L", "head", "neck01"} <= set(moved)
    gaze_turns_once(scene, target.thing, "eye.L", motion, 20)
    rig = target.thing
    blink = motion.expression[:, addon("rig.arkit").SHAPE_NAMES.index("eyeBlinkLeft")]
    scene.frame_set(11 + int(blink.argmax()))
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    lid, special = posed["orbicularis03.L"], posed["special05.L"]
    local = special.matrix.inverted() @ lid.tail
    rest = special.bone.matrix_local.inverted() @ lid.bone.tail_local
    down = (special.bone.matrix_local.to_3x3() @ (local - rest)).z
    assert down < -0.01, f"the upper lid goes down over the eye: {down}"
    jaw = motion.expression[:, addon("rig.arkit").SHAPE_NAMES.index("jawOpen")]
    scene.frame_set(11 + int(jaw.argmax()))
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    chin = posed["head"].matrix.inverted() @ posed["jaw"].tail
    before = posed["head"].bone.matrix_local.inverted() @ posed["jaw"].bone.tail_local
    assert (chin - before).y < -0.01, "y runs up along the head's bone: the chin goes down"


def a_vroid_person_of_vrm_0_looks_the_other_way():
    a_vroid_person(0, "Face.M_F00_000_00_Fcl_")


def a_vroid_person_of_vrm_1():
    a_vroid_person(1, "Fcl_")


def a_vroid_person(version: int, before: str) -> None:
    scene, target, motion = baked_on(avatars.vrm, version=version)
    rig = target.thing
    assert target.preset == "VISEMES", target.preset
    moved = sources_of(target)
    wanted = {f"{before}{name}" for name in ("MTH_A", "MTH_I", "MTH_U", "MTH_E", "MTH_O", "EYE_Close_L", "EYE_Close_R")}
    assert wanted <= set(moved), wanted - set(moved)
    assert f"{before}EYE_Close" not in moved, "both lids have shapes of their own"
    assert {"J_Bip_C_Head", "J_Bip_C_Neck", "J_Adj_L_FaceEye"} <= set(moved)
    gaze_turns_once(scene, rig, "J_Adj_L_FaceEye", motion, 20)
    # Half of a nod is on the neck: the face goes down, whichever way the person looks.
    pitch = motion.rotation[:, 0]
    frame = int(np.abs(pitch).argmax())
    scene.frame_set(11 + frame)
    bones = rig.data.bones
    face = (bones["J_Adj_L_FaceEye"].head_local + bones["J_Adj_R_FaceEye"].head_local) / 2
    away = face - bones["J_Bip_C_Head"].head_local
    away.x = away.z = 0.0
    nodded = forward_of(rig, "J_Bip_C_Head") @ away.normalized()
    assert np.sign(nodded.z) == -np.sign(pitch[frame]) and abs(nodded.z) > 0.05, (nodded, pitch[frame])
    assert away.y > 0 if version == 0 else away.y < 0
    left = bones["J_Adj_L_FaceEye"].head_local.x - bones["J_Adj_R_FaceEye"].head_local.x
    yaw = motion.rotation[frame, 1]
    assert np.sign(nodded.x) == np.sign(left * yaw) or abs(yaw) < 0.03, "to the person's own left"


def a_ready_player_me_avatar_with_arkit():
    _, target, _ = baked_on(avatars.ready_player_me, lean=False)
    assert target.preset == "ARKIT"
    moved = sources_of(target)
    assert not any(name.startswith("viseme_") for name in moved), "ARKit's shapes do it; visemes would do it twice"
    assert {"mouthOpen", "mouthSmile", "eyesClosed"}.isdisjoint(moved)
    assert {"Head", "Neck", "jawOpen", "browInnerUp", "mouthSmileLeft"} <= set(moved)


def a_lean_ready_player_me_avatar():
    scene, target, motion = baked_on(avatars.ready_player_me, lean=True)
    moved = sources_of(target)
    assert moved["mouthOpen"] == ["jawOpen - mouthClose"]
    assert {"Head", "Neck", "LeftEye", "RightEye"} <= set(moved)
    gaze_turns_once(scene, target.thing, "LeftEye", motion, 20)


def a_rebake_and_remove_leave_an_avatar_as_it_came():
    _, target, _ = baked_on(avatars.vrm, version=1)
    rig, face = target.thing, bpy.data.objects["Face"]
    rig.pose.bones["J_Bip_C_Hips"].keyframe_insert("location", frame=1)
    mine = rig.animation_data.action
    face.data.shape_keys.key_blocks["Fcl_ALL_Angry"].keyframe_insert("value", frame=1)
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    assert bpy.ops.soliloquy.unbake() == {"FINISHED"}
    assert set(bpy.data.actions) == {mine, face.data.shape_keys.animation_data.action}
    assert not rig.animation_data.nla_tracks and not face.data.shape_keys.animation_data.nla_tracks


def an_avatar_goes_out_as_gltf_and_fbx_and_comes_back_moving():
    for name in ("io_scene_gltf2", "io_scene_fbx"):
        addon_utils.enable(name, default_set=True)
    for kind, importer in (("GLTF", bpy.ops.import_scene.gltf), ("FBX", bpy.ops.import_scene.fbx)):
        _, _, motion = baked_on(avatars.vrm, version=1)
        path = folder("export") / f"out{addon('animation.exports').FORMATS[kind].ending}"
        assert bpy.ops.soliloquy.export_animation(filepath=str(path), kind=kind) == {"FINISHED"}
        rate = bpy.context.scene.render.fps
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        bpy.context.scene.render.fps = rate  # glTF counts seconds
        importer(filepath=str(path))
        actions = {curve.data_path: curve for one in bpy.data.actions for curve in addon("compat").action_fcurves(one)}
        curve = next(curve for path, curve in actions.items() if "Fcl_EYE_Close_L" in path)
        blink = motion.expression[:, addon("rig.arkit").SHAPE_NAMES.index("eyeBlinkLeft")]
        first = curve.range()[0]
        seen = np.array([curve.evaluate(first + i) for i in range(len(blink))])
        assert np.abs(seen - blink).max() < 0.02, kind
        assert any("J_Bip_C_Head" in path for path in actions), kind


def nothing_is_left_running():
    """The runner checks that this process ends."""
    ready_scene()
    bpy.ops.soliloquy.generate()
    print(f"LEFT {addon('jobs.jobs').worker_pid()}", flush=True)


if __name__ == "__main__":
    run_cases(
        [
            an_mpfb_person_with_face_units,
            an_mpfb_person_without_face_units,
            a_vroid_person_of_vrm_0_looks_the_other_way,
            a_vroid_person_of_vrm_1,
            a_ready_player_me_avatar_with_arkit,
            a_lean_ready_player_me_avatar,
            a_rebake_and_remove_leave_an_avatar_as_it_came,
            an_avatar_goes_out_as_gltf_and_fbx_and_comes_back_moving,
            nothing_is_left_running,
        ]
    )
