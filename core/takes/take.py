"""A job and its takes on disk (design §8).

::

    <out>/<job>/job.json             settings, hashes of audio, portrait and weights, device, every take with its status
    <out>/<job>/audio.wav            the part of the sound that is spoken, 16 bit
    <out>/<job>/portrait.<ending>    the portrait, byte for byte
    <out>/<job>/take-001/frames/000001.png …  motion.npz  curves.csv  curves-extracted.csv  motion-extracted.npz
    <out>/<job>/take-001/contact.png  take.json

``take.json`` is written last: a take with it is finished and is never touched again. A job's name ends in a hash of
everything that its takes depend on, so the same settings find the same job, and a killed one goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInputError
from ..files import BESIDE_SUFFIX, make_folder, output_error, try_lock, write_json, written_beside
from ..wire.names import frame_name
from ..wire.protocol import TakeReady

JOB_FILE = "job.json"
TAKE_FILE = "take.json"
FORMAT = 1
_NAME_LENGTH = 32


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def job_identifier(identity: dict[str, Any]) -> str:
    """Twelve hexadecimal digits that stand for everything a job's takes depend on."""
    text = json.dumps({"format": FORMAT, **identity}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def job_name(audio: str, portrait: str, identifier: str) -> str:
    """Folder name that a person can tell from others and every file system accepts."""

    def plain(path: str) -> str:
        letters = "".join(c if c.isalnum() else "_" for c in Path(path).stem)
        return letters[:_NAME_LENGTH].strip("_") or "job"

    return f"{plain(audio)}-{plain(portrait)}-{identifier}"


@dataclass(frozen=True)
class TakePlan:
    """One take of a job: what it is to be (``spec``) and where it lies."""

    index: int
    kind: str
    seed: int
    spec: dict[str, Any]
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

    def finished(self) -> dict[str, Any] | None:
        """The content of ``take.json`` if the take is whole, else None."""
        try:
            data = json.loads((self.folder / TAKE_FILE).read_text(encoding="utf-8"))
            files = [self.folder / name for name in data["files"]]
            if data["size"] is not None:
                files += [self.frames / frame_name(i) for i in (0, data["frame_count"] - 1)]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return data if all(path.is_file() for path in files) else None

    def finish(self, data: dict[str, Any]) -> dict[str, Any]:
        """Write ``take.json`` with the names of the files beside it: from here on the take is finished."""
        names = sorted(path.name for path in self.folder.iterdir() if path.is_file() and path.name != TAKE_FILE)
        data = {"format": FORMAT, "index": self.index, "kind": self.kind, "seed": self.seed, **self.spec} | data
        data["files"] = names
        write_json(self.folder / TAKE_FILE, data)
        return data

    def remove_leftovers(self) -> None:
        """Delete what a killed writer left beside its place."""
        for folder in (self.folder, self.frames):
            for path in folder.glob(f".*{BESIDE_SUFFIX}*"):
                path.unlink(missing_ok=True)

    def event(self, identifier: str, data: dict[str, Any]) -> TakeReady:
        """The protocol's announcement of this finished take; ``data`` is what ``finished`` or ``finish`` returned."""
        pictures = data["size"] is not None
        there = set(data["files"])
        return TakeReady(
            id=identifier,
            job=str(self.folder.parent),
            index=self.index,
            seed=self.seed,
            folder=str(self.folder),
            motion=str(self.motion),
            curves=str(self.curves),
            curves_extracted=str(self.curves_extracted) if self.curves_extracted.name in there else None,
            frames=str(self.frames) if pictures else None,
            contact=str(self.contact) if self.contact.name in there else None,
            frame_count=data["frame_count"],
            fps=data["fps"],
            width=data["width"],
            height=data["height"],
            start=data["start"],
            seconds=data["seconds"],
        )


class Job:
    """A job's folder and its ``job.json``."""

    def __init__(self, folder: Path, data: dict[str, Any]) -> None:
        self.folder = folder
        self.data = data

    @classmethod
    def create(cls, out: str | Path, name: str, data: dict[str, Any]) -> Job:
        """Make ``out/name``, or find it where the same job was begun before.

        Raises BadInputError ``output_unwritable`` or SoliloquyError ``disk_full`` before anything else is done.
        """
        folder = Path(out).absolute() / name
        made = not folder.exists()
        make_folder(folder)
        try:
            job = cls.open(folder)
        except BadInputError:
            job = cls(folder, {"format": FORMAT, **data, "takes": []})
        try:
            job.save()
        except BaseException:
            if made:
                # What someone else has put there meanwhile stays; that is no reason to hide what went wrong.
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise
        return job

    @classmethod
    def open(cls, folder: str | Path) -> Job:
        """Read a job's folder. Raises BadInputError ``job_missing`` or ``job_unreadable``."""
        folder = Path(folder).absolute()
        path = folder / JOB_FILE
        if not path.is_file():
            raise BadInputError("job_missing", f"There is no job in {folder}.", "Choose a folder that holds job.json.")
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT or not isinstance(data["takes"], list) or not data["id"]:
                raise ValueError("it is of another version")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInputError(
                "job_unreadable", f"{path} can't be read: {error}.", "Generate the job anew."
            ) from error
        return cls(folder, data)

    @property
    def identifier(self) -> str:
        """The twelve digits of ``job_identifier``."""
        return str(self.data["id"])

    def save(self) -> None:
        """Write ``job.json``, whole or not at all."""
        write_json(self.folder / JOB_FILE, self.data)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from working on this job meanwhile; raises BadInputError ``job_busy`` where one does."""
        try:
            stream = (self.folder / ".lock").open("a+b")
        except OSError as error:
            raise output_error(error, self.folder) from error
        with stream:
            if not try_lock(stream.fileno()):
                raise BadInputError(
                    "job_busy", f"Another program is working on {self.folder}.", "Wait until it has finished."
                )
            self.data = Job.open(self.folder).data  # as the last one left it
            yield

    def take(self, index: int) -> TakePlan:
        """Take ``index``. Raises BadInputError ``take_missing``."""
        for entry in self.data["takes"]:
            if entry["index"] == index:
                return self._plan(entry)
        raise BadInputError(
            "take_missing", f"The job {self.folder} has no take {index}.", f"It has {len(self.data['takes'])} takes."
        )

    @property
    def portrait(self) -> Path:
        """The job's own copy of its portrait."""
        return self.folder / str(self.data["portrait"]["file"])

    def unfinished_seed(self, kind: str, spec: dict[str, Any]) -> int:
        """Smallest seed of an unfinished take of this kind and spec, or one more than the largest seed in use."""
        takes = self.data["takes"]
        begun = [e["seed"] for e in takes if (e["kind"], e["spec"]) == (kind, spec) and e["status"] != "done"]
        return min(begun, default=max((entry["seed"] for entry in takes), default=-1) + 1)

    def plan(self, kind: str, seed: int, spec: dict[str, Any], *, again: bool) -> TakePlan:
        """The take of this kind, seed and spec: an unfinished one to go on with, or a new one.

        With ``again`` a finished one is found too (so that the same job made twice stays as it is).
        """
        wanted = (kind, seed, spec)
        for entry in self.data["takes"]:
            if (entry["kind"], entry["seed"], entry["spec"]) == wanted and (again or entry["status"] != "done"):
                return self._plan(entry)
        index = max((entry["index"] for entry in self.data["takes"]), default=0) + 1
        entry = {"index": index, "kind": kind, "seed": seed, "spec": spec, "status": "begun", "timings": {}}
        self.data["takes"].append(entry)
        self.save()
        return self._plan(entry)

    def mark(self, take: TakePlan, status: str, timings: dict[str, float] | None = None) -> None:
        """Note a take's status and the seconds its stages took."""
        for entry in self.data["takes"]:
            if entry["index"] == take.index:
                entry["status"] = status
                if timings is not None:
                    entry["timings"] = {name: round(seconds, 3) for name, seconds in timings.items()}
        self.save()

    def copy_in(self, name: str, content: Path) -> None:
        """Copy a file into the job as ``name`` unless it is there."""
        target = self.folder / name
        if not target.is_file():
            with written_beside(target) as beside, content.open("rb") as source, beside.open("wb") as stream:
                while block := source.read(1 << 20):
                    stream.write(block)

    def _plan(self, entry: dict[str, Any]) -> TakePlan:
        folder = self.folder / f"take-{entry['index']:03d}"
        return TakePlan(entry["index"], entry["kind"], entry["seed"], entry["spec"], folder)


def make_take_folder(take: TakePlan, pictures: bool) -> None:
    """Create a take's folders and remove what a killed job left half-written in them."""
    make_folder(take.frames if pictures else take.folder)
    try:
        take.remove_leftovers()
        (take.folder / TAKE_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, take.folder) from error
