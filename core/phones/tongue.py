"""What the tongue's tip does for each phone, over time: ``tongueOut`` and ``tongueUp``.

No camera sees the tongue well, so these are rules of phonetics and not learned. They say only what is seen between the
lips: the tip. Sources:

* [LJ] Ladefoged and Johnson, *A Course in Phonetics*, 7th edition, chapter 1, "Places of Articulatory Gestures" and
  "Manners of Articulation".
* [IPA] The International Phonetic Alphabet, chart of 2020, pulmonic consonants by place and manner.
* [CM] Cohen and Massaro, "Modeling Coarticulation in Synthetic Visual Speech", 1993: each phone has a target and a
  dominance that rises and falls around it; the mouth is the mean of all targets, weighted by dominance. So a phone that
  needs the tongue takes it from neighbours that don't care, before it begins and after it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .phone_set import PHONES, SILENCE, Segment
from .rows import ROWS_A_SECOND, phone_rows


class Tip(NamedTuple):
    """A phone's target.

    ``out`` 0.33 is a tip between the teeth, 1 is a tongue stuck out. ``up`` 1 is a tip at the ridge behind the upper
    teeth. ``dominance`` 0–1 is how much the phone needs it.
    """

    out: float
    up: float
    dominance: float


_RULES: tuple[tuple[Tip, tuple[str, ...]], ...] = (
    # Dental fricatives: the tip is between the teeth, as most speakers of American English do it, or close behind the
    # upper ones [LJ, "Dental"].
    (Tip(0.33, 0.4, 1.0), ("TH", "DH")),
    # Alveolar lateral: the tip touches the middle of the ridge all the time, the air passes at its sides [LJ].
    (Tip(0.0, 1.0, 1.0), ("L",)),
    # Alveolar stops and nasal: tip or blade closes the mouth at the ridge [LJ, IPA].
    (Tip(0.0, 0.9, 0.9), ("T", "D", "N")),
    # Alveolar fricatives: a narrow gap at the ridge; many speakers make it with the blade, the tip a little lower [LJ].
    (Tip(0.0, 0.65, 0.8), ("S", "Z")),
    # Affricates begin as a stop behind the ridge and end as the fricative of that place [LJ, "Palato-alveolar"].
    (Tip(0.0, 0.6, 0.8), ("CH", "JH")),
    # Palato-alveolar fricatives: the blade is close to the back of the ridge, farther from the teeth [LJ, IPA].
    (Tip(0.0, 0.45, 0.7), ("SH", "ZH")),
    # The approximant r: the tip is curled up and touches nothing, or the tongue is bunched with its tip low [LJ].
    (Tip(0.0, 0.3, 0.6), ("R", "ER")),
    # Velars are made by the tongue's back; their tip lies low [LJ, "Velar"]. So do y and w, a palatal and a labial
    # velar approximant [IPA].
    (Tip(0.0, 0.0, 0.6), ("K", "G", "NG", "W", "Y")),
    # Vowels: the body of the tongue is domed, the tip rests behind the lower front teeth [LJ, "The Articulation of
    # Vowel Sounds"].
    (Tip(0.0, 0.0, 0.5), ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "IH", "IY", "OW", "OY", "UH", "UW")),
    # Made by lips or larynx alone, so the tongue already has the shape of its neighbours [LJ; CM].
    (Tip(0.0, 0.0, 0.15), ("B", "P", "M", "F", "V", "HH")),
    (Tip(0.0, 0.0, 1.0), (SILENCE,)),
)
TIPS: dict[str, Tip] = {phone: tip for tip, phones in _RULES for phone in phones}
"""Each phone's target."""

BLEND_SECONDS = 0.028
"""Standard deviation of the time over which dominance rises and falls. A step then rises from 10 to 90 % in 72 ms; the
tips of tongues take about 60 to 100 ms from release to closure."""
_REACH_SECONDS = 0.09
"""Dominance ends here. What is silent for longer than this has a tongue that rests exactly."""
ROWS_A_FRAME = 4
"""Rows of phones in a video frame, of which there are 25 a second."""
_ROWS = np.arange(-round(_REACH_SECONDS * ROWS_A_SECOND), round(_REACH_SECONDS * ROWS_A_SECOND) + 1)
_KERNEL = np.exp(-0.5 * (_ROWS / ROWS_A_SECOND / BLEND_SECONDS) ** 2)
_ONE_HOT = np.eye(len(PHONES))
_PIECE = 6000
"""Rows computed at a time, so that an hour needs no more memory than a minute."""
SURE = (0.05, 0.25)
"""Probability of a phone from which it begins to count, and counts fully: many unlikely phones move no tongue."""
ARTICULATION_SHARE = 0.5
"""How much of the lips' articulation the tongue follows: it has to reach its place in mumbled speech too."""


def tongue_of(phones: np.ndarray, presence: np.ndarray | None = None, articulation: float = 1.0) -> np.ndarray:
    """The tongue's weights at 25 frames a second.

    Parameters
    ----------
    phones
        (4 T, 40) probabilities of the phones in each 10 ms, which sum to 1, as of ``core.sound.lips.LipModel.hear``;
        or (4 T,) int64 index into ``core.phones.phone_set.PHONES``: what is said.
    presence
        (T,) in 0–1, where somebody speaks; elsewhere the tongue rests. None means everywhere.
    articulation
        By how much the lips' movement is multiplied; the tongue follows half of it.

    Returns
    -------
    (T, 2) float32 in 0–1: tongueOut, tongueUp (``core.motion.channels.TONGUE``).
    """
    reach = len(_KERNEL) // 2
    pulls = np.tile(_pulls(_ONE_HOT[PHONES.index(SILENCE)])[:, None], len(phones) + 2 * reach)  # silence around it
    for start in range(0, len(phones), _PIECE):
        piece = phones[start : start + _PIECE]
        spoken = _ONE_HOT[piece] if phones.ndim == 1 else _sure(piece.astype(float))
        pulls[:, reach + start : reach + start + len(piece)] = _pulls(spoken)
    out, up, total = (np.convolve(row, _KERNEL, "valid") for row in pulls)
    frames = len(phones) // ROWS_A_FRAME
    rows = np.stack([out / total, up / total], 1)[: frames * ROWS_A_FRAME]
    tongue = rows.reshape(frames, ROWS_A_FRAME, 2).mean(1)
    tongue = np.clip(tongue * (1 + ARTICULATION_SHARE * (articulation - 1)), 0.0, 1.0)
    return (tongue if presence is None else tongue * presence[:, None]).astype(np.float32)


def tongue_of_segments(segments: Sequence[Segment], frames: int, articulation: float = 1.0) -> np.ndarray:
    """(``frames``, 2) weights of the tongue for phones with their times; see :func:`tongue_of`."""
    return tongue_of(phone_rows(segments, ROWS_A_FRAME * frames), articulation=articulation)


def _pulls(spoken: np.ndarray) -> np.ndarray:
    """(3, …) dominance times ``out``, dominance times ``up``, and dominance of shares (…, 40) of the phones."""
    tips = np.array([TIPS[phone] for phone in PHONES])  # (40, 3)
    dominance = spoken * tips[:, 2]
    return np.stack([dominance @ tips[:, 0], dominance @ tips[:, 1], dominance.sum(-1)])


def _sure(probabilities: np.ndarray) -> np.ndarray:
    """(n, 40) shares that sum to 1, without phones that were hardly heard; what remains is silence."""
    low, high = SURE
    heard = probabilities * np.clip((probabilities - low) / (high - low), 0.0, 1.0)
    heard = heard / np.maximum(heard.sum(1, keepdims=True), high)
    heard[:, PHONES.index(SILENCE)] += 1.0 - heard.sum(1)
    return heard
