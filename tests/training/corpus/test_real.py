"""A real clip goes through the whole video corpus; the judge of lip sync then finds any error of timing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from training.common.splits import split
from training.corpus.dataset import Clip, Corpus
from training.corpus.videos import Places, build
from training.judge.lip_sync_metrics import judge_take
from training.judge.model import Judge

DATA = Path(os.environ.get("SOLILOQUY_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
CLIP = DATA / "grid" / "s1" / "bbaf2n.mp4"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CLIP.exists(), reason="no GRID clips at hand"),
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg isn't installed"),
]


def converted(target: Path, *options: str) -> None:
    """The clip re-encoded with ffmpeg's ``options``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["ffmpeg", "-v", "error", *options, "-c:v", "mjpeg", "-q:v", "3", "-c:a", "pcm_s16le", str(target)]
    subprocess.run(command, check=True, timeout=120)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Four talkers: the original clip, at 30 frames a second, with its sound 0.2 s late, and 0.2 s early."""
    folder = tmp_path_factory.mktemp("corpus")
    source = folder / "videos"
    (source / "plain").mkdir(parents=True)
    shutil.copy(CLIP, source / "plain" / "clip.mp4")
    converted(source / "thirty" / "clip.mkv", "-i", str(CLIP), "-r", "30")
    late = ("-i", str(CLIP), "-itsoffset", "0.2", "-i", str(CLIP), "-map", "0:v", "-map", "1:a")
    converted(source / "late" / "clip.mkv", *late)
    early = ("-itsoffset", "0.2", "-i", str(CLIP), "-i", str(CLIP), "-map", "0:v", "-map", "1:a")
    converted(source / "early" / "clip.mkv", *early)
    made = build(source, Places(folder / "out", folder / "landmarks", folder / "sound"), 1)
    assert not made["skipped"]
    return {clip.talker: clip for clip in Corpus.open(folder / "out")}


def test_the_judge_was_not_trained_on_the_clip() -> None:
    assert split(f"s1_{CLIP.stem}") == "test"


@pytest.mark.slow
@pytest.mark.parametrize(("talker", "late"), [("plain", 0), ("thirty", 0), ("late", 5), ("early", -5)])
def test_sound_stays_with_the_picture(clips: dict[str, Clip], talker: str, late: int) -> None:
    clip = clips[talker]
    numbers = judge_take(Judge.load(), clip.pictures(), clip.mel, clip.landmarks)
    assert abs(numbers["offset"] - late) <= 1
    assert numbers["S_c"] > 0.25


@pytest.mark.slow
def test_another_rate_shows_the_same_motion(clips: dict[str, Clip]) -> None:
    plain, thirty = clips["plain"], clips["thirty"]
    assert plain.frames == 75 and abs(thirty.frames - 75) <= 1
    count = min(plain.frames, thirty.frames)
    openings = [clip.array("opening")[:count] for clip in (plain, thirty)]
    assert np.corrcoef(*openings)[0, 1] > 0.97
    assert np.abs(plain.face_view(40).astype(int) - thirty.face_view(40)).mean() < 6
    assert np.median(plain.array("residual")) < 0.01
