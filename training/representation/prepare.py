"""Make the face views for the representation: real clips, and portraits that talk.

*grid*: every second frame of the tracked clips. *portraits*: the product's own warp makes each of the 340 portraits
talk. Lips follow the exact phones of synthesised speech or the aligned phones of recorded speech; everything else is
from ``training.corpus.synthetic.performance``. So E_v sees many real faces with exactly known motion and matching
sound, while GRID shows only one man. *synthetic*: thousands of people of ``training.corpus.synthetic``, one view of
each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from core.errors import BadInputError
from core.face.face_view import VIEW_SIDE, clip_similarity, face_view
from core.face.reconstruction import view_camera
from core.head.head_model import HeadModel
from core.head.rotation import matrix_to_euler
from core.motion.channels import CHANNELS, EXPRESSIONS, LIP_CHANNELS, LIP_COLUMNS, NONLIP_CHANNELS, NONLIP_COLUMNS
from core.portrait.load import load_portrait
from core.prior.features import channels_from_features
from core.renderer import Renderer
from core.sound.audio import load_audio
from core.sound.mel import MELS_PER_FRAME

from ..common.arrays import save_npz
from ..common.folders import GRID, PORTRAITS
from ..common.splits import portrait_split
from ..corpus.dataset import Clip, Corpus
from ..corpus.synthetic.performance import synthesise
from ..corpus.synthetic.views import SyntheticViews
from ..lips.data import Utterance, grid_utterances, recorded_utterances, synthetic_utterances, viseme_table
from ..speech.prosody import analyse
from ..speech.synthesis import CACHE as SPEECH
from .data import CACHE, EVERYONE, FilmedClip, write_faces

STRIDE = {"grid": 2, "portraits": 4}
"""Frames from one view to the next, because neighbours show almost the same."""
GROUP = 4
"""Synthetic people that form a clip."""
WINDOW = 75
"""Frames of a talking portrait, the same as of a GRID clip."""
CROP = 192
"""Side of the rendered crops in pixels. A face has about the same size in them as in its view."""
STORED = ("views", "frames", "channels", "mel")
"""Fields of a talking portrait that are stored while the others are made."""
_EXPRESSION = len(EXPRESSIONS)


def grid_clips(split: str, folder: Path = GRID) -> Iterator[FilmedClip]:
    """Clips of one split of the corpus made by ``training.corpus.videos``."""
    corpus = Corpus.open(folder, split)
    people = {name: index for index, name in enumerate(sorted({clip.talker for clip in corpus}))}
    for clip in tqdm(corpus, desc=f"grid {split}", unit="clip"):
        frames = np.arange(0, clip.frames, STRIDE["grid"])
        views = np.stack([clip.face_view(frame) for frame in frames])
        mel = clip.whisper_mel[: MELS_PER_FRAME * clip.frames]
        yield FilmedClip(views, frames, seen_channels(clip)[frames], np.array(True), people[clip.talker], mel)


def seen_channels(clip: Clip) -> np.ndarray:
    """(T, 59) channels of a real clip, with the head's rotation as shown by the view."""
    rotation, _ = clip.absolute_pose()
    turned = seen_rotation(torch.from_numpy(rotation), clip.view_similarity)
    return np.concatenate([clip.expression, turned, clip.translation], axis=1).astype(np.float32)


def seen_rotation(rotation: Tensor, similarity: np.ndarray) -> np.ndarray:
    """(T, 3) pitch, yaw, roll, as shown by a view, of heads (T, 3, 3) in the axes of the picture's camera.

    The view is turned in the picture's plane so that the eyes are level.
    """
    one = torch.ones(1, dtype=torch.float64)
    *_, roll = view_camera(one, torch.zeros(1, 2, dtype=torch.float64), torch.from_numpy(similarity)[None], VIEW_SIDE)
    return matrix_to_euler(roll @ rotation.double()).float().numpy()


def utterances(split: str, data: Path) -> list[Utterance]:
    """Speech of the split's voices with a mouth made from its phones, at least ``WINDOW`` frames long."""
    table = viseme_table(grid_utterances("train"))
    held_out = split == "test"
    found = [*synthetic_utterances(table, held_out), *recorded_utterances(data, table, held_out)]
    return [u for u in found if u.frames >= WINDOW]


def motion_of(utterance: Utterance, samples: np.ndarray, first: int, rng: np.random.Generator) -> np.ndarray:
    """(WINDOW, 59) motion of a talking head: the utterance's mouth, synthetic motion, and a random mood.

    Heads turn further and faces are livelier than in calm speech, by random factors for each clip, so that E_v learns
    the whole range. A mood that lasts the whole clip, and independent blinks and gaze, keep the other channels from
    following the speech.
    """
    whole = channels_from_features(synthesise(analyse(samples, utterance.frames), rng))  # (T, 32)
    nonlip = whole[first : first + WINDOW].copy()
    expressions = len(NONLIP_CHANNELS) - 6
    nonlip[:, :expressions] *= rng.uniform(0.8, 1.8)
    mood = rng.uniform(0, 0.5, expressions) * (rng.random(expressions) < 0.2)
    gaze = np.array(["Look" in name or "Blink" in name for name in NONLIP_CHANNELS[:expressions]])
    nonlip[:, :expressions] += np.where(gaze, 0.0, mood)
    nonlip[:, -6:] *= rng.uniform(0.8, 2.0)
    nonlip[:, -6:-3] += rng.normal(0.0, np.deg2rad([4.0, 7.0, 3.0]))
    nonlip[:, -6:-3] = np.clip(nonlip[:, -6:-3], -0.3, 0.3)
    mouth = utterance.mouth[first : first + WINDOW].copy()
    for name, chance in (("mouthSmile_L", 0.3), ("mouthFrown_L", 0.15)):
        if rng.random() < chance:
            amount = rng.uniform(0.1, 0.6)
            for side in "LR":
                mouth[:, LIP_CHANNELS.index(name[:-1] + side)] += amount
    motion = np.zeros((WINDOW, len(CHANNELS)), np.float32)
    motion[:, LIP_COLUMNS] = mouth
    motion[:, NONLIP_COLUMNS] = nonlip
    motion[:, :_EXPRESSION] = np.clip(motion[:, :_EXPRESSION], 0.0, 1.0)
    return motion


def portrait_clips(split: str, data: Path, done: Path, limit: int | None = None, take: int = 0) -> Iterator[FilmedClip]:
    """A talking clip of each portrait of the split, or of ``limit`` portraits spread over them. Portraits that can't be
    read are left out.

    Each finished clip is stored in the folder ``done``, so that a stopped command goes on. Another ``take`` has other
    words and motion.
    """
    head = HeadModel.load()
    speech = utterances(split, data)
    paths = [p for p in sorted((data / "portraits").glob("*.jpg")) if portrait_split(p.stem) == split]
    picked = paths if limit is None else [paths[i] for i in np.linspace(0, len(paths) - 1, limit).astype(int)]
    for path in tqdm(picked, desc=f"portraits {split}", unit="portrait"):
        kept, person = done / f"{path.stem}.npz", paths.index(path)
        if kept.exists():
            with np.load(kept, allow_pickle=False) as arrays:
                stored = {name: arrays[name] for name in STORED}
            yield FilmedClip(person=person, observed=np.array(True), **stored)
            continue
        rng = np.random.default_rng([person, split == "test", take][: 3 if take else 2])
        try:
            renderer = Renderer(head, load_portrait(path, PORTRAITS), CROP, framing="crop", painter=None)
        except BadInputError:
            continue
        utterance = speech[rng.integers(len(speech))]
        first = int(rng.integers(0, utterance.frames - WINDOW + 1))
        motion = motion_of(utterance, load_audio(sound_file(utterance, data)).samples, first, rng)
        frames = np.arange(0, WINDOW, STRIDE["portraits"])
        clip = filmed(renderer, head, motion, frames, person, utterance.whisper_mel[MELS_PER_FRAME * first :])
        save_npz(kept, **{name: np.asarray(getattr(clip, name)) for name in STORED})
        yield clip


def filmed(
    renderer: Renderer, head: HeadModel, motion: np.ndarray, frames: np.ndarray, person: int, mel: np.ndarray
) -> FilmedClip:
    """Views and true channels of a portrait with ``motion`` (T, 59) and the sound ``mel`` (4 T or more, 80)."""
    rows = torch.from_numpy(motion[frames])
    pictures, expressions, rotations, points = [], [], [], []
    for part in rows.split(8):
        warped = renderer.warp(part[:, :_EXPRESSION], part[:, _EXPRESSION:-3], part[:, -3:])
        pictures.append((warped.picture * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())
        expressions.append(warped.heads.expression)
        rotations.append(warped.heads.rotation)
        points.append(warped.heads.pixels[:, head.landmarks68, :2].numpy())
    similarity = clip_similarity(np.concatenate(points))
    views = np.stack([face_view(picture, similarity) for picture in np.concatenate(pictures)])
    turned = seen_rotation(torch.cat(rotations), similarity)
    channels = np.concatenate([torch.cat(expressions).numpy(), turned, motion[frames, -3:]], axis=1)
    return FilmedClip(views, frames, channels, np.array(True), person, mel[: MELS_PER_FRAME * WINDOW])


def sound_file(utterance: Utterance, data: Path) -> Path:
    """The file of the utterance's recording."""
    if utterance.source == "synthetic":
        voice, stem = utterance.name.split("_", 1)
        return SPEECH / voice / f"{stem}.wav"
    places = [data / corpus / f"{utterance.name}.flac" for corpus in ("speech", "speech_lj")]
    return next(place for place in places if place.exists())


def synthetic_clips(split: str) -> Iterator[FilmedClip]:
    """Rendered people (``training.corpus.synthetic.views``), one view of each; every four people form a clip.

    The head's translation is not used, because a view of one moment does not show it.
    """
    views = SyntheticViews(split)
    known = np.arange(len(CHANNELS)) < len(CHANNELS) - 3
    for first in tqdm(range(0, len(views) - GROUP + 1, GROUP), desc=f"synthetic {split}", unit="group"):
        rows = np.arange(first, first + GROUP)
        still = np.zeros((GROUP, 3), np.float32)
        channels = np.concatenate([views.truth["expression"][rows], views.truth["rotation"][rows], still], axis=1)
        yield FilmedClip(np.stack([views[i] for i in rows]), rows - first, channels, known, EVERYONE, None)


def prepare(what: str, data: Path, limit: int | None = None) -> None:
    """Make the training and held-out sets of ``grid``, ``portraits`` or ``synthetic``. Existing sets are kept.

    ``limit`` is the largest number of portraits in each split. ``portraits-again`` are the held-out portraits in
    another take.
    """
    splits = {"grid": ("train", "test", "unseen"), "portraits": ("train", "test", "again")}.get(what, ("train", "test"))
    for split in splits:
        folder = CACHE / f"{what}-{split}"
        if folder.exists():
            continue
        if what == "grid":
            clips = grid_clips(split)
        elif what == "portraits":
            part, take = ("test", 1) if split == "again" else (split, 0)
            clips = portrait_clips(part, data, CACHE / "clips" / split, limit, take)
        else:
            clips = synthetic_clips(split)
        print(f"{folder}: {write_faces(folder, clips)} views")
