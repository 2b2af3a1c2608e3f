"""Shards: safetensors files with a few clips each, and facts about the clips as JSON in the metadata.

Fields of a clip of T frames, all in pixels of its 256² crop:

| field | shape | what |
|---|---|---|
| jpeg, offsets | (N,) uint8, (T + 1,) int64 | pictures; picture i is ``jpeg[offsets[i] : offsets[i + 1]]`` |
| landmarks | (T, 478, 2) | face mesh, px |
| expression | (T, 53) | ICT weights 0–1 |
| rotation, translation | (T, 3) | rad and cm relative to the clip's median pose, as in ``core.motion`` |
| rest_rotation, rest_translation | (3,) | that median pose in the camera's axes: (pitch, yaw, roll) rad, cm |
| identity | (I,) | identity coefficients of the talker |
| camera | (3,) | focal length, centre x, centre y |
| opening, width | (T,) | of the mouth, divided by the outer-eye distance, from the landmarks |
| residual | (T,) | of the fit, divided by the outer-eye distance |
| mel | (4 T, 80) float16 | ``core.sound.mel`` |
| whisper_mel | (4 T, 80) float16 | ``core.sound.whisper.front_end`` |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..common.arrays import save_tensors

VERSION = 1
"""Increase it when shards made earlier are no longer correct."""


def write_shard(path: Path, clips: Mapping[str, Mapping[str, np.ndarray]], facts: Mapping[str, Any]) -> None:
    """Write clips (name → field → array) and ``facts`` (JSON values) to ``path``, whole or not at all."""
    arrays = {f"{name}/{field}": value for name, fields in clips.items() for field, value in fields.items()}
    save_tensors(path, arrays, {"facts": json.dumps({"version": VERSION, **facts})})


def shard_facts(path: Path) -> dict[str, Any] | None:
    """The facts of a shard, or None if it is missing, damaged or of another version."""
    try:
        with safe_open(str(path), framework="np") as file:
            facts = json.loads(file.metadata()["facts"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("version") == VERSION else None
