"""Makes takes: motion, curves, frames, and the curves read back from the frames."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace

import numpy as np
import torch

from ..compute.devices import peak_memory
from ..errors import BadInputError, CancelledError, SoliloquyError
from ..motion.channels import FPS
from ..motion.live_link import write_live_link_csv
from ..motion.motion import Motion
from ..portrait.portrait import Portrait
from ..provenance import SYNTHETIC_MOTION
from ..runtime.memory import is_out_of_memory
from ..systems.frame_renderer import FrameRenderer
from ..wire.progress import JobContext
from ..wire.protocol import version
from ..wire.specs import LipsSpec, RenderSpec, source_take
from ..wire.take_file import TakeFacts
from ..wire.workload import Expected
from .extraction import ReadBack
from .frames import FrameWriter, frames_on_disk, synthetic_marks, write_contact_sheet
from .job import Job
from .job_file import DONE
from .models import Models
from .motion_maker import performer
from .restoring import Restorer
from .reuse import EqualFrames, Look, drawn_with
from .take import TakePlan

BATCH = 8
"""Frames rendered at once; halved when a GPU's memory runs out."""

Timings = dict[str, float]
"""Seconds of each stage of a take."""


class TakeMaker:
    """Makes the takes of one job, one after the other.

    Parameters
    ----------
    job, models, context
        The job, the networks, and where progress goes.
    new_motion
        Makes the motion of a take that has none yet, and adds the seconds of its stages to the given timings.
    portrait
        Gives the job's portrait; asked only for takes with pictures.
    extract
        Whether curves are read back from finished frames.
    restorer
        Program and arguments that restore finished frames (``core.wire.restorer``); none if it is empty. Raises as
        `restorer_command`.
    pictures
        Number of frames of each take with pictures. By default it follows from the job's sound and its settings.
    """

    def __init__(
        self,
        job: Job,
        models: Models,
        context: JobContext,
        new_motion: Callable[[TakePlan, Timings], Motion],
        portrait: Callable[[], Portrait],
        *,
        extract: bool,
        restorer: tuple[str, ...] = (),
        pictures: int | None = None,
    ) -> None:
        self._job, self._models, self._context = job, models, context
        self._new_motion, self._portrait = new_motion, portrait
        self._extract, self._pictures = extract, pictures
        self._restorer = Restorer(restorer, context) if restorer else None

    def make_all(self, plans: list[TakePlan]) -> None:
        """Make every planned take that isn't finished, restore its frames if that is wanted, and announce all takes.

        Raises the first error of the restorer, after all takes were made.
        """
        for plan in plans:
            plan.settle()
        self._context.expect(self._stages(plans))
        failure: SoliloquyError | None = None
        for plan in plans:
            facts = plan.finished()
            if facts is None:
                try:
                    facts = self.make(plan)
                except SoliloquyError as error:
                    self._job.mark(plan, error.code)
                    raise
            try:
                if self._restorer is not None and failure is None:
                    facts = self._restorer.restore(plan, facts)
            except SoliloquyError as error:
                failure = error
            self._context.emit(plan.event(self._context.identifier, facts))
            if isinstance(failure, CancelledError):
                break
        if failure is not None:
            raise failure

    def make(self, plan: TakePlan) -> TakeFacts:
        """Make one unfinished take, from where an earlier attempt stopped; returns the content of its ``take.json``."""
        plan.begin(pictures=self._has_pictures(plan))
        timings: Timings = {}
        motion = self._motion(plan, timings)
        write_live_link_csv(motion, plan.curves)
        audio = self._job.facts.audio
        persona, temperament = performer(self._job, plan)
        facts = TakeFacts(
            index=plan.index,
            seed=plan.seed,
            spec=plan.spec,
            job=self._job.facts.id,
            source=self._job.facts.settings.source,
            persona=persona,
            temperament=temperament,
            frame_count=len(motion),
            fps=FPS,
            start=audio.start,
            seconds=min(audio.seconds, len(motion) / FPS),
            device=self._models.device,
        )
        if self._has_pictures(plan):
            facts = self._with_pictures(plan, motion, facts, timings)
        timings = {stage: round(seconds, 3) for stage, seconds in timings.items()}
        self._job.mark(plan, DONE, timings)
        return plan.finish(replace(facts, timings=timings, memory=peak_memory(self._models.device)))

    def _stages(self, plans: list[TakePlan]) -> list[Expected]:
        """The stages of takes that are to be made or restored."""
        settings, frames = self._job.facts.settings, self._job.facts.audio.frames
        shown = frames if settings.preview is None else min(frames, max(1, round(settings.preview * FPS)))
        pictures = shown if self._pictures is None else self._pictures
        finished = {plan.index: facts for plan in plans if (facts := plan.finished()) is not None}
        unfinished = [plan for plan in plans if plan.index not in finished]
        made = [plan for plan in unfinished if not isinstance(plan.spec, RenderSpec) and not plan.motion.is_file()]
        samples = [plan for plan in made if not isinstance(plan.spec, LipsSpec)]
        stages = [Expected("models", None, 1)] if samples and not self._models.ready(settings.source) else []
        for plan in plans:
            facts = finished.get(plan.index)
            if plan in made:
                stages.append(Expected("motion", plan.index, frames))
            if facts is None and self._has_pictures(plan):
                stages.append(Expected("renderer", plan.index, 1))
                stages.append(Expected("frames", plan.index, pictures, _first_to_render(plan, pictures)))
                if self._extract:
                    stages.append(Expected("extract", plan.index, pictures))
            if self._restorer is not None and self._has_pictures(plan) and not self._restorer.has_restored(facts):
                stages.append(Expected("restore", plan.index, pictures))
        return stages

    def _has_pictures(self, plan: TakePlan) -> bool:
        return self._look(plan).size is not None

    def _look(self, plan: TakePlan) -> Look:
        """How a take's frames look: a render and a new mouth say it, otherwise the job's settings do."""
        if isinstance(plan.spec, (RenderSpec, LipsSpec)):
            return Look(plan.spec.size, plan.spec.framing, plan.spec.renderer, plan.spec.picture)
        settings = self._job.facts.settings
        size = None if settings.motion_only else settings.size
        return Look(size, settings.framing, settings.renderer, settings.picture)

    def _motion(self, plan: TakePlan, timings: Timings) -> Motion:
        """The take's motion, which is on disk afterwards."""
        if plan.motion.is_file():
            return Motion.load(plan.motion)  # complete: it is renamed into place only after a successful write
        motion = self._new_motion(plan, timings)
        motion.save(plan.motion, SYNTHETIC_MOTION)
        return motion

    def _with_pictures(self, plan: TakePlan, motion: Motion, facts: TakeFacts, timings: Timings) -> TakeFacts:
        """Make frames, curves read back from them, and the contact sheet; returns ``facts`` completed by the frames."""
        look = self._look(plan)
        assert look.size is not None and look.framing is not None and look.renderer is not None
        portrait = self._portrait()
        with self._context.stage("renderer", take=plan.index) as stage:
            # Returns at once if the last take had the same look.
            renderer = self._models.renderer(portrait, look.size, look.framing, look.renderer, look.picture)
        timings["renderer"] = stage.seconds
        look = look._replace(renderer=renderer.kind)
        marks = synthetic_marks(version(), self._job.facts.id, plan.index, plan.seed)
        drawn = drawn_with(self._models.device, renderer.kind)
        equal = EqualFrames(self._source(plan), motion, look, drawn, renderer.reach)
        begun = _first_to_render(plan, len(motion))
        with ReadBack(plan, portrait, renderer.framing, begun) if self._extract else nullcontext() as reading:
            self._write_frames(plan, motion, renderer, marks, equal, begun, reading, timings)
            if reading is not None:
                self._read_back(plan, len(motion), reading, timings)
        write_contact_sheet(plan.contact, plan.frames, len(motion), marks, renderer.framing.paste)
        height, width = renderer.frame_shape
        face = round(len(renderer.framing.crop) / renderer.framing.scale)
        return replace(facts, **look._asdict(), face=face, width=width, height=height, drawn_with=drawn)

    def _source(self, plan: TakePlan) -> TakePlan | None:
        """The take that a take was made from, or None."""
        index = source_take(plan.spec)
        try:
            return None if index is None else self._job.take(index)
        except BadInputError:  # job.json was damaged, and the take wasn't finished then
            return None

    def _write_frames(
        self,
        plan: TakePlan,
        motion: Motion,
        renderer: FrameRenderer,
        marks: dict[str, str],
        equal: EqualFrames,
        begun: int,
        reading: ReadBack | None,
        timings: Timings,
    ) -> None:
        """Render the frames from ``begun`` on, except those that the take's source has already."""
        rendered = copied = untold = 0
        differing = equal.differing(begun).tolist()
        with (
            self._context.stage("frames", len(motion), plan.index) as stage,
            FrameWriter(plan.frames, marks) as writer,
            closing(render_from(renderer, motion, differing)) as drawn,
        ):
            stage.resume_at(begun)
            for index in range(begun, len(motion)):
                differs = rendered < len(differing) and differing[rendered] == index
                png = None if differs else equal.picture(index, marks, renderer.frame_shape)
                if png is not None:
                    writer.put_png(index, png)
                    copied, untold = copied + 1, untold + 1
                else:
                    picture = next(drawn if differs else render_from(renderer, motion, [index]))
                    writer.put(index, picture)
                    rendered += differs
                if untold and (png is None or untold == BATCH or index == len(motion) - 1):
                    stage.skip(index + (png is not None), untold)
                    untold = 0
                if png is None:
                    stage.step(index + 1)
                if reading is not None:
                    reading.put(picture if png is None else png)
        if not begun and not copied:  # some of the frames don't tell how long all of them take
            timings["frames"] = stage.seconds

    def _read_back(self, plan: TakePlan, count: int, reading: ReadBack, timings: Timings) -> None:
        """Read curves back from the frames. Frames without a face are no error of the take; the user is told."""
        try:
            timings["extract"] = reading.finish(count, self._context)
        except SoliloquyError as error:
            if error.code != "extract_no_face":
                raise
            self._context.notice(f"Take {plan.index} has no curves from its frames: {error.message}")


def _first_to_render(plan: TakePlan, count: int) -> int:
    """The first of a take's ``count`` frames that isn't on disk; ``count`` if all are."""
    return min(frames_on_disk(plan.frames), count)


def render_from(renderer: FrameRenderer, motion: Motion, frames: Sequence[int]) -> Generator[np.ndarray, None, None]:
    """The pictures of the ``frames`` with these numbers. When GPU memory runs out, it continues with half the batch."""
    batch, done = BATCH, 0
    while done < len(frames):
        try:
            for picture in renderer.render(motion, batch, frames[done:]):
                yield picture
                done += 1
        except (RuntimeError, MemoryError) as error:
            if batch == 1 or not is_out_of_memory(error):
                raise
            batch //= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
