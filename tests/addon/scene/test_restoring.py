"""The restorer: named in the preferences only, used where a scene switches it on, never from a file of others."""

import dataclasses
import json

import bpy
import pytest
from soliloquy.addon.commands import cli
from soliloquy.addon.jobs import jobs
from soliloquy.addon.properties import preferences
from soliloquy.addon.scene.request import generate_request, preview_of
from soliloquy.addon.sequencer import speech
from soliloquy.core.batch import crew, job_list
from soliloquy.core.errors import BadInputError
from soliloquy.core.wire.client import WorkerClient
from soliloquy.core.wire.protocol import Generate
from soliloquy.core.wire.restorer import IN, OUT


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "restore"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def chosen(monkeypatch, program):
    """What the preferences hold; can be changed."""
    values = {"restorer_program": str(program), "restorer_arguments": '-s 2 --note "two words" {in} {out}'}
    monkeypatch.setattr(preferences, "_chosen", lambda name: values.get(name, ""))
    return values


@pytest.fixture
def command(program):
    return (str(program), "-s", "2", "--note", "two words", IN, OUT)


@pytest.fixture
def speaking(scene, sound, portrait, speaks):
    scene.soliloquy.portrait_file = str(portrait())
    speaks(speech.Speech(sound, 0.0, None, 11, "", 1))
    return scene


@pytest.fixture
def asked(monkeypatch):
    """The requests that operators send."""
    sent, start = [], jobs.start

    def remember(request, *rest):
        sent.append(request)
        return start(request, *rest)

    monkeypatch.setattr(jobs, "start", remember)
    return sent


def test_a_scene_switches_it_on_and_the_preferences_name_it(speaking, chosen, command, asked):
    assert generate_request(speaking)[0].restorer == ()
    speaking.soliloquy.restore = True
    request, _ = generate_request(speaking)
    assert request.restorer == command and preview_of(request).restorer == ()
    bpy.ops.soliloquy.generate()
    bpy.ops.soliloquy.render_take()
    bpy.ops.soliloquy.resample()
    assert [each.restorer for each in asked] == [command] * 3
    chosen["restorer_program"] = ""
    assert generate_request(speaking)[0].restorer == (), "without a program in the preferences nothing runs"


@pytest.mark.parametrize("name", ["//restore", "restore", "./restore", "/no/such/file"])
def test_a_program_next_to_the_blend_is_never_started(speaking, chosen, program, name, monkeypatch):
    bpy.ops.wm.save_as_mainfile(filepath=str(program.parent / "talk.blend"))
    monkeypatch.chdir(program.parent)
    chosen["restorer_program"] = name
    bpy.context.scene.soliloquy.restore = True
    with pytest.raises(BadInputError, match="There is no restorer"):
        preferences.restorer()
    assert "There is no restorer" in preferences.why_no_restorer()


def test_arguments_are_split_without_a_shell(chosen, program):
    chosen["restorer_arguments"] = "'; rm -rf ~' $HOME {in} {out}"
    assert preferences.restorer() == (str(program), "; rm -rf ~", "$HOME", IN, OUT)
    chosen["restorer_arguments"] = "'open"
    with pytest.raises(BadInputError, match="can't be read"):
        preferences.restorer()


def test_lists_neither_name_nor_hold_a_command(tmp_path, program):
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps([{"audio": "a.wav", "portrait": "b.png", "out": "o", "restorer": [str(program)]}]))
    with pytest.raises(BadInputError, match="no column “restorer”"):
        job_list.load(path, {})
    entry = job_list.Entry("one", Generate(audio="a", portrait="p", out="o", restorer=(str(program),)))
    for name in ("jobs.json", "jobs.csv"):
        job_list.save([entry], tmp_path / name)
        assert "restore" not in (tmp_path / name).read_text()
    plain = dataclasses.replace(entry, request=dataclasses.replace(entry.request, restorer=()))
    assert plain.fingerprint() == entry.fingerprint()


def test_a_crew_gives_its_own_command_to_every_job(scene, fake_python, sound, portrait, tmp_path, command, monkeypatch):
    sent = []
    request = WorkerClient.request

    def remember(self, wanted):
        sent.append(wanted)
        return request(self, wanted)

    monkeypatch.setattr(WorkerClient, "request", remember)
    wanted = Generate(audio=str(sound), portrait=str(portrait()), out=str(tmp_path / "out"), restorer=("/bin/false",))
    entry = job_list.Entry("one", wanted)
    for restorer in (command, ()):
        entry.reset()
        start = lambda environment: WorkerClient(fake_python, environment=environment)  # noqa: E731
        crew.run(crew.Crew([entry], start, tmp_path / "summary.json", restorer=restorer))
        assert [each.restorer for each in sent if isinstance(each, Generate)][-1] == restorer


def test_the_command_line_names_one_as_its_last_option(scene, sound, portrait, tmp_path, program, asked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ["--audio", str(sound), "--portrait", str(portrait()), "--out", str(tmp_path / "out")]
    assert cli.run([*given, "--restorer", "restore", "--takes", "9", "{in}", "{out}"]) == 0
    assert asked[-1].restorer == (str(program), "--takes", "9", IN, OUT) and asked[-1].takes == 1
    assert cli.run([*given, "--restorer", "./none"]) == 2
