"""From a request to takes on disk. The worker, the command line and therefore Blender all use this one code path.

``Studio.handle(request, context)`` does any job of ``core.wire.protocol``. With a longer sound, only its features and
its motion need more memory: frames are rendered, written and read back a few at a time.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ..compute.devices import choose_device, device_name, devices, gpus
from ..errors import BadInputError, SoliloquyError
from ..files import file_digest, is_file, make_folder
from ..motion.channels import FPS, GROUPS
from ..motion.live_link import read_live_link_csv
from ..motion.motion import Motion
from ..phones.transcripts import checked_transcript
from ..portrait.portrait import Portrait
from ..renderer.framing import frame_portrait
from ..runtime.allowance import processors
from ..runtime.memory import memory_errors
from ..runtime.torch_builds import choose, look
from ..schema import plain
from ..sound.speech import Speech
from ..systems.unheeded import unheeded_pose_style
from ..wire.names import HEAD_FILES
from ..wire.progress import JobContext
from ..wire.protocol import Extract, Generate, Head, Probe, Render, Request, Resample, UpdateLips, version
from ..wire.specs import GenerateSpec, Part, RenderSpec, ResampleSpec, in_order
from ..wire.systems import GAME, NEURAL
from ..wire.worker_facts import GpuFacts, WorkerFacts
from ..wire.workload import Expected
from .body import with_body_of
from .extraction import ReadBack
from .films import watched
from .job import Job
from .lips_update import lips_update
from .models import Models, weight_digests
from .motion_maker import MotionMaker
from .mouth import Mouth, phones_of
from .new_job import new_job
from .self_test import self_test
from .take import TakePlan
from .take_maker import TakeMaker, Timings


class Studio:
    """Does jobs, one at a time, and keeps the models between them."""

    def __init__(self) -> None:
        self._models: Models | None = None

    def handle(self, request: Request, context: JobContext) -> dict[str, Any]:
        """Do ``request`` and return the result of its ``done`` event.

        Events go to ``context``. Raises SoliloquyError (also BadInputError and CancelledError). Any other error is a
        bug.
        """
        with memory_errors():
            match request:
                case Probe():
                    facts = probe()
                    if request.self_test is not None:
                        tested = self_test(self._generate, request.self_test, request.device, context)
                        facts = replace(facts, self_test=tested)
                    return plain(facts)
                case Generate():
                    return self._generate(request, context)
                case Resample():
                    return self._resample(request, context)
                case Render():
                    return self._render(request, context)
                case UpdateLips():
                    return self._update_lips(request, context)
                case Extract():
                    return self._extract(request, context)
                case Head():
                    return self._head(request, context)
        raise BadInputError("bad_message", f"{type(request).__name__} is no job.")

    def _models_on(self, wanted: str) -> Models:
        """The models on a device (``auto`` chooses one). Models on another device are released."""
        device = choose_device(wanted)
        if self._models is None or self._models.device != device:
            self._models = Models(device)
        return self._models

    def _generate(self, request: Generate, context: JobContext) -> dict[str, Any]:
        models = self._models_on(request.device)
        request = replace(request, transcript=checked_transcript(request.transcript))
        if told := unheeded_pose_style(request.source, request.pose_style):
            context.notice(told)
        with context.stage("audio"):
            speech = Speech(request.audio, request.start, request.duration)
        if speech.notice is not None:
            context.notice(speech.notice)
        request = replace(request, style=request.style.in_order(len(speech)))
        with context.stage("portrait"):
            portrait = _portrait_of(request.portrait, models, context)
        films = watched(request, len(speech), context)
        job = new_job(request, speech, portrait.digest, models.device, films)
        with job.locked():
            plans = [job.plan(request.seed + k, GenerateSpec(), again=True) for k in range(request.takes)]
            face = _reader(job, models)
            motions = MotionMaker(job, models, context, speech, face)
            TakeMaker(
                job, models, context, motions.make, face, extract=request.extract, restorer=request.restorer
            ).make_all(plans)
        return {"job": str(job.folder), "takes": [plan.index for plan in plans]}

    def _resample(self, request: Resample, context: JobContext) -> dict[str, Any]:
        models = self._models_on(request.device)
        job = Job.open(request.job)
        style = request.style and request.style.in_order(job.facts.audio.frames)
        spec = ResampleSpec(part=_part_of(request, job), style=style)
        with context.stage("audio"):
            speech = _speech_of(job, context)
        with job.locked():
            # Without a seed, takes that a killed job left unfinished come first.
            seed = job.unfinished_seed(spec) if request.seed is None else request.seed
            again = request.seed is not None
            plans = [job.plan(seed + k, spec, again=again) for k in range(request.takes)]
            face = _reader(job, models)
            motions = MotionMaker(job, models, context, speech, face)
            TakeMaker(job, models, context, motions.make, face, extract=True, restorer=request.restorer).make_all(plans)
        return {"job": str(job.folder), "takes": [plan.index for plan in plans]}

    def _render(self, request: Render, context: JobContext) -> dict[str, Any]:
        models = self._models_on(request.device)
        job = Job.open(request.job)
        source = job.take(request.take)
        path = Path(request.motion) if request.motion else source.motion
        said = phones_of(source)
        motion = with_body_of(read_motion(path), job, source, said)
        settings = job.facts.settings
        spec = RenderSpec(
            source_take=request.take,
            motion_sha256=file_digest(path),
            size=request.size or settings.size,
            framing=request.framing or settings.framing,
            renderer=request.renderer or settings.renderer,
            picture=request.picture or settings.picture,
        )

        def new_motion(plan: TakePlan, _: Timings) -> Motion:
            if said is not None:
                said.of_length(len(motion) / FPS).write(plan.phones)
            return motion

        with job.locked():
            plan = job.plan(source.seed, spec, again=True)
            face, pictures = _reader(job, models), len(motion)
            maker = TakeMaker(
                job,
                models,
                context,
                new_motion,
                face,
                extract=request.extract,
                restorer=request.restorer,
                pictures=pictures,
            )
            maker.make_all([plan])
        return {"job": str(job.folder), "takes": [plan.index]}

    def _update_lips(self, request: UpdateLips, context: JobContext) -> dict[str, Any]:
        models = self._models_on(request.device)
        job = Job.open(request.job)
        source = job.take(request.take)
        motion = Motion.load(source.motion)

        @functools.cache
        def mouth(transcript: str) -> Mouth:
            with context.stage("audio"):
                return Mouth(models.lips, _speech_of(job, context), transcript, context.notice)

        update = lips_update(request, job, source, motion, mouth)

        def new_motion(plan: TakePlan, timings: Timings) -> Motion:
            with context.stage("motion", len(motion), plan.index) as stage:
                made = update.motion(motion, models.lips)
            timings["motion"] = stage.seconds
            update.document.write(plan.phones)
            return made

        with job.locked():
            plan = job.plan(source.seed, update.spec, again=True)
            face = _reader(job, models)
            TakeMaker(
                job, models, context, new_motion, face, extract=False, restorer=request.restorer, pictures=len(motion)
            ).make_all([plan])
        return {"job": str(job.folder), "takes": [plan.index]}

    def _extract(self, request: Extract, context: JobContext) -> dict[str, Any]:
        job = Job.open(request.job)
        plan = job.take(request.take)
        facts = plan.finished()
        if facts is None or facts.size is None or facts.framing is None:
            raise BadInputError("take_missing", f"Take {request.take} has no frames.", "Render it first.")
        models = self._models_on(request.device)
        context.expect([Expected("portrait", None, 1), Expected("extract", plan.index, facts.frame_count)])
        with context.stage("portrait"):
            portrait = models.portrait(job.portrait)
        framing = frame_portrait(portrait, facts.size, facts.framing, facts.picture)
        with job.locked(), ReadBack(plan, portrait, framing, facts.frame_count, plan.drawn(facts)) as reading:
            reading.finish(facts.frame_count, context)
            plan.finish(facts)
        return {"job": str(job.folder), "take": plan.index, "curves": str(plan.curves_extracted)}

    def _head(self, request: Head, context: JobContext) -> dict[str, Any]:
        from ..portrait.rig import remove_texture, write_head

        models = self._models_on(request.device)
        context.expect([Expected("portrait", None, 1), Expected("head", None, 1)])
        with context.stage("portrait"):
            portrait = _portrait_of(request.portrait, models, context)
        out = make_folder(Path(request.out).absolute())
        with context.stage("head"):
            if request.detail in (NEURAL, GAME):
                from ..detailed_head.rig import write_detailed_head

                game = request.detail == GAME
                files = write_detailed_head(models.head, portrait, out, request.texture_size, game=game)
            else:
                files = {content: out / HEAD_FILES[content] for content in ("mesh", "texture")}
                write_head(models.head, portrait, files["mesh"], files["texture"], request.texture_size)
        for content in HEAD_FILES.keys() - files.keys():  # of an earlier head in this folder
            remove_texture(out / HEAD_FILES[content])
        return {content: str(path) for content, path in files.items()}


def probe() -> WorkerFacts:
    """What this worker is and has."""
    found = devices()
    return WorkerFacts(
        version=version(),
        device=found[0],
        devices=tuple(found),
        device_name=device_name(found[0]),
        python=platform.python_version(),
        torch=torch.__version__,
        processors=processors(),
        gpus=tuple(GpuFacts(**asdict(gpu)) for gpu in gpus()),
        weights=weight_digests(),
        gpu_note=gpu_note(found[0]),
    )


def gpu_note(device: str) -> str:
    """A sentence about why a GPU of this computer isn't used if networks run on ``device``; empty if none is unused."""
    if device != "cpu":
        return ""
    try:
        build = choose(look())
    except SoliloquyError:
        return ""
    if build.kind == "cpu":
        return build.note
    return f"{build.words} would use this computer's GPU, but another torch is installed."


def read_motion(path: Path) -> Motion:
    """A motion at 25 frames a second from ``.npz`` or Live Link ``.csv``.

    Raises BadInputError ``motion_empty``, and as the readers of these files.
    """
    motion = read_live_link_csv(path) if path.suffix.lower() == ".csv" else Motion.load(path)
    if not len(motion):
        raise BadInputError("motion_empty", f"The motion in {path} has no frames.", "Choose another.")
    return motion.resampled(FPS)


def _part_of(request: Resample, job: Job) -> Part | None:
    """The part of a take that a request samples again, or None if it samples whole takes.

    Raises BadInputError ``take_missing``, or ``bad_setting`` for a part without a take.
    """
    if request.take is None:
        if request.renew or request.first_frame or request.last_frame is not None:
            raise BadInputError("bad_setting", "Keeping a part needs a take to keep it from.", "Name the take.")
        return None
    job.take(request.take)
    return Part(
        source_take=request.take,
        renew=in_order(request.renew or tuple(GROUPS)),
        first_frame=request.first_frame,
        last_frame=request.last_frame,
        transition=request.transition,
    )


def _portrait_of(path: str, models: Models, context: JobContext) -> Portrait:
    """The fitted portrait of a file; the user is told what will look worse than it could."""
    from ..portrait.remarks import remarks

    portrait = models.portrait(path)
    for remark in remarks(portrait):
        context.notice(remark)
    return portrait


def _reader(job: Job, models: Models) -> Callable[[], Portrait]:
    """Gives the job's portrait. Its file is read and decoded when it is first needed, once for all takes."""
    return functools.cache(lambda: models.portrait(job.portrait))


def _speech_of(job: Job, context: JobContext) -> Speech:
    """The job's speech: the original sound if it is unchanged, else the job's own copy of the spoken part."""
    audio = job.facts.audio
    original = Path(audio.path)
    with suppress(OSError):  # a path that this system can't have, or a file that may not be read
        if is_file(original) and file_digest(original) == audio.sha256:
            return Speech(original, audio.start, job.facts.settings.duration)
    context.notice(f"{original.name} is gone or has changed: the job's own copy of the sound is used.")
    speech = Speech(job.folder / "audio.wav", 0.0, None)
    if len(speech) != audio.frames:
        raise BadInputError(
            "audio_changed", "The job's sound is no longer the one it was made from.", "Generate the job again."
        )
    return speech
