"""The speech detector: the same numbers as the package that its weights come from, in any blocks and threads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from core.errors import SoliloquyError
from core.places import ROOT
from core.sound.speech_detector import BLOCK_SAMPLES, FRESH_STEPS, STEP, SpeechDetector, shipped_detector

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"
REFERENCE = Path(__file__).with_name("speech_detector.json")
"""Written by ``python -m training.speech.detector WHEEL --reference FILE``, with the package's own program."""


def speech() -> np.ndarray:
    samples, _ = soundfile.read(SPEECH, dtype="float32")
    return samples


def heard(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    blocks = (samples[first : first + BLOCK_SAMPLES] for first in range(0, len(samples), BLOCK_SAMPLES))
    known, fresh = zip(*shipped_detector().probabilities(blocks), strict=True)
    return np.concatenate(known), np.concatenate(fresh)


def test_probabilities_are_those_of_the_package() -> None:
    known, _ = heard(speech())
    reference = np.array(json.loads(REFERENCE.read_text()))
    assert reference.max() > 0.99 and reference.min() < 0.05
    np.testing.assert_allclose(known, reference, atol=2e-5)


def test_without_memory_every_run_of_windows_is_heard_for_itself() -> None:
    _, fresh = heard(speech())
    alone, _ = heard(speech()[: FRESH_STEPS * STEP])
    half = FRESH_STEPS // 2
    assert np.abs(fresh[:half] - alone[:half]).max() < 1e-5
    assert np.all(fresh[half : 2 * half] >= alone[half : 2 * half] - 1e-5)
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.1, half * STEP * 40).astype(np.float32)  # longer than a block
    noise[-half * STEP :] = 0.0
    assert np.abs(heard(np.concatenate([noise, speech()]))[1][41 * half :] - fresh[half:]).max() < 1e-5


def test_the_state_goes_on_from_block_to_block() -> None:
    sound = np.tile(speech(), 3)[: BLOCK_SAMPLES + 30 * STEP + 7]
    known, fresh = heard(sound)
    assert len(known) == len(fresh) == -(-len(sound) // STEP)
    detector = shipped_detector()
    ((whole, _),) = detector.probabilities([sound])
    np.testing.assert_allclose(known, whole, atol=1e-5)


def test_the_same_bits_with_any_number_of_threads() -> None:
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        found.append(heard(speech()))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert all(np.array_equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def test_saved_and_loaded_again_and_damaged_files_are_refused(tmp_path: Path) -> None:
    shipped_detector().save(tmp_path / "a.safetensors")
    again = SpeechDetector.load(tmp_path / "a.safetensors")
    for name, value in shipped_detector().state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    (tmp_path / "a.safetensors").write_bytes(b"not a network" * 100)
    with pytest.raises(SoliloquyError) as damaged:
        SpeechDetector.load(tmp_path / "a.safetensors")
    assert damaged.value.code == "weights_damaged"
    with pytest.raises(SoliloquyError) as missing:
        SpeechDetector.load(tmp_path / "b.safetensors")
    assert missing.value.code == "weights_missing"
