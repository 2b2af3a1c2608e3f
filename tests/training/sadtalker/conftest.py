"""Made-up sounds."""

import numpy as np
import pytest
import soundfile


@pytest.fixture
def wav():
    """A function that writes so many seconds of noise to a path."""

    def write(path, seconds):
        samples = 0.1 * np.random.default_rng(0).standard_normal(round(16000 * seconds))
        soundfile.write(path, samples, 16000)

    return write
