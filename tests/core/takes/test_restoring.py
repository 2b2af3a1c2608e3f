"""A program of the user's own restores frames: in pieces, resumably, and whatever it does, no frame is lost."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInputError, CancelledError, SoliloquyError
from core.places import ROOT
from core.takes import restoring
from core.takes.job import Job
from core.takes.studio import Studio
from core.wire.names import frame_name
from core.wire.progress import JobContext
from core.wire.protocol import Extract, Progress, Render, Resample
from core.wire.restorer import IN, OUT
from core.wire.take_file import TakeFacts
from tests.core import standins
from tests.core.job_runs import Heard, contents, run

FRAMES = 30
SCRIPT = """
import sys
from pathlib import Path
from PIL import Image, ImageOps
given, wanted = map(Path, sys.argv[1:3])
names = sorted(path.name for path in given.iterdir())
assert not any(wanted.iterdir())
with (Path(__file__).parent / "calls").open("a") as calls:
    print(len(names), names[0], file=calls)
{body}
"""
INVERT = """
for name in names:
    picture = Image.open(given / name)
    size = picture.width * TIMES, picture.height * TIMES
    ImageOps.invert(picture.convert("RGB")).resize(size, Image.NEAREST).save(wanted / name)
"""


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "PIECE", 12)


@pytest.fixture
def restorer(tmp_path: Path):
    """Makes the command of a restorer that does ``body``."""

    def made(body: str = INVERT, times: int = 1, name: str = "restörer") -> tuple[str, ...]:
        script = tmp_path / f"{name}.py"
        script.write_text(SCRIPT.replace("{body}", body.replace("TIMES", str(times))), encoding="utf-8")
        return (sys.executable, str(script), IN, OUT)

    return made


def calls(command: tuple[str, ...]) -> list[str]:
    path = Path(command[1]).parent / "calls"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def pixels(folder: str | Path, index: int = 3) -> np.ndarray:
    return np.asarray(Image.open(Path(folder) / frame_name(index)))


def pngs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_frames_are_restored_in_pieces_and_the_drawn_ones_are_kept(models, request_, restorer) -> None:
    plain = run(replace(request_, out=request_.out + " plain")).takes()
    command = restorer()
    heard = run(replace(request_, restorer=command))
    assert calls(command)[:3] == ["12 000001.png", "12 000013.png", "6 000025.png"]
    for take, other in zip(heard.takes(), plain, strict=True):
        folder = Path(take.folder)
        assert pngs(folder / "frames-drawn") == pngs(Path(other.frames)), "as without a restorer, byte for byte"
        np.testing.assert_array_equal(pixels(take.frames), 255 - pixels(other.frames))
        assert len(pngs(Path(take.frames))) == FRAMES and (take.width, take.height) == (other.width, other.height)
        assert Image.open(Path(take.frames) / frame_name(0)).text["Soliloquy-Job"] == take.job[-12:]
        assert (folder / "curves.csv").read_bytes() == Path(other.curves).read_bytes()
        assert {path.name for path in folder.iterdir() if path.is_dir()} == {"frames", "frames-drawn"}
    stages = [event.stage for event in heard if isinstance(event, Progress)]
    assert stages[-1] == "restore" and [event for event in heard if isinstance(event, Progress)][-1].share == 1.0
    texts = [path.read_text(encoding="utf-8") for path in Path(heard.takes()[0].job).rglob("*.json")]
    assert not any("rest\\u00f6rer" in text or "restörer" in text for text in texts), "no file of a job holds a command"


def test_a_finished_take_is_restored_once_and_stays(models, request_, restorer) -> None:
    one = replace(request_, takes=1)
    [plain] = run(one).takes()
    drawn = pngs(Path(plain.frames))
    command = restorer(times=2)
    [take] = run(replace(one, restorer=command)).takes()
    assert (take.width, take.height) == (2 * plain.width, 2 * plain.height)
    assert pixels(take.frames).shape[:2] == (take.height, take.width)
    made = models._renderer.rendered
    before, asked = contents(Path(take.folder)), len(calls(command))
    for again in (one, replace(one, restorer=command)):
        [found] = run(again).takes()
        assert (found.width, contents(Path(found.folder))) == (take.width, before)
    assert len(calls(command)) == asked and models._renderer.rendered == made
    [other] = run(replace(one, restorer=restorer(name="another"))).takes()
    assert (other.width, other.height) == (plain.width, plain.height)
    assert pngs(Path(other.folder) / "frames-drawn") == drawn, "another program begins with the drawn frames too"


def test_takes_made_of_restored_ones_begin_with_drawn_frames(models, request_, restorer) -> None:
    command = restorer()
    [take] = run(replace(request_, takes=1, restorer=command)).takes()
    drawn = models._renderer.rendered
    [again] = run(Render(job=take.job, take=1, restorer=command, device="cpu")).takes()
    assert models._renderer.rendered == drawn, "equal frames are copied"
    np.testing.assert_array_equal(pixels(again.frames), pixels(take.frames))
    [part] = run(Resample(job=take.job, take=1, renew=("head",), restorer=command, device="cpu")).takes()
    assert (Path(part.folder) / "frames-drawn").is_dir()
    shown = pngs(Path(take.frames))
    run(Extract(job=take.job, take=1, device="cpu"))
    assert pngs(Path(take.frames)) == shown


FAILURES = {
    "print('no weights found', file=sys.stderr); raise SystemExit(3)": "ended with exit status 3: no weights found",
    "raise RuntimeError('no CUDA here')": "ended with exit status 1: RuntimeError: no CUDA here",
    "pass": "gave no 000001.png",
    INVERT + "\n(wanted / names[-1]).unlink()": "gave no 000012.png",
    INVERT + "\n(wanted / 'more.png').write_bytes(b'')": "gave 13 pictures for 12 frames",
    INVERT + "\n(wanted / names[2]).write_bytes(b'PNG')": "gave a 000003.png that is no intact PNG",
    INVERT + "\nImage.new('RGB', (31, 24)).save(wanted / names[1])": "gave 000002.png a size of 31 × 24 pixels",
    INVERT.replace("TIMES", "5"): "pixels, not",
    INVERT + "\nImage.new('RGB', [2 * n for n in picture.size]).save(wanted / names[4])": (
        "gave 000005.png another size than the frames before"
    ),
}


@pytest.mark.parametrize("body", FAILURES)
def test_a_failure_is_one_sentence_and_loses_nothing(models, request_, restorer, body) -> None:
    heard = Heard()
    command = restorer(body)
    with pytest.raises(SoliloquyError, match="The take keeps the frames that it had") as raised:
        run(replace(request_, restorer=command), heard)
    assert raised.value.code == "restorer_failed" and FAILURES[body] in str(raised.value)
    assert [take.index for take in heard.takes()] == [1, 2], "all takes are made and announced"
    assert len(calls(command)) == 1, "it isn't tried again"
    for take in heard.takes():
        assert len(pngs(Path(take.frames))) == FRAMES and take.width == pixels(take.frames).shape[1]
        assert not (Path(take.folder) / "restoring").exists()


def test_a_restorer_that_was_corrected_restores_what_is_there(models, request_, restorer) -> None:
    with pytest.raises(SoliloquyError):
        run(replace(request_, takes=1, restorer=restorer("raise SystemExit(1)")))
    made = models._renderer.rendered
    [take] = run(replace(request_, takes=1, restorer=restorer())).takes()
    assert (Path(take.folder) / "frames-drawn").is_dir() and models._renderer.rendered == made


def test_a_cancel_kills_the_program_and_the_next_run_goes_on(models, request_, restorer, tmp_path) -> None:
    slow = "import os, time\nif names[0] == '000013.png':\n"
    slow += "    (Path(__file__).parent / 'pid').write_text(str(os.getpid()))\n"
    slow += "    while not (Path(__file__).parent / 'go').exists(): time.sleep(0.05)\n"
    command = restorer(slow + INVERT)
    heard, started = Heard(), time.monotonic()
    context = JobContext("1", heard, (tmp_path / "pid").exists)
    with pytest.raises(CancelledError):
        Studio().handle(replace(request_, takes=1, restorer=command), context)
    assert time.monotonic() - started < 20
    assert not _lives(int((tmp_path / "pid").read_text()))
    [take] = heard.takes()
    assert len(pngs(Path(take.frames))) == FRAMES and not (Path(take.folder) / "frames-drawn").exists()
    (tmp_path / "go").touch()
    (tmp_path / "pid").unlink()
    [again] = run(replace(request_, takes=1, restorer=command)).takes()
    assert [line.split()[1] for line in calls(command)] == ["000001.png", "000013.png", "000013.png", "000025.png"]
    assert (Path(again.folder) / "frames-drawn").is_dir()


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_worker_takes_the_program_with_it(tmp_path) -> None:
    """The worker is killed with its whole group, as Blender does it; the program has a group of its own."""
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    worker = (
        "import subprocess, sys, time; from core.runtime.processes import own_group;"
        "guard = [sys.executable, '-s', '-m', 'core.runtime.guard', '.', sys.executable, '-c', sys.argv[1]];"
        "p = subprocess.Popen(guard, stdin=subprocess.PIPE, **own_group()); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", worker, program], cwd=ROOT, start_new_session=True)
    end = time.monotonic() + 20
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    assert _lives(pid)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while _lives(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _lives(pid)


def test_alpha_is_kept_and_a_restorers_own_alpha_too(models, request_, restorer, monkeypatch) -> None:
    alpha = np.tile(np.arange(32, dtype=np.uint8) * 8, (24, 1))
    plain = standins.StandInRenderer.render

    def with_alpha(self, motion, batch=8, frames=None):
        for picture in plain(self, motion, batch, frames):
            yield np.dstack([picture, np.resize(alpha, picture.shape[:2])])

    monkeypatch.setattr(standins.StandInRenderer, "render", with_alpha)
    [take] = run(replace(request_, takes=1, restorer=restorer(times=2))).takes()
    drawn = pixels(Path(take.folder) / "frames-drawn")
    found = pixels(take.frames)
    assert drawn.shape[2] == found.shape[2] == 4
    np.testing.assert_array_equal(found[::2, ::2, :3], 255 - drawn[..., :3])
    assert np.abs(found[::2, ::2, 3].astype(int) - drawn[..., 3]).max() <= 8
    own = "for name in names: Image.open(given / name).point(lambda v: v // 2).save(wanted / name)"
    [take] = run(replace(request_, takes=1, restorer=restorer(own, name="own"))).takes()
    np.testing.assert_array_equal(pixels(take.frames), drawn // 2)


def test_an_exchange_that_was_cut_off_is_undone(models, request_, restorer) -> None:
    command = restorer()
    [take] = run(replace(request_, takes=1, restorer=command)).takes()
    folder = Path(take.folder)
    drawn = pngs(folder / "frames-drawn")
    replace(TakeFacts.read(folder), restored=None).write(folder)  # as before the last step
    plan = Job.open(take.job).take(1)
    plan.settle()
    assert pngs(folder / "frames") == drawn and not (folder / "frames-drawn").exists()
    (folder / "frames").rename(folder / "frames-drawn")  # as in the middle of it
    plan.settle()
    assert pngs(folder / "frames") == drawn
    [again] = run(replace(request_, takes=1, restorer=command)).takes()
    assert pngs(Path(again.folder) / "frames-drawn") == drawn
    plan.settle()
    assert (folder / "frames-drawn").is_dir(), "a whole exchange stays"


def test_an_exchange_deletes_nothing_through_a_link(models, request_, tmp_path) -> None:
    """A job from somebody else may hold links; pictures that they lead to stay."""
    [take] = run(replace(request_, takes=1)).takes()
    folder, others = Path(take.folder), tmp_path / "pictures"
    (folder / "frames").rename(others)
    shutil.copytree(others, folder / "frames-drawn")
    (folder / "frames").symlink_to(others, target_is_directory=True)
    before = pngs(others)
    with pytest.raises(BadInputError, match="can't be written"):
        Job.open(take.job).take(1).settle()
    assert pngs(others) == before and pngs(folder / "frames-drawn") == before


def test_an_exchange_that_fails_puts_the_drawn_frames_back(models, request_, restorer, monkeypatch) -> None:
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.startswith("restored-"):
            raise PermissionError(errno.EACCES, "in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    heard = Heard()
    with pytest.raises(BadInputError):
        run(replace(request_, takes=1, restorer=restorer()), heard)
    [take] = heard.takes()
    assert len(pngs(Path(take.frames))) == FRAMES and not (Path(take.folder) / "frames-drawn").exists()


def test_a_take_whose_drawn_frames_are_gone_says_so(models, request_, restorer) -> None:
    [take] = run(replace(request_, takes=1, restorer=restorer())).takes()
    (Path(take.folder) / "frames-drawn" / frame_name(5)).unlink()
    with pytest.raises(SoliloquyError, match="Frames of take 1 as they were drawn are missing"):
        run(replace(request_, takes=1, restorer=restorer(name="another")))
    assert len(pngs(Path(take.frames))) == FRAMES


def test_motion_only_takes_have_nothing_to_restore(models, request_, restorer) -> None:
    command = restorer()
    heard = run(replace(request_, motion_only=True, restorer=command))
    assert len(heard.takes()) == 2 and not calls(command)


def test_a_program_that_is_not_there_is_refused_before_anything_is_drawn(models, request_) -> None:
    with pytest.raises(BadInputError, match="There is no restorer"):
        run(replace(request_, restorer=("/no/such/program",)))
