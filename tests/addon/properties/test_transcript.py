"""The words of a speech: each strip and the scene's mix have their own, they are sent, and takes remember them."""

from dataclasses import replace

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.jobs import estimate, jobs
from soliloquy.addon.operators import transcript as operators_transcript
from soliloquy.addon.properties.transcript import transcript_of_strip
from soliloquy.addon.scene import take_list
from soliloquy.addon.scene.request import generate_request, request_for, transcript_of
from soliloquy.addon.sequencer import speech
from soliloquy.core.errors import BadInputError
from soliloquy.core.wire import systems
from soliloquy.core.wire.protocol import Generate, Render, Resample, UpdateLips

WITH_SOUND = pytest.mark.skipif(not compat.HAS_SOUND, reason="this Blender was built without sound strips")


@pytest.fixture
def two(scene, sound, portrait):
    """Two sound strips after one another, the second one active."""
    if not compat.HAS_SOUND:
        pytest.skip("this Blender was built without sound strips")
    scene.soliloquy.portrait_file, scene.soliloquy.motion_only = str(portrait()), True
    strips = [compat.new_sound_strip(scene, f"line {k + 1}", str(sound), 1, 1 + 60 * k) for k in range(2)]
    compat.editor_of(scene).active_strip = strips[1]
    return strips


@pytest.fixture
def heard(scene, sound, portrait):
    """A speech without a strip, for Blenders that have no sound strips."""
    scene.soliloquy.portrait_file = str(portrait())
    return speech.Speech(sound, 0.0, None, 1, "", 1)


def test_each_strip_and_the_mix_have_their_own_words(scene, two):
    scene.soliloquy.transcript.words = "all of it"
    for strip, words in zip(two, ("first line", " second\nline "), strict=True):
        strip.soliloquy_transcript.words = words
    assert generate_request(scene)[0].transcript == "second line"
    compat.editor_of(scene).active_strip = two[0]
    assert generate_request(scene)[0].transcript == "first line"
    scene.soliloquy.sound = "MIX"
    assert transcript_of(scene) == scene.soliloquy.transcript


def test_no_strip_no_words(scene):
    assert transcript_of(scene) is None and transcript_of_strip(None) is None
    assert not bpy.ops.soliloquy.paste_transcript.poll()


def test_a_text_of_the_blend_comes_before_the_line(scene, heard):
    transcript = scene.soliloquy.transcript
    transcript.words = "the line"
    transcript.text = bpy.data.texts.new("script")
    transcript.text.write("Bin blue\n\tat F two\n\nnow.\n")
    assert request_for(scene, heard, transcript).transcript == "Bin blue at F two now."
    bpy.data.texts.remove(transcript.text)
    assert request_for(scene, heard, transcript).transcript == "the line", "a deleted text leaves no trace"
    assert request_for(scene, heard).transcript == ""


def test_a_text_that_is_far_too_long_is_one_sentence(scene, heard):
    transcript = scene.soliloquy.transcript
    transcript.text = bpy.data.texts.new("book")
    transcript.text.write("word " * 25_000)
    with pytest.raises(BadInputError, match="At most 100,000 can be used"):
        request_for(scene, heard, transcript)


def test_words_and_their_text_are_saved_with_the_strip(scene, two, tmp_path):
    two[0].soliloquy_transcript.words = "first ü"
    two[1].soliloquy_transcript.text = bpy.data.texts.new("script")
    two[1].soliloquy_transcript.text.write("second")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "lines.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "lines.blend"))
    said = {strip.name: transcript_of_strip(strip).said() for strip in compat.all_strips(bpy.context.scene)}
    assert said == {"line 1": "first ü", "line 2": "second"}


class _Clipboard:
    def __init__(self, text):
        self.clipboard = text


def test_all_lines_of_the_clipboard_are_pasted(scene, monkeypatch):
    scene.soliloquy.sound = "MIX"
    scene.soliloquy.transcript.text = bpy.data.texts.new("script")
    monkeypatch.setattr(operators_transcript, "manager_of", lambda _: _Clipboard("Bin blue\r\nat F two\n"))
    assert bpy.ops.soliloquy.paste_transcript() == {"FINISHED"}
    assert scene.soliloquy.transcript.words == "Bin blue at F two" and scene.soliloquy.transcript.text is None


@pytest.mark.parametrize(("text", "words"), [(" \n", "holds no text"), ("x" * 200_000, "can be used")])
def test_a_clipboard_that_is_no_help_changes_nothing(scene, monkeypatch, text, words):
    scene.soliloquy.sound, scene.soliloquy.transcript.words = "MIX", "as it was"
    monkeypatch.setattr(operators_transcript, "manager_of", lambda _: _Clipboard(text))
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.soliloquy.paste_transcript()
    assert scene.soliloquy.transcript.words == "as it was"


# ----------------------------------------------------------------------------------------------------- articulation
def test_articulation_has_the_protocols_limits_and_no_trace_of_single_precision(scene, heard):
    settings = scene.soliloquy
    assert request_for(scene, heard).articulation == 1.0
    for value, sent in ((0.7, 0.7), (0.0, 0.5), (9.0, 1.5)):
        settings.articulation = value
        assert request_for(scene, heard).articulation == sent


def test_the_body_has_the_protocols_limits_and_no_trace_of_single_precision(scene, heard):
    assert request_for(scene, heard).body == 1.0
    for value, sent in ((0.7, 0.7), (-1.0, 0.0), (9.0, 2.0)):
        scene.soliloquy.body = value
        assert request_for(scene, heard).body == sent


def test_the_pose_style_is_sent_only_to_a_source_that_has_some(scene, heard, monkeypatch):
    scene.soliloquy.pose_style = 3
    request = request_for(scene, heard)
    assert (request.source, request.pose_style) == (scene.soliloquy.source, 0) == ("diffusion", 0)
    several = replace(systems.SOURCES[0], has_pose_styles=True)
    monkeypatch.setattr(systems, "SOURCES", (several,))
    assert request_for(scene, heard).pose_style == 3
    scene.soliloquy.pose_style = 1000
    assert request_for(scene, heard).pose_style == systems.MAX_POSE_STYLE


def test_the_estimate_of_a_cancelled_job_knows_it_by_its_articulation_whatever_is_said(scene, heard, sound):
    scene.soliloquy.articulation = 0.7
    asked = request_for(scene, speech.Speech(sound, 0.0, 2.0, 1, "", 1))
    estimate.remember_end(asked, 0.5, finished=False)
    whole, half = (estimate.cost(request, 2.0, running=True) for request in (request_for(scene, heard), asked))
    assert half.disk == whole.disk
    scene.soliloquy.articulation = 0.8
    assert estimate.cost(request_for(scene, heard), 2.0, running=True).disk == 2 * half.disk


# ------------------------------------------------------------------------------------------------------------ takes
@pytest.fixture
def taken(scene, heard, speaks, monkeypatch):
    """One take that mumbles the words of its strip."""
    speaks(heard)
    scene.soliloquy.articulation, scene.soliloquy.motion_only = 0.7, True
    start = jobs.start

    def with_words(request, *rest):  # the speech has no strip that could hold them
        return start(replace(request, transcript="Bin blue") if isinstance(request, Generate) else request, *rest)

    monkeypatch.setattr(jobs, "start", with_words)
    bpy.ops.soliloquy.generate()
    return scene


def mouths(scene):
    return [(round(take.articulation, 4), take.transcript) for take in scene.soliloquy.takes]


def test_takes_remember_how_their_mouth_was_made(taken):
    taken.soliloquy.articulation, taken.soliloquy.transcript.words = 1.2, "other words"
    taken.soliloquy.renew = {"blink"}
    bpy.ops.soliloquy.resample()
    bpy.ops.soliloquy.render_take()
    assert mouths(taken) == [(0.7, "Bin blue")] * 3
    bpy.ops.soliloquy.duplicate_take()
    assert mouths(taken) == [(0.7, "Bin blue")] * 4


@pytest.mark.parametrize(
    ("request_of", "wanted"),
    [
        (lambda job: UpdateLips(job=job, take=2), (1.3, "new words")),
        (lambda job: UpdateLips(job=job, take=2, articulation=0.9), (0.9, "new words")),
        (lambda job: UpdateLips(job=job, take=2, transcript="others"), (1.3, "others")),
        (lambda job: UpdateLips(job=job, take=2, transcript=""), (1.3, "")),
        (lambda job: UpdateLips(job=job, take=2, phones="/edited.json"), (1.3, "new words")),
        (lambda job: Render(job=job, take=2), (1.3, "new words")),
        (lambda job: Resample(job=job, take=2, renew=("blink",)), (1.3, "new words")),
        (lambda job: Resample(job=job, take=2, renew=("jaw", "lips")), (0.7, "Bin blue")),
        (lambda job: Resample(job=job), (0.7, "Bin blue")),
        (lambda job: Render(job=job, take=9), (1.0, "")),
    ],
)
def test_the_mouth_is_that_of_the_take_which_a_request_starts_from(taken, request_of, wanted):
    """Take 2 has a mouth of its own. Its job was made with articulation 0.7 and other words."""
    bpy.ops.soliloquy.resample()
    second = taken.soliloquy.takes[1]
    second.articulation, second.transcript = 1.3, "new words"
    articulation, words = take_list.mouth_of(taken, request_of(str(second.job_path())), second.job_path())
    assert (round(articulation, 4), words) == wanted


def test_a_rig_brings_what_its_takes_remember(taken, shape_mesh):
    target = taken.soliloquy.targets.add()
    target.thing = shape_mesh("face", ["jawOpen"])
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    taken.soliloquy.takes.clear()
    bpy.ops.soliloquy.collect_takes()
    assert mouths(taken) == [(0.7, "Bin blue")]
