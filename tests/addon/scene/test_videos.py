"""The videos that takes follow: from the panel's fields to the request, and what they cost."""

from __future__ import annotations

import bpy
import pytest
from soliloquy.addon.jobs import estimate
from soliloquy.addon.scene.request import request_for, request_without_files
from soliloquy.addon.scene.take_folders import redirect
from soliloquy.addon.sequencer import speech
from soliloquy.core.batch import job_list
from soliloquy.core.errors import BadInputError

from tests.addon.queue.saved_lists import NAMES, and_read_again

FILMS = ("pose_video", "blink_video")


@pytest.fixture
def heard(scene, sound, portrait):
    scene.soliloquy.portrait_file = str(portrait())
    return speech.Speech(sound, 0.0, None, 1, "", 1)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "films" / "person.mp4"
    path.parent.mkdir()
    path.write_bytes(b"stands for a film")
    return path


def test_without_a_video_none_is_asked_for(scene, heard):
    assert [getattr(request_for(scene, heard), name) for name in FILMS] == ["", ""]
    scene.soliloquy.pose_video = "  "
    assert request_for(scene, heard).pose_video == ""


@pytest.mark.parametrize("name", FILMS)
def test_a_video_is_sent_by_its_whole_path_also_next_to_the_blend(scene, heard, film, tmp_path, name):
    setattr(scene.soliloquy, name, str(film))
    assert getattr(request_for(scene, heard), name) == str(film.resolve())
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    setattr(scene.soliloquy, name, "//films/person.mp4")
    wanted = request_for(scene, heard)
    assert [getattr(wanted, each) for each in FILMS] == [str(film.resolve()) if each == name else "" for each in FILMS]


def test_a_video_that_is_gone_is_one_sentence(scene, heard, tmp_path):
    scene.soliloquy.blink_video = str(tmp_path / "gone.mp4")
    with pytest.raises(BadInputError, match=r"The video is missing: .*gone\.mp4"):
        request_for(scene, heard)


def test_watching_videos_takes_time_once_for_each(scene, film):
    def seconds():
        return estimate.cost(request_without_files(scene), 10.0, running=True).seconds

    plain = seconds()
    scene.soliloquy.pose_video = str(film)
    one = seconds()
    assert one > plain
    scene.soliloquy.blink_video = str(film)
    assert seconds() == one, "it is read once"
    scene.soliloquy.blink_video = "//another.mp4"
    assert seconds() == pytest.approx(one + (one - plain))


def test_the_fields_choose_files(scene):
    about = [scene.soliloquy.bl_rna.properties[name] for name in FILMS]
    assert [(each.name, each.subtype) for each in about] == [("Pose Video", "FILE_PATH"), ("Blink Video", "FILE_PATH")]


def test_each_job_of_a_list_has_its_own_videos(film, tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text(
        "name,audio,portrait,out,Pose Video,blink_video\n"
        "one,a.wav,p.png,o,films/person.mp4,\ntwo,a.wav,p.png,o,,\nthree,a.wav,p.png,o,,films/person.mp4\n",
        encoding="utf-8",
    )
    entries = job_list.load(path, {})
    for read in and_read_again(entries, tmp_path):
        told = [(entry.wanted().pose_video, entry.wanted().blink_video) for entry in read]
        assert told == [(str(film), ""), ("", ""), ("", str(film))]
    for name in NAMES:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "films/person.mp4" in text and str(tmp_path) not in text
    before = [entry.fingerprint() for entry in entries]
    film.write_bytes(b"another film")
    assert [entry.fingerprint() == old for entry, old in zip(entries, before, strict=True)] == [False, True, False]


def test_a_folder_that_moves_takes_its_videos_along(scene, film, tmp_path):
    scene.soliloquy.pose_video, scene.soliloquy.blink_video = str(film), str(tmp_path / "other.mp4")
    redirect(tmp_path / "films", tmp_path / "moved")
    assert scene.soliloquy.pose_video == str(tmp_path / "moved" / "person.mp4")
    assert scene.soliloquy.blink_video == str(tmp_path / "other.mp4")
