"""Names of the motion channels and their groups.

Standard library only, so that Blender, which imports no numpy code of ours, shares the one list.
Expression names are ICT-FaceKit's, which are ARKit's with ``_L``/``_R`` (the person's own left and right);
``browInnerUp`` and ``cheekPuff`` are split left/right, and ARKit's ``tongueOut`` has no shape.
"""

from __future__ import annotations

FPS = 25.0
"""Frames a second of every motion inside the product."""


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

LIP_GROUPS = ("lips", "jaw")
"""Groups that the speech alone determines (MLP_a2l); the diffusion prior samples all the others."""
LIP_CHANNELS: tuple[str, ...] = tuple(c for c in CHANNELS if c in LIPS or c in JAW)
NONLIP_CHANNELS: tuple[str, ...] = tuple(c for c in CHANNELS if c not in LIP_CHANNELS)

assert len(EXPRESSIONS) == 53 and len(CHANNELS) == 59
assert len(LIP_CHANNELS) == 27 and len(NONLIP_CHANNELS) == 32
