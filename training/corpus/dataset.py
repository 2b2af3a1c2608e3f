"""Read a corpus of real clips lazily from its shards: ``Corpus.open(".cache/corpus/grid", "train")``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from safetensors import safe_open

from core.errors import SoliloquyError
from core.face.face_view import VIEW_SIDE, clip_similarity, face_view
from core.head.head_model import HeadModel
from core.motion.rotations import euler_to_matrix

from .crops import unpack


class Shard:
    """A shard's arrays, mapped into memory when first asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _file(self) -> Any:
        return safe_open(str(self.path), framework="np").__enter__()

    def array(self, name: str) -> np.ndarray:
        """A whole array."""
        return self._file.get_tensor(name)

    def part(self, name: str, first: int, last: int) -> np.ndarray:
        """Rows [first, last) of an array; the other rows are not read."""
        return self._file.get_slice(name)[first:last]


@dataclass(frozen=True)
class Clip:
    """One stretch of video. ``training.corpus.shards`` describes its fields, which are read when asked for.

    name; talker; split: train, test or unseen; frames T; shard.
    """

    name: str
    talker: str
    split: str
    frames: int
    shard: Shard

    def __len__(self) -> int:
        return self.frames

    def array(self, field: str) -> np.ndarray:
        """A field by name."""
        return self.shard.array(f"{self.name}/{field}")

    @property
    def expression(self) -> np.ndarray:
        """(T, 53) weights 0–1."""
        return self.array("expression")

    @property
    def rotation(self) -> np.ndarray:
        """(T, 3) rad relative to the clip's median pose."""
        return self.array("rotation")

    @property
    def translation(self) -> np.ndarray:
        """(T, 3) cm relative to the clip's median pose."""
        return self.array("translation")

    @property
    def mel(self) -> np.ndarray:
        """(4 T, 80) float32 log-mel."""
        return self.array("mel").astype(np.float32)

    @property
    def whisper_mel(self) -> np.ndarray:
        """(4 T, 80) float32 log-mel that the lip model hears."""
        return self.array("whisper_mel").astype(np.float32)

    @property
    def identity(self) -> np.ndarray:
        """(I,) identity coefficients of the talker."""
        return self.array("identity")

    @cached_property
    def landmarks(self) -> np.ndarray:
        """(T, 478, 2) crop px."""
        return self.array("landmarks")

    @cached_property
    def _offsets(self) -> np.ndarray:
        return self.array("offsets")

    @cached_property
    def view_similarity(self) -> np.ndarray:
        """(2, 3) similarity of the clip's face view, see ``core.face.face_view``."""
        return clip_similarity(self.landmarks)

    @property
    def camera(self) -> tuple[float, float, float]:
        """Focal length, centre x, centre y in crop px."""
        focal, x, y = self.array("camera").tolist()
        return focal, x, y

    def picture(self, frame: int) -> np.ndarray:
        """Crop (256, 256, 3) uint8 RGB of a frame. Raises IndexError beyond the clip's ends."""
        if not 0 <= frame < self.frames:
            raise IndexError(f"{self.name} has frames 0 to {self.frames - 1}, not {frame}")
        first, last = self._offsets[frame : frame + 2].tolist()
        return unpack(self.shard.part(f"{self.name}/jpeg", first, last))

    def pictures(self, frames: Sequence[int] | None = None) -> np.ndarray:
        """Crops (n, 256, 256, 3) uint8 RGB of these frames, or of all frames."""
        return np.stack([self.picture(frame) for frame in (range(self.frames) if frames is None else frames)])

    def face_view(self, frame: int, side: int = VIEW_SIDE) -> np.ndarray:
        """The face view (side, side, 3) uint8 RGB of a frame."""
        return face_view(self.picture(frame), self.view_similarity, side)

    def absolute_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Head rotation (T, 3, 3) and translation (T, 3) cm in the axes of the crop's camera: X_cam = R X + t.

        The motion X' = R_m (X − p) + p + t_m, about the neck's pivot p, is relative to the rest pose: R_0 X' + t_0.
        """
        pivot = HeadModel.load().neck_pivot.numpy()
        rest = euler_to_matrix(self.array("rest_rotation"))
        motion = euler_to_matrix(self.rotation)
        moved = pivot + self.translation - motion @ pivot
        return rest @ motion, moved @ rest.T + self.array("rest_translation")


class Corpus(Sequence[Clip]):
    """The clips of a corpus or of some of its splits, by name."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self.clips = list(clips)

    @classmethod
    def open(cls, folder: str | Path, split: str | Sequence[str] | None = None) -> Corpus:
        """The corpus made by ``training.corpus.videos`` in ``folder``: the whole, or one or several splits.

        Raises SoliloquyError ``corpus_missing`` if there is none.
        """
        folder = Path(folder)
        try:
            listed = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))["clips"]
        except (OSError, ValueError, KeyError) as error:
            raise SoliloquyError(
                "corpus_missing",
                f"There is no finished corpus in {folder}.",
                f"Make it: python -m training.corpus.videos --source … --out {folder}",
            ) from error
        wanted = None if split is None else {split} if isinstance(split, str) else set(split)
        shards = {name: Shard(folder / name) for name in {about["shard"] for about in listed.values()}}
        return cls(
            [
                Clip(name, about["talker"], about["split"], about["frames"], shards[about["shard"]])
                for name, about in listed.items()
                if wanted is None or about["split"] in wanted
            ]
        )

    def __len__(self) -> int:
        return len(self.clips)

    @overload
    def __getitem__(self, index: int) -> Clip: ...

    @overload
    def __getitem__(self, index: slice) -> Corpus: ...

    def __getitem__(self, index: int | slice) -> Clip | Corpus:
        return Corpus(self.clips[index]) if isinstance(index, slice) else self.clips[index]

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    @property
    def frames(self) -> int:
        """Number of frames of all clips together."""
        return sum(clip.frames for clip in self.clips)
