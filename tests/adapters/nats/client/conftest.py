"""A middleware that tells a list."""

from __future__ import annotations

import pytest

from errnorm import Middleware
from tests.adapters.nats.client.kit import Told


@pytest.fixture
def told() -> Told:
    """Return what was told."""
    return Told()


@pytest.fixture
def errors(told: Told) -> Middleware:
    """Return a middleware that remembers what it told."""
    return Middleware(emitters=[told])
