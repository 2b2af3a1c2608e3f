"""The style of a take, as an artist sets it. All settings act on the trained networks as they are.

Standard library only, because the settings are part of the protocol. ``core.prior`` carries them out.

====================  ===========================  ========================================================
setting               range (default)              meaning
====================  ===========================  ========================================================
``liveliness``        −1 … 1 (0)                   calm to lively, sampled accordingly
``persona``           0 … 2147483647, null (null)  number of the persona that performs; null: each take its own
``head_amplitude``    0 … 3 (1)                    size of head motion
``gaze_amplitude``    0 … 3 (1)                    size of glances
``brow_amplitude``    0 … 3 (1)                    size of brow motion
``lid_amplitude``     0 … 3 (1)                    size of squints and widened eyes; blinks stay
``cheek_amplitude``   0 … 3 (1)                    size of cheek and nose motion
``blink_rate``        0 … 50 or null (null)        blinks a minute; null: as sampled
``gaze_to_camera``    0 … 1 (0)                    how much the eyes rest on the camera
``start_pose``        3 × −30 … 30 or null (null)  pitch, yaw, roll in degrees at the first frame
``end_pose``          3 × −30 … 30 or null (null)  the same at the last frame
``loop``              true, false (false)          the end runs into the beginning without a seam
``poses``             list (empty)                 the head's pose at times: objects with ``seconds`` ≥ 0, and
                                                   ``pitch``, ``yaw``, ``roll``, each −30 … 30 (0)
``emotions``          list (empty)                 what the face shows at times: objects with ``seconds`` ≥ 0, one
                                                   of the ``EMOTIONS``, and ``strength`` 0 … 1 (0.7)
====================  ===========================  ========================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..motion.channels import FPS
from ..schema import setting
from .emotions import EMOTIONS, EmotionAt, emotions_in_order
from .poses import MAX_ANGLE, PoseAt, poses_in_order

MAX_SEED = 2**31 - 1
"""Largest seed and largest number of a persona: Blender stores them as integers of 32 bits."""
TEMPERAMENTS = ("still", "calm", "relaxed", "lively", "animated")
"""What the persona of a take is called, from the stillest to the liveliest."""


@dataclass(frozen=True, kw_only=True)
class PriorStyle:
    """Style of a take. The defaults leave the motion as it was sampled.

    Amplitudes scale how far a group moves from its rest: 1 is as sampled, 0 holds it still. With a smaller head motion
    the eyes compensate less for it, so that they don't wander while the head is still. Amplitudes don't change blinks.
    Poses are (pitch, yaw, roll) in degrees relative to the portrait. Positive values turn the face down, turn it to the
    person's left, and lift that side. The kept part of a resampled take stays bit for bit, whatever the style.

    Between two ``poses`` the head moves as sampled about a smooth path from one to the other; if there are any, the
    start and end poses belong to them. Between two ``emotions`` one passes smoothly into the other; the first and the
    last one hold at the ends.
    """

    liveliness: float = setting(0.0, "calm (−1) to lively (1); changes what is sampled", low=-1.0, high=1.0)
    persona: int | None = setting(
        None, "number of the persona that performs all takes; each take has its own when left out", low=0, high=MAX_SEED
    )
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
        None, "head's pitch, yaw, roll in degrees at the first frame", low=-MAX_ANGLE, high=MAX_ANGLE, length=3
    )
    end_pose: tuple[float, ...] | None = setting(
        None, "head's pitch, yaw, roll in degrees at the last frame", low=-MAX_ANGLE, high=MAX_ANGLE, length=3
    )
    loop: bool = setting(False, "the end runs into the beginning without a seam")
    poses: tuple[PoseAt, ...] = setting(
        (),
        f"head's pose at a time: seconds, and degrees of −{MAX_ANGLE:g} to {MAX_ANGLE:g}; may be given several times",
    )
    emotions: tuple[EmotionAt, ...] = setting(
        (),
        f"what the face shows from a time on: seconds, one of {', '.join(EMOTIONS)}, and how strongly, 0 to 1; may be "
        "given several times",
    )

    def in_order(self, frames: int) -> PriorStyle:
        """The style for a take of so many frames, with its poses and its emotions in the order of their times.

        Raises BadInputError ``bad_setting`` for poses that a head can't take (``poses_in_order``), and for emotions
        that don't fit (``emotions_in_order``).
        """
        self.path(frames)
        poses = poses_in_order(self.poses, frames, loop=False)
        return replace(self, poses=poses, emotions=emotions_in_order(self.emotions, frames, self.loop))

    def path(self, frames: int) -> tuple[PoseAt, ...]:
        """All poses of a take of so many frames in their order, the start and end poses too; none without ``poses``.

        Raises BadInputError as `in_order`.
        """
        if not self.poses:
            return ()
        given = list(self.poses)
        for seconds, pose in ((0.0, self.start_pose), (frames / FPS, self.end_pose)):
            if pose is not None:
                pitch, yaw, roll = pose
                given.append(PoseAt(seconds=seconds, pitch=pitch, yaw=yaw, roll=roll))
        return poses_in_order(given, frames, self.loop)
