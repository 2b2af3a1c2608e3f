"""A scripted worker for tests of the add-on. It speaks the real protocol, makes tiny takes and misbehaves on demand.

The portrait's file name says how: ``slow`` needs some time for each frame, ``held`` waits in the middle of each take
for a file ``go`` next to the portrait (``go 2`` releases only the second take; a file ``held`` in a job's folder does
the same to jobs without a portrait), ``crash`` dies after the first take,
``noface`` refuses, ``hang`` sends nothing more and ignores cancel, ``garbage`` writes a line that is no message.
A take with a ``take.json`` is finished: like the real worker, this one announces it and leaves it unchanged.
Frame i is one colour, (i mod 256, i // 256, 128), so that a test can read from a picture which frame it is.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))  # the client starts workers in the folder that holds core/

import numpy as np

from core.errors import EXIT_BAD_INPUT, EXIT_CANCELLED
from core.motion.channels import CHANNELS, EXPRESSIONS, GROUPS, SHAPES
from core.phones.documents import HEARD, PHONES_FILE, PhoneDocument, read_phones
from core.phones.phone_set import Segment
from core.wire import lines, protocol
from core.wire.names import HEAD_FILES, HEAD_MATERIALS, WRINKLE_FILES
from core.wire.specs import GenerateSpec
from core.wire.systems import GAME, MODEL
from core.wire.take_file import TakeFacts

cancelled: set[str] = set()
SECONDS = 2.0


def say(event: protocol.Event) -> None:
    sys.stdout.buffer.write(lines.encode_event(event))
    sys.stdout.buffer.flush()


def png(path: Path, colour: tuple[int, int, int], size: int = 16) -> None:
    """Write one flat colour as a PNG of ``size``² pixels without an image library, which the wheels' Python lacks."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(colour) * size) * size
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def motion(frames: int, seed: int) -> dict[str, np.ndarray]:
    """Smooth artificial motion: jaw and blinks are the same for all seeds, the head turns depend on the seed."""
    t = np.arange(frames) / 25.0
    expression = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    expression[:, EXPRESSIONS.index("jawOpen")] = 0.5 - 0.5 * np.cos(2 * np.pi * 2 * t)
    expression[:, EXPRESSIONS.index("eyeBlink_L")] = np.clip(np.sin(3 * t), 0, 1)
    expression[:, EXPRESSIONS.index("eyeLookOut_L")] = 0.5
    phase = np.random.default_rng(seed).uniform(0, 6.28, 3)
    rotation = 0.2 * np.sin(t[:, None] + phase)
    translation = 0.5 * np.cos(t[:, None] + phase)
    return {"expression": expression, "rotation": rotation.astype(np.float32), "translation": translation}


def resampled(job: Path, seed: int, request: protocol.Resample) -> dict[str, np.ndarray]:
    """Motion of a new seed in which the kept part of a take stays bit for bit."""
    with np.load(job / f"take-{request.take or 1:03d}" / "motion.npz") as stored:
        old = {name: stored[name] for name in ("expression", "rotation", "translation")}
    count = len(old["expression"])
    new = motion(count, seed)
    if request.take is None:
        return new
    new["expression"] = np.clip(new["expression"] + 0.01 * (seed % 7 + 1), 0, 1).astype(np.float32)
    last = count - 1 if request.last_frame is None else request.last_frame
    renewed = {name for group in request.renew or GROUPS for name in GROUPS[group]}
    free = np.zeros((count, len(CHANNELS)), bool)
    free[request.first_frame : last + 1] = [name in renewed for name in CHANNELS]
    for name, columns in (("expression", slice(0, 53)), ("rotation", slice(53, 56)), ("translation", slice(56, 59))):
        new[name] = np.where(free[:, columns], new[name], old[name])
    return new


def heard(seconds: float) -> PhoneDocument:
    """Phones of 70 ms with a pause in the middle; every fourth is shorter than a frame."""
    names = ("HH", "AH", "L", "OW", "W", "ER", "L", "D")
    found, now = [], 0.103
    while now + 0.07 < seconds:
        end = now + (0.013 if len(found) % 4 == 2 else 0.0701)
        found.append(Segment(names[len(found) % len(names)], now, end))
        now = end + (0.3 if len(found) == 8 else 0.0)
    return PhoneDocument.of(HEARD, seconds, found)


def make_take(
    identifier: str, job: Path, index: int, seed: int, request: protocol.Generate, pause: float,
    moving: dict[str, np.ndarray] | None = None, gate: Path | None = None, phones: str | None = None,
) -> bool:  # fmt: skip
    seconds = SECONDS if request.duration is None else request.duration
    shown = getattr(request, "preview", None)
    count = round(25 * (seconds if shown is None else min(seconds, shown)))
    folder = job / f"take-{index:03d}"
    whole = (folder / "take.json").is_file()
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    moving = moving or motion(count, seed)
    count = len(moving["expression"])
    if not whole:
        np.savez(folder / "motion.npz", fps=25.0, names=np.array(CHANNELS), **moving)
        (read_phones(phones) if phones else heard(seconds)).write(folder / PHONES_FILE)
    for i in range(0 if request.motion_only or whole else count):
        if identifier in cancelled:
            return False
        png(folder / "frames" / f"{i + 1:06d}.png", (i % 256, i // 256, 128))
        if i % 10 == 0:
            eta = (count - i) * max(pause, 0.001)
            share = min(1.0, (index - 1 + (i + 1) / count) / getattr(request, "takes", 1))
            say(protocol.Progress(id=identifier, stage="frames", done=i, total=count, eta=eta, share=share, take=index))
        time.sleep(pause)
        while gate and i == 20 and not ((gate / "go").exists() or (gate / f"go {index}").exists()):
            if identifier in cancelled:
                return False
            time.sleep(0.01)
    frames = None if request.motion_only else str(folder / "frames")
    if not whole:
        TakeFacts(
            index=index, seed=seed, spec=GenerateSpec(), job=job.name, frame_count=count, fps=25.0, start=request.start,
            seconds=seconds, device="cpu", size=None if request.motion_only else 16,
            files=("motion.npz", PHONES_FILE),
        ).write(folder)  # fmt: skip
    say(
        protocol.TakeReady(
            id=identifier, job=str(job), index=index, seed=seed, folder=str(folder), motion=str(folder / "motion.npz"),
            curves=str(folder / "curves.csv"), curves_extracted=None, frames=frames, contact=None, frame_count=count,
            fps=25.0, width=16, height=16, start=request.start, seconds=seconds,
        )
    )  # fmt: skip
    return True


def head_files(out: Path, detail: str) -> dict[str, str]:
    """Files of a box that has the shape keys and joints of a head; a detailed one has quads, and hair as a roof."""
    out.mkdir(parents=True, exist_ok=True)
    corners = np.array([[x, y, z] for x in (-8, 8) for y in (-10, 14) for z in (-9, 9)], np.float32)
    triangles = np.array(
        [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
         [1, 5, 7], [1, 7, 3]]
    )  # fmt: skip
    shapes = np.zeros((len(SHAPES), 8, 3), np.float32)
    shapes[:, :, 1] = -np.linspace(0.5, 1.5, len(SHAPES))[:, None]
    weights = np.zeros((8, 6), np.float32)
    weights[:, 2] = 1.0
    made = {"mesh": str(out / "head.npz"), "texture": str(out / "head.png")}
    surface = {"triangles": triangles, "triangle_uv": triangles}
    if detail != MODEL:
        faces = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, -1],
                          [1, 7, 3, -1]])  # fmt: skip
        surface = {
            "faces": faces, "face_uv": faces, "face_material": np.arange(7) % len(HEAD_MATERIALS),
            "material_names": np.array(HEAD_MATERIALS), "brow_colour": np.full(3, 0.2), "lash_colour": np.full(3, 0.1),
            "hair_vertices": corners[[2, 3, 7, 6]] + (0, 1, 0), "hair_faces": np.array([[0, 1, 2, 3]]),
            "hair_uv": np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), "hair_weights": weights[:4],
        }  # fmt: skip
        png(out / "hair.png", (60, 40, 30))
        made["hair"] = str(out / "hair.png")
        for content in ("normals",) if detail == GAME else WRINKLE_FILES:
            png(out / HEAD_FILES[content], (128, 128, 255))
            made[content] = str(out / HEAD_FILES[content])
    np.savez(
        out / "head.npz", vertices=corners, uv=corners[:, :2] / 40 + 0.5, **surface,
        shapes=shapes, shape_names=np.array(SHAPES), weights=weights,
        joint_names=np.array(("root", "neck", "head", "jaw", "eye.L", "eye.R")),
        joints=np.array([[0, -14, -2], [0, -9, -2], [0, -2, 0], [0, -1, 1], [3, 3, 6], [-3, 3, 6]], np.float32),
        gaze_angles=np.radians([30.0, 30.0, 30.0, 30.0]), jaw_angles=np.radians([18.0, 6.0]),
    )  # fmt: skip
    png(out / "head.png", (200, 160, 140))
    return made


def run(identifier: str, request: protocol.Request) -> None:
    manner = Path(getattr(request, "portrait", "")).stem
    if manner == "noface":
        error = protocol.Error(
            id=identifier, code="portrait_no_face", message="No face was found.", hint="Choose another picture.",
            exit_code=EXIT_BAD_INPUT,
        )  # fmt: skip
        return say(error)
    if isinstance(request, protocol.Generate) and not Path(request.portrait).is_file():
        message = f"There is no picture at {request.portrait}."
        return say(protocol.Error(id=identifier, code="portrait_missing", message=message, exit_code=EXIT_BAD_INPUT))
    if manner == "garbage":
        sys.stdout.buffer.write(b"no message\n")
        sys.stdout.buffer.flush()
    if manner in ("hang", "garbage"):
        time.sleep(3600)
    if isinstance(request, protocol.Probe):
        facts = {"version": protocol.version(), "device": "cpu", "devices": ["cpu"], "device_name": "scripted"}
        if request.self_test is not None:
            facts["self_test"] = {"problem": "", "seconds": 1.0, "take": ""}
        return say(protocol.Done(id=identifier, result=facts | {"python": "3", "torch": "none"}))
    if isinstance(request, protocol.Head):
        return say(protocol.Done(id=identifier, result=head_files(Path(request.out), request.detail)))
    given = phones = None
    if isinstance(request, protocol.Resample):
        job = Path(request.job)
        first = 1 + len(list(job.glob("take-*")))
        like = protocol.Generate(audio="", portrait="", out="", takes=request.takes)
        seeds = range(100 + first, 100 + first + request.takes)
    elif isinstance(request, protocol.Render):
        job = Path(request.job)
        first = 1 + len(list(job.glob("take-*")))
        like = protocol.Generate(audio="", portrait="", out="")
        seeds = [request.take]
        with np.load(request.motion or job / f"take-{request.take:03d}" / "motion.npz") as stored:
            given = {name: stored[name] for name in ("expression", "rotation", "translation")}
    elif isinstance(request, protocol.UpdateLips):
        job = Path(request.job)
        first = 1 + len(list(job.glob("take-*")))
        like, phones = protocol.Generate(audio="", portrait="", out=""), request.phones
        source = TakeFacts.read(job / f"take-{request.take:03d}")
        seeds = [source.seed]
        with np.load(job / f"take-{request.take:03d}" / "motion.npz") as stored:
            given = {name: stored[name] for name in ("expression", "rotation", "translation")}
        jaw = EXPRESSIONS.index("jawOpen")
        given["expression"][:, jaw] = (request.articulation or 1.0) * 0.3
    elif isinstance(request, protocol.Generate):
        wanted = dataclasses.replace(request, takes=1, out="", device="auto")
        job, first, like = Path(request.out) / f"job-{zlib.crc32(repr(wanted).encode()):08x}", 1, request
        seeds = range(request.seed, request.seed + request.takes)
    else:
        return say(protocol.Error(id=identifier, code="unscripted", message="The script has no such scene."))
    for offset, seed in enumerate(seeds):
        moving = resampled(job, seed, request) if isinstance(request, protocol.Resample) else given
        try:
            pause = 0.05 if manner == "slow" else 0.0
            gate = Path(request.portrait).parent if manner == "held" else job if (job / "held").is_file() else None
            made = make_take(identifier, job, first + offset, seed, like, pause, moving, gate, phones)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return say(protocol.Error(id=identifier, code="disk_full", message="The disk is full."))
        if not made:
            return say(protocol.Error(id=identifier, code="cancelled", message="Cancelled.", exit_code=EXIT_CANCELLED))
        if manner == "crash":
            os.kill(os.getpid(), 9)
    say(protocol.Done(id=identifier, result={"job": str(job), "takes": [first + n for n in range(len(seeds))]}))


def main() -> None:
    hello = protocol.Hello(
        protocol=protocol.PROTOCOL, version=protocol.version(), device="cpu", device_name="scripted", python="3",
        torch="none", pid=os.getpid(),
    )  # fmt: skip
    say(hello)
    for line in sys.stdin.buffer:
        identifier, request = lines.decode_request(line)
        if isinstance(request, protocol.Shutdown):
            break
        if isinstance(request, protocol.Cancel):
            cancelled.add(request.job)
        else:
            threading.Thread(target=run, args=(identifier, request), daemon=True).start()


main()
