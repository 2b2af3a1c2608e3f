"""How much PoseVAE's heads move, next to those of filmed people in clips that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from core.motion.channels import FPS
from core.sadtalker.pose_vae import OVERLAP, POSE, PoseVae

from ..common.results_page import Table, number
from .poses import Recording

SEEDS = 8
LONG = 3000
"""Frames of the take on which seams are measured."""
TURNS = slice(0, 3)
"""Columns of a pose that are angles."""


def deviation(poses: np.ndarray) -> float:
    """Degrees: root mean square over time of how far (T, 6) poses turn from their mean, the three angles together."""
    turned = np.degrees(poses[:, TURNS])
    return float(np.sqrt(np.square(turned - turned.mean(0)).sum(1).mean()))


def speed(poses: np.ndarray) -> float:
    """Mean speed of (T, 6) poses in degrees a second, the three angles together."""
    return float(np.linalg.norm(np.diff(np.degrees(poses[:, TURNS]), axis=0), axis=1).mean() * FPS)


def between(takes: Sequence[np.ndarray]) -> float:
    """Degrees between takes (T, 6), the three angles together, root mean square over all pairs and frames."""
    turned = np.degrees(np.stack(takes)[:, :, TURNS])
    centred = turned - turned.mean(0)
    return float(np.sqrt(2.0 * np.square(centred).sum(-1).mean() * len(takes) / (len(takes) - 1)))


def seam_speed(network: PoseVae, poses: np.ndarray) -> float:
    """Mean speed of a long take where one stretch passes into the next, divided by that elsewhere."""
    steps = np.linalg.norm(np.diff(np.degrees(poses[:, TURNS]), axis=0), axis=1)
    every = network.config.frames - OVERLAP
    at_seam = (np.arange(len(steps)) % every < OVERLAP) & (np.arange(len(steps)) >= every)
    return float(steps[at_seam].mean() / steps[~at_seam].mean())


def takes_of(network: PoseVae, heard: np.ndarray, style: int) -> list[np.ndarray]:
    """Takes (T, 6) of all seeds, from the rest pose."""
    start = np.zeros(POSE, np.float32)
    return [network.sample(heard, style, start, np.random.default_rng([seed, style])) for seed in range(SEEDS)]


def pose_table(network: PoseVae, styles: Sequence[str], filmed: Sequence[Recording], command: str) -> Table:
    """PoseVAE's motion in each style, beside the talker whose style it is in the held-out recordings ``filmed``.

    Where these have no sound, the takes follow the sound of talkers who are no style.
    """
    strange = [recording.heard for recording in filmed if recording.talker not in styles]
    rows = []
    for style, name in enumerate(styles):
        own = [recording for recording in filmed if recording.talker == name]
        spoken = [heard for heard in [r.heard for r in own] if heard is not None]
        spoken = spoken or [heard for heard in strange if heard is not None]
        takes = [takes_of(network, heard, style) for heard in spoken]
        flat = [take for of_sound in takes for take in of_sound]
        length = int(np.median([len(take) for take in flat]))
        real = _median(deviation(part) for recording in own for part in parts(recording.poses, length))
        made = _median(deviation(take) for take in flat)
        fast = _median(speed(recording.poses) for recording in own)
        drawn = _median(speed(take) for take in flat)
        apart = _median(between(of_sound) for of_sound in takes)
        sound = np.resize(np.concatenate(spoken), (LONG, spoken[0].shape[1]))
        seam = np.mean([seam_speed(network, take) for take in takes_of(network, sound, style)])
        rows.append(
            (
                f"{name} ({len(own)})",
                *(number(value, 2) for value in (real, made, made / real, fast, drawn, drawn / fast, apart)),
                number(float(seam), 2),
            )
        )
    columns = (
        "style (held-out clips)",
        "turned, filmed",
        "turned, made",
        "share",
        "speed, filmed",
        "speed, made",
        "share of speed",
        "between seeds",
        "speed at seams",
    )
    note = (
        f"Degrees, and degrees a second: medians over clips and {SEEDS} seeds. *Turned*: deviation from the mean "
        "of as many frames as a take has, the three angles together. Filmed heads are taken around their running "
        "mean, as in training. Styles without held-out sound follow that of talkers who are no style. *Between "
        "seeds*: degrees between two takes for one sound. *Speed at seams*: where one stretch of 32 frames passes "
        f"into the next, divided by the speed elsewhere, in takes of {LONG / FPS:.0f} s."
    )
    return Table("sadtalker/posevae", "PoseVAE's heads", command, columns, tuple(rows), (note,))


def parts(poses: np.ndarray, length: int) -> list[np.ndarray]:
    """Poses (T, 6) in pieces of ``length`` frames, without the rest; in one piece if there are fewer.

    A longer recording turns farther, so it can't be compared with a take as a whole.
    """
    return [poses[i : i + length] for i in range(0, max(len(poses) - length, 0) + 1, length)]


def _median(values: Iterable[float]) -> float:
    """The median, or NaN if there are none."""
    found = list(values)
    return float(np.median(found)) if found else math.nan
