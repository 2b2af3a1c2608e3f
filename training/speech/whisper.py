"""Convert the encoder of Whisper tiny.en: ``python -m training.speech.whisper --source whisper_tiny_en_encoder.npz``.

Writes the first layers in float16 to ``core/weights/speech_encoder.safetensors``. In the source a layer's queries, keys
and values are one stacked linear layer. The bias of the keys is zero, as in Whisper, which has none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.sound.whisper.encoder import WEIGHTS, WhisperConfig, WhisperEncoder

from ..common.folders import data_folder


def converted(source: Path, layers: int = 3) -> WhisperEncoder:
    """The encoder with the first ``layers`` layers of ``source``.

    Raises
    ------
    KeyError
        If an array is missing.
    ValueError
        If the keys have a bias.
    """
    with np.load(source, allow_pickle=False) as arrays:

        def array(name: str) -> Tensor:
            return torch.from_numpy(arrays[name].astype(np.float32))

        state = {
            "positions": array("encoder.position_encodings.encodings"),
            **{f"conv_{k}.{part}": array(f"encoder.conv{k}.{part}") for k in (1, 2) for part in ("weight", "bias")},
        }
        for number in range(layers):
            source_name, name = f"encoder.layer_{number}", f"layers.{number}"
            for part in ("weight", "bias"):
                stacked = array(f"{source_name}.self_attention.linear_0.{part}").chunk(3)
                state |= {f"{name}.{key}.{part}": s for key, s in zip(("query", "key", "value"), stacked, strict=True)}
                state[f"{name}.out.{part}"] = array(f"{source_name}.self_attention.linear_1.{part}")
                state[f"{name}.up.{part}"] = array(f"{source_name}.ffn.linear_0.{part}")
                state[f"{name}.down.{part}"] = array(f"{source_name}.ffn.linear_1.{part}")
            for norm, place in (("norm_1", "self_attention.layer_norm"), ("norm_2", "ffn.layer_norm")):
                state[f"{name}.{norm}.weight"] = array(f"{source_name}.{place}.gamma")
                state[f"{name}.{norm}.bias"] = array(f"{source_name}.{place}.beta")
            if state.pop(f"{name}.key.bias").any():
                raise ValueError(f"the keys of layer {number} have a bias")
    model = WhisperEncoder(WhisperConfig(layers=layers))
    model.load_state_dict(state)
    return model.eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=data_folder() / "models" / "whisper_tiny_en_encoder.npz")
    parser.add_argument("--layers", type=int, default=3, help="number of layers that are kept")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that is written")
    options = parser.parse_args()
    converted(options.source, options.layers).save(options.weights)
    print(f"{options.weights}: {options.weights.stat().st_size / 1e6:.1f} MB, {options.layers} layers")


if __name__ == "__main__":
    main()
