"""The chosen portrait as a file that the worker can read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import bpy

from ...core.errors import BadInputError
from ...core.files import is_file
from ...core.inputs import shown
from ..properties.portrait import PortraitProperties
from ..sequencer.speech import write_once, write_packed
from ..words import say


def portrait_path(settings: PortraitProperties, inputs: Path) -> Path:
    """The portrait's file; an image that exists only in the .blend (packed, painted, rendered) goes to ``inputs``.

    Raises
    ------
    BadInputError
        If nothing is chosen or the file is missing.
    """
    image = settings.portrait_image
    if image is None:
        if not settings.portrait_file.strip():
            raise BadInputError("portrait_missing", say("No portrait is chosen."), say("Choose a picture of one face."))
        return _existing(Path(bpy.path.abspath(settings.portrait_file)))
    if image.is_dirty or image.source not in {"FILE", "SEQUENCE"}:
        return _written(image, inputs)
    if image.packed_file is not None:
        return write_packed(image.packed_file, image.filepath or image.name, inputs)
    return _existing(Path(bpy.path.abspath(image.filepath, library=image.library)))


def has_portrait(settings: PortraitProperties) -> bool:
    """Whether a portrait is chosen (its file may still be missing)."""
    return settings.portrait_image is not None or bool(settings.portrait_file.strip())


def _existing(path: Path) -> Path:
    if not is_file(path):
        raise BadInputError(
            "portrait_missing", say("The portrait is missing: {path}", path=shown(path)), say("Choose another picture.")
        )
    return path.resolve()


def _written(image: bpy.types.Image, inputs: Path) -> Path:
    """The image's pixels as a PNG file, named by its content; the image itself does not change."""
    if not image.has_data or not all(image.size):
        raise BadInputError(
            "portrait_missing",
            say("The image “{image}” has no pixels.", image=image.name),
            say("Choose another picture."),
        )
    target = Path(bpy.app.tempdir) / "soliloquy-portrait.png"
    copy = image.copy()
    try:
        copy.file_format = "PNG"
        copy.save(filepath=str(target))
    except RuntimeError as error:
        raise BadInputError(
            "portrait_missing",
            say("The image “{image}” can't be saved.", image=image.name),
            say("Save it to a file and choose that."),
        ) from error
    finally:
        bpy.data.images.remove(copy)
    data = target.read_bytes()
    target.unlink()
    return write_once(inputs / f"{hashlib.sha256(data).hexdigest()[:16]}.png", data)
