"""The conversion of Whisper's encoder: every array goes to its place, and the shipped file is made by it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from core.sound.whisper.encoder import WhisperConfig, WhisperEncoder
from core.sound.whisper.front_end import mel_filters
from tests.core.sound.whisper.reference import LAYERS, reference, state_of_arrays, their_outputs
from training.speech.whisper import converted

SOURCE = Path(os.environ.get("SOLILOQUY_DATA", "../shared/data")) / "models" / "whisper_tiny_en_encoder.npz"


def made_up(layers: int = 1) -> dict[str, np.ndarray]:
    """Arrays like those of the source, with random numbers."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.normal(0.0, 0.05, shape).astype(np.float16)

    out = {"encoder.position_encodings.encodings": array(1500, 384), "mel_filters": np.zeros((80, 201), np.float32)}
    out |= {"encoder.num_heads": np.int16(6), "encoder.conv1.weight": array(384, 80, 3)}
    out |= {"encoder.conv2.weight": array(384, 384, 3)} | {f"encoder.conv{k}.bias": array(384) for k in (1, 2)}
    out |= {f"encoder.layer_norm.{part}": array(384) for part in ("beta", "gamma")}
    for number in range(layers):
        sizes = {"self_attention.linear_0": (1152, 384), "self_attention.linear_1": (384, 384)}
        sizes |= {"ffn.linear_0": (1536, 384), "ffn.linear_1": (384, 1536)}
        for name, size in sizes.items():
            out[f"encoder.layer_{number}.{name}.weight"] = array(*size)
            out[f"encoder.layer_{number}.{name}.bias"] = array(size[0])
        out[f"encoder.layer_{number}.self_attention.linear_0.bias"][384:768] = 0.0
        for name in ("self_attention", "ffn"):
            out |= {f"encoder.layer_{number}.{name}.layer_norm.{part}": array(384) for part in ("beta", "gamma")}
    return out


def saved(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(folder / "source.npz", **arrays)
    return folder / "source.npz"


def hears_the_same(model: WhisperEncoder, arrays: dict[str, np.ndarray], layers: int) -> bool:
    mel = np.random.default_rng(1).normal(0.0, 1.0, (80, 80)).astype(np.float32)
    theirs = their_outputs(reference(state_of_arrays(arrays), 40, 6), mel)[layers]
    with torch.no_grad():
        ours = model(torch.from_numpy(mel)[None])[0]
    return float((ours - theirs).abs().max()) < 1e-3 * float((theirs - theirs.mean(0)).std())


def test_made_up_arrays_go_to_their_places(tmp_path: Path) -> None:
    arrays = made_up()
    model = converted(saved(tmp_path, arrays), layers=1)
    assert model.config == WhisperConfig(layers=1) and not model.training
    assert hears_the_same(model, arrays, 1)
    arrays["encoder.layer_0.self_attention.linear_0.weight"][:768] *= 3.0
    assert not hears_the_same(model, arrays, 1), "the comparison sees a change"


def test_a_missing_array_and_keys_with_a_bias_are_errors(tmp_path: Path) -> None:
    arrays = made_up()
    with pytest.raises(KeyError):
        converted(saved(tmp_path, arrays), layers=2)
    arrays["encoder.layer_0.self_attention.linear_0.bias"][400] = 0.1
    with pytest.raises(ValueError, match="layer 0 have a bias"):
        converted(saved(tmp_path, arrays), layers=1)


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    with np.load(SOURCE, allow_pickle=False) as source:
        return {name: source[name] for name in source.files}


@pytest.mark.real_data
@pytest.mark.skipif(not SOURCE.exists(), reason="Whisper's encoder isn't there (SOLILOQUY_DATA)")
class TestSource:
    """With the real encoder."""

    def test_every_array_is_used(self, arrays, tmp_path: Path) -> None:
        """Without any one of the arrays the conversion fails; the final norm belongs to outputs that aren't used."""
        spare = {"encoder.layer_norm.beta", "encoder.layer_norm.gamma", "encoder.num_heads", "mel_filters"}
        assert arrays["encoder.num_heads"] == WhisperConfig().heads
        used: set[str] = set()

        class Watched(dict):
            def __getitem__(self, name: str) -> np.ndarray:
                used.add(name)
                return super().__getitem__(name)

            def __enter__(self):
                return self

            def __exit__(self, *_: object) -> None:
                return None

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(np, "load", lambda *_, **__: Watched(arrays))
            model = converted(SOURCE, layers=LAYERS)
        assert set(arrays) - used == spare
        assert (
            sum(p.numel() for p in model.parameters()) + model.positions.numel()
            == sum(value.size for name, value in arrays.items() if name not in spare) - LAYERS * 384
        ), "all but the keys' biases"

    def test_keys_have_no_bias(self, arrays) -> None:
        for number in range(LAYERS):
            assert not arrays[f"encoder.layer_{number}.self_attention.linear_0.bias"][384:768].any()

    def test_filters_are_those_of_the_source(self, arrays) -> None:
        np.testing.assert_allclose(mel_filters(), arrays["mel_filters"], atol=1e-7)

    def test_the_other_implementation_hears_the_same(self, arrays) -> None:
        assert hears_the_same(converted(SOURCE), arrays, 3)

    def test_the_shipped_encoder_is_made_from_the_source(self) -> None:
        made, shipped = converted(SOURCE), WhisperEncoder.load()
        assert made.config == shipped.config
        for name, value in shipped.state_dict().items():
            assert torch.equal(value, made.state_dict()[name].half().float()), name
