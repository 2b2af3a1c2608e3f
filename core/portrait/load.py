"""Loads a portrait from a picture file, and keeps its fit in a cache."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np

from ..compute.weight_files import weight_digest
from ..errors import BadInputError, SoliloquyError
from ..files import make_private_folder, write_bytes
from ..head.head_model import WEIGHTS
from ..inputs import InputKind
from ..motion.arrays import read_arrays
from . import picture
from .fit import fit_portrait
from .portrait import Portrait

CACHE_VERSION = 3
"""Raised when a change of the code makes old fits wrong."""
_CACHE = InputKind(noun="kept fit", code="cache", most_bytes=1_000_000)
_MOST_CACHE_BYTES = 1_000_000
_CACHED: dict[str, tuple[int, ...]] = {
    **{"landmarks": (478, 3), "expression": (53,), "rotation": (3,), "translation": (3,)},
    **{"centre": (2,), "crop": (3,), "focal": (), "residual": (), "quarters": ()},
}
"""Shapes of the arrays in a cache file; ``identity`` has as many components as the head model."""
_OF_THE_FILE = ("image", "alpha", "digest")
"""What isn't kept, because the photograph gives it."""


def load_portrait(path: str | Path, cache_dir: str | Path | None = None) -> Portrait:
    """Read a photograph of one face and fit the head model to it.

    With ``cache_dir`` the fit is kept there, named by the hashes of the file and of the head model, and read the next
    time. Only the user can read its file. If the cache can't be written, that is no error: the portrait is only fitted
    again the next time. A full disk is still reported, by the job's own files, which are written next.

    Raises BadInputError with one of: ``portrait_missing``, ``portrait_unreadable``, ``portrait_empty``,
    ``portrait_not_image``, ``portrait_damaged``, ``portrait_too_large``, ``portrait_too_small``, ``portrait_no_face``,
    ``portrait_hdr``, ``portrait_several_faces``, ``portrait_tiny_face``, ``portrait_too_dark``,
    ``portrait_too_bright``, ``portrait_too_pale``, ``portrait_drawn``, ``portrait_cut_off``, ``portrait_hidden_eyes``,
    ``portrait_hidden_mouth``, ``portrait_profile``, ``portrait_poor_fit``, ``portrait_open_mouth``.
    """
    path = Path(path)
    content = picture.read_bytes(path)
    digest = hashlib.sha256(content).hexdigest()
    pixels = picture.decode(content, path.name)
    kept = None if cache_dir is None else Path(cache_dir) / f"portrait-{CACHE_VERSION}-{model_key()}-{digest}.npz"
    if kept is not None:
        cached = _from_cache(kept, pixels, digest)
        if cached is not None:
            return cached
    portrait = fit_portrait(pixels.image, digest, path.name, pixels.alpha)
    if kept is not None:
        with suppress(SoliloquyError):
            make_private_folder(kept.parent, ours=False)
            write_bytes(kept, _to_cache(portrait), private=True)
    return portrait


@cache
def model_key() -> str:
    """Short hash of the head model's file: a fit can't be used with another model."""
    return weight_digest(WEIGHTS)[:12] if WEIGHTS.is_file() else "none"


def _to_cache(portrait: Portrait) -> bytes:
    """Content of a cache file: all of the portrait except what the photograph gives."""
    buffer = io.BytesIO()
    names = [field.name for field in fields(portrait) if field.name not in _OF_THE_FILE]
    np.savez(buffer, **{name: getattr(portrait, name) for name in names})
    return buffer.getvalue()


def _from_cache(kept: Path, pixels: picture.Pixels, digest: str) -> Portrait | None:
    """The portrait of a cache file, or None if that file is missing or damaged (the fit is then made again)."""
    try:
        values = {name: np.array(value) for name, value in read_arrays(kept, _CACHE, _MOST_CACHE_BYTES).items()}
    except BadInputError:
        return None
    if set(values) != {"identity", *_CACHED} or values["identity"].ndim != 1 or not len(values["identity"]):
        return None
    if any(values[name].shape != shape for name, shape in _CACHED.items()):
        return None
    turns = values.pop("quarters")
    if turns.dtype.kind != "i":
        return None
    if any(value.dtype.kind != "f" or not np.isfinite(value).all() for value in values.values()):
        return None
    crop = values.pop("crop")
    quarters = int(turns)
    pixels = pixels.turned(quarters)
    return Portrait(
        image=pixels.image,
        alpha=pixels.alpha,
        quarters=quarters,
        digest=digest,
        crop=(float(crop[0]), float(crop[1]), float(crop[2])),
        focal=float(values.pop("focal")),
        residual=float(values.pop("residual")),
        **values,
    )
