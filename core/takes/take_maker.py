"""Makes one take: motion from speech, curves, frames, and the curves read back from the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from ..compute.devices import is_out_of_memory, peak_memory
from ..errors import BadInputError, SoliloquyError
from ..motion.channels import CHANNELS, FPS, GROUPS, LIP_COLUMNS, NONLIP_COLUMNS
from ..motion.live_link import write_live_link_csv
from ..motion.motion import Motion
from ..prior.sampling import Sampling
from ..prior.windows import SEAM_FRAMES
from ..readback.extract import extract
from ..renderer.framing import Framing
from ..schema import build
from ..sound.speech import Speech
from ..wire.progress import JobContext
from ..wire.protocol import version
from ..wire.style import PriorStyle
from .frames import FrameWriter, frames_on_disk, read_frames, synthetic_marks, write_contact_sheet
from .models import Models
from .take import Job, TakePlan, make_take_folder

BATCH = 8
"""Frames rendered at once; halved when a GPU's memory runs out."""


class TakeMaker:
    """Makes the takes of one job, one after the other.

    Parameters
    ----------
    job, models, context
        The job, the networks, and where progress goes.
    read_back
        Whether curves are read back from finished frames.
    speech
        The sound; None where every take brings its own motion.
    """

    def __init__(
        self, job: Job, models: Models, context: JobContext, *, read_back: bool, speech: Speech | None = None
    ) -> None:
        self._job, self._models, self._context = job, models, context
        self._read_back, self._speech = read_back, speech

    def make_all(self, plans: list[TakePlan]) -> None:
        """Make every planned take that isn't finished, and announce all of them."""
        if not all(plan.finished() for plan in plans):
            frames = self._job.data["audio"]["frames"]
            shown = self._job.data["settings"].get("preview")
            pictures = frames if shown is None else min(frames, round(shown * FPS))
            ahead: list[tuple[str, int | None, int]] = [] if self._models.ready else [("models", None, 1)]
            for plan in plans:
                stages = ["motion", "renderer", "frames", "extract"] if self._has_pictures(plan) else ["motion"]
                ahead += [
                    (s, plan.index, {"renderer": 1, "motion": frames}.get(s, pictures))
                    for s in stages
                    if self._read_back or s != "extract"
                ]
            self._context.expect(ahead)
        for plan in plans:
            data = plan.finished()
            if data is None:
                try:
                    data = self.make(plan)
                except SoliloquyError as error:
                    self._job.mark(plan, error.code)
                    raise
            self._context.emit(plan.event(self._context.identifier, data))

    def make(self, plan: TakePlan) -> dict[str, Any]:
        """Make one take, going on where an earlier attempt stopped; returns the content of its ``take.json``."""
        job = self._job
        make_take_folder(plan, self._has_pictures(plan))
        timings: dict[str, float] = {}
        if plan.motion.is_file():
            motion = Motion.load(plan.motion)  # whole, or it would not have its name
        else:
            motion = self._sample(plan, timings)
            motion.save(plan.motion)
        write_live_link_csv(motion, plan.curves)
        facts: dict[str, Any] = {
            "job": job.identifier,
            "synthetic": True,
            "frame_count": len(motion),
            "fps": FPS,
            "start": job.data["audio"]["start"],
            "seconds": min(job.data["audio"]["seconds"], len(motion) / FPS),
            "device": self._models.device,
            **dict.fromkeys(("size", "framing", "renderer", "width", "height")),
        }
        if self._has_pictures(plan):
            facts |= self._pictures(plan, motion, timings)
        job.mark(plan, "done", timings)
        facts["memory"] = peak_memory(self._models.device)
        return plan.finish({**facts, "timings": {name: round(value, 3) for name, value in timings.items()}})

    def read_back(self, plan: TakePlan, count: int, portrait: Any, renderer: Any) -> float:
        """Recover motion and curves from a take's ``count`` frames; returns the seconds it took."""
        with self._context.stage("extract", count, plan.index) as stage:

            def frames() -> Iterator[np.ndarray]:
                for index, picture in enumerate(read_frames(plan.frames, count)):
                    stage.step(index)
                    yield picture

            scale, origin = frame_to_image(renderer.framing)
            motion = extract(frames(), portrait, scale, origin, FPS)
        motion.save(plan.motion_extracted)
        write_live_link_csv(motion, plan.curves_extracted)
        return stage.seconds

    def _has_pictures(self, plan: TakePlan) -> bool:
        return plan.kind == "render" or not self._job.data["settings"]["motion_only"]

    def _sample(self, plan: TakePlan, timings: dict[str, float]) -> Motion:
        """Lips from the speech, everything else sampled; what the plan keeps stays equal to the bit."""
        speech, settings = self._speech, self._job.data["settings"]
        if speech is None:
            raise BadInputError("motion_missing", f"Take {plan.index} has lost its motion.", "Render it anew.")
        source, keep = self._kept(plan, len(speech))
        if not self._models.ready:
            with self._context.stage("models") as stage:
                self._models.load()
            timings["models"] = stage.seconds
        lips, prior = self._models.lips, self._models.prior
        sampling = Sampling(
            guidance_scale=settings["guidance_scale"],
            num_inference_steps=settings["num_inference_steps"],
            style=build(PriorStyle, plan.spec.get("style", settings.get("style", {}))),
            transition=plan.spec.get("transition", SEAM_FRAMES),
        )
        with self._context.stage("motion", len(speech), plan.index) as stage:
            channels = np.empty((len(speech), len(CHANNELS)), dtype=np.float32)
            channels[:, LIP_COLUMNS] = lips.predict(speech.mel)
            stage.step(0)
            channels[:, NONLIP_COLUMNS] = prior.sample(
                speech.mel,
                [plan.seed],
                sampling,
                keep=source[None, :, NONLIP_COLUMNS],
                keep_mask=keep[:, NONLIP_COLUMNS],
                progress=_in_frames(stage.step, len(speech)),
            )[0]
        timings["motion"] = stage.seconds
        motion = Motion.from_channels(np.where(keep, source, channels), FPS)
        shown = settings.get("preview")
        return motion if shown is None else motion.slice(0, max(1, round(shown * FPS)))

    def _kept(self, plan: TakePlan, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Channels (T, 59) of the take that the plan keeps a part of, and where they are kept (T, 59) bool."""
        if "source_take" not in plan.spec:
            return np.zeros((frames, len(CHANNELS)), np.float32), np.zeros((frames, len(CHANNELS)), bool)
        source = Motion.load(self._job.take(plan.spec["source_take"]).motion).channels()
        if len(source) != frames:
            raise BadInputError("take_other_length", "That take is not as long as the sound.", "Choose another take.")
        return source, kept_part(frames, plan.spec["keep"], plan.spec["first_frame"], plan.spec["last_frame"])

    def _pictures(self, plan: TakePlan, motion: Motion, timings: dict[str, float]) -> dict[str, Any]:
        """Frames, curves read back from them, and the contact sheet; returns their facts."""
        settings, context = self._job.data["settings"], self._context
        chosen = {"renderer": "warp", **settings, **plan.spec}  # jobs older than G don't name it
        size, framing, kind = (chosen[name] for name in ("size", "framing", "renderer"))
        portrait = self._models.portrait(self._job.portrait)
        with context.stage("renderer", take=plan.index) as stage:
            renderer = self._models.renderer(portrait, size, framing, kind)  # at once where the last take had the same
        timings["renderer"] = stage.seconds
        marks = synthetic_marks(version(), self._job.identifier, plan.index, plan.seed)
        with context.stage("frames", len(motion), plan.index) as stage:
            done = frames_on_disk(plan.frames)
            # Whole batches: a batch that was cut off is rendered again whole, as it would have been.
            first = done - done % BATCH if done < len(motion) else len(motion)
            stage.resume_at(first)
            with FrameWriter(plan.frames, marks) as writer:
                for index, picture in render_from(renderer, motion, first):
                    writer.put(index, picture)
                    stage.step(index + 1)
        if not first:  # a part of the frames is no measure of how long they take
            timings["frames"] = stage.seconds
        if self._read_back:
            try:
                timings["extract"] = self.read_back(plan, len(motion), portrait, renderer)
            except SoliloquyError as error:
                if error.code != "extract_no_face":
                    raise
                context.notice(f"Take {plan.index} has no curves from its frames: {error.message}")
        write_contact_sheet(plan.contact, plan.frames, len(motion), marks, renderer.framing.paste)
        height, width = renderer.frame_shape
        return {"size": size, "framing": framing, "renderer": renderer.kind, "width": width, "height": height}


def _in_frames(step: Callable[[int], None], frames: int) -> Callable[[int, int], None]:
    """Progress in windows as progress in frames."""
    return lambda done, total: step(frames * done // total)


def frame_to_image(framing: Framing) -> tuple[float, tuple[float, float]]:
    """(scale, origin) with image = frame / scale + origin, in pixels of the frames and of the portrait's image."""
    shrink = framing.paste[2] / framing.crop.shape[0]
    x, y = ((framing.origin[k] - framing.paste[k] / shrink) / framing.scale for k in range(2))
    return framing.scale * shrink, (x, y)


def kept_part(frames: int, groups: list[str], first_frame: int, last_frame: int | None) -> np.ndarray:
    """(T, 59) bool: True where a resampled take keeps its source: whole ``groups``, and all outside the frame range."""
    last = frames - 1 if last_frame is None else last_frame
    if not first_frame <= last < frames:
        raise BadInputError(
            "bad_setting",
            f"Frames {first_frame} to {last} are no part of a take with {frames} frames.",
            f"Choose a range within 0 to {frames - 1}.",
        )
    names = {name for group in groups for name in GROUPS[group]}
    keep = np.zeros((frames, len(CHANNELS)), dtype=bool)
    keep[:, [i for i, name in enumerate(CHANNELS) if name in names]] = True
    keep[:first_frame] = True
    keep[last + 1 :] = True
    return keep


def render_from(renderer: Any, motion: Motion, first: int) -> Iterator[tuple[int, np.ndarray]]:
    """(index, picture) of every frame from ``first`` on; on a lack of GPU memory the batch halves and it goes on."""
    batch, index = BATCH, first
    while index < len(motion):
        try:
            for picture in renderer.render(motion.slice(index, len(motion)), batch=batch):
                yield index, picture
                index += 1
        except (RuntimeError, MemoryError) as error:
            if batch == 1 or not is_out_of_memory(error):
                raise
            batch //= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
