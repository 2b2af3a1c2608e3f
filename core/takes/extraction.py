"""Motion and curves of a take, recovered from its frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..motion.channels import FPS
from ..motion.live_link import write_live_link_csv
from ..portrait.portrait import Portrait
from ..provenance import SYNTHETIC_MOTION
from ..readback.extract import extract
from ..renderer.framing import Framing
from ..wire.progress import JobContext
from .frames import read_frames
from .take import TakePlan


def read_back(plan: TakePlan, count: int, portrait: Portrait, framing: Framing, context: JobContext) -> float:
    """Write the motion and the curves that a take's ``count`` frames show; returns the seconds it took.

    ``framing`` says where the frames lie in the portrait's image. Raises as `core.readback.extract.extract`, as
    `core.takes.frames.read_frame`, and CancelledError.
    """
    with context.stage("extract", count, plan.index) as stage:

        def frames() -> Iterator[np.ndarray]:
            for index, picture in enumerate(read_frames(plan.frames, count)):
                stage.step(index)
                yield picture

        motion = extract(frames(), portrait, *frame_to_image(framing), FPS)
    motion.save(plan.motion_extracted, SYNTHETIC_MOTION)
    write_live_link_csv(motion, plan.curves_extracted)
    return stage.seconds


def frame_to_image(framing: Framing) -> tuple[float, tuple[float, float]]:
    """(scale, origin) with image = frame / scale + origin, in pixels of the frames and of the portrait's image."""
    shrink = framing.paste[2] / framing.crop.shape[0]
    x, y = ((framing.origin[k] - framing.paste[k] / shrink) / framing.scale for k in range(2))
    return framing.scale * shrink, (x, y)
