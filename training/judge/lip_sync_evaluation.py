"""Measure the lip sync of the product's frames with the judge: ``python -m training.judge.lip_sync_evaluation``.

Held-out portraits say held-out clips of the known talker (``test``) and of the unseen talker (``unseen``), and speech
of held-out synthesised voices. Head motion is real, from the addresses. There are four kinds of lips:

``product``  from the lip model, using only the sound
``tracked``  tracked from the person who said it: the best that the renderer allows
``loudness`` the mean of the product's lips, with a jaw that opens with loudness: a baseline without learning
``still``    fixed at that mean: the effect of head motion without lips

Each is judged with its own sound. ``product, other sound`` are the product's lips with the sound of another clip.
``recording`` is the filmed talker. The opening of the mouth is measured on the rendered frames by mediapipe and
compared with the filmed one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from core.errors import BadInputError
from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, LIP_CHANNELS, LIP_COLUMNS
from core.motion.motion import Motion
from core.portrait.load import load_portrait
from core.renderer.renderer import Renderer
from core.runtime.allowance import processors
from core.sound.audio import load_audio
from core.sound.lips import LipModel
from core.sound.mel import log_mel
from core.sound.whisper.front_end import whisper_mel

from ..common.folders import GRID, PORTRAITS, RUNS, data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..common.splits import HELD_OUT_VOICES, portrait_split
from ..corpus.dataset import Clip, Corpus
from ..lips.evaluation import envelope
from ..speech.synthesis import CACHE as SPEECH
from ..tracking.landmarks import mouth_shape
from .data import castings, cut_mouths, head_motion, mouth_similarities, posed_landmarks
from .lip_sync_metrics import Pair, answers, confidence_gap, opening_match, shift_distances, sync_numbers
from .model import Judge

SECONDS = 4
"""Synthesised speech is cut to this length."""

Report = dict[str, dict[str, dict[str, float]]]
"""Numbers for each set and kind of lips."""


@dataclass(frozen=True)
class Line:
    """Something that a portrait says: mel and whisper_mel (4 T, 80), motion of everything except the lips, and the clip
    if the talker was filmed."""

    mel: np.ndarray
    whisper_mel: np.ndarray
    motion: Motion
    clip: Clip | None

    def with_lips(self, lips: np.ndarray) -> Motion:
        """The motion with these lips (T, 27)."""
        expression = self.motion.expression.copy()
        expression[:, LIP_COLUMNS] = lips
        return Motion(expression, self.motion.rotation, self.motion.translation)


def filmed(clip: Clip, rng: np.random.Generator) -> Line:
    """The sound and expressions of a clip, with the head motion of an address."""
    motion = Motion(clip.expression, head_motion(clip.frames, rng), np.zeros((clip.frames, 3)))
    return Line(clip.mel, clip.whisper_mel, motion, clip)


def spoken(path: Path, rng: np.random.Generator) -> Line:
    """A sound file, with a resting face and the head motion of an address."""
    audio = load_audio(path, duration=SECONDS)
    motion = Motion(
        np.zeros((audio.frames, len(EXPRESSIONS))), head_motion(audio.frames, rng), np.zeros((audio.frames, 3))
    )
    heard = whisper_mel(audio.samples, audio.frames)
    return Line(log_mel(audio.samples, audio.frames), heard, motion, None)


def shown(renderer: Renderer, motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Mouths (T, 56, 56) for the judge from the rendered frames, and their opening (T,) by mediapipe, NaN if it finds
    no face."""
    pictures = list(renderer.render(motion))
    expression, rotation, translation = map(torch.tensor, (motion.expression, motion.rotation, motion.translation))
    landmarks = posed_landmarks(renderer, renderer.geometry.pose(expression, rotation, translation))
    opening = np.full(len(pictures), np.nan)
    with FaceMesh(video=True) as mesh:
        for index, picture in enumerate(pictures):
            faces = mesh.detect(picture)
            if faces:
                opening[index] = mouth_shape(faces[0][None])[0][0]
    return cut_mouths(pictures, mouth_similarities(landmarks)), opening


def loud_jaw(lips: np.ndarray, mel: np.ndarray) -> np.ndarray:
    """Lips (T, 27) that only open and close with loudness, with the mean and deviation of ``lips`` (T, 27)."""
    jaw = LIP_CHANNELS.index("jawOpen")
    loud = envelope(mel)
    out = np.repeat(lips.mean(0)[None], len(lips), 0)
    out[:, jaw] += lips[:, jaw].std() * (loud - loud.mean()) / max(float(loud.std()), 1e-6)
    return out.clip(0, 1)


def summary(takes: Sequence[Pair], openings: Sequence[Pair], real: float | None) -> dict[str, float]:
    """Means of the sync numbers over judged takes, and medians over pairs of openings (shown, filmed)."""
    numbers = [sync_numbers(shift_distances(*take)) for take in takes]
    out = {name: round(float(np.mean([n[name] for n in numbers])), 4) for name in ("lse_d", "lse_c", "distance")}
    out["S_c"] = out["lse_c"]
    if real is not None:
        out["N_c"] = round(confidence_gap(out["S_c"], real), 4)
    out["offset"] = float(np.median([n["offset"] for n in numbers]))
    out["within_one"] = round(float(np.mean([abs(n["offset"]) <= 1 for n in numbers])), 3)
    if openings:
        matches = [opening_match(*pair) for pair in openings]
        out["opening"] = round(float(np.median([match["correlation"] for match in matches])), 3)
        out["opening_offset"] = float(np.median([match["offset"] for match in matches]))
    return {"takes": len(takes), **out}


def both_seen(opening: np.ndarray, clip: Clip) -> Pair | None:
    """Openings (shown, filmed) with short gaps bridged, or None if mediapipe did not find the rendered face in a tenth
    of the frames or more."""
    there = np.isfinite(opening)
    if there.mean() < 0.9:
        return None
    times = np.arange(len(opening))
    return np.interp(times, times[there], opening[there]), clip.array("opening")


def judge_lines(
    judge: Judge, lips: LipModel, cast: Sequence[tuple[Renderer, Line]], real: float | None
) -> dict[str, dict[str, float]]:
    """The numbers of each kind of lips, over a cast of portraits and their lines."""
    takes: dict[str, list[Pair]] = defaultdict(list)
    openings: dict[str, list[Pair]] = defaultdict(list)
    for renderer, line in tqdm(cast, unit=""):
        own = lips.hear_and_predict(line.whisper_mel)
        kinds = {
            "product": own,
            "loudness": loud_jaw(own, line.mel),
            "still": np.repeat(own.mean(0)[None], len(own), 0),
        }
        if line.clip is not None:
            kinds["tracked"] = line.motion.expression[:, LIP_COLUMNS]
        for kind, weights in kinds.items():
            mouths, opening = shown(renderer, line.with_lips(weights))
            takes[kind].append(answers(judge, mouths, line.mel))
            pair = None if line.clip is None or kind == "still" else both_seen(opening, line.clip)
            if pair is not None:
                openings[kind].append(pair)
    for index, (seen, _) in enumerate(takes["product"]):
        heard = takes["product"][(index + 1) % len(takes["product"])][1]
        count = min(len(seen), len(heard))
        takes["product, other sound"].append((seen[:count], heard[:count]))
    return {kind: summary(judged, openings[kind], real) for kind, judged in takes.items()}


def recording(judge: Judge, clips: Sequence[Clip]) -> dict[str, float]:
    """The numbers of the filmed talkers."""
    pairs = [
        answers(judge, cut_mouths(list(clip.pictures()), mouth_similarities(clip.landmarks)), clip.mel)
        for clip in clips
    ]
    return summary(pairs, [], None)


FILMED = {
    "test": "held-out portraits, held-out clips of s1",
    "unseen": "held-out portraits, clips of s4, never seen",
}
SETS = FILMED | {voice: f"held-out portraits, synthesised voice {voice}, never heard" for voice in HELD_OUT_VOICES}


def evaluate_set(name: str, data: Path, corpus: Path, count: int) -> dict[str, dict[str, float]]:
    """All numbers over ``count`` takes of a set, by kind of lips. Random numbers depend only on the set."""
    torch.set_num_threads(1)
    head, lips, judge = HeadModel.load(), LipModel.load(), Judge.load()
    rng = np.random.default_rng([0, list(SETS).index(name)])
    portraits = sorted((data / "portraits").glob("*.jpg"))

    def renderer(path: Path) -> Renderer | None:
        try:
            return Renderer(head, load_portrait(path, PORTRAITS), 256, framing="crop")
        except BadInputError:
            return None

    if name in FILMED:
        parts = castings(portraits, Corpus.open(corpus), {name: count})
        chosen = [(renderer(path), filmed(clip, rng)) for path, clip in parts]
    else:
        held_out = [path for path in portraits if portrait_split(path.stem) == "test"]
        files = sorted((SPEECH / name).glob("*.wav"))[:count]
        chosen = [(renderer(path), spoken(file, rng)) for path, file in zip(held_out, files, strict=False)]
    cast = [(made, line) for made, line in chosen if made is not None]
    if name not in FILMED:
        return judge_lines(judge, lips, cast, None)
    real = recording(judge, [line.clip for _, line in cast if line.clip is not None])
    return {"recording": real, **judge_lines(judge, lips, cast, real["lse_c"])}


def evaluate(data: Path, corpus: Path, count: int, processes: int) -> Report:
    """All numbers of all sets, measured in ``processes`` processes."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for each process; otherwise each renderer would use all processors
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = {name: pool.submit(evaluate_set, name, data, corpus, count) for name in SETS}
        return {name: job.result() for name, job in jobs.items()}


def table(report: Report) -> Table:
    """The report as a table."""

    def cell(numbers: dict[str, float], name: str, digits: int = 3) -> str:
        return number(numbers.get(name, float("nan")), digits)

    rows = []
    for name, kinds in report.items():
        for kind, numbers in kinds.items():
            shares = [cell(numbers, column) for column in ("S_c", "N_c", "lse_d", "distance", "within_one", "opening")]
            late = [cell(numbers, column, 0) for column in ("offset", "opening_offset")]
            rows.append((SETS[name], kind, cell(numbers, "takes", 0), *shares, *late))
    return Table(
        "lip-sync",
        "Lip sync of rendered takes",
        "python -m training.judge.lip_sync_evaluation",
        (
            "set",
            "lips",
            "takes",
            "S_c = LSE-C",
            "N_c",
            "LSE-D",
            "distance without shift",
            "sound placed within a frame",
            "opening, correlation",
            "sound late by, frames",
            "opening late by, frames",
        ),
        tuple(rows),
        (
            "Measured by the project's own judge; `training/weights/judge.md` says how far it can be trusted. A larger "
            "S_c and a smaller distance are better. Compare only rows of one set.",
            "`recording`: the filmed talker. `product`: the lips of the lip model. `tracked`: the lips of the filmed "
            "talker on the portrait. `loudness`: a jaw that opens with the loudness of the sound. `still`: lips that "
            "don't move. `product, other sound`: the product's lips with the sound of another clip.",
        ),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--corpus", type=Path, default=GRID)
    parser.add_argument("--count", type=int, default=12, help="takes of each set")
    parser.add_argument("--processes", type=int, default=processors())
    parser.add_argument("--out", type=Path, default=RUNS / "judge" / "lip_sync.json")
    add_results_option(parser)
    options = parser.parse_args()
    report = evaluate(options.data, options.corpus, options.count, options.processes)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    show(table(report), options.results)


if __name__ == "__main__":
    main()
