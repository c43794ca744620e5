"""What stands on a log line about an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.emitters.attributes import Attributes, attributes
from errnorm.emitters.exceptions import exception_attributes, stacktrace
from errnorm.emitters.privacy import escaped

if TYPE_CHECKING:
    from errnorm.model import NormalizedError
    from errnorm.settings import Settings

__all__ = ["line"]


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
    text = privacy.text(error) if settings.log_text == "template" else _other(error, settings)
    if text:
        told["errnorm.text"] = text
    if exception is not None:
        told |= exception_attributes(exception, text)
        if trace:
            told["exception.stacktrace"] = stacktrace(exception, text)
    return told


def _other(error: NormalizedError, settings: Settings) -> str | None:
    return escaped(error.text, settings.limit) if settings.log_text == "raw" and error.text else None
