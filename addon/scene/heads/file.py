"""The head's file, read and checked, in Blender's axes.

Head space (x to the person's left, y up, z out of the face, centimetres) becomes Blender's (x, −z, y) in metres: the
head looks along −Y, as Blender's front view expects.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.errors import BadInputError
from ....core.motion.channels import SHAPES
from ....core.wire.names import HEAD_MATERIALS, JOINTS
from ...rig.presets import CENTIMETRE
from ...words import say

TRIANGLES, FACES = ("triangles", "triangle_uv"), ("faces", "face_uv")
"""Indices of points, three a triangle, or up to four a face: a head of the model has the first, a detailed one the
second."""
COLOURS = ("brow_colour", "lash_colour")
"""Colours in a detailed head's file, sRGB 0–1."""


def read_head(path: Path) -> dict[str, np.ndarray]:
    """The arrays of ``head.npz``. Raises BadInputError ``head_damaged`` or ``head_version``."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            data = {key: stored[key] for key in stored.files}
    except Exception as error:  # zip and NumPy raise many kinds for damaged files
        raise damaged(path) from error
    names = [data.get(name, np.zeros(0)) for name in ("shape_names", "joint_names")]
    if any(name.ndim != 1 for name in names):
        raise damaged(path)
    if tuple(names[0].tolist()) != SHAPES or tuple(names[1].tolist()) != JOINTS:
        raise BadInputError(
            "head_version",
            say("The head's file is from another version: {path}", path=path),
            say("Add the head again."),
        )
    if not _is_whole(data):
        raise damaged(path)
    return data


def damaged(path: Path) -> BadInputError:
    """The error for a file that can't be used."""
    return BadInputError(
        "head_damaged", say("The head's file is damaged: {path}", path=path), say("Add the head again.")
    )


def _is_whole(data: dict[str, np.ndarray]) -> bool:
    """Whether all parts are there with fitting shapes, finite numbers, and indices of existing points.

    Blender checks none of this: an index out of range would end it.
    """
    detailed = "faces" in data
    joints, shapes = len(JOINTS), len(SHAPES)
    parts = _Parts(data)
    count, uv = parts.rows("vertices"), parts.rows("uv")
    numbers = {
        "vertices": (count, 3), "uv": (uv, 2), "shapes": (shapes, count, 3), "weights": (count, joints),
        "joints": (joints, 3), "gaze_angles": (4,), "jaw_angles": (2,),
    }  # fmt: skip
    if not detailed:
        return parts.numbers(numbers) and parts.indices(TRIANGLES, 3, (count, uv))
    if tuple(data.get("material_names", np.zeros(0)).ravel().tolist()) != HEAD_MATERIALS:
        return False
    faces = parts.rows("faces")
    whole = parts.numbers(numbers | dict.fromkeys(COLOURS, (3,))) and parts.indices(FACES, 4, (count, uv))
    whole = (
        whole and parts.indices(("face_material",), 0, (len(HEAD_MATERIALS),)) and parts.rows("face_material") == faces
    )
    if "hair_faces" not in data or not whole:
        return whole
    hair = parts.rows("hair_vertices")
    return parts.numbers(
        {"hair_vertices": (hair, 3), "hair_uv": (hair, 2), "hair_weights": (hair, joints)}
    ) and parts.indices(("hair_faces",), 4, (hair,))


class _Parts:
    """Arrays that may be missing or of any kind."""

    def __init__(self, data: dict[str, np.ndarray]) -> None:
        self.data = data

    def _of(self, name: str) -> np.ndarray:
        return self.data.get(name, np.zeros(()))

    def rows(self, name: str) -> int:
        """Length of an array, or 0."""
        return len(self._of(name)) if self._of(name).ndim else 0

    def numbers(self, shapes: dict[str, tuple[int, ...]]) -> bool:
        """Whether all of these are finite numbers of these shapes."""
        return all(
            self._of(name).dtype.kind == "f" and self._of(name).shape == shape and np.isfinite(self._of(name)).all()
            for name, shape in shapes.items()
        )

    def indices(self, names: tuple[str, ...], width: int, ends: tuple[int, ...]) -> bool:
        """Whether these are indices below ``ends`` with ``width`` a row (0: one); of four, the last may be −1."""
        found = [self._of(name) for name in names]
        shape = (self.rows(names[0]), width) if width else (self.rows(names[0]),)
        if any(array.dtype.kind not in "iu" or array.shape != shape or not array.size for array in found):
            return False
        if width == 4 and any((array[:, :3] < 0).any() or array.min() < -1 for array in found):
            return False
        if width == 4 and any(((array[:, 3] < 0) != (found[0][:, 3] < 0)).any() for array in found):
            return False
        lowest = -1 if width == 4 else 0
        return all(array.min() >= lowest and array.max() < end for array, end in zip(found, ends, strict=True))


def to_blender(points: np.ndarray) -> np.ndarray:
    """(…, 3) head space in centimetres → Blender's axes in metres."""
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([x, -z, y], axis=-1) * CENTIMETRE
