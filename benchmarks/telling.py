"""
What it costs to tell: attributes, a log line, a span, the guard, and a line that the storm guard suppresses.

Each stands beside the same thing written by hand: the same line, the same attributes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from opentelemetry.sdk.trace import TracerProvider

import errnorm
from benchmarks.measure import Case
from benchmarks.paths import EXACT
from errnorm.emitters.attributes import attributes
from errnorm.emitters.log.emitter import LogEmitter
from errnorm.emitters.otel.span import tell
from errnorm.fault import Fault
from errnorm.normalizer import Normalizer
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["guards", "telling"]


class _Nowhere:
    """Takes what is written, and keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


def _logger() -> structlog.typing.FilteringBoundLogger:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(_Nowhere()),  # type: ignore[arg-type] # all of a file that it uses
        cache_logger_on_first_use=True,
    )
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def telling() -> list[tuple[Case, Case]]:
    """Return pairs: something told by the library, and the same by hand."""
    logger = _logger()
    error = Normalizer([]).normalize(EXACT, "nats")
    fault = Fault(error, operation="publish")
    if _fields() != attributes(error) | {"errnorm.operation": "publish"}:
        raise AssertionError  # by hand it would be less
    every_line = LogEmitter(Settings(storm_burst=0, log_with="structlog"))
    span = TracerProvider().get_tracer("benchmark").start_span("publish")
    settings = Settings()
    return [
        (
            Case("log line", lambda: every_line(fault), 1.15),
            Case("log line, by hand", lambda: _line_by_hand(logger)),
        ),
        (
            Case("span attributes and status", lambda: tell(span, fault, settings), 1.15),
            Case("span attributes and status, by hand", _by_hand(span)),
        ),
    ]


_TEXT = "Authorization Violation"


def _fields() -> dict[str, str | bool]:
    """Write down what the library tells, as somebody would who knows it all by heart."""
    return {
        "error.type": "auth.rejected",
        "errnorm.protocol": "nats",
        "errnorm.category": "auth",
        "errnorm.code": "Authorization Violation",
        "errnorm.retryable": False,
        "errnorm.terminal": True,
        "errnorm.recovery": "reauthenticate",
        "errnorm.effect": "unknown",
        "errnorm.tables.version": "nats 1.0.0",
        "errnorm.operation": "publish",
    }


def _line_by_hand(logger: structlog.typing.FilteringBoundLogger) -> None:
    fields = _fields()
    fields["errnorm.text"] = _TEXT
    logger.error("nats.error", **fields)


def _by_hand(span: object) -> Callable[[], object]:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - beside its use

    def write() -> None:
        span.set_attributes(_fields())  # type: ignore[attr-defined] # a span of the SDK
        span.set_status(Status(StatusCode.ERROR, _TEXT))  # type: ignore[attr-defined] # likewise

    return write


def guards() -> list[Case]:
    """Return what is measured against the floor: attributes, guards, a suppressed line."""
    error = Normalizer([]).normalize(EXACT, "nats")
    fault = Fault(error, operation="publish")
    stormy = LogEmitter(Settings(storm_burst=1))
    stormy(fault)
    silent = errnorm.Middleware(emitters=())

    def succeeds() -> None:
        with silent.guard("nats", operation="publish"):
            pass

    def fails() -> None:
        with suppress(ConnectionResetError), silent.guard("nats", operation="publish"):
            raise ConnectionResetError(104, "reset")

    def fails_bare() -> None:
        with suppress(ConnectionResetError):
            raise ConnectionResetError(104, "reset")

    return [
        Case("attributes", lambda: attributes(error)),
        Case("guard around a call that succeeds", succeeds),
        Case("guard around a call that fails", fails),
        Case("raising and catching the same without a guard", fails_bare),
        Case("log line that the storm guard suppresses", lambda: stormy(fault), 8),  # 2 µs, at a floor of 0.26
    ]
