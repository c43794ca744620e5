"""A protocol of the tests' own, and the ways to make things go wrong in it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from errnorm.decision import decide
from errnorm.emitters.counts import Ledger
from errnorm.fault import Fault
from errnorm.marks import Mark, claim
from errnorm.settings import Settings
from tests.normalizer.emitters.wire import PUBLISH, JSONLog, Lines, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.error import NormalizedError


@pytest.fixture
def fault(judge: Callable[..., NormalizedError]) -> Callable[..., Fault]:
    """Make a fault of a text of the wire."""

    def make(code: str = PUBLISH, **circumstances: Any) -> Fault:
        return Fault(judge(code), **circumstances)

    return make


@pytest.fixture
def raised(judge: Callable[..., NormalizedError]) -> Callable[..., WireError]:
    """Make an exception with a traceback, whose own words are the text, and that a guard has seen."""

    def make(code: str = PUBLISH, own_words: str | None = None) -> WireError:
        error = judge(code)
        try:
            raise WireError(code if own_words is None else own_words)
        except WireError as exception:
            claim(exception, Mark(error, decide(error)))
            return exception

    return make


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """Make settings that no variable of the environment reaches."""

    def make(**arguments: Any) -> Settings:
        return Settings.load({}, **arguments)

    return make


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def json_log() -> Iterator[JSONLog]:
    structlog.reset_defaults()
    yield JSONLog()
    structlog.reset_defaults()


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Real records of the standard library's logger `errnorm`."""
    taken: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            taken.append(record)

    logger, handler = logging.getLogger("errnorm"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield taken
    logger.removeHandler(handler)
    logger.setLevel(level)
