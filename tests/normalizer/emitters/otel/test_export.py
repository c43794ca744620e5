"""Spans that others have made, as they leave."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.emitters.otel import span as span_module
from errnorm.error import NormalizedError, Signal
from errnorm.exceptions import ReportedException
from errnorm.judgement import Judgement
from errnorm.taxonomy import Effect, Reason, Recovery
from tests.normalizer.emitters.wire import ABORT, OWN_WORDS, PUBLISH, WireError

pytest.importorskip("opentelemetry.sdk")

import nats.errors
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from slixmpp import Iq
from slixmpp.exceptions import IqError

from errnorm.emitters.otel.export import NormalizingExporter, NormalizingProcessor
from errnorm.middleware import Middleware
from errnorm.supervisor import StoppedError, supervise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


async def test_the_span_around_a_supervisor_that_stopped_keeps_the_reason(settings: Callable[..., Settings]) -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(NormalizingExporter(memory, settings())))
    errors = Middleware(emitters=[span_module.emitter(settings())])

    async def connect() -> None:
        raise nats.errors.InvalidUserCredentialsError

    async def serve(_: object) -> None:
        """Never get here."""

    async def soon(_: float) -> None:
        """Go on at once."""

    with pytest.raises(StoppedError), provider.get_tracer("of somebody else").start_as_current_span("service"):
        await supervise(connect, serve, protocol="nats", middleware=errors, sleep=soon)
    attributes = dict(memory.get_finished_spans()[-1].attributes or {})
    assert attributes["error.type"] == "auth.rejected"
    assert attributes.get("errnorm.outcome") != "handled"


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
    whole = str(traceback.format_exception(error)).count("theirs")
    # What stands between a peer's words and the outermost exception could be a peer's too.
    assert trace.count("theirs") == (0 if isinstance(error.__cause__, KeyError) else whole)
    assert not [word for word in ("romeo", "10.0.0.1", OWN_WORDS) if word in span.to_json()]


FORGED = [
    "nats: a\n{}",
    "nats: a\nTraceback (most recent call last):\n{}",
    "nats: a\nDuring handling of the above\n{}",
    "nats: a\nThe above exception was\n{}",
    "nats: a\n  +- x\n{}",
    "nats: a\n\nThe above exception was the direct cause of the following exception:\n\n{}",
    (
        "nats: a\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
        '  File "{}", line 1, in x\n    {}\nKeyError: {}'
    ),
    "nats: a\n    | {}\n    +------------------------------------\n{}",
]


@pytest.mark.parametrize("message", FORGED)
@pytest.mark.parametrize("shape", ["cause", "context", "group", "cause of a group"])
def test_a_message_that_looks_like_a_traceback_leaks_nothing(settings: Callable[..., Settings], message: str, shape: str) -> None:
    words = "rose" + "bud"
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(NormalizingProcessor(SimpleSpanProcessor(memory), settings()))
    denied = nats.errors.Error(message.format(*[words] * 4))
    error: Exception = KeyError("mine")
    if shape == "cause":
        error.__cause__ = denied
    elif shape == "context":
        error.__context__ = denied
    else:
        error = ExceptionGroup("mine", [KeyError("mine"), denied, ValueError("mine")])
        if shape == "cause of a group":
            error = caused(error, KeyError("mine"))
    with pytest.raises(type(error)), provider.get_tracer("test").start_as_current_span("theirs"):
        raise error
    (span,) = memory.get_finished_spans()
    assert words not in span.to_json()
    assert "mine" in str((span.events[0].attributes or {})["exception.stacktrace"]).splitlines()[-1] or shape == "group"


@pytest.fixture
def real(settings: Callable[..., Settings]) -> Iterator[tuple[Tracer, InMemorySpanExporter, Middleware]]:
    """A provider with the processor, and a middleware that tells spans."""
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(NormalizingProcessor(SimpleSpanProcessor(memory), settings()))
    yield provider.get_tracer("test"), memory, Middleware(emitters=[span_module.emitter(settings())])
    provider.shutdown()


Real = tuple["Tracer", InMemorySpanExporter, Middleware]
DENIED = 'nats: permissions violation for publish to "orders.new"'


def test_an_error_that_was_handled_does_not_replace_the_applications_own(real: Real) -> None:
    tracer, memory, _ = real
    with pytest.raises(KeyError), tracer.start_as_current_span("order") as span:
        span.record_exception(nats.errors.NoRespondersError())
        raise KeyError("order")
    (done,) = memory.get_finished_spans()
    assert done.status.description == "KeyError: 'order'"
    assert "error.type" not in (done.attributes or {})


def test_what_a_guard_has_told_and_the_caller_handled_gives_way_to_what_leaves_the_span(real: Real) -> None:
    tracer, memory, errors = real
    with pytest.raises(RuntimeError), tracer.start_as_current_span("order"):
        with contextlib.suppress(RuntimeError), errors.guard("nats", operation="publish"):
            raise RuntimeError(DENIED)
        raise RuntimeError("fire")
    (done,) = memory.get_finished_spans()
    assert done.status.description == "RuntimeError: fire"
    assert ((done.attributes or {})["error.type"], (done.attributes or {})["errnorm.outcome"]) == ("RuntimeError", "handled")
    assert [(event.attributes or {})["exception.message"] for event in done.events][-1] == "fire"


def test_of_two_errors_of_one_class_the_one_that_leaves_is_the_failure(real: Real) -> None:
    tracer, memory, errors = real
    with pytest.raises(ConnectionResetError), tracer.start_as_current_span("order"):
        with contextlib.suppress(ConnectionResetError), errors.guard("nats", operation="publish"):
            raise ConnectionResetError(104, "Connection reset by peer")
        raise ConnectionResetError(110, "Connection timed out")
    (done,) = memory.get_finished_spans()
    assert ((done.attributes or {})["error.type"], (done.attributes or {})["errnorm.code"]) == ("transport.timeout", "ETIMEDOUT")
    assert "errnorm.operation" not in (done.attributes or {})


@pytest.mark.parametrize("recorded", [True, False])
def test_a_span_around_a_guard_says_what_the_guard_says(real: Real, recorded: bool) -> None:
    tracer, memory, errors = real
    iq = Iq()  # type: ignore[no-untyped-call]
    iq["type"], iq["error"]["condition"], iq["error"]["type"] = "error", "forbidden", "auth"
    refused = IqError(iq)  # type: ignore[no-untyped-call]
    for error in (TimeoutError(), refused, nats.errors.NoRespondersError(), ExceptionGroup("g", [OSError(113, "No route")])):
        memory.clear()
        outside = tracer.start_as_current_span("outer", record_exception=recorded)
        with pytest.raises(type(error)), outside, tracer.start_as_current_span("inner"), errors.guard("xmpp"):
            raise error
        inner, outer = memory.get_finished_spans()
        for name in ("error.type", "errnorm.code", "errnorm.protocol"):
            assert (outer.attributes or {})[name] == (inner.attributes or {})[name], error
        assert inner.status.description == outer.status.description


@pytest.mark.parametrize("owned", [{}, {"error.type": "Error"}])
def test_a_status_without_an_exception_is_tagged_and_says_nothing_in_a_peers_words(real: Real, owned: dict[str, str]) -> None:
    tracer, memory, _ = real
    with tracer.start_as_current_span("publish", attributes=owned) as span:
        span.set_status(StatusCode.ERROR, DENIED)
    (done,) = memory.get_finished_spans()
    assert (done.attributes or {})["error.type"] == "auth.forbidden"
    assert done.status.description == 'Permissions Violation for Publish to "orders.new"'


def test_a_status_in_the_applications_own_words_stays(real: Real) -> None:
    tracer, memory, _ = real
    with tracer.start_as_current_span("publish", attributes={"error.type": "500"}) as span:
        span.set_status(StatusCode.ERROR, "no such order")
    (done,) = memory.get_finished_spans()
    assert (done.status.description, dict(done.attributes or {})) == ("no such order", {"error.type": "500"})


def test_a_clean_span_is_handed_on_as_it_is(real: Real, settings: Callable[..., Settings]) -> None:
    class Seen(SimpleSpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            seen.append(span)

    seen: list[Any] = []
    processor = NormalizingProcessor(Seen(InMemorySpanExporter()), settings())
    with real[0].start_as_current_span("clean") as span:
        pass
    processor.on_end(span)  # type: ignore[arg-type] # it is one
    assert seen == [span]
    assert processor.force_flush()


def test_an_exporter_that_holds_nothing_back_needs_no_flush(settings: Callable[..., Settings]) -> None:
    class Old:
        def export(self, spans: object) -> None:
            """Send nothing."""

        def shutdown(self) -> None:
            """Hold nothing."""

    assert NormalizingExporter(Old(), settings()).force_flush()  # type: ignore[arg-type] # as they were before 1.12


ZERO_CODE = """
import nats.errors
from opentelemetry import trace
try:
    with trace.get_tracer("t").start_as_current_span("auto"):
        raise nats.errors.Error("nats: 'Authorization Violation'")
except nats.errors.Error:
    pass
trace.get_tracer_provider().force_flush()
"""


@pytest.mark.parametrize(("exporter", "found"), [("console", True), ("nonsense", False)])
def test_a_program_that_is_not_touched_gets_its_spans_corrected(exporter: str, found: bool) -> None:
    environment = {
        **os.environ,
        "OTEL_TRACES_EXPORTER": "errnorm",
        "ERRNORM_TRACES_EXPORTER": exporter,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    pytest.importorskip("opentelemetry.distro")
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, "-c", ZERO_CODE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if found:
        assert json.loads(done.stdout)["attributes"]["error.type"] == "auth.rejected"
    else:
        assert "no exporter 'nonsense' is installed" in done.stderr


def test_a_class_of_python_itself_is_known_without_its_module(settings: Callable[..., Settings]) -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(NormalizingExporter(memory, settings())))
    with pytest.raises(ConnectionRefusedError), provider.get_tracer("test").start_as_current_span("theirs"):
        raise ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 4222)")
    (span,) = memory.get_finished_spans()
    assert (span.attributes or {})["error.type"] == "transport.refused"
    assert "10.0.0.1" not in span.to_json()
