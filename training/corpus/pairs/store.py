"""Shards of pairs: safetensors files that hold pictures as JPEG and PNG bytes, and small arrays unchanged.

``bytes`` (N,) uint8 holds the pictures. ``spans`` (P, 6, 2) int64 says where each of a pair's six pictures begins and
ends: source, truth, warped (JPEG), alpha + trust + stretch + parts, normals, interest + valid (PNG). Equal pictures are
stored once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.errors import SoliloquyError
from core.files import written_beside

from .pair import Pair

VERSION = 1
"""Increase it when pairs made earlier are no longer correct."""
QUALITY = 97
"""Quality of the JPEGs, which have no colour subsampling: the generator must not learn to paint their blocks."""
ARRAYS = ("flow", "channels", "expression", "own", "landmarks", "source_landmarks")


def _jpeg(picture: np.ndarray) -> bytes:
    flags = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encoded(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), flags)


def _png(planes: np.ndarray) -> bytes:
    return _encoded(".png", np.ascontiguousarray(planes), [cv2.IMWRITE_PNG_COMPRESSION, 4])


def _encoded(suffix: str, picture: np.ndarray, flags: list[int]) -> bytes:
    there, encoded = cv2.imencode(suffix, picture, flags)
    if not there:
        raise OSError(f"OpenCV can't write {suffix}")
    return encoded.tobytes()


def _pictures(pair: Pair) -> list[bytes]:
    """The six pictures of a pair, in the order of ``spans``."""
    layers = np.stack([pair.alpha, pair.trust, pair.stretch, (pair.parts + 1).astype(np.uint8)], -1)
    masks = np.concatenate([pair.interest, pair.valid[..., None]], -1)
    normals = (pair.normals.astype(np.int16) + 128).astype(np.uint8)
    return [_jpeg(pair.source), _jpeg(pair.truth), _jpeg(pair.warped), _png(layers), _png(normals), _png(masks)]


def write_pairs(path: Path, pairs: Sequence[Pair], facts: dict[str, object]) -> None:
    """Write pairs and ``facts`` (JSON values) about the shard to ``path``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = bytearray()
    known: dict[bytes, tuple[int, int]] = {}
    spans = np.zeros((len(pairs), 6, 2), np.int64)
    for i, pair in enumerate(pairs):
        for k, encoded in enumerate(_pictures(pair)):
            if encoded not in known:
                known[encoded] = (len(content), len(content) + len(encoded))
                content += encoded
            spans[i, k] = known[encoded]
    tensors: dict[str, np.ndarray] = {"bytes": np.frombuffer(bytes(content), np.uint8), "spans": spans}
    for name in ARRAYS if pairs else ():
        tensors[name] = np.stack([getattr(pair, name) for pair in pairs])
    about = {"version": VERSION, "pairs": [pair.facts for pair in pairs], **facts}
    with written_beside(path, keep_ending=False) as beside:
        save_file(tensors, str(beside), {"facts": json.dumps(about)})


def shard_is_whole(path: Path) -> bool:
    """Whether ``path`` is a readable shard of this version."""
    try:
        return bool(PairShard(path).version == VERSION)
    except SoliloquyError:
        return False


class PairShard:
    """The pairs of one file; ``shard[i]`` reads one. Raises SoliloquyError ``pairs_damaged``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = safe_open(str(path), framework="np")
            about = json.loads(self._file.metadata()["facts"])
            self.version: int = about["version"]
            self.facts: list[dict[str, str]] = about["pairs"]
            self._spans = self._file.get_tensor("spans")
            self._bytes = self._file.get_slice("bytes")
            self._arrays = {name: self._file.get_slice(name) for name in ARRAYS if self.facts}
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise SoliloquyError(
                "pairs_damaged", f"The pairs in {path} can't be read ({error}).", "Delete the file and make it again."
            ) from error

    def __len__(self) -> int:
        return len(self.facts)

    def __getitem__(self, i: int) -> Pair:
        source, truth, warped = (self._picture(i, k)[:, :, ::-1] for k in range(3))
        layers, normals, masks = (self._picture(i, k) for k in range(3, 6))
        return Pair(
            source=np.ascontiguousarray(source),
            truth=np.ascontiguousarray(truth),
            warped=np.ascontiguousarray(warped),
            alpha=layers[..., 0],
            trust=layers[..., 1],
            stretch=layers[..., 2],
            parts=layers[..., 3].astype(np.int8) - 1,
            normals=(normals.astype(np.int16) - 128).astype(np.int8),
            interest=masks[..., :3],
            valid=masks[..., 3],
            **{name: values[i : i + 1][0] for name, values in self._arrays.items()},
            facts=self.facts[i],
        )

    def _picture(self, i: int, k: int) -> np.ndarray:
        first, last = (int(place) for place in self._spans[i, k])
        picture = cv2.imdecode(self._bytes[first:last], cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise SoliloquyError(
                "pairs_damaged", f"A picture in {self.path} can't be read.", "Delete the file and make it again."
            )
        return picture
