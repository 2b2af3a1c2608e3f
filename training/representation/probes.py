"""Probe what the features contain, on held-out clips, talkers and voices.

Probes are ridge regressions on the features (``linear``) and on random Fourier features of them, which approximate a
Gaussian kernel (``kernel``). They are fitted on training clips and measured on held-out clips by R², the share of the
variance that is explained; a constant reaches 0. f_v shows what could be known, f_nl what remains, and the true
channels what motion tells by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.motion.channels import (
    BLINK,
    CHANNELS,
    GAZE,
    GROUPS,
    HEAD_ROTATION,
    LIP_CHANNELS,
    LIP_COLUMNS,
    NONLIP_CHANNELS,
    NONLIP_COLUMNS,
)
from core.representation.model import Representation
from core.sound.lips import LipModel

from ..common.contrastive import retrieval
from .data import CACHE, Faces, as_input
from .losses import orthogonality

HELD_OUT = {
    "s1, clips never trained on": "grid-test",
    "s4, talker never trained on": "grid-unseen",
    "portraits and voices never trained on": "portraits-test",
}
AGAIN = "portraits-again"
"""The held-out portraits in other clips."""
TRAINED = ("grid-train", "portraits-train")
SPEECH_PARTS = 16
"""Number of principal components of f_a that probes predict. They have most of its variance."""
NOISE: Mapping[str, float | None] = {"f_v": None, "f_ol": None, "f_nl": 0.1}
"""Noise added to features (:func:`looked_at`); None: a tenth of their deviation."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Features of a set's views, N rows each, with their true channels, f_a and f_l of their sound, clip and person."""

    f_v: Array
    f_ol: Array
    f_nl: Array
    f_id: Array
    f_cl: Array
    channels: Array
    f_a: Array
    f_l: Array
    clip: NDArray[np.int32]
    person: NDArray[np.int32]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Features:
        """Some of the rows."""
        return Features(**{name: values[rows] for name, values in vars(self).items()})


@torch.inference_mode()
def features_of(model: Representation, faces: Faces, lips: LipModel, most: int = 800) -> Features:
    """Features of up to ``most`` views of a set with sound, evenly spread."""
    faces.listen(lips)
    rows = np.flatnonzero(faces.sound_rows(np.arange(len(faces.clip))) >= 0)
    rows = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("f_v", "f_ol", "f_nl", "f_id", "f_cl")}
    for some in np.array_split(rows, max(1, len(rows) // 100)):
        views = as_input(faces.views[some], model.config.encoders.side)
        f_v = model.motion_encoder(views)
        f_ol, f_nl = model.f_nl(f_v)
        found = {"f_v": f_v, "f_ol": f_ol, "f_nl": f_nl, "f_cl": model.mlp_cl(f_v)}
        for name, value in (found | {"f_id": model.identity_encoder(views)}).items():
            parts[name].append(value.float().numpy())
    assert faces.f_a is not None and faces.f_l is not None
    sound = faces.sound_rows(rows)
    arrays = {name: np.concatenate(value).astype(np.float64) for name, value in parts.items()}
    return Features(
        **arrays,
        channels=faces.channels[rows].astype(np.float64),
        f_a=faces.f_a[sound].astype(np.float64),
        f_l=faces.f_l[sound].astype(np.float64),
        clip=faces.clip[rows],
        person=faces.person[faces.clip[rows]],
    )


def ridge(inputs: Array, targets: Array, strength: float = 1e-2) -> tuple[Array, Array]:
    """Weights (p + 1, q) of ridge regression on standardised inputs (N, p), the last row for the constant; and the
    inputs' mean and deviation (2, p). ``strength`` is relative to N."""
    frame = np.stack([inputs.mean(0), inputs.std(0) + 1e-6])
    x = np.column_stack([(inputs - frame[0]) / frame[1], np.ones(len(inputs))])
    penalty = strength * len(x) * np.eye(x.shape[1])
    penalty[-1, -1] = 0.0
    return np.linalg.solve(x.T @ x + penalty, x.T @ targets), frame


def predict(fitted: tuple[Array, Array], inputs: Array) -> Array:
    """Predictions of a regression by :func:`ridge` for other inputs (N, p)."""
    weights, frame = fitted
    return ((inputs - frame[0]) / frame[1]) @ weights[:-1] + weights[-1]


def explained(truth: Array, told: Array) -> float:
    """R² over all columns together; below 0 if a constant would be nearer."""
    return float(1.0 - np.square(truth - told).sum() / np.square(truth - truth.mean(0)).sum())


def fourier(inputs: Array, frame: Array, count: int = 400, seed: int = 0) -> Array:
    """Random Fourier features (N, count) of inputs standardised by ``frame``, for a Gaussian kernel as wide as the
    data.
    """
    rng = np.random.default_rng(seed)
    x = (inputs - frame[0]) / frame[1]
    directions = rng.normal(size=(x.shape[1], count)) / np.sqrt(x.shape[1])
    return np.sqrt(2.0 / count) * np.cos(x @ directions + rng.uniform(0, 2 * np.pi, count))


def probe(trained: Array, targets: Array, held_out: Array, truth: Array) -> dict[str, float]:
    """R² of the two probes on the held-out rows."""
    linear = predict(ridge(trained, targets), held_out)
    frame = np.stack([trained.mean(0), trained.std(0) + 1e-6])
    lifted = ridge(fourier(trained, frame), targets, 1e-3)
    kernel = predict(lifted, fourier(held_out, frame))
    return {"linear": round(explained(truth, linear), 3), "kernel": round(explained(truth, kernel), 3)}


def named(group: Sequence[str]) -> list[int]:
    """Columns of the named channels."""
    return [CHANNELS.index(name) for name in group]


TOPICS: Mapping[str, list[int]] = {
    "lips and jaw": named(LIP_CHANNELS),
    "jawOpen": named(["jawOpen"]),
    "head rotation": named(HEAD_ROTATION),
    "blink": named([name for name in BLINK if name.startswith("eyeBlink")]),
    "gaze": named(GAZE),
    "brows": named(GROUPS["brows"]),
}


def about_clip(values: Array, clip: NDArray[np.int32]) -> Array:
    """(N, F) minus the mean of each clip."""
    _, index = np.unique(clip, return_inverse=True)
    sums = np.zeros((index.max() + 1, values.shape[1]))
    np.add.at(sums, index, values)
    return values - (sums / np.bincount(index)[:, None])[index]


def looked_at(features: Features, name: str) -> Array:
    """Features minus their clip's mean, with added noise of a tenth of their deviation within clips.

    For f_nl the noise is a tenth of the deviation of f_nl of true curves, which is 1. The motion decoder was trained
    with that much noise, and smaller differences move nothing. Without noise any smooth map would keep all information.
    """
    values = about_clip(getattr(features, name), features.clip)
    size = NOISE[name] or 0.1 * values.std()
    return values + size * np.random.default_rng(0).normal(size=values.shape)


def about_motion(trained: Features, held_out: Features) -> dict[str, dict[str, dict[str, float]]]:
    """How well f_v, f_ol and f_nl predict speech (principal components of f_a) and motion, on held-out rows.

    Everything is relative to the clip's mean: changes within a clip are motion, constant parts may be the person.
    """
    heard = [about_clip(features.f_a, features.clip) for features in (trained, held_out)]
    components = np.linalg.svd(heard[0], full_matrices=False)[2][:SPEECH_PARTS].T
    targets = {"speech": (heard[0] @ components, heard[1] @ components)}
    moved = [about_clip(features.channels, features.clip) for features in (trained, held_out)]
    targets |= {name: (moved[0][:, columns], moved[1][:, columns]) for name, columns in TOPICS.items()}
    return {
        topic: {name: probe(looked_at(trained, name), known, looked_at(held_out, name), truth) for name in NOISE}
        for topic, (known, truth) in targets.items()
    }


def about_identity(features: Features, again: Features) -> dict[str, float]:
    """Share of views of ``again`` whose person is predicted correctly, by ridge regression on ``features`` of the same
    people in another clip with other words and motion. ``chance`` is 1 / people. ``channels`` shows how well true
    motion, including the resting face of the photograph, identifies people by itself."""
    people = np.intersect1d(features.person, again.person)
    known, asked = (f.take(np.isin(f.person, people)) for f in (features, again))
    wanted = np.eye(len(people))[np.searchsorted(people, known.person)]
    out = {"chance": round(1.0 / len(people), 3)}
    for name in ("f_id", "f_v", "f_ol", "f_nl", "channels"):
        told = predict(ridge(getattr(known, name), wanted), getattr(asked, name)).argmax(1)
        out[name] = round(float((people[told] == asked.person).mean()), 3)
    return out


def about_decoding(model: Representation, features: Features) -> dict[str, float]:
    """The motion decoder and the way back from curves: median over clips of the correlation of decoded channels with
    the truth (averaged over a group's channels that move), mean error of the head's rotation in degrees within a clip
    and of all, and how well f_nl of views meets f_nl of the true curves."""
    with torch.inference_mode():
        told = model.decode_nonlip(torch.from_numpy(features.f_nl).float()).double().numpy()
        back = model.features_of_motion(torch.from_numpy(features.channels).float())[1].double().numpy()
    truth = features.channels[:, NONLIP_COLUMNS]
    out = {}
    for name, group in (("head rotation", HEAD_ROTATION), ("blink", TOPICS["blink"]), ("gaze", GAZE)):
        names = [CHANNELS[c] if isinstance(c, int) else c for c in group]
        columns = [NONLIP_CHANNELS.index(n) for n in names]
        out[f"{name}, correlation"] = median_correlation(told[:, columns], truth[:, columns], features.clip)
    rotation = [NONLIP_CHANNELS.index(n) for n in HEAD_ROTATION]
    error = np.rad2deg(told[:, rotation] - truth[:, rotation])
    centred = error.copy()
    for clip in np.unique(features.clip):
        centred[features.clip == clip] -= error[features.clip == clip].mean(0)
    out["rotation error, degrees"] = float(np.abs(error).mean())
    out["rotation error about the clip's mean, degrees"] = float(np.abs(centred).mean())
    out["f_nl of views against that of true curves, R²"] = explained(back, features.f_nl)
    return {name: round(value, 3) for name, value in out.items()}


def median_correlation(told: Array, truth: Array, clip: NDArray[np.int32]) -> float:
    """Median of Pearson's correlation over clips and columns that move (deviation above 0.02); NaN if none moves."""
    found = []
    for index in np.unique(clip):
        a, b = told[clip == index], truth[clip == index]
        for column in np.flatnonzero(b.std(0) > 0.02):
            spread = a[:, column].std() * b[:, column].std()
            product = ((a[:, column] - a[:, column].mean()) * (b[:, column] - b[:, column].mean())).mean()
            found.append(product / spread if spread > 1e-12 else 0.0)
    return float(np.median(found)) if found else float("nan")


def about_speech(
    model: Representation, lips: LipModel, features: Features, mean: Array, scale: Array
) -> dict[str, float]:
    """L_cl and L_ol on held-out clips, and MLP_m2l compared with E_a's f_l of the sound."""
    f_a = torch.from_numpy((features.f_a - mean) / scale)
    heard = torch.from_numpy(about_clip(f_a.numpy(), features.clip))
    shares, counts = [], []
    for clip in np.unique(features.clip):
        rows = np.flatnonzero(features.clip == clip)[::2][:16]
        shares.append(float(retrieval(torch.from_numpy(features.f_cl[rows])[None], f_a[rows][None])))
        counts.append(len(rows))
    with torch.inference_mode():
        f_l = torch.from_numpy(features.f_l).float()
        motion = torch.zeros(len(f_l), len(CHANNELS))
        motion[:, LIP_COLUMNS] = lips.with_gain(lips.decoder(f_l))
        back = model.features_of_motion(motion)[0].double().numpy()
    return {
        "own sound found among 16 frames": round(float(np.mean(shares)), 3),
        "chance": round(float(np.mean(1.0 / np.array(counts))), 3),
        **{
            f"L_ol of {name}": round(
                float(orthogonality(torch.from_numpy(about_clip(values, features.clip)), heard)), 3
            )
            for name, values in (("f_v", features.f_v), ("f_ol", features.f_ol), ("f_nl", features.f_nl))
        },
        "L_ol by chance": round(heard.shape[1] / len(heard), 3),
        "f_l from curves, R²": round(explained(features.f_l, back), 3),
    }


def evaluate(model: Representation, lips: LipModel, out: Path) -> dict[str, dict[str, object]]:
    """Print and write all numbers."""
    trained = [features_of(model, Faces(CACHE / name), lips) for name in TRAINED if (CACHE / name).exists()]
    apart = [replace(f, clip=f.clip + 100_000 * i) for i, f in enumerate(trained)]
    together = Features(**{name: np.concatenate([vars(f)[name] for f in apart]) for name in vars(trained[0])})
    mean, scale = trained[0].f_a.mean(0), trained[0].f_a.std(0) + 1e-3
    report: dict[str, dict[str, object]] = {}
    for title, name in HELD_OUT.items():
        if not (CACHE / name).exists():
            continue
        held_out = features_of(model, Faces(CACHE / name), lips)
        report[title] = {
            "views": len(held_out.clip),
            "decoding": about_decoding(model, held_out),
            "speech": about_speech(model, lips, held_out, mean, scale),
            "probes, R²": about_motion(together, held_out),
        }
        if name.startswith("portraits") and (CACHE / AGAIN).exists():
            again = features_of(model, Faces(CACHE / AGAIN), lips)
            report[title]["person told"] = about_identity(held_out, again)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    print(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return report
