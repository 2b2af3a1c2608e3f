"""A take on disk: where its files lie, and how it begins and ends.

``take.json`` is written last. A take that has it, and all files that it names, is finished and is not touched again.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from ..files import BESIDE_SUFFIX, make_folder, output_error
from ..phones.documents import PHONES_FILE
from ..wire.protocol import TakeReady
from ..wire.specs import Spec
from ..wire.take_file import TAKE_FILE, TakeFacts, finished_take


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
        )

    def _remove_leftovers(self) -> None:
        """Delete what a killed writer left next to its place."""
        for folder in (self.folder, self.frames):
            for path in folder.glob(f".*{BESIDE_SUFFIX}*"):
                path.unlink(missing_ok=True)
