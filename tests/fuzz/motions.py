"""Damaged motion files and Live Link recordings into the readers of `core.motion`."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from pathlib import Path

import numpy as np

from core.motion.channels import CHANNELS
from core.motion.live_link import HEADER, read_live_link_csv
from core.motion.motion import MAX_FRAMES, Motion

from .damage import Case, Kind, damaged

_FRAMES = 25
_SHAPES = (
    *("(1000000000, 53)", "(99999999999999, 53)", "(-1, 53)", "(25,)", "(25, 53, )", "('a',)", "(True, 53)", "()", "1"),
    *("(" * 500 + ")" * 500, "(10**9,)", "__import__('os')", "(1, 2, " * 60),
)
_TYPES = ("'|O'", "'<f2'", "'>f8'", "[('a', '<f4')]", "'|V9999999'", "'x'", "5", "None", "'<U1000000'")
_RATES = (0.0, -1.0, float("nan"), float("inf"), 1e-3, 1e-6, 1e-9, 1e-300, 1e300, 1e9)
_CELLS = ("nan", "inf", "-inf", "1e400", "1e39", "", "x", "1_0", "٣", "0x10", "1" * 5000, "\0", "1,5", "-1e30")
_CODES = ("", "x", "99:99:99:99.999", "00:00:00:00.000", "23:59:59:24.000", "1e9", "-1:00:00:00", "00:00:00.5")
_FARTHEST = 1e5
MARK = "a-pickle-was-run"
"""Name of the file in the current folder that a pickle in a case makes, if anything runs it."""


class _Pickle:
    def __reduce__(self) -> tuple[object, ...]:
        return (open, (MARK, "w"))


def bases() -> dict[str, bytes]:
    """A second of motion as ``.npz``, stored and compressed, and as CSV."""
    return {"stored.npz": _packed(_parts()), "deflated.npz": _packed(_parts(), zipfile.ZIP_DEFLATED), "a.csv": _csv()}


def case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A damaged motion or recording, or one that was made up to do harm."""
    if r.random() < 0.35:
        name = r.choice(list(made))
        return damaged(r, name, made[name])
    return _made_up_csv(r) if r.random() < 0.4 else _made_up_npz(r)


def read(path: Path, found: Case) -> str:
    """Read the motion at 25 frames a second; it must be finite, and no longer and larger than a performance."""
    motion = read_live_link_csv(path) if path.suffix == ".csv" else Motion.load(path)
    motion = motion.resampled(25.0)
    if not np.isfinite(motion.channels()).all():
        return "values that are not finite"
    if len(motion) > MAX_FRAMES:
        return f"{len(motion)} frames"
    if max(abs(motion.rotation).max(initial=0.0), abs(motion.translation).max(initial=0.0)) > _FARTHEST:
        return "a pose beyond any neck"
    return f"{MARK} is there" if Path(MARK).exists() else ""


def _npy(array: np.ndarray, shape: str | None = None, descr: str | None = None) -> bytes:
    """A .npy whose header may lie about its shape or its type."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=True)
    data = stream.getvalue()
    (length,) = struct.unpack("<H", data[8:10])
    head = data[10 : 10 + length].decode("latin1")
    if shape is not None:
        head = head[: head.index("'shape': ")] + f"'shape': {shape}, }}\n"
    if descr is not None:
        head = head.replace(repr(array.dtype.str), descr)
    return data[:8] + struct.pack("<H", len(head)) + head.encode("latin1") + data[10 + length :]


def _packed(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, data in parts.items():
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), data, method)
    return stream.getvalue()


def _parts() -> dict[str, bytes]:
    zeros = np.zeros((_FRAMES, 3), np.float32)
    weights = np.full((_FRAMES, 53), 0.2, np.float32)
    arrays = {"expression": weights, "rotation": zeros, "translation": zeros}
    return {name: _npy(array) for name, array in {**arrays, "fps": np.array(25.0), "names": np.array(CHANNELS)}.items()}


def _bomb(r: random.Random) -> bytes:
    """A small file that unpacks to hundreds of megabytes, and says that it has more."""
    rows, stream = r.choice([2_000_000, 20_000_000, 200_000_000]), io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open("expression.npy", "w", force_zip64=True) as out:
            out.write(_npy(np.zeros((0, 53), np.float32), shape=f"({rows}, 53)"))
            for _ in range(400):
                out.write(bytes(1 << 20))
        for name, data in _parts().items():
            if name != "expression":
                file.writestr(f"{name}.npy", data)
    return stream.getvalue()


def _other_arrays(r: random.Random) -> np.ndarray:
    large = r.choice([np.nan, np.inf, -np.inf, 3e38, -5.0, 1e20, 1e300])
    return r.choice(
        [
            *(np.zeros((25, 53, 1)), np.zeros(25), np.array(1.0), np.zeros((0, 53)), np.zeros((24, 53)), np.array("x")),
            *(np.zeros((25, 52)), np.zeros((25, 3), complex), np.zeros((25, 3), "M8[s]"), np.zeros((25, 3), "S3")),
            *(np.zeros(25, [("a", "f4"), ("b", "f4")]), np.zeros((25, 3), bool), np.full((25, 3), large)),
            *(np.full((25, 53), large), np.array([_Pickle()], dtype=object)),
        ]
    )


def _made_up_npz(r: random.Random) -> Case:
    parts, zeros = _parts(), np.zeros((_FRAMES, 53), np.float32)
    choice = r.randrange(10)
    if choice == 0:
        return Case("npz: a pickle and nothing else", "x.npz", pickle.dumps(_Pickle()))
    if choice == 1:
        return Case("npz: a bomb", "x.npz", _bomb(r))
    if choice == 2:
        parts["fps"] = _npy(np.array(r.choice(_RATES)))
    elif choice == 3:
        rates = [np.array([25.0, 25.0]), np.array("25"), np.array([]), np.complex64(25), np.array(True)]
        parts["fps"] = _npy(np.asarray(r.choice(rates)))
    elif choice == 4:
        names = [np.array(5), np.array("x"), np.array([]), np.array(CHANNELS[::-1]), np.zeros((2, 2))]
        parts["names"] = _npy(r.choice([*names, np.array([CHANNELS])]))
    elif choice in (5, 6):
        parts[r.choice(list(parts))] = _npy(_other_arrays(r))
    elif choice == 7:
        parts["expression"] = _npy(zeros, shape=r.choice(_SHAPES))
    elif choice == 8:
        parts["expression"] = _npy(zeros, descr=r.choice(_TYPES))
    else:
        del parts[r.choice(list(parts))]
    data = bytearray(_packed(parts, r.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
    if choice == 9 and r.random() < 0.7:
        place, value = r.choice([(6, b"\1\0"), (8, b"\x63\0"), (8, b"\x0c\0"), (8, b"\x0e\0"), (6, b"\x20\0")])
        for mark, shift in ((b"PK\3\4", 0), (b"PK\1\2", 2)):
            found = data.find(mark)
            while found >= 0:
                data[found + place + shift : found + place + shift + 2] = value
                found = data.find(mark, found + 4)
        return Case("npz: encrypted, or packed in an odd way", "x.npz", bytes(data))
    return Case(f"npz: other content ({choice})", "x.npz", bytes(data))


def _rows() -> list[list[str]]:
    rows = [[f"00:00:{i // 25:02d}:{i % 25:02d}.000", "61", *(["0.1"] * 61)] for i in range(50)]
    return [list(HEADER), *rows]


def _csv(rows: list[list[str]] | None = None) -> bytes:
    return "\n".join(",".join(row) for row in rows or _rows()).encode()


def _made_up_csv(r: random.Random) -> Case:
    rows, choice = _rows(), r.randrange(9)
    if choice == 0:
        rows[r.randrange(1, 51)][r.randrange(2, 63)] = r.choice(_CELLS)
    elif choice == 1:
        for _ in range(r.choice([1, 50])):
            rows[r.randrange(1, 51)][0] = r.choice(_CODES)
    elif choice == 2:
        rows[r.randrange(1, 51)] = rows[5][: r.randrange(60)] if r.random() < 0.5 else rows[5] * 30
    elif choice == 3:
        odd = [["Timecode"], ["HeadYaw"] * 63, ["headyaw", *rows[0][1:]], rows[0][::-1], ["\ufeff" * 3, *rows[0]]]
        rows[0] = r.choice([*odd, [f'"{"x" * 200_000}"']])
    elif choice == 4:
        return Case("csv: a quote that never ends", "x.csv", b'"' + _csv() * r.choice([1, 200]))
    elif choice == 5:
        empty = [b"", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", bytes(1000), _csv().split(b"\n")[0]]
        return Case("csv: hardly anything", "x.csv", r.choice(empty))
    elif choice == 6:
        return Case("csv: an endless line", "x.csv", b"HeadYaw," * r.choice([1000, 300_000]))
    elif choice == 7:
        encoding = r.choice(["utf-16", "utf-32", "utf-7", "utf-16-be"])
        return Case("csv: another encoding", "x.csv", _csv().decode().encode(encoding))
    else:
        text = _csv().replace(b",", r.choice([b";", b"\t", b"|", b", "]))
        return Case("csv: another delimiter", "x.csv", text)
    return Case(f"csv: other content ({choice})", "x.csv", _csv(rows))


KIND = Kind(bases, case, read, most_memory=900_000_000)
