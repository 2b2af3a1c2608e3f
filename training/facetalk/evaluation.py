"""How good FaceTalk's takes are on people that nothing was trained on: mouths against the film, spread, trembling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from core.facetalk.model import FaceTalkMotion
from core.motion.channels import CHANNELS, EXPRESSIONS, GROUPS, HEAD, LIP_COLUMNS, NONLIP_COLUMNS
from core.prior.features import features_from_channels
from core.prior.steady import steady_head
from core.sound.lips import Heard

from ..common.results_page import Table, number
from ..lips.data import Utterance
from ..sadtalker.expression_evaluation import MOUTH_COLUMNS, HeldOut, cells
from ..sadtalker.pose_evaluation import between, deviation, speed

SEEDS = 4
"""Takes of each sound."""
Take = Callable[[Heard, np.ndarray, int], np.ndarray]
"""What is heard, (4 T, 80) log-mel and a seed → (T, 59) channels."""
_POSE = slice(len(EXPRESSIONS), len(EXPRESSIONS) + len(HEAD))
_BROWS = [CHANNELS.index(name) for name in GROUPS["brows"]]
_JAW = [CHANNELS.index("jawOpen")]
SPREAD_COLUMNS = ("turned", "speed", "trembling", "heads apart", "brows apart", "jaws apart")
MOUTH_NOTE = (
    "Opening: correlation with the film, median over clips; *own lag*: each clip at its own best lag (0.2 s). "
    "Deviation: of the opening, as a share of the film's. The last three columns say how often the gesture of a sound "
    "is made."
)
SPREAD_NOTE = (
    f"Of {SEEDS} takes for each sound: *turned* is the deviation of the head from its mean in degrees, *speed* in "
    "degrees a second, *trembling* how far it moves above 6 Hz in degrees (root mean square; filmed heads have 0.003 "
    "to 0.006). "
    "*Apart*: root mean square between two takes, of heads in degrees, of brows and of jawOpen in weights."
)


def takes_of(held_out: HeldOut, name: str, take: Take) -> dict[str, list[np.ndarray]]:
    """Takes of all seeds of the clips of a set, by their names."""
    return {
        clip.name: [take(held_out.heard[clip.name], _mel(clip), seed) for seed in range(SEEDS)]
        for clip in held_out.sets[name]
    }


def product(motion: FaceTalkMotion, *, smooth: bool = True, steps: int | None = None) -> Take:
    """Takes as the product makes them, or without smoothing, or with another number of steps."""
    return lambda heard, mel, seed: motion.sample(heard, mel, seed, smooth=smooth, num_inference_steps=steps)


def mouths(held_out: HeldOut, name: str, takes: Mapping[str, Sequence[np.ndarray]]) -> dict[str, float]:
    """:data:`MOUTH_COLUMNS` of the takes of a set: means over seeds."""
    found = [
        held_out.measured(name, {clip: of_clip[seed][:, LIP_COLUMNS] for clip, of_clip in takes.items()})
        for seed in range(SEEDS)
    ]
    return {column: float(np.mean([one[column] for one in found])) for column in MOUTH_COLUMNS}


def spread(takes: Sequence[Sequence[np.ndarray]]) -> dict[str, float]:
    """:data:`SPREAD_COLUMNS`, medians over sounds, of the takes (T, 59) of each."""
    flat = [take for of_sound in takes for take in of_sound]
    return {
        "turned": _median(deviation(take[:, _POSE]) for take in flat),
        "speed": _median(speed(take[:, _POSE]) for take in flat),
        "trembling": _median(trembling(take) for take in flat),
        "heads apart": _median(between([take[:, _POSE] for take in of_sound]) for of_sound in takes),
        "brows apart": _median(_apart(of_sound, _BROWS) for of_sound in takes),
        "jaws apart": _median(_apart(of_sound, _JAW) for of_sound in takes),
    }


def trembling(take: np.ndarray) -> float:
    """Degrees, root mean square: how far the head of a take (T, 59) moves above 6 Hz, the three angles together."""
    features = features_from_channels(take[:, NONLIP_COLUMNS])
    fast = np.degrees((features - steady_head(features))[:, :3])
    return float(np.sqrt(np.square(fast).sum(1).mean()))


def mouth_table(held_out: HeldOut, made: Mapping[str, Mapping[str, Mapping[str, float]]], command: str) -> Table:
    """Mouths of several models: ``made`` has :data:`MOUTH_COLUMNS` by model and set."""
    rows = [
        (f"{name} ({len(clips)})", model, *cells(found[name]))
        for name, clips in held_out.sets.items()
        for model, found in made.items()
    ]
    return Table(
        "facetalk/mouths", "FaceTalk's mouths", command, ("clips", "model", *MOUTH_COLUMNS), tuple(rows), (MOUTH_NOTE,)
    )


def spread_table(made: Mapping[str, Sequence[Sequence[np.ndarray]]], command: str) -> Table:
    """Spread of the takes of several models on the same sounds."""
    rows = [(model, *spread_cells(spread(takes))) for model, takes in made.items()]
    return Table(
        "facetalk/spread",
        "How far takes move and differ",
        command,
        ("takes", *SPREAD_COLUMNS),
        tuple(rows),
        (SPREAD_NOTE,),
    )


def spread_cells(found: Mapping[str, float]) -> tuple[str, ...]:
    """:data:`SPREAD_COLUMNS` as text."""
    return tuple(
        number(found[name], 3 if name in ("trembling", "brows apart", "jaws apart") else 2) for name in SPREAD_COLUMNS
    )


def _mel(clip: Utterance) -> np.ndarray:
    return clip.mel.astype(np.float32)


def _apart(takes: Sequence[np.ndarray], columns: list[int]) -> float:
    """Root mean square between two takes (T, 59), over pairs, frames and columns."""
    centred = np.stack(takes)[:, :, columns]
    centred = centred - centred.mean(0)
    return float(np.sqrt(2.0 * np.square(centred).mean() * len(takes) / (len(takes) - 1)))


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))
