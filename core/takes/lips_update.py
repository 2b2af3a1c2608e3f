"""A take with a new mouth: which phones shape it, in which way, and the motion that this gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import BadInputError
from ..motion.channels import FPS, LIP_COLUMNS, LIP_GROUPS, MOUTH_COLUMNS
from ..motion.motion import Motion
from ..phones.documents import EDITED, HEARD, PhoneDocument, read_phones
from ..phones.tongue import tongue_of_segments
from ..phones.transcripts import checked_transcript
from ..sound.lips import Heard, LipModel
from ..systems.emotional import Emotional
from ..wire.protocol import UpdateLips
from ..wire.specs import LipsSpec, RenderSpec, ResampleSpec
from ..wire.style import PriorStyle
from ..wire.take_file import TakeFacts
from .job import Job
from .mouth import Mouth, corrected_mouth, mouth_of_phones, phones_of
from .take import TakePlan

CORRECTED, AS_HEARD, BY_PHONES = "corrected", "heard", "known"
"""Ways of :class:`core.wire.specs.LipsSpec`."""


@dataclass(frozen=True)
class LipsUpdate:
    """What a request to update lips comes to: the new take's phones and specification, the source's phones, and the
    emotions with which its mouth speaks."""

    spec: LipsSpec
    document: PhoneDocument
    before: PhoneDocument
    transcript: str
    mouth: Callable[[str], Mouth]
    emotional: Emotional

    def motion(self, source: Motion, lips: LipModel) -> Motion:
        """``source`` with the new mouth and tongue; all other channels stay bit for bit."""
        table = source.table()
        old, articulation = table[:, MOUTH_COLUMNS], self.spec.articulation
        if self.spec.way == AS_HEARD:
            made = self.mouth(self.transcript).channels(articulation)[: len(old)]
        else:
            made = mouth_of_phones(lips, self.document, len(old), articulation, self._heard())
        made = _with_tongue(self._with_emotion(made, source), self.document, articulation)
        new = np.concatenate([made, old[len(made) :]])
        if self.spec.way == CORRECTED:
            new = corrected_mouth(old, new, self.before, self.document)
        table[:, MOUTH_COLUMNS] = new
        return Motion.from_table(table, source.fps, source.body)

    def _with_emotion(self, lips: np.ndarray, source: Motion) -> np.ndarray:
        """Lips and jaw (n, 27) of the first frames, as they are made, with the emotions of the take."""
        channels = source.channels()[: len(lips)]
        channels[:, LIP_COLUMNS] = lips
        return self.emotional.apply(channels)[:, LIP_COLUMNS]

    def _heard(self) -> Heard | None:
        """What is heard in the job's sound; None if its file is gone."""
        try:
            return self.mouth(self.transcript).heard
        except BadInputError:
            return None


def _with_tongue(lips: np.ndarray, document: PhoneDocument, articulation: float) -> np.ndarray:
    """(T, 29) lips and jaw (T, 27) with the tongue of their phones, in the order of ``MOUTH_COLUMNS``."""
    return np.concatenate([lips, tongue_of_segments(document.segments, len(lips), articulation)], axis=1)


def lips_update(
    request: UpdateLips, job: Job, source: TakePlan, motion: Motion, mouth: Callable[[str], Mouth]
) -> LipsUpdate:
    """What ``request`` means for the take ``source`` with its ``motion``.

    - A transcript makes the whole mouth again, as a job with this transcript has it.
    - Phones in a file make the mouth again where they differ from the take's own. Elsewhere it stays bit for bit.
    - Another articulation makes the whole mouth again: from the sound if the take's own phones were heard in it and no
      others are given, otherwise from the phones.

    Parameters
    ----------
    mouth
        Gives the mouth of the job's sound for a transcript. Without the sound, the manner of speaking is as usual.

    Raises
    ------
    BadInputError
        ``bad_setting`` if phones and a transcript are given; the errors of `read_phones`, and those of ``mouth``.
    """
    if request.phones is not None and request.transcript is not None:
        raise BadInputError("bad_setting", "Phones and a transcript can't both shape the mouth.", "Give one of them.")
    seconds = len(motion) / FPS
    same, transcript = articulation_of(job, source), ""
    articulation = same if request.articulation is None else request.articulation
    before = phones_of(source)
    if before is None:
        before = mouth("").document.of_length(seconds)
    if request.transcript is not None:
        transcript = checked_transcript(request.transcript)
        document, way = mouth(transcript).document.of_length(seconds), AS_HEARD
    else:
        given = before if request.phones is None else read_phones(request.phones)
        document = _edited(given.of_length(seconds), before)
        if articulation == same:
            way = CORRECTED
        else:
            way = AS_HEARD if document.source == HEARD else BY_PHONES
    spec = _spec(request, source, document, way, articulation)
    emotional = Emotional(style_of(job, source), job.facts.audio.frames)
    return LipsUpdate(spec, document, before, transcript, mouth, emotional)


def articulation_of(job: Job, take: TakePlan) -> float:
    """How far the mouth of a take was told to move."""
    for made in _mouths(job, take):
        if isinstance(made.spec, LipsSpec):
            return made.spec.articulation
    return job.facts.settings.articulation


def style_of(job: Job, take: TakePlan) -> PriorStyle:
    """The style in which the mouth of a take was sampled."""
    *_, first = _mouths(job, take)
    own = first.spec.style if isinstance(first.spec, ResampleSpec) else None
    return job.facts.settings.style if own is None else own


def _mouths(job: Job, take: TakePlan) -> Iterator[TakePlan]:
    """The take, then those that its mouth comes from, up to the one whose mouth was sampled."""
    for _ in job.facts.takes:  # a damaged job.json could name takes in a circle
        yield take
        spec = take.spec
        part = spec.part if isinstance(spec, ResampleSpec) else None
        if isinstance(spec, (RenderSpec, LipsSpec)):
            take = job.take(spec.source_take)
        elif part is not None and not set(LIP_GROUPS) & set(part.renew):
            take = job.take(part.source_take)
        else:
            return


def _edited(given: PhoneDocument, before: PhoneDocument) -> PhoneDocument:
    """``given`` with the source of ``before`` if its phones are the same, otherwise as the work of an artist."""
    source = before.source if given.digest() == before.digest() else EDITED
    return PhoneDocument(source, given.seconds, given.segments)


def _spec(request: UpdateLips, source: TakePlan, document: PhoneDocument, way: str, articulation: float) -> LipsSpec:
    try:
        facts = TakeFacts.read(source.folder)
    except BadInputError:
        raise BadInputError(
            "take_missing", f"Take {request.take} isn't finished.", "Make it to its end first."
        ) from None
    return LipsSpec(
        source_take=request.take,
        phones_sha256=document.digest(),
        way=way,
        articulation=articulation,
        size=facts.size,
        framing=facts.framing,
        renderer=facts.renderer,
        picture=facts.picture,
    )
