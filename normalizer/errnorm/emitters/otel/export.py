"""
Spans that others have made: normalized on their way out.

    provider.add_span_processor(BatchSpanProcessor(NormalizingExporter(OTLPSpanExporter())))

An exception that leaves the block of a span is recorded there by OpenTelemetry itself, in its own words and with a stack
trace that repeats them; so it is by most instrumentation. No span processor can change that: a span that has ended is read
only. So it is done where spans leave. What a table knows gets our attributes, and our words in place of the peer's, also where
it is the cause of somebody else's exception and stands in that one's stack trace; the same fault recorded a second time is
dropped; everything else goes out as it came. What a span has of an exception is the name of its class and its words: a class of
your own that inherits from a client's is not known by its name, so put a guard around what raises it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from errnorm.emitters.attributes import attributes
from errnorm.emitters.counts import LEDGER
from errnorm.exceptions import ReportedException
from errnorm.normalizer import default_normalizer
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from errnorm.error import NormalizedError

__all__ = ["NormalizingExporter"]

# As Python prints them; members of a group stand behind bars.
_RAISED = re.compile(r"(?P<before>[\s|+-]*)(?P<kind>[A-Za-z_][\w.]{0,255}): ")
_NEXT = re.compile(r"[\s|+-]*(?:(?:Exception Group )?Traceback \(most|The above exception was|During handling of)|[\s|]*\+-")


class NormalizingExporter(SpanExporter):
    """Stands before a span exporter and hands it spans whose exceptions are normalized."""

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
            normalize: Says what an exception means.
        """
        self._exporter = exporter
        self._settings = settings or Settings.load()
        self._normalize = normalize or default_normalizer().normalize

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand spans on."""
        return self._exporter.export([self._normalized(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Have the exporter send what it holds."""
        return self._exporter.force_flush(timeout_millis)

    def _normalized(self, span: ReadableSpan) -> ReadableSpan:
        if not any(event.name == "exception" for event in span.events):
            return span
        try:
            return _Rewriting(span, self._settings, self._normalize).result()
        except Exception:  # noqa: BLE001 - a span that cannot be normalized is still worth sending
            LEDGER.failed("export")
            return span


class _Rewriting:
    """What becomes of one span."""

    def __init__(self, span: ReadableSpan, settings: Settings, normalize: Callable[[object], NormalizedError]) -> None:
        self._span = span
        self._settings = settings
        self._normalize = normalize
        self._text: str | None = None
        self._rewritten = False
        self._error: NormalizedError | None = None
        # What the span emitter has told carries `error.type`; a plain recording of an exception does not.
        own = [event for event in span.events if event.name == "exception" and "error.type" in (event.attributes or {})]
        self._told = {str((event.attributes or {}).get("exception.type")): event for event in own}

    def result(self) -> ReadableSpan:
        span = self._span
        events = [rewritten for event in span.events if (rewritten := self._event(event)) is not None]
        if self._text is None and not self._rewritten:
            return span
        told: dict[str, Any] = dict(span.attributes or {})
        status = span.status
        if status.status_code is StatusCode.ERROR and self._text is not None:
            status = Status(StatusCode.ERROR, self._text)
            if self._error is not None:
                told = {**attributes(self._error, self._settings.privacy), **told}
        return _Rewritten(span, told, events, status)

    def _event(self, event: Event) -> Event | None:
        known: Mapping[str, Any] = event.attributes or {}
        kind = known.get("exception.type")
        if event.name != "exception" or not isinstance(kind, str) or "error.type" in known:
            return event
        if kind in self._told:
            self._text = str((self._told[kind].attributes or {}).get("exception.message", ""))
            return None
        error = self._known(kind, str(known.get("exception.message", "")))
        if error is None:
            return self._of_somebody_else(event)
        self._error, self._text = error, self._settings.privacy.text(error)
        if self._settings.exception_signal == "logs" and "errnorm.category" in (self._span.attributes or {}):
            return None  # the fault was told, so the log has it
        told = {"exception.type": kind, "exception.message": self._text, **attributes(error, self._settings.privacy)}
        return Event(event.name, told, event.timestamp)

    def _known(self, kind: str, message: str) -> NormalizedError | None:
        # OpenTelemetry leaves the module of built-in exceptions away.
        error = self._normalize(ReportedException((kind if "." in kind else f"builtins.{kind}",), message))
        return error if error.known or error.protocol is not None else None

    def _of_somebody_else(self, event: Event) -> Event:
        known = event.attributes or {}
        trace = str(known.get("exception.stacktrace", ""))
        told = "\n".join(self._lines(trace))
        if told == trace:
            return event
        self._rewritten = True
        return Event(event.name, {**known, "exception.stacktrace": told}, event.timestamp)

    def _lines(self, trace: str) -> Iterator[str]:
        """Yield the lines of a stack trace; in place of the words of what a table knows, which can go over several, ours."""
        skipping = False
        for line in trace.split("\n"):
            skipping = skipping and not _NEXT.match(line)
            raised = None if skipping else _RAISED.match(line)
            error = self._known(raised["kind"], line[raised.end() :]) if raised else None
            if raised and error:
                skipping = True
                yield f"{raised['before']}{raised['kind']}: {self._settings.privacy.text(error)}"
            elif not skipping:
                yield line


class _Rewritten(ReadableSpan):
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
