"""Names of the motion channels, their groups, their places in arrays, and their units. Standard library only.

Expression names are those of ICT-FaceKit: ARKit's names with ``_L`` and ``_R`` for the person's own left and right.
``browInnerUp`` and ``cheekPuff`` are split into two sides. ICT-FaceKit has no shape of the tongue. So the tongue has
two channels of its own beside them.
"""

from __future__ import annotations

FPS = 25.0
"""Frames a second of every motion inside the product."""
GAZE_SIDEWAYS_DEGREES = 30.0
GAZE_UP_DOWN_DEGREES = 25.0
"""Turn of an eye whose ``eyeLookIn`` or ``eyeLookOut``, and ``eyeLookUp`` or ``eyeLookDown``, is 1."""


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}_{side}" for name in names for side in "LR")


JAW = ("jawForward", "jawLeft", "jawOpen", "jawRight")
LIPS = (
    "mouthClose",
    *_sides("mouthDimple", "mouthFrown"),
    "mouthFunnel",
    "mouthLeft",
    *_sides("mouthLowerDown", "mouthPress"),
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    *_sides("mouthSmile", "mouthStretch", "mouthUpperUp"),
)
CHEEKS = _sides("cheekPuff", "cheekSquint")
NOSE = _sides("noseSneer")
BROWS = _sides("browDown", "browInnerUp", "browOuterUp")
BLINK = _sides("eyeBlink", "eyeSquint", "eyeWide")
EYE_BLINKS = _sides("eyeBlink")
"""The weights of ``BLINK`` that shut the eyes."""
GAZE = _sides("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp")
HEAD_ROTATION = ("headPitch", "headYaw", "headRoll")
HEAD_TRANSLATION = ("headX", "headY", "headZ")
HEAD = HEAD_ROTATION + HEAD_TRANSLATION

EXPRESSIONS: tuple[str, ...] = tuple(sorted(BROWS + CHEEKS + BLINK + GAZE + JAW + LIPS + NOSE))
"""The 53 expression weights in the order every array, file and weight matrix uses (alphabetical)."""

CHANNELS: tuple[str, ...] = EXPRESSIONS + HEAD
"""All 59 channels: 53 expressions (0–1), 3 rotations (radians), 3 translations (centimetres)."""

GROUPS: dict[str, tuple[str, ...]] = {
    "lips": LIPS,
    "jaw": JAW,
    "cheeks": CHEEKS,
    "nose": NOSE,
    "brows": BROWS,
    "blink": BLINK,
    "gaze": GAZE,
    "head": HEAD,
}

TONGUE = ("tongueOut", "tongueUp")
"""The tongue's two weights (0–1): ARKit's ``tongueOut``, and the tip's way up to the ridge behind the upper teeth. They
are an array of their own beside the 59 channels, because no network knows them."""
TONGUE_GROUP = "lips"
"""The group with which the tongue is sampled again, kept and scaled: both follow only the speech."""
BODY = ("torsoX", "torsoY", "torsoRoll", "breath")
"""Shoulders and chest: two shifts (centimetres) and a tilt (radians) with the directions of the head's, and how far a
breath is drawn in (0–1). They are an array of their own too: only pictures show them, and no curve moves them."""
SHAPES: tuple[str, ...] = EXPRESSIONS + TONGUE
"""The 55 weights that a head has shapes for."""

LIP_GROUPS = ("lips", "jaw")
"""Groups that only the speech determines (MLP_a2l). The diffusion prior samples all others."""
LIP_CHANNELS: tuple[str, ...] = tuple(c for c in CHANNELS if c in LIPS or c in JAW)
NONLIP_CHANNELS: tuple[str, ...] = tuple(c for c in CHANNELS if c not in LIP_CHANNELS)
LIP_COLUMNS: list[int] = [CHANNELS.index(name) for name in LIP_CHANNELS]
NONLIP_COLUMNS: list[int] = [CHANNELS.index(name) for name in NONLIP_CHANNELS]
"""Where these channels are among all 59. Lip channels are expressions, so ``LIP_COLUMNS`` fits (T, 53) arrays too."""
MOUTH_COLUMNS: list[int] = LIP_COLUMNS + [SHAPES.index(name) for name in TONGUE]
"""Where lips, jaw and tongue are in ``core.motion.motion.Motion.table``."""

assert len(EXPRESSIONS) == 53 and len(CHANNELS) == 59
assert len(LIP_CHANNELS) == 27 and len(NONLIP_CHANNELS) == 32
