"""A small protocol of our own: the core must not know any real one, so its tests do not either."""

from __future__ import annotations

from pathlib import Path

import pytest

from errnorm.tables import Table, read

POST = Path(__file__).parents[1] / "data" / "post.toml"


@pytest.fixture
def post_text() -> str:
    """Return the table as TOML."""
    return POST.read_text("utf-8")


@pytest.fixture
def post(post_text: str) -> Table:
    """Return the table, loaded."""
    return Table([read(post_text, "post.toml")])
