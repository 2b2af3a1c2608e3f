"""Styles of hair: the numbers that a grown volume of hair is made from, and random draws of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class HairStyle:
    """One style. Lengths in centimetres.

    Attributes
    ----------
    top, sides
        Length of strands on the crown and at the sides and the nape; 0 is bald.
    lift
        0–1: how far strands stand off the skin before they fall.
    thickness
        Radius of a lock, which is the roundness of the volume.
    parting
        x of the line from which hair falls to both sides, or NaN: it is combed back.
    fringe
        0–1: how far the hair above the forehead is combed forward.
    curl, curl_length
        Size of curls, and their length along a strand.
    receding
        How far the hairline lies behind the usual one above the forehead.
    thinning
        Radius of the bald place on the crown; 0: none.
    beard, moustache
        Length of the beard on chin and jaw, and of the moustache; 0: none.
    beard_width
        0–1: how much of the jaw up to the ears the beard covers.
    seed
        Of the places of roots and the directions of curls.
    """

    top: float = 6.0
    sides: float = 3.0
    lift: float = 0.4
    thickness: float = 0.7
    parting: float = 2.5
    fringe: float = 0.0
    curl: float = 0.0
    curl_length: float = 3.0
    receding: float = 0.0
    thinning: float = 0.0
    beard: float = 0.0
    moustache: float = 0.0
    beard_width: float = 0.0
    seed: int = 0


KINDS = {
    "bald": 0.06,
    "cropped": 0.16,
    "short": 0.30,
    "receding": 0.10,
    "bob": 0.13,
    "long": 0.15,
    "curly": 0.10,
}
"""Kinds of styles and their shares."""
BEARDED = 0.25
"""Share of beards."""


def random_style(rng: np.random.Generator) -> HairStyle:
    """A random style."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    parting = float(rng.choice([np.nan, between(-4, 4), between(2, 4), between(-4, -2), 0.0]))
    common = HairStyle(
        lift=between(0.15, 0.8),
        thickness=between(0.55, 0.9),
        parting=parting,
        fringe=float(rng.choice([0.0, between(0, 1)])),
        curl=float(rng.choice([0.0, between(0, 0.4)])),
        curl_length=between(2, 5),
        receding=float(rng.choice([0.0, between(-0.5, 1.5)])),
        seed=int(rng.integers(2**31)),
    )
    styles = {
        "bald": replace(common, top=0.0, sides=0.0),
        "cropped": replace(common, top=between(0.6, 2.5), sides=between(0.3, 1.2), thickness=between(0.4, 0.6)),
        "short": replace(common, top=between(3, 9), sides=between(0.8, 4)),
        "receding": replace(
            common, top=between(1, 6), sides=between(0.8, 3), receding=between(1.5, 5), thinning=between(0, 5)
        ),
        "bob": replace(common, top=between(14, 22), sides=between(6, 14), fringe=between(0, 1)),
        "long": replace(common, top=between(24, 34), sides=between(16, 30)),
        "curly": replace(
            common, top=between(5, 20), sides=between(4, 14), lift=between(0.7, 1), curl=between(0.4, 1.0)
        ),
    }
    style = styles[kind]
    if rng.random() < BEARDED:
        full = rng.random() < 0.6
        style = replace(
            style,
            beard=between(0.4, 4.0),
            moustache=between(0.1, 0.7) if rng.random() < 0.8 else 0.0,
            beard_width=between(0.6, 1.0) if full else between(0.0, 0.3),
        )
    return style
