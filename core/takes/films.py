"""The films that the takes of a job follow: read once, and kept in the job as the motion that they show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..files import file_digest
from ..inputs import check_input
from ..media.film import FILM
from ..motion.motion import Motion
from ..provenance import FILMED_MOTION
from ..readback.film import read_film, steps_to_read
from ..systems.reference import Reference
from ..wire.progress import JobContext
from ..wire.protocol import FILMS, Generate
from ..wire.workload import Expected
from .job import Job
from .job_file import InputFacts
from .models import cache_folder

POSE, BLINKS = FILMS
"""They are fields of `JobFacts` too."""


@dataclass(frozen=True, eq=False)
class Film:
    """A film that takes follow, and its motion (`core.readback.film`)."""

    facts: InputFacts
    motion: Motion

    def keep(self, job: Job) -> None:
        """Write the motion into the job, so that later takes don't need the film."""
        self.motion.save(job.folder / self.facts.file, FILMED_MOTION)


def watched(request: Generate, frames: int, context: JobContext) -> dict[str, Film]:
    """The films of a request, by setting, for takes of so many frames. Raises BadInputError as `read_film`."""
    paths = {name: str(Path(path).absolute()) for name in FILMS if (path := getattr(request, name))}
    digests = {path: file_digest(check_input(path, FILM)) for path in dict.fromkeys(paths.values())}
    steps = {path: steps_to_read(path, frames) for path in digests}
    if steps:
        # TakeMaker tells the stages again when it knows more of them.
        takes = [(stage, take) for take in range(1, request.takes + 1) for stage in ("motion", "frames")]
        made = [Expected(stage, take, frames) for stage, take in takes if stage == "motion" or not request.motion_only]
        context.expect([*(Expected("film", None, count) for count in steps.values()), *made])
    motions = {path: _read(path, digests[path], frames, count, context) for path, count in steps.items()}
    return {
        name: Film(InputFacts(path=path, sha256=digests[path], file=f"{name}.npz"), motions[path])
        for name, path in paths.items()
    }


def _read(path: str, digest: str, frames: int, steps: int, context: JobContext) -> Motion:
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done = count
        stage.step(min(count, steps))  # a container may say less than it holds

    with context.stage("film", steps) as stage:
        motion = read_film(path, digest, frames, step, cache_folder())
        if not done:  # it was read before
            stage.resume_at(steps)
    return motion


def reference_of(job: Job) -> Reference:
    """What the films of a job show. Raises BadInputError as `Motion.load` if a file in the job's folder is damaged."""

    def motion(film: InputFacts | None) -> Motion | None:
        return None if film is None else Motion.load(job.folder / film.file)

    return Reference(motion(job.facts.pose_video), motion(job.facts.blink_video))
