"""ARKit's names for our 55 weights. The shape keys and properties of our head have these names.

ARKit has 52 shapes. We split two of them, so that each side can be keyed separately: ``browInnerUp`` into
``browInnerUpLeft`` and ``browInnerUpRight``, ``cheekPuff`` into ``cheekPuffLeft`` and ``cheekPuffRight``; both halves
together are ARKit's shape. ``tongueUp``, a tip that rises to the upper teeth, is ours alone. Left and right are the
person's own.
"""

from __future__ import annotations

from ...core.motion.channels import SHAPES

_SIDES = {"_L": "Left", "_R": "Right"}


def arkit_name(channel: str) -> str:
    """``eyeBlink_L`` → ``eyeBlinkLeft``; names without a side stay as they are."""
    return channel[:-2] + _SIDES[channel[-2:]] if channel[-2:] in _SIDES else channel


SHAPE_NAMES: tuple[str, ...] = tuple(arkit_name(channel) for channel in SHAPES)
"""The 55 names in the order of ``SHAPES``."""
