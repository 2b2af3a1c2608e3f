"""The teeth that portraits show, laid along the dental arch of the fitted head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import BadInputError
from core.face.face_mesh import FaceMesh
from core.face.points import LID_RINGS, LIPS_INNER_RING, OUTER_EYES
from core.head.head_model import HeadModel
from core.portrait import picture as pictures
from core.portrait.fit import fit_face
from core.portrait.portrait import Portrait
from core.renderer.framing import frame_portrait
from core.renderer.geometry import HeadGeometry
from core.renderer.light import Light
from core.renderer.masks import polygon
from core.renderer.teeth.appearance import Strip
from core.renderer.teeth.arch import Arch, ArchInPicture

from ..common.splits import portrait_split

SIDE = 512
"""Side of the square in which portraits are looked at."""
LEAST_TEETH = 0.02
"""Area of bright, colourless pixels between the lips from which a portrait counts, in squared outer-eye distances."""
LEAST_EYES_PX = 60.0
"""Outer-eye distance in the photograph below which its teeth are too small to learn from."""
BRIGHT, COLOURED = 0.5, 0.4
"""A pixel counts as tooth above this brightness and below this saturation."""


@dataclass(frozen=True)
class Person:
    """One portrait's teeth.

    Attributes
    ----------
    name
        Of the portrait's file.
    part
        "train" or "test".
    strip
        The mouth along the arch.
    white
        (3,) colour of white in the portrait's light.
    """

    name: str
    part: str
    strip: Strip
    white: Tensor


def gather(data: Path, limit: int | None = None) -> list[Person]:
    """Everyone among the portraits who smiles with teeth, in the order of their names; at most ``limit`` of them."""
    head = HeadModel.load()
    arch = Arch.of(head, "upper")
    with FaceMesh(video=False) as mesh:
        return _gathered(sorted((data / "portraits").glob("*.jpg")), mesh, head, arch, limit)


def _gathered(paths: list[Path], mesh: FaceMesh, head: HeadModel, arch: Arch, limit: int | None) -> list[Person]:
    people: list[Person] = []
    for path in paths:
        if len(people) == limit:
            break
        portrait = _fitted(path, mesh)
        if portrait is None:
            continue
        eyes = portrait.landmarks[list(OUTER_EYES), :2]
        if float(((eyes[0] - eyes[1]) ** 2).sum()) < LEAST_EYES_PX**2:
            continue
        with torch.inference_mode():
            framing = frame_portrait(portrait, SIDE, "crop")
            landmarks = framing.to_crop(portrait.landmarks)
            size = len(framing.crop)
            picture = torch.tensor(framing.crop).permute(2, 0, 1)[None].float() / 255
            opening = polygon(landmarks[list(LIPS_INNER_RING)], size)
            most = picture.amax(1, keepdim=True)
            teeth = (most > BRIGHT) & (most - picture.amin(1, keepdim=True) < COLOURED * most) & (opening > 0.5)
            unit = (landmarks[OUTER_EYES[0], :2] - landmarks[OUTER_EYES[1], :2]).astype(float)
            if float(teeth.sum()) < LEAST_TEETH * float((unit**2).sum()):
                continue
            geometry = HeadGeometry(head, portrait, framing, landmarks)
            strip = Strip.of(picture, opening, ArchInPicture(arch, geometry))
            white = _light(geometry, picture, landmarks).white
        people.append(Person(path.stem, portrait_split(path.stem), strip, white))
    return people


def _fitted(path: Path, mesh: FaceMesh) -> Portrait | None:
    """The portrait with the product's fit; None if it has none.

    ``load_portrait`` also asks whether the mouth is seen. The networks that answer are themselves learned from rendered
    frames, which need the model of teeth.
    """
    image = pictures.decode(pictures.read_bytes(path), path.name).image
    faces = mesh.detect(image)
    try:
        return fit_face(image, faces[0], path.name) if len(faces) == 1 else None
    except BadInputError:
        return None


def _light(geometry: HeadGeometry, picture: Tensor, landmarks: np.ndarray) -> Light:
    """The light, from skin that faces the camera."""
    model = geometry.model
    skin = model.part_vertices("skin")
    shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
    normals = model.normals(shape)[skin] @ geometry.rotation.T
    left, right = (polygon(landmarks[list(ring)], picture.shape[-1]) for ring in LID_RINGS)
    eyes = (left + right)[0, 0] > 0.9
    facing = normals[:, 2].clamp_min(0) * (model.mean[skin, 2] > 0)
    return Light.estimate(picture, geometry.source.pixels[0, skin, :2], normals, facing, eyes)
