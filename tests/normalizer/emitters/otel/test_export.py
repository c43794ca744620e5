"""Spans that others have made, as they leave."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.emitters.otel import span as span_module
from errnorm.error import Judgement, NormalizedError, Signal
from errnorm.exceptions import ReportedException
from errnorm.taxonomy import Effect, Reason, Recovery
from tests.normalizer.emitters.wire import ABORT, OWN_WORDS, PUBLISH, WireError

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from errnorm.emitters.otel.export import NormalizingExporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer

    from errnorm.engine import Engine
    from errnorm.fault import Fault
    from errnorm.settings import Settings

LOGIN = "Wrong password of romeo, romeo@montague.lit at 10.0.0.1: " + OWN_WORDS
KLASS = "tests.normalizer.emitters.wire.WireError"


class Exported:
    """A tracer behind which spans are normalized, and what came out."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        def normalize(raw: object) -> NormalizedError:
            assert isinstance(raw, ReportedException)
            if raw.names == (KLASS,):
                return engine.judge(Signal("wire", "error", raw.text, raw.text))
            nothing = Judgement(
                protocol=None, section=None, code=None, reason=Reason.UNKNOWN, recovery=Recovery.ABANDON, terminal=False,
                effect=Effect.UNKNOWN, row=None, tables_version="",
            )  # fmt: skip
            return NormalizedError(nothing, Signal("", text=raw.text))

        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(NormalizingExporter(self.memory, settings, normalize)))
        self.tracer: Tracer = self.provider.get_tracer("of somebody else")

    @property
    def span(self) -> ReadableSpan:
        return self.memory.get_finished_spans()[-1]

    def raising(self, error: Exception) -> ReadableSpan:
        with pytest.raises(type(error)), self.tracer.start_as_current_span("theirs", attributes={"mine": 1}):
            raise error
        return self.span


@pytest.fixture
def exported(engine: Engine, settings: Callable[..., Settings]) -> Exported:
    return Exported(engine, settings())


def test_an_exception_recorded_by_others_is_told_in_our_words(exported: Exported) -> None:
    span = exported.raising(WireError(LOGIN))
    text = "Wrong password of <user>, <jid> at <address>: <text>"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, text)
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert (attributes["error.type"], attributes["errnorm.recovery"], attributes["mine"]) == (
        "auth.rejected",
        "reauthenticate",
        1,
    )
    (event,) = span.events
    assert dict(event.attributes or {})["exception.message"] == text
    assert not [word for word in ("romeo", "10.0.0.1", OWN_WORDS) if word in span.to_json()]


def test_a_fault_told_by_us_and_recorded_by_others_is_there_once(
    exported: Exported, fault: Callable[..., Fault], raised: Callable[..., Exception], settings: Callable[..., Settings]
) -> None:
    error = raised(own_words=OWN_WORDS)
    with pytest.raises(WireError), exported.tracer.start_as_current_span("publish"):
        span_module.emitter(settings())(fault(exception=error, decision=ABORT, operation="publish"))
        raise error
    assert [dict(event.attributes or {})["exception.message"] for event in exported.span.events] == [PUBLISH]
    assert exported.span.status.description == PUBLISH
    assert (exported.span.attributes or {})["errnorm.operation"] == "publish"
    assert OWN_WORDS not in exported.span.to_json()


def test_an_error_of_somebody_else_goes_out_as_it_came(exported: Exported) -> None:
    span = exported.raising(LookupError("mine"))
    assert span.status.description == "LookupError: mine"
    assert "exception.stacktrace" in (span.events[0].attributes or {})


def test_an_exception_that_was_handled_does_not_make_a_span_red(exported: Exported) -> None:
    with exported.tracer.start_as_current_span("theirs") as span:
        span.record_exception(WireError(PUBLISH))
    assert exported.span.status.status_code is StatusCode.UNSET
    assert "error.type" not in (exported.span.attributes or {})
    assert (exported.span.events[0].attributes or {})["error.type"] == "auth.forbidden"


def test_everything_else_of_a_span_is_as_it_was(exported: Exported) -> None:
    plain = InMemorySpanExporter()
    exported.provider.add_span_processor(SimpleSpanProcessor(plain))
    exported.raising(WireError(PUBLISH))
    one, other = exported.span, plain.get_finished_spans()[-1]
    for name in ("name", "context", "parent", "resource", "links", "kind", "start_time", "end_time", "instrumentation_scope"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("dropped_attributes", "dropped_events", "dropped_links"):
        assert getattr(one, name) == getattr(other, name)


def test_a_span_that_cannot_be_normalized_is_sent_all_the_same(settings: Callable[..., Settings]) -> None:
    def broken(_: object) -> NormalizedError:
        raise LookupError

    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(NormalizingExporter(memory, settings(), broken)))
    with pytest.raises(WireError), provider.get_tracer("test").start_as_current_span("theirs"):
        raise WireError
    assert memory.get_finished_spans()[0].name == "theirs"


@pytest.mark.parametrize("answer", [True, False])
def test_what_is_asked_of_it_is_asked_of_the_exporter_behind(settings: Callable[..., Settings], answer: bool) -> None:
    class Asked(InMemorySpanExporter):
        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return answer and timeout_millis == 7

    behind = Asked()
    exporter = NormalizingExporter(behind, settings())
    assert exporter.force_flush(7) is answer
    exporter.shutdown()
    assert behind._stopped


def test_spans_without_exceptions_are_handed_on_untouched(exported: Exported) -> None:
    plain = InMemorySpanExporter()
    exported.provider.add_span_processor(SimpleSpanProcessor(plain))
    with exported.tracer.start_as_current_span("theirs") as span:
        span.add_event("tea")
    assert exported.span is plain.get_finished_spans()[-1]


@pytest.mark.parametrize(
    ("opt_in", "events"), [(None, 1), ("", 1), ("logs/dup", 1), ("logs", 0), ("LOGS", 0), ("http,logs", 0), ("http", 1)]
)
def test_an_exception_that_goes_to_the_log_alone_is_not_recorded_by_others_either(
    engine: Engine, fault: Callable[..., Fault], raised: Callable[..., Exception], opt_in: str | None, events: int
) -> None:
    from errnorm.settings import Settings  # noqa: PLC0415 - its name is taken by the type above

    told = Settings.load({} if opt_in is None else {"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": opt_in})
    exported, error = Exported(engine, told), raised(own_words=OWN_WORDS)
    with pytest.raises(WireError), exported.tracer.start_as_current_span("publish"):
        span_module.emitter(told)(fault(exception=error, decision=ABORT))
        raise error
    assert len(exported.span.events) == events
    assert (exported.span.status.status_code, OWN_WORDS in exported.span.to_json()) == (StatusCode.ERROR, False)


def caused(cause: Exception, error: Exception) -> Exception:
    error.__cause__ = cause
    return error


LONG = f"{LOGIN}\n{OWN_WORDS} goes on\n\n  and {OWN_WORDS} on"


@pytest.mark.parametrize(
    "error",
    [
        caused(WireError(LOGIN), LookupError("mine")),
        caused(WireError(LONG), LookupError("mine")),
        caused(caused(WireError(LONG), KeyError("theirs")), LookupError("mine")),
        ExceptionGroup("mine", [ValueError("theirs"), WireError(LONG), TypeError("theirs")]),
        caused(ExceptionGroup("two", [WireError(LONG)]), LookupError("mine")),
    ],
    ids=["cause", "lines", "chain", "group", "group as a cause"],
)
def test_in_the_stack_trace_of_somebody_elses_exception_our_words_stand_for_the_peers(
    exported: Exported, error: Exception
) -> None:
    span = exported.raising(error)
    assert str(span.status.description).startswith(f"{type(error).__name__}: mine")
    trace = str((span.events[0].attributes or {})["exception.stacktrace"])
    assert f"{KLASS}: Wrong password of <user>, <jid> at <address>: <text>\n" in trace
    assert "mine" in trace
    assert trace.count("theirs") == str(traceback.format_exception(error)).count("theirs")
    assert not [word for word in ("romeo", "10.0.0.1", OWN_WORDS) if word in span.to_json()]


def test_a_class_of_python_itself_is_known_without_its_module(settings: Callable[..., Settings]) -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(NormalizingExporter(memory, settings())))
    with pytest.raises(ConnectionRefusedError), provider.get_tracer("test").start_as_current_span("theirs"):
        raise ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 4222)")
    (span,) = memory.get_finished_spans()
    assert (span.attributes or {})["error.type"] == "transport.refused"
    assert "10.0.0.1" not in span.to_json()
