"""
Add a fault to the current span.

A failure sets `error.type` and the judgement as attributes, and sets the status to ERROR if the decision is to abort; what the
owner of the span has set stays unchanged. An attempt that will be retried becomes an event on the span and changes neither status
nor attributes, so that all attempts of an operation are on one span. Faults with the outcomes `handled` and `background` are not
added, because they do not belong to the result of the operation.

OpenTelemetry's own `start_as_current_span` also records an exception that leaves its block, with the original message.
`errnorm.emitters.otel.export` corrects such spans before they are exported.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from itertools import islice
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from errnorm.bounded import BoundedCache
from errnorm.decision import Verdict
from errnorm.emitters.attributes import Attributes, attributes, circumstances, error_type, event_name
from errnorm.emitters.otel.verdicts import said
from errnorm.emitters.severity import orderly
from errnorm.emitters.stacktrace import Words, exception_attributes, stacktrace
from errnorm.normalizer import default_normalizer
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span, Status

    from errnorm.error import NormalizedError
    from errnorm.fault import Emitter, Fault
    from errnorm.privacy import Privacy
    from errnorm.settings import Settings

__all__ = ["OUR_TYPES", "emitter", "tell"]

OUR_TYPES: Final = frozenset(error_type(reason) for reason in Reason)
_RETRY: Final = Verdict.RETRY
_MOST_ALIKE: Final = 1024

# The attributes with our names that the owner of a span had set before the first fault.
_owned: WeakKeyDictionary[Span, frozenset[str]] = WeakKeyDictionary()

Kept = BoundedCache[object, tuple[Attributes, "Status"]]


def emitter(settings: Settings) -> Emitter:
    """Return the emitter that adds faults to the current span."""
    return _CurrentSpan(settings)


class _CurrentSpan:
    """
    Adds faults to the current span.

    It also receives operations that fail because of a fault that was already emitted, because each of them has its own span.
    """

    of_operations = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: Kept = BoundedCache(_MOST_ALIKE)

    def __call__(self, fault: Fault) -> None:
        span = _current()
        if span is None:
            return
        if fault.exception is not None:
            said.remember(span.get_span_context().trace_id, fault.exception, fault.error)
        tell(span, fault, self._settings, self._kept)

    def saw(self, exception: BaseException, error: NormalizedError) -> None:
        """Store the error of an exception group, whose members were emitted."""
        if (span := _current()) is not None:
            said.remember(span.get_span_context().trace_id, exception, error)


def _current() -> Span | None:
    """Return the current span if it records."""
    # The API of traces takes a tenth of the time in which a middleware is made, and without it no span can be current.
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    span: Span = trace.get_current_span()
    return span if span.is_recording() else None


def tell(span: Span, fault: Fault, settings: Settings, kept: Kept | None = None) -> None:
    """
    Add a fault to a span.

    Args:
        span: The span of the operation.
        fault: The fault.
        settings: The settings: the redaction rules, and whether spans carry exceptions.
        kept: What was told of faults before, for those settings.
    """
    if orderly(fault):
        return
    if fault.outcome == "failed":
        _failure(span, fault, settings, kept)
    elif fault.outcome == "retried" and settings.exception_signal != "logs":
        told = attributes(fault.error, settings.privacy) | circumstances(fault)
        # With more attributes than the limit, the span would drop the first ones, which are the most important ones.
        span.add_event(event_name(fault.error), dict(islice(told.items(), _limit(span, "max_event_attributes"))))


def _told(fault: Fault, privacy: Privacy, kept: Kept | None) -> tuple[Attributes, Status]:
    """Return the attributes and the status of a fault, which must not be changed."""
    key = None if kept is None else fault.alike()
    found = None if key is None or kept is None else kept.get(key)
    if found is None:
        # The description is the text of the row, because the exception's own message can contain anything.
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - who has a span has imported it

        status = Status(StatusCode.ERROR, privacy.text(fault.error))
        found = attributes(fault.error, privacy) | circumstances(fault), status
        if key is not None and kept is not None:
            kept.remember(key, found)
    return found


def _failure(span: Span, fault: Fault, settings: Settings, kept: Kept | None) -> None:
    told, status = _told(fault, settings.privacy, kept)
    present: Mapping[str, object] = getattr(span, "attributes", None) or {}
    aborted = fault.decision is None or fault.decision.verdict is not _RETRY
    is_first = "errnorm.outcome" not in present
    is_red = getattr(getattr(span, "status", None), "status_code", None) is status.status_code
    if (not is_first) if is_red else aborted:
        # The status ERROR of an earlier fault gets the text of this one; that of the owner of the span is not changed.
        span.set_status(status)
    if present:
        told = _untold(span, told, present, is_first=is_first)
    span.set_attributes(told)
    if fault.exception is not None and settings.exception_signal != "logs":
        # `error.type` distinguishes this event from one that other code has recorded.
        event: Attributes = {"error.type": error_type(fault.error.judgement.reason)}
        event |= exception_attributes(fault.exception, status.description)
        if settings.traceback == "always":
            event["exception.stacktrace"] = stacktrace(fault.exception, Words(settings.privacy, default_normalizer()))
        span.add_event("exception", event)


def _untold(span: Span, told: Attributes, present: Mapping[str, object], *, is_first: bool) -> Attributes:
    """
    Return the attributes to add to a span: none that its owner has set, and no more than the span has room for.

    Attributes of an earlier fault are replaced or removed, because the last fault is the result of the operation.
    """
    if is_first:
        owned = frozenset(name for name in present if name in told or name.startswith("errnorm."))
        if owned:
            _owned[span] = owned
    else:
        owned = _owned.get(span, frozenset())
        if "error.type" in present and present["error.type"] not in OUR_TYPES:
            owned |= {"error.type"}
        stale = [name for name in present if name.startswith("errnorm.") and name not in told and name not in owned]
        if stale:
            _remove(span, stale)
            present = {name: value for name, value in present.items() if name not in stale}
    limit = _limit(span, "max_span_attributes")
    free = len(told) if limit is None else max(limit - len(present), 0)
    added: Attributes = {}
    for name, value in told.items():
        if name in present:
            if name not in owned:
                added[name] = value
        elif free:
            added[name] = value
            free -= 1
    return added


def _remove(span: Span, names: list[str]) -> None:
    # The API cannot remove an attribute, and one that is set to nothing would still mislead.
    attributes = getattr(span, "_attributes", None)
    if isinstance(attributes, MutableMapping):
        for name in names:
            attributes.pop(name, None)


def _limit(span: Span, name: str) -> int | None:
    # The SDK has no public way to read its limits.
    limit = getattr(getattr(span, "_limits", None), name, None)
    return limit if isinstance(limit, int) else None
