"""From phones to mouth shapes: targets of each phone, and how neighbours blend, after Cohen and Massaro.

M. M. Cohen and D. W. Massaro, "Modeling coarticulation in synthetic visual speech" (Models and Techniques in Computer
Animation, 1993): each segment has a dominance that falls off exponentially with the distance in time. A control
parameter is the average of all segments' targets, weighted by dominance. With strong dominance /b/ closes the lips
whatever its neighbours are, while /k/ takes on the shape of its neighbours. The targets below are set by hand for 40
phones. :func:`calibrate` then fits those that the GRID talker says to his tracked mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.motion.channels import FPS, LIP_CHANNELS
from core.phones.phone_set import PHONES, SILENCE, Segment
from core.phones.rows import ROWS_A_SECOND

from ..common.mirror import other_side

APERTURE = tuple(
    name
    for name in LIP_CHANNELS
    if name.startswith(("jaw", "mouthClose", "mouthLower", "mouthUpper", "mouthRoll", "mouthPress", "mouthShrug"))
)
"""Channels that open and close the mouth. All others shape its width and rounding."""
_IS_APERTURE = np.array([name in APERTURE for name in LIP_CHANNELS])
_SIDEWAYS = [LIP_CHANNELS.index(name) for name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")]
_MIRROR = [LIP_CHANNELS.index(other_side(name)) for name in LIP_CHANNELS]
_PLATEAU = 0.06
"""Seconds at each end of a long segment in which its dominance falls off. In its middle the dominance is constant."""
_LAG = 0.02
"""Seconds by which the mouth lags behind the sound, except where lips meet lips or teeth: best of 0–0.05 on s1."""


@dataclass(frozen=True)
class Viseme:
    """How one phone shapes the mouth.

    Attributes
    ----------
    shape
        Weight of each named channel (``mouthPress`` means ``mouthPress_L`` and ``_R``); others are 0.
    aperture, rounding
        Dominance for the two kinds of channels.
    speed
        Fall-off of the dominance for aperture, 1/s. Rounding falls off more slowly (:data:`_ROUNDING_REACH`).
    """

    shape: dict[str, float]
    aperture: float = 1.0
    rounding: float = 0.6
    speed: float = 18.0


_ROUNDING_REACH = 0.6
_CLOSED = {"mouthPress": 0.25, "mouthRollLower": 0.08, "mouthRollUpper": 0.06, "jawOpen": 0.03, "mouthClose": 0.03}
_REST = {"mouthClose": 0.01, "jawOpen": 0.01}

VISEMES: dict[str, Viseme] = {
    SILENCE: Viseme(_REST, 1.0, 0.5, 14.0),
    **dict.fromkeys(("B", "P", "M"), Viseme(_CLOSED, 8.0, 0.3, 30.0)),
    **dict.fromkeys(
        ("F", "V"), Viseme({"jawOpen": 0.05, "mouthRollLower": 0.35, "mouthUpperUp": 0.15}, 5.0, 0.4, 26.0)
    ),
    **dict.fromkeys(("TH", "DH"), Viseme({"jawOpen": 0.12, "mouthLowerDown": 0.12, "mouthUpperUp": 0.05}, 1.2, 0.4)),
    **dict.fromkeys(("T", "D", "N"), Viseme({"jawOpen": 0.09, "mouthLowerDown": 0.12, "mouthStretch": 0.05}, 0.8, 0.3)),
    **dict.fromkeys(("S", "Z"), Viseme({"jawOpen": 0.04, "mouthLowerDown": 0.18, "mouthStretch": 0.12}, 1.8, 0.7)),
    "L": Viseme({"jawOpen": 0.13, "mouthLowerDown": 0.12}, 0.9, 0.3),
    **dict.fromkeys(("K", "G", "NG", "HH"), Viseme({"jawOpen": 0.10, "mouthLowerDown": 0.08}, 0.45, 0.25)),
    "Y": Viseme({"jawOpen": 0.07, "mouthStretch": 0.15, "mouthSmile": 0.08}, 0.7, 0.9),
    **dict.fromkeys(
        ("SH", "ZH", "CH", "JH"),
        Viseme({"jawOpen": 0.06, "mouthFunnel": 0.30, "mouthPucker": 0.15, "mouthLowerDown": 0.10}, 1.8, 3.0),
    ),
    "R": Viseme({"jawOpen": 0.08, "mouthFunnel": 0.15, "mouthPucker": 0.20}, 0.9, 1.6),
    "W": Viseme({"jawOpen": 0.06, "mouthPucker": 0.60, "mouthFunnel": 0.10}, 2.5, 4.0, 22.0),
    "AA": Viseme({"jawOpen": 0.36, "mouthLowerDown": 0.10}, 1.5, 0.9),
    "AE": Viseme({"jawOpen": 0.32, "mouthLowerDown": 0.15, "mouthStretch": 0.15, "mouthUpperUp": 0.08}, 1.5, 1.0),
    "AH": Viseme({"jawOpen": 0.22, "mouthLowerDown": 0.08}, 1.2, 0.5),
    "AO": Viseme({"jawOpen": 0.28, "mouthFunnel": 0.25, "mouthPucker": 0.12}, 1.4, 1.8),
    "EH": Viseme({"jawOpen": 0.24, "mouthLowerDown": 0.14, "mouthStretch": 0.12}, 1.3, 1.0),
    "ER": Viseme({"jawOpen": 0.12, "mouthFunnel": 0.20, "mouthPucker": 0.20}, 1.2, 1.8),
    "IH": Viseme({"jawOpen": 0.15, "mouthLowerDown": 0.12, "mouthStretch": 0.12}, 1.1, 0.9),
    "IY": Viseme({"jawOpen": 0.10, "mouthLowerDown": 0.14, "mouthStretch": 0.25, "mouthSmile": 0.12}, 1.2, 1.6),
    "OW": Viseme({"jawOpen": 0.20, "mouthFunnel": 0.25, "mouthPucker": 0.30}, 1.3, 2.2),
    "UH": Viseme({"jawOpen": 0.14, "mouthFunnel": 0.15, "mouthPucker": 0.25}, 1.1, 1.6),
    "UW": Viseme({"jawOpen": 0.08, "mouthFunnel": 0.10, "mouthPucker": 0.55}, 1.3, 2.6),
}
_DIPHTHONGS = {"AY": ("AA", "IH"), "AW": ("AA", "UW"), "OY": ("AO", "IH"), "EY": ("EH", "IY"), "OW": ("OW", "UW")}
_FIRST_SHARE = 0.55

SHAPES = tuple(VISEMES)
"""Phones that have a target of their own. A diphthong consists of two of them."""
CLOSING = ("B", "P", "M")
_PUNCTUAL = (*CLOSING, "F", "V")


@dataclass(frozen=True)
class Gesture:
    """A shape that lips take in some phones whatever their neighbours are, and the part of the phone in which they do
    (start and end as shares of its length)."""

    name: str
    phones: tuple[str, ...]
    span: tuple[float, float]


GESTURES = (
    Gesture("none", (), (0.0, 0.0)),
    Gesture("closed", CLOSING, (0.0, 0.8)),  # then comes the burst
    Gesture("on teeth", ("F", "V"), (0.2, 0.8)),
    Gesture("rounded", ("W", "UW", "OW"), (0.2, 0.9)),  # OW rounds towards its end, the others all the time
)


def hand_targets() -> np.ndarray:
    """(len(SHAPES), 27) weights set by hand."""
    table = np.zeros((len(SHAPES), len(LIP_CHANNELS)), np.float32)
    for row, phone in enumerate(SHAPES):
        for name, weight in VISEMES[phone].shape.items():
            columns = [i for i, channel in enumerate(LIP_CHANNELS) if channel in (name, f"{name}_L", f"{name}_R")]
            if not columns:
                raise KeyError(f"{name} is not a lip channel")
            table[row, columns] = weight
    return table


def blending(segments: Sequence[Segment], frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Share of each phone in each frame: (T, len(SHAPES)) for aperture and for rounding channels; rows sum to 1.

    The time of a frame is its middle, (i + ½) / 25 s. Before the first and after the last segment there is silence.
    """
    parts = _parts(segments, frames / FPS)
    starts, ends = np.array([p.start for p in parts]), np.array([p.end for p in parts])
    times = (np.arange(frames)[:, None] + 0.5) / FPS
    half = (ends - starts) / 2
    middles = (starts + ends) / 2 + np.array([0.0 if p.phone in _PUNCTUAL else _LAG for p in parts])
    flat = np.maximum(0.6 * half, half - _PLATEAU)
    distance = np.maximum(0.0, np.abs(times - middles) - flat)  # (T, segments) seconds
    speed = np.array([VISEMES[p.phone].speed for p in parts])
    of_shape = np.zeros((len(parts), len(SHAPES)))
    of_shape[np.arange(len(parts)), [SHAPES.index(p.phone) for p in parts]] = 1.0
    shares = []
    for strength, fall in (("aperture", speed), ("rounding", _ROUNDING_REACH * speed)):
        dominance = np.array([getattr(VISEMES[p.phone], strength) for p in parts]) * np.exp(-fall * distance) + 1e-12
        shares.append(dominance / dominance.sum(1, keepdims=True) @ of_shape)
    return shares[0], shares[1]


def mouth_targets(segments: Sequence[Segment], frames: int, table: np.ndarray) -> np.ndarray:
    """(T, 27) weights of a talking mouth: F(t) = Σ D T / Σ D (Cohen and Massaro's equation 1), float32.

    ``table`` (len(SHAPES), 27) holds each phone's target.
    """
    aperture, rounding = blending(segments, frames)
    return np.where(_IS_APERTURE, aperture @ table, rounding @ table).astype(np.float32)


def calibrate(clips: Sequence[tuple[Sequence[Segment], np.ndarray]], strength: float = 25.0) -> np.ndarray:
    """Fit the phones' targets to tracked mouths.

    This is ridge regression towards :func:`hand_targets`, each of which weighs as much as ``strength`` frames of the
    pure phone. Phones that the talker never says keep their targets.

    Parameters
    ----------
    clips
        Phones and tracked weights (T, 27) of each clip.

    Returns
    -------
    (len(SHAPES), 27) float32 in 0–1, symmetric between the sides of the face.
    """
    prior = hand_targets().astype(np.float64)
    out = np.zeros_like(prior)
    shares = [blending(segments, len(weights)) for segments, weights in clips]
    tracked = np.concatenate([weights for _, weights in clips]).astype(np.float64)
    for kind, columns in ((0, _IS_APERTURE), (1, ~_IS_APERTURE)):
        design = np.concatenate([share[kind] for share in shares])  # (frames, shapes)
        gram = design.T @ design + strength * np.eye(len(SHAPES))
        right = design.T @ tracked[:, columns] + strength * prior[:, columns]
        out[:, columns] = np.linalg.solve(gram, right)
    return symmetric(np.clip(out, 0.0, 1.0)).astype(np.float32)


def symmetric(weights: np.ndarray) -> np.ndarray:
    """(…, 27) weights of the average of a face and its mirror image.

    A voice does not tell which corner of the mouth a talker favours. So left and right channels get their mean, and the
    sideways channels of jaw and mouth, which cancel out, become 0.
    """
    out = weights[..., _MIRROR] * 0.5 + weights * 0.5
    out[..., _SIDEWAYS] = 0.0
    return out


def gesture_rows(segments: Sequence[Segment], rows: int) -> np.ndarray:
    """(rows,) int64 at 100 rows a second: the index in :data:`GESTURES` of the gesture that the lips must make."""
    times = (np.arange(rows) + 0.5) / ROWS_A_SECOND
    out = np.zeros(rows, np.int64)
    for segment in segments:
        for number, gesture in enumerate(GESTURES[1:], 1):
            if segment.phone in gesture.phones:
                length = segment.end - segment.start
                begin, end = (segment.start + share * length for share in gesture.span)
                out[(times >= begin) & (times < end)] = number
    return out


def _parts(segments: Sequence[Segment], seconds: float) -> list[Segment]:
    """Segments with diphthongs split in two, and silence before and after them."""
    out: list[Segment] = []
    for segment in segments:
        if segment.phone in _DIPHTHONGS:
            first, second = _DIPHTHONGS[segment.phone]
            middle = segment.start + _FIRST_SHARE * (segment.end - segment.start)
            out += [Segment(first, segment.start, middle), Segment(second, middle, segment.end)]
        else:
            out.append(segment)
    begin, end = (out[0].start, out[-1].end) if out else (0.0, 0.0)
    # A long silence on each side, so that its plateau covers all frames outside the segments.
    return [Segment(SILENCE, min(begin, 0.0) - 1.0, begin), *out, Segment(SILENCE, end, max(end, seconds) + 1.0)]


assert {p for p in PHONES if p not in SHAPES} == set(_DIPHTHONGS) - {"OW"}
