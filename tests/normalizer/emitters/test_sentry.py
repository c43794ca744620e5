"""Events, as the real SDK of Sentry hands them to its transport."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import nats.errors
import pytest
from slixmpp import Iq
from slixmpp.exceptions import IqError

from errnorm.middleware import Middleware
from errnorm.settings import Settings

pytest.importorskip("sentry_sdk")

import sentry_sdk
from sentry_sdk.transport import Transport as SentryTransport

from errnorm.emitters.log import Fields
from errnorm.emitters.sentry import ErrnormIntegration

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunt" + "er2"
KEPT: list[dict[str, Any]] = []


class Transport(SentryTransport):
    """Keeps what is sent."""

    def capture_envelope(self, envelope: Any) -> None:
        KEPT.extend(event for item in envelope.items if (event := item.get_event()))


@pytest.fixture
def sent() -> Iterator[list[dict[str, Any]]]:
    KEPT.clear()
    sentry_sdk.init(dsn="http://a@localhost/1", transport=Transport, integrations=[ErrnormIntegration()])
    yield KEPT
    sentry_sdk.init()


@pytest.fixture
def errors() -> Middleware:
    return Middleware(settings=Settings.load({}, log_with="logging", emitters="log", storm_burst=0))


def deny(errors: Middleware, number: int, **known: Any) -> None:
    password = SECRET
    try:
        with errors.guard("nats", operation="publish", **known):
            raise RuntimeError(f'nats: permissions violation for publish to "orders.{number}.{password}"')  # noqa: EM102, TRY003
    except RuntimeError as error:
        sentry_sdk.capture_exception(error)


def test_errors_of_one_kind_are_one_issue_with_tags_and_without_secrets(sent: list[dict[str, Any]], errors: Middleware) -> None:
    for number in range(5):
        deny(errors, number)
    try:
        with errors.guard("nats", operation="connect"):
            raise nats.errors.Error(f"nats: dial nats://u:{SECRET}@h:4222")  # noqa: EM102, TRY003
    except nats.errors.Error as error:
        sentry_sdk.capture_exception(error)
    sentry_sdk.flush()

    # A line that another test's emitter has held back may arrive here too.
    kinds = {tuple(event["fingerprint"]) for event in sent}
    assert len({kind for kind in kinds if "Authorization Violation" not in kind}) == 2
    denied = [event for event in sent if event["tags"]["error.type"] == "auth.forbidden"]
    assert {event["level"] for event in denied} == {"error"}
    assert {event["tags"]["errnorm.protocol"] for event in sent} == {"nats"}
    assert {event["logentry"]["message"] for event in denied if "logentry" in event} == {
        'nats publish failed: auth.forbidden: Permissions Violation for Publish to "%s" (abort: the answer is final)'
    }
    assert [event for event in denied if "exception" in event]
    assert SECRET not in str(sent)


def test_an_attempt_that_will_be_repeated_makes_no_event(sent: list[dict[str, Any]], errors: Middleware) -> None:
    for attempt in (1, 2):
        try:
            with errors.guard("nats", operation="request", attempt=attempt, attempts=2):
                raise nats.errors.NoRespondersError
        except nats.errors.NoRespondersError as error:
            sentry_sdk.capture_exception(error)
    sentry_sdk.flush()
    exceptions = [event for event in sent if "exception" in event]
    assert [event["tags"]["errnorm.outcome"] for event in exceptions] == ["failed"]


def test_what_was_handled_is_a_warning(sent: list[dict[str, Any]], errors: Middleware) -> None:
    deny(errors, 1, handled=True)
    sentry_sdk.flush()
    assert [event["level"] for event in sent if "exception" in event] == ["warning"]


def test_a_bug_of_the_application_goes_as_it_came(sent: list[dict[str, Any]]) -> None:
    try:
        {"a": 1}["no such key"]
    except KeyError as error:
        sentry_sdk.capture_exception(error)
    sentry_sdk.capture_message("hello")
    sentry_sdk.flush()
    bug, hello = sent
    assert "fingerprint" not in bug
    assert bug["exception"]["values"][-1]["value"] == "'no such key'"
    assert "vars" in bug["exception"]["values"][-1]["stacktrace"]["frames"][-1]
    assert hello["message"] == "hello"


def weird() -> None:
    message = f"nats: weird thing at nats://u:{SECRET}@h:4222"
    raise nats.errors.Error(message)


def bug() -> None:
    try:
        weird()
    except nats.errors.Error as _error:  # a local variable that Sentry would send
        {"a": 1}["no such key"]


def test_a_bug_in_an_except_block_goes_without_the_words_of_the_error_that_was_handled(sent: list[dict[str, Any]]) -> None:
    try:
        bug()
    except KeyError as error:
        sentry_sdk.capture_exception(error)
    sentry_sdk.flush()

    for event in sent:
        handled, leaving = event["exception"]["values"]
        assert (handled["value"], leaving["value"]) == ("nats: weird thing at <url>", "'no such key'")
        assert not event.get("fingerprint")
        assert SECRET not in str(event)
    assert sent


def test_a_member_of_a_group_that_is_a_bug_keeps_its_words(sent: list[dict[str, Any]]) -> None:
    members: list[Exception] = []
    for fails in (weird, lambda: {"a": 1}["no such key"]):
        try:
            fails()
        except (nats.errors.Error, KeyError) as error:
            members.append(error)
    sentry_sdk.capture_exception(ExceptionGroup("two things failed", members))
    sentry_sdk.flush()

    (event,) = sent
    assert {value["value"] for value in event["exception"]["values"]} == {
        "two things failed",
        "nats: weird thing at <url>",
        "'no such key'",
    }
    assert SECRET not in str(event)


@pytest.mark.parametrize("line", ["as a value", "in the message"])
def test_a_line_of_the_application_with_an_error_in_it_goes_without_credentials(sent: list[dict[str, Any]], line: str) -> None:
    try:
        weird()
    except nats.errors.Error as error:
        if line == "as a value":
            logging.getLogger("shop").error("failed: %s", error)  # noqa: TRY400 - as people do
        else:
            logging.getLogger("shop").error(f"failed: {error}")  # noqa: G004, TRY400 - as people do
    sentry_sdk.capture_message("a breadcrumb is in here")
    sentry_sdk.flush()

    assert SECRET not in str(sent)
    if line == "as a value":
        assert (sent[0]["tags"]["errnorm.protocol"], sent[0]["logentry"]) == ("nats", {"message": "failed: %s"})


def test_the_text_of_a_stanza_is_the_one_of_its_condition(sent: list[dict[str, Any]]) -> None:
    stanza = Iq()  # type: ignore[no-untyped-call]
    stanza["type"], stanza["from"] = "error", f"{SECRET}@capulet.lit"
    stanza["error"]["condition"], stanza["error"]["text"] = "forbidden", SECRET
    sentry_sdk.capture_exception(IqError(stanza))  # type: ignore[no-untyped-call]
    sentry_sdk.flush()

    (event,) = sent
    assert event["exception"]["values"][-1]["value"].startswith("the identity is known")
    assert event["tags"]["error.type"] == "auth.forbidden"
    assert SECRET not in str(event)


@pytest.mark.parametrize("filtered", [False, True], ids=["as they are", "with the fields"])
def test_a_wrapper_keeps_its_words_and_what_is_inside_says_nothing(sent: list[dict[str, Any]], filtered: bool) -> None:
    logger, handler = logging.getLogger("shop"), logging.StreamHandler(io.StringIO())
    if filtered:
        handler.addFilter(Fields())
    logger.addHandler(handler)
    try:
        try:
            raise nats.errors.Error("nats: weird") from ValueError(SECRET)  # noqa: TRY003
        except nats.errors.Error as inner:
            raise LookupError("order 4711") from inner  # noqa: TRY003
    except LookupError as error:
        logger.exception("failed: %s", error)  # noqa: TRY401 - as people do
    finally:
        logger.removeHandler(handler)
    sentry_sdk.flush()
    (event,) = sent
    assert event["exception"]["values"][-1]["value"] == "order 4711"
    assert event["logentry"] == {"message": "failed: %s"}
    assert SECRET not in str(event)


def test_source_lines_stay_if_asked_for(errors: Middleware) -> None:
    KEPT.clear()
    sentry_sdk.init(dsn="http://a@localhost/1", transport=Transport, integrations=[ErrnormIntegration(errors, source=True)])
    deny(errors, 1)
    sentry_sdk.flush()
    sentry_sdk.init()
    frames = [event["exception"]["values"][-1]["stacktrace"]["frames"][-1] for event in KEPT if "exception" in event]
    assert [("context_line" in frame, "vars" in frame) for frame in frames] == [(True, False)]


def test_an_event_that_cannot_be_put_in_order_is_sent_all_the_same(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ErrnormIntegration, "processed", lambda *_: 1 / 0)
    sentry_sdk.capture_message("hello")
    sentry_sdk.flush()
    assert [event["message"] for event in sent] == ["hello"]


def test_a_client_without_the_integration_is_left_alone(sent: list[dict[str, Any]]) -> None:
    sentry_sdk.init(dsn="http://a@localhost/1", transport=Transport)
    sentry_sdk.capture_message("hello")
    sentry_sdk.flush()
    assert [event["message"] for event in sent] == ["hello"]
