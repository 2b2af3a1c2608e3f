"""The style of a take, as an artist sets it. All settings act on the trained networks as they are.

Standard library only, because the settings are part of the protocol. ``core.prior`` carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..schema import setting


@dataclass(frozen=True, kw_only=True)
class PriorStyle:
    """Style of a take. The defaults leave the motion as it was sampled.

    Amplitudes scale how far a group moves from its rest: 1 is as sampled, 0 holds it still. With a smaller head motion
    the eyes compensate less for it, so that they don't wander while the head is still. Amplitudes don't change blinks.
    Poses are (pitch, yaw, roll) in degrees relative to the portrait. Positive values turn the face down, turn it to the
    person's left, and lift that side. The kept part of a resampled take stays bit for bit, whatever the style.
    """

    liveliness: float = setting(0.0, "calm (−1) to lively (1); changes what is sampled", low=-1.0, high=1.0)
    head_amplitude: float = setting(1.0, "size of head motion; 0 holds the head still", low=0.0, high=3.0)
    gaze_amplitude: float = setting(1.0, "size of glances; 0 looks straight on", low=0.0, high=3.0)
    brow_amplitude: float = setting(1.0, "size of brow motion", low=0.0, high=3.0)
    lid_amplitude: float = setting(1.0, "size of squints and widened eyes; blinks stay", low=0.0, high=3.0)
    cheek_amplitude: float = setting(1.0, "size of cheek and nose motion", low=0.0, high=3.0)
    blink_rate: float | None = setting(
        None, "blinks a minute; as sampled when left out, but at least one every 10 seconds", low=0.0, high=50.0
    )
    gaze_to_camera: float = setting(0.0, "how much the eyes rest on the camera, 0 to 1", low=0.0, high=1.0)
    start_pose: tuple[float, ...] | None = setting(
        None, "head's pitch, yaw, roll in degrees at the first frame", low=-30.0, high=30.0, length=3
    )
    end_pose: tuple[float, ...] | None = setting(
        None, "head's pitch, yaw, roll in degrees at the last frame", low=-30.0, high=30.0, length=3
    )
    loop: bool = setting(False, "the end runs into the beginning without a seam")
