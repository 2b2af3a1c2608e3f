"""Damaged files that Blender's side reads: mappings, job lists, their summaries, and facts stored in Actions.

``.runtime/bpy-5.0/bin/python -m tests.fuzz.blender_files [--cases N] [--seed S]`` runs it under a bpy wheel, in one
process. If Blender crashes, ``now`` in the folder that it prints holds the number of the case. Every file must be read
or refused with a sentence, and what is read must be usable: rules have finite numbers, lists can be written again,
takes can be listed.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bpy

from tests.addon.conftest import load_extension

from .damage import Case, Kind, damaged, outcome
from .documents import OTHER_DOCUMENTS, document

load_extension()

from soliloquy.addon.animation import facts, nla  # noqa: E402 - the extension must be loaded first
from soliloquy.addon.rig import mapping  # noqa: E402
from soliloquy.addon.scene import take_list  # noqa: E402
from soliloquy.core.batch import job_list, list_file, summary  # noqa: E402
from soliloquy.core.errors import SoliloquyError  # noqa: E402
from soliloquy.core.wire.protocol import TakeReady  # noqa: E402

SECONDS = 10.0
_MAPPING = {
    **{"soliloquy_mapping": 1, "name": "m"},
    "rules": [
        {"source": "jawOpen - 0.6 mouthClose", "kind": "SHAPE", "name": "A"},
        {"source": "headPitch", "kind": "ROTATION", "name": "head", "axis": "LEFT", "multiplier": 0.5, "offset": 0.1},
        {"source": "jawOpen", "kind": "PROPERTY", "name": "p", "bone": "head"},
    ],
}
_JOB = {
    **{"name": "a", "audio": "a.wav", "portrait": "p.png", "out": "o", "takes": 2, "seed": 3, "motion_only": True},
    **{"style": {"liveliness": 0.5, "start_pose": [0, 1, 2]}, "scene": "S", "strip": "x", "character": "A"},
    **{"articulation": 0.7, "transcript": "Bin blue at F two now."},
}
_TABLE = (
    "name,audio,portrait,out,takes,seed,motion_only,style,start,articulation,transcript\n"
    'a,a.wav,p.png,o,2,3,yes,"{""liveliness"": 0.5}",0.5,1.2,"Bin ""blue"" at F two\nnow."\n'
    "b,ü.wav,p.png,,1,1,no,,,,\n"
)
_CELLS = (
    *("nan", "inf", "1e999", "9" * 400, "9" * 5000, "-1", "\0", '"', "\r", "=1+1", "[" * 100_000, '{"a":' * 20_000),
    *("ü", "x" * 200_000, "", '"""', "1,5", "TRUE", "\u202e", "../../x", "x.txt", '"""x.txt"""'),
)
_SOURCES = (
    *("jawOpen" * 5000, "jawOpen" + " + jawOpen" * 20_000, "9" * 500 + " jawOpen", "1e5 jawOpen", "jawOpen - ", "\0"),
    *("−−jawOpen", "__import__('os').system('x')", " " * 100_000 + "x", "0." * 10_000 + " jawOpen", "1.5.5 jawOpen"),
    *("1" * 8000, "ü", "." * 5000, "jawOpen jawOpen", "+", "nan jawOpen", "inf jawOpen", "-1e4 jawOpen"),
)
_FACTS = {
    **{"name": "x", "folder": "/x", "job": "/x", "index": 1, "seed": 2, "curves": [["key_blocks[0].value", 0]]},
    **{
        "roles": ["SHAPE"],
        "neutral": [0.0],
        "before": [None],
        "star": True,
        "note": "n",
        "range": [1, 2],
        "origin": 1.0,
    },
    **{"rate": 25.0, "fps": 25.0, "frame_count": 25, "number": 1, "has_frames": False, "audio_start": 0.0},
    **{"articulation": 0.7, "transcript": "Bin blue"},
}


def bases() -> dict[str, bytes]:
    """A mapping, a job list in each form, a summary, and the facts of an Action."""
    jobs = {"jobs": [_JOB, {**_JOB, "name": "b"}]}
    return {
        "mapping.json": json.dumps(_MAPPING).encode(),
        "jobs.json": json.dumps(jobs).encode(),
        "jobs.csv": _TABLE.encode(),
        "summary.json": _summary(),
        "facts.json": json.dumps(_FACTS).encode(),
    }


def _entries(folder: Path) -> list[job_list.Entry]:
    path = folder / "list.csv"
    path.write_text(_TABLE, encoding="utf-8")
    return job_list.load(path, {"out": "."})


def _summary() -> bytes:
    """A summary that says that both jobs are done."""
    with tempfile.TemporaryDirectory() as folder:
        entries = _entries(Path(folder))
        take = TakeReady(
            **{"id": "", "job": "/j", "index": 1, "seed": 0, "folder": "/j/take-001", "motion": "m", "curves": "c"},
            **{"curves_extracted": None, "frames": "/j/take-001/frames", "contact": None, "frame_count": 25},
            **{"fps": 25.0, "width": 16, "height": 16, "start": 0.0, "seconds": 1.0},
        )
        for entry in entries:
            entry.made_from, entry.status, entry.attempts, entry.takes = entry.fingerprint(), "done", 1, [take]
        summary.write_summary(entries, Path(folder) / "s.json")
        return (Path(folder) / "s.json").read_bytes()


def case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A damaged file of one of the kinds."""
    name = r.choice(list(made))
    if name == "mapping.json" and r.random() < 0.3:
        rules = [{"source": r.choice(_SOURCES), "kind": "SHAPE", "name": "A"}]
        text = json.dumps({**_MAPPING, "rules": rules})
        return Case("mapping.json: an odd sum", name, text.encode("utf-8", "surrogatepass"))
    if name != "jobs.csv":
        return document(r, name, made[name])
    if r.random() < 0.4:
        return damaged(r, name, made[name])
    if r.random() < 0.2:
        return Case("jobs.csv: another content", name, r.choice(OTHER_DOCUMENTS))
    cells = _TABLE.split(",")
    cells[r.randrange(len(cells))] = r.choice(_CELLS)
    return Case("jobs.csv: a cell replaced", name, ",".join(cells).encode())


def read(path: Path, found: Case) -> str:
    """Read the file as the add-on does, and use what was read."""
    return _READERS[found.name](path)


def _read_mapping(path: Path) -> str:
    name, rules = mapping.load(path)
    settings = bpy.context.scene.soliloquy
    target = settings.targets.add()
    try:
        target.set_rules(rules)
        for rule in target.wanted_rules():
            values = [rule.multiplier, rule.offset, *mapping.terms(rule.source).values()]
            if not all(map(math.isfinite, values)):
                return "numbers that are not finite"
        mapping.from_json(mapping.to_json(name, rules))
    finally:
        settings.targets.clear()
    return ""


def _read_list(path: Path) -> str:
    again = path.with_name(f"again{path.suffix}")
    try:
        entries = job_list.load(path, {"out": "."}, may_be_empty=True)
        job_list.save(entries, again)
        same = job_list.load(again, {"out": "."}, may_be_empty=True)
        if [list_file.identity(entry) for entry in entries] != [list_file.identity(entry) for entry in same]:
            return "it is another after it was written"
        summary.adopt(entries, path.with_name("none.json"))
        return ""
    finally:
        again.unlink(missing_ok=True)


def _read_summary(path: Path) -> str:
    entries = _entries(path.parent)
    said = summary.adopt(entries, path)
    if said and not said.endswith("."):
        return f"no sentence: {said[:100]}"
    if any(entry.status == "done" for entry in entries):
        return "takes that are not on the disk count as done"
    summary.write_summary(entries, path.with_name("again.json"))
    summary.exit_code(entries)
    return ""


def _read_facts(path: Path) -> str:
    text = path.read_bytes().decode("utf-8", "replace").replace("\0", "")
    action = bpy.data.actions.new("a")
    mesh = bpy.data.meshes.new("a")
    thing = bpy.data.objects.new("a", mesh)
    bpy.context.scene.collection.objects.link(thing)
    try:
        action[facts.FACTS] = text
        known = facts.facts_of(action)
        facts.set_facts(action, known)
        if facts.facts_of(action) != known:
            return "it is another after it was stored"
        action[nla.KEY] = "key"
        track = thing.animation_data_create().nla_tracks.new()
        track.name = "t"
        track.strips.new("s", 1, action)
        take_list.from_rigs(bpy.context.scene)
    finally:
        bpy.context.scene.soliloquy.takes.clear()
        bpy.data.objects.remove(thing)
        bpy.data.meshes.remove(mesh)
        bpy.data.actions.remove(action)
    return ""


_READERS: dict[str, Callable[[Path], str]] = {
    **{"mapping.json": _read_mapping, "jobs.json": _read_list, "jobs.csv": _read_list},
    **{"summary.json": _read_summary, "facts.json": _read_facts},
}
KIND = Kind(bases, case, read, most_memory=10**9, refusal=SoliloquyError)


def search(cases: int, seed: int, first: int, folder: Path) -> collections.Counter[tuple[str, str]]:
    """Meet cases in this process; returns how often each (damage, result) came, and prints the faults."""
    tally: collections.Counter[tuple[str, str]] = collections.Counter()
    good = bases()
    for index in range(first, first + cases):
        found = case(random.Random(seed * 1_000_003 + index), good)
        (folder / "now").write_text(str(index), encoding="utf-8")
        used = time.process_time()
        result, details = outcome(KIND, folder / f"{index}-{found.name}", found)
        used = time.process_time() - used
        if used > SECONDS:
            result, details = f"slow (over {SECONDS:g} s)", f"{used:.0f} s, {result} {details}"
        tally[found.what, result] += 1
        if result not in ("read", "refused"):
            print(f"  {index} {found.name} ({found.what}): {result}: {details}")
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.blender_files", description="Files of Blender's side.")
    parser.add_argument("--cases", type=int, default=1000, help="files (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of their damage (default 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    options = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    extension = load_extension()
    extension.register()
    with tempfile.TemporaryDirectory() as folder:
        print(f"in {folder}", flush=True)
        tally = search(options.cases, options.seed, options.first, Path(folder))
    extension.unregister()
    for (what, result), count in sorted(tally.items()):
        print(f"  {what:44} {result:24} {count}")
    faults = sum(count for (_, result), count in tally.items() if result not in ("read", "refused"))
    print(f"{tally.total()} cases, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
