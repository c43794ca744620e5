"""What stands on a log line about an error."""

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
    """Reads a line of the application, and says what is to be told of the errors in it."""

    def __init__(self, settings: Settings, normalizer: Normalizer) -> None:
        """Tell what the settings allow, by the tables of a normalizer."""
        self._settings = settings
        self._recognizer = Recognizer(settings.privacy, normalizer, lambda error: _said(error, settings) or error.reason.about)

    def read(self, fields: MutableMapping[str, Any]) -> tuple[Attributes, list[str]]:
        """
        Return what is to be told of the errors in a line; errors under other keys become words that may be told.

        Returns:
            The fields to add, and under which of `error`, `exception` and `exc_info` stands something that must not be
            printed: an error, or an exception that was raised while one was handled.
        """
        found, watched = self._recognizer.errors_in(fields)
        told: Attributes = {}
        if found:
            error = found[0][0]
            exception = next((exception for _, exception in found if exception is not None), None)
            asked = "exc_info" in watched and self._settings.traceback == "asked"
            told = line(error, self._settings, exception, self._recognizer.words, trace=asked or self._is_always)
            told |= place()
        elif (exception := exception_in(fields.get("exc_info"))) is not None and self._recognizer.hides(exception):
            # It is the application's own, but a renderer would print what was being handled, in its own words.
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
        settings: What may be told.
        exception: The exception it arrived as.
        words: What may be said of exceptions; given if the words of an exception of the application's own shall stand there.
        trace: Whether to add a stack trace; needs `words`.
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
    """Return the trace and the span that are recording now, as OpenTelemetry names them in logs of other formats."""
    # Where nobody has imported the API there is no span.
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is None:
        return {}
    span = api.get_current_span()
    if not span.is_recording():
        return {}
    context = span.get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _said(error: NormalizedError, settings: Settings) -> str:
    """Return what a log line says of the text of an error; empty if it is to say nothing."""
    if settings.log_text == "template":
        return settings.privacy.text(error)
    return escaped(error.text, settings.limit) if settings.log_text == "raw" and error.text else ""
