"""core.wire.client against real processes that misbehave in every way."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from pathlib import Path

import pytest

from core.errors import BadInputError, SoliloquyError
from core.runtime.processes import clean_environment
from core.wire.client import WorkerClient
from core.wire.protocol import PROTOCOL, Done, Error, Event, Generate, Hello, Probe, Progress

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="looks at POSIX processes")

PRELUDE = r"""
import json, os, signal, subprocess, sys, time
def say(**fields):
    sys.stdout.buffer.write(json.dumps(fields).encode() + b"\n"); sys.stdout.buffer.flush()
def hello(protocol=PROTOCOL):
    say(event="hello", protocol=protocol, version="0", device="cpu", device_name="", python="3", torch="2",
        pid=os.getpid())
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else None
""".replace("PROTOCOL", str(PROTOCOL))
ANSWER_ALL = "hello()\nwhile (m := hear()):\n    say(event='done', id=m['id'], result={'saw': m['request']})\n"
HANG = "hello()\nwhile True: time.sleep(1)\n"


def start(tmp_path: Path, body: str, **options) -> WorkerClient:
    script = tmp_path / "worker.py"
    script.write_text(PRELUDE + body, encoding="utf-8")
    return WorkerClient(sys.executable, command=[sys.executable, "-s", str(script)], root=tmp_path, **options)


def gone(pid: int) -> bool:
    """Whether no such process exists (a zombie counts as gone: init collects it)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def within(seconds: float, condition) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_answers_come_back_with_their_ids(tmp_path) -> None:
    with start(tmp_path, ANSWER_ALL) as client:
        first, second = client.request(Probe()), client.request(Probe())
        assert first != second and client.busy
        seen = []
        assert client.wait(second, timeout=20, on_event=seen.append) == Done(id=second, result={"saw": "probe"})
        assert isinstance(seen[0], Hello) and client.hello == seen[0]
        assert Done(id=first, result={"saw": "probe"}) in seen
        assert not client.busy and client.alive
    assert not client.alive


def test_polling_never_waits(tmp_path, monkeypatch) -> None:
    """The worker says nothing until ``go`` is there. A poll that slept or waited would be noted, or never come back."""
    waited: list[str] = []
    seen: list[list[Event]] = []

    class Watched(queue.SimpleQueue):
        def get(self, block=True, timeout=None):
            if block and threading.current_thread().name == "poller":
                waited.append("queue")
            return super().get(block, timeout)

    def sleep(seconds: float, really=time.sleep) -> None:
        if threading.current_thread().name == "poller":
            waited.append("sleep")
        really(seconds)

    monkeypatch.setattr("core.wire.client.queue.SimpleQueue", Watched)
    monkeypatch.setattr("core.wire.client.time.sleep", sleep)
    body = f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)\n" + ANSWER_ALL
    with start(tmp_path, body) as client:
        client.request(Probe())
        polls = (client.poll() for _ in range(50))
        poller = threading.Thread(target=seen.extend, args=(polls,), name="poller", daemon=True)
        poller.start()
        poller.join(20)
        ended = not poller.is_alive()
        (tmp_path / "go").touch()
        assert ended and waited == [] and seen == [[]] * 50
        assert within(20, lambda: any(isinstance(event, Hello) for event in client.poll()))


def test_a_crash_is_one_error_with_the_last_words(tmp_path) -> None:
    body = "hello(); hear()\nprint('Traceback', file=sys.stderr)\nsys.exit('numpy is broken')\n"
    with start(tmp_path, body) as client:
        job = client.request(Probe())
        answer = client.wait(job, timeout=20)
        assert isinstance(answer, Error)
        assert (answer.code, answer.exit_code) == ("worker_died", 1)
        assert "exit status 1" in answer.message and "numpy is broken" in answer.hint
        assert "Traceback" in client.log
        assert client.poll() == []
        with pytest.raises(SoliloquyError, match="not running"):
            client.request(Probe())


@posix_only
def test_killed_by_the_system_says_so(tmp_path) -> None:
    with start(tmp_path, "hello(); hear()\nos.kill(os.getpid(), signal.SIGKILL)\n") as client:
        answer = client.wait(client.request(Probe()), timeout=20)
        assert "SIGKILL" in answer.message and "memory" in answer.message


def test_a_worker_that_dies_before_hello(tmp_path) -> None:
    with start(tmp_path, "sys.exit(\"No module named 'torch'\")\n") as client:
        answer = client.wait(client.request(Probe()), timeout=20)
        assert answer.code == "worker_died" and "torch" in answer.hint


def test_a_worker_that_never_says_hello(tmp_path) -> None:
    with start(tmp_path, "time.sleep(60)\n", start_timeout=0.3) as client:
        answer = client.wait(client.request(Probe()), timeout=20)
        assert answer.code == "worker_silent"
        assert within(5, lambda: not client.alive)


def test_a_worker_that_falls_silent(tmp_path) -> None:
    with start(tmp_path, HANG, silence_timeout=0.3) as client:
        assert client.wait(client.request(Probe()), timeout=20).code == "worker_silent"


def test_signs_of_life_keep_a_slow_worker(tmp_path) -> None:
    body = (
        "hello(); m = hear()\nfor _ in range(8):\n    say(event='alive', id=m['id']); time.sleep(0.2)\n"
        "say(event='done', id=m['id'], result={})\nhear()\n"
    )
    with start(tmp_path, body, silence_timeout=0.8) as client:
        seen = []
        assert isinstance(client.wait(client.request(Probe()), timeout=30, on_event=seen.append), Done)
        assert [type(event) for event in seen] == [Hello, Done]


def test_cancel_of_a_deaf_worker_kills_it(tmp_path) -> None:
    with start(tmp_path, HANG, cancel_timeout=0.3) as client:
        job = client.request(Probe())
        client.cancel(job)
        client.cancel(job)
        answer = client.wait(job, timeout=20)
        assert (answer.code, answer.exit_code) == ("cancelled", 130)
        assert within(5, lambda: not client.alive)


def test_cancel_that_is_heard_keeps_the_worker(tmp_path) -> None:
    body = (
        "hello(); job = hear(); cancel = hear()\n"
        "say(event='done', id=cancel['id'], result={'found': True})\n"
        "say(event='error', id=cancel['job'], code='cancelled', message='Cancelled.', hint='', exit_code=130)\n"
        "m = hear()\nsay(event='done', id=m['id'], result={})\nhear()\n"
    )
    with start(tmp_path, body) as client:
        job = client.request(Probe())
        client.cancel(job)
        assert client.wait(job, timeout=20).code == "cancelled"
        assert client.alive
        assert isinstance(client.wait(client.request(Probe()), timeout=20), Done)


def test_a_deadline_on_waiting_ends_it(tmp_path) -> None:
    with start(tmp_path, HANG) as client:
        assert client.wait(client.request(Probe()), timeout=0.3).code == "worker_timeout"


def test_garbage_on_stdout_is_an_error_not_a_crash(tmp_path) -> None:
    with start(tmp_path, "print('Downloading model...', flush=True); time.sleep(60)\n") as client:
        assert client.wait(client.request(Probe()), timeout=20).code == "worker_garbled"


def test_another_protocol_is_refused(tmp_path) -> None:
    with start(tmp_path, "hello(protocol=99); time.sleep(60)\n") as client:
        answer = client.wait(client.request(Probe()), timeout=20)
        assert answer.code == "worker_version" and "99" in answer.message


def test_every_open_request_is_answered_once(tmp_path) -> None:
    with start(tmp_path, "hello(); hear(); hear(); hear(); sys.exit(3)\n") as client:
        jobs = [client.request(Probe()) for _ in range(3)]
        answers = []
        assert within(20, lambda: answers.extend(e for e in client.poll() if isinstance(e, Error)) or len(answers) >= 3)
        assert sorted(a.id for a in answers) == sorted(jobs)


@posix_only
def test_closing_leaves_no_process_behind(tmp_path) -> None:
    """A worker that ignores both shutdown and SIGTERM, with a child of its own."""
    body = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "hello(); m = hear(); say(event='done', id=m['id'], result={'child': child.pid})\n"
        "while True: time.sleep(1)\n"
    )
    client = start(tmp_path, body)
    child = client.wait(client.request(Probe()), timeout=20).result["child"]
    assert not gone(child)
    client.close(timeout=0.3)
    assert within(5, lambda: gone(client.pid)) and within(5, lambda: gone(child))
    client.close(timeout=0.3)


def test_a_polite_worker_is_not_killed(tmp_path) -> None:
    client = start(tmp_path, "hello()\nwhile (m := hear()) and m['request'] != 'shutdown': pass\nsys.exit(7)\n")
    assert within(20, lambda: client.poll() or client.hello)
    assert client.close(timeout=10) == 7


@posix_only
def test_the_worker_hears_when_its_client_is_killed(tmp_path) -> None:
    """Kill -9 of the process that holds the client: stdin closes, and the worker ends by itself."""
    (tmp_path / "worker.py").write_text(PRELUDE + "hello()\nwhile hear(): pass\n", encoding="utf-8")
    holder = tmp_path / "holder.py"
    holder.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).resolve().parents[3])!r})\n"
        "from core.wire.client import WorkerClient\n"
        f"c = WorkerClient(sys.executable, command=[sys.executable, 'worker.py'], root={str(tmp_path)!r})\n"
        "while not c.hello: c.poll(); time.sleep(0.02)\n"
        "print(c.pid, flush=True); time.sleep(600)\n",
        encoding="utf-8",
    )
    import signal
    import subprocess

    with subprocess.Popen([sys.executable, str(holder)], stdout=subprocess.PIPE) as process:
        worker = int(process.stdout.readline())
        assert not gone(worker)
        process.send_signal(signal.SIGKILL)
    assert within(10, lambda: gone(worker))


def test_a_missing_interpreter_is_a_sentence(tmp_path) -> None:
    with pytest.raises(SoliloquyError, match="could not be started") as caught:
        WorkerClient(tmp_path / "no" / "python", root=tmp_path)
    assert caught.value.code == "worker_not_started"


def test_bad_settings_never_reach_the_worker(tmp_path) -> None:
    with start(tmp_path, ANSWER_ALL) as client:
        with pytest.raises(BadInputError):
            client.request(Generate(audio="a", portrait="p", out="o", takes=0))
        assert not client.busy


def test_the_environment_is_scrubbed(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    monkeypatch.setenv("SOLILOQUY_KEPT", "ü 頭")
    environment = clean_environment()
    assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"} & set(environment)
    body = (
        "hello(); m = hear(); say(event='done', id=m['id'], result={'kept': os.environ['SOLILOQUY_KEPT'], "
        "'path': os.environ.get('PYTHONPATH'), 'utf8': sys.flags.utf8_mode, 'group': os.getpgrp() == os.getpid()})\n"
    )
    if sys.platform == "win32":
        body = body.replace("os.getpgrp() == os.getpid()", "True")
    with start(tmp_path, body) as client:
        result = client.wait(client.request(Probe()), timeout=20).result
    assert result == {"kept": "ü 頭", "path": None, "utf8": 1, "group": True}
    assert os.environ["PYTHONPATH"] == "/elsewhere"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's setting")
@pytest.mark.parametrize("own", [None, "glibc.malloc.check=0"])
def test_a_worker_takes_memory_in_large_pages_unless_told_otherwise(tmp_path, monkeypatch, own) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if own:
        monkeypatch.setenv("GLIBC_TUNABLES", own)
    body = "hello(); m = hear(); say(event='done', id=m['id'], result={'set': os.environ.get('GLIBC_TUNABLES')})\n"
    with start(tmp_path, body) as client:
        result = client.wait(client.request(Probe()), timeout=20).result
    assert result == {"set": own or "glibc.malloc.hugetlb=1"}
    assert os.environ.get("GLIBC_TUNABLES") == own


def test_progress_passes_through_in_order(tmp_path) -> None:
    body = (
        "hello(); m = hear()\nfor i in range(300):\n"
        "    say(event='progress', id=m['id'], stage='frames', done=i, total=300, eta=None, take=1)\n"
        "say(event='done', id=m['id'], result={})\nhear()\n"
    )
    with start(tmp_path, body) as client:
        seen = []
        client.wait(client.request(Probe()), timeout=20, on_event=seen.append)
        assert [e.done for e in seen if isinstance(e, Progress)] == list(range(300))
