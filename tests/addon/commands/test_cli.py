"""The command line's handler under a bpy wheel; the real ``--command`` is tested in a real Blender."""

import contextlib
import signal

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.commands import cli
from soliloquy.addon.jobs import jobs
from soliloquy.core.batch import following
from soliloquy.core.batch.interruption import interruptible
from soliloquy.core.errors import CancelledError


@pytest.fixture
def arguments(scene, sound, portrait, tmp_path):
    def make(manner: str = "person", *more: str) -> list[str]:
        return ["--audio", str(sound), "--portrait", str(portrait(manner)), "--out", str(tmp_path / "out"), *more]

    return make


def test_done(scene, arguments, capsys):
    assert cli.run(arguments("person", "--takes", "2", "--seed", "9")) == 0
    assert [take.seed for take in scene.soliloquy.takes] == [9, 10]
    assert "seed 10" in capsys.readouterr().out
    assert len([strip for strip in compat.all_strips(scene) if strip.type == "IMAGE"]) == 2
    assert jobs.worker_pid() is None


def test_saved_blend_has_strips_head_and_bake(scene, arguments, tmp_path):
    target = tmp_path / "new folder" / "talk.blend"
    assert cli.run(arguments("person", "--save-blend", str(target))) == 0
    bpy.ops.wm.open_mainfile(filepath=str(target))
    scene = bpy.context.scene
    kinds = sorted(strip.type for strip in compat.all_strips(scene))
    assert kinds == (["IMAGE", "SOUND"] if compat.HAS_SOUND else ["IMAGE"])
    assert len(scene.soliloquy.targets[0].thing.animation_data.nla_tracks) == 1
    assert scene.frame_end == 50


@pytest.mark.parametrize(
    ("manner", "code", "words"),
    [("noface", 2, "No face was found"), ("crash", 1, "stopped unexpectedly"), ("garbage", 1, "no message")],
)
def test_failures_have_one_line_and_a_code(arguments, capsys, manner, code, words):
    assert cli.run(arguments(manner)) == code
    line = capsys.readouterr().err.strip()
    assert words in line and "\n" not in line


@pytest.mark.parametrize(
    "changed",
    [
        ("--audio", "/nowhere/speech.wav"),
        ("--portrait", "/nowhere/person.png"),
        ("--takes", "0"),
        ("--seed", "-1"),
        ("--takes", "many"),
        ("--size", "300"),
        ("--colour", "red"),
    ],
)
def test_bad_arguments_are_code_2(arguments, changed, capsys):
    assert cli.run([*arguments(), *changed]) == 2
    assert capsys.readouterr().err.strip()


def test_an_unwritable_folder_for_the_blend_is_bad_input(arguments, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert cli.run(arguments("person", "--save-blend", str(tmp_path / "file" / "talk.blend"))) == 2
    assert "Cannot save" in capsys.readouterr().err


LONG = "a" * 300


@pytest.mark.parametrize("option", ["--audio", "--portrait", "--save-blend"])
@pytest.mark.parametrize("name", [LONG, f"{LONG}/{LONG}", "\ud800", "."])
def test_a_name_that_no_file_can_have_is_one_sentence(arguments, tmp_path, option, name, capsys):
    given = {"--save-blend": f"{tmp_path}/{name}.blend"}.get(option, f"{tmp_path}/{name}")
    code = cli.run([*arguments(), option, given])
    told = capsys.readouterr().err.strip()
    if (option, name) != ("--save-blend", "."):  # the hidden file “..blend”
        assert (
            code in {1, 2} and told and "\n" not in told and "Traceback" not in told and "inside Soliloquy" not in told
        )


@pytest.mark.parametrize("option", ["list", "--summary", "--save-list", "--save-blend"])
def test_a_batch_refuses_such_names_too(scene, sound, portrait, tmp_path, option, capsys):
    (tmp_path / "jobs.csv").write_text(f"audio,portrait,out,takes\n{sound.name},{portrait().name},,1\n")
    given = [] if option == "list" else [option, f"{tmp_path}/{LONG}/{LONG}.json"]
    path = f"{tmp_path}/{LONG}.csv" if option == "list" else str(tmp_path / "jobs.csv")
    assert cli.run(["batch", path, *given]) in {1, 2}
    told = capsys.readouterr()
    assert told.err.strip() and "Traceback" not in told.err and "inside Soliloquy" not in told.err + told.out


def test_missing_runtime_says_what_to_do(arguments, monkeypatch, capsys):
    monkeypatch.setenv("SOLILOQUY_PYTHON", "/nowhere/python")
    assert cli.run(arguments()) == 1
    assert "runtime is not installed" in capsys.readouterr().err


def test_the_command_names_videos_and_writes_them_into_the_scene(scene, arguments, tmp_path, monkeypatch):
    (tmp_path / "film.mp4").write_bytes(b"stands for a film")
    monkeypatch.chdir(tmp_path)
    scene.soliloquy.blink_video = "//old.mp4"
    wanted = arguments("person", "--pose-video", "film.mp4", "--blink-video", "", "--motion-only")
    assert cli.run(wanted) == 0
    assert (scene.soliloquy.pose_video, scene.soliloquy.blink_video) == (str(tmp_path / "film.mp4"), "")
    assert cli.run(arguments("person", "--pose-video", "gone.mp4", "--motion-only")) == 2


def test_the_command_has_an_option_for_each_setting_and_writes_it_into_the_scene(scene, arguments):
    more = ["--seed", "3", "--guidance-scale", "2.5", "--steps", "4", "--size", "256", "--framing", "crop"]
    more += ["--picture", "640"]
    assert cli.run(arguments("person", *more, "--renderer", "warp", "--motion-only")) == 0
    settings = scene.soliloquy
    assert (settings.seed, settings.guidance_scale, settings.num_inference_steps) == (3, 2.5, 4)
    assert (settings.size, settings.framing, settings.renderer, settings.motion_only) == ("256", "crop", "warp", True)
    assert (settings.picture, settings.picture_side) == ("pixels", 640)
    assert {"source", "pose_style", "renderer", "num_inference_steps", "motion_only"} <= set(
        vars(cli.parser().parse_args([]))
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("waits", [True, False])
def test_a_signal_ends_the_command_even_where_its_exception_is_ignored(number, waits):
    """Python ignores exceptions in finalisers, and Blender those in its own calls."""
    before = signal.getsignal(number)
    with pytest.raises(CancelledError), interruptible():
        with contextlib.suppress(CancelledError):
            signal.raise_signal(number)
        if waits:
            following.wait_until(lambda: False)
    assert signal.getsignal(number) == before
