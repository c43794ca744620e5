"""The life of one session, by example: decisions, health, and sessions that somebody else opens again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm.session import (
    Close,
    Closed,
    Closing,
    CredentialsChanged,
    DialFailed,
    Dialling,
    Ended,
    HandlerFailed,
    Next,
    Said,
    Session,
    State,
    Status,
    Tell,
    Up,
)
from errnorm.taxonomy import Reason, Recovery
from tests.normalizer.session import kit

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

POOL = frozenset({"a", "b"})


def told(session: Session, *facts: object) -> list[Tell]:
    """Return what is told of some facts."""
    return [output for fact in facts for output in session.receive(fact) if isinstance(output, Tell)]  # type: ignore[arg-type]


def up(**options: Any) -> Session:
    """Return a session that is up."""
    session = Session(**options)
    session.receive(Up(server="a"))
    return session


def test_a_refused_password_gets_a_second_chance_which_is_told_as_one() -> None:
    session = Session(abort=True)
    [first] = told(session, DialFailed(error=kit.refused()))
    assert first.decision is not None
    assert (first.decision.retry, first.decision.step, first.next) == (True, Recovery.REAUTHENTICATE, Next.RECONNECTING)
    second = session.receive(DialFailed(error=kit.refused()))
    assert [type(output) for output in second] == [Tell, Close]
    assert isinstance(second[0], Tell)
    assert second[0].decision is not None
    assert (second[0].decision.retry, second[0].next, second[0].attempt) == (False, Next.CLOSED, 2)


def test_the_first_refusal_is_final_for_a_client_that_keeps_its_credentials_until_it_gets_others() -> None:
    session = Session(rereads=False, by_hand=True)
    [first] = told(session, DialFailed(error=kit.refused(), next=Next.CLOSED))
    assert first.decision is not None
    assert (first.decision.retry, session.status) == (False, Status.HOPELESS)
    told(session, CredentialsChanged())
    assert session.status is Status.RECOVERING


@pytest.mark.parametrize("follows", [True, False])
def test_a_redirect_that_the_client_does_not_follow_is_final(follows: bool) -> None:
    session = up(abort=True)
    outputs = session.receive(Said(error=kit.moved(), follows=follows))
    assert any(isinstance(output, Close) for output in outputs) is not follows


def test_what_an_adapter_counts_over_connections_is_told_as_the_number_of_the_attempt() -> None:
    session = up()
    numbers = []
    for times in (1, 2, 3):
        [tell] = told(session, Said(error=kit.moved(), times=times))
        numbers.append(tell.attempt)
        told(session, Ended(error=None), Up())
    assert numbers == [1, 2, 3]


def test_other_credentials_make_a_refusal_the_first_one_again() -> None:
    session = Session(abort=True)
    told(session, DialFailed(error=kit.refused()), CredentialsChanged())
    [tell] = told(session, DialFailed(error=kit.refused()))
    assert tell.next is Next.RECONNECTING
    assert session.health().alive


def test_a_refusal_after_an_outage_of_the_server_is_still_the_second_one() -> None:
    session = Session(abort=True)
    told(session, DialFailed(error=kit.refused()), DialFailed(error=kit.unreachable()), DialFailed(error=kit.refused()))
    assert session.state is State.CLOSED


def test_one_bad_server_of_two_is_not_hopeless_and_what_is_told_says_that_it_goes_on() -> None:
    session = up(abort=True)
    told(session, Ended(error=kit.lost(), server="a", pool=POOL))
    for _ in range(5):
        [tell] = told(session, DialFailed(error=kit.untrusted(), server="b", pool=POOL))
        assert tell.decision is not None
        assert (tell.decision.retry, tell.next) == (True, Next.RECONNECTING)
        told(session, DialFailed(error=kit.unreachable(), server="a", pool=POOL))
    assert session.health().status is Status.RECOVERING
    told(session, Up(server="a"))
    assert session.health().up


def test_a_pool_that_grows_gives_hope_again() -> None:
    session = Session()
    told(session, DialFailed(error=kit.untrusted(), server="a", pool=frozenset({"a"})))
    assert session.health().status is Status.HOPELESS
    told(session, DialFailed(error=kit.untrusted(), server="a", pool=POOL))
    assert session.health().status is Status.RECOVERING


def test_a_dial_without_an_answer_is_worth_another_connection() -> None:
    [tell] = told(Session(abort=True), DialFailed(error=kit.silent()))
    assert (tell.error.terminal, tell.error.recovery, tell.next) == (True, Recovery.RECONNECT, Next.RECONNECTING)
    assert tell.decision is not None
    assert tell.decision.step is Recovery.RECONNECT


def test_what_is_remembered_of_failed_dials_dies_when_it_is_up() -> None:
    session = Session()
    told(session, *[DialFailed(error=kit.unreachable())] * 3, Up())
    [tell] = told(session, Ended(error=kit.lost()))
    assert (tell.error.reason, tell.attempt, tell.operation) == (Reason.TRANSPORT_LOST, 1, "serve")


def test_attempts_are_counted_from_the_end_of_the_session() -> None:
    session = up()
    tells = told(session, Ended(error=kit.lost()), *[DialFailed(error=kit.unreachable())] * 2)
    assert [(tell.operation, tell.attempt) for tell in tells] == [("serve", 1), ("connect", 2), ("connect", 3)]


def test_words_of_the_peer_say_more_than_those_of_the_socket_before_them() -> None:
    session = up()
    assert told(session, Said(error=kit.lost())) == []
    assert [tell.error.reason for tell in told(session, Ended(error=kit.kicked()))] == [Reason.LIMITS_CONNECTIONS]


def test_a_client_that_closes_is_told_as_an_abort_unless_somebody_connects_it_again() -> None:
    fact = Ended(error=kit.kicked(), next=Next.CLOSED)
    [tell] = told(up(), fact)
    assert tell.decision is not None
    assert (tell.decision.retry, tell.decision.step) == (False, Recovery.RECONNECT)
    [tell] = told(up(by_hand=True), fact)
    assert tell.decision is not None
    assert tell.decision.retry
    assert tell.decision.delay is not None


def test_health_has_the_pause_for_whoever_connects_by_hand() -> None:
    session = up(by_hand=True)
    told(session, Ended(error=kit.lost(), next=Next.CLOSED))
    decision = session.health().decision
    assert decision is not None
    assert decision.delay is not None
    assert 0 <= decision.delay <= 10


def test_a_client_that_stops_trying_is_hopeless_and_closed_if_asked_for() -> None:
    stuck = DialFailed(error=kit.strange(), next=Next.NOTHING)
    session = up()
    told(session, Ended(error=kit.lost()), stuck)
    assert (session.health().status, session.health().alive) == (Status.HOPELESS, False)
    session = up(abort=True)
    told(session, Ended(error=kit.lost()))
    assert any(isinstance(output, Close) for output in session.receive(stuck))


def test_giving_up_is_told_for_the_reason_of_the_last_failure() -> None:
    session = up()
    told(session, Ended(error=kit.lost()), DialFailed(error=kit.untrusted()))
    [tell] = told(session, Closed(error=kit.unreachable()))
    assert tell.error.reason is Reason.AUTH_UNTRUSTED
    assert tell.decision is not None
    assert (tell.decision.retry, tell.next, tell.attempt) == (False, Next.CLOSED, 2)
    assert session.health().why == "auth.untrusted; what helps: abandon"


def test_closing_during_an_outage_is_not_a_fault() -> None:
    session = up()
    told(session, Ended(error=kit.lost()))
    assert told(session, Closed()) == []
    assert (session.end, session.health().error, session.health().why) == (None, None, "")


def test_a_wanted_end_that_the_adapter_announces_late_is_not_a_fault() -> None:
    session = up()
    assert told(session, Ended(error=None)) == []
    assert session.state is State.DOWN
    assert session.health().error is None


def test_a_held_word_of_the_socket_is_told_when_the_client_closes_or_dials() -> None:
    for fact in (Closed(), Dialling(), DialFailed(error=kit.unreachable())):
        session = up()
        told(session, Said(error=kit.lost()))
        assert Reason.TRANSPORT_LOST in [tell.error.reason for tell in told(session, fact)]


def test_a_report_without_an_error_says_nothing() -> None:
    assert told(up(), Said(error=None)) == []


def test_since_when_it_is_how_it_is() -> None:
    now = [1.0]
    session = Session(clock=lambda: now[0])
    assert session.health().since == 1
    now[0] = 2
    session.receive(DialFailed(error=kit.unreachable()))
    assert session.health().since == 1
    session.receive(Up())
    now[0] = 3
    assert (session.health().since, session.health().why) == (2, "")


# Sessions that somebody else opens again


MAKERS = st.sampled_from([kit.unreachable, kit.silent, kit.refused, kit.untrusted, kit.strange])


@given(errors=st.lists(MAKERS.map(lambda make: make()), min_size=1, max_size=4))
def test_one_pass_over_the_pool_is_one_attempt(errors: list[NormalizedError]) -> None:
    session, pool = Session(single=True), frozenset(map(str, range(len(errors))))
    outputs = [
        output
        for server, error in enumerate(errors)
        for output in session.receive(DialFailed(error=error, server=str(server), pool=pool))
    ]
    assert isinstance(outputs[-1], Close)
    assert session.end is not None
    assert session.end.error is outputs[-1].error
    hopeful = [error for error in errors if error.retryable]
    assert outputs[-1].error is not None
    assert outputs[-1].error.signal is (hopeful or errors[-1:])[0].signal
    others = [output.error for output in outputs if isinstance(output, Tell)]
    assert {id(error.signal) for error in (*others, outputs[-1].error)} == {id(error.signal) for error in errors}
    assert len(others) == len(errors) - 1


def test_servers_that_were_dialled_in_vain_are_told_once_another_let_it_in() -> None:
    session = Session(single=True)
    assert session.receive(DialFailed(error=kit.untrusted(), server="a", pool=POOL)) == []
    [tell] = told(session, Up(server="b"))
    assert (tell.error.reason, tell.next) == (Reason.AUTH_UNTRUSTED, Next.RECONNECTING)
    assert session.health().up


def test_a_server_that_is_dialled_twice_ends_the_pass() -> None:
    session = Session(single=True)
    session.receive(DialFailed(error=kit.unreachable(), server="a", pool=POOL))
    session.receive(DialFailed(error=kit.unreachable(), server="a", pool=POOL))
    assert session.state is State.CLOSED


@pytest.mark.parametrize("fact", [Ended(error=kit.lost()), Said(error=kit.kicked()), Closed(error=kit.kicked())])
def test_the_first_end_of_a_single_session_is_handed_over_and_not_told(fact: Ended | Said | Closed) -> None:
    session = up(single=True)
    outputs = session.receive(fact)
    assert [type(output) for output in outputs] == [Close]
    assert session.end is not None
    assert session.end.error is fact.error
    assert session.receive(Ended(error=kit.lost())) == []


def test_giving_up_in_a_single_session_is_handed_over_too() -> None:
    session = Session(single=True)
    session.receive(DialFailed(error=kit.untrusted(), server="a", pool=POOL))
    assert told(session, Closed(error=kit.unreachable())) == []
    assert session.end is not None
    assert session.end.error is not None
    assert session.end.error.reason is Reason.AUTH_UNTRUSTED


def test_a_single_session_that_this_side_reconnects_goes_on() -> None:
    session = up(single=True)
    assert session.receive(Closing()) + session.receive(Ended(error=None)) == []
    assert session.state is State.DOWN
    session.receive(Up())
    assert session.health().up


def test_a_single_session_whose_client_connected_again_by_itself_is_over() -> None:
    session = up(single=True)
    session.receive(Said(error=kit.lost()))
    assert [type(output) for output in session.receive(Up())] == [Close]
    assert session.state is State.CLOSED


def test_a_handler_that_failed_of_nothing_says_nothing() -> None:
    assert told(up(), HandlerFailed(error=None)) == []


def test_of_two_words_of_the_socket_the_first_is_told() -> None:
    session, first = up(), kit.lost()
    told(session, Said(error=first), Said(error=kit.lost()))
    assert [tell.error for tell in told(session, Ended(error=None))] == [first]


def test_a_server_that_is_unreachable_after_it_said_no_for_good_is_not_hopeless() -> None:
    session = Session()
    told(session, DialFailed(error=kit.untrusted()), DialFailed(error=kit.unreachable()))
    assert session.health().status is Status.RECOVERING
