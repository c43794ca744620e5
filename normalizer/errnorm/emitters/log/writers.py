"""Functions that write a log line: through structlog, loguru, the standard library's logging, or OpenTelemetry's logs."""

from __future__ import annotations

import logging
import sys
import time
from functools import cache, lru_cache
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from errnorm.regex import regex
from errnorm.settings import SettingsError
from errnorm.stamina_loop import IMPORTED
from errnorm.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.log.message import Message
    from errnorm.emitters.severity import Severity

__all__ = [
    "LogWriter",
    "Write",
    "write_with_logging",
    "write_with_loguru",
    "write_with_otel",
    "write_with_structlog",
    "writer",
]

LogWriter = Literal["auto", "structlog", "loguru", "logging", "otel"]

_RECORDS_SINCE = (1, 39)
_LOGGER = logging.getLogger("errnorm")
# The number of the default handler is 0; the sinks of Sentry have loguru in their names.
_LOGURU_HANDLER = regex(r"\(id=(\d+), level=[^,]*, sink=(.*?)\)(?=, \(id=|\]>)")
_PACKAGES = frozenset({"errnorm", "errnorm_adapters", "stamina", "tenacity"})
# On a console the message is enough for people. Only these fields are added, because the message does not contain them.
_ON_A_CONSOLE = ("exception.stacktrace",)


class Write(Protocol):
    """A function that writes one line."""

    def __call__(self, level: Severity, event: Message, fields: Attributes, /) -> None:
        """Write a message with its fields at a level. The fields are cached, and must not be changed."""
        ...


def writer(name: LogWriter) -> Write:
    """
    Return the function for a value of the setting `log_with`.

    Raises:
        SettingsError: If the value is `otel` and OpenTelemetry is older than 1.39: records of older versions cannot be made
            without the SDK.
    """
    if name == "otel" and _release_of_opentelemetry() < _RECORDS_SINCE:
        message = "log_with: otel needs opentelemetry-api 1.39 or newer"
        raise SettingsError(message)
    return _WRITERS[name]


def _release_of_opentelemetry() -> tuple[int, ...]:
    from importlib.metadata import version  # noqa: PLC0415 - its import is slow, and only this setting needs it

    return tuple(int(part) for part in version("opentelemetry-api").split(".")[:2])


def write_with_structlog(level: Severity, event: Message, fields: Attributes) -> None:
    """Write through structlog with the configuration of the application, or with the default one."""
    logger = _structlog().bind()
    told: dict[str, Any] = fields
    # There is no public way to ask a bound logger. To ask for the configuration costs a tenth of the line.
    processors = getattr(logger, "_processors", None)
    if is_console() if processors is None else _ends_in_console(processors):
        told = {name: fields[name] for name in _ON_A_CONSOLE if name in fields}
    written = getattr(logger, level.method)(str(event), **told)
    # An asynchronous logger returns a coroutine, which cannot be awaited here. It has a synchronous logger inside.
    if written is not None and isinstance(written, CoroutineType):
        written.close()
        getattr(logger.sync_bl, level.method)(str(event), **told)


@cache
def _structlog() -> Any:  # noqa: ANN401 - the application configures its type
    import structlog  # noqa: PLC0415 - imported only if it is used

    # The logger reads the configuration when it is used, not now.
    return structlog.get_logger("errnorm")


def is_console() -> bool:
    """Return whether structlog renders for a console, where a line with all fields would be too long to read."""
    structlog: Any = sys.modules.get("structlog")
    if structlog is None:
        return False
    return _ends_in_console(structlog.get_config()["processors"])


def _ends_in_console(processors: Sequence[object]) -> bool:
    return bool(processors) and type(processors[-1]).__name__ == "ConsoleRenderer"


def write_with_logging(level: Severity, event: Message, fields: Attributes) -> None:
    """Write through the standard library's logger `errnorm`. The fields become attributes of the record."""
    if _LOGGER.isEnabledFor(level):
        extra = {**fields, "otel.event.name": event.name}
        # `logging` formats a message only if it has values; without values, `%%` would not be replaced by `%`.
        _LOGGER.log(level, event.template if event.values else str(event), *event.values, extra=extra, stacklevel=_depth())


def write_with_loguru(level: Severity, event: Message, fields: Attributes) -> None:
    """Write through loguru, with the fields as its `extra`."""
    import loguru  # noqa: PLC0415 - loguru is optional

    told: dict[str, Any] = fields
    loguru.logger.bind(**told).opt(depth=_depth() - 1).log(level.name, str(event))


def write_with_otel(level: Severity, event: Message, fields: Attributes) -> None:
    """Write directly to OpenTelemetry's logs, as an event with a name."""
    from opentelemetry._logs import LogRecord, SeverityNumber, get_logger  # noqa: PLC0415 - imported only if it is used
    from opentelemetry.context import get_current  # noqa: PLC0415

    number = {10: SeverityNumber.DEBUG, 20: SeverityNumber.INFO, 30: SeverityNumber.WARN, 40: SeverityNumber.ERROR}[level]
    told: dict[str, Any] = {name: value for name, value in fields.items() if name not in {"trace_id", "span_id"}}
    record = LogRecord(
        timestamp=time.time_ns(),
        context=get_current(),
        severity_number=number,
        severity_text=number.name,
        body=str(event),
        attributes=told,
        event_name=event.name,
    )
    get_logger("errnorm", VERSION).emit(record)


def _depth() -> int:
    """Return the number of frames up to the caller's code, so that a record names the caller's file and line."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `logging` does the same
    depth = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PACKAGES:
        frame, depth = frame.f_back, depth + 1
    return 1 if frame is None else depth


def _write_with_what_there_is(level: Severity, event: Message, fields: Attributes) -> None:
    structlog: Any = sys.modules.get("structlog")
    if structlog is not None and structlog.is_configured():
        write_with_structlog(level, event, fields)
    elif _is_loguru():
        write_with_loguru(level, event, fields)
    elif structlog is not None and "structlog" not in IMPORTED and not _LOGGER.hasHandlers():
        # The application uses structlog with its default configuration.
        write_with_structlog(level, event, fields)
    else:
        write_with_logging(level, event, fields)


def _is_loguru() -> bool:
    """
    Return whether the application writes with loguru: it passes the records of `logging` to loguru, or has set up only loguru.

    That loguru is imported says nothing, because Sentry's SDK imports it wherever it is installed, and adds handlers to it.
    """
    loguru: Any = sys.modules.get("loguru")
    if loguru is None:
        return False
    handlers = logging.getLogger().handlers
    return any(_hands_over(handler, loguru) for handler in handlers) if handlers else _is_set_up(repr(loguru.logger))


@lru_cache(8)
def _is_set_up(described: str) -> bool:
    """Return whether loguru has a handler of the application. Its description is the only public way to its handlers."""
    return any(found[1] != "0" and "oguru" not in found[2] for found in _LOGURU_HANDLER.finditer(described))


def _hands_over(handler: logging.Handler, loguru: Any) -> bool:  # noqa: ANN401 - a module that may be missing
    emit: Any = type(handler).emit
    code = getattr(emit, "__code__", None)
    if code is None:
        return False
    used = [emit.__globals__.get(name) for name in code.co_names]
    return any(one is loguru or one is loguru.logger for one in used)


_WRITERS: Mapping[str, Write] = {
    "auto": _write_with_what_there_is,
    "structlog": write_with_structlog,
    "loguru": write_with_loguru,
    "logging": write_with_logging,
    "otel": write_with_otel,
}
