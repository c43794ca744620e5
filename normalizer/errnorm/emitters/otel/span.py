"""
Tell the current span what became of its operation.

A failure tags the span with `error.type` and the judgement, and makes its status ERROR if the advice is to abort; what the owner
of the span has set itself stays as it is. An attempt that will be repeated is an event on the span and leaves status and
attributes alone, so that a reader finds all attempts of an operation in one place. What was handled, and what happened in the
background, leaves no trace here: it is no part of how the operation went.

OpenTelemetry's own `start_as_current_span` records an exception that leaves its block once more, in the exception's own words.
`errnorm.emitters.otel.export` corrects such spans where they leave the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import Status, StatusCode, get_current_span

from errnorm.decision import Verdict
from errnorm.emitters.attributes import Attributes, attributes, circumstances, error_type, event_name
from errnorm.emitters.otel.verdicts import said
from errnorm.emitters.severity import orderly
from errnorm.emitters.stacktrace import Words, exception_attributes, stacktrace
from errnorm.normalizer import default_normalizer
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from errnorm.error import NormalizedError
    from errnorm.fault import Emitter, Fault
    from errnorm.settings import Settings

__all__ = ["OUR_TYPES", "emitter", "tell", "untold"]

OUR_TYPES: Final = frozenset(error_type(reason) for reason in Reason)
_RETRY: Final = Verdict.RETRY


def emitter(settings: Settings) -> Emitter:
    """Return the emitter that tells the current span."""
    return _CurrentSpan(settings)


class _CurrentSpan:
    """Tells the current span. It is also told which operations fail of a fault that was told before: each has its span."""

    of_operations = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, fault: Fault) -> None:
        span = get_current_span()
        if not span.is_recording():
            return
        if fault.exception is not None:
            said.remember(span.get_span_context().trace_id, fault.exception, fault.error)
        tell(span, fault, self._settings)

    def saw(self, exception: BaseException, error: NormalizedError) -> None:
        """Remember what was made of an exception that is told by its members."""
        span = get_current_span()
        if span.is_recording():
            said.remember(span.get_span_context().trace_id, exception, error)


def tell(span: Span, fault: Fault, settings: Settings) -> None:
    """
    Tell a span of a fault.

    Args:
        span: The span that describes the operation.
        fault: What happened to it.
        settings: What may be told, and whether exceptions go to spans.
    """
    if orderly(fault):
        return
    if fault.outcome == "failed":
        _failure(span, fault, settings)
    elif fault.outcome == "retried" and settings.exception_signal != "logs":
        span.add_event(event_name(fault.error), attributes(fault.error, settings.privacy) | circumstances(fault))


def _failure(span: Span, fault: Fault, settings: Settings) -> None:
    privacy = settings.privacy
    text = privacy.text(fault.error)
    told = attributes(fault.error, privacy)
    told.update(circumstances(fault))
    present: Mapping[str, object] = getattr(span, "attributes", None) or {}
    if (fault.decision is None or fault.decision.verdict is not _RETRY) and not _is_red(span, present):
        # The description is ours: the exception's own message can hold anything.
        span.set_status(Status(StatusCode.ERROR, text))
    span.set_attributes(untold(told, present, _limit(span)) if present else told)
    if fault.exception is not None and settings.exception_signal != "logs":
        # The type stands here too: by it one tells this event from one that somebody else has recorded.
        event: Attributes = {"error.type": error_type(fault.error.reason), **exception_attributes(fault.exception, text)}
        if settings.traceback == "always":
            event["exception.stacktrace"] = stacktrace(fault.exception, Words(privacy, default_normalizer()))
        span.add_event("exception", event)


def untold(told: Attributes, present: Mapping[str, object], limit: int | None = None) -> Attributes:
    """
    Return the attributes that may be added to a span: none that its owner has set, and no more than there is room for.

    What an earlier fault has left there is replaced: the last one is what the operation ended with.

    Args:
        told: What is to be told, the most important first.
        present: What the span has.
        limit: How many attributes the span keeps; it would drop its oldest ones for ours.
    """
    owned = "error.type" in present and present["error.type"] not in OUR_TYPES
    free = len(told) if limit is None else max(limit - len(present), 0)
    added: Attributes = {}
    for name, value in told.items():
        if name in present:
            if name != "error.type" or not owned:
                added[name] = value
        elif free:
            added[name] = value
            free -= 1
    return added


def _limit(span: Span) -> int | None:
    # The SDK has no public way to ask for it.
    limit = getattr(getattr(span, "_limits", None), "max_span_attributes", None)
    return limit if isinstance(limit, int) else None


def _is_red(span: Span, present: Mapping[str, object]) -> bool:
    """Tell whether the owner of the span has said himself that it failed."""
    status = getattr(span, "status", None)
    return status is not None and status.status_code is StatusCode.ERROR and "errnorm.outcome" not in present
