"""Reading ``.npz`` files of arrays, which may be damaged or made to do harm: bounded memory, and one sentence.

numpy's own reader believes what a file says about itself: a header of a few bytes can ask for any amount of memory, and
damage ends in one of a dozen kinds of errors. Here each array must be exactly as large as its header says, and all of
them together no larger than the caller allows. Objects (pickles) are never read.

numpy and the standard library only, because Blender imports this module.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from ..inputs import InputKind, read_input
from ..plurals import counted

_MOST_ENTRIES = 100
"""Arrays in a file."""
_ENTRY_MARK = b"PK\x01\x02"
"""Begins each entry in a ZIP file's directory."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KINDS = "biufU"
"""Kinds of numpy types that are read: truth values, numbers, texts."""
_ENDING = ".npy"


class _DamageError(Exception):
    """Says what is wrong with a file, as the end of a sentence."""


def read_arrays(path: str | Path, kind: InputKind, most_bytes: int) -> dict[str, np.ndarray]:
    """The arrays of a file written by ``numpy.savez``, by their names. They can't be written to.

    Raises the errors of `core.inputs.open_input`, and BadInputError ``…_unreadable`` for a file that is damaged, holds
    anything but numbers, truth values and texts, or whose arrays have more than ``most_bytes``.
    """
    content = read_input(path, kind)
    try:
        if content.count(_ENTRY_MARK) > _MOST_ENTRIES:  # counted here, because `ZipFile` makes an object of each
            raise _DamageError("it has too many parts")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > most_bytes:
                raise _DamageError("it asks for too much memory")
            return {entry.filename.removesuffix(_ENDING): _array(archive, entry) for entry in entries}
    except _DamageError as error:
        raise kind.unreadable(path, f"can't be read: {error}") from error
    except Exception as error:  # BadZipFile, zlib.error, RuntimeError (encrypted), struct.error, EOFError, …
        raise kind.unreadable(path, "can't be read: it is damaged") from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """One array. Raises _DamageError, or whatever the readers of its parts raise."""
    if entry.compress_type not in _METHODS:
        raise _DamageError("it is compressed in an unusual way")
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, by_columns, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise _DamageError("it is of another version")
        if dtype.kind not in _KINDS or min(shape, default=0) < 0:
            raise _DamageError("it holds something else than numbers")
        size = math.prod(shape) * dtype.itemsize
        left = entry.file_size - stream.tell()
        if size != left:
            raise _DamageError(f"a part should have {counted(size, 'byte')} and has {left}")
        return np.ndarray(shape, dtype, stream.read(size), order="F" if by_columns else "C")
