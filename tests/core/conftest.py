"""Stand-in networks and a small request, for tests of the code around the networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.wire.protocol import Generate
from tests.core.cli_place import Place
from tests.core.standins import StandInModels, install


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> StandInModels:
    """Stand-ins in place of all networks."""
    return install(monkeypatch.setattr)


@pytest.fixture
def request_(tmp_path: Path) -> Generate:
    """A request with 1.2 s of sound, a picture, and an output folder that doesn't exist yet."""
    generator = np.random.default_rng(0)
    soundfile.write(tmp_path / "spéech 声.wav", generator.normal(0, 0.1, 19200), 16000)
    Image.fromarray(generator.integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / "pörtrait.png")
    return Generate(
        audio=str(tmp_path / "spéech 声.wav"),
        portrait=str(tmp_path / "pörtrait.png"),
        out=str(tmp_path / "öut 出"),
        takes=2,
        device="cpu",
    )


@pytest.fixture(scope="session")
def face() -> Image.Image:
    """The public-domain test photograph of scikit-image."""
    data = pytest.importorskip("skimage.data", reason="scikit-image's test photograph is not installed")
    return Image.fromarray(data.astronaut())


@pytest.fixture
def place(tmp_path: Path, face: Image.Image, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A folder with good input, and an empty cache of portraits."""
    monkeypatch.setenv("SOLILOQUY_CACHE", str(tmp_path / "cache"))
    return Place(tmp_path, face)
