"""The fields of a log line about an error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from errnorm.emitters.attributes import Attributes, attributes
from errnorm.emitters.log.recognition import Recognizer, exception_in
from errnorm.emitters.stacktrace import Words, exception_attributes, stacktrace
from errnorm.escape import escaped

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from errnorm.error import NormalizedError
    from errnorm.normalizer import Normalizer
    from errnorm.settings import Settings

__all__ = ["Reader", "line", "place"]


class Reader:
    """Finds the errors in a log line of the application, and returns the fields for them."""

    def __init__(self, settings: Settings, normalizer: Normalizer) -> None:
        """Use these settings and the tables of this normalizer."""
        self._settings = settings
        self._recognizer = Recognizer(settings.privacy, normalizer, lambda error: _said(error, settings) or error.reason.about)

    def read(self, fields: MutableMapping[str, Any]) -> tuple[Attributes, list[str]]:
        """
        Return the fields for the errors in a line. Errors under other keys are replaced by their redacted texts.

        Returns:
            The fields to add, and the keys among `error`, `exception` and `exc_info` whose values must not be printed, because
            they contain an error or an exception that was raised while an error was being handled.
        """
        found, watched = self._recognizer.errors_in(fields)
        told: Attributes = {}
        if found:
            error = found[0][0]
            exception = next((exception for _, exception in found if exception is not None), None)
            asked = "exc_info" in watched and self._settings.traceback == "asked"
            told = line(error, self._settings, exception, self._recognizer.words, trace=asked or self._is_always)
            told |= place()
        elif (exception := exception_in(fields.get("exc_info"))) is not None and self._recognizer.words.hides(exception):
            # The exception belongs to the application, but a renderer would also print its context with the original message.
            told = {"exception.stacktrace": stacktrace(exception, self._recognizer.words)}
            watched = ["exc_info"]
        return told, watched

    @property
    def _is_always(self) -> bool:
        return self._settings.traceback == "always"


def line(
    error: NormalizedError,
    settings: Settings,
    exception: BaseException | None = None,
    words: Words | None = None,
    *,
    trace: bool = False,
) -> Attributes:
    """
    Return the fields that a log line about an error has.

    Args:
        error: The error.
        settings: The settings.
        exception: The exception as which the error arrived.
        words: Returns the messages of exceptions. Without it, the message of an application's own exception is not added.
        trace: Whether to add a stack trace; it needs `words`.
    """
    told = attributes(error, settings.privacy)
    text = _said(error, settings)
    if text:
        told["errnorm.text"] = text
    if exception is None:
        return told
    told |= exception_attributes(exception, None)
    if words is not None:
        if not words.recognises(exception):
            told["exception.message"] = words.of(exception)
        if trace:
            told["exception.stacktrace"] = stacktrace(exception, words)
    return told


def place() -> Attributes:
    """Return the ids of the trace and the span that are recording now, with OpenTelemetry's names for other log formats."""
    # If no code has imported the API, there is no span.
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is None:
        return {}
    span = api.get_current_span()
    if not span.is_recording():
        return {}
    context = span.get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _said(error: NormalizedError, settings: Settings) -> str:
    """Return the text of an error for a log line, as the setting `log_text` says; empty for no text."""
    if settings.log_text == "template":
        return settings.privacy.text(error)
    return escaped(error.text, settings.limit) if settings.log_text == "raw" and error.text else ""
