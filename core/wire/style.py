"""How a take moves, as an artist sets it: no control here needs another training.

Standard library only, because the settings are part of the protocol. ``styling`` and ``blinks`` carry them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..schema import setting


@dataclass(frozen=True, kw_only=True)
class PriorStyle:
    """Style of a take; the defaults leave the motion as it was sampled.

    Sizes scale how far a group swings about its rest; 1 is as sampled, 0 holds it still. With a smaller head the eyes
    make up for less, so that a still head doesn't leave them roving; blinks go on whatever the sizes are. Poses are
    (pitch, yaw, roll) in degrees relative to the portrait; down, to the person's left, and lifting that side are
    positive. What a resampled take keeps is kept to the bit, whatever the style.
    """

    liveliness: float = setting(0.0, "calm (−1) to lively (1): sampled anew, smaller or larger", low=-1.0, high=1.0)
    head_amplitude: float = setting(1.0, "size of head motion; 0 holds the head still", low=0.0, high=3.0)
    gaze_amplitude: float = setting(1.0, "size of glances; 0 looks straight on", low=0.0, high=3.0)
    brow_amplitude: float = setting(1.0, "size of brow motion", low=0.0, high=3.0)
    lid_amplitude: float = setting(1.0, "size of squints and widened eyes, blinks apart", low=0.0, high=3.0)
    cheek_amplitude: float = setting(1.0, "size of cheek and nose motion", low=0.0, high=3.0)
    blink_rate: float | None = setting(
        None, "blinks a minute; as sampled when left out, and at least one in 10 seconds", low=0.0, high=50.0
    )
    gaze_to_camera: float = setting(0.0, "how much the eyes rest on the camera, 0 to 1", low=0.0, high=1.0)
    start_pose: tuple[float, ...] | None = setting(
        None, "head's pitch, yaw, roll in degrees at the first frame", low=-30.0, high=30.0, length=3
    )
    end_pose: tuple[float, ...] | None = setting(
        None, "head's pitch, yaw, roll in degrees at the last frame", low=-30.0, high=30.0, length=3
    )
    loop: bool = setting(False, "the end runs into the beginning without a seam")
