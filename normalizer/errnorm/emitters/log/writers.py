"""The ways a line gets out: structlog, the standard library's logging, or OpenTelemetry's logs. Each is a function."""

from __future__ import annotations

import inspect
import logging
import sys
import time
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, Protocol

from errnorm.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.severity import Severity

__all__ = ["Write", "write_with_logging", "write_with_otel", "write_with_structlog", "writer"]

_RECORDS_SINCE = (1, 39)
_LOGGER = logging.getLogger("errnorm")


class Write(Protocol):
    """Writes one line."""

    def __call__(self, level: Severity, event: str, fields: Attributes, /) -> None:
        """Write an event with its fields at a level."""
        ...


def writer(name: Literal["auto", "structlog", "logging", "otel"]) -> Write:
    """
    Return what writes, by its name in the settings.

    Raises:
        SettingsError: If it is `otel` and OpenTelemetry is older than 1.39, whose records cannot be made from outside its SDK.
    """
    if name == "otel" and _release(version("opentelemetry-api")) < _RECORDS_SINCE:
        message = "log_with: otel needs opentelemetry-api 1.39 or newer"
        raise SettingsError(message)
    return _WRITERS[name]


def _release(found: str) -> tuple[int, ...]:
    return tuple(int(part) for part in found.split(".")[:2])


def write_with_structlog(level: Severity, event: str, fields: Attributes) -> None:
    """Write through structlog as the application has configured it."""
    logger = _structlog()
    written = getattr(logger, level.method)(event, **fields)
    # An asynchronous logger gives a coroutine, which nobody here could wait for; it has a synchronous twin.
    if written is not None and inspect.iscoroutine(written):
        written.close()
        getattr(logger.bind().sync_bl, level.method)(event, **fields)


@cache
def _structlog() -> Any:  # noqa: ANN401 - what the application has configured
    import structlog  # noqa: PLC0415 - only who uses structlog pays for it

    # It looks the configuration up when it is used, not now.
    return structlog.get_logger("errnorm")


def write_with_logging(level: Severity, event: str, fields: Attributes) -> None:
    """Write through the standard library's logger `errnorm`: a message for people, the fields as attributes of the record."""
    if _LOGGER.isEnabledFor(level) and _LOGGER.hasHandlers():
        said = [event, str(fields.get("error.type", "")), str(fields.get("errnorm.text", ""))]
        _LOGGER.log(level, ": ".join(part for part in said if part), extra={**fields, "otel.event.name": event})


def write_with_otel(level: Severity, event: str, fields: Attributes) -> None:
    """Write straight to OpenTelemetry's logs, as an event with its name."""
    from opentelemetry._logs import LogRecord, SeverityNumber, get_logger  # noqa: PLC0415 - only who uses it pays for it
    from opentelemetry.context import get_current  # noqa: PLC0415

    number = {10: SeverityNumber.DEBUG, 20: SeverityNumber.INFO, 30: SeverityNumber.WARN, 40: SeverityNumber.ERROR}[level]
    body = str(fields.get("errnorm.text", ""))
    record = LogRecord(
        timestamp=time.time_ns(),
        context=get_current(),
        severity_number=number,
        severity_text=number.name,
        body=body,
        attributes=dict(fields),
        event_name=event,
    )
    get_logger("errnorm", _own_version()).emit(record)


@cache
def _own_version() -> str:
    return version("errnorm")


def _write_with_what_there_is(level: Severity, event: str, fields: Attributes) -> None:
    structlog: Any = sys.modules.get("structlog")
    if structlog is not None and structlog.is_configured():
        write_with_structlog(level, event, fields)
    else:
        write_with_logging(level, event, fields)


_WRITERS: Mapping[str, Write] = {
    "auto": _write_with_what_there_is,
    "structlog": write_with_structlog,
    "logging": write_with_logging,
    "otel": write_with_otel,
}
