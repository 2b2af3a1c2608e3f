"""``job.json`` as data: the settings of a job, its inputs, and its takes.

Keys of a newer version of Soliloquy are kept: they come back when the file is written again. A file of format 1 can be
read and becomes one of format 2 the next time it is written.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BadInputError
from ..files import write_json
from ..inputs import InputKind, read_json
from ..schema import checked, plain, read
from ..wire.picture_size import FIT
from ..wire.protocol import MAX_SECONDS, Generate
from ..wire.specs import GenerateSpec, LipsSpec, RenderSpec, ResampleSpec, spec_of_format_1
from ..wire.style import PriorStyle
from ..wire.systems import DIFFUSION, WARP, pose_style_of

JOB_FILE = "job.json"
JOB = InputKind(
    noun="job",
    code="job",
    empty_code="job_unreadable",
    most_bytes=20_000_000,
    choose=f"Choose a folder that holds {JOB_FILE}.",
    again="Generate the job again.",
)
"""A job's file. An entry for a take has some hundred bytes."""
FORMAT = 2
BEGUN, DONE = "begun", "done"
"""Status of a take. A take that failed has the code of its error as its status."""


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """The settings of a request to generate that its takes depend on. ``core.wire.protocol.Generate`` explains them.

    A default is what jobs that are older than the setting were made with.
    """

    start: float
    duration: float | None
    seed: int
    source: str = DIFFUSION
    pose_style: int = 0
    guidance_scale: float
    num_inference_steps: int
    style: PriorStyle = PriorStyle()  # noqa: RUF009 - frozen
    articulation: float = 1.0
    transcript: str = ""
    body: float = 0.0
    size: int
    framing: str
    renderer: str = WARP
    picture: int | str = FIT
    motion_only: bool
    preview: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Generate) -> JobSettings:
        """The settings of a request. Spaces around its transcript don't count, nor does a pose style where the motion
        source has none."""
        values = {name: getattr(request, name) for name in SETTINGS} | {"transcript": request.transcript.strip()}
        return cls(**values | {"pose_style": pose_style_of(request.source, request.pose_style)})

    def identity(self) -> dict[str, Any]:
        """The plain values that a job's identifier depends on.

        Settings that came later are left out where they have their defaults, so that jobs that are older than a setting
        keep their identifiers.
        """
        values = plain(self)
        style = values["style"]
        values["style"] = {name: value for name, value in style.items() if _LATER_STYLE.get(name, ...) != value}
        return {name: value for name, value in values.items() if _LATER.get(name, ...) != value}


_LATER: dict[str, Any] = {
    "preview": None,
    "articulation": 1.0,
    "transcript": "",
    "body": 0.0,
    "picture": FIT,
    "source": DIFFUSION,
    "pose_style": 0,
}
"""Settings that came after the first jobs, with the values that the older jobs have."""
_LATER_STYLE: dict[str, Any] = {"poses": [], "emotions": [], "persona": None}
"""The same for the settings of a style."""
SETTINGS = tuple(spec.name for spec in dataclasses.fields(JobSettings) if spec.name != "more")
"""Names of the settings that a job shares with the request that began it."""


@dataclass(frozen=True, kw_only=True)
class AudioFacts:
    """The sound file of a job and the part of it that is spoken: seconds, and frames of 1/25 second."""

    path: str
    sha256: str
    start: float
    seconds: float
    frames: int
    silent: bool
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InputFacts:
    """A file that a job was given: its path, its digest, and the name of what the job's folder keeps of it: a copy of
    the portrait, the motion of a film that takes follow."""

    path: str
    sha256: str
    file: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TakeEntry:
    """A take of a job: its number from 1, seed and specification, how far it is, and seconds of its stages."""

    index: int
    seed: int
    spec: GenerateSpec | ResampleSpec | RenderSpec | LipsSpec
    status: str = BEGUN
    timings: dict[str, float] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobFacts:
    """The content of ``job.json``.

    Attributes
    ----------
    id
        Twelve hexadecimal digits by ``core.takes.job.job_identifier``.
    synthetic
        A sentence for people who open the file.
    version, weights, device
        Version of Soliloquy, SHA-256 of its weights, and the device that the job was begun on.
    settings, audio, portrait
        What was asked for.
    pose_video, blink_video
        The films whose head and whose lids the takes have, if they were asked for.
    takes
        Every take that was begun, in order.
    """

    id: str
    synthetic: str = "Every picture and curve in this folder is synthetic."
    version: str
    settings: JobSettings
    audio: AudioFacts
    portrait: InputFacts
    pose_video: InputFacts | None = None
    blink_video: InputFacts | None = None
    weights: dict[str, str]
    device: str
    takes: tuple[TakeEntry, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> JobFacts:
        """Those of the job in ``folder``.

        Raises BadInputError ``job_missing``, ``job_unreadable`` or ``job_too_large``.
        """
        fields = read_json(folder / JOB_FILE, JOB)
        try:
            version = fields.pop("format")
            if version not in (1, FORMAT):
                raise ValueError("it is of another version")
            facts = read(cls, fields if version == FORMAT else _of_format_1(fields))
            facts.check()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadInputError) as error:
            raise JOB.unreadable(folder / JOB_FILE, f"can't be read: {error}") from error
        return facts

    def check(self) -> None:
        """Raise ValueError or BadInputError ``bad_setting`` for values that no job has."""
        if not self.id:
            raise ValueError("it has no id")
        if self.portrait.file != Path(self.portrait.file).name:
            raise ValueError("its portrait is not in its folder")
        if any(film is not None and film.file != Path(film.file).name for film in (self.pose_video, self.blink_video)):
            raise ValueError("what was read from its video is not in its folder")
        if self.audio.frames < 1 or not 0 <= self.audio.start <= MAX_SECONDS:
            raise ValueError("its sound is no part of a file")
        settings = {name: getattr(self.settings, name) for name in SETTINGS}
        checked(Generate(audio="", portrait="", out="", **settings))

    def write(self, folder: Path) -> None:
        """Write ``job.json``, whole or not at all; raises as ``core.files.written_beside``. A job without films doesn't
        name any."""
        values = {name: value for name, value in plain(self).items() if value is not None}
        write_json(folder / JOB_FILE, {"format": FORMAT, **values})


def _of_format_1(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a ``job.json`` of format 1, whose takes have a ``kind`` and a flat ``spec``, as those of today."""
    return {**fields, "takes": [_take_of_format_1(entry) for entry in fields["takes"]]}


def _take_of_format_1(entry: dict[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in entry.items() if name not in ("kind", "spec")}
    return {**others, "spec": plain(spec_of_format_1(entry["kind"], entry["spec"]))}
