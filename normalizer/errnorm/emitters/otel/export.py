"""
Correct spans that others have made, where they leave the process.

    provider.add_span_processor(NormalizingProcessor(BatchSpanProcessor(OTLPSpanExporter())))
    provider.add_span_processor(BatchSpanProcessor(NormalizingExporter(OTLPSpanExporter())))   # the same

    OTEL_TRACES_EXPORTER=errnorm        # without touching the code; ERRNORM_TRACES_EXPORTER names what it sends with

An exception that leaves the block of a span is recorded there by OpenTelemetry itself, in its own words and with a stack trace
that repeats them; so it is by most instrumentation. A span that has ended is read only, so it is corrected on its way out:

- What a guard made of the exception is looked up first; else its class and words are normalized.
- An exception that is recognised gets the text of its row in the place of its words. The same exception recorded twice (the
same class
  and the same words) is there once.
- Status and `error.type` are those of the last exception of the span: it is the one that left. If that is the application's
own, what
  the span says of it stays, also if an error of NATS or XMPP was handled before.
- A span with a status and no exception is tagged too, if its description is recognised.
"""

from __future__ import annotations

import os
import re
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
from errnorm.exceptions import ReportedException
from errnorm.normalizer import default_normalizer
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from errnorm.error import NormalizedError

__all__ = ["EnvironmentExporter", "NormalizingExporter", "NormalizingProcessor"]

# Instrumentation writes `Class: words` into the description of a status.
_CLASS = re.compile(r"[A-Za-z_][\w.]{0,255}: ")
# `err_code=10059 description='stream not found'`: attributes that a library writes into the words of its exception.
_PAIR = re.compile(r"\b([a-z_]{1,32})=(?:(\d{1,9})\b|'([^']{0,256})')")
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
        Prepare.

        Args:
            settings: What may be told; those of the environment if not given.
            normalize: Says what an exception means; the installed tables if not given.
            verdicts: What guards have made of exceptions.
        """
        self.settings = settings or Settings.load()
        self.normalize = normalize or default_normalizer().normalize
        self.verdicts = verdicts

    def corrected(self, span: ReadableSpan) -> ReadableSpan:
        """Return a span as it may leave: the same object if there is nothing to correct. Never raises."""
        if span.status.status_code is not _ERROR and not span.events:
            return span
        try:
            return _Correction(span, self).result()
        except Exception:  # noqa: BLE001 - a span that cannot be corrected is still worth sending
            LEDGER.failed("export")
            return span

    def error(self, trace: int, kind: str, words: str) -> NormalizedError | None:
        """Return what an exception on a span means, by its class as the span names it; `None` if it is the application's."""
        error = self.verdicts.of(trace, kind, words)
        if error is not None:
            return error
        if words.startswith("<"):
            # The words of an exception can be the element it was made from.
            error = self.normalize(words)
            if error.known:
                return error
        pairs: dict[str, object] = {}
        for name, number, text in _PAIR.findall(words):
            pairs.setdefault(name, int(number) if number else text)
        # OpenTelemetry leaves the module of built-in exceptions away.
        error = self.normalize(ReportedException((kind if "." in kind else f"builtins.{kind}",), words, pairs))
        return error if error.claimed else None

    def described(self, trace: int, description: str) -> NormalizedError | None:
        """Return what the description of a status means; `None` if nobody knows."""
        for words in (description, _CLASS.sub("", description, count=1)):
            error = self.verdicts.of(trace, "", words) or self.normalize(words)
            if error.known:
                return error
        return None


class _Correction:
    """What becomes of one span."""

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
            return None  # the fault was told, so the log has it
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
        """Return the status, and tag the span, by the exception that left it; by the description if there is none."""
        status, last, error = self._span.status, self._last, self._error
        if last is None or _is_ours(last):
            error = self._by.described(self._trace, status.description or "")
        if error is not None:
            if not (self._is_told or (last is not None and _is_ours(last))):
                self._tag(told, error)
            return Status(_ERROR, self._privacy.text(error))
        if last is not None and not _is_ours(last) and told.get("error.type") in OUR_TYPES:
            # What a guard has seen was handled: the span failed of something else.
            told["error.type"] = _of(last, "exception.type")
            told["errnorm.outcome"] = "handled"
        return status

    def _tag(self, told: dict[str, Any], error: NormalizedError) -> None:
        for name in [name for name in told if name.startswith("errnorm.")]:
            del told[name]  # an earlier error of the span, which was handled
        # What the owner of the span has set stays; a class name is what instrumentation sets that knows no better.
        owned = told.get("error.type")
        if owned in OUR_TYPES or _is_class(owned, self._last):
            told.pop("error.type", None)
        told.update({name: value for name, value in attributes(error, self._privacy).items() if name not in told})


def _is_class(owned: object, last: Event | None) -> bool:
    """Return whether `error.type` is nothing but the name of the class of the exception."""
    if not isinstance(owned, str):
        return False
    kind = "" if last is None else _of(last, "exception.type")
    return bool(owned) and (kind == owned or kind.endswith(f".{owned}") or (last is None and not owned.isdigit()))


def _is_ours(event: Event) -> bool:
    # What the span emitter has told carries `error.type`; a plain recording of an exception does not.
    return event.name == "exception" and "error.type" in (event.attributes or {})


def _of(event: Event, name: str) -> str:
    known: Mapping[str, Any] = event.attributes or {}
    return str(known.get(name, ""))


class NormalizingExporter(SpanExporter):
    """Stands before a span exporter and hands it corrected spans."""

    def __init__(
        self,
        exporter: SpanExporter,
        settings: Settings | None = None,
        normalize: Callable[[object], NormalizedError] | None = None,
    ) -> None:
        """
        Stand before an exporter.

        Args:
            exporter: Who sends the spans.
            settings: What may be told; those of the environment if not given.
            normalize: Says what an exception means; the installed tables if not given.
        """
        self._exporter = exporter
        self._corrector = Corrector(settings, normalize)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand spans on."""
        return self._exporter.export([self._corrector.corrected(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Have the exporter send what it holds; one that holds nothing back may lack the method."""
        flush = getattr(self._exporter, "force_flush", None)
        return True if flush is None else bool(flush(timeout_millis))


class NormalizingProcessor(SpanProcessor):
    """Stands before a span processor and hands it corrected spans when they end."""

    def __init__(
        self,
        processor: SpanProcessor,
        settings: Settings | None = None,
        normalize: Callable[[object], NormalizedError] | None = None,
    ) -> None:
        """
        Stand before a processor; the arguments are those of `NormalizingExporter`.

        Args:
            processor: Who gets the spans.
            settings: What may be told.
            normalize: Says what an exception means.
        """
        self._processor = processor
        self._corrected = Corrector(settings, normalize).corrected

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Hand a span on that has started."""
        self._processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand a span on that has ended."""
        self._processor.on_end(self._corrected(span))

    def shutdown(self) -> None:
        """Shut the processor down."""
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Have the processor send what it holds."""
        return self._processor.force_flush(timeout_millis)


class EnvironmentExporter(NormalizingExporter):
    """What `OTEL_TRACES_EXPORTER=errnorm` makes; `ERRNORM_TRACES_EXPORTER` names the exporter behind it, `otlp` if not set."""

    def __init__(self) -> None:
        """
        Make the exporter behind it, as OpenTelemetry's own configuration would.

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
    """A span with other attributes, events and status; everything else is as it was."""

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
