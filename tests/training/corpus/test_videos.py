"""Video corpora: layouts, usable stretches, crops, shards, and a made-up folder from end to end."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
import torch
from skimage import data

from core.errors import BadInputError, SoliloquyError
from core.head.camera import Fit
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix, matrix_to_euler
from core.portrait.fit import head_crop
from core.readback.talker import mean_rotation
from core.readback.track import relative_pose
from core.sound.audio import load_audio
from core.sound.mel import log_mel
from core.sound.whisper.front_end import whisper_mel
from tests.core.readback.shown_landmarks import still_face
from training.common.splits import split
from training.corpus import crops, shards, videos
from training.corpus.crops import SIDE, clip_crop, pack, unpack
from training.corpus.dataset import Corpus
from training.corpus.shards import shard_facts, write_shard
from training.corpus.videos import Places, build, find_videos, tasks
from training.tracking import video

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg isn't installed")


# --- layouts ---------------------------------------------------------------------------------------------------------


def test_layouts_of_the_usual_corpora_are_understood(tmp_path: Path) -> None:
    for name in (
        "grid/s1/bbaf2n.mpg",
        "grid/s1/bbaf2n.align",
        "grid/s4/lbax4n.mpg",
        "vox/id00012/21Uxsk56VDQ/00001.mp4",
        "vox/id00012/21Uxsk56VDQ/00002.mp4",
        "vox/id00012/73OrGVvp3zc/00003.mp4",
        "hdtf/WDA_BarackObama_000.mp4",
        "hdtf/WDA_BarackObama_001.mp4",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    grid = find_videos(tmp_path / "grid")
    assert [(v.name, v.talker, v.recording) for v in grid] == [("s1_bbaf2n", "s1", "s1"), ("s4_lbax4n", "s4", "s4")]
    vox = find_videos(tmp_path / "vox")
    assert {v.talker for v in vox} == {"id00012"} and len({v.name for v in vox}) == 3
    assert len({v.recording for v in vox}) == 2  # two cameras
    hdtf = find_videos(tmp_path / "hdtf")
    assert {v.talker for v in hdtf} == {"WDA_BarackObama"} and len({v.recording for v in hdtf}) == 2
    with pytest.raises(BadInputError, match="No video"):
        find_videos(tmp_path / "nothing")


def test_every_clip_goes_to_one_shard_of_its_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "CLIPS_A_SHARD", 3)
    clips = [videos.Video(Path(f"{r}/{i}.mp4"), f"{r}_{i}", "t", r) for r in ("a", "b") for i in range(4)]
    made = tasks(clips, 1)
    assert [[clip.name for clip in task.clips] for task in made] == [
        ["a_0", "a_1", "a_2"],
        ["a_3"],
        ["b_0", "b_1", "b_2"],
        ["b_3"],
    ]
    places = Places(tmp_path, tmp_path, tmp_path)
    assert len({task.path(places) for task in made}) == 4
    assert all(len(task.recording) == 4 for task in made)


# --- crops -----------------------------------------------------------------------------------------------------------


def test_crops_are_framed_like_portraits_where_there_is_room() -> None:
    points = still_face(5)
    x0, y0, side = head_crop(points[0])
    crop = clip_crop(points + 1000, (4000, 4000))
    assert (crop.x0, crop.y0, crop.side) == pytest.approx((x0 + 1000, y0 + 1000, side))


@pytest.mark.parametrize("size", [(400, 400), (360, 288), (1280, 420)])
def test_crops_never_leave_the_frame(size: tuple[int, int]) -> None:
    points = still_face(3) - (200, 200, 0)
    for shift in ((200, 150, 0), (40, 60, 0), (size[0] - 30, size[1] - 20, 0)):
        crop = clip_crop(points + np.float32(shift), size)
        assert crop.x0 >= 0 and crop.y0 >= 0
        assert crop.x0 + crop.side <= size[0] + 1e-6 and crop.y0 + crop.side <= size[1] + 1e-6


def test_crops_keep_pixels_and_points_together() -> None:
    crop = crops.Crop(37.5, 22.0, 180.0)
    y, x = np.mgrid[0:300, 0:400] + 0.5
    spot = 250 * np.exp(-((x - 120.3) ** 2 + (y - 99.7) ** 2) / 18)
    seen = crop.cut(np.repeat(spot[..., None], 3, 2).astype(np.uint8))[..., 0].astype(float)
    ys, xs = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    found = np.array([(seen * xs).sum(), (seen * ys).sum()]) / seen.sum()
    np.testing.assert_allclose(found, crop.to_crop(np.array([120.3, 99.7])), atol=0.3)


def test_pictures_are_restored_from_their_bytes() -> None:
    pictures = [cv2.resize(data.astronaut()[i : i + 200, 100:300], (SIDE, SIDE)) for i in (0, 40, 80)]
    jpeg, offsets = pack(pictures)
    assert offsets[0] == 0 and offsets[-1] == len(jpeg)
    for index, picture in enumerate(pictures):
        back = unpack(jpeg[offsets[index] : offsets[index + 1]])
        assert np.abs(back.astype(int) - picture).mean() < 2.5
    with pytest.raises(OSError, match="damaged"):
        unpack(jpeg[:40])


def test_other_frame_rates_are_read_at_25(tmp_path: Path) -> None:
    """The brightness of a frame of a 30 Hz video is its number: frame i at 25 Hz is that shown at (i + ½) / 25 s."""
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (64, 64))
    for number in range(60):
        writer.write(np.full((64, 64, 3), 4 * number, np.uint8))
    writer.release()
    seen = [round(frame.mean() / 4) for frame in video.frames(tmp_path / "v.avi")]
    assert seen == [int((i + 0.5) * 1.2) for i in range(50)]
    assert len(list(video.frames(tmp_path / "v.avi", 30.0))) == 60


# --- shards ----------------------------------------------------------------------------------------------------------


def random_clip(rng: np.random.Generator, frames: int) -> dict[str, np.ndarray]:
    pictures = [cv2.GaussianBlur(rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8), (0, 0), 9) for _ in range(2)]
    jpeg, offsets = pack([pictures[i % 2] for i in range(frames)])
    return {
        "jpeg": jpeg,
        "offsets": offsets,
        "landmarks": rng.uniform(0, SIDE, (frames, 478, 2)).astype(np.float32),
        "expression": rng.random((frames, 53)).astype(np.float32),
        "rotation": rng.normal(0, 0.1, (frames, 3)).astype(np.float32),
        "translation": rng.normal(0, 1, (frames, 3)).astype(np.float32),
        "mel": rng.normal(0, 1, (4 * frames, 80)).astype(np.float16),
        "whisper_mel": rng.normal(0, 1, (4 * frames, 80)).astype(np.float16),
    }


def corpus_of(folder: Path, clips: dict[str, dict[str, np.ndarray]]) -> Path:
    write_shard(folder / "a-000.safetensors", clips, {"sources": [], "clips": {}, "skipped": {}})
    about = {
        name: {"talker": "s1", "frames": len(c["expression"]), "split": split(name), "shard": "a-000.safetensors"}
        for name, c in clips.items()
    }
    (folder / "corpus.json").write_text(json.dumps({"clips": about}))
    return folder


def test_clips_are_read_back_from_shards(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    clips = {f"s1_clip{i}": random_clip(rng, 3 + i) for i in range(12)}
    folder = corpus_of(tmp_path, clips)
    corpus = Corpus.open(folder)
    assert len(corpus) == 12 and corpus.frames == sum(3 + i for i in range(12))
    for clip in corpus:
        made = clips[clip.name]
        assert len(clip) == len(made["expression"])
        for field in ("expression", "rotation", "translation", "landmarks"):
            assert np.array_equal(getattr(clip, field), made[field])
        for field in ("mel", "whisper_mel"):
            assert getattr(clip, field).dtype == np.float32 and np.array_equal(getattr(clip, field), made[field])
        last = clip.frames - 1
        expected = unpack(made["jpeg"][made["offsets"][last] : made["offsets"][last + 1]])
        assert np.array_equal(clip.picture(last), expected)
        assert np.array_equal(clip.pictures([last, 0])[0], expected)
        with pytest.raises(IndexError, match=f"not {clip.frames}"):
            clip.picture(clip.frames)
    parts = [Corpus.open(folder, part) for part in ("train", "test")]
    assert sorted(clip.name for part in parts for clip in part) == sorted(clips)
    assert {clip.split for clip in parts[0]} == {"train"}
    assert len(Corpus.open(folder, ("train", "test"))) == 12


def test_the_error_for_a_missing_corpus_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SoliloquyError, match="no finished corpus") as caught:
        Corpus.open(tmp_path)
    assert "training.corpus.videos" in caught.value.hint


def test_shards_that_cannot_be_trusted_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    assert shard_facts(path) is None
    write_shard(path, {}, {"sources": ["x"]})
    facts = shard_facts(path)
    assert facts is not None and facts["sources"] == ["x"]
    path.write_bytes(path.read_bytes()[:-3] + b"???")
    assert shard_facts(path) is None
    write_shard(path, {}, {"sources": ["x"]})
    monkeypatch.setattr(shards, "VERSION", shards.VERSION + 1)
    assert shard_facts(path) is None


def test_absolute_pose_is_the_inverse_of_relative_motion(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    angles = 0.15 * torch.randn(40, 3, generator=generator) + torch.tensor([0.1, -0.2, 0.05])
    place = torch.randn(40, 3, generator=generator) + torch.tensor([2.0, -3.0, -90.0])
    truth = Fit(
        identity=torch.zeros(50),
        focal=torch.tensor(900.0),
        centre=torch.zeros(2),
        expression=torch.zeros(40, 53),
        rotation=euler_to_matrix(angles),
        translation=place,
    )
    rest, middle = mean_rotation(truth.rotation), place.median(0).values
    clip = random_clip(np.random.default_rng(1), 40)
    pivot = HeadModel.load().neck_pivot
    clip["rotation"], clip["translation"] = relative_pose(truth, rest, middle, pivot)
    clip["rest_rotation"], clip["rest_translation"] = matrix_to_euler(rest).numpy(), middle.numpy()
    rotation, translation = Corpus.open(corpus_of(tmp_path, {"s1_a": clip}))[0].absolute_pose()
    np.testing.assert_allclose(rotation, truth.rotation, atol=1e-5)
    np.testing.assert_allclose(translation, place, atol=1e-4)


# --- end to end ------------------------------------------------------------------------------------------------------


def astronaut_video(path: Path, seconds: float = 1.4, sound: bool = True) -> None:
    """A camera that drifts over the test photograph, with a hum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    silent, hum = path.with_suffix(".avi"), path.with_suffix(".wav")
    writer = cv2.VideoWriter(str(silent), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (320, 320))
    for number in range(round(25 * seconds)):
        writer.write(np.ascontiguousarray(data.astronaut()[:320, 60 + number // 2 : 380 + number // 2, ::-1]))
    writer.release()
    if not sound:
        return
    time = np.arange(round(16000 * seconds)) / 16000
    soundfile.write(hum, 0.2 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(9 * time)), 16000)
    join = ["ffmpeg", "-v", "error", "-y", "-i", str(silent), "-i", str(hum), "-c:v", "copy", str(path)]
    subprocess.run(join, check=True, timeout=60)
    silent.unlink()
    hum.unlink()


@needs_ffmpeg
def test_a_folder_becomes_a_corpus_and_bad_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = tmp_path / "people", tmp_path / "out"
    astronaut_video(source / "eileen" / "one.mkv")
    astronaut_video(source / "eileen" / "mute.avi", sound=False)
    (source / "eileen" / "torn.mp4").write_bytes(b"no video at all")
    places = Places(out, tmp_path / "landmarks", tmp_path / "sound")
    made = build(source, places, 1)
    assert list(made["clips"]) == ["eileen_one"]
    assert set(made["skipped"]) == {"eileen_mute", "eileen_torn"}
    assert json.loads((out / "skipped.json").read_text()) == made["skipped"]
    clip = Corpus.open(out)[0]
    assert clip.frames == 35 and clip.mel.shape == clip.whisper_mel.shape == (140, 80) and clip.talker == "eileen"
    samples = load_audio(next((tmp_path / "sound").rglob("*.wav"))).samples
    np.testing.assert_allclose(clip.mel, log_mel(samples, 35), atol=5e-3)
    np.testing.assert_allclose(clip.whisper_mel, whisper_mel(samples, 35), atol=5e-3)
    eyes = np.linalg.norm(clip.landmarks[:, 33] - clip.landmarks[:, 263], axis=-1)
    assert 0.15 < eyes.mean() / SIDE < 0.5
    view = clip.face_view(20)
    assert view.shape == (128, 128, 3)
    # the drift is in the crops, not in the face: the nose stays in its place
    noses = [clip.picture(i)[tuple(clip.landmarks[i, 4, ::-1].astype(int))].astype(int) for i in (0, 34)]
    assert np.abs(noses[0] - noses[1]).max() < 30

    before = (out / "eileen-000.safetensors").read_bytes()
    (out / "eileen-000.safetensors").unlink()  # as if the command had stopped before this file existed
    with monkeypatch.context() as patch:
        patch.setattr("training.tracking.landmarks.track", lambda path: pytest.fail(f"{path} was tracked again"))
        (source / "eileen" / "torn.mp4").unlink()
        (source / "eileen" / "mute.avi").unlink()
        again = build(source, places, 1)
        assert list(again["clips"]) == ["eileen_one"] and not again["skipped"]
        assert (out / "eileen-000.safetensors").read_bytes() == before
        patch.setattr(videos, "clip_fields", lambda *_: pytest.fail("a finished shard was made again"))
        build(source, places, 1)


def test_a_trial_takes_the_first_videos_of_each_talker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1", "a/2", "a/3", "b/1", "c/x/1", "c/y/2"):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / f"{name}.mp4").touch()
    monkeypatch.setattr(videos, "prepare", lambda clip, places: (clip.name, "not today"))
    made = build(tmp_path / "source", Places(*(tmp_path / name for name in "olw")), 1, limit=2)
    assert sorted(made["skipped"]) == ["a_1", "a_2", "b_1", "c_x_1", "c_y_2"]
