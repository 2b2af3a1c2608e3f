"""Mouth shapes and lids of talking avatars, by the names that their exporters give them.

========================  =================================================================================
VRM 0, VRoid Studio       ``Face.M_F00_000_00_Fcl_MTH_A``, ``Face_Blendshape.Fcl_EYE_Close_L``
VRM 1, VRoid Studio       ``Fcl_MTH_A``; other makers ``aa``, ``lip_a``, ``blink_L``, ``eye_brow_up``, ``look_left``
Ready Player Me           ``viseme_aa`` … ``viseme_U`` (Oculus), ``mouthOpen``, ``eyesClosed``
VRChat                    ``vrc.v_aa`` … ``vrc.v_ou``, ``vrc.blink_left``
Unity-chan, MikuMikuDance ``MTH_A``, ``あ``, ``まばたき``, ``ウィンク``, ``口角上げ``
Character Creator, iClone ``V_Open``, ``V_Explosive`` …; directly ``Ah``, ``W_OO``, ``B_M_P`` …
DAZ Genesis               ``eCTRLvAA`` … ``eCTRLvUW``, ``facs_ctrl_vAA`` …
Preston Blair             ``AI``, ``E``, ``O``, ``U``, ``MBP``, ``FV``, ``WQ``, ``etc`` (Papagayo, Moho)
Rhubarb Lip Sync          ``A`` … ``H``: Hanna-Barbera's mouths; here ``A`` is a closed mouth
========================  =================================================================================

An avatar's viseme is a whole mouth with the jaw. So each gets a sum of our channels that grows with the viseme's sound
and falls where another viseme takes over. Sounds made inside the mouth (DD, kk, nn, RR, TH) show little: no rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from . import names

_STRETCH = "0.5 mouthStretchLeft + 0.5 mouthStretchRight"
_SMILE = "0.3 mouthSmileLeft + 0.3 mouthSmileRight"
_SHUT = "0.5 eyeBlinkLeft + 0.5 eyeBlinkRight"
_RAISED = "0.5 browInnerUpLeft + 0.5 browInnerUpRight"
_LOWERED = "0.5 browDownLeft + 0.5 browDownRight"
_SIDEWAYS = "0.5 eyeLookOutLeft + 0.5 eyeLookInRight"
_OTHERWISE = "0.5 eyeLookInLeft + 0.5 eyeLookOutRight"

_TEETH_ON_LIP = "mouthRollLower + 0.3 mouthUpperUpLeft + 0.3 mouthUpperUpRight"
_LIPS_TOGETHER = "mouthClose + 0.4 mouthPressLeft + 0.4 mouthPressRight"
_CLENCHED = "0.3 mouthStretchLeft + 0.3 mouthStretchRight"
_ROUND, _NARROW = "1.1 mouthFunnel + 0.2 jawOpen", "1.1 mouthPucker"
_OPEN = "1.1 jawOpen - 0.6 mouthFunnel - 0.6 mouthPucker"

SHAPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (_OPEN, ("visemeaa", "mtha", "aa", "ah", "a", "lipa", "va", "vaa", "vopen", "ai", "あ")),
    (f"{_STRETCH} + {_SMILE}", ("visemee", "mthe", "ee", "e", "lipe", "ve", "vee", "vwide", "eh", "え")),
    (f"0.5 mouthStretchLeft + {_SMILE} + 0.2 jawOpen", ("visemei", "mthi", "ih", "i", "lipi", "vi", "vih", "iy", "い")),
    (_ROUND, ("visemeo", "mtho", "oh", "o", "lipo", "vo", "ow", "vow", "お")),
    (_NARROW, ("visemeu", "mthu", "ou", "u", "lipu", "vu", "oo", "uw", "vuw", "woo", "vtighto", "wq", "う")),
    (_LIPS_TOGETHER, ("visemepp", "pp", "m", "vm", "mbp", "bmp", "vexplosive", "ん")),
    (_TEETH_ON_LIP, ("visemeff", "ff", "f", "vf", "fv", "vdentallip")),
    (_CLENCHED, ("visemess", "ss", "s", "vs", "sz", "etc")),
    ("0.5 mouthFunnel + 0.3 mouthPucker", ("visemech", "ch", "sh", "vsh", "chj", "vaffricate")),
    ("0.4 mouthUpperUpLeft + 0.4 mouthUpperUpRight + 0.4 mouthLowerDownLeft + 0.4 mouthLowerDownRight", ("vlipopen",)),
    ("0.5 mouthSmileLeft + 0.5 mouthSmileRight", ("口角上げ",)),
    ("0.5 mouthFrownLeft + 0.5 mouthFrownRight", ("口角下げ",)),
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
    ("jawOpen - mouthClose", ("mouthopen", "openmouth"), (_OPEN,)),
)
"""(sum, names, other sums): one shape for both lids or for all speech, used if none of the other sums has a shape."""
_LETTERS: dict[str, str] = {
    **{"a": _LIPS_TOGETHER, "b": _CLENCHED, "c": "0.6 jawOpen - 0.4 mouthFunnel - 0.4 mouthPucker", "d": _OPEN},
    **{"e": _ROUND, "f": _NARROW, "g": _TEETH_ON_LIP, "h": "0.5 jawOpen"},
}
"""Rhubarb Lip Sync's mouths. Its description: A lips pressed, B clenched teeth, C open, D wide open, E slightly
rounded, F puckered, G teeth on the lip, H tongue up."""
_ONLY_LETTERS = {"a", "b", "c", "d"}
"""Mouths of Rhubarb that no list of vowels has together."""
_AS_LETTERS: dict[str, str] = {name: name for name in _LETTERS}
_WORDS: dict[str, str] = {name: name for _, known in SHAPES for name in known}
_ENDS = {"l", "r", "left", "right"}
"""What stands behind the last point of a name that has no node before it: ``Blink.L``."""
_PREFIX = re.compile(r"^(.*fcl|vrcv|vrc|blendshapes?\d*|faceblendshape|mouth(?=[aeiou]$)|ex)", re.IGNORECASE)


def plain(name: str) -> str:
    """A shape's name in lower case, without the prefixes that exporters add.

    >>> plain("Face.M_F00_000_00_Fcl_MTH_A"), plain("vrc.v_aa"), plain("blink_L")
    ('mtha', 'aa', 'blinkl')
    """
    before, _, last = name.rpartition(".")
    node = "" if last.lower() in _ENDS or last.isdigit() else before
    letters = "".join(letter for letter in name.removeprefix(node) if letter.isalnum()).lower()
    whole = "".join(letter for letter in name if letter.isalnum()).lower()
    if whole.startswith("vrc"):
        letters = whole
    return _PREFIX.sub("", letters) or letters


def sums(shapes: Iterable[str]) -> list[tuple[str, str]]:
    """(sum of channels, shape) for each shape with a known name, in the order of `SHAPES`, then of `INSTEAD`."""
    by_name: dict[str, str] = {}
    for shape in shapes:
        by_name.setdefault(plain(shape), shape)
    letters = {name: shape for shape, name in names.read(by_name.values(), _AS_LETTERS, weak=True).items()}
    if set(letters) >= _ONLY_LETTERS:
        return [(total, letters[name]) for name, total in _LETTERS.items() if name in letters]
    found = _known(by_name)
    if len(found) < names.MANY:
        read = names.read(by_name.values(), _WORDS, weak=True)
        found = _known({name: shape for shape, name in read.items()} | by_name)
    return found


def _known(by_name: Mapping[str, str]) -> list[tuple[str, str]]:
    """`sums` of {plain name: shape}."""
    found = []
    for total, known in SHAPES:
        found += [(total, by_name[name]) for name in known if name in by_name][:1]
    there = {total for total, _ in found}
    for total, known, others in INSTEAD:
        if not there & set(others):
            found += [(total, by_name[name]) for name in known if name in by_name][:1]
    return found
