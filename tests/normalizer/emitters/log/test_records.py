"""The same fields on records of the standard library, as its formatters and handlers see them."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from errnorm.emitters.log.emitter import LogEmitter
from errnorm.emitters.log.records import Fields
from tests.normalizer.emitters.wire import ABORT, OWN_WORDS, PUBLISH

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError
    from errnorm.fault import Fault
    from errnorm.settings import Settings

FORMAT = "%(levelname)s %(message)s type=%(error.type)s"


class Application:
    """An application with one logger, one handler and our filter."""

    def __init__(self, settings: Settings) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(logging.Formatter(FORMAT, defaults={"error.type": ""}))
        handler.addFilter(Fields(settings))
        self.log = logging.Logger("app")  # noqa: LOG001 - one that nobody else sees
        self.log.addHandler(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()


@pytest.fixture
def application(settings: Callable[..., Settings]) -> Application:
    return Application(settings())


def test_a_record_with_an_exception_gets_the_fields(application: Application, raised: Callable[..., Exception]) -> None:
    try:
        raise raised(own_words=OWN_WORDS)
    except Exception:
        application.log.exception("publish failed")
    first, *rest = application.text.splitlines()
    assert first == "ERROR publish failed type=auth.forbidden"
    assert (rest[0], rest[-1]) == ("Traceback (most recent call last):", f"tests.normalizer.emitters.wire.WireError: {PUBLISH}")
    assert "rosebud" not in application.text


def test_handlers_after_the_filter_write_the_same_and_keep_the_stack_trace(
    application: Application, raised: Callable[..., Exception]
) -> None:
    other = io.StringIO()
    application.log.addHandler(logging.StreamHandler(other))
    try:
        raise raised(own_words=OWN_WORDS)
    except Exception:
        application.log.exception("publish failed")
    assert other.getvalue().splitlines()[1:] == application.text.splitlines()[1:]
    assert "Traceback" in other.getvalue()
    assert "rosebud" not in other.getvalue()


def test_a_stack_trace_can_be_switched_off(settings: Callable[..., Settings], raised: Callable[..., Exception]) -> None:
    application = Application(settings(traceback="never"))
    application.log.error("no", exc_info=raised())
    assert application.text == "ERROR no type=auth.forbidden\n"


def test_an_error_handed_over_beside_the_message_is_recognised(
    application: Application, judge: Callable[..., NormalizedError]
) -> None:
    application.log.warning("no", extra={"error": judge("Stale")})
    assert application.text == "WARNING no type=transport.stale\n"


def test_a_record_without_an_error_of_ours_can_be_formatted_too(application: Application) -> None:
    application.log.info("hello")
    application.log.error("no", exc_info=LookupError("mine"))
    assert application.text.splitlines() == ["INFO hello type=", "ERROR no type=", "LookupError: mine"]


def test_a_record_without_an_error_of_ours_gets_nothing(settings: Callable[..., Settings]) -> None:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, "hello %s", ("you",), None)
    before = dict(record.__dict__)
    assert Fields(settings()).filter(record)
    assert record.__dict__ == before


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [
        ("failed: %s", lambda error: (error,), f"failed: {PUBLISH}"),
        ("%s of %s: %r", lambda error: ("one", 2, error), f"one of 2: {PUBLISH!r}"),
        ("failed: %(why)s", lambda error: ({"why": error},), f"failed: {PUBLISH}"),
        ("failed: %s", lambda error: ([1, error],), f"failed: [1, {PUBLISH!r}]"),
    ],
)
def test_an_exception_in_the_message_is_recognised_and_says_nothing_in_its_words(
    application: Application,
    raised: Callable[..., Exception],
    message: str,
    arguments: Callable[[Exception], tuple[object, ...]],
    told: str,
) -> None:
    application.log.error(message, *arguments(raised(own_words=OWN_WORDS)))
    assert application.text == f"ERROR {told} type=auth.forbidden\n"


def test_an_exception_as_the_message_says_nothing_in_its_words(
    application: Application, raised: Callable[..., Exception]
) -> None:
    application.log.error(raised(own_words=OWN_WORDS))
    assert application.text == f"ERROR {PUBLISH} type=auth.forbidden\n"


def test_an_exception_under_a_name_of_the_applications_own_says_nothing_in_its_words(
    settings: Callable[..., Settings], raised: Callable[..., Exception]
) -> None:
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "no", (), None)
    record.__dict__["why"] = raised(own_words=OWN_WORDS)
    Fields(settings()).filter(record)
    assert (record.__dict__["why"], record.__dict__["error.type"]) == (PUBLISH, "auth.forbidden")
    assert OWN_WORDS not in str(record.__dict__)


def test_an_exception_of_somebody_else_beside_an_error_of_ours_is_not_lost(
    application: Application, judge: Callable[..., NormalizedError]
) -> None:
    application.log.error("no", exc_info=LookupError("mine"), extra={"error": judge("Stale")})
    assert application.text.splitlines() == ["ERROR no type=transport.stale", "LookupError: mine"]


def test_what_the_application_has_set_stays(application: Application, raised: Callable[..., Exception]) -> None:
    application.log.error("no", exc_info=raised(), extra={"error.type": "mine"})
    assert application.text.splitlines()[0] == "ERROR no type=mine"


def test_the_emitter_writes_a_line_for_people_and_fields_for_machines(
    records: list[logging.LogRecord], fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    LogEmitter(settings(log_with="logging"))(fault(decision=ABORT))
    (record,) = records
    assert (record.name, record.levelname) == ("errnorm", "ERROR")
    assert record.getMessage() == f"wire operation failed: auth.forbidden: {PUBLISH} (abort: the answer is final)"
    assert (record.__dict__["errnorm.code"], record.__dict__["errnorm.decision"]) == ("no-publish", "abort")


def test_a_text_with_percent_signs_is_no_format(
    records: list[logging.LogRecord],
    settings: Callable[..., Settings],
    fault: Callable[..., Fault],
) -> None:
    LogEmitter(settings(log_with="logging"))(fault('No Publish to "%s%d%(x)s"'))
    assert records[0].getMessage() == 'wire operation failed: auth.forbidden: No Publish to "%s%d%(x)s" (the answer is final)'


def test_opentelemetry_takes_the_name_of_the_event_and_the_fields(
    fault: Callable[..., Fault], settings: Callable[..., Settings], raised: Callable[..., Exception]
) -> None:
    pytest.importorskip("opentelemetry.instrumentation.logging")
    from opentelemetry.instrumentation.logging.handler import LoggingHandler  # noqa: PLC0415 - only if it is installed
    from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor  # noqa: PLC0415

    exporter, provider = InMemoryLogRecordExporter(), LoggerProvider()  # type: ignore[no-untyped-call]
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger, handler = logging.getLogger("errnorm"), LoggingHandler(logger_provider=provider)
    handler.addFilter(Fields(settings()))
    logger.addHandler(handler)
    try:
        LogEmitter(settings(log_with="logging"))(fault(decision=ABORT, exception=raised()))
        logger.error("of mine", exc_info=raised(own_words=OWN_WORDS))
    finally:
        logger.removeHandler(handler)
    told, mine = (one.log_record for one in exporter.get_finished_logs())
    assert (told.event_name, told.severity_text) == ("wire.error", "ERROR")
    for record in (told, mine):
        attributes = dict(record.attributes or {})
        assert attributes["error.type"] == "auth.forbidden"
        assert attributes["exception.type"] == "tests.normalizer.emitters.wire.WireError"
        assert "rosebud" not in str(attributes)


def test_a_record_that_bites_is_still_written(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    def biting(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr("errnorm.emitters.log.lines.Reader.read", biting)
    application = Application(settings())
    application.log.error("no")
    assert application.text == "ERROR no type=\n"
