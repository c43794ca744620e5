"""
What it costs to tell: attributes, a log line, a span, the guard, and a line that the storm guard suppresses.

Each stands beside the same thing written by hand: the same line, the same attributes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode, get_current_span, use_span

import errnorm
from benchmarks.measure import Case
from benchmarks.paths import EXACT
from errnorm.emitters.attributes import attributes, circumstances
from errnorm.emitters.log.emitter import LogEmitter
from errnorm.emitters.otel.span import Kept, tell
from errnorm.fault import Fault
from errnorm.normalizer import Normalizer
from errnorm.settings import Settings

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
    if _fields() != attributes(error) | circumstances(fault):
        raise AssertionError  # by hand it would be less
    every_line = LogEmitter(Settings(storm_burst=0, log_with="structlog"))
    tracer = TracerProvider().get_tracer("benchmark")
    settings, kept = Settings(), Kept(16)
    errors = errnorm.Middleware(settings=Settings(storm_burst=0, log_with="structlog"))
    failures = MeterProvider([InMemoryMetricReader()]).get_meter("benchmark").create_counter("failures")

    def line_by_hand() -> None:
        # Every line carries the ids of its trace, if there is one.
        now = get_current_span()
        _line_by_hand(logger, **(_ids(now) if now.is_recording() else {}))

    def span() -> Any:  # noqa: ANN401 - of the SDK
        return tracer.start_span("publish")

    def told() -> None:
        with use_span(span(), **_QUIET), suppress(ConnectionResetError), errors.guard("nats", operation="publish"):
            _fails()

    def told_by_hand() -> None:
        now = span()
        with use_span(now, **_QUIET), suppress(ConnectionResetError):
            try:
                _fails()
            except ConnectionResetError:
                _line_by_hand(logger, **_ids(now))
                _span_by_hand(now)
                now.add_event("exception", {"exception.type": "ConnectionResetError", "exception.message": _TEXT, **_TYPE})
                failures.add(1, {name: value for name, value in _fields().items() if name != "errnorm.tables.version"})
                failures.add(1, {"errnorm.operation": "publish", "errnorm.outcome": "failed", **_TYPE})
                raise

    return [
        (
            Case("log line", lambda: every_line(fault), 1.15),
            Case("log line, by hand", line_by_hand),
        ),
        (
            Case("span attributes and status", lambda: tell(span(), fault, settings, kept), 1.15),
            Case("span attributes and status, by hand", lambda: _span_by_hand(span())),
        ),
        (
            Case("exception under a guard: line, span and counts", told, 1.15),
            Case("exception, by hand: line, span and counts", told_by_hand),
        ),
    ]


_TEXT = "Authorization Violation"
_TYPE = {"error.type": "auth.rejected"}
_QUIET = {"record_exception": False, "set_status_on_exception": False}


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
        "errnorm.outcome": "failed",
    }


def _fails() -> None:
    raise ConnectionResetError(104, "reset")


def _ids(span: Any) -> dict[str, str]:  # noqa: ANN401 - of the SDK
    context = span.get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _line_by_hand(logger: structlog.typing.FilteringBoundLogger, **more: str) -> None:
    template = f"nats publish failed: auth.rejected: {_TEXT} (get other credentials)"
    logger.error(template, **_fields(), **{"errnorm.text": _TEXT, "errnorm.template": template}, **more)


def _span_by_hand(span: Any) -> None:  # noqa: ANN401 - of the SDK
    span.set_attributes(_fields())
    span.set_status(Status(StatusCode.ERROR, _TEXT))


def guards() -> list[Case]:
    """Return what is measured against the floor: attributes, guards, a suppressed line."""
    error = Normalizer([]).normalize(EXACT, "nats")
    fault = Fault(error, operation="publish")
    stormy = LogEmitter(Settings(storm_burst=1))
    stormy(fault)
    errors, silent = errnorm.Middleware(), errnorm.Middleware(emitters=())

    def succeeds() -> None:
        with errors.guard("nats", operation="publish"):
            pass

    def fails() -> None:
        with suppress(ConnectionResetError), silent.guard("nats", operation="publish"):
            raise ConnectionResetError(104, "reset")

    def fails_bare() -> None:
        with suppress(ConnectionResetError):
            raise ConnectionResetError(104, "reset")

    return [
        Case("attributes", lambda: attributes(error)),
        Case("guard around a call that succeeds", succeeds, 1.9),  # 0.5 µs, at a floor of 0.26, with the call of `guard`
        Case("guard around a call that fails", fails),
        Case("raising and catching the same without a guard", fails_bare),
        Case("log line that the storm guard suppresses", lambda: stormy(fault), 8),  # 2 µs, at a floor of 0.26
    ]
