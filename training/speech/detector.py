"""Convert the weights of Silero VAD: ``python -m training.speech.detector silero_vad-6.2.3-py3-none-any.whl``.

The package (MIT, © Silero Team) keeps them as TorchScript in its wheel. With ``--reference FILE`` the package's own
program also hears the demo's speech, and its probabilities are written: ``tests/core/sound`` compares ours with them.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from core.files import write_bytes
from core.places import ROOT
from core.sound.mel import SAMPLE_RATE
from core.sound.speech_detector import STEP, WEIGHTS, SpeechDetector

SCRIPT = "silero_vad/data/silero_vad.jit"
"""The package's network for 8 and 16 kHz, inside the wheel."""
SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"
"""What the package's own program hears for ``--reference``."""
_NAMES = {
    "basis": "stft.forward_basis_buffer",
    **{
        f"encoder.{2 * layer}.{part}": f"encoder.{layer}.reparam_conv.{part}"
        for layer in range(4)
        for part in ("weight", "bias")
    },
    **{
        f"memory.{part}_{side}_l0": f"decoder.rnn.{part}_{side}" for part in ("weight", "bias") for side in ("ih", "hh")
    },
    "out.weight": "decoder.decoder.2.weight",
    "out.bias": "decoder.decoder.2.bias",
}
"""Our names of the weights, and the package's."""


def converted(tensors: dict[str, Tensor]) -> SpeechDetector:
    """Our network with the weights of the package's network for 16 kHz, given as its ``state_dict``."""
    ours = {name: tensors[f"_model.{theirs}"] for name, theirs in _NAMES.items()}
    ours["out.weight"] = ours["out.weight"][..., 0]  # a convolution of one tap
    model = SpeechDetector()
    model.load_state_dict(ours)
    return model.eval()


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.speech.detector", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="the package's wheel, or the file silero_vad.jit out of it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write")
    parser.add_argument("--reference", type=Path, metavar="FILE", help="also write what the package's program hears")
    options = parser.parse_args(arguments)
    script = options.source.read_bytes()
    if options.source.suffix == ".whl":
        with zipfile.ZipFile(options.source) as wheel:
            script = wheel.read(SCRIPT)
    theirs = torch.jit.load(io.BytesIO(script)).eval()
    converted(theirs.state_dict()).save(options.weights)
    print(f"{options.weights}: {options.weights.stat().st_size / 1e6:.1f} MB")
    if options.reference is not None:
        sound, _ = soundfile.read(SPEECH, dtype="float32")
        steps = np.pad(sound, (0, -len(sound) % STEP)).reshape(-1, STEP)
        with torch.no_grad():
            heard = [float(theirs(torch.from_numpy(step)[None], SAMPLE_RATE)) for step in steps]
        write_bytes(options.reference, json.dumps([round(value, 7) for value in heard]).encode())
        print(f"{options.reference}: {len(heard)} probabilities, the highest {max(heard):.3f}")


if __name__ == "__main__":
    main()
