"""The judge of lip sync: its view of the mouth, its training, resumed runs and its file."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.face.face_view import anchor_points, clip_similarity, face_view, to_view
from tools.build_zip import extension_files
from training.common.engine import RunConfig
from training.common.splits import judge_split, portrait_split
from training.corpus.dataset import Clip, Shard
from training.judge import train as judge_module
from training.judge.augment import PictureConfig, placed, seen_otherwise
from training.judge.data import (
    CORNER,
    MARGIN,
    MOUTH_SIDE,
    MouthClip,
    castings,
    cut_mouths,
    load,
    mouth_similarities,
    part_of_view,
    save,
)
from training.judge.model import WEIGHTS, Judge, JudgeConfig
from training.judge.train import Batches, TrainConfig, export, sizes, sync_loss, train

SIDE = MOUTH_SIDE + 2 * MARGIN


def talking(name: str, seed: int, frames: int = 40) -> MouthClip:
    """A made-up mouth: a dark ellipse that opens when the sound gets louder, on a face with its own grey."""
    rng = np.random.default_rng(seed)
    loud = np.convolve(rng.random(4 * frames + 8), np.ones(9) / 9, "valid")
    loud = (loud - loud.min()) / np.ptp(loud)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    tall = 0.05 + 0.4 * loud.reshape(frames, 4).mean(1)[:, None, None]
    dark = ((x / 0.5) ** 2 + (y / tall) ** 2 < 1).astype(np.float32)
    mouths = (rng.uniform(120, 220) - rng.uniform(60, 100) * dark).astype(np.uint8)
    mel = (3 * loud[:, None] - 1.5 + rng.normal(0, 0.1, (4 * frames, 80))).astype(np.float32)
    return MouthClip(name, "train", mouths, mel)


@pytest.fixture(scope="module")
def clips() -> list[MouthClip]:
    return [talking(f"clip{index}", index) for index in range(8)]


# --- its view of the mouth -------------------------------------------------------------------------------------------


def face(frames: int) -> np.ndarray:
    points = np.random.default_rng(0).uniform(100, 300, (478, 2))
    for index, place in ((33, (150, 160)), (133, (180, 160)), (362, (220, 160)), (263, (250, 160))):
        points[index] = place
    points[61], points[291] = (175, 245), (225, 245)
    return np.tile(points, (frames, 1, 1))


def test_the_mouth_is_a_part_of_the_face_view() -> None:
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (3, 420, 420, 3)).astype(np.uint8)
    pictures = np.stack([cv2.GaussianBlur(picture, (0, 0), 2) for picture in pictures])
    similarity = clip_similarity(face(3))
    views = np.stack([face_view(picture, similarity) for picture in pictures]) @ [0.299, 0.587, 0.114]
    x, y = CORNER
    mouths = cut_mouths(pictures, mouth_similarities(face(3)))
    assert np.abs(views[:, y : y + MOUTH_SIDE, x : x + MOUTH_SIDE] - mouths).max() < 2
    wide = cut_mouths(pictures, mouth_similarities(face(3), MARGIN), MARGIN)
    assert np.abs(wide[:, MARGIN:-MARGIN, MARGIN:-MARGIN].astype(int) - mouths).max() <= 2
    mouth = to_view(anchor_points(face(1))[0, 2], clip_similarity(face(1)))
    assert ((mouth > CORNER + 10) & (mouth < CORNER + MOUTH_SIDE - 10)).all()


def test_the_view_follows_the_head_and_not_the_lips() -> None:
    still = face(60)
    walking = still + np.linspace(0, 60, 60)[:, None, None]
    seen = mouth_similarities(walking)
    nose = np.einsum("tij,tj->ti", seen[:, :, :2], walking[:, 4]) + seen[:, :, 2]
    assert np.ptp(nose[15:45], axis=0).max() < 0.01  # of the square's side; it lags a little at both ends
    speaking = still.copy()
    speaking[:, [13, 14]] += 12 * np.sin(np.arange(60))[:, None, None]
    np.testing.assert_array_equal(mouth_similarities(speaking), mouth_similarities(still))


def test_castings_keep_held_out_faces_and_clips_apart() -> None:
    shard = Shard(Path("none"))
    clips = [Clip(f"{t}_clip{i:03d}", t, "", 75, shard) for t in ("s1", "s4") for i in range(80)]
    portraits = [Path(f"H{i:03d}.jpg") for i in range(200)]
    cast = list(castings(portraits, clips, {"train": 50, "test": 5, "unseen": 7}))
    parts = [judge_split(clip.name) for _, clip in cast]
    assert [parts.count(part) for part in ("train", "test", "unseen")] == [50, 5, 7]
    for (path, _), part in zip(cast, parts, strict=True):
        assert (portrait_split(path.stem) == "train") == (part == "train")
    assert len({path for (path, _), part in zip(cast, parts, strict=True) if part == "train"}) == 50
    assert len({clip.name for _, clip in cast}) == len(cast)
    assert cast == list(castings(portraits[::-1], clips[::-1], {"train": 50, "test": 5, "unseen": 7}))


def test_clips_are_found_by_their_split(tmp_path: Path, clips: list[MouthClip]) -> None:
    for clip in clips[:3]:
        save(clip, tmp_path / "real")
    back = load("real", "train", tmp_path)
    assert [clip.name for clip in back] == ["clip0", "clip1", "clip2"]
    assert np.array_equal(back[1].mouths, clips[1].mouths)
    assert np.abs(back[1].mel - clips[1].mel).max() < 0.01
    with pytest.raises(SoliloquyError, match="no real test clips"):
        load("real", "test", tmp_path)


# --- augmentation ----------------------------------------------------------------------------------------------------


def test_augmentation_never_moves_with_the_sound(clips: list[MouthClip]) -> None:
    """For each random augmentation a still mouth stays still, except for drift and noise."""
    still = np.repeat(clips[0].mouths[:1], 12, 0)[None].repeat(6, 0)
    generator = torch.Generator().manual_seed(0)
    config = PictureConfig(drift=0.0, noise=0.0)
    out = seen_otherwise(still, config, np.random.default_rng(0), generator)
    assert out.shape == (6, 12, MOUTH_SIDE, MOUTH_SIDE)
    assert (out - out[:, :1]).abs().max() < 1e-5
    assert len({round(float(value), 4) for value in out.mean((1, 2, 3))}) == 6  # and the clips differ from each other
    moved = seen_otherwise(still, PictureConfig(), np.random.default_rng(0), generator)
    assert (moved - moved[:, :1]).abs().max() > 0.01


def test_without_augmentation_the_middle_is_cut_out(clips: list[MouthClip]) -> None:
    none = PictureConfig(turn=0, scale=0, shift=0, drift=0)
    pictures = torch.from_numpy(clips[0].mouths[None]).float()
    out = placed(pictures, none, torch.Generator().manual_seed(1))
    middle = pictures[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert min((out - middle).abs().max(), (out - middle.flip(-1)).abs().max()) < 1e-2


# --- the network and its loss ----------------------------------------------------------------------------------------


def test_brightness_has_no_influence_and_codes_are_unit_vectors(clips: list[MouthClip]) -> None:
    torch.manual_seed(0)
    judge = Judge(JudgeConfig.tiny()).eval()
    mouths = torch.from_numpy(clips[0].mouths[None, :12, MARGIN:-MARGIN, MARGIN:-MARGIN])
    with torch.no_grad():
        seen, heard = judge.see(mouths), judge.hear(torch.from_numpy(clips[0].mel[None, :48]))
        darker = judge.see(0.4 * mouths + 12.0)
        alone = judge.see(mouths[:, 3:8])
    assert seen.shape == heard.shape == (1, 8, 24)
    assert torch.allclose(seen.norm(dim=-1), torch.ones(1, 8), atol=1e-5)
    assert torch.allclose(seen, darker, atol=1e-3)
    assert torch.allclose(seen[:, 3:4], alone, atol=1e-5)  # five frames and no other frame


def test_loss_is_least_where_pairs_agree_and_ignores_neighbours() -> None:
    seen = torch.nn.functional.normalize(torch.randn(3, 6, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    factor = torch.tensor(20.0)
    good, right = sync_loss(seen, seen, factor)
    late, wrong = sync_loss(seen, seen.roll(3, 1), factor)
    assert right == 1 and wrong < 0.2 and good < 0.2 * late
    # repeated codes: each frame equals its neighbour, which costs nothing
    doubled = seen[:, :3].repeat_interleave(2, 1)
    assert sync_loss(doubled, doubled, factor)[0] < 0.1


def test_it_learns_and_an_interrupted_run_ends_where_an_unbroken_one_does(
    tmp_path: Path, clips: list[MouthClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunConfig(steps=24, log_every=6, device="cpu", bfloat16=False, ema=0.9)
    whole = train(tmp_path / "whole", run, sizes("tiny"), (clips[:5], clips[5:]))
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()[1:]]
    assert lines[-1]["loss"] < 0.9 * lines[0]["loss"]

    draw = Batches.draw

    def stopped_at_nine(batches, step):
        if step.index == 9:
            signal.raise_signal(signal.SIGTERM)
        return draw(batches, step)

    with monkeypatch.context() as patch:
        patch.setattr(judge_module.Batches, "draw", stopped_at_nine)
        broken = train(tmp_path / "parts", run, sizes("tiny"), (clips[:5], clips[5:]))
        assert broken.step == 10
    resumed = train(tmp_path / "parts", run, sizes("tiny"), (clips[:5], clips[5:]))
    for name, value in whole.averages["judge"].state_dict().items():
        assert torch.equal(value, resumed.averages["judge"].state_dict()[name]), name

    export(tmp_path / "whole", run, JudgeConfig.tiny(), tmp_path / "judge.safetensors")
    kept = Judge.load(tmp_path / "judge.safetensors")
    mouths = torch.from_numpy(clips[0].mouths[None, :9, MARGIN:-MARGIN, MARGIN:-MARGIN])
    assert (kept.see(mouths) - whole.averages["judge"].see(mouths)).abs().max() < 0.02


def test_batches_mix_real_and_rendered_and_skip_short_clips(clips: list[MouthClip]) -> None:
    short = MouthClip("short", "train", clips[0].mouths[:5], clips[0].mel[:20])
    batches = Batches([*clips[:4], short], clips[4:], TrainConfig.tiny())
    assert [len(pool) for pool in batches.pools] == [4, 4]


def test_the_error_for_a_missing_judge_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SoliloquyError, match="missing") as caught:
        Judge.load(tmp_path / "none.safetensors")
    assert "training/judge/README.md" in caught.value.hint


def test_the_product_does_not_ship_it() -> None:
    assert not [file for file in extension_files() if file.parts[0] == "training"]


def test_the_shipped_judge_is_small_and_has_a_card() -> None:
    assert WEIGHTS.stat().st_size < 4 << 20
    assert WEIGHTS.with_suffix(".md").exists()
    judge = Judge.load()
    assert judge.config == JudgeConfig() and not judge.training
    assert part_of_view(np.eye(2, 3)).shape == (2, 3)
