"""core.worker as a real process: the conversation, cancel, kill, and the end of stdin.

The networks are stand-ins, except in one test that uses the shipped ones on a real photograph and real speech.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.motion.live_link import VALUE_COLUMNS
from core.motion.motion import Motion
from core.prior.model import NonlipPrior
from core.schema import build
from core.takes.frames import _WAITING, read_frame
from core.takes.job import Job
from core.takes.take_maker import BATCH
from core.wire.client import WorkerClient
from core.wire.protocol import PROTOCOL, Done, Error, Generate, Probe, Progress, Resample, TakeReady
from core.wire.worker_facts import WorkerFacts

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SOLILOQUY_DATA", ROOT.parent / "shared" / "data"))
pytestmark = [pytest.mark.worker, pytest.mark.slow]
STAND_IN = """
import os, sys
from tests.core.standins import install
models = install()
models._renderer.seconds_a_frame = {seconds}
{extra}
from core.worker import main
os._exit(main())
"""


def command(seconds: float = 0.0, extra: str = "") -> list[str]:
    return [sys.executable, "-s", "-c", STAND_IN.format(seconds=seconds, extra=extra)]


@pytest.fixture
def request_(tmp_path) -> Generate:
    generator = np.random.default_rng(0)
    soundfile.write(tmp_path / "spéech 声.wav", generator.normal(0, 0.1, 64000), 16000)
    Image.fromarray(generator.integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / "p.png")
    return Generate(
        audio=str(tmp_path / "spéech 声.wav"), portrait=str(tmp_path / "p.png"), out=str(tmp_path / "öut"), device="cpu"
    )


def until(client: WorkerClient, wanted, seconds: float = 60.0) -> list:
    """Poll until ``wanted(event)`` is true; returns all events until then."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        for event in client.poll():
            seen.append(event)
            if wanted(event):
                return seen
        time.sleep(0.01)
    raise AssertionError(f"never came; seen {seen[-3:]}, log {client.log}")


def within_seconds(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def rendering(event) -> bool:
    return isinstance(event, Progress) and event.stage == "frames" and event.done > 3


def test_the_real_worker_says_hello_and_answers_probe() -> None:
    with WorkerClient(sys.executable) as client:
        answer = client.wait(client.request(Probe()), timeout=120)
        assert isinstance(answer, Done), answer
        facts = build(WorkerFacts, answer.result)
        assert client.hello.protocol == PROTOCOL and facts.device == client.hello.device == facts.devices[0]
        assert "head_model.safetensors" in facts.weights and facts.self_test is None and facts.processors > 0
        assert client.close() == 0


def test_a_job_then_another_with_the_same_worker(request_) -> None:
    with WorkerClient(sys.executable, command=command()) as client:
        seen = []
        answer = client.wait(client.request(request_), timeout=120, on_event=seen.append)
        assert isinstance(answer, Done), answer
        take = next(event for event in seen if isinstance(event, TakeReady))
        assert take.frame_count == 100 and Path(take.frames, "000100.png").is_file()
        stages = list(dict.fromkeys(event.stage for event in seen if isinstance(event, Progress)))
        assert stages == ["audio", "portrait", "models", "motion", "renderer", "frames", "extract"]
        assert isinstance(client.wait(client.request(Resample(job=take.job, device="cpu")), timeout=60), Done)


def test_bad_input_is_answered_and_the_worker_stays(request_, tmp_path) -> None:
    with WorkerClient(sys.executable, command=command()) as client:
        wrong = Generate(audio=str(tmp_path / "no.wav"), portrait=request_.portrait, out=request_.out, device="cpu")
        answer = client.wait(client.request(wrong), timeout=120)
        assert (answer.code, answer.exit_code) == ("audio_missing", 2)
        assert not Path(request_.out).exists()
        assert isinstance(client.wait(client.request(request_), timeout=60), Done)


def test_a_bug_is_an_error_with_its_traceback_in_the_log(request_) -> None:
    with WorkerClient(
        sys.executable, command=command(extra="models._renderer.fail_at = (2, ZeroDivisionError('x'))")
    ) as c:
        answer = c.wait(c.request(request_), timeout=120)
        assert (answer.code, answer.exit_code) == ("internal", 1) and "ZeroDivisionError" in answer.message
        assert isinstance(c.wait(c.request(request_), timeout=60), Done)
        assert "Traceback" in c.log


def test_cancel_while_rendering(request_) -> None:
    with WorkerClient(sys.executable, command=command(0.02)) as client:
        job = client.request(request_)
        until(client, rendering)
        client.cancel(job)
        answer = client.wait(job, timeout=10)
        assert (answer.code, answer.exit_code) == ("cancelled", 130)
        assert client.alive
        assert isinstance(client.wait(client.request(request_), timeout=60), Done)


def test_cancel_of_a_job_that_waits(request_) -> None:
    """It is answered at once, and the job that runs goes on, even if it takes longer than a cancel may."""
    with WorkerClient(sys.executable, command=command(0.05), cancel_timeout=2.0) as client:
        first, second = client.request(request_), client.request(request_)
        until(client, rendering)
        client.cancel(second)
        answers = {}
        seen = until(
            client, lambda e: isinstance(e, (Done, Error)) and answers.update({e.id: e}) is None and len(answers) == 2
        )
        assert answers[second].code == "cancelled" and isinstance(answers[first], Done)
        assert not any(isinstance(event, Progress) and event.id == second for event in seen)


def test_killed_in_mid_job_then_resumed(request_) -> None:
    """Killed when at least one whole batch of frames is written: a batch that was begun is rendered again."""
    with WorkerClient(sys.executable, command=command(0.02)) as client:
        job = client.request(request_)
        until(client, lambda event: rendering(event) and event.done > BATCH + _WAITING)
        os.kill(client.pid, signal.SIGKILL)
        answer = client.wait(job, timeout=20)
        assert answer.code == "worker_died"
    written = sorted(Path(request_.out).glob("*/take-001/frames/[0-9]*.png"))
    assert 0 < len(written) < 100
    for path in written:
        read_frame(path.parent, int(path.stem) - 1)
    before = written[0].stat().st_mtime_ns
    with WorkerClient(sys.executable, command=command()) as client:
        assert isinstance(client.wait(client.request(request_), timeout=60), Done)
    assert written[0].stat().st_mtime_ns == before
    assert len(list(written[0].parent.iterdir())) == 100


@pytest.mark.parametrize("how", ["shutdown", "stdin closed"])
def test_the_end_in_mid_job_leaves_no_process(request_, how) -> None:
    client = WorkerClient(sys.executable, command=command(0.02))
    job = client.request(request_)
    until(client, rendering)
    if how == "shutdown":
        assert client.close(timeout=10) == 0
    else:
        client._outgoing.put(None)
        assert client._process.wait(timeout=10) == 0
        assert client.wait(job, timeout=5).code in ("cancelled", "worker_died")
    assert Job.open(next(Path(request_.out).iterdir())).facts.takes[0].status == "cancelled"
    client.close()


def test_a_deaf_job_is_cut_off_when_stdin_closes(request_) -> None:
    """A job in one long computation can't notice that it was cancelled. The process ends without waiting for it."""
    client = WorkerClient(sys.executable, command=command(600.0))
    client.request(request_)
    until(client, lambda event: isinstance(event, Progress) and event.stage == "frames")
    client._outgoing.put(None)
    assert client._process.wait(timeout=20) == 1
    client.close()


def test_printing_libraries_can_not_garble_the_messages(request_) -> None:
    noise = (
        "import ctypes; print('python noise', flush=True); ctypes.CDLL(None).puts(b'c noise'); os.write(1, b'raw\\n')"
    )
    if sys.platform == "win32":
        noise = "print('python noise', flush=True)"
    extra = (
        "from core.compute import devices as m\nold = m.devices\n"
        f"def loud():\n    {noise}\n    return old()\nm.devices = loud"
    )
    with WorkerClient(sys.executable, command=command(extra=extra)) as client:
        assert isinstance(client.wait(client.request(request_), timeout=60), Done)
        assert "python noise" in client.log


def test_libraries_find_stdin_empty(request_) -> None:
    extra = (
        "from core.compute import devices as m\nold = m.devices\n"
        "def curious():\n    assert os.read(0, 1) == b''\n    return old()\nm.devices = curious"
    )
    with WorkerClient(sys.executable, command=command(extra=extra)) as client:
        assert isinstance(client.wait(client.request(request_), timeout=60), Done)


@pytest.mark.parametrize(
    "failure", ["MemoryError()", "ImportError('libtorch_cpu.so: failed to map segment from shared object')"]
)
def test_too_little_memory_to_start_is_told(failure) -> None:
    extra = f"from core.compute import devices as m\ndef fail():\n    raise {failure}\nm.devices = fail"
    with WorkerClient(sys.executable, command=command(extra=extra)) as client:
        answer = client.wait(client.request(Probe()), timeout=60)
        assert (answer.code, answer.message) == ("out_of_memory", "There is not enough memory.")
        assert within_seconds(10, lambda: not client.alive) and "Traceback" not in client.log


@pytest.mark.real_data
def test_real_speech_and_a_real_photograph_end_to_end(tmp_path, monkeypatch) -> None:
    """The shipped networks give the right number of frames, a moving face, curves, and the same bytes twice."""
    speech, portrait = DATA / "speech" / "1034-121119-0000.flac", DATA / "portraits" / "A000055.jpg"
    if not speech.is_file():
        pytest.skip(f"no real data in {DATA}")
    takes = []
    for folder in ("one", "two"):
        monkeypatch.setenv("SOLILOQUY_CACHE", str(tmp_path / folder / "cache"))  # so that the fit is made twice too
        with WorkerClient(sys.executable) as client:
            request = Generate(
                audio=str(speech),
                portrait=str(portrait),
                out=str(tmp_path / folder),
                duration=1.2,
                seed=7,
                device="cpu",
            )
            seen = []
            answer = client.wait(client.request(request), timeout=300, on_event=seen.append)
            assert isinstance(answer, Done), (answer, client.log)
            takes += [event for event in seen if isinstance(event, TakeReady)]
    one, two = takes
    assert one.frame_count == 30 and one.seed == 7
    motion = Motion.load(one.motion)
    assert np.array_equal(motion.channels(), Motion.load(two.motion).channels())
    assert motion.group("lips").std() > 0.001 and motion.group("head").std() > 1e-4
    pictures = sorted(Path(one.frames).iterdir())
    assert [p.name for p in pictures] == [p.name for p in sorted(Path(two.frames).iterdir())]
    assert len(pictures) == 30
    assert all(path.read_bytes() == (Path(two.frames) / path.name).read_bytes() for path in pictures)
    first, later = (read_frame(Path(one.frames), index).astype(int) for index in (0, 20))
    assert np.abs(first - later).mean() > 0.05
    for curves in (one.curves, one.curves_extracted):
        rows = Path(curves).read_text(encoding="utf-8").splitlines()
        assert len(rows) == 31 and rows[0].count(",") == len(VALUE_COLUMNS) + 1


def test_defaults_are_those_the_weights_were_measured_with() -> None:
    prior = NonlipPrior.load()
    request = Generate(audio="a", portrait="p", out="o")
    assert (request.guidance_scale, request.num_inference_steps) == (prior.guidance_scale, prior.num_inference_steps)
