"""Log lines, as structlog and what stands in its chains really write them."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from errnorm.emitters.attributes import ATTRIBUTES
from errnorm.emitters.log import LogEmitter, Processor, processor
from errnorm.emitters.log.emitter import kinds_of
from errnorm.emitters.log.processor import _default
from errnorm.emitters.log.storm import StormGuard
from errnorm.fault import OUTCOMES, Fault
from errnorm.frozen import replace
from errnorm.settings import Settings
from errnorm.taxonomy import Reason
from tests.normalizer.emitters.wire import ABORT, OWN_WORDS, PUBLISH, RETRY, Lines, WireError

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.emitters.counts import Ledger
    from errnorm.error import NormalizedError
    from tests.normalizer.emitters.wire import JSONLog

STRUCTLOG = structlog.processors


@pytest.fixture
def processed(settings: Callable[..., Settings]) -> Processor:
    return Processor(settings())


class TestEmitter:
    """One event for each fault."""

    def test_a_fault_is_one_flat_line_of_json(
        self, json_log: JSONLog, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        json_log.configure(STRUCTLOG.add_log_level)
        LogEmitter(settings())(fault(decision=ABORT, operation="publish", peer="nats://me:secret@a:4222"))
        assert json_log.lines == [
            {
                "event": 'wire publish to nats://a:4222 failed: auth.forbidden: No Publish to "a.b" (abort: the answer is final)',
                "errnorm.template": 'wire publish to %s failed: auth.forbidden: No Publish to "%s" (abort: the answer is final)',
                "level": "error",
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
                "errnorm.text": 'No Publish to "a.b"',
                "errnorm.outcome": "failed",
                "errnorm.operation": "publish",
                "errnorm.peer": "nats://a:4222",
                "errnorm.decision": "abort",
            }
        ]

    def test_its_level_follows_the_judgement(
        self, json_log: JSONLog, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        json_log.configure(STRUCTLOG.add_log_level)
        tell = LogEmitter(settings())
        for case in (
            fault(decision=ABORT),
            fault("Stale", decision=RETRY, outcome="retried"),
            fault("Farewell"),
            fault("Heartbeat"),
        ):
            tell(case)
        assert [line["level"] for line in json_log.lines] == ["error", "warning", "info", "debug"]

    def test_it_names_the_class_of_the_exception_and_says_nothing_in_its_words(
        self, json_log: JSONLog, raised: Callable[..., Exception], fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        json_log.configure()
        LogEmitter(settings())(fault(exception=raised(own_words=OWN_WORDS)))
        line = json_log.lines[0]
        assert line["exception.type"] == "tests.normalizer.emitters.wire.WireError"
        assert line["errnorm.text"] == PUBLISH
        assert "exception.message" not in line
        assert "rosebud" not in json_log.text
        assert "exception.stacktrace" not in line

    def test_a_stack_trace_stands_there_only_if_asked_for_and_says_nothing_in_its_words(
        self, json_log: JSONLog, raised: Callable[..., Exception], fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        json_log.configure()
        LogEmitter(settings(traceback="always"))(fault(exception=raised(own_words=OWN_WORDS)))
        trace = json_log.lines[0]["exception.stacktrace"]
        assert trace.startswith("Traceback (most recent call last):\n  File ")
        assert trace.splitlines()[-1] == f"tests.normalizer.emitters.wire.WireError: {PUBLISH}"
        assert "rosebud" not in json_log.text

    @pytest.mark.parametrize(("choice", "text"), [("raw", "what? \\x1b[2J"), ("none", None), ("template", "what? ?[<n>")])
    def test_what_is_said_of_the_text_can_be_chosen(
        self,
        lines: Lines,
        judge: Callable[..., NormalizedError],
        settings: Callable[..., Settings],
        choice: str,
        text: str | None,
    ) -> None:
        LogEmitter(settings(log_text=choice), write=lines)(Fault(judge("what? \x1b[2J")))
        assert lines.fields[0].get("errnorm.text") == text

    def test_a_line_that_is_like_the_one_before_differs_in_what_happened_around_it(
        self, lines: Lines, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(), write=lines)
        below = fault("Stale")
        below.error.protocol = "other"
        for case in (fault("Stale", operation="one"), fault("Stale", peer="two"), below, fault("Closed"), fault("Stale")):
            tell(case)
        one, two, other, closed, plain = lines.fields
        assert (one["errnorm.operation"], "errnorm.operation" in two, two["errnorm.peer"]) == ("one", False, "two")
        assert (other["errnorm.protocol"], plain["errnorm.protocol"]) == ("other", "wire")
        assert (closed["error.type"], plain["error.type"]) == ("shutdown.client", "transport.stale")
        assert "errnorm.peer" not in plain

    def test_all_its_names_are_declared_for_logs(
        self, lines: Lines, fault: Callable[..., Fault], raised: Callable[..., Exception], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(traceback="always"), write=lines, guard=StormGuard(burst=1, kinds_of=kinds_of))
        everything = {"decision": RETRY, "peer": "p", "client": "c", "operation": "o", "attempt": 1, "outcome": "retried"}
        everything["server"] = "n1:4222"
        for case in (fault(exception=raised(), **everything), fault("what?")):
            tell(case)
            tell(case)
        tell.flush()
        declared = {attribute.key for attribute in ATTRIBUTES if "log" in attribute.signals}
        told = {("errnorm.param.*" if key.startswith("errnorm.param.") else key) for fields in lines.fields for key in fields}
        with TracerProvider().get_tracer("test").start_as_current_span("publish"):
            tell(fault("Stale"))
        told |= set(lines.fields[-1])
        assert told == declared

    def test_the_processor_finds_nothing_to_add_to_its_lines(
        self, json_log: JSONLog, fault: Callable[..., Fault], settings: Callable[..., Settings], processed: Processor
    ) -> None:
        json_log.configure(processed)
        LogEmitter(settings())(fault())
        assert json_log.lines[0]["error.type"] == "auth.forbidden"

    def test_an_asynchronous_logger_gets_its_line_at_once(
        self, records: list[logging.LogRecord], fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        structlog.reset_defaults()
        structlog.configure(
            processors=[structlog.processors.JSONRenderer()],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.AsyncBoundLogger,
        )

        async def tell() -> None:
            LogEmitter(settings())(fault())

        asyncio.run(tell())
        assert [json.loads(record.getMessage())["error.type"] for record in records] == ["auth.forbidden"]
        structlog.reset_defaults()


class TestStorm:
    """A storm is a page of log."""

    def test_a_million_errors_are_a_page_and_all_of_them_are_counted(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        cases = [fault("Stale", peer=f"server {number}", decision=RETRY) for number in range(3)]
        for _ in range(100_000):
            for case in cases:
                tell(case)
        tell.flush()
        assert len(lines.written) == 3 * (5 + 1)
        summed = sum(fields.get("errnorm.suppressed", 1) for fields in lines.fields)
        assert summed == 300_000
        assert ledger.suppressed.total == 300_000 - 15

    def test_nothing_is_lost_between_threads_codes_and_peers(
        self, lines: Lines, ledger: Ledger, judge: Callable[..., NormalizedError], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(storm_keys=16, storm_interval=0.01), write=lines, ledger=ledger)
        texts = ["Stale", PUBLISH, "Too many: 7", "Farewell", "unheard of"]
        start = threading.Barrier(8)

        def hammer(number: int) -> None:
            start.wait()
            for count in range(2000):
                error = judge(texts[(count + number) % len(texts)])
                tell(Fault(error, peer=f"peer {count % 30}", decision=ABORT if count % 2 else RETRY))

        threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tell.flush()
        summed = [fields.get("errnorm.suppressed", 0) for fields in lines.fields]
        assert sum(summed) + summed.count(0) == 8 * 2000
        assert sum(summed) == ledger.suppressed.total
        assert ledger.failures.total == 0

    def test_the_summary_has_the_level_the_name_and_the_fields_of_what_it_sums_up(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(storm_burst=1), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        for _ in range(4):
            tell(fault(peer="a", decision=ABORT))
        tell.flush()
        (level, _, first), (summary_level, said, summary) = lines.written
        assert summary_level == level
        assert said.startswith("wire operation to a failed: auth.forbidden: 3 more in ")
        assert summary["errnorm.suppressed"] == 3
        assert {key: summary[key] for key in ("error.type", "errnorm.code", "errnorm.peer")} == {
            key: first[key] for key in ("error.type", "errnorm.code", "errnorm.peer")
        }

    def test_an_abort_is_not_drowned_by_retries_of_the_same_code(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        for _ in range(50):
            tell(fault("Stale", decision=RETRY))
        tell(fault("Stale", decision=ABORT))
        assert lines.written[-1][0] == logging.ERROR

    def test_unknown_texts_that_all_differ_do_not_get_round_it(
        self, lines: Lines, ledger: Ledger, judge: Callable[..., NormalizedError], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(storm_keys=16), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        for number in range(1000):
            tell(Fault(judge("no " + "abcdefghij"[number % 10] * (1 + number // 10) + " here")))
        assert 5 < len(lines.written) <= 2 * 16 + 5
        tell.flush()
        assert sum(fields.get("errnorm.suppressed", 1) for fields in lines.fields) == 1000

    def test_peers_without_number_do_not_get_round_it_either(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(storm_keys=10), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        for number in range(1000):
            tell(fault(peer=f"peer {number}"))
        tell.flush()
        assert len(lines.written) == 10 + 5 + 1
        assert lines.fields[-1]["errnorm.suppressed"] == 1000 - 15
        assert (lines.fields[-1]["error.type"], "errnorm.peer" in lines.fields[-1]) == ("auth.forbidden", False)

    def test_a_storm_of_one_operation_does_not_hide_another_operation_or_another_code(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(storm_keys=4), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        for number in range(100):
            tell(fault("Stale", operation="heartbeat", peer=f"peer {number}"))
        before = len(lines.written)
        tell(fault("Stale", operation="checkout", peer="one"))
        tell(fault("10052", operation="heartbeat", peer="two"))
        new = [(fields["errnorm.operation"], fields["errnorm.code"]) for fields in lines.fields[before:]]
        assert new == [("checkout", "Stale"), ("heartbeat", "10052")]
        tell.flush()
        summaries = [fields for fields in lines.fields if "errnorm.suppressed" in fields]
        assert {(one["error.type"], one["errnorm.operation"]) for one in summaries} == {("transport.stale", "heartbeat")}

    def test_a_first_error_of_its_code_is_written_however_full_the_memory_is(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(storm_keys=1), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        for number in range(100):
            tell(fault("Stale", operation=f"operation {number}", peer=f"peer {number}"))
        for code in (PUBLISH, "Too many: 7", "10052"):
            tell(fault(code, operation="any", peer="any"))
        assert [fields["errnorm.code"] for fields in lines.fields[-3:]] == ["no-publish", "too-many", "10052"]

    def test_a_summary_keeps_no_exception_alive(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        tell = LogEmitter(settings(storm_burst=1), write=lines, ledger=ledger, schedule=lambda _seconds, _call: None)
        exception = WireError()
        gone = weakref.ref(exception)
        for _ in range(3):
            tell(fault(exception=exception))
        del exception
        gc.collect()
        assert gone() is None
        tell.flush()
        assert lines.fields[-1]["errnorm.suppressed"] == 2


class TestProcessor:
    """The same fields on lines of the application's own."""

    @pytest.mark.parametrize("key", ["error", "exception", "exc_info"])
    def test_an_exception_is_recognised(
        self, json_log: JSONLog, raised: Callable[..., Exception], processed: Processor, key: str
    ) -> None:
        log = json_log.configure(processed)
        log.warning("publish failed", **{key: raised()})
        line = json_log.lines[0]
        assert (line["event"], line["error.type"], line["errnorm.param.subject"]) == ("publish failed", "auth.forbidden", "a.b")
        assert key not in line

    def test_a_normalized_error_is_recognised(
        self, json_log: JSONLog, judge: Callable[..., NormalizedError], processed: Processor
    ) -> None:
        json_log.configure(processed).error("no", error=judge("Stale"))
        assert json_log.lines[0]["error.type"] == "transport.stale"

    def test_the_exception_being_handled_is_recognised(
        self, json_log: JSONLog, raised: Callable[..., Exception], processed: Processor
    ) -> None:
        log = json_log.configure(processed)
        try:
            raise raised()
        except Exception:
            log.exception("no")
        assert json_log.lines[0]["error.type"] == "auth.forbidden"

    def test_a_tuple_is_recognised(self, json_log: JSONLog, raised: Callable[..., Exception], processed: Processor) -> None:
        error = raised()
        json_log.configure(processed).error("no", exc_info=(type(error), error, error.__traceback__))
        assert json_log.lines[0]["error.type"] == "auth.forbidden"

    @pytest.mark.parametrize("key", ["err", "reason", "event"])
    def test_an_exception_under_another_key_is_recognised_and_says_nothing_in_its_words(
        self, json_log: JSONLog, raised: Callable[..., Exception], processed: Processor, key: str
    ) -> None:
        json_log.configure(processed).warning(**{"event": "no", key: raised(own_words=OWN_WORDS)})
        assert (json_log.lines[0][key], json_log.lines[0]["error.type"]) == (PUBLISH, "auth.forbidden")
        assert OWN_WORDS not in json_log.text

    @pytest.mark.parametrize("several", [list, tuple, lambda found: dict(enumerate(found))], ids=["list", "tuple", "dict"])
    def test_several_exceptions_together_are_recognised_too(
        self,
        json_log: JSONLog,
        raised: Callable[..., Exception],
        processed: Processor,
        several: Callable[[list[object]], object],
    ) -> None:
        json_log.configure(processed).warning("no", of=several([1, raised(own_words=OWN_WORDS), raised("Stale", OWN_WORDS)]))
        assert json_log.lines[0]["error.type"] == "auth.forbidden"
        assert PUBLISH in str(json_log.lines[0]["of"])
        assert OWN_WORDS not in json_log.text

    def test_a_list_that_holds_itself_is_looked_at_for_a_while(self, processed: Processor) -> None:
        endless: list[Any] = [1]
        endless.append(endless)
        assert processed(None, "info", {"event": "no", "of": endless})["of"] is endless

    def test_an_exception_among_positional_arguments_says_nothing_in_its_words(
        self, json_log: JSONLog, raised: Callable[..., Exception], processed: Processor
    ) -> None:
        chain = [processed, structlog.stdlib.PositionalArgumentsFormatter()]
        log = json_log.configure(*chain, wrapper_class=structlog.stdlib.BoundLogger)
        log.error("failed: %s", raised(own_words=OWN_WORDS))
        assert (json_log.lines[0]["event"], json_log.lines[0]["error.type"]) == (f"failed: {PUBLISH}", "auth.forbidden")

    def test_where_texts_are_not_told_what_the_reason_means_stands_in_their_place(
        self, json_log: JSONLog, raised: Callable[..., Exception], settings: Callable[..., Settings]
    ) -> None:
        json_log.configure(Processor(settings(log_text="none"))).warning("no", why=raised(own_words=OWN_WORDS))
        assert json_log.lines[0]["why"] == Reason.AUTH_FORBIDDEN.about

    def test_the_error_under_a_key_of_its_own_comes_first(
        self, json_log: JSONLog, raised: Callable[..., Exception], judge: Callable[..., NormalizedError], processed: Processor
    ) -> None:
        json_log.configure(processed).warning("no", why=raised(own_words=OWN_WORDS), error=judge("Stale"))
        assert (json_log.lines[0]["error.type"], json_log.lines[0]["why"]) == ("transport.stale", PUBLISH)

    def test_an_error_of_somebody_else_is_left_to_the_others(self, json_log: JSONLog, processed: Processor) -> None:
        log = json_log.configure(processed, STRUCTLOG.format_exc_info)
        log.error("no", exc_info=LookupError("mine"), error="text of mine")
        assert json_log.lines == [{"event": "no", "error": "text of mine", "exception": "LookupError: mine"}]

    @pytest.mark.parametrize(
        "event", [{"exc_info": True}, {"exc_info": None}, {"error": "text"}, {"error": 3}, {}, {"of": [1, {}]}]
    )
    def test_a_line_without_an_error_is_left_alone(self, json_log: JSONLog, processed: Processor, event: dict[str, Any]) -> None:
        json_log.configure(processed).info("no", **event)
        assert json_log.lines == [{"event": "no", **event}]

    def test_what_the_application_has_set_stays(
        self, json_log: JSONLog, raised: Callable[..., Exception], processed: Processor
    ) -> None:
        event = {"exc_info": raised(), "error.type": "mine", "exception.type": "mine too"}
        json_log.configure(processed).error("no", **event)
        assert (json_log.lines[0]["error.type"], json_log.lines[0]["exception.type"]) == ("mine", "mine too")

    @pytest.mark.parametrize(
        "renderer",
        [STRUCTLOG.format_exc_info, STRUCTLOG.dict_tracebacks, STRUCTLOG.ExceptionRenderer()],
        ids=["format_exc_info", "dict_tracebacks", "ExceptionRenderer"],
    )
    def test_a_renderer_that_comes_later_loses_and_leaks_nothing(
        self, json_log: JSONLog, raised: Callable[..., Exception], processed: Processor, renderer: Any
    ) -> None:
        log = json_log.configure(processed, renderer)
        log.error("no", exc_info=raised(own_words=OWN_WORDS))
        line = json_log.lines[0]
        assert line["exception.type"] == "tests.normalizer.emitters.wire.WireError"
        assert line["exception.stacktrace"].startswith("Traceback")
        assert "exception" not in line
        assert "rosebud" not in json_log.text

    def test_an_error_and_its_exception_side_by_side_are_told_once(
        self, json_log: JSONLog, raised: Callable[..., Exception], judge: Callable[..., NormalizedError], processed: Processor
    ) -> None:
        log = json_log.configure(processed, STRUCTLOG.format_exc_info)
        log.error("no", error=judge("Stale"), exc_info=raised(own_words=OWN_WORDS))
        line = json_log.lines[0]
        assert (line["error.type"], line["exception.type"]) == ("transport.stale", "tests.normalizer.emitters.wire.WireError")
        assert "rosebud" not in json_log.text

    def test_a_stack_trace_can_be_switched_off(
        self, json_log: JSONLog, raised: Callable[..., Exception], settings: Callable[..., Settings]
    ) -> None:
        json_log.configure(Processor(settings(traceback="never"))).error("no", exc_info=raised())
        assert "exception.stacktrace" not in json_log.lines[0]

    def test_an_event_that_bites_is_still_written(self, processed: Processor) -> None:
        class Biting(dict[str, Any]):
            def get(self, key: str, default: object = None) -> Any:
                raise RuntimeError(key, default)

        event = Biting(event="no")
        assert processed(None, "error", event) is event

    def test_it_stands_ready_under_its_own_name(
        self, json_log: JSONLog, raised: Callable[..., Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ERRNORM_TRACEBACK", raising=False)
        json_log.configure(processor).error("no", exc_info=raised())
        assert json_log.lines[0]["error.type"] == "auth.forbidden"

    def test_a_setting_that_cannot_be_used_does_not_keep_a_line_from_being_written(
        self,
        json_log: JSONLog,
        raised: Callable[..., Exception],
        records: list[logging.LogRecord],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("ERRNORM_LIMIT", "many")
        _default.cache_clear()
        for _ in range(2):
            json_log.configure(processor).error("no", exc_info=raised())
        _default.cache_clear()
        assert [line["error.type"] for line in json_log.lines] == ["auth.forbidden"] * 2
        assert ["ERRNORM_LIMIT" in record.getMessage() for record in records] == [True]

    def test_it_stands_in_the_chain_of_the_standard_library_too(
        self, raised: Callable[..., Exception], processed: Processor
    ) -> None:
        formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, processed],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
        )
        error = raised(own_words=OWN_WORDS)
        record = logging.LogRecord("app", logging.ERROR, __file__, 1, "no", (), (type(error), error, error.__traceback__))
        line = formatter.format(record)
        assert json.loads(line)["error.type"] == "auth.forbidden"
        assert "rosebud" not in line


HOSTILE = st.text(st.characters(codec=None), max_size=80)


class TestInjection:
    """Whatever a peer says, a line is one line and valid JSON."""

    @given(st.tuples(HOSTILE, HOSTILE, HOSTILE))
    @hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @pytest.mark.parametrize("log_text", ["template", "raw"])
    def test_each_line_stays_one_line(
        self, json_log: JSONLog, judge: Callable[..., NormalizedError], log_text: str, said: tuple[str, str, str]
    ) -> None:
        subject, text, peer = said
        json_log.stream.seek(0)
        json_log.stream.truncate()
        json_log.configure(last=structlog.processors.JSONRenderer(ensure_ascii=False))
        tell = LogEmitter(Settings.load({}, log_text=log_text, keep=["text", "user", "jid", "address"]))
        tell(Fault(judge(f'No Publish to "{subject}"', text), peer=peer, operation=text))
        tell(Fault(judge(text), client=text))
        raw = json_log.text
        assert len(raw.encode("utf-8").decode("utf-8").splitlines()) == 2
        assert all(isinstance(json.loads(line), dict) for line in raw.splitlines())

    @given(HOSTILE)
    @hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_a_plain_message_stays_one_line_too(
        self,
        records: list[logging.LogRecord],
        judge: Callable[..., NormalizedError],
        settings: Callable[..., Settings],
        text: str,
    ) -> None:
        records.clear()
        LogEmitter(settings(log_with="logging", log_text="raw"))(Fault(judge(text)))
        assert len(records[0].getMessage().splitlines()) == 1


VARIED: dict[str, list[Any]] = {
    "exception": [WireError("x"), KeyError("x"), None],
    "operation": ["publish", "ask", None],
    "decision": [ABORT, RETRY, replace(ABORT, why="it was tried 6 times"), None],
    "peer": ["a", "b", None],
    "client": ["closed", "reconnecting", "nothing", None],
    "outcome": list(OUTCOMES),
    "attempt": [1, 2, None],
}


class TestLinesThatAreAlike:
    """What is remembered of a line does not show: each reads as if it was the first."""

    @pytest.mark.parametrize("varied", VARIED)
    @given(
        st.sampled_from([PUBLISH, "Stale", "Closed", "Farewell", "what?"]),
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VARIED.items()}),
    )
    @hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_a_line_reads_the_same_whatever_was_written_before(
        self,
        judge: Callable[..., NormalizedError],
        settings: Callable[..., Settings],
        varied: str,
        text: str,
        case: dict[str, Any],
    ) -> None:
        together, alone = Lines(), Lines()
        tell = LogEmitter(settings(storm_burst=0), write=together)
        for value in VARIED[varied] * 2:
            tell(Fault(judge(text), **{**case, varied: value}))
            LogEmitter(settings(storm_burst=0), write=alone)(Fault(judge(text), **{**case, varied: value}))
        assert together.written == alone.written


class TestSummaries:
    """What was counted is summed up by the next error too."""

    def test_an_error_after_the_interval_brings_the_sum_of_the_one_before(
        self, lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
    ) -> None:
        now = [0.0]
        guard: StormGuard[Any, Any] = StormGuard(1, 10, kinds_of=kinds_of, clock=lambda: now[0])
        tell = LogEmitter(settings(), write=lines, ledger=ledger, guard=guard, schedule=lambda _seconds, _call: None)
        for _ in range(3):
            tell(fault())
        now[0] = 11.0
        tell(fault())
        assert [fields.get("errnorm.suppressed") for fields in lines.fields] == [None, 2, None]
        assert lines.fields[1]["errnorm.period"] == 11.0
