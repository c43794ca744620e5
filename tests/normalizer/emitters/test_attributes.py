"""The names on the wire: closed, flat, typed, and the same for every emitter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from errnorm.decision import Decision, Verdict
from errnorm.emitters.attributes import ATTRIBUTES, OTHER, attributes, circumstances, error_type, event_name
from errnorm.emitters.stacktrace import Words, exception_attributes, stacktrace
from errnorm.fault import Fault
from errnorm.normalizer import default_normalizer
from errnorm.privacy import Privacy
from errnorm.taxonomy import Reason, Recovery
from tests.normalizer.emitters.wire import ABORT, PUBLISH, RETRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.emitters.attributes import Attribute
    from errnorm.error import NormalizedError

_TYPES = {"string": str, "boolean": bool, "int": int, "double": float}
_BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}


def declared(key: str) -> Attribute:
    return _BY_KEY["errnorm.param.*" if key.startswith("errnorm.param.") else key]


def test_an_error_is_told_under_exactly_these_names(judge: Callable[..., NormalizedError]) -> None:
    assert attributes(judge(PUBLISH)) == {
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
    }


def test_an_unknown_error_has_a_fingerprint_and_the_reserved_type(judge: Callable[..., NormalizedError]) -> None:
    told = attributes(judge("never heard of 4711"))
    assert (told["error.type"], told["errnorm.fingerprint"]) == (OTHER, judge("never heard of 12").fingerprint)
    assert "errnorm.code" not in told


@pytest.mark.parametrize("reason", list(Reason))
def test_error_type_is_the_reason_or_the_word_that_is_reserved(reason: Reason) -> None:
    assert error_type(reason) == ("_OTHER" if reason is Reason.UNKNOWN else reason.value)


def test_two_occurrences_of_one_fault_group_the_same(judge: Callable[..., NormalizedError]) -> None:
    one, other = (
        attributes(judge("lost 17 of 20 in 3ms at 10.0.0.1:4222")),
        attributes(judge("lost 2 of 9 in 1.5s at 10.9.9.9:1")),
    )
    assert one == other


def test_everything_that_can_be_told_is_declared_with_its_type(
    judge: Callable[..., NormalizedError], fault: Callable[..., Fault]
) -> None:
    case = fault(operation="publish", peer="a", client="closed", decision=RETRY, attempt=2, outcome="retried")
    told = attributes(judge("Too many: 3")) | attributes(judge("what?")) | circumstances(case)
    for key, value in told.items():
        expected = int if key == "errnorm.param.number" else _TYPES[declared(key).type]
        assert type(value) is expected, key


def test_what_is_decided_is_told_in_one_word(fault: Callable[..., Fault]) -> None:
    told = [circumstances(fault(decision=one, outcome="retried"))["errnorm.decision"] for one in (RETRY, ABORT)]
    assert told == ["retry", "abort"]


def test_advice_to_retry_that_nobody_follows_is_not_told(fault: Callable[..., Fault]) -> None:
    told = circumstances(fault(decision=RETRY))
    assert not {"errnorm.decision", "errnorm.delay"} & set(told)


def test_a_delay_is_told_in_milliseconds_at_most(fault: Callable[..., Fault]) -> None:
    decision = Decision(Verdict.RETRY, Recovery.WAIT, 0.123456, "the error may pass with time")
    assert circumstances(fault(decision=decision, outcome="retried"))["errnorm.delay"] == 0.123


def test_the_error_of_a_table_below_is_told_under_the_protocol_it_happened_to(judge: Callable[..., NormalizedError]) -> None:
    error = judge("Stale")
    error.protocol = "nats"
    assert (attributes(error)["errnorm.protocol"], event_name(error)) == ("nats", "nats.error")
    assert attributes(judge("Stale"))["errnorm.protocol"] == "wire"


def test_what_a_caller_changes_is_not_changed_for_the_next_one(judge: Callable[..., NormalizedError]) -> None:
    attributes(judge("Stale"))["error.type"] = "mine"
    assert attributes(judge("Stale"))["error.type"] == "transport.stale"


def test_no_name_is_the_beginning_of_another() -> None:
    names = [attribute.key.removesuffix(".*") for attribute in ATTRIBUTES]
    assert not [(one, other) for one in names for other in names if other.startswith(f"{one}.")]


def test_no_name_is_told_apart_by_a_namespace_that_is_not_ours() -> None:
    standard = {"trace_id", "span_id", "error.type", "exception.type", "exception.message", "exception.stacktrace"}
    standard |= {"server.address", "server.port"}
    assert {key for key in _BY_KEY if not key.startswith("errnorm.")} == standard


def test_the_names_are_those_of_the_published_conventions() -> None:
    semconv = pytest.importorskip("opentelemetry.semconv.attributes")
    assert semconv is not None
    from opentelemetry.semconv.attributes import error_attributes, exception_attributes  # noqa: PLC0415 - if it is installed

    assert error_attributes.ERROR_TYPE in _BY_KEY
    assert error_attributes.ErrorTypeValues.OTHER.value == OTHER
    theirs = exception_attributes
    assert {theirs.EXCEPTION_TYPE, theirs.EXCEPTION_MESSAGE, theirs.EXCEPTION_STACKTRACE} <= set(_BY_KEY)


def test_nothing_of_high_cardinality_stands_on_a_metric() -> None:
    assert not [one.key for one in ATTRIBUTES if "metric" in one.signals and one.cardinality == "high"]


def test_the_text_stands_on_logs_only() -> None:
    assert declared("errnorm.text").signals == ("log",)


def test_values_that_do_not_fit_the_wire_format_become_the_nearest_that_does(judge: Callable[..., NormalizedError]) -> None:
    told = attributes(judge("Stale", params={"number": 2**63, "other": -(2**64), "small": 5}))
    assert (told["errnorm.param.number"], told["errnorm.param.other"]) == (2**63 - 1, 1 - 2**63)
    assert told["errnorm.param.small"] == 5


def test_a_delay_is_never_an_integer(fault: Callable[..., Fault]) -> None:
    decision = Decision(Verdict.RETRY, Recovery.WAIT, 2, "the error may pass with time")
    told = circumstances(fault(decision=decision, outcome="retried"))
    assert type(told["errnorm.delay"]) is float


def test_what_the_caller_names_is_one_line_whatever_it_is(judge: Callable[..., NormalizedError]) -> None:
    error = judge("Stale").under("a\nb")
    server: Any = ("nats", "me:secret@a:4222")  # what `urlparse` gives, and nats-py for the server it is connected to
    told = attributes(error) | circumstances(Fault(error, peer=server, operation="c\nd"))
    assert (event_name(error), told["errnorm.protocol"], told["errnorm.operation"]) == ("a\\x0ab.error", "a\\x0ab", "c\\x0ad")
    assert "secret" not in str(told)


def test_a_parameter_without_a_kind_is_told_only_if_it_is_a_number(judge: Callable[..., NormalizedError]) -> None:
    told = attributes(judge("Stale", params={"novel": "s3cret", "count": 1, "flag": True}), Privacy(key="k"))
    assert {key: value for key, value in told.items() if key.startswith("errnorm.param.")} == {
        "errnorm.param.count": 1,
        "errnorm.param.flag": True,
    }


def test_an_exception_of_which_nothing_may_be_said_has_its_class() -> None:
    assert exception_attributes(TimeoutError("x"), None) == {"exception.type": "TimeoutError"}


def test_a_stack_trace_can_be_encoded_whatever_its_files_are_called() -> None:
    with pytest.raises(TimeoutError) as raised:
        exec(compile("raise TimeoutError", "/a\udcff\x1b[2J\u202e.py", "exec"))  # noqa: S102 - a file of that name
    lines = stacktrace(raised.value, Words(Privacy(), default_normalizer())).splitlines()
    assert '  File "/a\\udcff\\x1b[2J\\u202e.py", line 1, in <module>' in lines
    assert (lines[0], lines[-1]) == ("Traceback (most recent call last):", "TimeoutError: No answer came in time.")
    assert "".join(lines).encode()
