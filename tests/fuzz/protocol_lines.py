"""Sends thousands of broken lines to a worker: each must get one short answer in plain words, and the worker must live.

By hand: ``python -m tests.fuzz.protocol_lines [CASES] [SEED]``. No line names files that exist, so the networks aren't
loaded.
"""

from __future__ import annotations

import collections
import copy
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.places import ROOT
from core.runtime.processes import clean_environment
from core.wire.lines import MAX_LINE, identifier_in

PATIENCE = 10.0
"""Seconds within which every line must be answered, and within which the end of stdin must be heard."""
MOST_MEMORY = 300 << 20
"""Bytes by which the worker's memory may grow. A line has up to 1 MiB, and its values take several times as much."""
LONGEST_ANSWER = 40_000
"""Bytes; a sentence of 2000 letters, each of which needs up to 12 bytes, with its hint."""


class Raw:
    """JSON text that `json.dumps` would not write."""

    def __init__(self, text: str) -> None:
        self.text = text


def valid_requests(folder: Path) -> list[dict[str, Any]]:
    """A request of each kind with most of its settings. None of them finds its files."""
    job, out = str(folder / "no-job"), str(folder / "out")
    style = {"liveliness": 0.5, "persona": 3, "blink_rate": 20, "start_pose": [0, 5, 0], "loop": False}
    style["poses"] = [{"seconds": 0.5, "pitch": 1, "yaw": -5, "roll": 0}, {"seconds": 2}]
    style["emotions"] = [{"seconds": 0.5, "emotion": "happy", "strength": 0.5}, {"seconds": 2}]
    generate = {"audio": str(folder / "a.wav"), "portrait": str(folder / "p.png"), "out": out, "takes": 2, "seed": 3}
    generate |= {"start": 0.5, "duration": 1.0, "guidance_scale": 1.5, "num_inference_steps": 10, "size": 256}
    generate |= {"picture": 640, "source": "diffusion", "pose_style": 1, "pose_video": "v.mp4"}
    generate |= {"framing": "crop", "renderer": "warp", "motion_only": True, "extract": False, "preview": 0.5}
    generate |= {"restorer": ["/bin/true", "{in}", "{out}"]}
    resample = {"job": job, "takes": 1, "seed": 1, "take": 1, "renew": ["head"], "first_frame": 0, "last_frame": 10}
    render = {"job": job, "take": 1, "motion": str(folder / "m.npz"), "size": 256, "framing": "crop", "renderer": "gan"}
    render |= {"picture": "fit"}
    return [
        {"request": "probe", "device": "cpu"},
        {"request": "generate", **generate, "device": "cpu", "style": style},
        {"request": "resample", **resample, "transition": 8, "device": "cpu"},
        {"request": "render", **render, "extract": True, "device": "cpu"},
        {"request": "extract", "job": job, "take": 1, "device": "cpu"},
        {"request": "head", "portrait": str(folder / "p.png"), "out": out, "texture_size": 256, "device": "cpu"},
        {"request": "cancel", "job": "nobody"},
    ]


HOSTILE: dict[str, list[Any]] = {
    "no numbers": [Raw(text) for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999")],
    "huge numbers": [2**31, 2**63, 2**64 + 1, -(2**64), Raw("1" + "0" * 60), Raw("1e308"), Raw("-1e308")],
    "numbers past a double": [Raw("1" + "0" * 309), Raw("-" + "9" * 400), Raw("1" + "0" * 4000)],
    "numbers of many digits": [Raw("1" * 5000), Raw("9" * 100_000)],
    "negative": [-1, -0.5, -1e300],
    "other types": [True, None, "text", 3.7, [], {}, [1, 2], {"a": 1}, [None], [[]], "", " "],
    "control characters": ["\0", "/tmp/\0x.wav", "\r\n", "\u2028", "\x1b[31m"],
    "lone surrogates": [Raw(text) for text in (r'"\ud800"', r'"/tmp/\udcff.wav"', r'["\ud800"]', r'{"\udc80":1}')],
    "nested": [Raw("[" * n + "]" * n) for n in (50, 900, 5000, 200_000)]
    + [Raw('{"a":' * n + "1" + "}" * n) for n in (50, 900, 5000, 100_000)],
    "odd paths": ["../../../../etc/passwd", "/dev/null", "//x/y", "~/x", "C:\\x", ".", "/tmp/" + "a" * 300],
    "devices": ["/dev/zero", "/dev/stdin", "/proc/self/fd/0"],
    "long texts": ["x" * 1000, "ü" * 200_000, "\u0001" * 150_000, "x" * 900_000, "\U000e0001" * 250_000],
}


def text_of(fields: dict[str, Any], randomness: random.Random) -> bytes:
    """One line of JSON, with `Raw` values as they are."""
    raws: list[str] = []

    def plain(value: Any) -> Any:
        if isinstance(value, Raw):
            raws.append(value.text)
            return f"@@{len(raws) - 1}@@"
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(plain(fields), ensure_ascii=randomness.random() < 0.5)
    for index, raw in enumerate(raws):
        text = text.replace(f'"@@{index}@@"', raw)
    return text.encode("utf-8", "surrogatepass")


def mutated(line: bytes, r: random.Random) -> bytes:
    """A line with bytes flipped, cut, inserted or repeated."""
    data = bytearray(line)
    for _ in range(r.choice((1, 1, 2, 5, 20))):
        how, place = r.randrange(5), r.randrange(len(data) or 1)
        if how == 0 and data:
            data[place % len(data)] ^= 1 << r.randrange(8)
        elif how == 1:
            del data[place : place + r.randrange(1, 9)]
        elif how == 2:
            data[place:place] = r.randbytes(r.randrange(1, 9))
        elif how == 3 and data:
            data[place % len(data)] = r.choice(b'\x00\xff\xc0\xed{}[]",:0')
        else:
            data[place:place] = data[r.randrange(len(data) + 1) :][: r.randrange(1, 40)]
    return bytes(data)


def broken_line(number: int, valid: list[dict[str, Any]], r: random.Random) -> tuple[str, bytes]:
    """(kind of damage, one line without its newline)."""
    fields = {**copy.deepcopy(r.choice(valid)), "id": f"c{number}"}
    kind, name = r.random(), r.choice(list(HOSTILE))
    value = r.choice(HOSTILE[name])
    if kind < 0.34:
        return "bytes", mutated(text_of(fields, r), r)
    if kind < 0.40:
        return "random bytes", r.randbytes(r.randrange(1, 300))
    if kind < 0.76:
        key = r.choice([key for key in fields if key not in ("request", "id")])
        if isinstance(fields[key], dict) and r.random() < 0.7:
            fields[key][r.choice(list(fields[key]))] = value
        else:
            fields[key] = value
        return f"value: {name}", text_of(fields, r)
    if kind < 0.84:
        return f"id: {name}", text_of(fields | {"id": value}, r)
    if kind < 0.88:
        return f"request: {name}", text_of(fields | {"request": value}, r)
    if kind < 0.92:
        if r.random() < 0.1:
            return "unknown keys", b'{"\\ud800":1,"request":"probe","id":"c%d"}' % number
        key = r.choice(["__class__", "self", "", "\0", "audio ", "AUDIO", "x" * 300_000, "ü", "event"])
        return "unknown keys", text_of(fields | {key: 1}, r)
    if kind < 0.95:
        key = r.choice(list(fields))
        extra = r.choice([b'"evil"', b"1", b"null", b"[]", b'"cancel"'])
        return "keys twice", text_of(fields, r)[:-1] + b', "%s": %s}' % (key.encode(), extra)
    if kind < 0.98:
        hidden = b'{"request":"cancel","id":"smuggled","job":"x"}'
        return "over the limit", b" " * (MAX_LINE + r.randrange(-60, 3 * MAX_LINE)) + hidden
    return "ids twice", text_of(fields | {"id": r.choice(["c0", "c1", "c2"])}, r)


@dataclass
class Report:
    """What happened: number of lines of each kind, what was wrong, seconds of the slowest answer, and bytes grown."""

    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    grown: int | None = None


class Conversation:
    """A worker with its bare pipes. Its answers (``done`` and ``error``) are read in a thread."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-s", "-m", "core.worker"],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.answers: queue.Queue[tuple[dict[str, Any], int] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in ("hello", "done", "error"):
                self.answers.put((event, len(line)))
        self.answers.put(None)

    def next(self) -> tuple[dict[str, Any], int] | None:
        """The next answer and its length; None if there is none in time, or if the worker has ended."""
        try:
            return self.answers.get(timeout=PATIENCE)
        except queue.Empty:
            return None

    def send(self, *lines: bytes) -> None:
        """Write lines."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(line + b"\n" for line in lines))
        self.process.stdin.flush()

    def memory(self) -> int | None:
        """Peak memory of the process in bytes; None where the system doesn't say."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.is_file():
            return None
        return next(int(row.split()[1]) << 10 for row in status.read_text().splitlines() if row.startswith("VmHWM"))

    def close(self) -> int | None:
        """Close stdin; the exit status, or None if the worker doesn't hear it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None


def attack(cases: int, seed: int, folder: Path) -> Report:
    """Send ``cases`` broken lines, each followed by a request that is answered at once."""
    report, randomness, valid = Report(), random.Random(seed), valid_requests(folder)
    worker = Conversation()
    if worker.next() is None and worker.next() is None:  # importing takes up to 20 s
        return Report(faults=["the worker did not start"])
    before = worker.memory()
    late: collections.Counter[str] = collections.Counter()  # jobs that passed the check; another thread answers them
    for number in range(cases):
        kind, line = broken_line(number, valid, randomness)
        line = line.replace(b"\n", b" ").replace(b"\r", b" ")
        identifier = identifier_in(line)
        report.kinds[kind] += 1
        begun, own = time.monotonic(), 0
        worker.send(line, json.dumps({"request": "cancel", "id": f"s{number}", "job": "none"}).encode())
        while (found := worker.next()) is not None and found[0]["id"] != f"s{number}":
            event, length = found
            report.faults += faults_of(event, length, kind, line)
            if event["id"] is not None and event["id"] != identifier and late[event["id"]]:
                late[event["id"]] -= 1
            else:
                own += 1
        report.slowest = max(report.slowest, time.monotonic() - begun)
        if found is None:
            report.faults.append(f"{kind}: no answer; the worker is deaf or gone: {line[:200]!r}")
            worker.process.kill()
            return report
        if own == 0 and identifier is not None:
            late[identifier] += 1
        elif own != 1 and not (own == 2 and identifier is not None and late[identifier]):
            report.faults.append(f"{kind}: {own} answers to {line[:200]!r}")
        elif own == 2 and identifier is not None:
            late[identifier] -= 1
    while late.total():
        if (found := worker.next()) is None:
            report.faults.append(f"never answered: {list(+late)[:5]}")
            break
        report.faults += faults_of(*found, "a job", b"")
        late[found[0]["id"]] -= 1
    after = worker.memory()
    report.grown = None if before is None or after is None else after - before
    if report.grown is not None and report.grown > MOST_MEMORY:
        report.faults.append(f"the worker's memory grew by {report.grown >> 20} MiB")
    if worker.close() != 0:
        report.faults.append("the end of stdin was not heard")
    return report


def faults_of(event: dict[str, Any], length: int, kind: str, line: bytes) -> list[str]:
    """What is wrong with one answer."""
    said = f"{kind}: {str(event)[:300]!r} to {line[:200]!r}"
    if event["id"] == "smuggled":
        return [f"obeyed what was hidden in a long line: {said}"]
    if event["event"] == "done":
        return []
    message = event["message"]
    expected = 130 if event["code"] == "cancelled" else 2  # a damaged `cancel` may name a job that waits
    wrong = event["code"] == "internal" or event["exit_code"] != expected or not message.endswith(".")
    encodable = message.encode("utf-8", "replace").decode() == message
    return [said] if wrong or length > LONGEST_ANSWER or not encodable else []


def main() -> int:
    """Run from the command line; returns the exit status."""
    numbers = [int(argument) for argument in sys.argv[1:3]]
    cases, seed = (*numbers, *(5000, 1)[len(numbers) :])
    with tempfile.TemporaryDirectory() as folder:
        report = attack(cases, seed, Path(folder))
    print(f"{report.kinds.total()} lines, slowest answer {report.slowest:.2f} s, memory grew by {report.grown} bytes")
    for kind, count in sorted(report.kinds.items()):
        print(f"  {count:6} {kind}")
    print(f"{len(report.faults)} faults", *report.faults[:20], sep="\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
