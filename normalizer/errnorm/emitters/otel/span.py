"""
The span: what went wrong with the operation, on the span that describes it.

Only an operation that failed in the end makes its span red. An attempt that will be repeated leaves status and attributes
alone and stands on the span as an event of its own, so that a reader finds all attempts of an operation in one place. What
was handled without a decision leaves no trace here: it is no part of how the operation went.

OpenTelemetry's own `start_as_current_span` records an exception that leaves its block once more, in the exception's own words.
Send spans through `errnorm.emitters.otel.export.NormalizingExporter`, which puts that right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Status, StatusCode, get_current_span

from errnorm.emitters.attributes import Attributes, attributes, circumstances, error_type, event_name
from errnorm.emitters.severity import failed
from errnorm.emitters.stacktrace import exception_attributes, stacktrace

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from errnorm.error import Emitter, Fault
    from errnorm.settings import Settings

__all__ = ["emitter", "tell"]


def emitter(settings: Settings) -> Emitter:
    """Return the emitter that tells the current span."""

    def emit(fault: Fault) -> None:
        span = get_current_span()
        if span.is_recording():
            tell(span, fault, settings)

    return emit


def tell(span: Span, fault: Fault, settings: Settings) -> None:
    """
    Tell a span of a fault.

    Args:
        span: The span that describes the operation.
        fault: What happened to it.
        settings: What may be told, and whether exceptions go to spans.
    """
    if failed(fault):
        _failure(span, fault, settings)
    elif fault.decision is not None and settings.exception_signal != "logs":
        told = attributes(fault.error, settings.privacy) | circumstances(fault)
        span.add_event(event_name(fault.error), told)


def _failure(span: Span, fault: Fault, settings: Settings) -> None:
    privacy = settings.privacy
    text = privacy.text(fault.error)
    told = attributes(fault.error, privacy)
    told.update(circumstances(fault))
    span.set_attributes(told)
    # The description is ours: the exception's own message can hold anything.
    span.set_status(Status(StatusCode.ERROR, text))
    if fault.exception is not None and settings.exception_signal != "logs":
        # The type stands here too: by it one tells this event from one that somebody else has recorded.
        event: Attributes = {"error.type": error_type(fault.error.reason), **exception_attributes(fault.exception, text)}
        if settings.traceback == "always":
            event["exception.stacktrace"] = stacktrace(fault.exception, text)
        span.add_event("exception", event)
