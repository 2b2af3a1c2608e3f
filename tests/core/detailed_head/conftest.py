"""The shipped heads."""

from __future__ import annotations

import pytest

from core.detailed_head.model import DetailedHead
from core.head.head_model import HeadModel


@pytest.fixture(scope="module")
def head() -> DetailedHead:
    return DetailedHead.load()


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()
