"""Make a corpus from a folder of videos: ``python -m training.corpus.videos --source DIR --out .cache/corpus/NAME``.

The videos need sound (mp4, mpg, mkv, …) and a folder structure like GRID or VoxCeleb2 (``talker/…/clip.mp4``) or like
HDTF (``talker_000.mp4``, all in one folder). Each video is read at 25 frames a second. The face is tracked, the video
is cut into stretches that show one steady face, the head model is fitted, and the result is stored as shards of
stabilised 256² crops (``training.corpus.shards`` has the fields). Landmarks and sound are cached. Finished work is
kept, so the command may be stopped and started again. ``skipped.json`` lists unusable clips with the reasons.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from tqdm import tqdm

from core.errors import BadInputError
from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.readback.pieces import BadClip, bridged, pieces
from core.readback.talker import Talker, check, clip_arrays, fit_talker
from core.runtime.processes import let_threads_sleep
from core.sound.audio import load_audio
from core.sound.mel import MELS_PER_FRAME, log_mel
from core.sound.whisper.front_end import whisper_mel

from ..common.folders import LANDMARKS, TRACKS
from ..common.splits import talker_split
from ..tracking import video
from ..tracking.landmarks import mouth_shape, raw_landmarks
from .crops import clip_crop, pack
from .shards import shard_facts, write_shard

Item = TypeVar("Item")
Result = TypeVar("Result")
ENDINGS = (".mp4", ".mpg", ".mpeg", ".mkv", ".mov", ".avi", ".webm", ".m4v")
CLIPS_A_SHARD = 32
LONGEST = 500
"""Stretches with more frames are cut in equal parts: 20 s, so that a clip fits in memory."""
LARGEST_MISMATCH = 0.5
"""Largest difference in length between sound and pictures, seconds. A larger one means that one of them is damaged."""
FAULTS = (BadClip, BadInputError, OSError, cv2.error, torch.linalg.LinAlgError)
"""Errors caused by a single clip. Any other error is a fault of our own and ends the run."""


@dataclass(frozen=True)
class Video:
    """A video file of the source tree.

    path; name: unique, ``<folders>_<stem>``; talker; recording: clips of one recording have the same camera and the
    same fitted talker.
    """

    path: Path
    name: str
    talker: str
    recording: str


@dataclass(frozen=True)
class Places:
    """Folders of a corpus: its shards, and the caches of landmarks and of sound."""

    out: Path
    landmarks: Path
    sound: Path


def find_videos(source: Path) -> list[Video]:
    """All videos under ``source``, sorted by name. Raises BadInputError ``corpus_empty`` if there is none."""
    found = []
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            continue
        place = path.relative_to(source).with_suffix("")
        folders = place.parts[:-1]
        talker = folders[0] if folders else re.sub(r"[_-]*\d+$", "", place.name) or place.name
        recording = "_".join(folders) or place.name  # all in one folder: each clip has its own camera
        found.append(Video(path, "_".join(place.parts), talker, recording))
    if not found:
        raise BadInputError(
            "corpus_empty",
            f"No video was found under {source}.",
            f"Give the folder above the talkers' folders; these endings are read: {', '.join(ENDINGS)}.",
        )
    return found


# --- first pass: landmarks and sound of every video ------------------------------------------------------------------


def prepare(clip: Video, places: Places) -> tuple[str, str]:
    """Track a video's face and extract its sound, if that is not done yet; returns its name and what is wrong with it,
    if anything."""
    try:
        raw_landmarks(clip.path, places.landmarks / f"{clip.name}.npz")
        sound = places.sound / f"{clip.name}.wav"
        if not sound.exists():
            sound.parent.mkdir(parents=True, exist_ok=True)
            video.extract_sound(clip.path, sound)
    except FAULTS as error:
        return clip.name, str(error)
    return clip.name, ""


# --- second pass: shards ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """A shard to make: its number and clips, and all clips of its recording, to which the talker is fitted."""

    number: int
    clips: tuple[Video, ...]
    recording: tuple[Video, ...]
    talkers: int

    def path(self, places: Places) -> Path:
        """The shard's file."""
        return places.out / f"{self.clips[0].recording}-{self.number:03d}.safetensors"


def tasks(videos: Iterable[Video], talkers: int) -> list[Task]:
    """The shards of these videos."""
    recordings: dict[str, list[Video]] = defaultdict(list)
    for clip in videos:
        recordings[clip.recording].append(clip)
    out = []
    for clips in recordings.values():
        for number, first in enumerate(range(0, len(clips), CLIPS_A_SHARD)):
            out.append(Task(number, tuple(clips[first : first + CLIPS_A_SHARD]), tuple(clips), talkers))
    return out


@cache
def _models() -> tuple[HeadModel, LandmarkModel]:
    head = HeadModel.load()
    return head, LandmarkModel.face_mesh(head)


@lru_cache(maxsize=2)
def recording_talker(recording: tuple[Video, ...], landmarks: Path, size: tuple[int, int]) -> Talker:
    """The talker fitted to every third frame of a recording's clips with pictures of (width, height)."""
    sample = []
    for clip in recording:
        points, found, shape = raw_landmarks(clip.path, landmarks / f"{clip.name}.npz")
        if (int(shape[0]), int(shape[1])) == size:
            sample.append(points[found][::3, :, :2])
    return fit_talker(_models()[1], torch.from_numpy(np.concatenate(sample)), (float(size[0]), float(size[1])))


def clip_fields(clip: Video, task: Task, places: Places) -> Iterator[tuple[str, dict[str, np.ndarray] | str]]:
    """Name and fields (see ``shards``) of each steady stretch of a video, or what is wrong with it.

    The name of a stretch is that of the video, followed by its first frame if it is not the whole video.
    """
    points, found, shape = raw_landmarks(clip.path, places.landmarks / f"{clip.name}.npz")
    size = (int(shape[0]), int(shape[1]))
    points, there = bridged(points, found)
    frames = len(points)
    audio = load_audio(places.sound / f"{clip.name}.wav")
    if abs(audio.seconds - frames / 25) > LARGEST_MISMATCH:
        raise BadClip(f"the sound lasts {audio.seconds:.1f} s, the pictures {frames / 25:.1f} s")
    if audio.is_silent:
        raise BadClip("the sound is silent")
    mel = log_mel(audio.samples, frames).astype(np.float16)
    heard = whisper_mel(audio.samples, frames).astype(np.float16)
    talker = recording_talker(task.recording, places.landmarks, size)
    for first, last in pieces(points, there, LONGEST):
        name = clip.name if (first, last) == (0, frames) else f"{clip.name}-{first:05d}"
        landmarks = points[first:last]
        arrays = clip_arrays(talker, torch.from_numpy(landmarks[..., :2].copy()), _models()[0].neck_pivot)
        try:
            check(arrays)
        except BadClip as error:
            yield name, str(error)
            continue
        crop = clip_crop(landmarks, size)
        pictures = (crop.cut(frame) for index, frame in enumerate(video.frames(clip.path)) if first <= index < last)
        arrays["jpeg"], arrays["offsets"] = pack(pictures)
        if len(arrays["offsets"]) != last - first + 1:
            raise BadClip("the video can't be read to its end")
        arrays["landmarks"] = crop.to_crop(landmarks[..., :2])
        arrays["opening"], arrays["width"] = mouth_shape(landmarks)
        rows = slice(MELS_PER_FRAME * first, MELS_PER_FRAME * last)
        arrays |= {"mel": mel[rows], "whisper_mel": heard[rows]}
        person = talker.person
        centre = crop.to_crop(person.centre.numpy())
        arrays["camera"] = np.array([float(person.focal) * crop.scale, *centre], np.float32)
        arrays["identity"] = person.identity.numpy()
        yield name, arrays


def make_shard(task: Task, places: Places) -> Path:
    """Make a shard if it is missing or was made from other clips; returns its path."""
    path = task.path(places)
    sources = [clip.name for clip in task.clips]
    facts = shard_facts(path)
    if facts is not None and facts["sources"] == sources:
        return path
    clips: dict[str, dict[str, np.ndarray]] = {}
    known: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    for clip in task.clips:
        try:
            for name, fields in clip_fields(clip, task, places):
                if isinstance(fields, str):
                    skipped[name] = fields
                    continue
                clips[name] = fields
                known[name] = {
                    "talker": clip.talker,
                    "frames": len(fields["expression"]),
                    "split": talker_split(name, clip.talker, task.talkers),
                }
        except FAULTS as error:
            skipped[clip.name] = str(error)
    write_shard(path, clips, {"sources": sources, "clips": known, "skipped": skipped})
    return path


# --- the command -----------------------------------------------------------------------------------------------------


def _start() -> None:
    """Limit each library to one thread in this process, because the processes run in parallel."""
    let_threads_sleep()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _each(work: Callable[[Item], Result], items: list[Item], processes: int, what: str) -> Iterator[Result]:
    """Results of ``work`` for all items, in the order in which they are finished, with a progress bar."""
    bar = partial(tqdm, total=len(items), desc=what, unit="", dynamic_ncols=True)
    if processes == 1:
        yield from bar(map(work, items))
        return
    with multiprocessing.get_context("spawn").Pool(processes, _start) as pool:
        yield from bar(pool.imap_unordered(work, items))


def build(source: Path, places: Places, processes: int, limit: int | None = None) -> dict[str, Any]:
    """Make the corpus and return its summary, which is also written to ``corpus.json``.

    With ``limit`` only the first videos of each talker are used.
    """
    videos = find_videos(source)
    if limit is not None:
        videos = [clip for _, own in groupby(videos, lambda clip: clip.talker) for clip in islice(own, limit)]
    places.out.mkdir(parents=True, exist_ok=True)
    results = dict(_each(partial(prepare, places=places), videos, processes, "faces and sound"))
    skipped = {name: fault for name, fault in results.items() if fault}
    good = [clip for clip in videos if clip.name not in skipped]
    jobs = tasks(good, len({clip.talker for clip in good}))
    paths = sorted(_each(partial(make_shard, places=places), jobs, processes, "shards"))
    clips: dict[str, dict[str, Any]] = {}
    for path in paths:
        facts = shard_facts(path) or {"clips": {}, "skipped": {}}
        clips |= {name: {**about, "shard": path.name} for name, about in facts["clips"].items()}
        skipped |= facts["skipped"]
    corpus = {"clips": dict(sorted(clips.items())), "frames": sum(about["frames"] for about in clips.values())}
    (places.out / "skipped.json").write_text(json.dumps(dict(sorted(skipped.items())), indent=1), encoding="utf-8")
    (places.out / "corpus.json").write_text(json.dumps(corpus, indent=1), encoding="utf-8")
    return {"skipped": skipped, **corpus}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="folder that contains the talkers' folders")
    parser.add_argument("--out", type=Path, required=True, help="folder of the corpus, .cache/corpus/NAME")
    parser.add_argument("--landmarks", type=Path, help="cache of landmarks (.cache/landmarks/NAME)")
    parser.add_argument("--sound", type=Path, help="cache of sound (.cache/tracks/NAME)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, help="largest number of videos of each talker, to try the command")
    options = parser.parse_args()
    name = options.out.name
    places = Places(
        options.out,
        options.landmarks or LANDMARKS / name,
        options.sound or TRACKS / name,
    )
    _start()
    made = build(options.source, places, options.processes, options.limit)
    minutes = made["frames"] / 25 / 60
    print(f"{len(made['clips'])} clips, {minutes:.1f} minutes in {options.out}; {len(made['skipped'])} left out")
    for clip, reason in made["skipped"].items():
        print(f"  {clip}: {reason}")


if __name__ == "__main__":
    main()
