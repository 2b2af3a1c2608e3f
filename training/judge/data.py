"""Training data of the judge of lip sync: mouths of real talkers, and of portraits moved by their tracks.

``python -m training.judge.data`` fills ``.cache/judge/real`` from the corpus of GRID and ``.cache/judge/rendered`` with
portraits. The plain warp moves them by the tracked motion of a clip and by real head motion from the addresses; the
sound is that of the clip. So there are many faces and the kind of pictures that the judge must measure, but the lips
always belong to somebody who really said it. Lips made from sound are never used. Existing clips are kept.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from scipy.ndimage import gaussian_filter1d
from tqdm import tqdm

from core.errors import BadInputError, SoliloquyError
from core.face.face_view import VIEW_SIDE, anchor_points, anchor_similarity, face_view
from core.head.head_model import HeadModel
from core.portrait.load import load_portrait
from core.renderer.geometry import PosedHeads
from core.renderer.renderer import Renderer

from ..common import folders
from ..common.arrays import save_tensors
from ..common.splits import judge_split, portrait_split, split
from ..corpus.dataset import Clip, Corpus

FOLDER = folders.CACHE / "judge"
MOUTH_SIDE = 56
"""Side in pixels of the judge's pictures: the part of the face view (of 128) that shows the mouth."""
MARGIN = 8
"""Additional pixels on each side, for shifts and turns in training."""
CORNER = np.array([(VIEW_SIDE - MOUTH_SIDE) // 2, 62])
"""Place (x, y) of the mouth's part in the view."""
FOLLOW_FRAMES = 6.0
"""Standard deviation, in frames, of the window over which the view follows a moving head: slower than any syllable."""
RENDER_SIDE = 192
ADDRESSES = folders.TRACKS / "obama"


@dataclass(frozen=True)
class MouthClip:
    """T frames of a mouth and its sound.

    name; part: train, tune, test or unseen; mouths (T, 72, 72) uint8 grey; mel (4 T, 80) float32; voices: the same
    words at the same times by synthesised voices (``training.judge.voices``), each (4 T, 80).
    """

    name: str
    part: str
    mouths: np.ndarray
    mel: np.ndarray
    voices: tuple[np.ndarray, ...] = ()


def mouth_similarities(landmarks: np.ndarray, margin: int = 0) -> np.ndarray:
    """(T, 2, 3) maps from pixels to the unit square around the mouth, for landmarks (T, P, 2 or more). The square
    follows the head but not the lips."""
    anchors = anchor_points(np.asarray(landmarks, np.float64))  # (T, 3, 2)
    smooth = gaussian_filter1d(anchors, FOLLOW_FRAMES, axis=0, mode="nearest")
    return np.stack([part_of_view(anchor_similarity(points), margin) for points in smooth])


def part_of_view(similarity: np.ndarray, margin: int = 0) -> np.ndarray:
    """The map (2, 3) to the mouth's unit square, for the similarity of a face view."""
    part = VIEW_SIDE * similarity
    part[:, 2] -= CORNER - margin
    return part / (MOUTH_SIDE + 2 * margin)


def cut_mouths(pictures: Sequence[np.ndarray], similarities: np.ndarray, margin: int = 0) -> np.ndarray:
    """Grey mouths (T, 56 + 2 margin, 56 + 2 margin) uint8 of frames (H, W, 3) uint8 RGB."""
    side = MOUTH_SIDE + 2 * margin
    views = [face_view(picture, part, side) for picture, part in zip(pictures, similarities, strict=True)]
    return np.stack([cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in views])


def real_mouths(clip: Clip) -> np.ndarray:
    """(T, 72, 72) of a clip of a corpus."""
    return cut_mouths(list(clip.pictures()), mouth_similarities(clip.landmarks, MARGIN), MARGIN)


def head_motion(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(frames, 3) rad: a random stretch of real head motion, relative to its median."""
    tracks = [path for path in sorted(ADDRESSES.glob("*.npz")) if split(path.stem) == "train"]
    if not tracks:
        raise SoliloquyError(
            "tracks_missing",
            f"There are no tracks in {ADDRESSES}.",
            "Make them: python -m training.tracking obama",
        )
    with np.load(tracks[int(rng.integers(len(tracks)))], allow_pickle=False) as track:
        rotation = track["rotation"]
    first = int(rng.integers(max(len(rotation) - frames, 0) + 1))
    stretch = rotation[np.minimum(np.arange(first, first + frames), len(rotation) - 1)]
    return stretch - np.median(stretch, axis=0)


def posed_landmarks(renderer: Renderer, heads: PosedHeads) -> np.ndarray:
    """Face mesh (T, 468, 2) px of posed heads: their true places, not the places that a tracker finds."""
    return renderer.geometry.model.mesh468(heads.pixels)[..., :2].cpu().numpy()


def rendered_mouths(renderer: Renderer, clip: Clip, rng: np.random.Generator) -> np.ndarray:
    """(T, 72, 72) of a portrait that says the words of ``clip``, rendered by the plain warp."""
    rotation = clip.rotation + head_motion(clip.frames, rng)
    expression, rotation, translation = (
        torch.from_numpy(channel).float() for channel in (clip.expression, rotation, clip.translation)
    )
    pictures: list[np.ndarray] = []
    landmarks = []
    for first in range(0, clip.frames, 15):
        part = slice(first, first + 15)
        frames = renderer.warp(expression[part], rotation[part], translation[part])
        squares = (frames.picture * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        pictures += list(squares)
        landmarks.append(posed_landmarks(renderer, frames.heads))
    return cut_mouths(pictures, mouth_similarities(np.concatenate(landmarks), MARGIN), MARGIN)


def save(clip: MouthClip, folder: Path) -> None:
    """Write a clip to a folder, whole or not at all."""
    arrays = {"mouths": clip.mouths, "mel": clip.mel.astype(np.float16)}
    save_tensors(folder / f"{clip.name}.safetensors", arrays, {"part": clip.part})


def load(kind: str, part: str, folder: Path = FOLDER) -> list[MouthClip]:
    """The clips of a kind ("real" or "rendered") and part. Raises SoliloquyError ``judge_data_missing`` if there are
    none."""
    out = []
    for path in sorted((folder / kind).glob("*.safetensors")):
        with safe_open(str(path), framework="np") as file:
            if file.metadata()["part"] == part:
                mel = file.get_tensor("mel").astype(np.float32)
                said = "_".join(path.stem.split("_")[-2:])  # rendered clips are named <portrait>_<talker>_<clip>
                out.append(
                    MouthClip(path.stem, part, file.get_tensor("mouths"), mel, voices_of(said, folder / "voices"))
                )
    if not out:
        raise SoliloquyError(
            "judge_data_missing",
            f"There are no {kind} {part} clips in {folder}.",
            "Make them: python -m training.judge.data",
        )
    return out


def voices_of(clip: str, folder: Path) -> tuple[np.ndarray, ...]:
    """Log-mel (4 T, 80) of the other voices of a clip; empty if they were not made."""
    path = folder / f"{clip}.safetensors"
    return tuple(mel.astype(np.float32) for mel in load_file(path).values()) if path.exists() else ()


def castings(portraits: Sequence[Path], clips: Sequence[Clip], counts: dict[str, int]) -> Iterator[tuple[Path, Clip]]:
    """Which portrait says which clip. Portraits for training say clips that the judge trains on. The others say
    held-out clips of the known talker and of the unseen talker. ``counts`` is the number for each part; the draw
    depends on the names."""

    def draw(name: str) -> str:
        return hashlib.sha256(name.encode()).hexdigest()

    waiting = {
        part: sorted((c for c in clips if judge_split(c.name) == part), key=lambda c: draw(c.name)) for part in counts
    }
    left = dict(counts)
    for path in sorted(portraits, key=lambda path: draw(path.stem)):
        parts = ("train",) if portrait_split(path.stem) == "train" else ("test", "unseen")
        for part in parts:
            if left.get(part) and waiting[part]:
                left[part] -= 1
                yield path, waiting[part].pop()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=folders.data_folder())
    parser.add_argument("--corpus", type=Path, default=folders.GRID)
    parser.add_argument("--train", type=int, default=150, help="portraits to train on")
    parser.add_argument("--test", type=int, default=24, help="held-out portraits for each of test and unseen")
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpus = Corpus.open(options.corpus)
    for clip in tqdm(corpus, desc="real mouths", unit=""):
        if not (FOLDER / "real" / f"{clip.name}.safetensors").exists():
            save(MouthClip(clip.name, judge_split(clip.name), real_mouths(clip), clip.mel), FOLDER / "real")
    head = HeadModel.load()
    counts = {"train": options.train, "test": options.test, "unseen": options.test}
    cast = list(castings(sorted((options.data / "portraits").glob("*.jpg")), corpus, counts))
    for path, clip in tqdm(cast, desc="rendered mouths", unit=""):
        name = f"{path.stem}_{clip.name}"
        if (FOLDER / "rendered" / f"{name}.safetensors").exists():
            continue
        try:
            portrait = load_portrait(path, folders.PORTRAITS)
        except BadInputError as error:
            print(f"{path.name}: left out, {error}")
            continue
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
        renderer = Renderer(head, portrait, RENDER_SIDE, framing="crop", painter=None)
        mouths = rendered_mouths(renderer, clip, rng)
        save(MouthClip(name, judge_split(clip.name), mouths, clip.mel), FOLDER / "rendered")


if __name__ == "__main__":
    main()
