"""Exceptions of the NATS clients, live and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import nats.aio.errors
import nats.errors
import nats.js.errors
import pytest

from errnorm import NormalizedError, normalize
from errnorm.adapters import ReportedException
from errnorm.exceptions import class_names, message_of
from errnorm_adapters.nats import exceptions as nats_exceptions
from errnorm_adapters.nats import observe

if TYPE_CHECKING:
    from errnorm.error import Signal


def judged(error: object) -> NormalizedError:
    return normalize(error, "nats")


def described(error: object) -> list[str]:
    """Name an exception in the title of a test."""
    values = {**getattr(error, "__dict__", {}), **getattr(error, "attributes", {})}
    return [class_names(error)[0] if class_names(error) else "", message_of(error), *map(str, values.values())]


def seen(error: object) -> Signal:
    signal = observe(error)
    assert signal is not None
    return signal


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (nats.errors.NoRespondersError(), "nats.errors.NoRespondersError"),
        (nats.errors.TimeoutError(), "nats.errors.TimeoutError"),
        (nats.errors.FlushTimeoutError(), "nats.errors.FlushTimeoutError"),
        (nats.errors.UnexpectedEOF(), "nats.errors.UnexpectedEOF"),
        (nats.js.errors.KeyDeletedError(), "nats.js.errors.KeyDeletedError"),
        (nats.js.errors.KeyWrongLastSequenceError("wrong last sequence: 5"), "nats.js.errors.KeyWrongLastSequenceError"),
        (nats.js.errors.ServiceUnavailableError(), "nats.js.errors.ServiceUnavailableError"),
        (nats.js.errors.BucketNotFoundError(), "nats.js.errors.BucketNotFoundError"),
        (nats.js.errors.NoStreamResponseError(), "nats.js.errors.NoStreamResponseError"),
        (ReportedException(("nats.client.errors.SlowConsumerError",)), "nats.client.errors.SlowConsumerError"),
        (ReportedException(("nats.errors.Error",)), "nats.errors.Error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(described(value)),
)
def test_a_class_is_its_row(error: object, code: str) -> None:
    assert (judged(error).section, judged(error).code) == ("client", code)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_deprecated_class_has_a_row_of_its_own() -> None:
    assert judged(nats.aio.errors.ErrStaleConnection()).code == "nats.aio.errors.ErrStaleConnection"


def test_a_class_of_tomorrow_finds_the_row_of_the_one_it_refines() -> None:
    error = ReportedException(("nats.js.errors.FetchAgainError", "nats.js.errors.FetchTimeoutError", "nats.errors.TimeoutError"))

    assert judged(error).code == "nats.js.errors.FetchTimeoutError"


def test_a_class_of_the_application_finds_the_row_of_the_one_it_refines() -> None:
    class Late(nats.errors.TimeoutError):
        """Our own."""

    assert judged(Late()).code == "nats.errors.TimeoutError"


@pytest.mark.parametrize(
    ("error", "section", "code"),
    [
        (nats.js.errors.NotFoundError(code=404, err_code=10059, description="stream not found"), "jetstream", "10059"),
        (nats.js.errors.APIError(409, "of tomorrow", 99999), "api", "409"),
        (nats.js.errors.ServiceUnavailableError(code=503, err_code=99999), "api", "503"),
        (nats.js.errors.APIError(code=409, description="Consumer Deleted"), "status", "409 Consumer Deleted"),
        (nats.js.errors.APIError(code=409, description="Of Tomorrow"), "status", "409"),
        (nats.js.errors.APIError(), "client", "nats.js.errors.APIError"),
        (
            ReportedException(
                ("nats.jetstream.errors.StreamNotFoundError", "nats.jetstream.errors.JetStreamError"), "", {"error_code": 10059}
            ),
            "jetstream",
            "10059",
        ),
        (
            ReportedException(
                ("nats.jetstream.errors.JetStreamNotEnabledError", "nats.jetstream.errors.JetStreamError"), "", {"code": 503}
            ),
            "client",
            "nats.jetstream.errors.JetStreamNotEnabledError",
        ),
        (
            ReportedException(("nats.client.errors.StatusError",), "", {"status": "409", "description": "Leadership Change"}),
            "status",
            "409 Leadership Change",
        ),
        (ReportedException(("nats.client.errors.StatusError",)), "client", "nats.client.errors.StatusError"),
        (
            ReportedException(
                ("nats.js.errors.NotFoundError", "nats.js.errors.APIError"),
                "nats: NotFoundError: code=404 err_code=10014 description='consumer not found'",
            ),
            "jetstream",
            "10014",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(described(value)),
)
def test_a_code_goes_before_the_class_that_carries_it(error: object, section: str, code: str) -> None:
    found = judged(error)

    assert (found.section, found.code) == (section, code)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nats: 'Authorization Violation'", "Authorization Violation"),
        ("nats: maximum payload violation", "Maximum Payload Violation"),
        ("nats: user authentication expired", "User Authentication Expired"),
        ("nats: invalid subject", "Invalid Subject"),
        ("nats: unknown protocol operation", "Unknown Protocol Operation"),
        ("nats: no ssl context provided", "nats: no ssl context provided"),
        ("nats: info message, json parse error", "nats: info message, json parse error"),
        ("client not set", "sid not set"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(described(value)),
)
def test_the_base_class_is_what_its_text_says(text: str, code: str) -> None:
    assert judged(nats.errors.Error(text)).code == code


def test_a_lowered_subject_is_marked() -> None:
    error = judged(nats.errors.Error('nats: permissions violation for subscription to "s.no" using queue "q"'))

    assert (error.params, error.lossy) == ({"subject": "s.no", "queue": "q"}, True)


def test_a_text_of_the_client_itself_was_never_lowered() -> None:
    error = judged(ValueError("nats: invalid stream name: 'a.b'"))

    assert error.params == {"text": "'a.b'"}


def test_a_text_of_the_server_that_no_row_knows_stays_unknown() -> None:
    error = judged(nats.errors.Error("nats: the moon is down"))

    assert (error.category, error.fingerprint) == ("unknown", "nats: the moon is down")


def test_the_words_of_a_jetstream_base_error_are_read() -> None:
    assert judged(nats.js.errors.Error("consumer is already bound to a subscription")).reason == "protocol.conflict"


def test_the_subscription_that_is_too_slow_is_named() -> None:
    error = judged(nats.errors.SlowConsumerError("a.B", "_INBOX.x", 3, cast("Any", None)))

    assert error.params == {"subject": "a.B", "sid": 3}


def test_an_exception_that_only_wraps_gives_way_to_its_cause() -> None:
    error = nats.errors.NoServersError()
    error.__cause__ = nats.errors.Error("nats: 'Authorization Violation'")

    assert judged(error).code == "Authorization Violation"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionError("Authorization failed: Authorization Violation"), "Authorization Violation"),
        (ConnectionError("Connection error: maximum connections exceeded"), "maximum connections exceeded"),
        (ConnectionError("nats: websocket error"), "nats: websocket error"),
        (ValueError("nats: invalid stream name: 'a b'"), "nats: invalid stream name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(described(value)),
)
def test_built_in_exceptions_are_known_by_the_words_of_a_client(error: Exception, code: str) -> None:
    assert judged(error).code == code


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Connection lost"),
        ConnectionResetError(),
        ValueError("Authorization failed: Authorization Violation"),
        TimeoutError(),
        ReportedException(()),
        ReportedException(("other.Error",), "nats: stale connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(described(value)),
)
def test_exceptions_of_others_give_nothing(error: object) -> None:
    assert observe(error) is None


class Hostile(nats.errors.Error):
    """Raises whenever it is looked at."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError

    def __getattr__(self, name: str) -> object:
        """Fail."""
        raise RuntimeError(name)


def test_an_exception_that_fails_when_looked_at_is_known_by_its_class() -> None:
    assert seen(Hostile()).family[0] == ("client", "nats.errors.Error")


@pytest.mark.skipif(not hasattr(nats.errors, "BadHeaderError"), reason="this nats-py is too old to have it")
def test_an_exception_with_something_of_its_own_shares_nothing() -> None:
    assert seen(nats.errors.BadHeaderError()).text == "nats: invalid header"
    assert seen(nats.errors.BadHeaderError("a b")).text == "nats: invalid header: 'a b'"
    assert seen(nats.errors.BadHeaderError()).text == "nats: invalid header"


def test_classes_made_by_the_thousand_are_known_without_being_kept() -> None:
    for number in range(3000):
        assert judged(ReportedException((f"app.Fleeting{number}", "nats.errors.TimeoutError"))).code == "nats.errors.TimeoutError"
    assert len(nats_exceptions._families) <= 1024


def test_an_api_error_as_nats_go_writes_it_is_known_by_its_code() -> None:
    error = normalize("nats: API error: code=404 err_code=10059 description=stream not found", "nats")
    assert (error.section, error.code, error.text) == ("jetstream", "10059", "stream not found")
