"""Estimate what Generate will cost: time, disk and memory. First from constants, then from rates of this computer.

Each finished take records how long its stages took and how much memory its worker used. The latest values are kept for
the next session, by device. The constants were measured on two processor cores (docs/results/speed.md); those for a
GPU's memory are guesses until the first take on a GPU.
"""

from __future__ import annotations

import functools
import json
import wave
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...core.batch import needs
from ...core.errors import SoliloquyError
from ...core.files import make_folder, write_json
from ...core.motion.channels import FPS
from ...core.wire.protocol import FILMS, Generate, Request
from ...core.wire.systems import DIFFUSION, renderer_facts, source_facts
from ...core.wire.workload import FILM_LOOKS, SECONDS_PER_UNIT
from ..properties import preferences
from ..session import session
from ..words import duration, say, size
from . import disk
from .portrait_file import UNKNOWN, PortraitFile, look

START = 8.0
"""Seconds that a new worker needs to load its libraries."""
_PER_FRAME = ("motion", "frames", "extract")
_ONCE = ("audio", "portrait")
_SECONDS_PER_PIXEL = 6e-9
"""Seconds on two cores that a pixel of a frame needs beside the work at the face, for pasting and packing: 12 ns of
processor time between pictures of 512² and 2160² pixels."""
_LARGEST = 1e15
"""Stored rates of this many seconds or bytes are damage."""


@dataclass
class Rates:
    """What was measured on this computer.

    ``learned`` holds seconds and bytes by name (see `_name` and `disk`). ``device`` is where the last take was made,
    which is what “auto” means here; empty before the first take. ``begun`` is the last request that was cancelled or
    failed, and the share of it that is done.
    """

    learned: dict[str, float] = field(default_factory=dict)
    device: str = ""
    begun: tuple[Generate, float] | None = None


@dataclass(frozen=True)
class Cost:
    """What takes need: seconds, bytes of disk, bytes of memory at the same time; ``gpu`` is None on a processor."""

    seconds: float
    disk: float
    memory: float
    gpu: float | None = None

    def words(self) -> str:
        """``About 2 min 10 s, 180 MB of disk, 1.3 GB of memory``."""
        parts = [say("About {time}", time=duration(self.seconds))]
        parts += [say("{size} of disk", size=size(self.disk))] if self.disk else []
        parts += [say("{size} of memory", size=size(self.memory))] if self.memory else []
        parts += [say("{size} of GPU memory", size=size(self.gpu))] if self.gpu else []
        return ", ".join(parts)


# --------------------------------------------------------------------------------------------------- what was measured
def _file() -> Path:
    return preferences.user_folder() / "rates.json"


def learn(folder: Path) -> None:
    """Remember the rates of a finished take from its ``take.json``; does nothing if they can't be read or kept."""
    from ...core.wire.take_file import TakeFacts  # Blender starts without it

    rates = session().part(Rates)
    try:
        facts = TakeFacts.read(folder)
        device, count, pixels = facts.device, facts.frame_count, (facts.width or 0) * (facts.height or 0)
        for stage, seconds in facts.timings.items():
            if stage in SECONDS_PER_UNIT and seconds > 0:
                name = _name(stage, device, facts.size, facts.renderer, facts.source)
                each = seconds / (count if stage in _PER_FRAME else 1)
                rates.learned[name] = max(each - pixels * _SECONDS_PER_PIXEL, each / 2) if stage == "frames" else each
        for kind, held in facts.memory.items():
            if held:
                own = pixels * needs.MEMORY_PER_PIXEL if kind == "process" else 0.0
                rates.learned[f"{kind} memory {device} {facts.size}"] = max(held - own, held / 2)
        disk.learn(rates.learned, folder, facts)
        rates.device = device
        make_folder(_file().parent)
        write_json(_file(), {"device": device, "rates": rates.learned})
    except (OSError, SoliloquyError):
        return


def _name(stage: str, device: str, pixels: object, renderer: object, source: str) -> str:
    """Name of a stage's rate. Rendering depends on the size and the renderer of the pictures, motion on its source;
    rates of the default source have the names that they had when it was the only one."""
    if stage in ("frames", "renderer"):
        return f"{stage} {device} {pixels} {renderer}"
    own_source = stage in ("motion", "models") and source != DIFFUSION
    return f"{stage} {device} {source}" if own_source else f"{stage} {device}"


def frame_size(request: Generate, portrait: PortraitFile) -> tuple[int, int] | None:
    """Width and height of a request's frames, pixels, as far as they are known; see ``disk.frame_size``."""
    return disk.frame_size(session().part(Rates).learned, request, portrait)


def face_pixels(portrait: PortraitFile) -> int | None:
    """Pixels of the photograph along the side of its face square, if they are known; see ``disk.face_pixels``."""
    return disk.face_pixels(session().part(Rates).learned, portrait)


def device_of(request: Generate) -> str:
    """The device of a request: the one that it names, else that of the last take, else the processor."""
    return request.device if request.device != "auto" else session().part(Rates).device or "cpu"


# ------------------------------------------------------------------------------------------------------- what it costs
def cost(request: Generate, seconds: float, *, running: bool, portrait: PortraitFile = UNKNOWN) -> Cost:
    """What the takes of a request need.

    Parameters
    ----------
    seconds
        Length of the speech.
    running
        Whether a worker is already running.
    portrait
        What is known of the portrait's file.
    """
    learned = session().part(Rates).learned
    device, frames = device_of(request), FPS * seconds
    shown = frames if request.preview is None else min(frames, FPS * request.preview)

    def rate(stage: str, otherwise: float) -> float:
        return learned.get(_name(stage, device, request.size, request.renderer, request.source), otherwise)

    each = frames * rate("motion", source_facts(request.source).seconds_per_frame)
    finer = (request.size / 512) ** 2
    if not request.motion_only:
        always, growing = renderer_facts(request.renderer).seconds_per_frame
        pixels = disk.frame_pixels(learned, request, portrait)
        each += shown * (rate("frames", always + growing * finer) + pixels * _SECONDS_PER_PIXEL)
        each += shown * rate("extract", SECONDS_PER_UNIT["extract"]) if request.extract else 0.0
    once = sum(rate(stage, SECONDS_PER_UNIT[stage]) for stage in _ONCE)
    films = {getattr(request, name) for name in FILMS} - {""}  # as long as the speech, as far as anyone knows here
    once += len(films) * FILM_LOOKS * frames * SECONDS_PER_UNIT["film"]
    once += 0.0 if request.motion_only else rate("renderer", SECONDS_PER_UNIT["renderer"])
    once += 0.0 if running else START + rate("models", SECONDS_PER_UNIT["models"])
    needed = disk.expected_bytes(learned, request, frames, shown, portrait) * request.takes
    to_do = 1.0 - _done_before(request, seconds)
    memory, gpu = memory_of(request, portrait)
    return Cost(once + each * request.takes * to_do, needed * to_do, memory, gpu)


def remember_end(request: Request, share: float, *, finished: bool) -> None:
    """Note how far a job came, so that the same job is expected to take only the rest."""
    rates = session().part(Rates)
    if isinstance(request, Generate):
        rates.begun = None if finished or request.duration is None else (request, share)


def _done_before(request: Generate, seconds: float) -> float:
    """The share of a request that a cancelled job has done."""
    begun = session().part(Rates).begun
    if begun is None or abs((begun[0].duration or 0.0) - seconds) > 0.5 / FPS:
        return 0.0
    files: dict[str, Any] = {"audio": "", "portrait": "", "out": "", "start": 0.0, "duration": None, "transcript": ""}
    files |= dict.fromkeys(FILMS, "")
    return begun[1] if replace(begun[0], **files) == replace(request, **files) else 0.0


def memory_of(request: Generate, portrait: PortraitFile = UNKNOWN) -> tuple[float, float | None]:
    """Bytes of main memory that a worker needs for a request, and of GPU memory if it runs on a GPU."""
    learned = session().part(Rates).learned
    device = device_of(request)
    pixels = None if request.motion_only else request.size
    whole = 0 if pixels is None else disk.frame_pixels(learned, request, portrait)
    main = learned.get(f"process memory {device} {pixels}", needs.main_memory(pixels)) + whole * needs.MEMORY_PER_PIXEL
    gpu = learned.get(f"gpu memory {device} {pixels}", needs.gpu_memory(pixels))
    return main, gpu if device == "cuda" else None


def total(requests: Iterable[tuple[Generate, float]], workers: int) -> Cost:
    """What several requests, each with its seconds of speech, need with so many workers at the same time."""
    costs = [
        cost(request, seconds, running=True, portrait=look(Path(request.portrait))) for request, seconds in requests
    ]
    if not costs:
        return Cost(0.0, 0.0, 0.0)
    count = min(max(workers, 1), len(costs))
    longest = max(each.seconds for each in costs)
    spent = START + SECONDS_PER_UNIT["models"] + max(longest, sum(each.seconds for each in costs) / count)
    gpu = max((each.gpu for each in costs if each.gpu), default=None)
    return Cost(spent, sum(each.disk for each in costs), count * max(each.memory for each in costs), gpu)


# ---------------------------------------------------------------------------------------------------------- sound files
def seconds_of(request: Generate) -> float | None:
    """Seconds of speech of a request; None if its sound can't be measured here."""
    if request.duration is not None:
        return request.duration
    try:
        whole = _length(request.audio, Path(request.audio).stat().st_mtime_ns)
    except OSError:
        return None
    return None if whole is None else max(0.0, whole - request.start)


@functools.lru_cache(maxsize=256)
def _length(path: str, _changed: int) -> float | None:
    """Seconds of a sound file: of a WAV from its header, of others with Blender's sound library if there is one."""
    try:
        with wave.open(path) as sound:
            return sound.getnframes() / sound.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        pass
    try:
        import aud

        library: Any = aud  # its stubs have no constructor
        sound = library.Sound(path)
        return float(sound.length) / float(sound.specs[0])
    except Exception:  # noqa: BLE001 - Blender without sound, unreadable files: the library has its own error types
        return None


def read_rates() -> None:
    """Read the rates of earlier sessions; does nothing if their file is missing or damaged."""
    rates = session().part(Rates)
    try:
        stored: dict[str, Any] = json.loads(_file().read_text(encoding="utf-8"))
        learned = {str(name): rate for name, rate in stored["rates"].items() if _is_rate(rate)}
        device = stored["device"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    rates.learned.update(learned)
    rates.device = device if isinstance(device, str) else ""


def _is_rate(value: Any) -> bool:
    """Whether a stored value can be seconds or bytes: a positive number of a size that a computer can have."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < _LARGEST
