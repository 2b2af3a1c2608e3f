"""How good ExpNet's expressions are on people it was not trained on, next to the lip model that ships."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch

from core.face.points import IBUG_MOUTH
from core.head.expression import target_expression
from core.head.head_model import HeadModel
from core.motion.channels import FPS
from core.phones.said import said
from core.sadtalker.exp_net import ExpNet
from core.sound.lips import Heard, LipModel

from ..common.results_page import Table, number
from ..lips.data import Utterance, filmed_utterances
from ..lips.evaluation import against, gestures
from ..lips.mouth_geometry import MouthGeometry
from ..lips.sampler import talker
from ..speech.phones import grid_sentence
from ..speech.visemes import GESTURES
from .clips import own_face
from .expression import raw_mouth
from .expression_losses import Landmarks

FACES = 200
"""Random faces on which blinks and rest are measured."""
_FIRST_FACE = 1_000_000
"""Seed of the first one."""
BLINKS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Blink ratios that are asked for."""
MOUTH_COLUMNS = ("opening", "own lag", "deviation", *(gesture.name for gesture in GESTURES[1:]))
Mouth = Callable[[Heard], np.ndarray]
"""(T, 27) weights of the mouth of what is heard."""


class HeldOut:
    """Filmed clips that nothing was trained on, with what the lip model hears in them.

    The times of their phones, which gestures need, are those that the product finds: GRID's words are known.
    """

    def __init__(self, lips: LipModel, parts: tuple[str, ...]) -> None:
        """Of the parts of ``splits.lips_split``."""
        self.geometry = MouthGeometry.of(HeadModel.load())
        self.heard: dict[str, Heard] = {}
        self.sets: dict[str, list[Utterance]] = {}
        for clip in (clip for part in parts for clip in filmed_utterances(part)):
            heard = lips.listen(clip.whisper_mel.astype(np.float32))
            known = talker(clip) != "president"
            words = grid_sentence(clip.name.split("_")[1]) if known else ""
            document = said(heard.phones, np.ones(len(heard.phones), bool), clip.frames / FPS, words)
            self.heard[clip.name] = heard
            kept = replace(clip, segments=tuple(document.segments))
            self.sets.setdefault(_set_of(clip), []).append(kept)

    def mouths(self, name: str, mouth: Mouth) -> dict[str, float]:
        """:data:`MOUTH_COLUMNS` of a set of clips: medians over clips, and shares of the phones whose gesture is
        made."""
        return self.measured(name, {clip.name: mouth(self.heard[clip.name]) for clip in self.sets[name]})

    def measured(self, name: str, made: Mapping[str, np.ndarray]) -> dict[str, float]:
        """:meth:`mouths` of weights (T, 27) that are there already, by the names of the clips."""
        clips = self.sets[name]

        def opening(clip: Utterance) -> np.ndarray:
            return self.geometry.opening_curve(made[clip.name])

        found = against(clips, opening, filmed_opening)
        shown = gestures(clips, lambda clip: made[clip.name], self.geometry)
        shares = {gesture.name: float("nan") for gesture in GESTURES[1:]}
        shares |= {name: values["made"] for name, values in shown.items()}
        return {
            "opening": found["median"],
            "own lag": found["own_lag_median"],
            "deviation": found["deviation_ratio"],
        } | shares


def _set_of(clip: Utterance) -> str:
    return {
        "s1": "GRID s1, held-out clips",
        "s4": "GRID s4, held-out clips",
        "president": "addresses, never trained on",
    }.get(talker(clip), "GRID s32 to s34, never trained on")


def filmed_opening(clip: Utterance) -> np.ndarray:
    """(T,) opening of a filmed clip. Raises ValueError if it was not filmed."""
    if clip.opening is None:
        raise ValueError(f"{clip.name} was not filmed")
    return clip.opening


def shown_mouth(network: ExpNet) -> Mouth:
    """The mouth that a network shows on a neutral face."""
    return lambda heard: raw_mouth(network, heard).clip(0.0, 1.0)


@torch.inference_mode()
def control(network: ExpNet, reference: bool = True) -> dict[str, float]:
    """What a network shows on random faces in silence.

    Returns
    -------
    ``blink error``: mean absolute difference of the blink ratio that is asked for and the one that the lids of the head
    model show. ``blink leak``: millimetres (root mean square) that the landmarks of the mouth move in a full blink.
    ``rest``: millimetres (root mean square) between the landmarks of what is shown and of the face at rest. Without
    ``reference`` the network doesn't see the faces.
    """
    landmarks = Landmarks(HeadModel.load())
    faces = torch.stack([own_face(np.random.default_rng(_FIRST_FACE + i)) for i in range(FACES)])
    wanted = torch.stack([target_expression(face, torch.zeros(1, len(face)))[0] for face in faces])
    frames = 2 * network.config.context_frames + 1
    nothing = Heard.nothing(frames, network.config.manner)
    phones, manner = (torch.from_numpy(values)[None] for values in (nothing.phones, nothing.manner))
    code = network.listen(phones, manner)[:, frames // 2].expand(FACES, -1)[:, None]
    seen = faces * float(reference)

    def shown(blink: float) -> torch.Tensor:
        return network.from_code(code, seen, torch.full((FACES, 1), blink))[:, 0].clamp(0.0, 1.0)

    errors = []
    for blink in BLINKS:
        asked = landmarks.asked_ratio(wanted, torch.full((FACES, 1), blink))[:, 0]
        span = landmarks.eye_ratio(wanted) - landmarks.shut
        errors.append(((landmarks.eye_ratio(shown(blink)) - asked) / span).abs().mean())
    rest, shut = landmarks(shown(0.0)), landmarks(shown(1.0))
    return {
        "blink error": float(torch.stack(errors).mean()),
        "blink leak": 10.0 * float((shut - rest)[:, IBUG_MOUTH].square().sum(-1).mean().sqrt()),
        "rest": 10.0 * float((rest - landmarks(wanted)).square().sum(-1).mean().sqrt()),
    }


def mouth_table(held_out: HeldOut, models: Mapping[str, Mouth], command: str) -> Table:
    """Mouths of several models on all sets."""
    rows = []
    for name, clips in held_out.sets.items():
        for model, mouth in models.items():
            found = held_out.mouths(name, mouth)
            rows.append((f"{name} ({len(clips)})", model, *cells(found)))
    notes = (
        "Opening: correlation with the film, median over clips; *own lag*: each clip at its own best lag (0.2 s). "
        "Deviation: of the opening, as a share of the film's. The last three columns say how often the gesture of a "
        "sound is made. The phones are those that the product finds: of GRID by its words, of the addresses as heard.",
    )
    return Table("sadtalker/expnet", "ExpNet's mouths", command, ("clips", "model", *MOUTH_COLUMNS), tuple(rows), notes)


def cells(found: Mapping[str, float]) -> tuple[str, ...]:
    """:data:`MOUTH_COLUMNS` as text."""
    shares = {gesture.name for gesture in GESTURES}
    return tuple(
        f"{number(100 * found[name], 0)} %" if name in shares else number(found[name]) for name in MOUTH_COLUMNS
    )
