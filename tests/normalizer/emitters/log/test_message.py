"""Sentences of the log: the same from every logger, whatever stands in the words of a peer or of an application."""

from __future__ import annotations

import logging
import ssl

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

import errnorm
from errnorm import Decision, Recovery, Verdict
from errnorm.emitters.attributes import circumstances
from errnorm.emitters.log.message import message, recovered
from errnorm.emitters.log.writers import write_with_logging
from errnorm.emitters.severity import Severity
from errnorm.fault import Fault
from errnorm.settings import Settings


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _written(fault: Fault) -> tuple[str, str]:
    """Return the sentence, and what `logging` makes of it."""
    sentence, handler, logger = message(fault, Settings(), "nats.error"), _Kept(), logging.getLogger("errnorm")
    logger.addHandler(handler)
    try:
        write_with_logging(Severity.ERROR, sentence, {})
    finally:
        logger.removeHandler(handler)
    return str(sentence), handler.said[-1]


@given(
    words=st.text(st.sampled_from("ab %sd(){}")), operation=st.text(st.sampled_from("ab %s")), peer=st.none() | st.just("a%sb")
)
def test_logging_writes_percent_signs_as_they_are(words: str, operation: str, peer: str | None) -> None:
    fault = Fault(errnorm.normalize(f"nats: {words}", "nats"), operation=operation, peer=peer, outcome="failed")
    sentence, written = _written(fault)
    assert written == sentence


def test_a_program_that_judged_an_unknown_error_itself_is_quoted() -> None:
    decision = Decision(Verdict.ABORT, Recovery.ABANDON, None, "term: ValueError: 5% of the message is bad")
    fault = Fault(errnorm.normalize(ValueError("no amount")), operation="process", decision=decision, outcome="failed")
    _, written = _written(fault)
    assert written.endswith("(abort: term: ValueError: 5% of the message is bad)")


def _said(raw: object, **known: object) -> str:
    return str(message(Fault(errnorm.normalize(raw, "nats"), **known), Settings(), "nats.error"))  # type: ignore[arg-type]


def test_the_message_of_a_failure_is_the_one_of_the_contract() -> None:
    decision = errnorm.decide(nats.errors.MaxPayloadError())
    assert _said(nats.errors.MaxPayloadError(), operation="publish", decision=decision) == (
        "nats publish failed: limits.size: maximum payload exceeded (abort: change the request)"
    )
    again = Decision(Verdict.RETRY, Recovery.WAIT, 0.2, "")
    known = {"operation": "request", "peer": "orders", "attempt": 2, "decision": again, "outcome": "retried"}
    assert _said(nats.errors.NoRespondersError(), **known) == (
        "nats request to orders failed: transport.unavailable (attempt 2, again in 0.2 s)"
    )


@pytest.mark.parametrize(
    ("known", "place", "fields"),
    [
        ({"server": "n1:4222"}, "n1:4222", {"server.address": "n1", "server.port": 4222}),
        ({"server": "nats://ann:secret@n1:4222"}, "nats://n1:4222", {"server.address": "n1", "server.port": 4222}),
        ({"server": "[::1]:4222"}, "[::1]:4222", {"server.address": "::1", "server.port": 4222}),
        ({"server": "capulet.lit"}, "capulet.lit", {"server.address": "capulet.lit"}),
        ({"server": "n1:4222", "peer": "prod"}, "prod (n1:4222)", {"server.address": "n1", "server.port": 4222}),
        ({"server": "n1:4222", "peer": "nats://n1:4222"}, "nats://n1:4222", {"server.address": "n1", "server.port": 4222}),
    ],
)
def test_a_fault_of_a_connection_says_at_which_server_it_happened(
    known: dict[str, str], place: str, fields: dict[str, object]
) -> None:
    stale = Fault(errnorm.normalize("-ERR 'Stale Connection'", "nats"), operation="serve", outcome="background", **known)  # type: ignore[arg-type]
    said = str(message(stale, Settings(), "nats.error"))

    assert said.startswith(f"nats connection to {place} error: transport.stale: Stale Connection")
    told = circumstances(stale)
    assert {name: value for name, value in told.items() if name.startswith("server.")} == fields
    assert "secret" not in f"{said} {told}"


def test_the_end_of_an_outage_says_that_the_client_is_connected_again() -> None:
    assert recovered("nats", None, "n1:4222", 12.3) == "nats connection to n1:4222: connected again after 12 s"
    assert recovered("nats", "process", None, 12.3) == "nats process: works again after 12 s"


def test_the_meaning_of_a_reason_keeps_its_abbreviations_and_leaves_out_its_second_part() -> None:
    assert "transport.tls: TLS could not be set up (" in _said(ssl.SSLError(1, "x"), operation="connect")
    assert "transport.lost: the connection broke (" in _said(ConnectionResetError(104, "reset"), operation="connect")


@pytest.mark.parametrize("raw", ["-ERR '\x1b[31mred'", {"closed": 1, "reason": "Client Closed"}, "-ERR '10.0.0.1'"])
def test_an_unknown_error_without_a_word_of_its_own_is_not_shown_as_a_placeholder(raw: object) -> None:
    said = _said(raw, outcome="background")

    assert "<" not in said
    assert ": unknown: its text matches no row and is not shown" in said
