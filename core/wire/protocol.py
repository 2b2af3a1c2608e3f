"""The messages between Blender (or another program) and the worker: one JSON object a line, UTF-8, both ways.

Standard library only. The dataclasses below are the schema. Their fields are the messages' keys, and their metadata
holds the limits; ``core.wire.lines`` checks both as it writes and reads messages. ``core.wire.client`` starts a worker
and talks to it, ``core.worker`` is the worker.

A conversation::

    worker → {"event": "hello", "protocol": 2, "version": "0.1.0", "device": "cpu", ...}
    client → {"request": "generate", "id": "1", "audio": "/a.wav", "portrait": "/p.jpg", "out": "/out", "takes": 2}
    worker → {"event": "progress", "id": "1", "stage": "frames", "done": 40, "total": 250, "eta": 11.5, "take": 1}
    worker → {"event": "take", "id": "1", "index": 1, "seed": 0, "folder": "/out/job/take-001", ...}
    client → {"request": "cancel", "id": "2", "job": "1"}
    worker → {"event": "error", "id": "1", "code": "cancelled", "message": "Cancelled.", "hint": "", "exit_code": 130}

A ``style`` is an object of settings, all of which may be left out. ``core.wire.style`` explains them::

    {"liveliness": 0.5, "head_amplitude": 1.2, "blink_rate": 20, "gaze_to_camera": 0.3, "start_pose": [0, 5, 0]}

Every request but ``shutdown`` is answered by exactly one ``done`` or ``error`` with its id. One job runs at a time, the
others wait. The worker acts on ``cancel`` and ``shutdown`` at any time. It ends when stdin closes.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import EXIT_FAILED, SoliloquyError
from ..motion.channels import GROUPS
from ..places import MANIFEST
from ..schema import setting
from .picture_size import CHOICES, LEAST_SIDE, MAX_SIDE, PHOTOGRAPH
from .style import MAX_SEED, PriorStyle
from .systems import HEAD_DETAILS, MAX_POSE_STYLE, MODEL, RENDERERS, SOURCES, names
from .workload import STAGES

PROTOCOL = 2
"""Version of the message schema; both sides must agree."""

_DEVICES = ("auto", "cpu", "cuda", "mps")
_FRAMINGS = ("portrait", "crop")
_RENDERERS = names(RENDERERS)
_SOURCES = names(SOURCES)
_GROUPS = tuple(GROUPS)
_RESTORER = "program that restores finished frames, then its arguments, with {in} and {out} for the folders; comes last"
FILMS = ("pose_video", "blink_video")
"""Settings that name a video; an empty name is none."""
_PICTURE: dict[str, Any] = {"low": LEAST_SIDE, "high": MAX_SIDE, "choices": CHOICES}
MAX_TAKES = 1000
MAX_SECONDS = 360_000.0
"""100 hours: longer than any sound."""


@functools.cache
def version() -> str:
    """The extension's version, from its manifest."""
    with MANIFEST.open("rb") as stream:
        return str(tomllib.load(stream)["version"])


# Requests ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Ask what this worker is and has. ``done.result``: the fields of ``core.wire.worker_facts.WorkerFacts``."""

    request: ClassVar[str] = "probe"
    self_test: str | None = setting(
        None, "folder in which a subfolder with a test take of one second is made; no test when left out"
    )
    device: str = setting("auto", "where the networks of the self-test run", choices=_DEVICES)


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Make takes of one speech for one portrait in ``out/<job>``. ``done.result``: job (folder), takes (indices).

    The same settings find the same job again. Its finished takes stay as they are, and the missing ones are made.
    """

    request: ClassVar[str] = "generate"
    audio: str = setting(text="sound file with the speech")
    portrait: str = setting(text="photograph or painting with one face")
    out: str = setting(text="folder that receives the job's folder")
    start: float = setting(0.0, "seconds of the sound to skip", low=0.0, high=MAX_SECONDS)
    duration: float | None = setting(None, "seconds to use; all of the sound when left out", low=0.0, high=MAX_SECONDS)
    takes: int = setting(1, "number of takes; take k uses seed + k − 1", low=1, high=MAX_TAKES)
    seed: int = setting(0, "seed of the first take", low=0, high=MAX_SEED)
    source: str = setting(_SOURCES[0], "where the motion comes from", choices=_SOURCES)
    pose_style: int = setting(0, "manner of the head's motion, if the source has several", low=0, high=MAX_POSE_STYLE)
    pose_video: str = setting("", "video of a person: the head moves as this person's head")
    blink_video: str = setting("", "video of a person: the lids blink as this person's lids")
    guidance_scale: float = setting(
        1.5, "how closely what is sampled follows the voice; 0 ignores it", low=0.0, high=20.0
    )
    num_inference_steps: int = setting(10, "sampler steps; with fewer the head moves less", low=1, high=1000)
    style: PriorStyle = setting(PriorStyle(), "how the head moves")  # noqa: RUF009 - frozen
    articulation: float = setting(1.0, "how far the mouth moves; 1 is as people do", low=0.5, high=1.5)
    transcript: str = setting("", "the words that are said; the lips are then shaped by them")
    body: float = setting(1.0, "how far shoulders and chest follow the head and breathe", low=0.0, high=2.0)
    size: int = setting(512, "pixels of the square in which the face is worked", low=128, high=1024)
    picture: int | str = setting(
        PHOTOGRAPH,
        "size of the frames: as the photograph, to fit the face square's scale, or pixels of the long side",
        **_PICTURE,
    )
    framing: str = setting("portrait", "whole photograph, or only the face square", choices=_FRAMINGS)
    renderer: str = setting(_RENDERERS[0], "what draws the frames", choices=_RENDERERS)
    motion_only: bool = setting(False, "motion and curves without frames")
    extract: bool = setting(True, "also read curves back from the finished frames")
    preview: float | None = setting(
        None, "make only this many seconds from the start, equal to those of the whole take", low=0.04, high=MAX_SECONDS
    )
    device: str = setting("auto", "where the networks run", choices=_DEVICES)
    restorer: tuple[str, ...] = setting((), _RESTORER)


@dataclass(frozen=True, kw_only=True)
class Resample:
    """Add takes with new seeds to a job, whole or in part. ``done.result``: job, takes.

    With ``take`` given, only the channel groups in ``renew`` are sampled again, and only in the frames from
    ``first_frame`` to ``last_frame``. Everything else stays bit for bit, and the new motion joins it smoothly. This
    gives a take another end, another middle (in-betweening), or one other group throughout (other blinks, for example).
    """

    request: ClassVar[str] = "resample"
    job: str = setting(text="folder of the job")
    takes: int = setting(1, "number of takes to add", low=1, high=MAX_TAKES)
    seed: int | None = setting(
        None, "seed of the first; the job's next unused seed when left out", low=0, high=MAX_SEED
    )
    take: int | None = setting(None, "take whose motion is kept in part", low=1)
    renew: tuple[str, ...] = setting((), "channel groups to sample again; all when left out", choices=_GROUPS)
    first_frame: int = setting(0, "first motion frame (25 a second, from 0) to sample again", low=0)
    last_frame: int | None = setting(None, "last motion frame to sample again; the end when left out", low=0)
    transition: int = setting(8, "motion frames over which new motion bends to meet the old", low=1, high=100)
    style: PriorStyle | None = setting(None, "how the head moves; as the job's when left out")  # noqa: RUF009
    device: str = setting("auto", "where the networks run", choices=_DEVICES)
    restorer: tuple[str, ...] = setting((), _RESTORER)


@dataclass(frozen=True, kw_only=True)
class Render:
    """Render a motion of a job as a new take. ``done.result``: job, takes.

    ``motion`` is a file: ``.npz``, or ``.csv`` with Live Link Face columns at 25 rows a second. Without it the take's
    own motion is rendered, which gives frames to a take made with ``motion_only``, or frames of another size.
    """

    request: ClassVar[str] = "render"
    job: str = setting(text="folder of the job")
    take: int = setting(1, "take to render", low=1)
    motion: str | None = setting(None, "edited motion to use instead of the take's own")
    size: int | None = setting(None, "pixels of the face square; the job's when left out", low=128, high=1024)
    picture: int | str | None = setting(None, "size of the frames; the job's when left out", **_PICTURE)
    framing: str | None = setting(None, "the job's when left out", choices=_FRAMINGS)
    renderer: str | None = setting(None, "the job's when left out", choices=_RENDERERS)
    extract: bool = setting(True, "also read curves back from the finished frames")
    device: str = setting("auto", "where the networks run", choices=_DEVICES)
    restorer: tuple[str, ...] = setting((), _RESTORER)


@dataclass(frozen=True, kw_only=True)
class UpdateLips:
    """Make the mouth of a take again, as a new take. ``done.result``: job, takes.

    All other channels stay bit for bit. The mouth is shaped by the phones in a file (``core.phones.documents``) or by
    the words of a transcript; without both by the take's own phones, with another articulation for example.
    """

    request: ClassVar[str] = "update_lips"
    job: str = setting(text="folder of the job")
    take: int = setting(1, "take whose mouth is made again", low=1)
    phones: str | None = setting(None, "file with the phones and their times, JSON or TSV")
    transcript: str | None = setting(None, "the words that are said; with an empty text the mouth follows the sound")
    articulation: float | None = setting(None, "how far the mouth moves; the take's when left out", low=0.5, high=1.5)
    device: str = setting("auto", "where the networks run", choices=_DEVICES)
    restorer: tuple[str, ...] = setting((), _RESTORER)


@dataclass(frozen=True, kw_only=True)
class Extract:
    """Read curves back from a take's frames into ``curves-extracted.csv``. ``done.result``: job, take, curves."""

    request: ClassVar[str] = "extract"
    job: str = setting(text="folder of the job")
    take: int = setting(1, "take to read", low=1)
    device: str = setting("auto", "where the networks run", choices=_DEVICES)


@dataclass(frozen=True, kw_only=True)
class Head:
    """Make the portrait's head for Blender in ``out``. ``done.result``: its files by their content (``HEAD_FILES``).

    ``mesh`` and ``texture`` are always there, the others as the head has them. Those of an earlier head in ``out`` go.
    """

    request: ClassVar[str] = "head"
    portrait: str = setting(text="photograph or painting with one face")
    out: str = setting(text="folder that receives head.npz, head.png and more pictures")
    detail: str = setting(MODEL, "how detailed the head is", choices=names(HEAD_DETAILS))
    texture_size: int | None = setting(
        None, "pixels of the square texture; left out: 1024, or 2048 for details neural and game", low=128, high=4096
    )
    device: str = setting("auto", "where the networks run", choices=_DEVICES)


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Stop a job that runs or waits. The job answers with the error ``cancelled``. ``done.result``: found (bool)."""

    request: ClassVar[str] = "cancel"
    job: str = setting(text="id of the request to stop")


@dataclass(frozen=True, kw_only=True)
class Shutdown:
    """End the worker and cancel the job that runs. There is no answer; stdout closes."""

    request: ClassVar[str] = "shutdown"


Request = Probe | Generate | Resample | Render | UpdateLips | Extract | Head | Cancel | Shutdown


# Events --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Hello:
    """First line of every worker."""

    event: ClassVar[str] = "hello"
    protocol: int
    version: str
    device: str
    device_name: str
    python: str
    torch: str
    pid: int


@dataclass(frozen=True, kw_only=True)
class Alive:
    """Sent every few seconds while a job runs. A worker that sends nothing is considered dead."""

    event: ClassVar[str] = "alive"
    id: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """``done`` of ``total`` steps of a stage (see ``STAGES``).

    ``share`` is the finished part of the whole job, 0 … 1, which never falls. ``eta`` is the job's seconds to the end;
    each is at most a fifth above the one before (``workload.TimeLeft``). Both are None as long as they aren't known.
    """

    event: ClassVar[str] = "progress"
    id: str
    stage: str
    done: int
    total: int
    eta: float | None = None
    share: float | None = None
    take: int | None = None

    @property
    def text(self) -> str:
        """Words for the user."""
        words = STAGES.get(self.stage, self.stage)
        return f"Take {self.take}: {words[0].lower()}{words[1:]}" if self.take else words


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something the user should know although the job goes on, for example that the sound is silent."""

    event: ClassVar[str] = "notice"
    id: str
    message: str


@dataclass(frozen=True, kw_only=True)
class TakeReady:
    """A take is finished on disk. Paths are absolute; those of pictures are None for a motion-only take.

    Motion and frames have ``frame_count`` entries at ``fps`` (25). Frames are named from ``<frames>/000001.png`` on.
    ``start``, ``seconds`` say which part of the sound it covers, ``temperament`` who its persona is, if any.
    """

    event: ClassVar[str] = "take"
    id: str
    job: str
    index: int
    seed: int
    folder: str
    motion: str
    curves: str
    curves_extracted: str | None
    frames: str | None
    contact: str | None
    frame_count: int
    fps: float
    width: int | None
    height: int | None
    start: float
    seconds: float
    temperament: str | None = None


@dataclass(frozen=True, kw_only=True)
class Done:
    """The request is fulfilled."""

    event: ClassVar[str] = "done"
    id: str
    result: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Error:
    """The request failed; ``id`` is None when the whole worker failed. ``exit_code`` is for the command line."""

    event: ClassVar[str] = "error"
    id: str | None
    code: str
    message: str
    hint: str = ""
    exit_code: int = EXIT_FAILED

    def exception(self) -> SoliloquyError:
        """The same as an exception to raise, with the same exit code."""
        raised = SoliloquyError(self.code, self.message, self.hint)
        raised.exit_code = self.exit_code
        return raised


Event = Hello | Alive | Progress | Notice | TakeReady | Done | Error


def error_event(identifier: str | None, error: SoliloquyError) -> Error:
    """The event that reports ``error``."""
    return Error(id=identifier, code=error.code, message=error.message, hint=error.hint, exit_code=error.exit_code)
