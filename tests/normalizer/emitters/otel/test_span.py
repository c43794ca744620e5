"""Spans, as the OpenTelemetry SDK hands them to an exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from errnorm.emitters.attributes import ATTRIBUTES
from errnorm.emitters.otel import span as span_module
from tests.normalizer.emitters.wire import ABORT, OWN_WORDS, PUBLISH, RETRY

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from errnorm.decision import Decision
    from errnorm.fault import Fault
    from errnorm.settings import Settings

KLASS = "tests.normalizer.emitters.wire.WireError"


class Trace:
    """A tracer whose spans end in memory."""

    def __init__(self, limits: SpanLimits | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(span_limits=limits)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("test")

    def tell(self, settings: Settings, *faults: Fault) -> ReadableSpan:
        with self.tracer.start_as_current_span("publish"):
            for fault in faults:
                span_module.emitter(settings)(fault)
        return self.exporter.get_finished_spans()[-1]


@pytest.fixture
def trace() -> Trace:
    return Trace()


def test_an_operation_that_failed_makes_its_span_red_and_says_why(
    trace: Trace, fault: Callable[..., Fault], raised: Callable[..., Exception], settings: Callable[..., Settings]
) -> None:
    span = trace.tell(settings(), fault(decision=ABORT, operation="publish", exception=raised(own_words=OWN_WORDS)))
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, PUBLISH)
    assert dict(span.attributes or {}) == {
        "error.type": "auth.forbidden",
        "errnorm.protocol": "wire",
        "errnorm.category": "auth",
        "errnorm.code": "no-publish",
        "errnorm.retryable": False,
        "errnorm.terminal": False,
        "errnorm.recovery": "abandon",
        "errnorm.effect": "not_applied",
        "errnorm.tables.version": "wire 1.2.3",
        "errnorm.param.subject": "a.b",
        "errnorm.outcome": "failed",
        "errnorm.operation": "publish",
        "errnorm.decision": "abort",
    }
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("exception", {"error.type": "auth.forbidden", "exception.type": KLASS, "exception.message": PUBLISH})
    ]
    assert "rosebud" not in span.to_json()


def test_attempts_that_are_repeated_are_found_on_the_span_and_leave_it_alone(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    span = trace.tell(settings(), *(fault("Stale", decision=RETRY, attempt=number, outcome="retried") for number in (1, 2)))
    assert (span.status.status_code, dict(span.attributes or {})) == (StatusCode.UNSET, {})
    attempts = [(event.name, (event.attributes or {})["errnorm.attempt"]) for event in span.events]
    assert attempts == [("wire.error", 1), ("wire.error", 2)]


@pytest.mark.parametrize("outcome", ["handled", "background"])
@pytest.mark.parametrize("decision", [RETRY, ABORT])
def test_what_was_handled_or_happened_in_the_background_leaves_no_trace(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings], outcome: str, decision: Decision
) -> None:
    span = trace.tell(settings(), fault(outcome=outcome, decision=decision))
    assert (span.status.status_code, dict(span.attributes or {}), span.events) == (StatusCode.UNSET, {}, ())


def test_a_failure_that_a_retry_may_mend_leaves_the_status_to_the_owner(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    span = trace.tell(settings(), fault("Stale", decision=RETRY))
    told = span.attributes or {}
    assert (told["error.type"], told["errnorm.outcome"]) == ("transport.stale", "failed")
    assert span.status.status_code is StatusCode.UNSET
    assert "errnorm.decision" not in told


def test_what_the_owner_of_a_span_has_set_stays(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    with trace.tracer.start_as_current_span("GET /", attributes={"error.type": "500"}) as span:
        span.set_status(StatusCode.ERROR, "the owner's own words")
        span_module.emitter(settings())(fault(decision=ABORT))
    done = trace.exporter.get_finished_spans()[-1]
    assert ((done.attributes or {})["error.type"], done.status.description) == ("500", "the owner's own words")
    assert (done.attributes or {})["errnorm.code"] == "no-publish"


def test_of_two_failures_the_last_one_is_what_the_span_ended_with(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    span = trace.tell(settings(), fault(decision=ABORT), fault("10052", decision=ABORT))
    assert ((span.attributes or {})["error.type"], (span.attributes or {})["errnorm.code"]) == ("limits.resources", "10052")
    assert span.status.description == "stream <name> is full"


def test_of_two_failures_nothing_of_the_first_one_misleads(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    first = fault(decision=ABORT, attempt=3, peer="p")  # with a parameter
    span = trace.tell(settings(), first, fault("Stale", decision=RETRY, operation="ask"))
    told = span.attributes or {}
    assert told["error.type"] == "transport.stale"
    assert not [name for name in told if name.startswith("errnorm.param.")]
    assert not {"errnorm.decision", "errnorm.attempt", "errnorm.peer"} & set(told)
    assert span.status.status_code is StatusCode.ERROR
    assert str(span.status.description).startswith("Stale")


def test_an_attribute_with_our_name_that_the_owner_has_set_stays_also_after_a_second_failure(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    owned = {"errnorm.operation": "theirs", "errnorm.decision": "theirs", "errnorm.param.id": "theirs"}
    with trace.tracer.start_as_current_span("GET /", attributes=owned):
        for one in (fault(decision=ABORT, operation="ask"), fault("Stale", decision=RETRY, operation="ask")):
            span_module.emitter(settings())(one)
    told = trace.exporter.get_finished_spans()[-1].attributes or {}
    assert {name: told[name] for name in owned} == owned
    assert told["error.type"] == "transport.stale"


def test_a_span_that_is_full_keeps_everything_of_the_application(
    fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    limited = Trace(SpanLimits(max_span_attributes=16))
    with limited.tracer.start_as_current_span("full", attributes={f"app.{number}": number for number in range(14)}):
        span_module.emitter(settings())(fault(decision=ABORT))
    (span,) = limited.exporter.get_finished_spans()
    assert [name for name in span.attributes or {} if not name.startswith("app.")] == ["error.type", "errnorm.protocol"]
    assert (len(span.attributes or {}), span.dropped_attributes) == (16, 0)


def test_an_orderly_end_is_no_failure(trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]) -> None:
    span = trace.tell(settings(), fault("Farewell"))
    assert (span.status.status_code, dict(span.attributes or {})) == (StatusCode.UNSET, {})


@pytest.mark.parametrize(
    ("opt_in", "on_the_span"), [("", True), ("logs", False), ("logs/dup", True), ("database,logs/dup", True), ("messaging", True)]
)
def test_the_exception_goes_where_the_variable_says(
    trace: Trace, fault: Callable[..., Fault], raised: Callable[..., Exception], opt_in: str, on_the_span: bool
) -> None:
    from errnorm.settings import Settings  # noqa: PLC0415 - its name is taken by the type above

    told = Settings.load({"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": opt_in})
    span = trace.tell(told, fault(decision=ABORT, exception=raised()), fault("Stale", decision=RETRY, outcome="retried"))
    assert (len(span.events) == 2) is on_the_span
    assert (len(span.events) == 0) is not on_the_span
    assert span.status.status_code is StatusCode.ERROR


def test_a_stack_trace_stands_there_only_if_asked_for(
    trace: Trace, fault: Callable[..., Fault], raised: Callable[..., Exception], settings: Callable[..., Settings]
) -> None:
    span = trace.tell(settings(traceback="always"), fault(decision=ABORT, exception=raised(own_words=OWN_WORDS)))
    assert "in make" in str((span.events[0].attributes or {})["exception.stacktrace"])
    assert "rosebud" not in span.to_json()


def test_a_span_of_ones_own_can_be_told(trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings]) -> None:
    span = trace.tracer.start_span("elsewhere")
    span_module.tell(span, fault(decision=ABORT), settings())
    span.end()
    assert (trace.exporter.get_finished_spans()[-1].attributes or {})["error.type"] == "auth.forbidden"


def test_a_span_that_has_ended_is_not_told(
    trace: Trace, fault: Callable[..., Fault], settings: Callable[..., Settings], recwarn: pytest.WarningsRecorder
) -> None:
    with trace.tracer.start_as_current_span("publish", end_on_exit=False) as span:
        span.end()
        span_module.emitter(settings())(fault(decision=ABORT))
    assert not trace.exporter.get_finished_spans()[0].attributes
    assert not recwarn.list


def test_without_a_span_nothing_happens(fault: Callable[..., Fault], settings: Callable[..., Settings]) -> None:
    span_module.emitter(settings())(fault(decision=ABORT))


def test_all_its_names_are_declared_for_spans(
    trace: Trace, fault: Callable[..., Fault], raised: Callable[..., Exception], settings: Callable[..., Settings]
) -> None:
    case = fault(exception=raised(), decision=ABORT, peer="p", client="c", operation="o", attempt=1)
    told: set[str] = set()
    for one in (case, fault("what?"), fault("Stale", decision=RETRY, outcome="retried")):
        span = trace.tell(settings(traceback="always"), one)
        told |= set(span.attributes or {}).union(*(event.attributes or {} for event in span.events))
    declared = {attribute.key for attribute in ATTRIBUTES if "span" in attribute.signals}
    assert {("errnorm.param.*" if key.startswith("errnorm.param.") else key) for key in told} == declared


def test_an_event_that_would_be_too_large_keeps_the_reason(
    fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    limited = Trace(SpanLimits(max_event_attributes=3))
    span = limited.tell(settings(), fault(decision=RETRY, outcome="retried"))
    assert list(span.events[0].attributes or {}) == ["error.type", "errnorm.protocol", "errnorm.category"]
