"""Lines of the log of nats-server, as they stand in a file and as operators paste them."""

from __future__ import annotations

import pytest

from errnorm import NormalizedError, normalize
from errnorm_adapters.nats import observe
from errnorm_adapters.nats.log import observe_line

TIME = "[4711] 2026/11/22 22:30:48.190000 "
FROM = "127.0.0.1:49092 - cid:7 - "
NAMED = '127.0.0.1:49092 - cid:7 - "v1:python:app" - "A/user:a" - '


def judged(line: str) -> NormalizedError:
    return normalize(line, "nats")


@pytest.mark.parametrize(
    "frame",
    [
        TIME + "[ERR] " + FROM,
        TIME + "[\x1b[31mERR\x1b[0m] " + FROM,
        TIME + "[ERR] " + NAMED,
        TIME + '[ERR] 127.0.0.1:49092 - cid:7 - "v1:python:a \\"b\\" - cid:9" - ',
        TIME + "[ERR] [::1]:49092 - wid:7 - ",
        TIME + '[ERR] 10.0.0.1/127.0.0.1:49092 - mid_ws:7 - "client" - ',
        TIME + "[ERR] ",
        "[4711] [ERR] " + FROM,
        "2026/11/22 22:30:48 [ERR] " + FROM,
        "[ERR] " + FROM,
        FROM,
        "Nov 22 22:30:48 host nats-server[4711]: " + TIME + "[ERR] " + FROM,
        "2026-11-22T22:30:48.1Z stdout F " + TIME + "[ERR] " + FROM,
        "2026-11-22T22:30:48+0000 host nats-server[4711]: " + TIME + "[ERR] " + FROM,
        "nats-1  | " + TIME + "[ERR] " + FROM,
    ],
    ids=repr,
)
def test_the_frame_of_a_line_comes_off(frame: str) -> None:
    error = judged(frame + 'Publish Violation - Subject "p.no"\n')

    assert (error.section, error.code) == ("log", "Publish Violation - Subject")
    assert error.params["subject"] == "p.no"


def test_the_connection_is_kept() -> None:
    error = judged(TIME + "[ERR] " + NAMED + 'authentication error - User "a"')

    assert error.params == {"address": "127.0.0.1:49092", "cid": 7, "user": "a"}


@pytest.mark.parametrize(
    ("suffix", "params"),
    [
        (" - Account:A", {"account": "A"}),
        (" - Account:A - user:bob", {"account": "A", "user": "bob"}),
        (" - Account:A/x y - nkey:UABC", {"account": "A/x y", "user": "UABC"}),
        (" - user:bob", {"user": "bob"}),
        (" - token", {}),
    ],
    ids=repr,
)
def test_account_and_user_behind_a_line_come_off_and_are_kept(suffix: str, params: dict[str, str]) -> None:
    error = judged(TIME + "[ERR] maximum connections exceeded" + suffix)

    assert (error.code, error.params) == ("maximum connections exceeded", params)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('authentication error - User "a"', "authentication error - User"),
        ('authentication error - Nkey "UABC"', "authentication error - User"),
        ("authentication error", "authentication error"),
        ("maximum payload exceeded: 20 vs 10", "maximum payload exceeded (log)"),
        ('Publish Violation - Reply "_R_.x"', "Publish Violation - Reply"),
        ('Subscription Violation - Subject "s.no", SID 1', "Subscription Violation - Subject"),
        ('Subscription Violation - Subject "s.no", Queue: "q", SID 1', "Subscription Violation - Subject"),
        ("Slow Consumer Detected: MaxPending of 200000 Exceeded", "Slow Consumer Detected: MaxPending Exceeded"),
        (
            "Slow Consumer Detected: WriteDeadline of 300ms exceeded with 15 chunks of 900020 total bytes.",
            "Slow Consumer Detected: WriteDeadline exceeded",
        ),
        ("TLS handshake error: tls: first record does not look like a TLS handshake", "TLS handshake error"),
        ("TLS handshake error: EOF", "TLS handshake error"),
        ("Client parser ERROR, state=0, i=154: proto='\"GET / HTTP\"...'", "parser ERROR"),
        ('processPub Bad or Missing Size: "ok.1 z"', "processPub Bad or Missing Size"),
        ("invalid character 'n' looking for beginning of object key string", "invalid JSON"),
        ('Problem registering with account "A": bad account', "Problem registering with account"),
        ("Account fetch failed: fetching jwt timed out", "Account fetch failed"),
        ("Error trying to connect to route (attempt 3): dial tcp 10.0.0.1:6222: i/o timeout", "Error trying to connect to route"),
        ("JetStream cluster stream 'A > S' has NO quorum, stalled", "JetStream cluster stream has NO quorum, stalled"),
        ("Entering lame duck mode, stop accepting new clients", "Entering lame duck mode, stop accepting new clients"),
    ],
    ids=repr,
)
def test_a_line_finds_its_row(body: str, code: str) -> None:
    assert judged(TIME + "[ERR] " + FROM + body).code == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("Client connection closed: Slow Consumer (Pending Bytes)", "SlowConsumerPendingBytes"),
        ("Router connection closed: Duplicate Route - Remote: NABC", "DuplicateRoute"),
        ("Leafnode connection closed: Incorrect Port", "WrongPort"),
        ("Gateway connection closed: Wrong Gateway", "WrongGateway"),
    ],
    ids=repr,
)
def test_a_closed_connection_is_its_close_reason(body: str, code: str) -> None:
    line = TIME + "[DBG] " + FROM + body
    signal = observe(line)

    assert signal is not None
    assert signal.closed is True
    assert (judged(line).section, judged(line).code) == ("close", code)


def test_an_error_that_the_server_received_is_that_error() -> None:
    assert judged(TIME + "[ERR] " + FROM + "Leafnode Error 'Authorization Violation'").code == "Authorization Violation"


def test_an_error_of_a_peers_own_words_is_still_an_error_of_a_peer() -> None:
    assert judged(TIME + "[ERR] " + FROM + "Client Error 'foo'").code == "Client Error"


def test_a_traced_error_is_that_error() -> None:
    error = judged(TIME + "[TRC] " + NAMED + '->> [-ERR Permissions Violation for Publish to "P.no"]')

    assert (error.code, error.params["subject"]) == ("Permissions Violation for Publish", "P.no")


def test_a_line_wrapped_into_json_by_a_container_runtime_is_read() -> None:
    wrapped = {"log": TIME + "[ERR] " + FROM + "maximum payload exceeded: 20 vs 10\n", "stream": "stderr"}

    assert judged_document(wrapped).params["size"] == 20


def judged_document(document: dict[str, str]) -> NormalizedError:
    return normalize(document, "nats")


def test_a_key_named_log_that_holds_no_line_is_nothing() -> None:
    assert observe({"log": "Stale Connection"}) is None


@pytest.mark.parametrize(
    "text",
    [
        "Stale Connection",
        'Permissions Violation for Publish to "[ERR] Stale Connection"',
        "a peer wrote [1] 2026/11/22 22:30:48 [ERR] Stale Connection",
        'authentication error - User "x - cid:1 - Stale Connection"',
        "Kicked by somebody - cid:7 - Stale Connection",
    ],
    ids=repr,
)
def test_what_only_looks_like_a_frame_further_on_is_none(text: str) -> None:
    assert observe_line(text) is None


@pytest.mark.parametrize("name", ["a - user:b", "x - Account:y", 'q\\" - token', "[ERR] Kicked", "- cid:1 - Kicked"], ids=repr)
def test_a_name_cannot_end_its_line(name: str) -> None:
    error = judged(TIME + "[ERR] " + FROM + f'authentication error - User "{name}"')

    assert (error.code, error.params["user"]) == ("authentication error - User", name)


@pytest.mark.parametrize(
    ("line", "code", "place"),
    [
        ("nats-server: a.conf:1:0: server name cannot contain spaces\n", "server name cannot contain spaces", "a.conf:1:0"),
        (
            'nats-server: a.conf:7:1: Error adding stream import "x": stream import prefix can not contain wildcard tokens',
            "stream import prefix can not contain wildcard tokens",
            "a.conf:7:1",
        ),
        ('nats-server: a.conf:1:0: unknown field "foo"', "unknown field", "a.conf:1:0"),
        (
            "nats-server: cluster name conflicts between cluster and gateway definitions",
            "cluster name conflicts between cluster and gateway definitions",
            None,
        ),
    ],
    ids=repr,
)
def test_a_refused_configuration_is_read_where_the_program_printed_it(line: str, code: str, place: str | None) -> None:
    error = judged(line)

    assert (error.code, error.params.get("place")) == (code, place)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nats-server: websocket requires TLS configuration", "nats-server:"),
        ("nats-server: /etc/nats.conf:3:1: something that no version has said so far", "nats-server:"),
        ("[1] 2026/01/01 00:00:00.000000 [FTL] Could not write pidfile: open /nope: denied", "Could not write pidfile: {text}"),
        ("[1] 2026/01/01 00:00:00.000000 [\x1b[31mFTL\x1b[0m] something that no version has said so far", "[FTL]"),
    ],
)
def test_a_server_that_does_not_start_is_misconfigured_whatever_it_says(line: str, code: str) -> None:
    error = judged(line)

    assert (error.row.key if error.row else "", str(error.reason), error.terminal) == (code, "protocol.configuration", True)


def test_an_error_in_a_running_server_does_not_fall_to_the_row_of_fatal_ones() -> None:
    assert not judged("[1] 2026/01/01 00:00:00.000000 [ERR] FTL something that no version has said so far").known
