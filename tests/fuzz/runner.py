"""Meets damaged files in processes of their own, with limits on their time and memory."""

from __future__ import annotations

import collections
import json
import multiprocessing
import os
import random
import sys
import time
from pathlib import Path

from . import documents, motions, pictures, portraits, sounds, speech_texts
from .damage import Kind, outcome

KINDS: dict[str, Kind] = {
    **{"sounds": sounds.KIND, "pictures": pictures.KIND, "motions": motions.KIND, "portraits": portraits.KIND},
    **{"jobs": documents.KIND, "phones": speech_texts.PHONE_LISTS, "transcripts": speech_texts.TRANSCRIPTS},
}
SECONDS = 10.0
"""Processor time that a file may take."""
_PATIENCE = 60.0
"""Seconds without any answer after which a process counts as hanging."""
_ADDRESSES = 12_000_000_000
"""Bytes of addresses that a process gets (Linux): more than it may use, as libraries reserve what they never touch."""
_CHUNK = 100
GOOD = ("read", "refused")


def made(seed: int, index: int) -> random.Random:
    """The randomness of one case."""
    return random.Random(seed * 1_000_003 + index)


def peak_memory() -> int:
    """Most bytes that this process has held so far; 0 where the system doesn't say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def meet(name: str, seed: int, first: int, count: int, results: Path) -> None:
    """Meet cases in this process, and write a line before and after each into ``results``."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    kind = KINDS[name]
    bases = kind.bases()
    folder = results.parent
    os.chdir(folder)
    before = peak_memory()
    with results.open("w", buffering=1) as out:
        for index in range(first, first + count):
            case = kind.case(made(seed, index), bases)
            print(json.dumps({"begun": index, "what": case.what}), file=out)
            used = time.process_time()
            result, details = outcome(kind, folder / f"{index}-{case.name}", case)
            used = time.process_time() - used
            if used > SECONDS:
                result, details = f"slow (over {SECONDS:g} s)", f"{used:.0f} s, {result} {details}"
            held = peak_memory() - before
            if held > kind.most_memory and result in GOOD:
                result, details = "much memory", f"{held / 1e6:.0f} MB"
                before = peak_memory()  # told once
            print(json.dumps({"ended": index, "what": case.what, "result": result, "details": details,
                              "name": case.name, "held": held, "used": used}), file=out)  # fmt: skip


def run(name: str, cases: int, seed: int, first: int, folder: Path) -> collections.Counter[tuple[str, str]]:
    """Meet cases in processes of their own; returns how often each (damage, result) came, and prints the faults."""
    tally: collections.Counter[tuple[str, str]] = collections.Counter()
    held, used, end = 0, 0.0, first + cases
    while first < end:
        results = folder / f"results-{first}.jsonl"
        count = min(_CHUNK, end - first)
        process = multiprocessing.get_context("spawn").Process(target=meet, args=(name, seed, first, count, results))
        process.start()
        size, heard = -1, time.monotonic()
        while process.is_alive():
            process.join(0.5)
            now = results.stat().st_size if results.exists() else -1
            if now != size:
                size, heard = now, time.monotonic()
            elif time.monotonic() - heard > _PATIENCE:
                process.kill()
                process.join()
        lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
        ended = [line for line in lines if "ended" in line]
        for line in ended:
            tally[line["what"], line["result"]] += 1
            held, used = max(held, line["held"]), max(used, line["used"])
            if line["result"] not in GOOD:
                print(f"  {line['ended']} {line['name']} ({line['what']}): {line['result']}: {line['details']}")
        if len(ended) == count:
            first += count
            continue
        lost = lines[-1] if lines else {"begun": first, "what": "before the first case"}
        tally[lost["what"], "lost"] += 1
        print(f"  {lost['begun']} ({lost['what']}): the process ended with {process.exitcode}")
        first = lost["begun"] + 1
    print(f"most memory {held / 1e6:.0f} MB, most processor time {used:.1f} s")
    return tally
