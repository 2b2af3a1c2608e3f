"""``--help`` of the add-on's commands, their progress lines, and the options that equal the panel's settings."""

import dataclasses
import math

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.commands import batch, cli, doctor
from soliloquy.addon.scene.request import request_without_files
from soliloquy.core.batch import progress, reports
from soliloquy.core.wire.protocol import Generate, PriorStyle

PARSERS = {"": cli.parser, "batch": batch.parser, "doctor": doctor.parser}


@pytest.mark.parametrize("name", PARSERS)
def test_every_option_has_a_sentence(scene, name):
    command = PARSERS[name]()
    for action in command._actions:
        text = command._get_formatter()._expand_help(action) if action.help else ""
        assert text[:1].isupper() and text.endswith(".") and "`" not in text, (action.dest, text)
    whole = command.format_help()
    assert "`" not in whole and "Exit codes: 0 means" in whole and "  -h, --help" in whole


@pytest.mark.parametrize("name", PARSERS)
def test_help_is_printed_and_is_no_failure(scene, name, capsys):
    assert cli.run([*([name] if name else []), "--help"]) == 0
    assert "usage: blender -b" in capsys.readouterr().out


def test_every_setting_of_the_panel_is_an_option(scene):
    """Fields of a request that the command line leaves out are named here, with the reason."""
    known = set(vars(cli.parser().parse_args([])))
    left_out = {"start", "duration", "extract", "preview"}  # the strip's trim; always on; --preview-only
    wanted = {spec.name for spec in dataclasses.fields(Generate)} - left_out - {"style"}
    assert wanted <= known and {f"style.{spec.name}" for spec in dataclasses.fields(PriorStyle)} <= known


def test_limits_are_those_of_the_scene(scene):
    """The scene's settings allow less than the worker; each choice that is named is accepted."""
    text = " ".join(cli.parser().format_help().split())
    assert "Choices: 256, 512" in text and "From 1 to 64." in text and "128 to 1024" not in text
    for name, value in (("--size", "256"), ("--picture", "fit"), ("--framing", "crop"), ("--renderer", "warp")):
        cli._apply(scene.soliloquy, cli.parser().parse_args([name, value]))
    assert (scene.soliloquy.size, scene.soliloquy.framing, scene.soliloquy.renderer) == ("256", "crop", "warp")
    assert scene.soliloquy.picture == "fit"


@pytest.mark.parametrize("value", ["wide", "pixels", "9", "2161", "-64", "70.5", ""])
def test_sizes_of_the_picture_that_are_none_are_a_sentence(scene, value, capsys):
    assert cli.run(["--audio", "a.wav", "--portrait", "p.png", f"--picture={value}"]) == 2
    told = capsys.readouterr().err
    assert "picture" in told and "64" in told and told.count("\n") == 1
    assert scene.soliloquy.picture == "photograph"


def test_the_performance_is_set_and_saved(scene, sound, portrait, tmp_path):
    given = ["--liveliness", "0.5", "--head-amplitude", "1.5", "--blink-rate", "20", "--gaze-to-camera", "0.25"]
    given += ["--persona", "9", "--start-pose", "0", "10", "-5", "--loop", "--curve-error", "0.01", "--device", "cpu"]
    arguments = ["--audio", str(sound), "--portrait", str(portrait()), "--out", str(tmp_path / "out")]
    assert cli.run([*arguments, *given]) == 0
    performance = bpy.context.scene.soliloquy.performance
    assert (performance.liveliness, performance.head_amplitude, performance.loop) == (0.5, 1.5, True)
    assert performance.set_blink_rate and performance.blink_rate == 20.0
    assert performance.set_persona and performance.persona == 9
    assert performance.set_start_pose and not performance.set_end_pose
    assert [math.degrees(angle) for angle in performance.start_pose] == pytest.approx([0.0, 10.0, -5.0], abs=1e-4)
    style = performance.style()
    assert style.start_pose == (0.0, 10.0, -5.0) and style.gaze_to_camera == 0.25 and style.lid_amplitude == 1.0
    assert bpy.context.scene.soliloquy.tolerance == pytest.approx(0.01)


WORDS = [
    (["--transcript", " Bin blue \n at F two"], "Bin blue at F two"),
    (["--transcript", "line.txt"], "Grüße, Anna."),
    (["--transcript", '"line.txt"'], "line.txt"),
    (["--transcript", ""], ""),
    ([], ""),
]


@pytest.mark.parametrize(("given", "words"), WORDS)
def test_articulation_and_words_are_sent_kept_and_remembered(
    scene, sound, portrait, tmp_path, monkeypatch, given, words
):
    (tmp_path / "line.txt").write_text("Grüße,\nAnna.\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    scene.soliloquy.sound, scene.soliloquy.transcript.words = "MIX", "the mix's own"
    arguments = ["--audio", str(sound), "--portrait", str(portrait()), "--out", str(tmp_path / "out"), "--motion-only"]
    assert cli.run([*arguments, "--articulation", "0.7", *given]) == 0
    settings = bpy.context.scene.soliloquy
    (take,) = settings.takes
    assert round(take.articulation, 4) == round(settings.articulation, 4) == 0.7 and take.transcript == words
    assert settings.transcript.words == "the mix's own", "the words belong to the sound that was given"
    strips = [strip for strip in compat.all_strips(scene) if strip.type == "SOUND"]
    assert [strip.soliloquy_transcript.said() for strip in strips] == ([words] if compat.HAS_SOUND else [])


@pytest.mark.parametrize(("given", "body"), [(["--body", "0"], 0.0), (["--body", "0.5"], 0.5), ([], 0.7)])
def test_the_body_is_that_of_the_blend_unless_another_is_given(scene, sound, portrait, tmp_path, given, body):
    scene.soliloquy.body = 0.7
    arguments = ["--audio", str(sound), "--portrait", str(portrait()), "--out", str(tmp_path / "out"), "--motion-only"]
    assert cli.run([*arguments, *given]) == 0
    settings = bpy.context.scene.soliloquy
    assert round(settings.body, 4) == request_without_files(bpy.context.scene).body == body
    assert len(settings.takes) == 1


def test_the_words_of_the_blend_are_spoken_unless_others_are_given(scene, sound, portrait, tmp_path):
    if not compat.HAS_SOUND:
        pytest.skip("this Blender was built without sound strips")
    strip = compat.new_sound_strip(scene, "line", str(sound), 1, 1)
    strip.soliloquy_transcript.text = bpy.data.texts.new("script")
    strip.soliloquy_transcript.text.write("as in the .blend")
    arguments = ["--portrait", str(portrait()), "--out", str(tmp_path / "out"), "--motion-only"]
    assert cli.run(arguments) == 0 and cli.run([*arguments, "--transcript", "others"]) == 0
    assert [take.transcript for take in scene.soliloquy.takes] == ["as in the .blend", "others"]
    assert strip.soliloquy_transcript.said() == "others" and strip.soliloquy_transcript.text is None


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--liveliness", "3"], "liveliness"),
        (["--articulation", "1.6"], "articulation"),
        (["--body", "-0.1"], "body"),
        (["--transcript", "nowhere.txt"], "no transcript at"),
        (["--transcript", "a\0b"], "not plain text"),
        (["--transcript", "word " * 25_000], "At most 100,000"),
        (["--blink-rate", "-1"], "blink"),
        (["--device", "toaster"], "device"),
        (["--curve-error", "7"], "tolerance"),
        (["--mix"], "--mix"),
    ],
)
def test_bad_values_are_one_sentence(scene, sound, portrait, capsys, more, word):
    assert cli.run(["--audio", str(sound), "--portrait", str(portrait()), *more]) == 2
    line = capsys.readouterr().err.strip()
    assert word in line and "\n" not in line


def test_a_preview_is_marked_as_one(scene, sound, portrait, tmp_path):
    arguments = ["--audio", str(sound), "--portrait", str(portrait()), "--out", str(tmp_path / "out")]
    assert cli.run([*arguments, "--takes", "3", "--preview-only"]) == 0
    assert [take.preview for take in bpy.context.scene.soliloquy.takes] == [True]


def test_lines_come_every_few_seconds_and_no_oftener(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    lines = progress.ProgressLines()
    for second in range(61):
        clock[0] = float(second)
        lines.say(f"second {second}")
    assert capsys.readouterr().out.split("\n")[:-1] == [f"second {second}" for second in range(10, 61, 10)]
    lines.finish()
    clock[0] = 65.0
    lines.say("too early after something else was printed")
    assert not capsys.readouterr().out


def test_on_a_terminal_one_line_is_rewritten(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True, raising=False)
    lines = progress.ProgressLines()
    lines.say("one")
    lines.say("two" * 100)
    lines.finish()
    told = capsys.readouterr().out
    assert told.count("\r\x1b[K") == 3 and "\n" not in told and len(told) < 200


def test_how_far():
    assert progress.how_far("Loading", 0.0, None) == "Loading"
    assert (
        progress.how_far("Take 1: rendering frames", 0.421, 80.0) == "Take 1: rendering frames (42%, 1 min 20 s left)"
    )


def test_a_batch_tells_how_far_it_is(scene, sound, portrait, tmp_path, monkeypatch, capsys):
    """With a job that lasts, and no time between two lines."""
    monkeypatch.setattr(reports, "ProgressLines", lambda: progress.ProgressLines(0.0))
    path = tmp_path / "jobs.csv"
    rows = [
        f"{name},{sound.name},{portrait(kind).name},out,1,no" for name, kind in (("one", "slow"), ("two", "person"))
    ]
    path.write_text("\n".join(["name,audio,portrait,out,takes,motion_only", *rows]))
    assert cli.run(["batch", str(path)]) == 0
    told = capsys.readouterr().out
    assert "soliloquy: 2 jobs to do. About" in told and "soliloquy: one: started" in told
    assert "soliloquy: one: Take 1" in told and "; 1 job waiting" in told and "left)" in told
    assert "soliloquy: one: done, 1 take in " in told and "2 of 2 jobs done" in told


def test_unknown_lengths_are_told_once(scene, portrait, tmp_path, capsys):
    (tmp_path / "mute.xyz").write_bytes(b"no sound")
    path = tmp_path / "jobs.csv"
    path.write_text("\n".join(["audio,portrait,out", *[f"mute.xyz,{portrait().name},out{i}" for i in range(3)]]))
    assert cli.run(["batch", str(path), "--estimate"]) == 0
    assert capsys.readouterr().out.strip() == "soliloquy: 3 jobs to do. The length of the sound is unknown."
