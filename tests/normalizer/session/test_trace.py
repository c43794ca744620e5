"""A recorded session can be lived again, and gives nothing away."""

from __future__ import annotations

import json

import errnorm
from errnorm.session import (
    Closed,
    Closing,
    CredentialsChanged,
    DialFailed,
    Dialling,
    Ended,
    HandlerFailed,
    Said,
    Session,
    Up,
)
from errnorm.session.trace import Trace, replay

PRIVATE = "private"
POOL = frozenset({f"{PRIVATE}-a:4222", f"{PRIVATE}-b:4222"})


def recorded() -> list[str]:
    """Return the trace of a session with a fact of every kind."""
    lines: list[str] = []
    session = Session(abort=True)
    trace = Trace(session, lines.append)
    denied = errnorm.normalize(f"-ERR 'Permissions Violation for Publish to \"{PRIVATE}\"'\r\n")
    refused = errnorm.normalize(f"nats: '{PRIVATE}'", "nats")
    for fact in (
        Dialling(server=f"{PRIVATE}-a:4222"),
        DialFailed(error=refused, server=f"{PRIVATE}-a:4222", pool=POOL),
        CredentialsChanged(),
        Up(server=f"{PRIVATE}-b:4222"),
        Said(error=denied),
        HandlerFailed(error=errnorm.normalize(ConnectionRefusedError(111, PRIVATE)), operation="on_order"),
        Ended(error=errnorm.normalize("-ERR 'Stale Connection'\r\n"), times=3),
        Closing(),
        Closed(),
    ):
        trace.add(fact, session.receive(fact))
    return lines


def test_it_is_lived_again_as_it_was() -> None:
    lines = recorded()
    answers = list(replay(lines))
    assert [told for told, _ in answers] == [again for _, again in answers]
    assert [len(told) for told, _ in answers] == [0, 1, 0, 0, 1, 1, 1, 0, 0]
    assert answers[4][0][0]["tell"] == "auth.forbidden"
    assert answers[6][1][0]["attempt"] == 3


def test_a_change_of_mind_shows() -> None:
    lines = [line.replace('"terminal": true', '"terminal": false') for line in recorded()]
    lines[7] = lines[7].replace('"reason": "transport.stale"', '"reason": "transport.lost"')
    told, again = list(replay(lines))[6]
    assert (told[0]["tell"], again[0]["tell"]) == ("transport.stale", "transport.lost")


def test_it_holds_no_words_of_a_peer_and_no_addresses() -> None:
    lines = recorded()
    assert PRIVATE not in "".join(lines)
    assert json.loads(lines[2])["server"] == json.loads(lines[1])["server"] == "server-1"
    assert len(json.loads(lines[2])["pool"]) == 2


def test_a_client_that_is_sent_around_without_end_does_not_fill_the_memory() -> None:
    lines: list[str] = []
    trace = Trace(Session(), lines.append)
    for number in range(3000):
        trace.add(Up(server=str(number)), [])
    assert max(int(json.loads(line)["server"].partition("-")[2]) for line in lines[1:]) == 1024
