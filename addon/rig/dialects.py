"""Names of expression shapes in the schemes that character makers and face trackers use, and what they mean.

Each scheme is a table {shape: sum of our channels}, in addition to ARKit's own names. Only one side is written; the
other follows from it. The names are public facts, taken from these places:

* ARKit: Apple's ``ARFaceAnchor.BlendShapeLocation``. Ready Player Me, Faceit, MPFB's face units, ICT-FaceKit, VRM's
  "Perfect Sync" and MetaHuman's ARKit pose asset have the same 52 names in other spellings.
* Character Creator 3 and 4 (Reallusion's guide to facial profiles): Standard, Extended, and ExPlus ``A01_`` … ``A52_``.
* MetaHuman (Epic): the curves ``CTRL_expressions_…``.
* DAZ Genesis 3 and 8 (``eCTRL…``), 8.1 and 9 (``facs_bs_…``, ``facs_jnt_…``, ``facs_ctrl_…``; DAZ's bridges list them).
* Unified Expressions (VRCFaceTracking's documentation), SRanipal (HTC), Meta's ``XrFaceExpressionFB`` (OpenXR).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...core.motion.channels import TONGUE
from . import names
from .arkit import SHAPE_NAMES
from .mapping import terms

_OTHER_SIDE = {"L": "R", "Left": "Right", "LB": "RB", "LT": "RT", "UL": "UR", "DL": "DR"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ALL_OF_ARKIT = frozenset(SHAPE_NAMES) - frozenset(TONGUE)
"""Channels of a rig that needs no other scheme of names; many rigs lack the tongue."""
_OWN_NAMES = 3
"""Number of names of its own, and not ARKit's, by which another scheme is recognised."""
_SUM_SIDE = re.compile(r"(?<=[a-zA-Z])Left\b")


@dataclass(frozen=True)
class Dialect:
    """One scheme of names.

    ``sums`` are the meanings of its names, ``table`` leads from each spelling to one of them (`names.table_of`).
    """

    label: str
    sums: Mapping[str, str]
    table: Mapping[str, str]


def _halves(channel: str) -> str:
    return f"0.5 {channel}Left + 0.5 {channel}Right"


_WHOLE = ("browInnerUp", "cheekPuff", "mouthSmile", "mouthFrown", "eyeBlink", "browDown", "noseSneer", "eyeSquint",
          "eyeWide", "mouthPress", "mouthStretch", "mouthDimple", "mouthUpperUp", "mouthLowerDown")  # fmt: skip
"""Shapes that some rigs have only once, for both sides."""
ARKIT: Mapping[str, str] = {name: name for name in SHAPE_NAMES} | {name: _halves(name) for name in _WHOLE}
"""Our 55 weights by their names, and the shapes for both sides."""


def _look_names() -> dict[str, list[str]]:
    """Names that say where the eye looks: its own side and the side looked at. The left eye looks *out* to the left."""
    found: dict[str, list[str]] = {}
    for eye in ("Left", "Right"):
        for towards in ("Left", "Right"):
            channel = f"eyeLook{'Out' if eye == towards else 'In'}{eye}"
            found[channel] = [
                *(f"eye_{eye}_look_{towards}", f"{eye}_eye_look_{towards}", f"eye_look_{towards}_{eye}"),
                *(f"{eye}_eyeball_look_{towards}", f"eyes_look_{towards}_{eye}"),
            ]
        for towards in ("Up", "Down"):
            channel = f"eyeLook{towards}{eye}"
            found[channel] = [f"{eye}_eyeball_look_{towards}", f"eyes_look_{towards}_{eye}"]
    return found


def _other_side(name: str) -> str:
    """The right side's name of a left side's."""
    return _WORD.sub(lambda word: _OTHER_SIDE.get(word[0], word[0]), name)


def _dialect(label: str, entries: Mapping[str, str]) -> Dialect:
    """ARKit's names and the entries of another scheme; entries of the left side give those of the right side."""
    sums = dict(ARKIT)
    for name, total in entries.items():
        sums[name] = total
        other = _SUM_SIDE.sub("Right", total) if "Right" not in total else total
        if (mirrored := _other_side(name)) != name:
            sums[mirrored] = other
    looks = _look_names()
    spelled = {name: [name, *looks.get(name, ())] for name in sums}
    return Dialect(label, sums, names.table_of(spelled))


_REALLUSION = {
    **{"Brow_Raise_Inner_L": "browInnerUpLeft", "Brow_Raise_Outer_L": "browOuterUpLeft", "Brow_Drop_L": "browDownLeft"},
    **{"Eyes_Blink": _halves("eyeBlink"), "Cheek_Raise_L": "cheekSquintLeft", "Cheek_Blow_L": "cheekPuffLeft"},
    **{"Nose_Flank_Raise_L": "noseSneerLeft", "Mouth_Open": "jawOpen - mouthClose"},
    **{"Mouth_Pucker_Up_L": "mouthPucker", "Mouth_Pucker_Down_L": "mouthPucker"},
    **{"Mouth_Funnel_Up_L": "mouthFunnel", "Mouth_Funnel_Down_L": "mouthFunnel", "Mouth_Pucker_Open": "mouthFunnel"},
    **{"Mouth_Roll_In_Upper": "mouthRollUpper", "Mouth_Roll_In_Lower": "mouthRollLower"},
    **{"Mouth_Roll_In_Upper_L": "mouthRollUpper", "Mouth_Roll_In_Lower_L": "mouthRollLower"},
    **{"Mouth_Top_Lip_Under": "mouthRollUpper", "Mouth_Bottom_Lip_Under": "mouthRollLower"},
    **{"Mouth_Up_Upper_L": "mouthUpperUpLeft", "Mouth_Down_Lower_L": "mouthLowerDownLeft"},
    **{"Mouth_Top_Lip_Up": _halves("mouthUpperUp"), "Mouth_Bottom_Lip_Down": _halves("mouthLowerDown")},
    **{"Mouth_Widen_Sides": _halves("mouthStretch"), "Turn_Jaw_Down": "jawOpen", "Turn_Jaw_L": "jawLeft"},
    **{"Tongue_Tip_Up": "tongueUp"},
}
_METAHUMAN = {
    **{"browRaiseInL": "browInnerUpLeft", "browRaiseOuterL": "browOuterUpLeft", "eyeSquintInnerL": "eyeSquintLeft"},
    **{"eyeUpperLidUpL": "eyeWideLeft", "eyeWidenL": "eyeWideLeft", "eyeCheekRaiseL": "cheekSquintLeft"},
    **{"mouthCheekBlowL": "cheekPuffLeft", "noseWrinkleL": "noseSneerLeft", "jawFwd": "jawForward"},
    **{"mouthCornerPullL": "mouthSmileLeft", "mouthCornerDepressL": "mouthFrownLeft"},
    **{"mouthFunnelUL": "mouthFunnel", "mouthFunnelDL": "mouthFunnel"},
    **{"mouthLipsPurseUL": "mouthPucker", "mouthLipsPurseDL": "mouthPucker"},
    **{"mouthLipsTogetherUL": "mouthClose", "mouthLipsTogetherDL": "mouthClose"},
    **{"mouthUpperLipRaiseL": "mouthUpperUpLeft", "mouthLowerLipDepressL": "mouthLowerDownLeft"},
    **{"mouthLipsPressL": "mouthPressLeft", "jawChinRaiseUL": "mouthShrugUpper", "jawChinRaiseDL": "mouthShrugLower"},
    **{"mouthUpperLipRollInL": "mouthRollUpper", "mouthLowerLipRollInL": "mouthRollLower"},
}
_DAZ_POSES = {
    **{"MouthOpen": "jawOpen - 0.5 mouthClose", "EyesClosedL": "eyeBlinkLeft", "EyesClosed": _halves("eyeBlink")},
    **{"EyesSquintL": "eyeSquintLeft", "EyesSquint": _halves("eyeSquint"), "EyelidsUpperDownUpL": "eyeWideLeft"},
    **{"BrowInnerUp-DownL": "browInnerUpLeft - 0.5 browDownLeft", "BrowOuterUp-DownL": "browOuterUpLeft"},
    **{"BrowUp-DownL": "browOuterUpLeft - 0.5 browDownLeft"},
    **{"CheekEyeFlexL": "cheekSquintLeft", "CheeksBalloon": "0.5 cheekPuffLeft + 0.5 cheekPuffRight"},
    **{"NoseWrinkle": _halves("noseSneer"), "JawSide-Side": "jawLeft - jawRight", "JawOut-In": "jawForward"},
    **{"MouthSmileSimpleL": "mouthSmileLeft", "MouthSmileSimple": _halves("mouthSmile")},
    **{"MouthSide-Side": "mouthLeft - mouthRight", "MouthNarrow": "0.6 mouthFunnel", "LipsPucker": "mouthPucker"},
    **{"LipTopUp-DownL": "mouthUpperUpLeft", "LipBottomUp-DownL": "- mouthLowerDownLeft"},
    **{"MouthCornerBackL": "mouthStretchLeft + 0.5 mouthDimpleLeft", "EyesUpDown": "0.5 eyeLookUpLeft "
       "+ 0.5 eyeLookUpRight - 0.5 eyeLookDownLeft - 0.5 eyeLookDownRight"},
    **{"LipsClose": "mouthClose", "LipsPress": _halves("mouthPress")},
}  # fmt: skip
_DAZ_FACS = {
    **{"EyesWideLeft": "eyeWideLeft", "EyelidOpenUpperLeft": "eyeWideLeft", "EyesBlinkLeft": "eyeBlinkLeft"},
    **{"EyesClosedL": "eyeBlinkLeft", "EyesWide": _halves("eyeWide"), "MouthOpen": "jawOpen - 0.5 mouthClose"},
    **{"MouthFunnelUpperLeft": "mouthFunnel", "MouthFunnelLowerLeft": "mouthFunnel"},
    **{"MouthPurseUpperLeft": "mouthPucker", "MouthPurseLowerLeft": "mouthPucker"},
    **{"MouthPressUpperLeft": "mouthPressLeft", "MouthPressLowerLeft": "mouthPressLeft"},
    **{"MouthRollUpperLeft": "mouthRollUpper", "MouthRollLowerLeft": "mouthRollLower"},
    **{"MouthShrugUpperLeft": "mouthShrugUpper", "MouthShrugLowerLeft": "mouthShrugLower"},
}
_UNIFIED = {
    **{"EyeClosedLeft": "eyeBlinkLeft", "BrowPinchLeft": "browDownLeft", "BrowLowererLeft": "browDownLeft"},
    **{"LipFunnel": "mouthFunnel", "LipPucker": "mouthPucker", "LipSuckUpper": "mouthRollUpper"},
    **{"LipSuckLower": "mouthRollLower", "MouthClosed": "mouthClose", "MouthRaiserUpper": "mouthShrugUpper"},
    **{
        "MouthRaiserLower": "mouthShrugLower",
        "MouthCornerPullLeft": "mouthSmileLeft",
        "MouthSadLeft": "mouthFrownLeft",
    },
}
_SRANIPAL = {
    **{"Mouth_Upper_UpLeft": "mouthUpperUpLeft", "Mouth_Lower_DownLeft": "mouthLowerDownLeft"},
    **{"Mouth_Sad_Left": "mouthFrownLeft", "Mouth_Pout": "mouthPucker", "Mouth_O_Shape": "mouthFunnel"},
    **{"Mouth_Upper_Inside": "mouthRollUpper", "Mouth_Lower_Inside": "mouthRollLower"},
    **{"Mouth_Ape_Shape": "mouthClose", "Mouth_Upper_Left": "mouthLeft", "Eye_Left_squeeze": "eyeSquintLeft"},
}
_FACS = {
    **{"innerBrowRaiserL": "browInnerUpLeft", "outerBrowRaiserL": "browOuterUpLeft", "browLowererL": "browDownLeft"},
    **{"upperLidRaiserL": "eyeWideLeft", "lidTightenerL": "eyeSquintLeft", "eyesClosedL": "eyeBlinkLeft"},
    **{"eyesUpperLidRaiserL": "eyeWideLeft", "squintL": "eyeSquintLeft", "cheekRaiserL": "cheekSquintLeft"},
    **{"noseWrinklerL": "noseSneerLeft", "upperLipRaiserL": "mouthUpperUpLeft", "lowerLipDepressorL":
       "mouthLowerDownLeft", "lipCornerPullerL": "mouthSmileLeft", "lipCornerDepressorL": "mouthFrownLeft"},
    **{"dimplerL": "mouthDimpleLeft", "lipStretcherL": "mouthStretchLeft", "lipPressorL": "mouthPressLeft"},
    **{"lipPressor": _halves("mouthPress"), "chinRaiserT": "mouthShrugUpper", "chinRaiserB": "mouthShrugLower"},
    **{"chinRaiser": "mouthShrugLower", "lipPuckerL": "mouthPucker", "pucker": "mouthPucker", "funneler":
       "mouthFunnel", "lipFunnelerLT": "mouthFunnel", "lipFunnelerLB": "mouthFunnel", "lipSuckLT": "mouthRollUpper"},
    **{"lipSuckLB": "mouthRollLower", "jawDrop": "jawOpen", "jawThrust": "jawForward", "lipsToward": "mouthClose"},
    **{"jawSidewaysLeft": "jawLeft", "jawSlideLeft": "jawLeft", "mouthSlideLeft": "mouthLeft"},
}  # fmt: skip


@functools.cache
def schemes() -> tuple[Dialect, ...]:
    """All schemes, ARKit's first. Their tables are made when they are first needed, not while Blender starts."""
    return (
        _dialect("ARKit", {}),
        _dialect("Character Creator", _REALLUSION),
        _dialect("MetaHuman", _METAHUMAN),
        _dialect("DAZ Genesis 3 and 8", _DAZ_POSES),
        _dialect("DAZ Genesis 8.1 and 9", _DAZ_FACS),
        _dialect("Unified Expressions", _UNIFIED),
        _dialect("SRanipal", _SRANIPAL),
        _dialect("FACS", _FACS),
    )


def sums(shapes: Iterable[str]) -> dict[str, str]:
    """{shape: sum of channels} for the shapes that one scheme knows: the one that moves most channels."""
    shapes = tuple(shapes)
    arkit, *others = schemes()
    found = [_without_wholes(names.read(shapes, arkit.table), arkit)]
    if channels(found[0].values()) >= _ALL_OF_ARKIT:
        return found[0]
    for dialect in others:
        entries = names.read(shapes, dialect.table)
        if len(set(entries.values()) - set(ARKIT)) >= _OWN_NAMES:
            found.append(_without_wholes(entries, dialect))
    return max(found, key=lambda totals: (len(channels(totals.values())), -len(totals)))


def channels(totals: Iterable[str]) -> set[str]:
    """All channels that sums name."""
    return {channel for total in totals for channel in terms(total)}


def _without_wholes(entries: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """The sums of what was read; a shape for several channels is left out if one of them has shapes of its own."""
    found = {shape: dialect.sums[entry] for shape, entry in entries.items()}
    single = channels(total for total in found.values() if len(terms(total)) == 1)
    return {
        shape: total
        for shape, total in found.items()
        if len(terms(total)) == 1 or not any(factor > 0 and name in single for name, factor in terms(total).items())
    }
