"""Held-out numbers of the lip model: ``python -m training.lips evaluate``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.channels import FPS
from core.head_model import HeadModel
from core.lips import LipModel
from core.mel import MEL_BANDS, MEL_OFFSET, MEL_SCALE, MELS_PER_FRAME, SILENCE

from .lips_data import (
    Utterance,
    grid_utterances,
    quiet_utterances,
    recorded_utterances,
    synthetic_utterances,
    viseme_table,
)
from .mouth_geometry import MouthGeometry
from .phones import SILENCE as SILENT_PHONE

MAX_LAG = 5
"""Frames either way (0.2 s) that a curve may be shifted for its best correlation, the same for all clips of a set."""
HALF_SECOND = round(FPS / 2)
MEETING_GAP = 0.012
"""Inner-lip gap over outer-eye distance below which lips look closed: about 1 mm."""

Curve = Callable[[Utterance], np.ndarray]


def correlation(a: np.ndarray, b: np.ndarray, lag: int = 0) -> float:
    """Pearson correlation of two (T,) curves with ``a`` delayed by ``lag`` frames; 0 where one of them is constant."""
    if lag > 0:
        a, b = a[:-lag], b[lag:]
    elif lag < 0:
        a, b = a[-lag:], b[:lag]
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-12 else 0.0


def against(clips: Sequence[Utterance], predicted: Curve, truth: Curve) -> dict[str, float]:
    """Median correlation over clips: no lag, the best common lag, each clip's own; and the ratio of the deviations."""
    pairs = [(predicted(clip), truth(clip)) for clip in clips]
    lags = range(-MAX_LAG, MAX_LAG + 1)
    medians = {lag: float(np.median([correlation(a, b, lag) for a, b in pairs])) for lag in lags}
    best = max(medians, key=medians.get)
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
    """(T,) root of the power of each frame of log-mel (4 T, 80): what any prediction has to beat."""
    power = np.exp(mel.astype(np.float32) * MEL_SCALE - MEL_OFFSET).mean(1)
    return np.sqrt(power.reshape(-1, MELS_PER_FRAME).mean(1))


def loudness(clip: Utterance) -> np.ndarray:
    """:func:`envelope` of an utterance."""
    return envelope(clip.mel)


def spoken(clip: Utterance) -> slice:
    """Frames from the first phone (and one before) to the last."""
    said = [segment for segment in clip.segments if segment.phone != SILENT_PHONE]
    return slice(max(0, int(FPS * said[0].start) - 1), int(FPS * said[-1].end) + 1)


def closures(clips: Sequence[Utterance], opening: Curve) -> dict[str, float]:
    """How many of the /p b m/ closures that cover a whole frame show lips that meet, by the narrowest frame of each."""
    gaps = []
    for clip in clips:
        shut = clip.closed.reshape(-1, MELS_PER_FRAME).mean(1) >= 0.5
        edges = np.flatnonzero(np.diff(np.concatenate([[0], shut.astype(int), [0]])))
        curve = opening(clip)
        gaps += [float(curve[a:b].min()) for a, b in edges.reshape(-1, 2)]
    return {
        "closures": len(gaps),
        "met": round(float(np.mean(np.array(gaps) < MEETING_GAP)), 3),
        "median_gap": round(float(np.median(gaps)), 4),
    }


def evaluate(model: LipModel, data: Path, out: Path = Path("runs/lips/evaluation.json")) -> dict[str, object]:
    """Print and write all numbers; nothing evaluated here was heard or seen in training."""
    geometry = MouthGeometry.of(HeadModel.load())
    cache: dict[str, np.ndarray] = {}

    def weights(clip: Utterance) -> np.ndarray:
        if clip.name not in cache:
            cache[clip.name] = model.predict(clip.mel.astype(np.float32))
        return cache[clip.name]

    def opening(clip: Utterance) -> np.ndarray:
        return geometry.opening_curve(weights(clip))

    def width(clip: Utterance) -> np.ndarray:
        return weights(clip) @ geometry.width.numpy()

    def shifted(clip: Utterance) -> np.ndarray:
        return np.roll(opening(clip), HALF_SECOND)

    def tracked(clip: Utterance) -> np.ndarray:
        return clip.opening

    def made_opening(clip: Utterance) -> np.ndarray:
        return geometry.opening_curve(clip.mouth)

    def made_width(clip: Utterance) -> np.ndarray:
        return clip.mouth @ geometry.width.numpy()

    report: dict[str, object] = {}
    for name, which in (("GRID s1, held-out clips", "test"), ("GRID s4, talker left out", "unseen")):
        clips = grid_utterances(which)
        report[name] = {
            "clips": len(clips),
            "opening": against(clips, opening, tracked),
            "opening, while speaking": against(
                [clip for clip in clips if clip.segments],
                lambda clip: opening(clip)[spoken(clip)],
                lambda clip: tracked(clip)[spoken(clip)],
            ),
            "half a second shifted": against(clips, shifted, tracked),
            "loudness envelope": against(clips, loudness, tracked),
            "width": against(clips, width, made_width),
            "closures, predicted": closures(clips, opening),
            "closures, tracked": closures(clips, tracked),
        }
    table = viseme_table(grid_utterances("train"))
    others = {
        **{
            f"synthesised, {voice}": [u for u in synthetic_utterances(table, held_out=True) if u.name.startswith(voice)]
            for voice in ("awb", "espeak-f4", "espeak-m7")
        },
        "LibriSpeech, speakers left out (against phones heard by pocketsphinx)": recorded_utterances(
            data, table, held_out=True
        ),
    }
    for name, clips in others.items():
        report[name] = {
            "clips": len(clips),
            "opening against the viseme model": against(clips, opening, made_opening),
            "width against the viseme model": against(clips, width, made_width),
            "loudness envelope": against(clips, loudness, made_opening),
            "closures, predicted": closures(clips, opening),
        }
    rooms = quiet_utterances(table, 40, seed=1)
    silence = np.full((MELS_PER_FRAME * 100, MEL_BANDS), SILENCE, np.float32)
    report["mouth at rest (opening)"] = {
        "digital silence": round(float(geometry.opening_curve(model.predict(silence)).max()), 4),
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
