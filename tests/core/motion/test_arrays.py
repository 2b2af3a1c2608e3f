"""Files of arrays and motions that are damaged or lie: one sentence, little memory, and never a pickle."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import BadInputError
from core.inputs import InputKind
from core.motion.arrays import read_arrays
from core.motion.channels import CHANNELS
from core.motion.motion import MAX_FRAMES, Motion

BOX = InputKind(noun="box", code="box", most_bytes=10_000_000)


def npy(array: np.ndarray, shape: str | None = None, descr: str | None = None) -> bytes:
    """A .npy whose header may say another shape or type than its content has."""
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


def packed(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, data in parts.items():
            file.writestr(f"{name}.npy", data)
    return stream.getvalue()


def parts(**changed: np.ndarray | bytes) -> dict[str, bytes]:
    """The parts of a motion of one second, some of them others."""
    arrays: dict[str, Any] = {
        "expression": np.full((25, 53), 0.2, np.float32),
        "rotation": np.zeros((25, 3), np.float32),
        "translation": np.zeros((25, 3), np.float32),
        "fps": np.float64(25.0),
        "names": np.array(CHANNELS),
    }
    return {
        name: part if isinstance(part, bytes) else npy(np.asarray(part)) for name, part in (arrays | changed).items()
    }


def refused(path: Path, content: bytes) -> str:
    """The error for a motion file with this content."""
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        Motion.load(path)
    assert caught.value.code == "motion_unreadable"
    assert caught.value.message.endswith(".") and "\n" not in str(caught.value) and len(caught.value.message) < 400
    return caught.value.message


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    given = {
        "a": np.arange(12, dtype=np.float32).reshape(3, 4),
        "b": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "c": np.array(["größe", "x"]),
        "d": np.float64(2.5),
        "e": np.zeros((0, 7), np.uint8),
        "f": np.arange(4, dtype=">f8"),
        "g": np.array([True, False]),
    }
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "a.npz", **given)
        found = read_arrays(tmp_path / "a.npz", BOX, 100_000)
        assert list(found) == list(given)
        for name, array in given.items():
            assert np.array_equal(found[name], array) and found[name].dtype == np.asarray(array).dtype
            assert not found[name].flags.writeable


@pytest.mark.parametrize(
    "shape",
    [
        *("(1000000000, 53)", "(99999999999999, 53)", "(-1, 53)", "(25,)", "('a',)", "()", "1", "(10**9,)"),
        *("(" * 500 + ")" * 500, "__import__('os')", "(1, 2, " * 60, "(25, 53), 'more': 1", "\0"),
    ],
)
def test_headers_that_lie_about_the_shape(tmp_path: Path, shape: str) -> None:
    tracemalloc.start()
    refused(tmp_path / "a.npz", packed(parts(expression=npy(np.zeros((25, 53), np.float32), shape=shape))))
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "descr", ["'|O'", "'<f2'", "'>f8'", "[('a', '<f4')]", "'|V9999999'", "'x'", "5", "None", "'<U1000000'", "'<c8'"]
)
def test_headers_that_lie_about_the_type(tmp_path: Path, descr: str) -> None:
    refused(tmp_path / "a.npz", packed(parts(expression=npy(np.zeros((25, 53), np.float32), descr=descr))))


def test_a_small_file_that_unpacks_to_a_huge_one_is_not_unpacked(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open("expression.npy", "w", force_zip64=True) as out:
            out.write(npy(np.zeros((0, 53), np.float32), shape="(20000000, 53)"))
            for _ in range(300):
                out.write(bytes(1 << 20))
        for name, data in parts().items():
            if name != "expression":
                file.writestr(f"{name}.npy", data)
    assert len(stream.getvalue()) < 3e6
    tracemalloc.start()
    assert "memory" in refused(tmp_path / "a.npz", stream.getvalue())
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "place, value", [(6, b"\x01\0"), (8, b"\x63\0"), (8, b"\x0c\0"), (8, b"\x0e\0"), (6, b"\x20\0")]
)
def test_encrypted_parts_and_odd_compressions(tmp_path: Path, place: int, value: bytes) -> None:
    data = bytearray(packed(parts(), zipfile.ZIP_DEFLATED))
    for mark, shift in ((b"PK\3\4", 0), (b"PK\1\2", 2)):
        found = data.find(mark)
        while found >= 0:
            data[found + place + shift : found + place + shift + 2] = value
            found = data.find(mark, found + 4)
    refused(tmp_path / "a.npz", bytes(data))


def test_damage_at_every_place(tmp_path: Path) -> None:
    """A changed byte either is found or changes nothing that is read."""
    content = packed(parts(), zipfile.ZIP_DEFLATED)
    (tmp_path / "a.npz").write_bytes(content)
    whole = Motion.load(tmp_path / "a.npz").channels()
    for place in range(0, len(content), 7):
        spoiled = bytearray(content)
        spoiled[place] ^= 0x41
        (tmp_path / "a.npz").write_bytes(spoiled)
        try:
            assert np.array_equal(Motion.load(tmp_path / "a.npz").channels(), whole)
        except BadInputError as error:
            assert error.code == "motion_unreadable"
    for size in range(1, len(content), 31):
        refused(tmp_path / "a.npz", content[:size])


def test_very_many_parts(tmp_path: Path) -> None:
    assert "too many" in refused(tmp_path / "a.npz", packed({str(n): b"" for n in range(200)}))


@pytest.mark.parametrize("fps", [0.0, -1.0, 1e-3, 1e-6, 1e-300, 1e300, 1e9, np.nan, np.inf])
def test_rates_that_no_motion_has(tmp_path: Path, fps: float) -> None:
    refused(tmp_path / "a.npz", packed(parts(fps=np.float64(fps))))


@pytest.mark.parametrize(
    "fps",
    [np.array([25.0, 25.0]), np.array("25"), np.array([]), np.complex64(25), np.array(True), np.zeros((), "M8[s]")],
)
def test_rates_that_are_no_number(tmp_path: Path, fps: np.ndarray) -> None:
    refused(tmp_path / "a.npz", packed(parts(fps=fps)))


@pytest.mark.parametrize(
    "names",
    [np.array(5), np.array("x"), np.array([]), np.array(CHANNELS[::-1]), np.zeros((2, 2)), np.array([CHANNELS])],
)
def test_other_names(tmp_path: Path, names: np.ndarray) -> None:
    assert "other channels" in refused(tmp_path / "a.npz", packed(parts(names=names)))


@pytest.mark.parametrize(
    "array",
    [
        *(
            np.zeros((25, 53, 1)),
            np.zeros(25),
            np.float32(1),
            np.zeros((0, 53)),
            np.zeros((24, 53)),
            np.zeros((25, 52)),
        ),
        *(np.array("x"), np.zeros((25, 53), complex), np.zeros((25, 53), "M8[s]"), np.zeros((25, 53), "U3")),
        *(np.zeros(25, [("a", "f4"), ("b", "f4")]), np.full((25, 53), 1e300), np.full((25, 53), np.nan, np.float32)),
        *(np.full((25, 53), -np.inf, np.float32), np.full((25, 53), 1e20, np.float32)),
    ],
)
def test_weights_that_no_motion_has(tmp_path: Path, array: np.ndarray, recwarn: pytest.WarningsRecorder) -> None:
    refused(tmp_path / "a.npz", packed(parts(expression=array)))
    assert not recwarn.list


@pytest.mark.parametrize("value", [1e6, 1e20, -1e30, 3e38])
@pytest.mark.parametrize("name", ["rotation", "translation"])
def test_poses_beyond_any_neck(tmp_path: Path, name: str, value: float) -> None:
    refused(tmp_path / "a.npz", packed(parts(**{name: np.full((25, 3), value, np.float32)})))


@pytest.mark.parametrize("name", list(parts()))
def test_a_missing_part(tmp_path: Path, name: str) -> None:
    assert f"no {name}" in refused(tmp_path / "a.npz", packed({n: p for n, p in parts().items() if n != name}))


def test_motions_that_last_for_ever(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hours"):
        Motion.zeros(50_000, 1.0).checked()
    longest = MAX_FRAMES // 25
    assert len(Motion.zeros(longest, 1.0).checked().resampled(25.0)) == MAX_FRAMES


def test_values_beyond_one_and_other_rates_are_kept(tmp_path: Path) -> None:
    motion = Motion(np.full((4, 53), 1.5), np.full((4, 3), -7.0), np.full((4, 3), 300.0), 1.0)
    motion.save(tmp_path / "a.npz")
    assert np.array_equal(Motion.load(tmp_path / "a.npz").channels(), motion.channels())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(BadInputError, match="is a pipe"):
        Motion.load(tmp_path / "a.npz")
    with pytest.raises(BadInputError) as caught:
        Motion.load("/tmp/\0m.npz")
    assert caught.value.code == "motion_unreadable"
