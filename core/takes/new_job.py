"""The job of a request to generate: its folder with what its takes depend on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..files import file_digest
from ..sound.speech import Speech, write_spoken_part
from ..wire.protocol import Generate, version
from .films import BLINKS, POSE, Film
from .job import Job, job_identifier, job_name
from .job_file import AudioFacts, InputFacts, JobFacts, JobSettings
from .models import digests_for


def new_job(request: Generate, speech: Speech, portrait_digest: str, device: str, films: Mapping[str, Film]) -> Job:
    """The job's folder with its copies of sound and portrait, and what was read from its films."""
    settings = JobSettings.of(request)
    audio = AudioFacts(
        path=str(Path(request.audio).absolute()),
        sha256=file_digest(request.audio),
        start=request.start,
        seconds=speech.seconds,
        frames=len(speech),
        silent=speech.is_silent,
    )
    portrait = InputFacts(
        path=str(Path(request.portrait).absolute()),
        sha256=portrait_digest,
        file=f"portrait{Path(request.portrait).suffix.lower()}",
    )
    weights = digests_for(settings.source, settings.renderer)
    digests = {name: film.facts.sha256 for name, film in films.items()}
    identifier = job_identifier(version(), settings, audio.sha256, portrait.sha256, weights, digests)
    facts = JobFacts(
        id=identifier,
        version=version(),
        settings=settings,
        audio=audio,
        portrait=portrait,
        pose_video=films[POSE].facts if POSE in films else None,
        blink_video=films[BLINKS].facts if BLINKS in films else None,
        weights=weights,
        device=device,
    )
    job = Job.create(request.out, job_name(request.audio, request.portrait, identifier), facts)
    job.copy_in(portrait.file, Path(request.portrait))
    for film in films.values():
        film.keep(job)
    if not (job.folder / "audio.wav").is_file():
        write_spoken_part(request.audio, request.start, speech.seconds, job.folder / "audio.wav")
    return job
