"""The portrait whose landmarks the stand-in for the face mesh shows."""

from __future__ import annotations

import pytest

from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait


@pytest.fixture(scope="session")
def portrait() -> Portrait:
    """The standard photograph of one face."""
    data = pytest.importorskip("skimage.data", reason="the standard photograph comes with scikit-image")
    return fit_portrait(data.astronaut())
