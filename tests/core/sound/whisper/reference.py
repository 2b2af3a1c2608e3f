"""Whisper's encoder by the transformers package, with the same weights as ours."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from core.sound.whisper.encoder import WhisperEncoder as Ours

LAYERS = 4
"""Layers of tiny.en. The reference always has all of them: its last output is normalised, ours never is."""


def reference(state: dict[str, Tensor], outputs: int, heads: int) -> WhisperEncoder:
    """The encoder for windows of exactly ``outputs`` outputs; ``state`` has its tensors, of which layers may lack."""
    width = state["conv1.weight"].shape[0]
    config = WhisperConfig(
        d_model=width,
        encoder_layers=LAYERS,
        encoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        num_mel_bins=80,
        max_source_positions=outputs,
        attn_implementation="eager",
    )
    model = WhisperEncoder(config)
    places = {"embed_positions.weight": state["embed_positions.weight"][:outputs]}
    missing, unknown = model.load_state_dict(state | places, strict=False)
    assert not unknown, unknown
    complete = {name for name in state if name.startswith("layers.")}
    assert not [name for name in missing if name.startswith(("conv", "embed"))], missing
    assert not [name for name in missing if ".".join(name.split(".")[:2]) in {_layer(known) for known in complete}]
    return model.eval()


def _layer(name: str) -> str:
    return ".".join(name.split(".")[:2])


def state_of(ours: Ours) -> dict[str, Tensor]:
    """Our weights under the names of the reference."""
    names = {
        **{"query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj"},
        **{"out": "self_attn.out_proj", "up": "fc1", "down": "fc2"},
        **{"norm_1": "self_attn_layer_norm", "norm_2": "final_layer_norm"},
    }
    state = {}
    for name, value in ours.state_dict().items():
        parts = name.split(".")
        if parts[0] == "layers":
            state[".".join(["layers", parts[1], names[parts[2]], parts[3]])] = value
        else:
            first = {"positions": "embed_positions.weight", "conv_1": "conv1", "conv_2": "conv2"}[parts[0]]
            state[".".join([first, *parts[1:]])] = value
    return state


def state_of_arrays(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The source's arrays under the names of the reference. All are used but the number of heads and the filters."""
    tensors = {
        name.removeprefix("encoder."): torch.from_numpy(value.astype(np.float32))
        for name, value in arrays.items()
        if name not in ("encoder.num_heads", "mel_filters")
    }
    state = {"embed_positions.weight": tensors.pop("position_encodings.encodings")}
    for name, value in tensors.items():
        new = name.replace(".gamma", ".weight").replace(".beta", ".bias").replace("layer_", "layers.", 1)
        new = new.replace("layers.norm", "layer_norm")
        new = new.replace("self_attention.layer_norm", "self_attn_layer_norm")
        new = new.replace("ffn.layer_norm", "final_layer_norm")
        new = new.replace("ffn.linear_0", "fc1").replace("ffn.linear_1", "fc2")
        new = new.replace("self_attention.linear_1", "self_attn.out_proj")
        if "self_attention.linear_0" in new:
            for part, third in zip("qkv", value.chunk(3), strict=True):
                state[new.replace("self_attention.linear_0", f"self_attn.{part}_proj")] = third
        else:
            state[new] = value
    for name in [name for name in state if name.endswith("k_proj.bias")]:
        assert not state.pop(name).any()
    return state


@torch.no_grad()
def their_outputs(model: WhisperEncoder, mel: np.ndarray) -> list[Tensor]:
    """(N, width) after no layer, after one, after two, after three; of mel (2 N, 80)."""
    found = model(torch.from_numpy(mel).T[None], output_hidden_states=True)
    return [state[0] for state in found.hidden_states[:LAYERS]]
