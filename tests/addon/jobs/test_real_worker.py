"""The add-on with the real worker in its own process: one second of speech, a real photograph."""

import subprocess

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.addon.jobs import jobs
from soliloquy.addon.rig.arkit import SHAPE_NAMES
from soliloquy.addon.scene import phones, request, take_list
from soliloquy.addon.sequencer import phone_lane, speech
from soliloquy.core.errors import SoliloquyError
from soliloquy.core.motion.channels import EXPRESSIONS, GROUPS, LIP_GROUPS

pytestmark = [pytest.mark.worker, pytest.mark.slow]


@pytest.fixture
def real(scene, real_python, monkeypatch, tmp_path):
    """A scene with a photograph, whose jobs go to the real worker."""
    monkeypatch.setenv("SOLILOQUY_PYTHON", str(real_python))
    photograph = tmp_path / "astronaut.png"
    code = "import sys, skimage.data, skimage.io; skimage.io.imsave(sys.argv[1], skimage.data.astronaut())"
    made = subprocess.run([real_python, "-c", code, photograph], check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip("the worker's Python has no scikit-image for the test photograph")
    scene.soliloquy.portrait_file = str(photograph)
    return scene


def test_speech_to_strip_head_and_keys(real, demo_speech, speaks):
    scene = real
    if compat.HAS_SOUND:
        strip = compat.new_sound_strip(scene, "speech", str(demo_speech), 1, 11)
        compat.set_handles(strip, 21, 46)
        scene.sequence_editor.active_strip = strip
    else:
        spoken = speech.Speech(demo_speech, 0.4, 1.0, 21, "", 1)
        speaks(spoken)
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    take = take_list.active_take(scene)
    assert (take.status, take.frame_count, round(take.audio_start, 3)) == ("READY", 25, 0.4)
    images = [strip for strip in compat.all_strips(scene) if strip.type == "IMAGE"]
    assert [(compat.left_handle(image), compat.right_handle(image)) for image in images] == [(21, 46)]

    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    scene.soliloquy.tolerance = 0  # a key on every frame; test_head tests how far thinned curves may be off
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    rig = scene.soliloquy.targets[0].thing
    skin = next(child for child in rig.children if child.type == "MESH")
    assert len(skin.data.vertices) > 3000 and len(skin.data.shape_keys.key_blocks) == 56
    wanted = load_motion(take.path() / "motion.npz")
    scene.frame_set(33)
    keys = skin.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.shape_keys.key_blocks
    values = [keys[name].value for name in SHAPE_NAMES]
    assert np.allclose(values, [*wanted.expression[12], *wanted.tongue[12]], atol=1e-3)


def test_a_corrected_phone_changes_the_lips_and_nothing_else(real, demo_speech, speaks):
    """An M in the place of the first open vowel closes the mouth there."""
    scene = real
    scene.soliloquy.motion_only = True
    speaks(speech.Speech(demo_speech, 0.0, 2.0, 1, "", 1))
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    assert bpy.ops.soliloquy.show_phones() == {"FINISHED"}
    take = take_list.active_take(scene)
    strips = sorted(phone_lane.strips_in(scene, take.key), key=compat.left_handle)
    long = [strip for strip in strips if phone_lane.kind_of(phone_lane.name_of(strip)).name == "vowels"]
    wrong = max(long, key=lambda strip: compat.right_handle(strip) - compat.left_handle(strip))
    middle = (compat.left_handle(wrong) + compat.right_handle(wrong)) // 2 - 1
    wrong.name = "M"
    assert bpy.ops.soliloquy.update_lips() == {"FINISHED"}
    before, after = (load_motion(one.path() / "motion.npz") for one in scene.soliloquy.takes)
    jaw = EXPRESSIONS.index("jawOpen")
    assert after.expression[middle, jaw] < before.expression[middle, jaw]
    others = [EXPRESSIONS.index(name) for group in GROUPS if group not in LIP_GROUPS for name in GROUPS[group]
              if name in EXPRESSIONS]  # fmt: skip
    assert (before.expression[:, others] == after.expression[:, others]).all()
    assert (before.rotation == after.rotation).all() and (before.translation == after.translation).all()
    assert phones.read(scene, scene.soliloquy.takes[1]) == phones.of_take(scene.soliloquy.takes[1])


def test_a_picture_without_a_face_is_told_and_changes_nothing(real, portrait, demo_speech):
    scene = real
    scene.soliloquy.portrait_file = str(portrait())
    with pytest.raises(RuntimeError) as raised:
        bpy.ops.soliloquy.add_head()
    assert jobs.last_message()[1] and jobs.last_message()[0] in str(raised.value)
    assert not scene.soliloquy.targets and not bpy.data.meshes


def test_cancel_is_heard_by_the_real_worker(real, demo_speech):
    spoken = speech.Speech(demo_speech, 0.0, None, 1, "", 1)
    job = jobs.start(request.request_for(real, spoken), "Generate", real, spoken)
    while not job.poll():
        pass
    job.cancel()
    with pytest.raises(SoliloquyError):
        jobs.follow(job)
    assert job.exit_code == 130
    assert jobs.worker_pid() is not None, "a cancelled job does not cost the worker"


def test_untouched_curves_give_the_same_frames(real, demo_speech, speaks):
    """Bake on the head at another rate than 25, read back, render: every frame is the same bit for bit."""
    scene = real
    scene.render.fps = 24
    scene.soliloquy.size, scene.soliloquy.framing = "256", "crop"
    spoken = speech.Speech(demo_speech, 0.4, 0.8, 21, "", 1)
    speaks(spoken)
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    assert bpy.ops.soliloquy.render_curves() == {"FINISHED"}
    first, second = scene.soliloquy.takes
    assert second.note.endswith("unedited") and first.path() != second.path()
    names = sorted(path.name for path in (first.path() / "frames").glob("*.png"))
    assert len(names) == 20

    def pixels(take, name):
        image = bpy.data.images.load(str(take.path() / "frames" / name))
        values = np.array(image.pixels[:])
        bpy.data.images.remove(image)
        return values

    assert all(np.array_equal(pixels(first, name), pixels(second, name)) for name in names)


_FILM = """
import sys, av, numpy as np
from PIL import Image
with av.open(sys.argv[2], "w") as out:
    film = out.add_stream("mpeg4", 25)
    film.width = film.height = 512
    film.bit_rate = 8_000_000
    for frame in range(50):
        picture = Image.open(sys.argv[1]).rotate(8.0 * np.sin(0.2 * frame), Image.Resampling.BICUBIC)
        out.mux(film.encode(av.VideoFrame.from_image(picture.convert("RGB"))))
    out.mux(film.encode(None))
"""
"""Makes a film of a photograph that rocks to and fro."""


def test_the_head_of_a_take_follows_a_video_next_to_the_blend(real, real_python, demo_speech, speaks, tmp_path):
    film = tmp_path / "film.mp4"
    subprocess.run([real_python, "-c", _FILM, real.soliloquy.portrait_file, film], check=True, timeout=120)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    settings = real.soliloquy
    settings.motion_only, settings.pose_video = True, "//film.mp4"
    speaks(speech.Speech(demo_speech, 0.4, 1.6, 21, "", 1))
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    motion = load_motion(take_list.active_take(real).path() / "motion.npz")
    rocking = 8.0 * np.sin(0.2 * np.arange(len(motion)))
    rolled = np.degrees(motion.rotation[:, 2])
    assert np.corrcoef(rolled, rocking)[0, 1] > 0.98
    assert 0.8 < np.polyfit(rocking, rolled, 1)[0] < 1.2
