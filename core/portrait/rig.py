"""A person's head for Blender: mesh, texture coordinates, shape keys, joints, weights, and the projected texture.

This module writes one npz (no pickle) and one PNG without Blender; ``addon/scene/head.py`` makes Blender's data from
them. All points are in head space (centimetres, x to the person's left, y up, z out of the face). The add-on converts
them to Blender's axes and metres: (x, y, z) -> (x, −z, y) / 100, so that the person faces −Y.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..face.points import IBUG_TEMPLES
from ..files import written_beside
from ..head.head_model import PARTS, HeadModel
from ..head.parted_head import PartedHead
from ..head.tongue import tongue_shapes
from ..motion.channels import EXPRESSIONS, SHAPES
from ..provenance import picture_marks
from ..wire.names import JOINTS
from ..wire.protocol import version
from .portrait import Portrait
from .texture import project_texture

TEXTURE = 1024
"""Side of the texture in texels, if none is asked for."""
NECK_FRONT_CM, NECK_BACK_CM = (-8.5, 8.0), (-3.0, -6.0)
"""(y, z) of the line where head and neck meet on the mean head, under the chin and at the nape."""
NECK_LENGTH_CM = 8.0
"""Height over which the skin passes from the head to the shoulders."""
ROOT_CM, TOP_CM = (0.0, -12.0, -1.0), (0.0, 3.0, 0.5)
"""Joints of root and head, relative to the joint of the neck."""
INSIDE = ("mouth_socket", "gums_upper", "gums_lower", "tongue", "teeth_upper", "teeth_lower")
EYES = (("eye_left",), ("eye_right",))
"""Parts of each eye, the person's left first."""


def joints_of(head: HeadModel, identity: torch.Tensor) -> np.ndarray:
    """Joints (6, 3) float32 in centimetres in the order of ``JOINTS``, for a person with coefficients (I,).

    The joint of the neck is the same for every person: the pivot about which ``core.motion.motion.Motion`` turns the
    head. Jaw and eyes move with the person's features.
    """
    neck = head.neck_pivot
    temples = head.landmarks68[list(IBUG_TEMPLES)]
    moved = (head.neutral(identity) - head.mean)[temples].mean(0)
    root = neck + torch.tensor(ROOT_CM)
    top = neck + torch.tensor(TOP_CM)
    eyes = head.eye_centres_of(identity)
    return torch.stack([root, neck, top, head.jaw_pivot + moved, eyes[0], eyes[1]]).numpy().astype(np.float32)


def skin_weights(head: PartedHead, eyes: tuple[tuple[str, ...], tuple[str, ...]] = EYES) -> np.ndarray:
    """Weights (V, 6) float32 with sum 1, in the order of ``JOINTS``. ``eyes`` names the parts of each eye, left first.

    Eyeballs follow their own bones. The inside of the mouth and the head above the jaw line follow the head's bone.
    Down the neck the skin passes smoothly to the neck's bone and then to the root. No vertex follows the jaw's bone,
    because shape keys move the jaw.
    """
    mean = head.mean.numpy()
    (front_y, front_z), (back_y, back_z) = NECK_FRONT_CM, NECK_BACK_CM
    line = front_y + (back_y - front_y) * (mean[:, 2] - front_z) / (back_z - front_z)
    down = np.clip((line - mean[:, 1]) / NECK_LENGTH_CM, 0, 1)

    def smooth(t: np.ndarray) -> np.ndarray:
        t = np.clip(t, 0, 1)
        return t * t * (3 - 2 * t)

    weights = np.zeros((len(mean), len(JOINTS)), np.float32)
    weights[:, 0] = smooth(2 * down - 1)
    weights[:, 2] = 1 - smooth(2 * down)
    weights[:, 1] = 1 - weights[:, 0] - weights[:, 2]
    for names, joint in ((INSIDE, "head"), (eyes[0], "eye.L"), (eyes[1], "eye.R")):
        rows = head.part_vertices(*names).numpy()
        weights[rows] = np.eye(len(JOINTS), dtype=np.float32)[JOINTS.index(joint)]
    return weights


def jaw_angles(head: HeadModel) -> np.ndarray:
    """(2,) radians: rotation of the jaw's bone at jawOpen = 1 (down), and at jawLeft = 1 (to the person's left)."""
    teeth = head.part_vertices("teeth_lower")
    sideways = head.expression_basis[EXPRESSIONS.index("jawLeft"), teeth, 0].mean()
    arm = head.mean[teeth, 2].mean() - head.jaw_pivot[2]
    return np.array([float(head.jaw_angle[0]), float(torch.atan2(sideways, arm))], np.float32)


def rig_of(head: HeadModel, identity: torch.Tensor) -> dict[str, np.ndarray]:
    """All arrays of the npz; see :func:`write_head` for the keys."""
    shapes = torch.cat([head.expression_basis, tongue_shapes(head)])
    # The eye bones turn the eyeballs already.
    shapes[:, head.part_vertices("eye_left", "eye_right")] = 0
    return {
        "vertices": head.neutral(identity).numpy().astype(np.float32),
        "triangles": head.triangles.numpy().astype(np.int32),
        "triangle_part": head.triangle_part.numpy().astype(np.int32),
        "part_names": np.array(PARTS),
        "uv": head.uv.numpy().astype(np.float32),
        "triangle_uv": head.triangle_uv.numpy().astype(np.int32),
        "shapes": shapes.numpy().astype(np.float32),
        "shape_names": np.array(SHAPES),
        "weights": skin_weights(head),
        "joint_names": np.array(JOINTS),
        "joints": joints_of(head, identity),
        "gaze_angles": head.gaze_angles.numpy().astype(np.float32),
        "jaw_angles": jaw_angles(head),
    }


def write_head(head: HeadModel, portrait: Portrait, mesh: Path, texture: Path, texture_size: int | None = None) -> None:
    """Write a portrait's head for Blender: ``mesh`` (.npz, no pickle) and ``texture`` (.png, sRGB, with a note
    that it is synthetic).

    The keys of the npz:

    - ``vertices`` (V, 3) float32: the person's neutral head in head space, centimetres.
    - ``triangles`` (F, 3) int32, counter-clockwise from outside; ``triangle_part`` (F,) int32, rows of ``part_names``.
    - ``uv`` (U, 2) float32 in 0–1, v up; ``triangle_uv`` (F, 3) int32, rows of ``uv`` for each corner.
    - ``shapes`` (55, V, 3) float32 centimetres to add at weight 1, named by ``shape_names`` (as in
      ``core.motion.channels.SHAPES``); zero on the eyeballs, which the eye bones turn.
    - ``weights`` (V, 6) float32 and ``joints`` (6, 3) float32 centimetres, named by ``joint_names``: root, neck, head,
      jaw, eye.L, eye.R. No vertex follows the jaw.
    - ``gaze_angles`` (4,) float32 radians: rotation of an eye at weight 1 of eyeLookDown, eyeLookIn, eyeLookOut and
      eyeLookUp.
    - ``jaw_angles`` (2,) float32 radians: rotation of the jaw at jawOpen = 1 and, sideways, at jawLeft = 1.

    Raises SoliloquyError (``disk_full``, ``output_unwritable``) if a file can't be written.
    """
    head = head.to("cpu")
    identity = torch.from_numpy(np.asarray(portrait.identity)).float()
    with torch.no_grad():
        picture = project_texture(head, portrait, texture_size or TEXTURE)
        arrays = rig_of(head, identity)
    write_texture(texture, picture)
    with written_beside(mesh) as path:
        np.savez(path, **arrays)


def write_texture(path: Path, picture: np.ndarray) -> None:
    """Write a texture (H, W, 3 or 4) uint8 as PNG with a note that it is synthetic."""
    marks = PngInfo()
    for keyword, text in picture_marks(version(), "a photograph laid on the model of a head by a program.").items():
        marks.add_text(keyword, text)
    with written_beside(path) as beside:
        Image.fromarray(picture).save(beside, pnginfo=marks)


def remove_texture(path: Path) -> None:
    """Remove a picture that `write_texture` has written; any other file of that name, or none, stays as it is."""
    try:
        with Image.open(path) as picture:
            ours = str(picture.info.get("Software", "")).startswith("Soliloquy ")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # none, or no picture
        return
    if ours:
        path.unlink(missing_ok=True)
