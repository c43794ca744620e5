"""OpenTelemetry's logs: what its own instrumentation of structlog makes of our lines, and the event written straight."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from errnorm.emitters.log import LogEmitter, Processor, writers
from errnorm.settings import SettingsError
from tests.normalizer.emitters.wire import ABORT, OWN_WORDS, PUBLISH, RETRY

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import LogRecord

    from errnorm.fault import Fault
    from errnorm.settings import Settings
    from tests.normalizer.emitters.wire import JSONLog


class Logs:
    """A logger provider whose records end in memory."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider()
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    @property
    def records(self) -> list[LogRecord]:
        return [one.log_record for one in self.exporter.get_finished_logs()]

    def attributes(self, number: int = 0) -> dict[str, Any]:
        return dict(self.records[number].attributes or {})


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def instrumentation(logs: Logs) -> Any:
    module = pytest.importorskip("opentelemetry.instrumentation.structlog")
    return module.StructlogProcessor(logs.provider)


def test_all_fields_of_a_fault_arrive(
    logs: Logs,
    instrumentation: Any,
    json_log: JSONLog,
    fault: Callable[..., Fault],
    settings: Callable[..., Settings],
) -> None:
    json_log.configure(structlog.processors.add_log_level, instrumentation)
    LogEmitter(settings())(fault(decision=ABORT, operation="publish"))
    assert (logs.records[0].body, logs.records[0].severity_text) == (
        f"wire publish failed: auth.forbidden: {PUBLISH} (abort: the answer is final)",
        "ERROR",
    )
    assert logs.attributes() == {key: value for key, value in json_log.lines[0].items() if key not in {"event", "level"}}


@pytest.mark.parametrize(
    "renderer", [None, structlog.processors.format_exc_info, structlog.processors.dict_tracebacks], ids=["none", "text", "dict"]
)
def test_nothing_of_an_exception_is_lost_or_overwritten(
    logs: Logs,
    instrumentation: Any,
    json_log: JSONLog,
    raised: Callable[..., Exception],
    settings: Callable[..., Settings],
    renderer: Any,
) -> None:
    chain = [Processor(settings()), *([renderer] if renderer else []), instrumentation]
    for key in ("exc_info", "error"):
        json_log.configure(*chain).error("publish failed", **{key: raised(own_words=OWN_WORDS)})
    for told in (logs.attributes(0), logs.attributes(1)):
        assert told["exception.type"] == "tests.normalizer.emitters.wire.WireError"
        assert (told["errnorm.text"], told["error.type"]) == (PUBLISH, "auth.forbidden")
        assert OWN_WORDS not in str(told)
    assert ["exception.stacktrace" in logs.attributes(number) for number in (0, 1)] == [True, False]


def test_an_event_written_straight_has_its_name_its_severity_and_its_span(
    logs: Logs,
    fault: Callable[..., Fault],
    raised: Callable[..., Exception],
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opentelemetry._logs.get_logger", logs.provider.get_logger)
    tell = LogEmitter(settings(log_with="otel"))
    before = time.time_ns()
    with TracerProvider().get_tracer("test").start_as_current_span("publish") as span:
        tell(fault(decision=ABORT, exception=raised()))
        tell(fault("Stale", decision=RETRY, outcome="retried"))
    first, second = logs.records
    assert (first.event_name, first.severity_text, first.body) == (
        "wire.error",
        "ERROR",
        f"wire operation failed: auth.forbidden: {PUBLISH} (abort: the answer is final)",
    )
    assert (second.severity_text, getattr(second.severity_number, "value", None)) == ("WARN", 13)
    assert first.span_id == span.get_span_context().span_id
    assert before <= (first.timestamp or 0) <= time.time_ns()
    scope = logs.exporter.get_finished_logs()[0].instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version) == ("errnorm", version("errnorm"))
    assert logs.attributes()["exception.type"] == "tests.normalizer.emitters.wire.WireError"


def test_without_an_sdk_an_event_written_straight_goes_nowhere(
    fault: Callable[..., Fault], settings: Callable[..., Settings], capfd: pytest.CaptureFixture[str]
) -> None:
    LogEmitter(settings(log_with="otel"))(fault())
    assert capfd.readouterr() == ("", "")


def test_every_way_out_has_a_name_in_the_settings(settings: Callable[..., Settings]) -> None:
    for name in ("auto", "structlog", "logging", "otel"):
        assert callable(writers.writer(settings(log_with=name).log_with))


@pytest.mark.parametrize("found", ["1.27.0", "1.38.1"])
def test_an_opentelemetry_that_is_too_old_is_refused_at_once(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: found)
    with pytest.raises(SettingsError, match=r"^log_with: otel needs opentelemetry-api 1\.39"):
        LogEmitter(settings(log_with="otel"))
