"""JSON documents of NATS: what the adapter knows, and what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from errnorm import NormalizedError, normalize
from errnorm_adapters.nats import observe

ENTRY = {
    "cid": 7,
    "kind": "Client",
    "type": "nats",
    "ip": "127.0.0.1",
    "port": 49092,
    "start": "2026-11-22T22:30:47.993940716Z",
    "stop": "2026-11-22T22:30:48.397840644Z",
    "reason": "Kicked",
    "uptime": "0s",
    "name": "appname",
}
EVENT = {
    "type": "io.nats.server.advisory.v1.client_disconnect",
    "id": "hzuD62lm80XajCWr5dc2CA",
    "timestamp": "2026-11-22T22:30:48.397840644Z",
    "server": {"name": "N", "host": "127.0.0.1", "ver": "2.15.1"},
    "client": {"host": "127.0.0.1", "id": 7, "acc": "A", "user": "a", "name": "appname", "kind": "Client"},
    "sent": {"msgs": 0, "bytes": 0},
    "reason": "Slow Consumer (Write Deadline)",
}
REPLY = {
    "type": "io.nats.jetstream.api.v1.stream_info_response",
    "error": {"code": 404, "err_code": 10059, "description": "stream not found"},
}


def judged(document: Any) -> NormalizedError:
    return normalize(document, "nats")


@pytest.mark.parametrize(
    ("document", "section", "code"),
    [
        (ENTRY, "close", "Kicked"),
        (EVENT, "close", "SlowConsumerWriteDeadline"),
        ({"connections": [{"cid": 1, "ip": "::1"}, ENTRY]}, "close", "Kicked"),
        ({"close_reason": "Slow Consumer (Pending Bytes)"}, "close", "SlowConsumerPendingBytes"),
        ({"close_reason": "slow consumer (pending bytes)"}, "close", "SlowConsumerPendingBytes"),
        ({"reason": "Kicked"}, "close", "Kicked"),
        (REPLY, "jetstream", "10059"),
        (REPLY["error"], "jetstream", "10059"),
        ({"error": {"code": 503, "err_code": 99999, "description": "of tomorrow"}}, "api", "503"),
        ({"type": "io.nats.jetstream.api.v1.x", "error": {"code": 503}}, "api", "503"),
        (
            {"error": {"code": 400, "err_code": 10071, "description": "wrong last sequence: 5"}, "stream": "S", "seq": 0},
            "jetstream",
            "10071",
        ),
        ({"Status": "409", "Description": "Consumer Deleted"}, "status", "409 Consumer Deleted"),
        ({"Status": "503", "Description": "\nNats-Subject: nobody.home"}, "status", "503"),
        (
            {"type": "io.nats.jetstream.advisory.v1.max_deliver", "stream": "S"},
            "advisory",
            "io.nats.jetstream.advisory.v1.max_deliver",
        ),
        (
            {"type": "io.nats.jetstream.advisory.v1.api_audit", "response": json.dumps(REPLY)},
            "jetstream",
            "10059",
        ),
        (
            {"type": "io.nats.jetstream.advisory.v1.api_audit", "response": '{"type":"x"}'},
            "advisory",
            "io.nats.jetstream.advisory.v1.api_audit",
        ),
        ({"status": "unavailable", "status_code": 503, "error": "JetStream is not current"}, "log", "Healthcheck failed"),
    ],
)
@pytest.mark.parametrize("form", ["decoded", "text", "bytes"])
def test_a_document_is_known_decoded_and_as_text(document: dict[str, Any], section: str, code: str, form: str) -> None:
    raw = {"decoded": document, "text": json.dumps(document, indent=1), "bytes": json.dumps(document).encode()}[form]
    error = judged(raw)

    assert (error.section, error.code) == (section, code)


@pytest.mark.parametrize("document", [ENTRY, EVENT, {"close_reason": "Maximum Subscriptions Exceeded"}], ids=repr)
def test_a_close_reason_says_that_the_connection_ended(document: dict[str, Any]) -> None:
    signal = observe(document)

    assert signal is not None
    assert signal.closed is True
    assert judged(document).terminal


def test_the_connection_of_an_entry_is_kept() -> None:
    assert judged(ENTRY).params == {"cid": 7, "host": "127.0.0.1"}


def test_the_connection_of_an_event_is_kept() -> None:
    assert judged(EVENT).params == {"cid": 7, "host": "127.0.0.1", "account": "A", "user": "a"}


@pytest.mark.parametrize(
    "reason",
    [
        "Error validating user JWT: no such user",
        "Auth callout service returned an error: no",
        'Authorization callout response not received in time on account "AUTH"',
    ],
    ids=repr,
)
def test_an_event_may_give_the_reason_of_an_auth_callout(reason: str) -> None:
    assert judged(EVENT | {"reason": reason}).category == "auth"


def test_a_close_reason_of_tomorrow_is_unknown_and_terminal() -> None:
    error = judged({"close_reason": "Of Tomorrow"})

    assert (error.category, error.terminal, error.protocol) == ("unknown", True, "nats")


@pytest.mark.parametrize(
    "document",
    [
        {"error": "not found"},
        {"error": {"code": 404, "message": "not found"}},
        {"error": {"code": "ENOENT", "description": "x"}},
        {"error": {"code": True, "description": "x"}},
        {"status": 404, "title": "Not Found"},
        {"reason": "Kicked", "who": "somebody else"},
        {"reason": 7},
        {"connections": []},
        {"connections": "none"},
        {"connections": [1, None, {"cid": 1}]},
        {"type": "io.nats.jetstream.api.v1.stream_info_response", "config": {}},
        {"stream": "S", "seq": 1},
        {"cid": 7, "ip": "::1"},
        {1: 2},
    ],
    ids=repr,
)
def test_other_peoples_documents_and_good_news_give_nothing(document: dict[object, object]) -> None:
    assert observe(document) is None


def test_a_large_document_is_looked_at_within_bounds() -> None:
    assert observe({"connections": [{"cid": number} for number in range(5000)] + [ENTRY]}) is None


@pytest.mark.parametrize("indent", [None, 2])
def test_the_beginning_of_a_document_that_is_longer_than_what_is_read_is_enough(indent: int | None) -> None:
    entries = [{"cid": 1, "name": "still open"}, ENTRY, *({"cid": number, "name": "x" * 99} for number in range(3000))]
    text = json.dumps({"server_id": "N", "num_connections": len(entries), "connections": entries}, indent=indent)

    assert len(text) > 65536
    assert judged(text).code == "Kicked"


@pytest.mark.parametrize(
    "text", ['{"connections": [', '{"connections": [ {"cid": 1, "rea', '{"connections": [7, {"reason": "Kicked"']
)
def test_a_document_that_breaks_off_before_any_reason_is_no_error(text: str) -> None:
    assert not judged(text).known


def test_json_that_is_nested_too_deeply_is_text() -> None:
    signal = observe('{"a":' * 10_000)

    assert signal is not None
    assert signal.section is None
