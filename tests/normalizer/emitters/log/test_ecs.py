"""The Elastic Common Schema, as its own formatters write it."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from errnorm.emitters.log import LogEmitter, Processor, ecs
from errnorm.emitters.log.records import Fields
from tests.normalizer.emitters.wire import ABORT, OWN_WORDS, PUBLISH

ecs_logging = pytest.importorskip("ecs_logging")

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.fault import Fault
    from errnorm.settings import Settings
    from tests.normalizer.emitters.wire import JSONLog


@pytest.fixture
def processed(settings: Callable[..., Settings]) -> Processor:
    return Processor(settings())


def test_an_event_of_ours_has_the_names_of_the_schema(
    json_log: JSONLog, fault: Callable[..., Fault], settings: Callable[..., Settings], raised: Callable[..., Exception]
) -> None:
    json_log.configure(ecs.processor, last=ecs_logging.StructlogFormatter())
    LogEmitter(settings(traceback="always"))(fault(decision=ABORT, exception=raised()))
    line = json_log.lines[0]
    assert line["message"] == f"wire operation failed: auth.forbidden: {PUBLISH} (abort: the answer is final)"
    assert line["log.level"] == "error"
    assert {key: line["error"][key] for key in ("type", "code", "message")} == {
        "type": "auth.forbidden",
        "code": "no-publish",
        "message": PUBLISH,
    }
    assert line["error"]["stack_trace"].startswith("Traceback")
    assert line["event"] == {
        "kind": "event",
        "category": ["api"],
        "type": ["denied"],
        "reason": "auth",
        "outcome": "failure",
    }
    assert line["errnorm"]["recovery"] == "abandon"
    assert line["errnorm"]["exception"] == "tests.normalizer.emitters.wire.WireError"
    assert "exception" not in line
    assert line["errnorm"]["param"] == {"subject": "a.b"}


@pytest.mark.parametrize("event", [{"error": "text of mine"}, {"error": {"id": 7}}, {}, {"error.message": "mine"}])
def test_a_bare_error_beside_an_exception_does_not_break_the_formatter(
    json_log: JSONLog, processed: Processor, raised: Callable[..., Exception], event: dict[str, Any]
) -> None:
    log = json_log.configure(processed, ecs.processor, last=ecs_logging.StructlogFormatter())
    log.error("no", exc_info=raised(), **event)
    error = json_log.lines[0]["error"]
    assert error["type"] == "auth.forbidden"
    assert error["message"] == {"text of mine": "text of mine"}.get(str(event.get("error")), event.get("error.message", PUBLISH))


@pytest.mark.parametrize("renderer", [structlog.processors.format_exc_info, structlog.processors.dict_tracebacks])
def test_the_stack_trace_is_a_text_whatever_renders_exceptions(
    json_log: JSONLog, processed: Processor, raised: Callable[..., Exception], renderer: Any
) -> None:
    log = json_log.configure(processed, ecs.processor, renderer, last=ecs_logging.StructlogFormatter())
    log.error("no", exc_info=raised())
    assert isinstance(json_log.lines[0]["error"]["stack_trace"], str)


def test_a_trace_rendered_before_us_is_a_text_too(json_log: JSONLog, processed: Processor, judge: Callable[..., Any]) -> None:
    log = json_log.configure(
        structlog.processors.format_exc_info, processed, ecs.processor, last=ecs_logging.StructlogFormatter()
    )
    log.error("no", exc_info=LookupError("mine"), error=judge("Stale"))
    assert json_log.lines[0]["error"]["stack_trace"] == "LookupError: mine"


def test_lines_of_others_are_left_alone(json_log: JSONLog, processed: Processor) -> None:
    json_log.configure(processed, ecs.processor, last=ecs_logging.StructlogFormatter()).info("hello", error="text")
    assert (json_log.lines[0]["error"], "event" in json_log.lines[0]) == ("text", False)


def test_records_of_the_standard_library_have_the_names_of_the_schema(
    settings: Callable[..., Settings], raised: Callable[..., Exception]
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ecs_logging.StdlibFormatter())
    handler.addFilter(Fields(settings()))
    handler.addFilter(ecs.Names())
    log = logging.Logger("app")  # noqa: LOG001 - one that nobody else sees
    log.addHandler(handler)
    log.error("no", exc_info=raised(own_words=OWN_WORDS))
    line = json.loads(stream.getvalue())
    assert (line["error"]["type"], line["error"]["code"], line["event"]["reason"]) == ("auth.forbidden", "no-publish", "auth")
    assert "Traceback" in line["error"]["stack_trace"]
    assert "rosebud" not in stream.getvalue()


@pytest.mark.parametrize("added", [{}, {"error.type": ""}])
def test_a_record_without_an_error_is_no_failure(settings: Callable[..., Settings], added: dict[str, str]) -> None:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, "hello", (), None)
    record.__dict__.update(added)
    assert Fields(settings()).filter(record)
    assert ecs.Names().filter(record)
    assert "event.outcome" not in record.__dict__


def test_what_ended_as_it_should_is_no_failure(
    json_log: JSONLog, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    json_log.configure(ecs.processor, last=ecs_logging.StructlogFormatter())
    LogEmitter(settings())(fault("Farewell"))
    assert json_log.lines[0]["event"]["outcome"] == "unknown"


def test_an_event_that_bites_is_still_written() -> None:
    class Biting(dict[str, Any]):
        def pop(self, *_: Any) -> Any:
            raise RuntimeError

    event = Biting({"error.type": "x"})
    assert ecs.processor(None, "error", event) is event


def test_a_record_that_bites_is_still_written() -> None:
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "no", (), None)
    record.__dict__["error.type"] = "x"
    record.__dict__["error"] = Unprintable()
    assert ecs.Names().filter(record)


class Unprintable:
    """Something that cannot be printed."""

    def __str__(self) -> str:
        raise LookupError
