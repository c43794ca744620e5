"""What the NATS adapter sees on the wire and in what client libraries leave of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from errnorm import NormalizedError, normalize
from errnorm.exceptions import ReportedException
from errnorm_adapters.nats import observe

if TYPE_CHECKING:
    from errnorm.error import Signal


def judged(raw: object) -> NormalizedError:
    return normalize(raw, "nats")


def seen(raw: object) -> Signal:
    signal = observe(raw)
    assert signal is not None
    return signal


@pytest.mark.parametrize(
    "raw",
    [
        "-ERR 'Authorization Violation'\r\n",
        "-ERR 'Authorization Violation'",
        "-ERR Authorization Violation\r\n",
        "-ERR\t'Authorization Violation' \r\n",
        "-err 'authorization violation'\r\n",
        "  -ERR 'Authorization Violation'\r\n",
        b"-ERR 'Authorization Violation'\r\n",
        bytearray(b"-ERR 'Authorization Violation'\r\n"),
        pytest.param(memoryview(b"-ERR 'Authorization Violation'\r\n"), id="memoryview"),
        "nats: 'Authorization Violation'",
        "nats: authorization violation",
        "nats: Authorization Violation",
        "'Authorization Violation'",
        "Authorization Violation",
        "AUTHORIZATION VIOLATION",
    ],
    ids=repr,
)
def test_one_error_in_all_its_spellings_is_one_row(raw: object) -> None:
    error = judged(raw)

    assert (error.section, error.code) == ("error", "Authorization Violation")


def test_an_error_line_does_not_say_whether_the_connection_ended() -> None:
    assert seen("-ERR 'Stale Connection'\r\n").closed is None


def test_the_first_error_of_a_packet_counts() -> None:
    packet = "-ERR 'User Authentication Expired'\r\n-ERR 'Authorization Violation'\r\n"

    assert judged(packet).code == "User Authentication Expired"


def test_lines_that_a_server_sends_before_an_error_are_passed_over() -> None:
    packet = 'INFO {"server_id":"N"}\r\nPING\r\n-ERR \'maximum connections exceeded\'\r\n'

    assert judged(packet).code == "maximum connections exceeded"


def test_a_packet_without_an_error_is_unknown() -> None:
    assert not judged("PING\r\nPONG\r\n").known


def test_an_error_in_the_payload_of_a_message_is_none() -> None:
    assert not judged("MSG a 1 24\r\n-ERR 'Stale Connection'\r\n\r\n").known
    assert not judged("PING\r\nMSG a 1 24\r\n-ERR 'Stale Connection'\r\n\r\n").known


@pytest.mark.parametrize("raw", ["-ERR", "-ERR \r\n", "-ERR ''\r\n", "-ERR '\r\n", "-ERR 'no such text'\r\n"], ids=repr)
def test_an_error_without_a_known_text_is_unknown_and_of_nats(raw: str) -> None:
    error = judged(raw)

    assert (error.protocol, error.section, error.category) == ("nats", "error", "unknown")


def test_a_subject_keeps_its_letters_on_the_wire() -> None:
    error = judged("-ERR 'Permissions Violation for Publish to \"P.No\"'\r\n")

    assert error.params == {"subject": "P.No"}


@pytest.mark.parametrize(
    "raw", ['nats: permissions violation for publish to "p.no"', 'permissions violation for publish to "p.no"']
)
def test_parameters_out_of_a_lowered_text_are_marked(raw: str) -> None:
    error = judged(raw)

    assert error.code == "Permissions Violation for Publish"
    assert (error.params, error.lossy) == ({"subject": "p.no"}, True)


def test_all_parameters_of_a_subscription_are_taken_out() -> None:
    error = judged('-ERR \'Permissions Violation for Subscription to "a.>" using queue "q" (sid "12")\'\r\n')

    assert error.params == {"subject": "a.>", "queue": "q", "sid": "12"}


def test_the_kind_that_the_go_client_names_first_is_passed_over() -> None:
    error = judged('nats: permissions violation: Permissions Violation for Subscription to "A.b"')

    assert (error.code, error.params) == ("Permissions Violation for Subscription", {"subject": "A.b"})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nats: connection closed", "nats.errors.ConnectionClosedError"),
        ("nats: maximum payload exceeded", "nats.errors.MaxPayloadError"),
        ("nats: timeout", "nats.errors.TimeoutError"),
        ("nats: no servers available for connection", "nats.errors.NoServersError"),
        ("nats: key not found: expected 'a', but got 'b'", "nats.js.errors.KeyNotFoundError"),
        ("nats: slow consumer, messages dropped subject: a.b, sid: 3, sub: <Subscription>", "nats.errors.SlowConsumerError"),
    ],
    ids=repr,
)
def test_the_words_of_the_library_itself_go_before_the_same_words_of_the_server(text: str, code: str) -> None:
    error = judged(text)

    assert (error.section, error.code) == ("client", code)


@pytest.mark.parametrize(
    ("text", "section", "code"),
    [
        ("nats: NotFoundError: code=404 err_code=10059 description='stream not found'", "jetstream", "10059"),
        ("nats: APIError: code=409 err_code=None description='Consumer Deleted'", "status", "409 Consumer Deleted"),
        ("nats: APIError: code=409 err_code=None description='Never heard of'", "status", "409"),
        (
            "nats: ServiceUnavailableError: code=None err_code=None description='None'",
            "client",
            "nats.js.errors.ServiceUnavailableError",
        ),
        ("nats: JetStream.InvalidBucketNameError ", "client", "nats.js.errors.InvalidBucketNameError"),
        ("nats: JetStream.Error cannot create queue subscription 'a' to consumer 'b'", "client", "cannot create subscription"),
    ],
    ids=repr,
)
def test_the_text_of_an_api_error_holds_its_codes(text: str, section: str, code: str) -> None:
    error = judged(text)

    assert (error.section, error.code) == (section, code)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("NATS/1.0 503\r\n\r\n", "503"),
        ("NATS/1.0 503\r\nNats-Subject: nobody.home\r\n\r\n", "503"),
        ("NATS/1.0 503 No Responders\r\n\r\n", "503"),
        ("NATS/1.0 409 Consumer Deleted\r\n\r\n", "409 Consumer Deleted"),
        ("NATS/1.0 409 Consumer Deleted", "409 Consumer Deleted"),
        ("NATS/1.0 409 Exceeded MaxRequestBatch of 5\r\n\r\n", "409 Exceeded MaxRequestBatch"),
        ("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\nNats-Pending-Bytes: 0\r\n\r\n", "408 Request Timeout"),
        ("NATS/1.0 400 Bad Request - Invalid Priority Group\r\n\r\n", "400 Bad Request"),
        ("NATS/1.0 500 anything at all\r\n\r\n", "500"),
        ("NATS/1.0 409 Of Tomorrow\r\n\r\n", "409"),
        (b"NATS/1.0 404 No Messages\r\n\r\n", "404 No Messages"),
    ],
    ids=repr,
)
def test_a_header_block_goes_by_its_description_then_by_its_number(block: str | bytes, code: str) -> None:
    error = judged(block)

    assert (error.section, error.code, error.terminal) == ("status", code, False)


def test_the_subject_that_nobody_serves_is_a_parameter() -> None:
    assert judged("NATS/1.0 503\r\nNats-Subject: nobody.home\r\n\r\n").params == {"subject": "nobody.home"}


def test_an_error_of_a_micro_service_is_known_by_its_headers() -> None:
    error = judged("NATS/1.0\r\nNats-Service-Error: no stock\r\nNats-Service-Error-Code: 409\r\n\r\n")

    assert (error.section, error.code, error.reason, error.text) == ("service", "409", "protocol.conflict", "no stock")


@pytest.mark.parametrize(
    ("code", "reason"),
    [("503", "transport.unavailable"), ("429", "limits.rate"), ("418", "protocol.rejected"), ("599", "transport.internal")],
)
def test_a_micro_service_is_judged_by_its_code_in_every_form(code: str, reason: str) -> None:
    headers = judged(f"NATS/1.0\r\nNats-Service-Error: no\r\nNats-Service-Error-Code: {code}\r\n\r\n")
    decoded = normalize({"Nats-Service-Error": "no", "Nats-Service-Error-Code": code}, "nats")
    raised = normalize(ReportedException(("nats.micro.request.ServiceError",), f"{code}:no", {"code": code}), "nats")

    assert {headers.reason, decoded.reason, raised.reason} == {reason}


def test_a_micro_service_that_says_no_code_is_an_error_of_a_service() -> None:
    error = judged("NATS/1.0\r\nNats-Service-Error: no\r\nNats-Service-Error-Code: oops\r\n\r\n")

    assert (error.section, error.code) == ("client", "nats.micro.request.ServiceError")


def test_nats_core_says_in_a_built_in_exception_that_a_connection_is_closed() -> None:
    assert normalize(RuntimeError("Connection is closed"), "nats").recovery == "reconnect"
    assert not normalize(RuntimeError("Connection is closed too soon"), "nats").known


@pytest.mark.parametrize("block", ["NATS/1.0\r\nA: b\r\n\r\n", "NATS/1.0", "NATS/1.0 ٤٠٤ x", "NATS/1.0 4040 x"], ids=repr)
def test_headers_without_a_status_are_unknown(block: str) -> None:
    assert not judged(block).known


@pytest.mark.parametrize(
    "frame",
    [
        b"\x03\xf0Authentication Failure",
        "1008 Authentication Failure",
        "1008: Authentication Failure",
        "received 1008 (policy violation) Authentication Failure; then sent 1008 (policy violation) Authentication Failure",
        {"code": 1008, "reason": "Authentication Failure"},
    ],
    ids=repr,
)
def test_the_reason_in_a_close_frame_is_a_close_reason(frame: object) -> None:
    error = judged(frame)

    assert (error.section, error.code, error.terminal) == ("close", "AuthenticationViolation", True)
    assert seen(frame).closed is True


@pytest.mark.parametrize(
    "raw",
    ["<a/>", "  <stream:error/>", b"<a/>", "{}", '{"a": 1}', None, 7, pytest.param(object(), id="object"), [], {}],
    ids=repr,
)
def test_what_is_of_somebody_else_gives_nothing(raw: object) -> None:
    assert observe(raw) is None


@pytest.mark.parametrize("raw", ["", " ", "{", "[", "no such thing", "{not json}", b"\xff\xfe"], ids=repr)
def test_any_other_text_is_asked_of_every_section(raw: str | bytes) -> None:
    assert seen(raw).section is None


def test_text_is_kept_within_bounds() -> None:
    signal = seen("-ERR '" + "x" * 1_000_000 + "'\r\n")

    assert signal.text is not None
    assert signal.code is not None
    assert len(signal.text) == 4096
    assert len(signal.code) <= 65536
