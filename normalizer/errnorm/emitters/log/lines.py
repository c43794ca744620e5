"""What stands on a log line about an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from errnorm.emitters.attributes import Attributes, attributes
from errnorm.emitters.log.recognition import errors_in
from errnorm.emitters.stacktrace import exception_attributes, stacktrace
from errnorm.escape import escaped

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from errnorm.error import NormalizedError
    from errnorm.settings import Settings

__all__ = ["add_fields", "line"]


def add_fields(fields: MutableMapping[str, Any], settings: Settings) -> list[str]:
    """
    Add what is told of the errors in a line of the application's own; what it has set itself stays.

    Args:
        fields: The line.
        settings: What may be told.

    Returns:
        Under which of `error`, `exception` and `exc_info` an error was found: what stands there is told now.
    """
    found, watched = errors_in(fields, lambda error: _said(error, settings) or error.reason.about)
    if found:
        exception = next((exception for _, exception in found if exception is not None), None)
        asked = "exc_info" in watched and settings.traceback == "asked"
        told = line(found[0][0], settings, exception, trace=asked or settings.traceback == "always")
        for name, value in told.items():
            fields.setdefault(name, value)
    return watched


def line(
    error: NormalizedError, settings: Settings, exception: BaseException | None = None, *, trace: bool = False
) -> Attributes:
    """
    Return the fields that a log line about an error has.

    Args:
        error: The error.
        settings: What may be told.
        exception: The exception it arrived as.
        trace: Whether to add a stack trace.
    """
    privacy = settings.privacy
    told = attributes(error, privacy)
    text = _said(error, settings)
    if text:
        told["errnorm.text"] = text
    if exception is not None:
        told |= exception_attributes(exception, text)
        if trace:
            told["exception.stacktrace"] = stacktrace(exception, text)
    return told


def _said(error: NormalizedError, settings: Settings) -> str:
    """Return what a log line says of the text of an error; empty if it is to say nothing."""
    if settings.log_text == "template":
        return settings.privacy.text(error)
    return escaped(error.text, settings.limit) if settings.log_text == "raw" and error.text else ""
