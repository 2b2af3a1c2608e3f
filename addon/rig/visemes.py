"""Mouth shapes and lids of talking avatars, by the names that their exporters give them.

========================  =================================================================================
VRM 0, VRoid Studio       ``Face.M_F00_000_00_Fcl_MTH_A``, ``Face_Blendshape.Fcl_EYE_Close_L``
VRM 1, VRoid Studio       ``Fcl_MTH_A``; other makers ``aa``, ``lip_a``, ``blink_L``, ``eye_brow_up``, ``look_left``
Ready Player Me           ``viseme_aa`` … ``viseme_U`` (Oculus), ``mouthOpen``, ``eyesClosed``
VRChat                    ``vrc.v_aa`` … ``vrc.v_ou``, ``vrc.blink_left``
Unity-chan, MikuMikuDance ``MTH_A``, ``あ``, ``まばたき``, ``ウィンク``
========================  =================================================================================

An avatar's viseme is a whole mouth with the jaw. So each gets a sum of our channels that grows with the viseme's sound
and falls where another viseme takes over. Sounds made inside the mouth (DD, kk, nn, RR, TH) show little: no rule.
"""

from __future__ import annotations

import re

_STRETCH = "0.5 mouthStretchLeft + 0.5 mouthStretchRight"
_SMILE = "0.3 mouthSmileLeft + 0.3 mouthSmileRight"
_SHUT = "0.5 eyeBlinkLeft + 0.5 eyeBlinkRight"
_RAISED = "0.5 browInnerUpLeft + 0.5 browInnerUpRight"
_LOWERED = "0.5 browDownLeft + 0.5 browDownRight"
_SIDEWAYS = "0.5 eyeLookOutLeft + 0.5 eyeLookInRight"
_OTHERWISE = "0.5 eyeLookInLeft + 0.5 eyeLookOutRight"

SHAPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("1.1 jawOpen - 0.6 mouthFunnel - 0.6 mouthPucker", ("visemeaa", "mtha", "aa", "a", "lipa", "va", "あ")),
    (f"{_STRETCH} + {_SMILE}", ("visemee", "mthe", "ee", "e", "lipe", "ve", "え")),
    (f"0.5 mouthStretchLeft + {_SMILE} + 0.2 jawOpen", ("visemei", "mthi", "ih", "i", "lipi", "vi", "い")),
    ("1.1 mouthFunnel + 0.2 jawOpen", ("visemeo", "mtho", "oh", "o", "lipo", "vo", "お")),
    ("1.1 mouthPucker", ("visemeu", "mthu", "ou", "u", "lipu", "vu", "う")),
    ("mouthClose + 0.4 mouthPressLeft + 0.4 mouthPressRight", ("visemepp", "pp")),
    ("mouthRollLower + 0.3 mouthUpperUpLeft + 0.3 mouthUpperUpRight", ("visemeff", "ff")),
    ("0.3 mouthStretchLeft + 0.3 mouthStretchRight", ("visemess", "ss")),
    ("0.5 mouthFunnel + 0.3 mouthPucker", ("visemech", "ch")),
    ("eyeBlinkLeft", ("eyeclosel", "blinkl", "blinkleft", "winkl", "winkleft", "ウィンク")),
    ("eyeBlinkRight", ("eyecloser", "blinkr", "blinkright", "winkr", "winkright", "ウィンク右")),
    (_RAISED, ("brwsurprised", "eyebrowup", "browup", "browsup", "上")),
    (_LOWERED, ("brwangry", "eyebrowdown", "browdown", "browsdown", "下")),
    (_SIDEWAYS, ("lookleft",)),
    (_OTHERWISE, ("lookright",)),
    ("0.5 eyeLookUpLeft + 0.5 eyeLookUpRight", ("lookup", "eyeslookup")),
    ("0.5 eyeLookDownLeft + 0.5 eyeLookDownRight", ("lookdown", "eyeslookdown")),
)
"""(sum of channels, names of the shape). The first of the names that a rig has gets the rule."""
INSTEAD: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (_SHUT, ("eyesclosed", "eyeclose", "eyeclosed", "blink", "まばたき"), ("eyeBlinkLeft", "eyeBlinkRight")),
    ("jawOpen - mouthClose", ("mouthopen", "openmouth"), ("1.1 jawOpen - 0.6 mouthFunnel - 0.6 mouthPucker",)),
)
"""(sum, names, other sums): one shape for both lids or for all speech, used if none of the other sums has a shape."""
_PREFIX = re.compile(r"^(.*fcl|vrcv|vrc|blendshapes?\d*|faceblendshape|mouth(?=[aeiou]$)|ex)", re.IGNORECASE)


def plain(name: str) -> str:
    """A shape's name in lower case, without the prefixes that exporters add.

    >>> plain("Face.M_F00_000_00_Fcl_MTH_A"), plain("vrc.v_aa"), plain("blink_L")
    ('mtha', 'aa', 'blinkl')
    """
    letters = "".join(letter for letter in name.rpartition(".")[2] if letter.isalnum()).lower()
    whole = "".join(letter for letter in name if letter.isalnum()).lower()
    if whole.startswith("vrc"):
        letters = whole
    return _PREFIX.sub("", letters) or letters


def sums(shapes: list[str]) -> list[tuple[str, str]]:
    """(sum of channels, shape) for each shape with a known name, in the order of `SHAPES`, then of `INSTEAD`."""
    by_name: dict[str, str] = {}
    for shape in shapes:
        by_name.setdefault(plain(shape), shape)
    found = []
    for total, names in SHAPES:
        found += [(total, by_name[name]) for name in names if name in by_name][:1]
    there = {total for total, _ in found}
    for total, names, others in INSTEAD:
        if not there & set(others):
            found += [(total, by_name[name]) for name in names if name in by_name][:1]
    return found
