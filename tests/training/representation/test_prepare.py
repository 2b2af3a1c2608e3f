"""Portraits that are made to talk: after a stop, the same command uses its finished files."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from PIL import Image

import training.representation.prepare as prepare
from core.face.face_view import VIEW_SIDE
from core.motion.channels import CHANNELS, LIP_CHANNELS
from core.sound.mel import MEL_BANDS, MELS_PER_FRAME
from training.common.splits import portrait_split
from training.lips.data import Utterance


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with one portrait of the training split and one recording, and a mouth that opens to it."""
    skimage = pytest.importorskip("skimage.data", reason="scikit-image's test photograph is not installed")
    name = next(name for name in map(str, range(100)) if portrait_split(name) == "train")
    (tmp_path / "portraits").mkdir()
    Image.fromarray(skimage.astronaut()).save(tmp_path / "portraits" / f"{name}.jpg", quality=95)
    (tmp_path / "speech").mkdir()
    rng, frames = np.random.default_rng(0), prepare.WINDOW + 5
    soundfile.write(tmp_path / "speech" / "line.flac", 0.1 * rng.normal(size=640 * frames), 16_000)
    mouth = np.zeros((frames, len(LIP_CHANNELS)), np.float32)
    mouth[:, LIP_CHANNELS.index("jawOpen")] = 0.4 + 0.3 * np.sin(np.arange(frames))
    rows = MELS_PER_FRAME * frames
    mel, heard = (rng.normal(size=(rows, MEL_BANDS)).astype(np.float16) for _ in range(2))
    unknown = np.zeros(rows, np.int64)
    line = Utterance("line", "recorded", mel, heard, unknown, unknown, mouth, None, ())
    monkeypatch.setattr(prepare, "utterances", lambda split, folder: [line])
    monkeypatch.chdir(tmp_path)  # the cache of fitted portraits
    return tmp_path


def test_a_finished_portrait_is_read_again(data, monkeypatch):
    made = list(prepare.portrait_clips("train", data, data / "done"))
    assert len(made) == 1 and made[0].views.shape == (19, VIEW_SIDE, VIEW_SIDE, 3)
    jaw = made[0].channels[:, CHANNELS.index("jawOpen")]
    openings = 0.4 + 0.3 * np.sin(np.arange(prepare.WINDOW + 5))
    assert any(np.allclose(jaw, openings[first:][made[0].frames], atol=1e-5) for first in range(6))
    assert not np.array_equal(made[0].views[0], made[0].views[5])
    heard = prepare.utterances("train", data)[0].whisper_mel
    assert any(np.array_equal(made[0].mel, heard[MELS_PER_FRAME * first :][: len(made[0].mel)]) for first in range(6))
    monkeypatch.setattr(prepare, "Renderer", None)  # nothing is rendered again
    again = list(prepare.portrait_clips("train", data, data / "done"))
    for name in (*prepare.STORED, "observed"):
        np.testing.assert_array_equal(getattr(again[0], name), getattr(made[0], name))
    assert again[0].person == made[0].person
    assert prepare.write_faces(data / "set", again) == 19
