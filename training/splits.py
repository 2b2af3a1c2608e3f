"""Which clips train and which are held out: fixed by the name of the clip, the same for every trainer and every run."""

from __future__ import annotations

import hashlib

UNSEEN_TALKER = "s4"
"""GRID talker that no training sees: the number for strangers comes from her clips alone."""
HELD_OUT_SHARE = 0.10


def _share(name: str) -> float:
    """Number in [0, 1) that depends on ``name`` alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def split(name: str) -> str:
    """``train``, ``test`` (held-out clips of a talker who trains) or ``unseen`` (all clips of the talker left out).

    ``name`` is a file name without suffix: ``s1_bbaf2n``, ``address_03-00412`` (pieces of one recording stay
    together), …
    """
    if name.split("_")[0] == UNSEEN_TALKER:
        return "unseen"
    return "test" if _share(name.split("-")[0]) < HELD_OUT_SHARE else "train"
