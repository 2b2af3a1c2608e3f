"""core.worker and lines that are no requests: each has one answer, and none deafens or ends the worker."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from subprocess import PIPE
from typing import Any

import pytest

from core.places import ROOT
from core.runtime.processes import clean_environment
from core.wire.lines import MAX_LINE
from core.wire.protocol import Done, Notice
from core.worker import Worker

pytestmark = pytest.mark.worker
COMMAND = [sys.executable, "-s", "-m", "core.worker"]


def answers_to(sent: bytes) -> tuple[list[dict[str, Any]], int]:
    """The answers of a worker that receives these lines and then the end of stdin, and its exit status."""
    done = subprocess.run(COMMAND, cwd=ROOT, env=clean_environment(), input=sent, capture_output=True, timeout=120)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return [event for event in events if event["event"] in ("done", "error")], done.returncode


@pytest.mark.parametrize(
    ("line", "code", "identifier"),
    [
        (b"hello\n", "bad_message", None),
        (b'{"request":"fly","id":"7"}\n', "bad_message", "7"),
        (b'{"request":"generate","id":"8","audio":1}\n', "bad_setting", "8"),
        (b"\xff\xfe\n", "bad_message", None),
    ],
)
def test_wrong_lines_are_answered(line, code, identifier) -> None:
    answers, status = answers_to(line + b'{"request":"probe","id":"last"}\n')
    wrong = next(event for event in answers if event["event"] == "error")
    assert (wrong["code"], wrong["id"]) == (code, identifier)
    assert status == 0


ONE_ANSWER = [
    (b'{"request":"probe","id":"1","device":"\\ud800"}', "bad_setting", "1"),
    (b'{"request":"probe","id":"\\ud800","device":5}', "bad_setting", "\ud800"),
    (b'{"request":"probe","id":"2","\\ud800":1}', "bad_setting", "2"),
    (b'{"request":"generate","id":"3","audio":"\\udcff","portrait":"p","out":"o"}', "bad_setting", "3"),
    (b'{"request":"generate","id":"4","audio":"a\\u0000","portrait":"p","out":"o"}', "bad_setting", "4"),
    (b'{"request":"generate","id":"5","audio":"a","portrait":"p","out":"o","start":1%s}' % (b"0" * 400), None, "5"),
    (b'{"request":"generate","id":"6","audio":"a","portrait":"p","out":"o","seed":%s}' % (b"9" * 5000), None, None),
    (b'{"request":"generate","id":"7","takes":%s}' % (b"[" * 900 + b"]" * 900), "bad_setting", "7"),
    (b'{"request":"generate","id":"8","takes":%s}' % (b"[" * 200_000 + b"]" * 200_000), "bad_message", None),
    (b'{"request":"probe","id":"9","device":"%s"}' % ("\U000e0001" * 250_000).encode(), "bad_setting", "9"),
    (b'{"request":"probe","id":"%s"}' % (b"x" * 1_040_000), "bad_message", None),
    (b'{"request":%s,"id":"10"}' % (b"[" * 900 + b"]" * 900), "bad_message", "10"),
    (b'{"request":"generate","id":"11","audio":"%s"}' % (b"x" * 3_000_000), "bad_message", None),
    (b"x" * MAX_LINE + b'{"request":"cancel","id":"smuggled","job":"x"}', "bad_message", None),
    (b"\0\xff\xed\xa0\x80", "bad_message", None),
    (b"", "bad_message", None),
]


def test_no_line_deafens_the_worker_and_each_has_one_answer() -> None:
    sent = []
    for number, (line, _, _) in enumerate(ONE_ANSWER):
        sent += [line, b'{"request":"cancel","id":"after %d","job":"x"}' % number]
    answers, status = answers_to(b"\n".join(sent) + b"\n")
    assert status == 0, "the end of stdin is heard"
    assert len(answers) == len(sent), "one answer to each line"
    for number, (line, code, identifier) in enumerate(ONE_ANSWER):
        answer, sentinel = answers[2 * number : 2 * number + 2]
        assert sentinel["id"] == f"after {number}", line[:80]
        assert answer["event"] == "error" and answer["code"] in ((code,) if code else ("bad_setting", "bad_message"))
        assert answer["id"] == identifier and len(json.dumps(answer)) < 20_000 and "inside" not in answer["message"]


def test_an_id_in_use_is_refused() -> None:
    """Otherwise nobody could say which of the two is cancelled."""
    line = b'{"request":"generate","id":"same","audio":"/none","portrait":"p","out":"o"}\n'
    with subprocess.Popen(COMMAND, cwd=ROOT, env=clean_environment(), stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(line * 3)
        process.stdin.flush()
        codes: list[str] = []
        while len(codes) < 3:
            event = json.loads(process.stdout.readline())
            codes += [event["code"]] if event["event"] == "error" else []
        process.stdin.close()
    assert codes == ["bad_message", "bad_message", "audio_missing"]


def test_an_answer_that_can_not_be_sent_becomes_an_error() -> None:
    written = io.BytesIO()
    worker = Worker(io.BytesIO(), written)
    worker.emit(Done(id="1", result={"long": "x" * (2 * MAX_LINE)}))
    worker.emit(Done(id="2", result={"never": float("nan")}))
    worker.emit(Notice(id="3", message="x" * (2 * MAX_LINE)))
    told = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(event["id"], event["code"]) for event in told] == [("1", "internal"), ("2", "internal")]
