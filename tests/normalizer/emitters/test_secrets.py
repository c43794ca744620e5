"""Everything that is written, searched for everything that must not be."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import nats.errors
import pytest
import structlog

from errnorm.emitters.attributes import attributes
from errnorm.emitters.log import LogEmitter, Processor, ecs
from errnorm.emitters.log.records import Fields
from errnorm.emitters.otel import metric
from errnorm.emitters.otel import span as span_module
from errnorm.fault import Fault
from errnorm.marks import Mark, claim
from tests.normalizer.emitters.wire import ABORT, RETRY, WireError

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.emitters.counts import Ledger
    from errnorm.error import NormalizedError
    from errnorm.settings import Settings
    from tests.normalizer.emitters.wire import JSONLog

# In pieces, because stack traces quote this file.
USER, HOST, WORD, KEY, BODY = "jul" + "iet", "10.66." + "7.8", "hunter2" + "hunter2", "SUAM" + "K2FG4" * 10, "O Rom" + "eo"
SECRETS = (USER, HOST, WORD, KEY, BODY)
TEXTS = (
    f"Wrong password of {USER}, {USER}@capulet.lit/balcony at {HOST}:4222: {BODY} {WORD}",
    f"no idea who '{USER}' is, password={WORD}",
    f"unheard of: token {WORD} of {USER}@capulet.lit from {HOST}",
    f"unheard of: nats://{USER}:{WORD}@{HOST}:4222",
    f"unheard of: seed {KEY}",
    f'unheard of: <message from="{USER}@capulet.lit"><body>"{BODY}"</body></message>',
)


@pytest.fixture
def cases(judge: Callable[..., NormalizedError]) -> list[Fault]:
    faults = []
    for text in TEXTS:
        for decision in (ABORT, RETRY):
            try:
                raise WireError(text) from ValueError(text)
            except WireError as exception:
                error = judge(
                    text, params={"user": USER, "address": HOST, "jid": f"{USER}@capulet.lit", "novel": WORD, "text": BODY}
                )
                claim(exception, Mark(error, decision))
                faults.append(Fault(error, exception=exception, decision=decision, peer=f"nats://{USER}:{WORD}@broker:4222"))
    return faults


def guilty(written: str) -> list[str]:
    return [secret for secret in SECRETS if secret in written]


@pytest.mark.parametrize("options", [{}, {"traceback": "always"}, {"hash_key": "k", "traceback": "always"}])
def test_no_log_line_has_one(
    cases: list[Fault], json_log: JSONLog, settings: Callable[..., Settings], options: dict[str, Any]
) -> None:
    json_log.configure(ecs.processor, structlog.processors.dict_tracebacks)
    tell = LogEmitter(settings(storm_burst=3, **options))
    for case in cases * 5:
        tell(case)
    tell.flush()
    assert len(json_log.lines) > len(TEXTS)
    assert guilty(json_log.text) == []


def test_no_line_of_the_applications_own_has_one(
    cases: list[Fault], json_log: JSONLog, settings: Callable[..., Settings]
) -> None:
    log = json_log.configure(Processor(settings()), structlog.processors.format_exc_info)
    for case in cases:
        for key in ("error", "exception", "exc_info"):
            log.error("failed", **{key: case.exception, "error" if key == "exc_info" else "exc_info": case.error})
    assert len(json_log.lines) == 3 * len(cases)
    assert guilty(json_log.text) == []


def test_no_local_variable_is_in_a_line_whose_exceptions_structlog_would_print(
    raised: Callable[..., Exception], json_log: JSONLog, settings: Callable[..., Settings]
) -> None:
    log = json_log.configure(Processor(settings()), structlog.processors.dict_tracebacks)

    def fails() -> None:
        password = WORD  # structlog prints local variables
        raise raised() if password else AssertionError

    try:
        fails()
    except Exception:
        log.exception("failed")
    assert "fails" in json_log.text
    assert guilty(json_log.text) == []


@pytest.mark.parametrize("colors", [False, True])
def test_nothing_on_a_console_has_one(
    cases: list[Fault], json_log: JSONLog, settings: Callable[..., Settings], colors: bool
) -> None:
    log = json_log.configure(Processor(settings()), last=structlog.dev.ConsoleRenderer(colors=colors))
    tell = LogEmitter(settings(traceback="always"))
    for case in cases:
        tell(case)
        for key in ("error", "exception", "exc_info", "why", "event"):
            log.error(**{"event": "failed", key: case.exception})
    assert json_log.text.count("_OTHER") > len(cases)
    assert guilty(json_log.text) == []


def test_no_record_that_passes_through_structlog_has_one(cases: list[Fault], settings: Callable[..., Settings]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Fields(settings()))
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()]
    chain: list[Any] = [structlog.stdlib.ExtraAdder(), Processor(settings())]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=last))
    log = logging.Logger("app")  # noqa: LOG001 - one that nobody else sees
    log.addHandler(handler)
    for case in cases:
        log.error("failed: %s", case.exception, exc_info=case.exception)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["error.type"] for line in lines] == [attributes(case.error)["error.type"] for case in cases]
    assert guilty(stream.getvalue()) == []


def test_no_record_of_the_standard_library_has_one(cases: list[Fault], settings: Callable[..., Settings]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Fields(settings()))
    log = logging.Logger("app")  # noqa: LOG001 - one that nobody else sees
    log.addHandler(handler)
    for case in cases:
        log.error("failed", exc_info=case.exception)
        log.error("failed: %s", case.exception, extra={"why": [case.exception]})
        log.error(case.exception)
    assert stream.getvalue().count("Traceback") == 2 * len(cases)
    assert guilty(stream.getvalue()) == []


@pytest.mark.parametrize("options", [{}, {"traceback": "always"}, {"hash_key": "k", "traceback": "always"}])
def test_no_span_has_one(cases: list[Fault], settings: Callable[..., Settings], options: dict[str, Any]) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tell = span_module.emitter(settings(**options))
    for case in cases:
        with provider.get_tracer("test").start_as_current_span("publish"):
            tell(case)
    written = "\n".join(span.to_json() for span in exporter.get_finished_spans())
    assert written.count('"name": "publish"') == len(cases)
    assert guilty(written) == []


def test_no_metric_has_one(cases: list[Fault], ledger: Ledger) -> None:
    reader = InMemoryMetricReader()
    count = metric.emitter(ledger, MeterProvider([reader]))
    for case in cases:
        count(case)
    data = reader.get_metrics_data()
    assert data is not None
    assert json.loads(data.to_json())["resource_metrics"]
    assert guilty(data.to_json()) == []


def test_the_search_finds_what_is_there(cases: list[Fault], json_log: JSONLog, settings: Callable[..., Settings]) -> None:
    json_log.configure()
    tell = LogEmitter(settings(log_text="raw", limit=1000, storm_burst=0))
    for case in cases:
        tell(case)
    assert guilty(json_log.text) == list(SECRETS)


def _fail() -> None:
    raise nats.errors.Error(f"nats: dial nats://{USER}:{WORD}@{HOST}:4222")  # noqa: EM102, TRY003


@pytest.mark.parametrize("form", ["in the message", "as a value"])
def test_no_credentials_of_an_address_are_in_the_message_of_a_line_with_an_error(
    form: str, settings: Callable[..., Settings]
) -> None:
    out = io.StringIO()
    logger, handler = logging.getLogger("shop"), logging.StreamHandler(out)
    handler.addFilter(Fields(settings()))
    logger.addHandler(handler)
    try:
        _fail()
    except nats.errors.Error as error:
        if form == "in the message":
            logger.exception(f"failed: {error}")  # noqa: G004, TRY401 - as people do
        else:
            logger.exception("failed: %s at %d", str(error), 3)  # noqa: TRY401 - as above
    finally:
        logger.removeHandler(handler)

    assert f"failed: nats: dial nats://{HOST}:4222" in out.getvalue()
    assert WORD not in out.getvalue()


def test_no_credentials_of_an_address_are_in_the_event_of_structlog(settings: Callable[..., Settings], json_log: JSONLog) -> None:
    log = json_log.configure(structlog.processors.add_log_level, Processor(settings()))
    try:
        _fail()
    except nats.errors.Error as error:
        log.exception(f"failed: {error}")  # noqa: G004, TRY401 - as people do

    assert json_log.lines[0]["event"] == f"failed: nats: dial nats://{HOST}:4222"
    assert WORD not in json_log.text
