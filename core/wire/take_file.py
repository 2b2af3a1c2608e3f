"""``take.json``: a finished take, as the worker leaves it and Blender's side finds it. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BadInputError
from ..files import write_json
from ..inputs import InputKind, read_json
from ..schema import plain, read
from .names import frame_name
from .picture_size import FIT
from .specs import GenerateSpec, LipsSpec, RenderSpec, ResampleSpec, spec_of_format_1
from .systems import DIFFUSION

TAKE_FILE = "take.json"
TAKE = InputKind(
    noun="take",
    code="take",
    empty_code="take_unreadable",
    most_bytes=5_000_000,
    again="Make the take again.",
)
"""A take's file."""
FORMAT = 2
"""Version of ``take.json``. Format 1 is read too; it had the fields of the specification next to the others."""
_SPEC_FIELDS_OF_FORMAT_1 = ("source_take", "keep", "first_frame", "last_frame", "transition", "style", "motion_sha256")
_LOOK = ("size", "framing", "renderer")
"""Fields that a render's specification shared with the take's facts in format 1."""


@dataclass(frozen=True, kw_only=True)
class TakeFacts:
    """The content of ``take.json``. Keys of a newer version are kept.

    Attributes
    ----------
    index, seed, spec, job
        Which take it is: its number from 1, its seed, its specification, and the identifier of its job.
    source
        Name of the motion source of its job (``core.wire.systems``). Takes older than the choice have ``DIFFUSION``.
    persona, temperament
        Number of the persona that performs it, and what that persona is called; None for takes of a motion source that
        has no personas, and for takes older than personas.
    frame_count, fps
        Length of the motion, and of the frames if there are any; always 25 a second.
    start, seconds
        The part of the sound file that it covers.
    device, memory, timings
        Where it was made; most bytes that the process and the GPU held; seconds of each stage.
    size, framing, renderer, width, height, drawn_with
        Look and size in pixels of the frames, and a digest of the program and the weights that drew them; None for a
        take without frames.
    picture
        Which size of the frames was asked for (``core.wire.picture_size``). Takes older than the choice have ``FIT``.
    restored
        Digest of the command that restored the frames (``core.wire.restorer``); None for frames as they were drawn.
    face
        Pixels of the photograph along the side of its face square; None without frames, and in older takes.
    files
        Names of the files next to ``take.json``.
    """

    index: int
    seed: int
    spec: GenerateSpec | ResampleSpec | RenderSpec | LipsSpec
    job: str
    synthetic: bool = True
    source: str = DIFFUSION
    persona: int | None = None
    temperament: str | None = None
    frame_count: int
    fps: float
    start: float
    seconds: float
    device: str
    size: int | None = None
    framing: str | None = None
    renderer: str | None = None
    picture: int | str = FIT
    restored: str | None = None
    face: int | None = None
    width: int | None = None
    height: int | None = None
    drawn_with: str | None = None
    memory: dict[str, int | None] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> TakeFacts:
        """Those of the take in ``folder``.

        Raises BadInputError ``take_missing``, ``take_unreadable`` or ``take_too_large``.
        """
        fields = read_json(folder / TAKE_FILE, TAKE)
        try:
            version = fields.pop("format")
            if version not in (1, FORMAT):
                raise ValueError("it is of another version")
            return read(cls, fields if version == FORMAT else _of_format_1(fields))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadInputError) as error:
            raise TAKE.unreadable(folder / TAKE_FILE, f"can't be read: {error}") from error

    def write(self, folder: Path) -> None:
        """Write ``take.json``, whole or not at all; raises as `core.files.written_beside`."""
        write_json(folder / TAKE_FILE, {"format": FORMAT, **plain(self)})


def finished_take(folder: Path) -> TakeFacts | None:
    """The facts of the take in ``folder``; None unless its files and its first and last frame are on disk."""
    try:
        facts = TakeFacts.read(folder)
        files = [folder / name for name in facts.files]
        if facts.size is not None:
            files += [folder / "frames" / frame_name(index) for index in (0, facts.frame_count - 1)]
        return facts if all(path.is_file() for path in files) else None
    except (OSError, BadInputError):
        return None


def _of_format_1(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a ``take.json`` of format 1 as those of today."""
    of_spec = {name: fields[name] for name in (*_SPEC_FIELDS_OF_FORMAT_1, *_LOOK) if name in fields}
    others = {name: value for name, value in fields.items() if name not in ("kind", *_SPEC_FIELDS_OF_FORMAT_1)}
    return {**others, "spec": plain(spec_of_format_1(fields["kind"], of_spec))}
