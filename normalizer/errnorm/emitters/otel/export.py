"""
Correct spans that other code has made, before they leave the process.

    provider.add_span_processor(NormalizingProcessor(BatchSpanProcessor(OTLPSpanExporter())))
    provider.add_span_processor(BatchSpanProcessor(NormalizingExporter(OTLPSpanExporter())))   # the same

    OTEL_TRACES_EXPORTER=errnorm        # without a change of the code; ERRNORM_TRACES_EXPORTER names the exporter that sends

If an exception leaves the block of a span, OpenTelemetry itself records it there with its original message and a stack trace that
repeats the message. Most instrumentation does the same. A span that has ended is read-only, so it is corrected when it is
exported:

- The error that a guard has made of the exception is looked up first; otherwise its class and message are normalized.
- The message of a recognised exception is replaced by the text of its row. If the same exception (the same class and message) was
  recorded twice, one record is removed.
- Status and `error.type` follow from the last exception of the span, because that is the one that left the block. If it belongs
  to the application, its record stays unchanged, even if an error of NATS or XMPP was handled before.
- A span with an error status and no exception is tagged too, if its description is recognised.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from errnorm.emitters.attributes import attributes
from errnorm.emitters.counts import LEDGER
from errnorm.emitters.otel.span import OUR_TYPES
from errnorm.emitters.otel.traces import redacted
from errnorm.emitters.otel.verdicts import Verdicts, said
from errnorm.emitters.recorded import recorded
from errnorm.normalizer import default_normalizer
from errnorm.regex import regex
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from errnorm.error import NormalizedError

__all__ = ["EnvironmentExporter", "NormalizingExporter", "NormalizingProcessor"]

# Instrumentation writes `Class: message` into the description of a status.
_CLASS = regex(r"[A-Za-z_][\w.]{0,255}: ")
_ERROR: Final = StatusCode.ERROR


class Corrector:
    """Corrects spans."""

    def __init__(
        self,
        settings: Settings | None = None,
        normalize: Callable[[object], NormalizedError] | None = None,
        verdicts: Verdicts = said,
    ) -> None:
        """
        Store the arguments.

        Args:
            settings: The settings; those of the environment if not given.
            normalize: Returns what an exception means; according to the installed tables if not given.
            verdicts: The errors that guards have made of exceptions.
        """
        self.settings = settings or Settings.load()
        self.normalize = normalize or default_normalizer().normalize
        self.verdicts = verdicts

    def corrected(self, span: ReadableSpan) -> ReadableSpan:
        """Return the corrected span: the same object if there is nothing to correct. Never raises."""
        if span.status.status_code is not _ERROR and not span.events:
            return span
        try:
            return _Correction(span, self).result()
        except Exception:  # noqa: BLE001 - a span that cannot be corrected is still exported
            LEDGER.failed("export")
            return span

    def error(self, trace: int, kind: str, words: str) -> NormalizedError | None:
        """Return what a recorded exception means, from its class and message; `None` if it belongs to the application."""
        error = self.verdicts.of(trace, kind, words)
        if error is not None:
            return error
        return recorded(self.normalize, kind, words)

    def described(self, trace: int, description: str) -> NormalizedError | None:
        """Return what the description of a status means; `None` if it is not known."""
        for words in (description, _CLASS.sub("", description, count=1)):
            error = self.verdicts.of(trace, "", words) or self.normalize(words)
            if error.known:
                return error
        return None


class _Correction:
    """The correction of one span."""

    def __init__(self, span: ReadableSpan, by: Corrector) -> None:
        self._span = span
        self._by = by
        self._privacy = by.settings.privacy
        self._trace = 0 if span.context is None else span.context.trace_id
        self._told = {(_of(event, "exception.type"), _of(event, "exception.message")) for event in span.events if _is_ours(event)}
        self._changed = False
        self._last: Event | None = None
        self._error: NormalizedError | None = None
        self._is_told = False

    def result(self) -> ReadableSpan:
        span = self._span
        events = [corrected for event in span.events if (corrected := self._event(event)) is not None]
        told: dict[str, Any] = dict(span.attributes or {})
        status = span.status
        if status.status_code is _ERROR:
            status = self._status(told)
        if self._changed or status is not span.status or told != dict(span.attributes or {}):
            return _Corrected(span, told, events, status)
        return span

    def _event(self, event: Event) -> Event | None:
        kind = (event.attributes or {}).get("exception.type")
        if event.name != "exception" or not isinstance(kind, str):
            return event
        self._last = event
        if _is_ours(event):
            return event
        words = _of(event, "exception.message")
        self._error = self._by.error(self._trace, kind, words)
        return self._of_application(event) if self._error is None else self._of_client(event, kind, self._error)

    def _of_client(self, event: Event, kind: str, error: NormalizedError) -> Event | None:
        self._changed = True
        text = self._privacy.text(error)
        self._is_told = (kind, text) in self._told
        if self._is_told:
            return None
        if self._by.settings.exception_signal == "logs" and "errnorm.category" in (self._span.attributes or {}):
            return None  # the guard has emitted the fault, so the log has the exception
        told = {"exception.type": kind, "exception.message": text, **attributes(error, self._privacy)}
        return Event(event.name, told, event.timestamp)

    def _of_application(self, event: Event) -> Event:
        trace = _of(event, "exception.stacktrace")
        told = redacted(trace, self._words)
        if told == trace:
            return event
        self._changed = True
        return Event(event.name, {**(event.attributes or {}), "exception.stacktrace": told}, event.timestamp)

    def _words(self, kind: str, line: str) -> str | None:
        error = self._by.error(self._trace, kind, line)
        return None if error is None else self._privacy.text(error)

    def _status(self, told: dict[str, Any]) -> Status:
        """Return the status, and tag the span, according to its last exception; without one, according to the description."""
        status, last, error = self._span.status, self._last, self._error
        if last is None or _is_ours(last):
            error = self._by.described(self._trace, status.description or "")
        if error is not None:
            if not (self._is_told or (last is not None and _is_ours(last))):
                self._tag(told, error)
            return Status(_ERROR, self._privacy.text(error))
        if last is not None and not _is_ours(last) and told.get("error.type") in OUR_TYPES:
            # The error that a guard has seen was handled: the span failed because of another exception.
            told["error.type"] = _of(last, "exception.type")
            told["errnorm.outcome"] = "handled"
        return status

    def _tag(self, told: dict[str, Any], error: NormalizedError) -> None:
        for name in [name for name in told if name.startswith("errnorm.")]:
            del told[name]  # an earlier error of the span, which was handled
        # An `error.type` that the owner of the span has set stays, unless it is only the name of a class, which instrumentation
        # sets for every exception.
        owned = told.get("error.type")
        if owned in OUR_TYPES or _is_class(owned, self._last):
            told.pop("error.type", None)
        told.update({name: value for name, value in attributes(error, self._privacy).items() if name not in told})


def _is_class(owned: object, last: Event | None) -> bool:
    """Return whether `error.type` is only the name of the exception's class."""
    if not isinstance(owned, str):
        return False
    kind = "" if last is None else _of(last, "exception.type")
    return bool(owned) and (kind == owned or kind.endswith(f".{owned}") or (last is None and not owned.isdigit()))


def _is_ours(event: Event) -> bool:
    # An event of the span emitter has `error.type`; an exception that OpenTelemetry records has not.
    return event.name == "exception" and "error.type" in (event.attributes or {})


def _of(event: Event, name: str) -> str:
    known: Mapping[str, Any] = event.attributes or {}
    return str(known.get(name, ""))


class NormalizingExporter(SpanExporter):
    """A span exporter that corrects spans and passes them to another exporter."""

    def __init__(
        self,
        exporter: SpanExporter,
        settings: Settings | None = None,
        normalize: Callable[[object], NormalizedError] | None = None,
    ) -> None:
        """
        Wrap an exporter.

        Args:
            exporter: The exporter that sends the spans.
            settings: The settings; those of the environment if not given.
            normalize: Returns what an exception means; according to the installed tables if not given.
        """
        self._exporter = exporter
        self._corrector = Corrector(settings, normalize)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Correct spans, and pass them to the exporter."""
        return self._exporter.export([self._corrector.corrected(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter. An exporter without a buffer may not have the method."""
        flush = getattr(self._exporter, "force_flush", None)
        return True if flush is None else bool(flush(timeout_millis))


class NormalizingProcessor(SpanProcessor):
    """A span processor that corrects ended spans and passes them to another processor."""

    def __init__(
        self,
        processor: SpanProcessor,
        settings: Settings | None = None,
        normalize: Callable[[object], NormalizedError] | None = None,
    ) -> None:
        """
        Wrap a processor.

        Args:
            processor: The processor that receives the corrected spans.
            settings: The settings; those of the environment if not given.
            normalize: Returns what an exception means; according to the installed tables if not given.
        """
        self._processor = processor
        self._corrected = Corrector(settings, normalize).corrected

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass a span that has started to the processor."""
        self._processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Correct a span that has ended, and pass it to the processor."""
        self._processor.on_end(self._corrected(span))

    def shutdown(self) -> None:
        """Shut the processor down."""
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the processor."""
        return self._processor.force_flush(timeout_millis)


class EnvironmentExporter(NormalizingExporter):
    """The exporter for `OTEL_TRACES_EXPORTER=errnorm`. `ERRNORM_TRACES_EXPORTER` names the exporter that sends, or `otlp`."""

    def __init__(self) -> None:
        """
        Create the exporter that sends, as OpenTelemetry's own configuration would.

        Raises:
            RuntimeError: If no such exporter is installed.
        """
        super().__init__(_exporter_named(os.environ.get("ERRNORM_TRACES_EXPORTER", "otlp")))


def _exporter_named(name: str) -> SpanExporter:
    if name == "otlp":
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        name = "otlp_proto_http" if protocol.startswith("http") else "otlp_proto_grpc"
    for point in entry_points(group="opentelemetry_traces_exporter", name=name):
        if point.value.partition(":")[0] != __name__:
            made: SpanExporter = point.load()()
            return made
    message = f"ERRNORM_TRACES_EXPORTER: no exporter {name!r} is installed"
    raise RuntimeError(message)


class _Corrected(ReadableSpan):
    """A copy of a span with other attributes, events and status."""

    def __init__(self, span: ReadableSpan, attributes: dict[str, Any], events: list[Event], status: Status) -> None:
        super().__init__(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=events,
            links=span.links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
        self._of = span

    @property
    def dropped_attributes(self) -> int:
        return self._of.dropped_attributes

    @property
    def dropped_events(self) -> int:
        return self._of.dropped_events

    @property
    def dropped_links(self) -> int:
        return self._of.dropped_links
