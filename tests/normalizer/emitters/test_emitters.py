"""Never in the way: whatever an emitter does, the application sees none of it."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

import errnorm.emitters
from errnorm.emitters import Teller, default_emitters
from errnorm.emitters.log.emitter import LogEmitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.emitters.counts import Ledger
    from errnorm.fault import Fault
    from errnorm.settings import Settings
    from tests.normalizer.emitters.wire import JSONLog, Lines


def broken(fault: Fault) -> None:
    raise RuntimeError(str(fault))


def failures(ledger: Ledger) -> dict[str, int]:
    return {str(attributes["errnorm.emitter"]): count for attributes, count in ledger.failures.read()}


def test_what_an_emitter_raises_goes_no_further_and_the_next_one_is_told(ledger: Ledger, fault: Callable[..., Fault]) -> None:
    told: list[Fault] = []
    case = fault()
    Teller([broken, told.append], ledger)(case)
    assert told == [case]


def test_what_failed_is_counted_each_time_and_said_once(
    ledger: Ledger, fault: Callable[..., Fault], records: list[logging.LogRecord]
) -> None:
    tell = Teller([broken], ledger)
    for _ in range(5):
        tell(fault())
    assert list(failures(ledger).values()) == [5]
    assert [record.getMessage().partition(";")[0] for record in records] == [
        f"errnorm: the emitter {__name__}.broken failed with RuntimeError"
    ]


def test_an_emitter_that_fails_with_a_new_class_each_time_is_not_said_each_time(
    ledger: Ledger, fault: Callable[..., Fault], records: list[logging.LogRecord]
) -> None:
    def failing(_: Fault) -> None:
        name = f"Error{ledger.failures.total}\n\x1b[2J"
        raise type(name, (Exception,), {})

    tell = Teller([failing], ledger)
    for _ in range(1000):
        tell(fault())
    assert ledger.failures.total == 1000
    assert len(records) <= 32
    assert all(record.getMessage().isprintable() for record in records)


def test_an_emitter_that_cannot_even_be_asked_for_its_name_does_not_keep_the_others_from_being_told(
    ledger: Ledger, fault: Callable[..., Fault]
) -> None:
    class Closed:
        def __getattribute__(self, name: str) -> object:
            raise LookupError(name)

        def __call__(self, fault: Fault) -> None:
            raise LookupError(fault)

    told: list[Fault] = []

    def nested(case: Fault) -> None:
        told.append(case)
        if len(told) == 1:
            tell(case)

    tell = Teller([Closed(), nested], ledger)
    tell(fault())
    tell.flush()
    assert len(told) == 1
    assert sorted(failures(ledger).values()) == [1, 2]
    assert "re-entered" in failures(ledger)


def test_a_logger_that_fails_as_well_is_told_to_standard_error(
    ledger: Ledger, fault: Callable[..., Fault], capsys: pytest.CaptureFixture[str]
) -> None:
    class Handler(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise OSError(record)

    logger, handler = logging.getLogger("errnorm"), Handler()
    logger.addHandler(handler)
    try:
        Teller([broken], ledger)(fault())
    finally:
        logger.removeHandler(handler)
    assert capsys.readouterr().err.count("broken failed with RuntimeError") == 1


def test_with_no_standard_error_either_nothing_happens(
    ledger: Ledger, fault: Callable[..., Fault], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(logging.getLogger("errnorm"), "error", broken)
    Teller([broken], ledger)(fault())
    assert list(failures(ledger).values()) == [1]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_passes(ledger: Ledger, fault: Callable[..., Fault], kind: type[BaseException]) -> None:
    def interrupted(_: Fault) -> None:
        raise kind

    tell = Teller([interrupted], ledger)
    for _ in range(2):
        with pytest.raises(kind):
            tell(fault())


def test_a_handler_that_fails_by_the_same_error_comes_to_an_end(
    ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings], json_log: JSONLog
) -> None:
    class Broker(logging.Handler):
        """Sends its lines over the connection that has failed."""

        sent = 0

        def emit(self, record: logging.LogRecord) -> None:
            Broker.sent += bool(record)
            tell(fault("Stale"))

    tell = Teller([LogEmitter(settings(log_with="logging"), ledger=ledger)], ledger)
    logger, handler = logging.getLogger("errnorm"), Broker()
    logger.addHandler(handler)
    try:
        tell(fault("Stale"))
    finally:
        logger.removeHandler(handler)
    assert (Broker.sent, failures(ledger)) == (1, {"re-entered": 1})
    assert not json_log.text


def test_an_error_that_comes_up_while_one_is_told_is_counted_all_the_same(ledger: Ledger, fault: Callable[..., Fault]) -> None:
    from errnorm.emitters.otel import metric  # noqa: PLC0415 - brings OpenTelemetry

    def nested(_: Fault) -> None:
        tell(fault())

    tell = Teller([nested, metric.emitter(ledger)], ledger)
    tell(fault())
    assert ledger.errors.total == 2


def test_threads_do_not_take_each_other_for_re_entered(ledger: Ledger, fault: Callable[..., Fault]) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet(_: Fault) -> None:
        both.wait()

    tell = Teller([meet], ledger)
    threads = [threading.Thread(target=tell, args=(fault(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures(ledger) == {}


def test_a_structlog_chain_that_raises_is_not_seen_by_the_application(
    ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings], json_log: JSONLog
) -> None:
    def raising(_logger: object, _name: str, _event: object) -> str:
        raise LookupError

    json_log.configure(last=raising)
    Teller([LogEmitter(settings(), ledger=ledger)], ledger)(fault())
    assert failures(ledger) == {"log": 1}


def test_a_stream_that_is_closed_is_not_seen_by_the_application(
    ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings], json_log: JSONLog
) -> None:
    json_log.configure()
    json_log.stream.close()
    Teller([LogEmitter(settings(), ledger=ledger)], ledger)(fault())
    assert failures(ledger) == {"log": 1}


def test_what_is_held_back_is_written_when_asked(
    ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings], lines: Lines
) -> None:
    log = LogEmitter(settings(storm_burst=1), ledger=ledger, write=lines, schedule=lambda _seconds, _call: None)
    tell = Teller([broken, log], ledger)
    for _ in range(3):
        tell(fault())
    tell.flush()
    assert lines.fields[-1]["errnorm.suppressed"] == 2


def test_the_emitters_are_those_that_the_settings_name(settings: Callable[..., Settings]) -> None:
    assert default_emitters(settings(emitters="")) == ()
    assert [type(one) for one in default_emitters(settings(emitters="log"))] == [LogEmitter]
    assert len(default_emitters(settings())) == 4


PLAIN = """
    import errnorm
    errors = errnorm.Middleware()
    try:
        with errors.guard("nats", operation="publish"):
            raise RuntimeError('nats: permissions violation for publish to "orders.new"')
    except RuntimeError:
        pass
"""
SENTENCE = 'nats publish failed: auth.forbidden: Permissions Violation for Publish to "orders.new" (abort: the answer is final)'


@pytest.mark.parametrize(
    ("set_up", "where", "line"),
    [
        ("", "stderr", SENTENCE),
        ("import logging; logging.basicConfig()", "stderr", f"ERROR:errnorm:{SENTENCE}"),
        ("import structlog", "stdout", SENTENCE),
        ("import loguru", "stderr", SENTENCE),
        ("import sys, loguru; loguru.logger.remove(); loguru.logger.add(sys.stdout)", "stdout", SENTENCE),
        ("import sys, loguru; loguru.logger.add(sys.stdout); loguru.logger.remove(0)", "stdout", SENTENCE),
        ("import loguru, sentry_sdk; sentry_sdk.init()", "stderr", SENTENCE),
        (
            "import loguru, sentry_sdk, logging, sys; sentry_sdk.init(); logging.basicConfig(stream=sys.stdout)",
            "stdout",
            SENTENCE,
        ),
        ("import structlog; structlog.configure(processors=[structlog.processors.KeyValueRenderer()])", "stdout", SENTENCE),
    ],
    ids=[
        "nothing",
        "basicConfig",
        "structlog imported",
        "loguru imported",
        "loguru set up",
        "loguru without its default",
        "Sentry",
        "Sentry and basicConfig",
        "structlog configured",
    ],
)
def test_a_line_is_visible_wherever_the_lines_of_the_application_are(set_up: str, where: str, line: str) -> None:
    if "loguru" in set_up:
        pytest.importorskip("loguru")
    code = f"{set_up}\n{textwrap.dedent(PLAIN)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    written = getattr(done, where)
    assert line in written
    assert len(written.splitlines()) == 1


def test_the_application_that_uses_structlog_gets_structlog(
    fault: Callable[..., Fault], settings: Callable[..., Settings], json_log: JSONLog
) -> None:
    json_log.configure()
    Teller(default_emitters(settings(emitters="log")))(fault())
    assert [line["error.type"] for line in json_log.lines] == ["auth.forbidden"]


def test_neither_structlog_nor_opentelemetry_is_imported_before_it_is_needed() -> None:
    code = """
        import sys
        import errnorm, errnorm.emitters, errnorm.emitters.log.emitter, errnorm.emitters.log.records, errnorm.settings
        settings = errnorm.settings.Settings.load({}, emitters="log")
        from errnorm.fault import Fault
        for emitter in errnorm.emitters.default_emitters(settings):
            emitter(Fault(errnorm.normalize(ValueError("x"))))
        print([name for name in ("structlog", "opentelemetry") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "[]"


def test_the_names_of_the_package_are_there() -> None:
    assert all(hasattr(errnorm.emitters, name) for name in errnorm.emitters.__all__)


def test_a_flush_that_fails_does_not_stop_the_others(ledger: Ledger, fault: Callable[..., Fault]) -> None:
    class Flushing:
        def __init__(self, error: Exception | None = None) -> None:
            self.error = error
            self.flushed = False

        def __call__(self, _: Fault) -> None:
            """Hold everything back."""

        def flush(self) -> None:
            self.flushed = True
            if self.error is not None:
                raise self.error

    one, other = Flushing(OSError()), Flushing()
    tell = Teller([one, other], ledger)
    tell(fault())
    tell.flush()
    assert (one.flushed, other.flushed) == (True, True)
    assert list(failures(ledger).values()) == [1]
