"""A small protocol of our own: the core must not know any real one, so its tests do not either."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.tables.file import read
from errnorm.tables.table import Table
from tests.normalizer.emitters.wire import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError

POST = Path(__file__).parents[1] / "data" / "post.toml"


@pytest.fixture
def post_text() -> str:
    """Return the table as TOML."""
    return POST.read_text("utf-8")


@pytest.fixture
def post(post_text: str) -> Table:
    """Return the table, loaded."""
    return Table([read(post_text, "post.toml")])


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(Table([read(TABLE, "wire.toml")]))


@pytest.fixture
def judge(engine: Engine) -> Callable[..., NormalizedError]:
    """Judge a text of the wire."""

    def make(code: str, text: str | None = None, **facts: Any) -> NormalizedError:
        return engine.judge(Signal("wire", "error", code, text or code, **facts))

    return make
