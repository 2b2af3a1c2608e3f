"""From a request to takes on disk: the one code path of the worker, the command line and therefore of Blender.

``Studio.handle(request, context)`` does any job of ``core.wire.protocol``. Memory doesn't grow with the length of the
sound beyond its features and motion: frames are rendered, written and read back a few at a time.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..compute.devices import choose_device, device_name, devices, gpus, memory_errors
from ..compute.threads import processors
from ..errors import BadInputError, SoliloquyError
from ..files import make_folder
from ..motion.channels import FPS, GROUPS
from ..motion.live_link import read_live_link_csv
from ..motion.motion import Motion
from ..runtime.torch_builds import choose, look
from ..sound.speech import Speech, write_spoken_part
from ..wire.progress import JobContext
from ..wire.protocol import Extract, Generate, Head, Probe, Render, Request, Resample, version
from .models import Models, weight_digests
from .self_test import self_test
from .take import Job, file_digest, job_identifier, job_name, make_take_folder
from .take_maker import TakeMaker


class Studio:
    """Does jobs, one at a time, and keeps the models in between."""

    def __init__(self) -> None:
        self._models: Models | None = None

    def handle(self, request: Request, context: JobContext) -> dict[str, Any]:
        """Do ``request`` and return the result of its ``done`` event.

        Events go to ``context``. Raises SoliloquyError (BadInputError, CancelledError); anything else is a bug.
        """
        with memory_errors():
            match request:
                case Probe():
                    facts = probe()
                    if request.self_test is not None:
                        facts["self_test"] = self_test(self._generate, request.self_test, request.device, context)
                    return facts
                case Generate():
                    return self._generate(request, context)
                case Resample():
                    return self._resample(request, context)
                case Render():
                    return self._render(request, context)
                case Extract():
                    return self._extract(request, context)
                case Head():
                    return self._head(request, context)
        raise BadInputError("bad_message", f"{type(request).__name__} is no job.")

    def _models_on(self, wanted: str) -> Models:
        """The models on a device (``auto`` chooses); those of another device are let go."""
        device = choose_device(wanted)
        if self._models is None or self._models.device != device:
            self._models = Models(device)
        return self._models

    def _generate(self, request: Generate, context: JobContext) -> dict[str, Any]:
        models = self._models_on(request.device)
        with context.stage("audio"):
            speech = Speech(request.audio, request.start, request.duration)
        if speech.is_silent:
            context.notice("The sound is silent: the mouth stays closed, only the head moves.")
        with context.stage("portrait"):
            portrait = models.portrait(request.portrait)
        job = _job_of(request, speech, portrait.digest, models.device)
        with job.locked():
            plans = [job.plan("generate", request.seed + k, {}, again=True) for k in range(request.takes)]
            TakeMaker(job, models, context, read_back=request.extract, speech=speech).make_all(plans)
        return {"job": str(job.folder), "takes": [plan.index for plan in plans]}

    def _resample(self, request: Resample, context: JobContext) -> dict[str, Any]:
        models = self._models_on(request.device)
        job = Job.open(request.job)
        spec: dict[str, Any] = {}
        if request.take is not None:
            job.take(request.take)
            spec = {
                "source_take": request.take,
                "keep": list(kept_groups(request)),
                "first_frame": request.first_frame,
                "last_frame": request.last_frame,
                "transition": request.transition,
            }
        elif request.keep or request.groups or request.first_frame or request.last_frame is not None:
            raise BadInputError("bad_setting", "Keeping a part needs a take to keep it from.", "Name the take.")
        if request.style is not None:  # lists, as they come back from job.json
            style = asdict(request.style).items()
            spec["style"] = {name: list(value) if isinstance(value, tuple) else value for name, value in style}
        with context.stage("audio"):
            speech = _speech_of(job, context)
        with job.locked():
            # Without a seed, takes that a killed job left unfinished come first.
            seed = job.unfinished_seed("resample", spec) if request.seed is None else request.seed
            again = request.seed is not None
            plans = [job.plan("resample", seed + k, spec, again=again) for k in range(request.takes)]
            TakeMaker(job, models, context, read_back=True, speech=speech).make_all(plans)
        return {"job": str(job.folder), "takes": [plan.index for plan in plans]}

    def _render(self, request: Render, context: JobContext) -> dict[str, Any]:
        models = self._models_on(request.device)
        job = Job.open(request.job)
        source = job.take(request.take)
        path = Path(request.motion) if request.motion else source.motion
        motion = read_motion(path)
        settings = job.data["settings"]
        spec = {
            "source_take": request.take,
            "motion_sha256": file_digest(path),
            "size": request.size or settings["size"],
            "framing": request.framing or settings["framing"],
            "renderer": request.renderer or settings.get("renderer", "warp"),  # what older jobs were made with
        }
        with job.locked():
            plan = job.plan("render", source.seed, spec, again=True)
            if plan.finished() is None:
                make_take_folder(plan, pictures=True)
                motion.save(plan.motion)
            TakeMaker(job, models, context, read_back=request.extract).make_all([plan])
        return {"job": str(job.folder), "takes": [plan.index]}

    def _extract(self, request: Extract, context: JobContext) -> dict[str, Any]:
        job = Job.open(request.job)
        plan = job.take(request.take)
        data = plan.finished()
        if data is None or data["size"] is None:
            raise BadInputError("take_missing", f"Take {request.take} has no frames.", "Render it first.")
        models = self._models_on(request.device)
        with context.stage("portrait"):
            portrait = models.portrait(job.portrait)
        renderer = models.renderer(portrait, data["size"], data["framing"], "warp")
        with job.locked():
            TakeMaker(job, models, context, read_back=True).read_back(plan, data["frame_count"], portrait, renderer)
            plan.finish(data)
        return {"job": str(job.folder), "take": plan.index, "curves": str(plan.curves_extracted)}

    def _head(self, request: Head, context: JobContext) -> dict[str, Any]:
        from ..portrait.rig import write_head

        models = self._models_on(request.device)
        with context.stage("portrait"):
            portrait = models.portrait(request.portrait)
        out = make_folder(Path(request.out).absolute())
        mesh, texture = out / "head.npz", out / "head.png"
        with context.stage("head"):
            write_head(models.head, portrait, mesh, texture, request.texture_size)
        return {"mesh": str(mesh), "texture": str(texture)}


def kept_groups(request: Resample) -> tuple[str, ...]:
    """The channel groups that a resampled take keeps. Raises BadInputError ``bad_setting`` where none is left."""
    both = sorted(set(request.keep) & set(request.groups))
    if both:
        raise BadInputError(
            "bad_setting", f"{both[0]} can't be kept and sampled anew.", "Name it in keep or in groups."
        )
    if not request.groups:
        return request.keep
    return tuple(group for group in GROUPS if group not in request.groups)


def probe() -> dict[str, Any]:
    """What this worker is and has."""
    found = devices()
    return {
        "version": version(),
        "device": found[0],
        "devices": found,
        "gpus": gpus(),
        "device_name": device_name(found[0]),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "processors": processors(),
        "weights": weight_digests(),
        "gpu_note": gpu_note(found[0]),
    }


def gpu_note(device: str) -> str:
    """Why a GPU of this computer isn't used although networks run on ``device``; empty where none is left unused."""
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
    """A motion at 25 frames a second from ``.npz`` or Live Link ``.csv``; raises as their readers."""
    motion = read_live_link_csv(path) if path.suffix.lower() == ".csv" else Motion.load(path)
    if not len(motion):
        raise BadInputError("motion_empty", f"The motion in {path} has no frames.", "Choose another.")
    return motion.resampled(FPS)


def _job_of(request: Generate, speech: Speech, portrait_digest: str, device: str) -> Job:
    """The job's folder with its copies of sound and portrait."""
    outside = ("audio", "portrait", "out", "takes", "device", "extract")
    settings = {name: value for name, value in asdict(request).items() if name not in outside}
    if settings["preview"] is None:  # jobs of before previews were there keep their names
        del settings["preview"]
    audio = {
        "path": str(Path(request.audio).absolute()),
        "sha256": file_digest(request.audio),
        "start": request.start,
        "seconds": speech.seconds,
        "frames": len(speech),
        "silent": speech.is_silent,
    }
    portrait = {
        "path": str(Path(request.portrait).absolute()),
        "sha256": portrait_digest,
        "file": f"portrait{Path(request.portrait).suffix.lower()}",
    }
    identity = {
        "version": version(),
        "settings": settings,
        "audio": audio["sha256"],
        "portrait": portrait_digest,
        "weights": weight_digests(),
    }
    identifier = job_identifier(identity)
    facts = {
        "id": identifier,
        "synthetic": "Every picture and curve in this folder is synthetic.",
        "version": version(),
        "settings": settings,
        "audio": audio,
        "portrait": portrait,
        "weights": weight_digests(),
        "device": device,
    }
    job = Job.create(request.out, job_name(request.audio, request.portrait, identifier), facts)
    job.copy_in(portrait["file"], Path(request.portrait))
    if not (job.folder / "audio.wav").is_file():
        write_spoken_part(request.audio, request.start, speech.seconds, job.folder / "audio.wav")
    return job


def _speech_of(job: Job, context: JobContext) -> Speech:
    """The job's speech: the original sound where it is unchanged, else the job's own copy of the spoken part."""
    audio = job.data["audio"]
    original = Path(audio["path"])
    if original.is_file() and file_digest(original) == audio["sha256"]:
        return Speech(original, audio["start"], job.data["settings"]["duration"])
    context.notice(f"{original.name} is gone or has changed: the job's own copy of the sound is used.")
    speech = Speech(job.folder / "audio.wav", 0.0, None)
    if len(speech) != audio["frames"]:
        raise BadInputError("audio_changed", "The job's sound is no longer the one it was made from.", "Generate anew.")
    return speech
