"""A job on disk.

::

    <out>/<job>/job.json             settings, hashes of audio, portrait and weights, device, every take with its status
    <out>/<job>/audio.wav            the part of the sound that is spoken, 16 bit
    <out>/<job>/portrait.<ending>    the portrait, byte for byte
    <out>/<job>/pose_video.npz, blink_video.npz    the motion of the films that are followed, if there are any
    <out>/<job>/take-001/frames/000001.png …  motion.npz  curves.csv  curves-extracted.csv  motion-extracted.npz
    <out>/<job>/take-001/contact.png  take.json

The name of a job ends in a hash of everything that its takes depend on. The same settings find the same job again, and
a killed job continues where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ..errors import BadInputError
from ..files import make_folder, output_error, try_lock, written_beside
from ..plurals import counted
from ..wire.specs import Spec
from ..wire.take_file import finished_take
from .job_file import DONE, JobFacts, JobSettings, TakeEntry
from .take import TakePlan

_NAME_LENGTH = 32
_IDENTITY_FORMAT = 1
"""Part of every identifier. It stays when the format of ``job.json`` changes, so that old jobs are found again."""


def job_identifier(
    version: str,
    settings: JobSettings,
    audio: str,
    portrait: str,
    weights: dict[str, str],
    films: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Twelve hexadecimal digits that stand for everything that a job's takes depend on.

    ``audio`` and ``portrait`` are the digests of these files, ``weights`` those of the networks, and ``films`` those of
    the films that are followed, by setting. They are no part of it where there are none, so older jobs keep their
    identifiers.
    """
    identity = {
        "format": _IDENTITY_FORMAT,
        "version": version,
        "settings": settings.identity(),
        "audio": audio,
        "portrait": portrait,
        "weights": weights,
    }
    if films:
        identity["films"] = dict(films)
    text = json.dumps(identity, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def job_name(audio: str, portrait: str, identifier: str) -> str:
    """Folder name that a person can tell from others and that every file system accepts."""

    def plain_name(path: str) -> str:
        letters = "".join(c if c.isalnum() else "_" for c in Path(path).stem)
        return letters[:_NAME_LENGTH].strip("_") or "job"

    return f"{plain_name(audio)}-{plain_name(portrait)}-{identifier}"


class Job:
    """The folder of a job; ``facts`` are the content of its ``job.json``."""

    def __init__(self, folder: Path, facts: JobFacts) -> None:
        self.folder = folder
        self.facts = facts

    @classmethod
    def create(cls, out: str | Path, name: str, facts: JobFacts) -> Job:
        """Make ``out/name``, or find it if the same job was begun before.

        Where ``job.json`` of the earlier job is damaged, its finished takes are listed again.

        Raises BadInputError ``output_unwritable`` or SoliloquyError ``disk_full`` before anything else is done.
        """
        folder = Path(out).absolute() / name
        try:
            made = not folder.exists()
        except OSError as error:  # a name that is too long
            raise output_error(error, folder) from error
        make_folder(folder)
        try:
            job = cls.open(folder)
        except BadInputError:
            job = cls(folder, replace(facts, takes=_finished_takes(folder, facts.id)))
        with contextlib.ExitStack() as unless_saved:
            if made:
                unless_saved.callback(_remove_if_empty, folder)
            job.save()
            unless_saved.pop_all()
        return job

    @classmethod
    def open(cls, folder: str | Path) -> Job:
        """Read a job's folder. Raises BadInputError ``job_missing`` or ``job_unreadable``."""
        folder = Path(folder).absolute()
        return cls(folder, JobFacts.read(folder))

    @property
    def portrait(self) -> Path:
        """The job's own copy of its portrait."""
        return self.folder / self.facts.portrait.file

    def save(self) -> None:
        """Write ``job.json``, whole or not at all."""
        self.facts.write(self.folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from working on this job. Raises BadInputError ``job_busy`` if one does already."""
        try:
            stream = (self.folder / ".lock").open("a+b")
        except OSError as error:
            raise output_error(error, self.folder) from error
        with stream:
            if not try_lock(stream.fileno()):
                raise BadInputError(
                    "job_busy", f"Another program is working on {self.folder}.", "Wait until it has finished."
                )
            self.facts = JobFacts.read(self.folder)  # another program may have added takes
            yield

    def take(self, index: int) -> TakePlan:
        """Take ``index``. Raises BadInputError ``take_missing``."""
        for entry in self.facts.takes:
            if entry.index == index:
                return self._plan(entry)
        raise BadInputError(
            "take_missing",
            f"The job {self.folder} has no take {index}.",
            f"It has {counted(len(self.facts.takes), 'take')}.",
        )

    def unfinished_seed(self, spec: Spec) -> int:
        """The smallest seed of an unfinished take with this specification, or one more than the largest seed in use."""
        takes = self.facts.takes
        begun = [entry.seed for entry in takes if entry.spec == spec and entry.status != DONE]
        return min(begun, default=max((entry.seed for entry in takes), default=-1) + 1)

    def plan(self, seed: int, spec: Spec, *, again: bool) -> TakePlan:
        """The take with this seed and specification: an unfinished one to continue, or a new one.

        With ``again`` a finished one is found too, so that a request that is repeated changes nothing.
        """
        for entry in self.facts.takes:
            if (entry.seed, entry.spec) == (seed, spec) and (again or entry.status != DONE):
                return self._plan(entry)
        index = max((entry.index for entry in self.facts.takes), default=0) + 1
        while take_folder(self.folder, index).exists():  # of a take that isn't listed, so nobody knows what it holds
            index += 1
        entry = TakeEntry(index=index, seed=seed, spec=spec)
        self.facts = replace(self.facts, takes=(*self.facts.takes, entry))
        self.save()
        return self._plan(entry)

    def mark(self, take: TakePlan, status: str, timings: dict[str, float] | None = None) -> None:
        """Note a take's status and the seconds that its stages took."""

        def marked(entry: TakeEntry) -> TakeEntry:
            if entry.index != take.index:
                return entry
            return replace(entry, status=status, timings=entry.timings if timings is None else timings)

        self.facts = replace(self.facts, takes=tuple(marked(entry) for entry in self.facts.takes))
        self.save()

    def copy_in(self, name: str, content: Path) -> None:
        """Copy a file into the job as ``name`` unless it is there already."""
        target = self.folder / name
        if not target.is_file():
            with written_beside(target) as beside, content.open("rb") as source, beside.open("wb") as stream:
                while block := source.read(1 << 20):
                    stream.write(block)

    def _plan(self, entry: TakeEntry) -> TakePlan:
        return TakePlan(entry.index, entry.seed, entry.spec, take_folder(self.folder, entry.index))


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder. If somebody else has put a file there meanwhile, it stays."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def take_folder(job: Path, index: int) -> Path:
    """Folder of take ``index`` (from 1) in a job's folder."""
    return job / f"take-{index:03d}"


def _finished_takes(folder: Path, identifier: str) -> tuple[TakeEntry, ...]:
    """The finished takes of the job ``identifier`` in its folder, as their own ``take.json`` describes them."""
    found = {}
    for path in folder.glob("take-*"):
        facts = finished_take(path)
        if facts is not None and facts.job == identifier and path == take_folder(folder, facts.index):
            entry = TakeEntry(index=facts.index, seed=facts.seed, spec=facts.spec, status=DONE, timings=facts.timings)
            found[facts.index] = entry
    return tuple(found[index] for index in sorted(found))
