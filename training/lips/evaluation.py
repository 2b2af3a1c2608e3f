"""Measure the lip model on held-out data: ``python -m training.lips evaluate``.

In addition to curves, three gestures are counted on the head model's geometry, because a viewer notices at once if they
are missing: lips that meet in /p b m/, the lower lip at the upper teeth in /f v/, and rounding in /w uw ow/. Each phone
counts by its best frame. A mouth that is always closed would pass the first two. So the gestures are also counted in
phones that require the opposite.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from core.head.head_model import HeadModel
from core.motion.channels import FPS, LIP_CHANNELS
from core.phones.phone_set import SILENCE as SILENT_PHONE
from core.phones.phone_set import Segment
from core.phones.rows import phone_rows
from core.phones.said import said
from core.sound.lips import LipModel
from core.sound.mel import MEL_OFFSET, MEL_SCALE, MELS_PER_FRAME
from core.sound.whisper.front_end import BANDS, SILENCE

from ..common.folders import RUNS
from ..common.results_page import Table, number
from ..speech.phones import grid_sentence
from ..speech.visemes import GESTURES
from .data import (
    Utterance,
    filmed_utterances,
    quiet_utterances,
    recorded_utterances,
    synthetic_utterances,
    viseme_table,
)
from .mouth_geometry import MouthGeometry
from .sampler import talker

MAX_LAG = 5
"""Largest shift, in frames (0.2 s), of a curve for its best correlation; the same for all clips of a set."""
HALF_SECOND = round(FPS / 2)
JAW = LIP_CHANNELS.index("jawOpen")
MEETING_GAP = 0.012
"""Lips look closed below this inner-lip gap, divided by the outer-eye distance: about 1 mm."""
LOWEST_COVER = -0.012
"""The lower lip counts as on the teeth from this height over the upper incisors' edge: 1 mm below the edge, or higher.
"""
ROUNDED_WIDTH = 0.97
"""A mouth counts as rounded below this part of its width at rest."""
OPPOSITES = {
    "closed": ("AA", "AE", "AH", "AY", "EH"),
    "on teeth": ("AA", "AE", "AH", "AY", "EH"),
    "rounded": ("AE", "EH", "EY", "IH", "IY"),
}
"""Phones in which a gesture should not be seen."""

Curve = Callable[[Utterance], np.ndarray]
"""A curve (T,) of an utterance."""
Report = dict[str, dict[str, Any]]
"""For each set of clips its numbers: counts, correlations (:func:`against`) and gestures (:func:`gestures`)."""


def correlation(a: np.ndarray, b: np.ndarray, lag: int = 0) -> float:
    """Pearson correlation of two curves (T,), with ``a`` delayed by ``lag`` frames; 0 if one of them is constant."""
    if lag > 0:
        a, b = a[:-lag], b[lag:]
    elif lag < 0:
        a, b = a[-lag:], b[:lag]
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-12 else 0.0


def against(clips: Sequence[Utterance], predicted: Curve, truth: Curve) -> dict[str, float]:
    """Median correlation over clips without lag, with the best common lag, and with each clip's own best lag; and the
    ratio of the deviations."""
    pairs = [(predicted(clip), truth(clip)) for clip in clips]
    lags = range(-MAX_LAG, MAX_LAG + 1)
    medians = {lag: float(np.median([correlation(a, b, lag) for a, b in pairs])) for lag in lags}
    best = max(medians, key=lambda lag: medians[lag])
    spread = (
        np.concatenate([a - a.mean() for a, _ in pairs]).std() / np.concatenate([b - b.mean() for _, b in pairs]).std()
    )
    return {
        "median": round(medians[0], 3),
        "best_lag_median": round(medians[best], 3),
        "best_lag": best,
        "own_lag_median": round(float(np.median([max(correlation(a, b, lag) for lag in lags) for a, b in pairs])), 3),
        "deviation_ratio": round(float(spread), 3),
    }


def envelope(mel: np.ndarray) -> np.ndarray:
    """(T,) root of the power of each frame of log-mel (4 T, 80), as a baseline for predictions."""
    power = np.exp(mel.astype(np.float32) * MEL_SCALE - MEL_OFFSET).mean(1)
    return np.sqrt(power.reshape(-1, MELS_PER_FRAME).mean(1))


def loudness(clip: Utterance) -> np.ndarray:
    """:func:`envelope` of an utterance."""
    return envelope(clip.mel)


def spoken(clip: Utterance) -> slice:
    """Frames from the first phone (and one before) to the last."""
    said = [segment for segment in clip.segments if segment.phone != SILENT_PHONE]
    return slice(max(0, int(FPS * said[0].start) - 1), int(FPS * said[-1].end) + 1)


def frames_of(segment: Segment, frames: int) -> slice:
    """Frames whose middle is in the segment, or the nearest frame if there is none."""
    first, last = (int(np.ceil(FPS * t - 0.5)) for t in (segment.start, segment.end))
    if last <= first:
        first = round(FPS * (segment.start + segment.end) / 2 - 0.5)
        last = first + 1
    return slice(min(max(first, 0), frames - 1), min(max(last, 1), frames))


class Said(Protocol):
    """Something that was said, of ``frames`` frames."""

    @property
    def frames(self) -> int: ...

    @property
    def segments(self) -> Sequence[Segment]: ...


Spoken = TypeVar("Spoken", bound=Said)


def gestures(
    clips: Sequence[Spoken], mouth: Callable[[Spoken], np.ndarray], geometry: MouthGeometry
) -> dict[str, dict[str, float]]:
    """How often each of ``visemes.GESTURES`` is seen where it is required, and where it is wrong.

    ``mouth`` gives the weights (T, 27) of a clip. Each phone counts by its best frame.
    """
    seen: dict[tuple[str, bool], list[bool]] = {(g.name, wanted): [] for g in GESTURES[1:] for wanted in (True, False)}
    for clip in clips:
        weights = torch.from_numpy(mouth(clip))
        shows = {
            "closed": geometry.openings(weights).numpy() < MEETING_GAP,
            "on teeth": geometry.covers(weights).numpy() > LOWEST_COVER,
            "rounded": geometry.widths(weights).numpy() < ROUNDED_WIDTH * geometry.width_at_rest,
        }
        for segment in clip.segments:
            at = frames_of(segment, clip.frames)
            for gesture in GESTURES[1:]:
                for wanted in (True, False):
                    if segment.phone in (gesture.phones if wanted else OPPOSITES[gesture.name]):
                        seen[gesture.name, wanted].append(bool(shows[gesture.name][at].any()))
    return {
        gesture.name: {
            "phones": len(seen[gesture.name, True]),
            "made": round(float(np.mean(seen[gesture.name, True])), 3),
            "made where unwanted": round(float(np.mean(seen[gesture.name, False])), 3),
        }
        for gesture in GESTURES[1:]
        if seen[gesture.name, True] and seen[gesture.name, False]
    }


def heard_phones(model: LipModel, clips: Sequence[Utterance]) -> float:
    """Share of the rows (10 ms) whose most probable phone is the right one, mean over clips."""
    shares = []
    for clip in clips:
        guessed = model.listen(clip.whisper_mel.astype(np.float32)).phones.argmax(-1)
        shares.append(float((guessed == clip.phones)[clip.phones >= 0].mean()))
    return round(float(np.mean(shares)), 3)


def told_mouth(model: LipModel, clip: Utterance) -> np.ndarray:
    """(T, 27) mouth of a GRID clip whose transcript is given, as in the product."""
    heard = model.listen(clip.whisper_mel.astype(np.float32))
    words = grid_sentence(clip.name.split("_")[1])
    document = said(heard.phones, np.ones(len(heard.phones), bool), clip.frames / FPS, words)
    return model.predict(heard, phones=phone_rows(document.segments, len(heard.phones)))


def _of_grid(clips: Sequence[Utterance]) -> bool:
    return not any(talker(clip) == "president" for clip in clips)


def evaluate(model: LipModel, data: Path, out: Path = RUNS / "lips" / "evaluation.json") -> Report:
    """Print and write all numbers. All clips are held out from training."""
    geometry = MouthGeometry.of(HeadModel.load())
    cache: dict[str, np.ndarray] = {}

    def weights(clip: Utterance) -> np.ndarray:
        if clip.name not in cache:
            cache[clip.name] = model.hear_and_predict(clip.whisper_mel.astype(np.float32))
        return cache[clip.name]

    def opening(clip: Utterance) -> np.ndarray:
        return geometry.opening_curve(weights(clip))

    def width(clip: Utterance) -> np.ndarray:
        return weights(clip) @ geometry.width.numpy()

    def jaw(clip: Utterance) -> np.ndarray:
        return weights(clip)[:, JAW]

    def with_words(clip: Utterance) -> np.ndarray:
        return geometry.opening_curve(told_mouth(model, clip))

    def shifted(clip: Utterance) -> np.ndarray:
        return np.roll(opening(clip), HALF_SECOND)

    def tracked(clip: Utterance) -> np.ndarray:
        if clip.opening is None:
            raise ValueError(f"{clip.name} was not filmed")
        return clip.opening

    def made_opening(clip: Utterance) -> np.ndarray:
        return geometry.opening_curve(clip.mouth)

    def made_width(clip: Utterance) -> np.ndarray:
        return clip.mouth @ geometry.width.numpy()

    report: Report = {}
    test, validation = filmed_utterances("test"), filmed_utterances("validation")
    for name, clips in {
        "GRID s1, held-out clips": [clip for clip in test if talker(clip) == "s1"],
        "GRID s4, held-out clips": [clip for clip in test if talker(clip) == "s4"],
        "GRID s32 to s34, never trained on": [clip for clip in validation if talker(clip) != "president"],
        "addresses, never trained on": [clip for clip in validation if talker(clip) == "president"],
    }.items():
        report[name] = {
            "clips": len(clips),
            "opening": against(clips, opening, tracked),
            "opening, while speaking": against(
                [clip for clip in clips if clip.segments],
                lambda clip: opening(clip)[spoken(clip)],
                lambda clip: tracked(clip)[spoken(clip)],
            ),
            "opening, words known": against(clips, with_words, tracked) if _of_grid(clips) else {"median": math.nan},
            "half a second shifted": against(clips, shifted, tracked),
            "loudness envelope": against(clips, loudness, tracked),
            "width": against(clips, width, made_width),
            "jaw": against(clips, jaw, lambda clip: clip.mouth[:, JAW]),
            "gestures, predicted": gestures(clips, weights, geometry),
            "gestures, tracked": gestures(clips, lambda clip: clip.mouth, geometry),
            "phones heard": heard_phones(model, [clip for clip in clips if clip.segments]),
        }
    table = viseme_table(filmed_utterances("train"))
    others = {
        **{
            f"synthesised, {voice}": [u for u in synthetic_utterances(table, held_out=True) if u.name.startswith(voice)]
            for voice in ("awb", "espeak-f4", "espeak-m7")
        },
        "LibriSpeech, speakers left out (against phones heard by hama)": recorded_utterances(
            data, table, held_out=True
        ),
    }
    for name, clips in others.items():
        report[name] = {
            "clips": len(clips),
            "opening against the viseme model": against(clips, opening, made_opening),
            "width against the viseme model": against(clips, width, made_width),
            "loudness envelope": against(clips, loudness, made_opening),
            "gestures": gestures(clips, weights, geometry),
            "phones heard": heard_phones(model, clips),
        }
    rooms = quiet_utterances(40, seed=1)
    silence = np.full((MELS_PER_FRAME * 100, BANDS), SILENCE, np.float32)
    report["mouth at rest (opening)"] = {
        "digital silence": round(float(geometry.opening_curve(model.hear_and_predict(silence)).max()), 4),
        "noise, median": round(float(np.median([opening(room).mean() for room in rooms])), 4),
        "noise, 95th percentile": round(float(np.percentile(np.concatenate([opening(room) for room in rooms]), 95)), 4),
    }
    for name, numbers in report.items():
        print(name)
        for key, value in numbers.items():
            print(f"  {key}: {value}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    return report


MADE = ("opening against the viseme model", None, None, "width against the viseme model", None)
"""The measures of voices that were not filmed, in the columns of filmed ones."""


def table(report: Mapping[str, Any]) -> Table:
    """The report as a table. Filmed clips are compared with their tracks, other voices with mouths made from phones."""
    rows = []
    for name, numbers in report.items():
        if "clips" not in numbers:
            continue
        filmed = "opening" in numbers
        keys = ("opening", "opening, while speaking", "opening, words known", "width", "jaw") if filmed else MADE
        found = [numbers[key]["median"] if key else math.nan for key in keys]
        shown = numbers["gestures, predicted" if filmed else "gestures"]
        shares = [100 * shown[gesture.name]["made"] if gesture.name in shown else math.nan for gesture in GESTURES[1:]]
        lag, loud = number(numbers[keys[0]]["best_lag"], 0), number(numbers["loudness envelope"]["median"])
        made = (number(share, 0) + " %" for share in shares)
        rows.append((f"{name} ({numbers['clips']})", *map(number, found), lag, loud, *made))
    headings = (
        "clips",
        "opening",
        "while speaking",
        "words known",
        "width",
        "jaw",
        "best lag, frames",
        "loudness only",
    )
    note = (
        "Correlations are medians over clips. The last three columns say how often the gesture of a sound is made. "
        "GRID and the addresses are filmed; the other voices are compared with mouths made from their phones. "
        "*Words known*: the opening with GRID's sentence as the transcript."
    )
    command = "python -m training.lips evaluate"
    columns = (*headings, *(gesture.name for gesture in GESTURES[1:]))
    return Table("lips", "Lips", command, columns, tuple(rows), (note,))
