"""Motion and curves of a take, recovered from its frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import chain
from pathlib import Path
from queue import Full, Queue

import numpy as np
import torch

from ..errors import CancelledError
from ..motion.channels import FPS
from ..motion.live_link import write_live_link_csv
from ..portrait.portrait import Portrait
from ..provenance import SYNTHETIC_MOTION
from ..readback.extract import extract
from ..renderer.framing import Framing
from ..wire.progress import JobContext
from .frames import decoded, read_frames
from .take import TakePlan

Picture = np.ndarray | bytes
"""A frame as (H, W, 3 or 4) uint8, or as a PNG."""
_WAITING = 8
"""Frames that may wait to be read before the renderer has to wait. This bounds the memory."""
_LOOK_AGAIN = 0.1
"""Seconds between two looks at whether the thread has ended, or the job was cancelled."""


class ReadBack:
    """Reads the motion back that a take's frames show, in a thread of its own, while the frames are made.

    Use as a context manager. :meth:`put` is called for each frame in order, then :meth:`finish`. A frame that was
    just drawn needn't be read from the disk and unpacked again, and it is read while processors wait for the others.

    Parameters
    ----------
    plan, portrait
        The take and its portrait.
    framing
        Says where the frames lie in the portrait's image.
    on_disk
        Number of frames, from the first one on, that are on disk already. They are read from there.
    folder
        Where they are; the take's ``frames`` by default.
    """

    def __init__(
        self, plan: TakePlan, portrait: Portrait, framing: Framing, on_disk: int, folder: Path | None = None
    ) -> None:
        self._plan, self._seen, self._stopped = plan, 0, False
        self._queue: Queue[Picture | None] = Queue(_WAITING)
        self._pool = ThreadPoolExecutor(1, "read back")
        # The number of threads of an operation decides its last bits. Threads that draw change it for a moment.
        self._pool.submit(torch.set_num_threads, torch.get_num_threads()).result()
        pictures = chain(read_frames(folder or plan.frames, on_disk), self._arriving())
        self._motion = self._pool.submit(extract, self._counted(pictures), portrait, *frame_to_image(framing), FPS)

    def put(self, picture: Picture | None) -> None:
        """Give the next frame, or None after the last one; waits while many are unread."""
        while not self._motion.done():  # an error ends the thread early; `finish` raises it
            with suppress(Full):
                self._queue.put(picture, timeout=_LOOK_AGAIN)
                return

    def finish(self, count: int, context: JobContext) -> float:
        """Write motion and curves when all ``count`` frames are read; returns the seconds that this took longer.

        Raises as `core.readback.extract.extract`, as `core.takes.frames.read_frame`, and CancelledError.
        """
        with context.stage("extract", count, self._plan.index) as stage:
            stage.step(self._seen)
            self.put(None)
            while not wait([self._motion], _LOOK_AGAIN).done:
                stage.step(self._seen)
            motion = self._motion.result()
        motion.save(self._plan.motion_extracted, SYNTHETIC_MOTION)
        write_live_link_csv(motion, self._plan.curves_extracted)
        return stage.seconds

    def __enter__(self) -> ReadBack:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self.put(None)
        self._pool.shutdown()

    def _arriving(self) -> Iterator[np.ndarray]:
        while (picture := self._queue.get()) is not None:
            yield decoded(picture) if isinstance(picture, bytes) else np.ascontiguousarray(picture[..., :3])

    def _counted(self, pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for self._seen, picture in enumerate(pictures):
            if self._stopped:
                break
            yield picture
        if self._stopped:
            raise CancelledError


def frame_to_image(framing: Framing) -> tuple[float, tuple[float, float]]:
    """(scale, origin) with image = frame / scale + origin, in pixels of the frames and of the portrait's image."""
    shrink = framing.paste[2] / framing.crop.shape[0]
    x, y = ((framing.origin[k] - framing.paste[k] / shrink) / framing.scale for k in range(2))
    return framing.scale * shrink, (x, y)
