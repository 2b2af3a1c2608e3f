"""ICC profiles made here: RGB and grey with any primaries and gamma, and a simple CMYK machine."""

from __future__ import annotations

import struct

import numpy as np

SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
D65, D50 = np.array([0.95047, 1.0, 1.08883]), np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """(3, 3) from linear RGB to XYZ for white D65 (Lindbloom, "RGB/XYZ Matrices")."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    return columns * np.linalg.solve(columns, D65)


def decoded(values: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values 0–1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def in_space(image: np.ndarray, primaries: tuple[tuple[float, float], ...], gamma: float) -> np.ndarray:
    """An sRGB picture (…, 3) uint8 as the numbers of another space."""
    linear = decoded(image / 255) @ (np.linalg.inv(to_xyz(primaries)) @ to_xyz(SRGB)).T
    return np.round(255 * np.clip(linear, 0, 1) ** (1 / gamma)).astype(np.uint8)


def rgb(primaries: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """A matrix profile."""
    cone = BRADFORD @ np.stack([D65, D50], 1)
    adapt = np.linalg.inv(BRADFORD) @ np.diag(cone[:, 1] / cone[:, 0]) @ BRADFORD
    columns = (adapt @ to_xyz(primaries)).T
    tags = {b"wtpt": _xyz(D50), **{name: _xyz(c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | {name: _curve(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")})


def grey(gamma: float) -> bytes:
    """A profile of grey pictures."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)})


def cmyk() -> bytes:
    """A machine whose inks are exact complements: R = (1 − C)(1 − K), seen with gamma 1.8 instead of sRGB's."""
    steps = np.linspace(0, 1, 9)
    c, m, y, k = np.meshgrid(steps, steps, steps, steps, indexing="ij")
    linear = np.stack([(1 - ink) * (1 - k) for ink in (c, m, y)], -1) ** 1.8
    cone = BRADFORD @ np.stack([D65, D50], 1)
    adapt = np.linalg.inv(BRADFORD) @ np.diag(cone[:, 1] / cone[:, 0]) @ BRADFORD
    share = linear @ (adapt @ to_xyz(SRGB)).T / D50
    root = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    lab = np.stack(
        [116 * root[..., 1] - 16, 500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])], -1
    )
    grid = np.round(
        np.clip(np.stack([lab[..., 0] * 652.8, *((lab[..., i] + 128) * 256 for i in (1, 2))], -1), 0, 65535)
    )
    table = b"mft2" + bytes(4) + bytes([4, 3, 9, 0]) + struct.pack(">9i", *(65536 * int(i % 4 == 0) for i in range(9)))
    table += struct.pack(">HH", 2, 2) + struct.pack(">2H", 0, 65535) * 4 + grid.astype(">u2").tobytes()
    table += struct.pack(">2H", 0, 65535) * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": table, b"A2B1": table})


def _xyz(value: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *np.round(np.asarray(value) * 65536).astype(int))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of version 2.1 (ICC.1:2001-04)."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(5),
        **tags,
    }
    start, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI", start + len(body), 0x02100000) + kind + space + connection + bytes(12) + b"acsp"
    head += bytes(24) + struct.pack(">I", 0) + struct.pack(">3i", *np.round(D50 * 65536).astype(int))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
