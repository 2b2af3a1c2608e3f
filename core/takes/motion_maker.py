"""Makes the motion of a take: lips from the speech, everything else sampled, and what a resampled take keeps."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import BadInputError
from ..motion.channels import CHANNELS, FPS, GROUPS, LIP_COLUMNS, LIP_GROUPS, NONLIP_COLUMNS, TONGUE_GROUP
from ..motion.motion import Motion, group_indices
from ..motion.turning import TurningLimits
from ..phones.documents import PhoneDocument
from ..phones.tongue import tongue_of_segments
from ..plurals import counted
from ..portrait.portrait import Portrait
from ..prior.sampling import Sampling
from ..sound.speech import Speech
from ..wire.progress import JobContext, Stage
from ..wire.specs import Part, ResampleSpec
from .body import kept_body, new_body, with_body
from .job import Job
from .models import Models
from .mouth import Mouth, phones_of
from .take import TakePlan


@dataclass(frozen=True, eq=False)
class Kept:
    """The take that is kept in part, its channels (T, 59), and a mask (T, 59) bool that is True for what is kept.

    The take's tongue is kept where its lips are. Its breath stays, and its shoulders follow the new head.
    """

    take: Motion
    source: np.ndarray
    mask: np.ndarray


class MotionMaker:
    """Makes the motions of the takes of one job.

    Parameters
    ----------
    job, models, context
        The job, the networks, and where progress goes.
    speech
        The sound. All takes of the job share it, so what is said and the lips are computed once.
    portrait
        Gives the job's portrait; asked only if the job has pictures.
    """

    def __init__(
        self, job: Job, models: Models, context: JobContext, speech: Speech, portrait: Callable[[], Portrait]
    ) -> None:
        self._job, self._models, self._context, self._speech = job, models, context, speech
        self._portrait = portrait

    def make(self, plan: TakePlan, timings: dict[str, float]) -> Motion:
        """The motion of a planned take, whose phones are on disk afterwards. Seconds of the stages go into ``timings``.

        Raises BadInputError ``take_missing``, ``take_other_length`` or ``bad_setting`` if the take can't be kept in
        part as the plan says.
        """
        part = plan.spec.part if isinstance(plan.spec, ResampleSpec) else None
        kept = None if part is None else self._kept(part)
        self._load_models(timings)
        with self._context.stage("motion", len(self._speech), plan.index) as stage:
            motion = Motion.from_channels(self._channels(plan, part, kept, stage), FPS, self._tongue(kept))
            motion = with_body(motion, self._body(motion, plan, part, kept))
        timings["motion"] = stage.seconds
        preview = self._job.facts.settings.preview
        if preview is not None:
            motion = motion.slice(0, max(1, round(preview * FPS)))
        self._phones(part).of_length(len(motion) / FPS).write(plan.phones)
        return motion

    def _kept(self, part: Part) -> Kept:
        """What a resampled take keeps."""
        source = Motion.load(self._job.take(part.source_take).motion)
        frames = len(self._speech)
        if len(source) != frames:
            raise BadInputError("take_other_length", "That take is not as long as the sound.", "Choose another take.")
        return Kept(source, source.channels(), ~renewed(frames, part))

    def _load_models(self, timings: dict[str, float]) -> None:
        """Load the networks unless they are loaded already."""
        if not self._models.ready:
            with self._context.stage("models") as stage:
                self._models.load()
            timings["models"] = stage.seconds

    def _channels(self, plan: TakePlan, part: Part | None, kept: Kept | None, stage: Stage) -> np.ndarray:
        """(T, 59) channels: lips from the speech, the others sampled; what is kept stays bit for bit."""
        channels = np.empty((len(self._speech), len(CHANNELS)), dtype=np.float32)
        channels[:, LIP_COLUMNS] = self._mouth.channels(self._job.facts.settings.articulation)
        if kept is not None:
            np.copyto(channels, kept.source, where=kept.mask)
        stage.step(0)
        channels[:, NONLIP_COLUMNS] = self._models.prior.sample(
            self._speech.mel,
            [plan.seed],
            self._sampling(plan, part),
            keep=None if kept is None else kept.source[None, :, NONLIP_COLUMNS],
            keep_mask=None if kept is None else kept.mask[:, NONLIP_COLUMNS],
            progress=_in_frames(stage.step, len(self._speech)),
        )[0]
        return channels

    def _tongue(self, kept: Kept | None) -> np.ndarray:
        """(T, 2) weights of the tongue: from what is said, and kept where the lips are."""
        said, frames = self._mouth.document.segments, len(self._speech)
        tongue = tongue_of_segments(said, frames, self._job.facts.settings.articulation)
        if kept is None:
            return tongue
        return np.where(kept.mask[:, group_indices(TONGUE_GROUP)[:1]], kept.take.tongue, tongue)

    def _body(self, motion: Motion, plan: TakePlan, part: Part | None, kept: Kept | None) -> np.ndarray:
        """(T, 4) shoulders and breath. Frames that are kept keep theirs bit for bit."""
        strength, loop = self._job.facts.settings.body, self._sampling(plan, part).style.loop
        if part is None or kept is None:
            return new_body(motion, plan.seed, self._mouth.document, strength, loop)
        again = ~kept.mask[:, group_indices("head")].all(axis=1)
        return kept_body(kept.take, motion, strength, loop, _easing(again, part.transition))

    @functools.cached_property
    def _mouth(self) -> Mouth:
        transcript = self._job.facts.settings.transcript
        return Mouth(self._models.lips, self._speech, transcript, self._context.notice)

    @functools.cached_property
    def _turning(self) -> TurningLimits | None:
        """How far heads may turn: as far as the portrait allows in a job with pictures, else as far as they do.

        Motion alone is for rigs, which no photograph limits.
        """
        if self._job.facts.settings.motion_only:
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
        """How the prior samples the take."""
        settings = self._job.facts.settings
        own_style = plan.spec.style if isinstance(plan.spec, ResampleSpec) else None
        sampling = Sampling(
            guidance_scale=settings.guidance_scale,
            num_inference_steps=settings.num_inference_steps,
            style=settings.style if own_style is None else own_style,
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


def _in_frames(step: Callable[[int], None], frames: int) -> Callable[[int, int], None]:
    """A listener for progress in windows that passes it on in frames."""
    return lambda done, total: step(frames * done // total)
