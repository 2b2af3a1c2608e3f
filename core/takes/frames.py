"""Rendered frames on disk: numbered PNGs that carry a note that they are synthetic.

A few threads write them; they are read back in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from ..errors import SoliloquyError
from ..files import write_bytes
from ..provenance import picture_marks
from ..wire.names import frame_name
from .png import encode_png

_THREADS = 2
_WAITING = 8
"""Frames that may wait for the disk before the renderer has to wait. This bounds the memory."""
_CONTACT_TILES = 12
_CONTACT_COLUMNS = 4
_CONTACT_SIDE = 240


def synthetic_marks(version: str, job: str, take: int, seed: int) -> dict[str, str]:
    """The PNG text entries of every picture of a take (Latin-1)."""
    return {
        **picture_marks(version, "a portrait animated by a program from speech. This never happened."),
        "Soliloquy-Job": job,
        "Soliloquy-Take": str(take),
        "Soliloquy-Seed": str(seed),
    }


class FrameWriter:
    """Writes frames into a folder in the background, each whole or not at all. Use as a context manager.

    ``put`` waits while too many frames are unwritten. An error of an earlier frame is raised by a later ``put`` or at
    the end of the ``with`` block. An exception inside the block drops the frames that aren't begun.
    """

    def __init__(self, folder: Path, marks: dict[str, str]) -> None:
        self._folder = folder
        self._marks = marks
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="frames")
        self._waiting: deque[Future[None]] = deque()

    def put(self, index: int, picture: np.ndarray) -> None:
        """Write ``picture`` (H, W, 3) uint8 RGB as frame ``index``; raises as ``core.files.written_beside``."""
        self._submit(self._write, index, picture)

    def put_png(self, index: int, png: bytes) -> None:
        """Write a frame that is encoded and marked already; otherwise as ``put``."""
        self._submit(write_bytes, self._folder / frame_name(index), png)

    def _submit(self, write: Callable[..., None], *arguments: object) -> None:
        while len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(write, *arguments))

    def _write(self, index: int, picture: np.ndarray) -> None:
        write_bytes(self._folder / frame_name(index), encode_png(picture, self._marks))

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            return
        try:
            while self._waiting:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)


def frames_on_disk(folder: Path) -> int:
    """Number of frames on disk from the first one up to the first gap."""
    names = {path.name for path in folder.glob("*.png")} if folder.is_dir() else set()
    return next(i for i in range(len(names) + 1) if frame_name(i) not in names)


def read_frame(folder: Path, index: int) -> np.ndarray:
    """Frame ``index`` as (H, W, 3) uint8 RGB, without its alpha. Raises SoliloquyError ``frame_missing``."""
    path = folder / frame_name(index)
    # On Windows, imread can't open paths with characters outside the system's code page. Path.read_bytes can.
    data = path.read_bytes() if path.is_file() else b""
    try:
        return decoded(data)
    except ValueError:
        raise SoliloquyError(
            "frame_missing", f"The frame {path} is missing or damaged.", "Render the take again."
        ) from None


def decoded(data: bytes) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a PNG, without its alpha. Raises ValueError if it is none."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise ValueError("no picture")
    return np.ascontiguousarray(picture[..., ::-1])


def read_frames(folder: Path, count: int) -> Iterator[np.ndarray]:
    """The first ``count`` frames in order, one at a time."""
    return (read_frame(folder, index) for index in range(count))


def contact_sheet(frames: Iterable[np.ndarray]) -> np.ndarray:
    """Small pictures in rows of four, (H, W, 3) uint8. All ``frames`` have the same size."""
    tiles = []
    for frame in frames:
        height, width = frame.shape[:2]
        scale = min(1.0, _CONTACT_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        tiles.append(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
    columns = min(_CONTACT_COLUMNS, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def write_contact_sheet(
    path: Path, folder: Path, count: int, marks: dict[str, str], face: tuple[int, int, int] | None = None
) -> None:
    """Write a sheet of up to twelve of a take's ``count`` frames, evenly spaced.

    ``face`` is the square (x, y, side) of the frames that is shown, in pixels. It may reach beyond the frames. Where
    the face is a small part of the picture, whole frames would show nothing of the performance.
    """
    chosen = np.unique(np.linspace(0, count - 1, min(count, _CONTACT_TILES)).round().astype(int))
    x, y, side = face or (0, 0, 1 << 30)
    part = np.s_[max(y, 0) : y + side, max(x, 0) : x + side]
    write_bytes(path, encode_png(contact_sheet(read_frame(folder, int(i))[part] for i in chosen), marks))
