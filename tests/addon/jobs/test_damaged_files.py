"""Damaged files that the add-on reads by itself: rates of earlier sessions, headers of weights."""

import json
import struct

import pytest
from soliloquy.addon.jobs import doctor, estimate
from soliloquy.addon.properties import preferences
from soliloquy.addon.session import session

GOOD = {"rates": {"frames cpu 512 gan": 0.1}, "device": "cpu"}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[]", b"7", b"null", b"{}", b'{"rates": []}', b'{"rates": 5, "device": "cpu"}',
        b"[" * 100_000, json.dumps(GOOD | {"rates": [1]}).encode(),
    ],
)  # fmt: skip
def test_rates_that_cannot_be_read_are_forgotten(scene, content):
    path = preferences.user_folder() / "rates.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    rates = session().part(estimate.Rates)
    rates.learned.clear()
    estimate.read_rates()
    assert rates.learned == {}


@pytest.mark.parametrize("value", [None, "0.1", [], {}, True, -1.0, 0, float("nan"), float("inf"), 10**400, 1e300])
def test_one_damaged_rate_does_not_count(scene, value):
    path = preferences.user_folder() / "rates.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rates": GOOD["rates"] | {"motion cpu": value}, "device": value}))
    rates = session().part(estimate.Rates)
    rates.learned.clear()
    estimate.read_rates()
    assert rates.learned == GOOD["rates"] and isinstance(rates.device, str)
    estimate.read_rates()


def weights(header: bytes, length: int | None = None, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def test_a_whole_file_of_weights(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(weights(b'{"__metadata__": {}, "a": {"data_offsets": [0, 4]}}', body=b"\0\0\0\0"))
    assert doctor.is_whole(path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0", weights(b""), weights(b"{}"), weights(b"[]"), weights(b"7"), weights(b"null"), weights(b'"x"'),
        weights(b"{}", 2**63), weights(b"{}", 2**64 - 1), weights(b"{}", 2**40), weights(b"[" * 100_000),
        weights(b'{"a": 5}'), weights(b'{"a": {}}'), weights(b'{"a": {"data_offsets": 5}}'), weights(b"\xff\xff"),
        weights(b'{"a": {"data_offsets": [0]}}'), weights(b'{"a": {"data_offsets": [0, "x"]}}'),
        weights(b'{"a": {"data_offsets": [0, 1e400]}}'), weights(b'{"a": {"data_offsets": [0, 1]}, "b": []}'),
    ],
)  # fmt: skip
def test_damaged_weights_are_called_damaged(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert not doctor.is_whole(path)
