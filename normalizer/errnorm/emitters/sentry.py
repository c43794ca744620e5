"""
An integration for Sentry: one issue for each kind of error, and no text from peers.

    sentry_sdk.init(integrations=[ErrnormIntegration()])

Sentry groups by class and stack, so all errors that a client raises with the same class become one issue, and it stores messages
and local variables. This integration changes events with an error of NATS or XMPP: tags, level and fingerprint come from the
judgement, and the text of the row replaces the message of the exception. Variables and lines of source code are removed, because
they can contain a password. An attempt that will be retried creates no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

try:
    import sentry_sdk
    from sentry_sdk.integrations import Integration
    from sentry_sdk.scope import add_global_event_processor
    from sentry_sdk.utils import event_from_exception
except ImportError as missing:
    message = "errnorm.emitters.sentry needs the SDK of Sentry: pip install 'errnorm[sentry]'"
    raise ImportError(message) from missing

from errnorm.emitters.attributes import error_type
from errnorm.emitters.counts import LEDGER
from errnorm.emitters.log.records import taken_out_of
from errnorm.emitters.recorded import recorded
from errnorm.exceptions import is_a
from errnorm.marks import mark_of
from errnorm.normalizer import default_normalizer
from errnorm.privacy import phrase, without_credentials

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from sentry_sdk.types import Event, Hint

    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["ErrnormIntegration"]

_LOGGER = "errnorm"
_TAGS = (
    "error.type",
    "errnorm.protocol",
    "errnorm.category",
    "errnorm.code",
    "errnorm.recovery",
    "errnorm.outcome",
    "errnorm.operation",
)
_SOURCE = ("pre_context", "context_line", "post_context")


class ErrnormIntegration(Integration):
    """The integration for the Sentry SDK; pass it to `sentry_sdk.init`."""

    identifier = "errnorm"

    def __init__(self, errors: Middleware | None = None, *, source: bool = False) -> None:
        """
        Create the integration.

        Args:
            errors: The middleware whose tables are used; the installed tables if not given.
            source: Whether to keep the lines of source code in the frames of an event.
        """
        self._normalize = (default_normalizer() if errors is None else errors.normalizer).normalize
        self._source = source

    @staticmethod
    def setup_once() -> None:
        """Register a processor that passes every event to the integration of its client."""
        add_global_event_processor(_process)

    def processed(self, event: Event, hint: Hint) -> Event | None:
        """Return the redacted event; `None` if it must not be sent."""
        processed: Event | None = self._processed(event, hint)
        return processed

    def _processed(self, event: Any, hint: Hint) -> Any:  # noqa: ANN401 - a dictionary of dictionaries
        _clean_breadcrumbs(event)
        record: logging.LogRecord | None = hint.get("log_record")
        if record is not None and record.name == _LOGGER:
            return _of_line(event, record)
        exc_info = hint.get("exc_info")
        if not exc_info and record is not None and (exc_info := taken_out_of(record)):
            event["exception"] = _exception_of(exc_info)
        exception = (exc_info or (None, None, None))[1] or _argument_of(record)
        if not is_a(exception, BaseException):
            return self._of_others(event)
        error = self._normalize(exception)
        return self._of_exception(event, exception, error) if error.claimed else self._of_others(event)

    def _of_exception(self, event: Any, exception: BaseException, error: NormalizedError) -> Any:  # noqa: ANN401 - a dictionary of dictionaries
        mark = mark_of(exception)
        if mark is not None and mark.told == "retried":
            return None
        tags = event.setdefault("tags", {})
        tags |= {name: value for name, value in _described(error, mark.told if mark else None).items() if value}
        event["fingerprint"] = _fingerprint(tags, error.judgement.code or error.fingerprint)
        event["level"] = "warning" if mark is not None and mark.told == "handled" else "error"
        self._clean_values(_values_of(event))
        if "logentry" in event:
            # The application's own log message can contain the text of the exception.
            event["logentry"] = {"message": without_credentials(event["logentry"].get("message", ""))}
        event.pop("extra", None)
        return event

    def _of_others(self, event: Any) -> Any:  # noqa: ANN401 - as above
        """Return the event of an exception of the application. An error that it was handling can be a part of it."""
        self._clean_values(_values_of(event))
        if (entry := event.get("logentry")) is not None:
            event["logentry"] = {name: _without_credentials(value) for name, value in entry.items()}
        return event

    def _clean_values(self, values: list[dict[str, Any]]) -> None:
        """
        Replace the messages of recognised exceptions by the texts of their rows, and remove those of their causes.

        If there is none, the values and their frames are not changed.
        """
        found = [recorded(self._normalize, _kind_of(value), str(value.get("value") or "")) for value in values]
        if not any(found):
            return
        hidden = _behind(values, found)
        for number, (value, error) in enumerate(zip(values, found, strict=True)):
            if error is not None:
                value["value"] = _template(error)
            elif number in hidden:
                value["value"] = ""
            elif isinstance(value.get("value"), str):
                value["value"] = without_credentials(value["value"])
            self._clean_frames((value.get("stacktrace") or {}).get("frames", ()))

    def _clean_frames(self, frames: Iterable[dict[str, Any]]) -> None:
        for frame in frames:
            frame.pop("vars", None)
            for name in () if self._source else _SOURCE:
                frame.pop(name, None)


def _without_credentials(value: Any) -> Any:  # noqa: ANN401 - a text, or a list of them
    if isinstance(value, str):
        return without_credentials(value)
    return [_without_credentials(one) for one in value] if isinstance(value, list | tuple) else value


def _values_of(event: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a dictionary of dictionaries
    return list((event.get("exception") or {}).get("values") or ())


def _kind_of(value: dict[str, Any]) -> str:
    return ".".join(part for part in (value.get("module") or "builtins", value.get("type")) if part)


def _behind(values: list[dict[str, Any]], found: list[NormalizedError | None]) -> set[int]:
    """Return the positions of the causes and contexts of recognised exceptions. The SDK puts the outermost exception last."""
    behind: set[int] = set()
    positions: dict[object, int] = {}
    is_behind = False
    for number in range(len(values) - 1, -1, -1):
        mechanism = values[number].get("mechanism") or {}
        parent = positions.get(mechanism.get("parent_id"))
        if parent is not None:
            # A member of a group is not behind the group.
            is_member = str(mechanism.get("source", "")).startswith("exceptions[")
            is_behind = parent in behind or (found[parent] is not None and not is_member)
        if is_behind:
            behind.add(number)
        if "exception_id" in mechanism:
            positions[mechanism["exception_id"]] = number
        is_behind = is_behind or found[number] is not None
    return behind


def _argument_of(record: logging.LogRecord | None) -> object:
    """Return the first exception that the application has passed to its log line as a value."""
    if record is None:
        return None
    passed = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
    values = (*passed, *vars(record).values())
    return next((value for value in values if is_a(value, BaseException)), None)


def _process(event: Event, hint: Hint) -> Event | None:
    integration = sentry_sdk.get_client().get_integration(ErrnormIntegration)
    if integration is None:
        return event
    try:
        return integration.processed(event, hint)
    except Exception:  # noqa: BLE001 - an event that cannot be redacted is still sent
        LEDGER.failed("sentry")
        return event


def _exception_of(exc_info: Any) -> Any:  # noqa: ANN401 - a dictionary of the SDK
    """Return the SDK's form of an exception that the filter `Fields` had removed before the SDK saw the log record."""
    event, _ = event_from_exception(
        exc_info, client_options=sentry_sdk.get_client().options, mechanism={"type": "logging", "handled": True}
    )
    return event.get("exception")


def _described(error: NormalizedError, outcome: str | None) -> dict[str, str | None]:
    judgement = error.judgement
    return {
        "error.type": error_type(judgement.reason),
        "errnorm.protocol": error.protocol,
        "errnorm.category": str(judgement.category),
        "errnorm.code": judgement.code,
        "errnorm.recovery": str(judgement.recovery),
        "errnorm.retryable": str(judgement.retryable).lower(),
        "errnorm.terminal": str(judgement.terminal).lower(),
        "errnorm.outcome": outcome,
    }


def _template(error: NormalizedError) -> str:
    """Return the text of a row without any parameter, because subjects and addresses do not belong in an issue tracker."""
    template, names = phrase(error)
    return template % tuple(f"<{name}>" for name in names)


def _fingerprint(tags: dict[str, Any], code: str | None) -> list[str]:
    return ["errnorm", str(tags.get("errnorm.protocol", "")), str(tags["error.type"]), code or ""]


def _of_line(event: Any, record: logging.LogRecord) -> Any:  # noqa: ANN401 - a dictionary of dictionaries
    """Return the event for a log line of this library: with the template as its message, and tags instead of all fields."""
    told = vars(record)
    tags = event.setdefault("tags", {})
    tags |= {name: str(told[name]) for name in _TAGS if name in told}
    event["fingerprint"] = _fingerprint(tags, told.get("errnorm.code") or told.get("errnorm.fingerprint"))
    event["logentry"] = {"message": str(record.msg)}
    event.pop("extra", None)
    return event


def _clean_breadcrumbs(event: Any) -> None:  # noqa: ANN401 - a dictionary of dictionaries
    crumbs = event.get("breadcrumbs") or {}
    for crumb in crumbs.get("values", ()) if isinstance(crumbs, dict) else ():
        if isinstance(crumb.get("message"), str):
            crumb["message"] = without_credentials(crumb["message"])
        if crumb.get("category") == _LOGGER:
            told = crumb.pop("data", None) or {}
            said = [
                told.get("errnorm.protocol"),
                told.get("errnorm.operation"),
                told.get("errnorm.outcome"),
                told.get("error.type"),
            ]
            crumb["message"] = " ".join(str(word) for word in said if word)
