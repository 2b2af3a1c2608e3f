"""How much PoseVAE's heads move, next to those of filmed people in clips that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

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
    """Degrees: how far (T, 6) poses turn from their mean, root mean square over the three angles."""
    turned = np.degrees(poses[:, TURNS])
    return float(np.sqrt(np.square(turned - turned.mean(0)).sum(1).mean()))


def speed(poses: np.ndarray) -> float:
    """Mean speed of (T, 6) poses in degrees a second."""
    return float(np.linalg.norm(np.diff(np.degrees(poses[:, TURNS]), axis=0), axis=1).mean() * FPS)


def between(takes: Sequence[np.ndarray]) -> float:
    """Degrees between takes (T, 6), root mean square over all pairs and frames."""
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
    """PoseVAE's motion in the styles of those who were filmed in the recordings ``filmed``.

    Of a talker without sound, the takes follow the sound of others.
    """
    sounds = [recording for recording in filmed if recording.heard is not None]
    rows = []
    for style, name in enumerate(styles):
        own = [recording for recording in filmed if recording.talker == name]
        if not own:
            continue
        spoken = [r.heard for r in own if r.heard is not None] or [r.heard for r in sounds if r.heard is not None]
        takes = [takes_of(network, heard, style) for heard in spoken]
        flat = [take for of_sound in takes for take in of_sound]
        real = float(np.median([deviation(around(recording.poses, flat)) for recording in own]))
        made = float(np.median([deviation(take) for take in flat]))
        fast = float(np.median([speed(recording.poses) for recording in own]))
        drawn = float(np.median([speed(take) for take in flat]))
        apart = float(np.median([between(of_sound) for of_sound in takes]))
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
        f"Degrees, and degrees a second: medians over clips and {SEEDS} seeds. *Turned*: deviation from a clip's mean. "
        "Filmed heads are taken around their running mean, as in training. *Between seeds*: degrees between two "
        "takes for one sound. *Speed at seams*: where one stretch of 32 frames passes into the next, divided by the "
        f"speed elsewhere, in takes of {LONG / FPS:.0f} s."
    )
    return Table("sadtalker-pose", "PoseVAE's heads", command, columns, tuple(rows), (note,))


def around(poses: np.ndarray, takes: Sequence[np.ndarray]) -> np.ndarray:
    """The beginning of (T, 6) poses, as long as the median take: a longer recording turns farther."""
    return poses[: int(np.median([len(take) for take in takes]))]
