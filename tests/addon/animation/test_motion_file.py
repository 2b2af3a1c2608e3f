"""A take's motion as a file: which files are refused and how, and the file for the worker."""

import io

import numpy as np
import pytest
from soliloquy.addon.animation.motion_file import load_motion, save_motion
from soliloquy.core.errors import BadInputError
from soliloquy.core.motion.channels import CHANNELS
from soliloquy.core.motion.motion import Motion


def as_file(**changes) -> bytes:
    """A motion's file of two frames with some of its arrays changed."""
    arrays = {
        **{"expression": np.zeros((2, 53)), "rotation": np.zeros((2, 3)), "translation": np.zeros((2, 3))},
        **{"fps": 25.0, "names": np.array(CHANNELS)},
    }
    stream = io.BytesIO()
    np.savez(stream, **(arrays | changes))
    return stream.getvalue()


DAMAGED = {
    "empty": b"",
    "half a zip": b"PK\x03\x04 half a zip",
    "text": b"text",
    "other channels": as_file(names=np.array(CHANNELS[::-1])),
    "other shape": as_file(expression=np.zeros((2, 52))),
    "not a number": as_file(rotation=np.full((2, 3), np.nan)),
    "other lengths": as_file(translation=np.zeros((3, 3))),
    "no frames": Motion.zeros(0).to_bytes(),
}


def test_a_whole_file_is_read(tmp_path):
    path = tmp_path / "motion.npz"
    path.write_bytes(as_file(rotation=np.full((2, 3), 0.25)))
    motion = load_motion(path)
    assert len(motion) == 2 and motion.fps == 25.0 and (motion.rotation == 0.25).all()


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused_by_a_sentence(tmp_path, content):
    path = tmp_path / "motion.npz"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="The motion file is damaged") as raised:
        load_motion(path)
    assert (raised.value.code, raised.value.exit_code) == ("motion_unreadable", 2)


def test_a_missing_file_is_reported_by_a_sentence(tmp_path):
    with pytest.raises(BadInputError, match="The take's motion is missing") as raised:
        load_motion(tmp_path / "motion.npz")
    assert raised.value.code == "motion_missing"


def test_sentences_are_in_the_interfaces_language(tmp_path, monkeypatch):
    monkeypatch.setattr("soliloquy.addon.animation.motion_file.say", lambda text, **parts: f"<{text}>".format(**parts))
    for content in (None, b"text"):
        path = tmp_path / "motion.npz"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BadInputError, match=r"^<The .*>") as raised:
            load_motion(path)
        assert raised.value.hint == "<Generate it again.>"


def test_a_motion_for_the_worker_is_named_after_its_content(tmp_path):
    first, second = Motion.zeros(3), Motion(np.ones((3, 53)), np.zeros((3, 3)), np.zeros((3, 3)))
    paths = [save_motion(motion, tmp_path / "inputs") for motion in (first, second, first)]
    assert paths[0] == paths[2] != paths[1]
    assert paths[0].name.startswith("curves-") and paths[0].suffix == ".npz"
    assert np.array_equal(load_motion(paths[1]).channels(), second.channels())
