"""The phones of English, and when each is spoken.

ARPAbet as in the CMU Pronouncing Dictionary, without the digits for stress, and silence. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

SILENCE = "SIL"
PHONES: tuple[str, ...] = (
    SILENCE,
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH"),
    *("K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
)
"""Silence, then the 39 phones in alphabetical order."""


@dataclass(frozen=True)
class Segment:
    """One phone from ``start`` to ``end`` in seconds."""

    phone: str
    start: float
    end: float
