"""Poses at times: added at the current frame of the speech, kept in order, asked for, saved."""

import math

import bpy
import pytest
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.core.batch import job_list
from soliloquy.core.wire import lines, protocol
from soliloquy.core.wire.poses import PoseAt
from soliloquy.core.wire.style import PriorStyle


def add(scene, frame, *degrees):
    scene.frame_set(frame)
    assert bpy.ops.soliloquy.add_pose() == {"FINISHED"}
    performance = scene.soliloquy.performance
    if degrees:
        performance.poses[performance.active_pose].angles = [math.radians(angle) for angle in degrees]
    return performance


def test_poses_are_added_at_the_current_frame_in_the_order_of_their_times(speaking):
    performance = add(speaking, 61, 5, -10, 2.5)
    assert performance.active_pose == 0
    add(speaking, 31)
    assert performance.active_pose == 0 and len(performance.poses) == 2
    add(speaking, 61)
    assert performance.active_pose == 1 and len(performance.poses) == 2, "the one that is there is chosen"
    wanted = (PoseAt(seconds=0.8), PoseAt(seconds=2.0, pitch=5.0, yaw=-10.0, roll=2.5))
    style = performance.style()
    assert style == PriorStyle(poses=wanted), "no trace of single precision"
    lines.encode_request("1", protocol.Generate(audio="a", portrait="p", out="o", style=style))
    performance.poses[0].seconds = 3.0
    assert [pose.seconds for pose in performance.style().poses] == [2.0, 3.0], "also after a time was typed"


def test_a_frame_outside_the_speech_is_refused(speaking):
    for frame in (10, 112):
        speaking.frame_set(frame)
        with pytest.raises(RuntimeError, match="outside the speech, which goes from 11 to 111"):
            bpy.ops.soliloquy.add_pose()
    assert not speaking.soliloquy.performance.poses
    add(speaking, 111)


def test_poses_need_a_speech(scene):
    assert not bpy.ops.soliloquy.add_pose.poll()
    assert not bpy.ops.soliloquy.remove_pose.poll()


def test_the_chosen_pose_is_removed(speaking):
    for frame in (21, 31, 41):
        performance = add(speaking, frame)
    bpy.ops.soliloquy.remove_pose()
    assert performance.active_pose == 1
    performance.active_pose = 0
    bpy.ops.soliloquy.remove_pose()
    assert [round(pose.seconds, 3) for pose in performance.poses] == [0.8] and performance.active_pose == 0
    bpy.ops.soliloquy.remove_pose()
    assert performance.style() == PriorStyle() and not bpy.ops.soliloquy.remove_pose.poll()


def test_generate_asks_for_them_and_a_pose_comes_from_a_take(speaking):
    performance = add(speaking, 31, 0, 12, 0)
    speaking.soliloquy.sound = "STRIP"
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    motion = load_motion(speaking.soliloquy.takes[0].path() / "motion.npz")
    speaking.frame_set(11 + 20)
    bpy.ops.soliloquy.pose_from_take(which="chosen")
    assert tuple(performance.poses[0].angles) == pytest.approx(motion.rotation[20], abs=1e-6)
    bpy.ops.soliloquy.remove_pose()
    with pytest.raises(RuntimeError, match="No pose is chosen"):
        bpy.ops.soliloquy.pose_from_take(which="chosen")


def test_a_style_is_adopted_and_saved(speaking, tmp_path):
    performance = add(speaking, 31, 1, 2, 3)
    wanted = PriorStyle(poses=(PoseAt(seconds=0.5, yaw=20.0), PoseAt(seconds=1.0)))
    performance.adopt(wanted, ["poses"])
    assert performance.style() == wanted
    performance.adopt(PriorStyle(), ["loop"])
    assert performance.style() == wanted, "settings that aren't named stay"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "poses.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "poses.blend"))
    assert bpy.context.scene.soliloquy.performance.style() == wanted


@pytest.mark.parametrize("name", ["jobs.csv", "jobs.json"])
def test_lists_of_jobs_hold_them(scene, tmp_path, name):
    files = {key: str(tmp_path / key) for key in ("audio", "portrait", "out")}
    style = PriorStyle(poses=(PoseAt(seconds=0.5, yaw=20.0), PoseAt(seconds=1.0, roll=-3.5)))
    job_list.save([job_list.Entry("one", protocol.Generate(**files, style=style))], tmp_path / name)
    [again] = job_list.load(tmp_path / name, {})
    assert again.request.style == style
