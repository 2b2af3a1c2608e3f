"""A take on disk: where its files lie, and how it begins and ends.

``take.json`` is written last. A take that has it, and all files that it names, is finished and is not touched again.
"""

from __future__ import annotations

import dataclasses
import errno
import re
from dataclasses import dataclass
from pathlib import Path

from ..files import BESIDE_SUFFIX, make_folder, output_error
from ..phones.documents import PHONES_FILE
from ..wire.protocol import TakeReady
from ..wire.specs import Spec
from ..wire.take_file import TAKE_FILE, TakeFacts, finished_take

_FRAME = re.compile(r"[0-9]{6,}\.png")
"""Names of frames."""


@dataclass(frozen=True)
class TakePlan:
    """One take of a job: its number from 1, its seed, its specification, and its folder."""

    index: int
    seed: int
    spec: Spec
    folder: Path

    @property
    def frames(self) -> Path:
        """Folder of the frames."""
        return self.folder / "frames"

    @property
    def _set_aside(self) -> Path:
        """Folder of the frames as they were drawn, if restored ones have taken their place."""
        return self.folder / "frames-drawn"

    def drawn(self, facts: TakeFacts) -> Path:
        """Folder of the frames as they were drawn."""
        return self.frames if facts.restored is None else self._set_aside

    @property
    def motion(self) -> Path:
        """The motion file."""
        return self.folder / "motion.npz"

    @property
    def phones(self) -> Path:
        """The phones that are said."""
        return self.folder / PHONES_FILE

    @property
    def curves(self) -> Path:
        """The motion as Live Link Face curves."""
        return self.folder / "curves.csv"

    @property
    def curves_extracted(self) -> Path:
        """Curves read back from the frames."""
        return self.folder / "curves-extracted.csv"

    @property
    def motion_extracted(self) -> Path:
        """Motion read back from the frames."""
        return self.folder / "motion-extracted.npz"

    @property
    def contact(self) -> Path:
        """Sheet of small pictures."""
        return self.folder / "contact.png"

    def finished(self) -> TakeFacts | None:
        """The content of ``take.json`` if the take is finished, else None."""
        return finished_take(self.folder)

    def begin(self, *, pictures: bool) -> None:
        """Make the folders of an unfinished take, and remove what a killed job left half-written in them.

        A take whose files were deleted still has its ``take.json``. It is removed too, because it would make a take
        look finished while it is being made. Raises ValueError for a finished take, and as
        ``core.files.written_beside``.
        """
        if self.finished() is not None:
            raise ValueError(f"take {self.index} is finished")
        make_folder(self.frames if pictures else self.folder)
        try:
            self._remove_leftovers()
            (self.folder / TAKE_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise output_error(error, self.folder) from error

    def finish(self, facts: TakeFacts) -> TakeFacts:
        """Write ``take.json`` with the names of the files next to it. From now on the take is finished."""
        names = sorted(path.name for path in self.folder.iterdir() if path.is_file() and path.name != TAKE_FILE)
        facts = dataclasses.replace(facts, files=tuple(names))
        facts.write(self.folder)
        return facts

    def exchange(self, facts: TakeFacts, folder: Path, restored: str, size: tuple[int, int]) -> TakeFacts:
        """Put the restored frames in ``folder`` in place of the take's own; returns its new facts.

        ``restored`` stands for the command that restored them, ``size`` is their (height, width). If this is cut off,
        :meth:`settle` puts the drawn frames back.
        """
        try:
            if facts.restored is not None:
                facts = self.finish(dataclasses.replace(facts, restored=None))
                self.settle()
            self.frames.rename(self._set_aside)
            folder.rename(self.frames)
            for unfinished in self.folder.glob("restored-*"):  # by other commands
                _remove_frames(unfinished)
        except OSError as error:
            self.settle()
            raise output_error(error, self.frames) from error
        return self.finish(dataclasses.replace(facts, restored=restored, height=size[0], width=size[1]))

    def settle(self) -> None:
        """Put the frames back that were drawn, if an exchange of frames was cut off.

        Raises as ``core.files.written_beside``.
        """
        facts = self.finished()
        if not self._set_aside.is_dir() or (facts is not None and facts.restored is not None):
            return
        try:
            if self.frames.is_dir():
                _remove_frames(self.frames)
            self._set_aside.rename(self.frames)
        except OSError as error:
            raise output_error(error, self.frames) from error

    def event(self, identifier: str, facts: TakeFacts) -> TakeReady:
        """The protocol's announcement of this finished take to the request ``identifier``."""
        pictures = facts.size is not None
        return TakeReady(
            id=identifier,
            job=str(self.folder.parent),
            index=self.index,
            seed=self.seed,
            folder=str(self.folder),
            motion=str(self.motion),
            curves=str(self.curves),
            curves_extracted=str(self.curves_extracted) if self.curves_extracted.name in facts.files else None,
            frames=str(self.frames) if pictures else None,
            contact=str(self.contact) if self.contact.name in facts.files else None,
            frame_count=facts.frame_count,
            fps=facts.fps,
            width=facts.width,
            height=facts.height,
            start=facts.start,
            seconds=facts.seconds,
            temperament=facts.temperament,
        )

    def _remove_leftovers(self) -> None:
        """Delete what a killed writer left next to its place."""
        for folder in (self.folder, self.frames):
            for path in folder.glob(f".*{BESIDE_SUFFIX}*"):
                path.unlink(missing_ok=True)


def _remove_frames(folder: Path) -> None:
    """Delete a folder of frames, but only if it holds nothing else, and no link leads elsewhere. Raises OSError."""
    if folder.resolve() != folder.parent.resolve() / folder.name:
        raise NotADirectoryError(errno.ENOTDIR, "is a link", str(folder))
    for path in folder.iterdir():
        if _FRAME.fullmatch(path.name):
            path.unlink()
    folder.rmdir()
