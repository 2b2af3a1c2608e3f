"""What a take is made of besides its job and its seed. Standard library only.

A take is generated, resampled from the job (whole, or a part of another take), rendered from a given motion, or made
from another take with a new mouth. The files ``job.json`` and ``take.json`` hold its specification. Two takes of a job
are the same take if both their seed and their specification are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..motion.channels import GROUPS
from ..schema import read
from .picture_size import FIT
from .style import PriorStyle
from .systems import WARP

_FIRST_TRANSITION = 8
"""Transition of takes that are older than the choice."""


@dataclass(frozen=True, kw_only=True)
class GenerateSpec:
    """A take as the job's settings describe it."""

    kind: ClassVar[str] = "generate"
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of a take that is sampled again; the rest of that take stays.

    Attributes
    ----------
    source_take
        Index of the take that is kept in part.
    renew
        Channel groups that are sampled again. Unlike in a request, no group means none.
    first_frame, last_frame
        Motion frames, both included, in which they are sampled again; to the end if ``last_frame`` is None.
    transition
        Motion frames over which the new motion bends to meet the old.
    """

    source_take: int
    renew: tuple[str, ...]
    first_frame: int
    last_frame: int | None
    transition: int
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResampleSpec:
    """A take that is sampled again: all of it, or a ``part``. ``style`` is the job's if it is None."""

    kind: ClassVar[str] = "resample"
    part: Part | None = None
    style: PriorStyle | None = None
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RenderSpec:
    """Frames of a given motion: of the motion of ``source_take``, or an edited one in its place.

    ``motion_sha256`` is the digest of the motion's file. ``size`` is in pixels of the face square, ``picture`` that of
    the frames (``core.wire.picture_size``).
    """

    kind: ClassVar[str] = "render"
    source_take: int
    motion_sha256: str
    size: int
    framing: str
    renderer: str = WARP  # takes older than the choice don't name it
    picture: int | str = FIT  # the same
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LipsSpec:
    """The take ``source_take`` with a mouth that is made again, and all else as it is.

    Attributes
    ----------
    phones_sha256
        Digest of the phones that shape the mouth (``PhoneDocument.digest``).
    way
        How they shape it: only where they differ from the source's phones ("corrected"), or everywhere: as a job of
        the same sound and transcript has it ("heard"), or by the phones alone ("known").
    articulation
        How far the mouth moves.
    size, framing, renderer, picture
        Look of the source's frames; a size of None where it has none.
    """

    kind: ClassVar[str] = "lips"
    source_take: int
    phones_sha256: str
    way: str
    articulation: float
    size: int | None = None
    framing: str | None = None
    renderer: str | None = None
    picture: int | str = FIT
    more: dict[str, Any] = field(default_factory=dict)


Spec = GenerateSpec | ResampleSpec | RenderSpec | LipsSpec


def source_take(spec: Spec) -> int | None:
    """Index of the take that a take is made from, or None."""
    if isinstance(spec, ResampleSpec):
        return None if spec.part is None else spec.part.source_take
    return spec.source_take if isinstance(spec, (RenderSpec, LipsSpec)) else None


def in_order(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Channel groups in the order of ``GROUPS``, each once."""
    return tuple(group for group in GROUPS if group in groups)


def spec_of_format_1(kind: str, fields: dict[str, Any]) -> Spec:
    """The specification that a file of format 1 describes by its ``kind`` and its ``fields``.

    Format 1 named the groups that are kept (``keep``) instead of those that are sampled again, and had the fields of a
    part next to the style. Raises BadInputError ``bad_setting`` as `core.schema.read`, and ValueError for another kind.
    """
    if kind == GenerateSpec.kind:
        return GenerateSpec()
    if kind == RenderSpec.kind:
        return read(RenderSpec, fields)
    if kind != ResampleSpec.kind:
        raise ValueError(f"“{kind}” is no kind of take")
    part = None
    if "source_take" in fields:
        renew = [group for group in GROUPS if group not in fields.get("keep", [])]
        names = ("source_take", "first_frame", "last_frame", "transition")
        part = {"renew": renew, "transition": _FIRST_TRANSITION}
        part |= {name: fields[name] for name in names if name in fields}
    return read(ResampleSpec, {"part": part, "style": fields.get("style")})
