"""Makes the motion of a take with the job's motion source, and says what a resampled take keeps and who performs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from ..errors import BadInputError
from ..motion.channels import CHANNELS, FPS, GROUPS, LIP_GROUPS, TONGUE_GROUP
from ..motion.motion import Motion, group_indices
from ..motion.turning import TurningLimits
from ..phones.documents import PhoneDocument
from ..phones.tongue import tongue_of_segments
from ..plurals import counted
from ..portrait.portrait import Portrait
from ..prior.sampling import Sampling
from ..prior.told.personas import persona_levels, temperament_of
from ..sound.speech import Speech
from ..systems.emotional import with_emotion, without_emotion
from ..systems.motion_source import KeptTake, Wish
from ..systems.reference import Reference, with_reference
from ..systems.unheeded import unheeded
from ..wire.progress import JobContext, Stage
from ..wire.specs import Part, ResampleSpec, source_take
from ..wire.style import PriorStyle
from ..wire.systems import source_facts
from ..wire.take_file import TakeFacts
from .body import kept_body, new_body, with_body
from .films import reference_of
from .job import Job
from .models import Models
from .mouth import Mouth, phones_of
from .take import TakePlan


class MotionMaker:
    """Makes the motions of the takes of one job.

    Parameters
    ----------
    job, models, context
        The job, the networks, and where progress goes.
    speech
        The sound. All takes of the job share it, so what is said and the lips are computed once.
    portrait
        Gives the job's portrait; asked only if the job has pictures, or its motion source wants to see it.
    """

    def __init__(
        self, job: Job, models: Models, context: JobContext, speech: Speech, portrait: Callable[[], Portrait]
    ) -> None:
        self._job, self._models, self._context, self._speech = job, models, context, speech
        self._settings, self._portrait = job.facts.settings, portrait
        self._told: set[str] = set()

    def make(self, plan: TakePlan, timings: dict[str, float]) -> Motion:
        """The motion of a planned take, whose phones are on disk afterwards. Seconds of the stages go into ``timings``.

        Raises BadInputError ``take_missing``, ``take_other_length`` or ``bad_setting`` if the take can't be kept in
        part as the plan says.
        """
        part = plan.spec.part if isinstance(plan.spec, ResampleSpec) else None
        self._tell_unheeded(style_of(self._job, plan))
        kept = None if part is None else self._kept(part)
        self._load_models(timings)
        with self._context.stage("motion", len(self._speech), plan.index) as stage:
            motion = Motion.from_channels(self._channels(plan, part, kept, stage), FPS, self._tongue(kept))
            motion = with_body(motion, self._body(motion, plan, part, kept))
        timings["motion"] = stage.seconds
        preview = self._settings.preview
        if preview is not None:
            motion = motion.slice(0, max(1, round(preview * FPS)))
        self._phones(part).of_length(len(motion) / FPS).write(plan.phones)
        return motion

    def _kept(self, part: Part) -> KeptTake:
        """What a resampled take keeps."""
        source = Motion.load(self._job.take(part.source_take).motion)
        frames = len(self._speech)
        if len(source) != frames:
            raise BadInputError("take_other_length", "That take is not as long as the sound.", "Choose another take.")
        return KeptTake(source, ~renewed(frames, part))

    def _tell_unheeded(self, style: PriorStyle) -> None:
        """Tell once which settings the motion source can't honour."""
        settings = self._settings
        names = ("guidance_scale", "num_inference_steps")
        own = {"liveliness": style.liveliness, "persona": style.persona}
        values = {name: getattr(settings, name) for name in names} | own
        sentence = unheeded(settings.source, values)
        if sentence and sentence not in self._told:
            self._told.add(sentence)
            self._context.notice(sentence)

    def _load_models(self, timings: dict[str, float]) -> None:
        """Load the networks unless they are loaded already."""
        if not self._models.ready(self._settings.source):
            with self._context.stage("models") as stage:
                self._models.load(self._settings.source)
            timings["models"] = stage.seconds

    def _channels(self, plan: TakePlan, part: Part | None, kept: KeptTake | None, stage: Stage) -> np.ndarray:
        """(T, 59) channels from the job's motion source; what is kept stays bit for bit."""
        articulation = self._settings.articulation
        wish = Wish(
            speech=self._speech,
            seed=plan.seed,
            sampling=self._sampling(plan, part),
            lips=lambda: self._mouth.channels(articulation),
            heard_lips=lambda: self._mouth.as_heard,
            spoken=lambda: self._mouth.spoken,
            reference=lambda: self._portrait().expression,
            articulation=articulation,
            pose_style=self._settings.pose_style,
            kept=kept,
        )
        plain = without_emotion(wish)
        made = self._models.source(self._settings.source).channels(plain, stage.step)
        return with_emotion(with_reference(made, plain, self._reference), wish)

    @functools.cached_property
    def _reference(self) -> Reference:
        return reference_of(self._job)

    def _tongue(self, kept: KeptTake | None) -> np.ndarray:
        """(T, 2) weights of the tongue: from what is said, and kept where the lips are."""
        said, frames = self._mouth.document.segments, len(self._speech)
        tongue = tongue_of_segments(said, frames, self._settings.articulation)
        if kept is None:
            return tongue
        return np.where(kept.mask[:, group_indices(TONGUE_GROUP)[:1]], kept.take.tongue, tongue)

    def _body(self, motion: Motion, plan: TakePlan, part: Part | None, kept: KeptTake | None) -> np.ndarray:
        """(T, 4) shoulders and breath. Frames that are kept keep theirs bit for bit."""
        strength, loop = self._settings.body, style_of(self._job, plan).loop
        if part is None or kept is None:
            return new_body(motion, plan.seed, self._mouth.document, strength, loop)
        again = ~kept.mask[:, group_indices("head")].all(axis=1)
        return kept_body(kept.take, motion, strength, loop, _easing(again, part.transition))

    @functools.cached_property
    def _mouth(self) -> Mouth:
        transcript = self._settings.transcript
        return Mouth(self._models.lips, self._speech, transcript, self._context.notice)

    @functools.cached_property
    def _turning(self) -> TurningLimits | None:
        """How far heads may turn: as far as the portrait allows in a job with pictures, else as far as they do.

        Motion alone is for rigs, which no photograph limits.
        """
        if self._settings.motion_only:
            return None
        return self._models.turning(self._portrait())

    def _phones(self, part: Part | None) -> PhoneDocument:
        """What is said in a take: as in the sound, or where the mouth is kept, as in the take that it is kept from."""
        said = self._mouth.document
        source = None if part is None else phones_of(self._job.take(part.source_take))
        if part is None or source is None:
            return said
        if not set(LIP_GROUPS) & set(part.renew):
            return source
        last = len(self._speech) if part.last_frame is None else part.last_frame + 1
        return source.with_part(said, part.first_frame / FPS, last / FPS)

    def _sampling(self, plan: TakePlan, part: Part | None) -> Sampling:
        """How the take is sampled, by its own persona."""
        style = style_of(self._job, plan)
        sampling = Sampling(
            guidance_scale=self._settings.guidance_scale,
            num_inference_steps=self._settings.num_inference_steps,
            style=style,
            levels=persona_levels(style.liveliness, persona_of(self._job, plan)),
            turning=self._turning,
        )
        return sampling if part is None else dataclasses.replace(sampling, transition=part.transition)


def renewed(frames: int, part: Part) -> np.ndarray:
    """(T, 59) bool: True where a take is sampled again: some groups, and only in a range of frames.

    Raises BadInputError ``bad_setting`` for a range that isn't within the take's ``frames``.
    """
    last = frames - 1 if part.last_frame is None else part.last_frame
    if not part.first_frame <= last < frames:
        raise BadInputError(
            "bad_setting",
            f"Frames {part.first_frame} to {last} are no part of a take with {counted(frames, 'frame')}.",
            f"Choose a range within 0 to {frames - 1}.",
        )
    names = {name for group in part.renew for name in GROUPS[group]}
    mask = np.zeros((frames, len(CHANNELS)), dtype=bool)
    mask[part.first_frame : last + 1] = [name in names for name in CHANNELS]
    return mask


def _easing(again: np.ndarray, transition: int) -> np.ndarray:
    """(T,) 0–1: how far frames may change. It is 0 outside of what is sampled ``again`` (T,) bool, and falls toward an
    end of it after which the old take goes on."""
    share = again.astype(float)
    last = len(again) - int(again[::-1].argmax())
    if again.any() and last < len(again):
        share *= np.clip((last - np.arange(len(again))) / (transition + 1), 0.0, 1.0)
    return share


def style_of(job: Job, plan: TakePlan) -> PriorStyle:
    """The style of a take: its own, or the job's."""
    own = plan.spec.style if isinstance(plan.spec, ResampleSpec) else None
    return job.facts.settings.style if own is None else own


def persona_of(job: Job, plan: TakePlan) -> int:
    """Number of the persona that performs a take whose motion is sampled.

    It is the one that the style asks for; else that of the take which is kept in part, so that nobody else goes on in
    the middle of it; else the take's own, by its seed. Raises BadInputError ``take_missing``.
    """
    wanted = style_of(job, plan).persona
    if wanted is not None:
        return wanted
    before = _facts_of_source(job, plan)
    return plan.seed if before is None or before.persona is None else before.persona


def performer(job: Job, plan: TakePlan) -> tuple[int | None, str | None]:
    """Number and name of the persona that ``take.json`` tells of a take; None if there is none.

    A take with new frames or a new mouth has the persona of the take that it is made from. Raises as `persona_of`.
    """
    if "persona" in source_facts(job.facts.settings.source).unheeded:
        return None, None
    if source_take(plan.spec) is not None and not isinstance(plan.spec, ResampleSpec):
        before = _facts_of_source(job, plan)
        return (None, None) if before is None else (before.persona, before.temperament)
    persona = persona_of(job, plan)
    return persona, temperament_of(persona_levels(style_of(job, plan).liveliness, persona))


def _facts_of_source(job: Job, plan: TakePlan) -> TakeFacts | None:
    """What ``take.json`` tells of the take that a take is made from; None without one."""
    index = source_take(plan.spec)
    return None if index is None else job.take(index).finished()
