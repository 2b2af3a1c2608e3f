"""The doctor checks that everything that Soliloquy needs is available, and says how to repair what is not.

`here` checks without starting anything. `question` is the request to the worker, `of_worker` judges its answer.
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import BadInputError
from ...core.own_folders import delete_own
from ...core.places import CARDS, SUMS, WEIGHTS
from ...core.runtime import environment
from ...core.schema import read
from ...core.wire import protocol
from ..properties import output, preferences, trusted
from ..properties.scene import settings_of
from ..storage import paths
from ..typed import scene_of
from ..words import later, say, say_count
from . import estimate
from .privacy import hidden

if TYPE_CHECKING:
    from ...core.wire.worker_facts import SelfTestFacts, WorkerFacts

OK, WARN, BAD = "OK", "WARN", "BAD"
_OLDEST = (4, 2)
_NEEDED = {"runtime": 3.0, "takes": 1.0}
"""GB that should be free for the runtime and for takes."""
_PLACES = {"runtime": later("the runtime"), "takes": later("takes")}
_LONG_PATH = 110
"""Longest path of the runtime folder on Windows: its limit of 260 characters less what torch's own files need."""
_GPU_GB = 2.0
"""GB of GPU memory that takes of 512 pixels need, with a margin."""
_LONGEST_HEADER = 100_000_000
"""Most bytes of a safetensors header; the format has this limit."""
SHOW_NETWORK = "extensions.userpref_show_online"
"""Blender's own operator that opens its network preferences."""


@dataclass(frozen=True)
class Finding:
    """The result of one check. ``fix`` says what to do; ``operator`` with ``settings`` is the button that does it."""

    level: str
    title: str
    text: str
    fix: str = ""
    operator: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


# --------------------------------------------------------------------------------------------------- without the worker
def here() -> list[Finding]:
    """All checks that don't need the worker."""
    return [_blender(), *_network(), _runtime(), *_disks(), *_paths(), _weights()]


def _blender() -> Finding:
    text = f"{bpy.app.version_string}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if bpy.app.version[:2] < _OLDEST:
        return Finding(BAD, "Blender", text, say("Use Blender 4.2 or newer."))
    return Finding(OK, "Blender", text)


def _network() -> list[Finding]:
    """Online access is needed only while the runtime must still be downloaded."""
    if bpy.app.online_access or preferences.worker_python() is not None or preferences.wheels_folder() is not None:
        return []
    fix = say("Allow it in Preferences > System > Network, or choose a folder of wheels.")
    return [Finding(BAD, say("Online access"), say("off, and the runtime has to be downloaded"), fix, SHOW_NETWORK)]


def _runtime() -> Finding:
    python = preferences.worker_python()
    if (unusable := preferences.why_unusable()) is not None:
        return Finding(BAD, say("Runtime"), unusable[0], unusable[1], "preferences.addon_show")
    if python is not None:
        facts = environment.installed_facts(preferences.runtime_folder())
        kind = facts.get("torch", "") if python.is_relative_to(preferences.runtime_folder()) else ""
        text = say("{python}, PyTorch for {kind}", python=python, kind=kind.upper()) if kind else str(python)
        return Finding(OK, say("Runtime"), text)
    own = preferences.own_python()
    if own is not None:
        fix = say("Choose another in the preferences, or clear the field.")
        return Finding(
            BAD, say("Runtime"), say("your own Python was not found: {own}", own=own), fix, "preferences.addon_show"
        )
    fix = say("Install the runtime, or choose your own Python in the preferences.")
    return Finding(BAD, say("Runtime"), say("not installed"), fix, "soliloquy.install_runtime")


def _disks() -> list[Finding]:
    takes = output.output_folder(settings_of(scene_of(bpy.context)).output_dir)
    places = {"takes": takes} if trusted.may_look(takes) else {}
    if preferences.worker_python() is None:
        places["runtime"] = preferences.runtime_folder()
    found = []
    for what, folder in places.items():
        there = paths.existing_folder(folder)
        if there is None:
            found.append(
                Finding(
                    BAD,
                    say("Folder for {what}", what=say(_PLACES[what])),
                    say("there is no drive for {folder}", folder=folder),
                    say("Choose another folder."),
                )
            )
            continue
        free = shutil.disk_usage(there).free / 1e9
        text = say("{free:.0f} GB free in {folder}", free=free, folder=folder)
        low = free < _NEEDED[what]
        fix = say("Free {size:.0f} GB, or choose a folder on another disk.", size=_NEEDED[what]) if low else ""
        found.append(Finding(WARN if low else OK, say("Disk for {what}", what=say(_PLACES[what])), text, fix))
    return found


def _paths() -> list[Finding]:
    folder = str(preferences.runtime_folder())
    if sys.platform == "win32" and len(folder) > _LONG_PATH:
        fix = say("Choose a short Runtime Folder in the preferences, for example C:\\soliloquy.")
        return [
            Finding(
                WARN,
                say("Path length"),
                say_count(len(folder), "1 character: {folder}", "{count} characters: {folder}", folder=folder),
                fix,
                "preferences.addon_show",
            )
        ]
    return [Finding(OK, say("Path length"), say_count(len(folder), "1 character", "{count} characters"))]


def _weights() -> Finding:
    """Check that the files exist and are as long as their headers say. The worker checks their content."""
    files = sorted(WEIGHTS.glob("*.safetensors"))
    cards = {path.stem for path in (WEIGHTS / CARDS).glob("*.md")}
    lacking = [card for card in cards if not any(path.name.startswith(card) for path in files)]
    damaged = [path.name for path in files if not is_whole(path)]
    if lacking or damaged:
        words = [say("{name} is missing", name=name) for name in lacking]
        text = ", ".join(words + [say("{name} is damaged", name=name) for name in damaged])
        return Finding(BAD, say("Weights"), text, say("Install the extension again from its zip."))
    size = sum(path.stat().st_size for path in files) / 1e6
    return Finding(
        OK, say("Weights"), say_count(len(files), "1 file, {size:.0f} MB", "{count} files, {size:.0f} MB", size=size)
    )


def is_whole(path: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > _LONGEST_HEADER:
                return False
            header = json.loads(stream.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return path.stat().st_size == 8 + length + max(ends)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error):
        return False


# ------------------------------------------------------------------------------------------------------ from the worker
def question(self_test: bool = True) -> protocol.Probe:
    """The request to the worker; with the self-test it makes one second of a take."""
    folder = str(preferences.user_folder() / "self-test") if self_test else None
    return protocol.Probe(self_test=folder, device=preferences.device())


def of_worker(probed: dict[str, Any] | None, problem: str, seconds: float) -> list[Finding]:
    """Findings from the worker's answer to `question`; without an answer, ``problem`` says why.

    ``seconds`` is how long the answer took, including the self-test. `estimate` learns from the self-test's take how
    fast this computer is; the take is then deleted.
    """
    if probed is None:
        return [Finding(BAD, say("Worker"), problem, *_mend(say("Install the runtime again.")))]
    from ...core.wire.worker_facts import WorkerFacts  # Blender starts without it

    try:
        facts = read(WorkerFacts, probed)
    except BadInputError as error:
        return [Finding(BAD, say("Worker"), str(error), say("Restart Blender."))]
    waited = seconds - (facts.self_test.seconds if facts.self_test else 0.0)
    text = say("answered in {seconds:.1f} s, Python {python}", seconds=max(0.0, waited), python=facts.python)
    found = [Finding(OK, say("Worker"), text)]
    if facts.version != protocol.version():
        text = say("version {worker}, the add-on is {own}", worker=facts.version, own=protocol.version())
        found.append(Finding(BAD, say("Version"), text, say("Restart Blender.")))
    found += [_device(facts), *_gpus(facts), *_sums(facts.weights)]
    if facts.self_test:
        found.append(_self_test(facts.self_test))
    return found


def _mend(fix: str) -> tuple[str, str, dict[str, Any]]:
    """Sentence, button and settings to repair a runtime; users repair their own Python themselves."""
    if preferences.own_python() is not None:
        return say("Repair your own Python, or choose another in the preferences."), "preferences.addon_show", {}
    return fix, "soliloquy.install_runtime", {"again": True}


def _device(facts: WorkerFacts) -> Finding:
    wanted = preferences.device()
    text = say(
        "PyTorch {torch} on {device_name}; usable: {devices}",
        torch=facts.torch,
        device_name=facts.device_name,
        devices=", ".join(facts.devices),
    )
    if wanted != "auto" and wanted not in facts.devices:
        fix = say("{wanted} can't be used: choose Automatic in the preferences.", wanted=wanted)
        return Finding(BAD, say("Device"), text, fix, "preferences.addon_show")
    if facts.gpu_note:
        fix = say("Update the GPU's driver if it is old, then install the runtime again.")
        return Finding(WARN, say("Device"), f"{text}. {facts.gpu_note}", *_mend(fix))
    if facts.device == "cpu":
        text += ". " + say("A GPU would be faster, but is not required")
    return Finding(OK, say("Device"), text)


def _gpus(facts: WorkerFacts) -> list[Finding]:
    found = []
    for gpu in facts.gpus:
        free, total = gpu.free / 1e9, gpu.memory / 1e9
        text = say("{name}: {free:.1f} of {total:.1f} GB free", name=gpu.name, free=free, total=total)
        if free < _GPU_GB:
            fix = say(
                "Close programs that use the GPU, leave Cycles in the viewport, or choose Processor in the preferences."
            )
            found.append(Finding(WARN, say("GPU memory"), text, fix, "preferences.addon_show"))
        else:
            found.append(Finding(OK, say("GPU memory"), text))
    return found


def _sums(digests: dict[str, str]) -> list[Finding]:
    """Compare the weights' checksums with the list in the zip; copies that don't come from a zip have no list."""
    try:
        lines = (WEIGHTS / SUMS).read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    wrong = sorted(name for name, digest in wanted.items() if digests.get(name) != digest)
    if wrong:
        text = say("different from the packed files: {wrong}", wrong=", ".join(wrong))
        return [Finding(BAD, say("Weights' checksums"), text, say("Install the extension again from its zip."))]
    return [
        Finding(
            OK, say("Weights' checksums"), say_count(len(wanted), "1 file is as packed", "{count} files are as packed")
        )
    ]


def _self_test(tested: SelfTestFacts) -> Finding:
    take = Path(tested.take)
    if tested.take:
        estimate.learn(take)
        with contextlib.suppress(OSError):
            delete_own(take.parents[1])
    if tested.problem:
        fix = _mend(say("Install the runtime again; if that doesn't help, send the report."))
        return Finding(BAD, say("Self-test"), tested.problem, *fix)
    return Finding(
        OK,
        say("Self-test"),
        say("one second of speech was performed and rendered in {seconds:.0f} s", seconds=tested.seconds),
    )


def summary(findings: list[Finding]) -> str:
    """One line about all findings."""
    worst = [finding.title for finding in findings if finding.level == BAD] or [
        finding.title for finding in findings if finding.level == WARN
    ]
    return (
        say("Needs attention: {titles}", titles=", ".join(worst)) if worst else say("Everything is available and works")
    )


def report(findings: list[Finding]) -> str:
    """The findings as text, to send with a question: without the user's name."""
    lines = [f"Soliloquy {protocol.version()}"]
    for finding in findings:
        lines.append(
            f"[{finding.level:4}] {finding.title}: {finding.text}" + (f" -> {finding.fix}" if finding.fix else "")
        )
    return hidden("\n".join(lines))
