"""Shards: safetensors files of a few clips each, with what is known of them as JSON beside the arrays.

Fields of a clip of T frames, all in pixels of its 256² crop:

| field | shape | what |
|---|---|---|
| jpeg, offsets | (N,) uint8, (T + 1,) int64 | pictures; picture i is ``jpeg[offsets[i] : offsets[i + 1]]`` |
| landmarks | (T, 478, 2) | face mesh, px |
| expression | (T, 53) | ICT weights 0–1 |
| rotation, translation | (T, 3) | rad and cm about the clip's median pose, as ``core.motion`` has them |
| rest_rotation, rest_translation | (3,) | that median pose before the camera: (pitch, yaw, roll) rad, cm |
| identity | (I,) | of the talker |
| camera | (3,) | focal length, centre x, centre y |
| opening, width | (T,) | of the mouth over the outer-eye distance, from the landmarks |
| residual | (T,) | of the fit over the outer-eye distance |
| mel | (4 T, 80) float16 | ``core.sound.mel`` |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

VERSION = 1
"""Raised when shards made before are no longer right."""


def write_shard(path: Path, clips: Mapping[str, Mapping[str, np.ndarray]], facts: Mapping[str, Any]) -> None:
    """Write clips (name → field → array) and ``facts`` (JSON values) beside ``path`` and rename them there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}/{field}": np.ascontiguousarray(value)
        for name, arrays in clips.items()
        for field, value in arrays.items()
    }
    beside = path.with_suffix(".part")
    save_file(tensors, str(beside), {"facts": json.dumps({"version": VERSION, **facts})})
    beside.replace(path)


def shard_facts(path: Path) -> dict[str, Any] | None:
    """The facts of a shard, or None where there is none, or a damaged one, or one of another version."""
    try:
        with safe_open(str(path), framework="np") as file:
            facts = json.loads(file.metadata()["facts"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("version") == VERSION else None
