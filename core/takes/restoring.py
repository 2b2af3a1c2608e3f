"""Frames of a take, restored by a program of the user's own (`core.wire.restorer`).

The frames as they were drawn stay in ``frames-drawn``, and those that are restored take their place in ``frames``. So a
take has its drawn frames until all are restored, and whatever the program does, none of them is lost.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np

from ..errors import SoliloquyError
from ..files import make_folder, output_error, write_bytes
from ..own_folders import delete_own, make_own
from ..places import CORE, ROOT
from ..plurals import counted
from ..runtime.processes import clean_environment, end_group, own_group
from ..wire.endings import last_words
from ..wire.names import frame_name
from ..wire.progress import JobContext, Stage
from ..wire.protocol import version
from ..wire.restorer import command_digest, restorer_command, with_folders
from ..wire.take_file import TakeFacts
from .frames import frames_on_disk, synthetic_marks
from .png import encode_png
from .png_marks import colour_type, marked_again, png_size
from .take import TakePlan

PIECE = 100
"""Frames that the program gets at once. This bounds the disk space of copies, and what is lost by a cancel."""
MOST_TIMES = 4
"""Largest factor by which restored frames may be larger."""
_LOOK_AGAIN = 0.1
"""Seconds between two looks at whether the program has ended, or the job was cancelled."""
_GRACE = 5.0
"""Seconds that a program may take to be killed."""
_LINES, _LINE = 40, 2000
"""Lines of the program's log that are kept, and their longest length in bytes."""
_RGBA, _WITH_ALPHA = 6, (4, 6)
"""Colour types of PNGs."""


class Restorer:
    """Restores the frames of takes.

    Parameters
    ----------
    words
        The program and its arguments, as `restorer_command` takes them; raises as it does.
    context
        Where progress goes, and what cancels.
    """

    def __init__(self, words: tuple[str, ...], context: JobContext) -> None:
        self._command, self._context = restorer_command(words), context
        self._digest = command_digest(self._command)
        self._name = Path(self._command[0]).name

    def has_restored(self, facts: TakeFacts | None) -> bool:
        """Whether the frames of a take with these facts were restored by this command; no facts are of no take yet."""
        return facts is not None and facts.restored == self._digest

    def restore(self, plan: TakePlan, facts: TakeFacts) -> TakeFacts:
        """Restore the frames of a finished take, from where an earlier attempt stopped; returns its new facts.

        Raises SoliloquyError ``restorer_failed`` with the last words of the program, or if it didn't write the pictures
        that it should. Raises CancelledError, and the errors of ``core.files.written_beside``. The take then has the
        frames that it had before.
        """
        if facts.size is None or self.has_restored(facts):
            return facts
        drawn, count = plan.drawn(facts), facts.frame_count
        if frames_on_disk(drawn) < count:
            raise SoliloquyError(
                "frame_missing",
                f"Frames of take {plan.index} as they were drawn are missing.",
                "Render the take again.",
            )
        folder = make_folder(plan.folder / f"restored-{self._digest}")
        marks = synthetic_marks(version(), facts.job, plan.index, plan.seed)
        done = min(frames_on_disk(folder), count)
        with self._context.stage("restore", count, plan.index) as stage:
            stage.resume_at(done)
            for first in range(done, count, PIECE):
                self._restore_piece(drawn, folder, range(first, min(first + PIECE, count)), marks, stage)
        return plan.exchange(facts, folder, self._digest, png_size((folder / frame_name(0)).read_bytes()))

    def _restore_piece(self, drawn: Path, folder: Path, piece: range, marks: dict[str, str], stage: Stage) -> None:
        """Restore some frames into ``folder``, which has all earlier ones."""
        names = [frame_name(index) for index in piece]
        with _working_folder(folder.parent / "restoring") as (given, wanted):
            for name in names:
                shutil.copyfile(drawn / name, given / name)
            self._run(given, wanted, stage, piece.start)
            found = {path.name for path in wanted.glob("*.png")}
            if missing := [name for name in names if name not in found]:
                raise self._refused(f"gave no {missing[0]}")
            if len(found) > len(names):
                raise self._refused(f"gave {counted(len(found), 'picture')} for {counted(len(names), 'frame')}")
            for name in names:
                data = self._taken_over(name, (drawn / name).read_bytes(), (wanted / name).read_bytes(), marks)
                first = folder / frame_name(0)
                if first.is_file() and png_size(data) != png_size(first.read_bytes()):
                    raise self._refused(f"gave {name} another size than the frames before")
                write_bytes(folder / name, data)

    def _run(self, given: Path, wanted: Path, stage: Stage, done: int) -> None:
        """Run the program to its end; raises CancelledError, or SoliloquyError ``restorer_failed``."""
        guard = [sys.executable, "-s", "-m", f"{CORE.name}.runtime.guard", str(given.parent)]
        process = subprocess.Popen(
            guard + with_folders(self._command, given, wanted),
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **own_group(),
        )
        assert process.stdin is not None and process.stderr is not None
        log: deque[str] = deque(maxlen=_LINES)
        stream = process.stderr

        def read() -> None:
            with stream, suppress(OSError, ValueError):
                while line := stream.readline(_LINE):
                    log.append(line.decode("utf-8", "replace").rstrip())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(_LOOK_AGAIN)
                    break
                stage.step(done + sum(1 for _ in wanted.glob("*.png")))
        finally:
            process.stdin.close()  # the guard kills the program if it still runs
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
            end_group(process, force=True)
            reader.join(_GRACE)
        if status:
            words = last_words(list(log)).rstrip(".")
            raise self._refused(f"ended with exit status {status}" + (f": {words}" if words else ""))

    def _taken_over(self, name: str, drawn: bytes, restored: bytes, marks: dict[str, str]) -> bytes:
        """A restored frame as a PNG with our marks, and with the alpha of the drawn one if it has none of its own."""
        try:
            (height, width), shape = png_size(drawn), png_size(restored)
            times = shape[0] // height
            if shape != (times * height, times * width) or not 1 <= times <= MOST_TIMES:
                sizes = f"{shape[1]} × {shape[0]} pixels, not {width} × {height} or 2 to {MOST_TIMES} times that"
                raise self._refused(f"gave {name} a size of {sizes}")
            if colour_type(drawn) != _RGBA or colour_type(restored) in _WITH_ALPHA:
                return marked_again(restored, marks, shape)
            return encode_png(_with_alpha_of(drawn, restored, shape), marks)
        except (ValueError, cv2.error) as error:
            raise self._refused(f"gave a {name} that is no intact PNG") from error

    def _refused(self, what: str) -> SoliloquyError:
        hint = "The take keeps the frames that it had."
        return SoliloquyError("restorer_failed", f"The restorer {self._name} {what}.", hint)


def _with_alpha_of(drawn: bytes, restored: bytes, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 4) uint8 RGBA: the colours of one PNG, and the alpha of another, scaled to ``shape``."""
    colours = cv2.imdecode(np.frombuffer(restored, np.uint8), cv2.IMREAD_COLOR)
    whole = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_UNCHANGED)
    if colours is None or whole is None:
        raise ValueError("no picture")
    alpha = cv2.resize(whole[..., 3], shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.dstack([colours[..., ::-1], alpha])


@contextmanager
def _working_folder(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Two empty folders, for what the program gets and for what it makes. They are deleted afterwards."""
    try:
        delete_own(folder)  # of a job that was killed
        make_own(folder)
        given, wanted = folder / "in", folder / "out"
        given.mkdir()
        wanted.mkdir()
    except OSError as error:
        raise output_error(error, folder) from error
    try:
        yield given, wanted
    except OSError as error:
        raise output_error(error, folder) from error
    finally:
        with suppress(OSError):  # a file that another program still holds goes the next time
            delete_own(folder)
