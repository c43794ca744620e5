"""One question about an error has one answer, whoever is asked: normalize, the predicates, decide, or a guard that saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nats.errors
import pytest
import slixmpp.exceptions
from hypothesis import given
from hypothesis.strategies import lists, sampled_from

import errnorm
from errnorm import Middleware, Normalizer, Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from errnorm.fault import Fault

OVERLAY = """
protocol = "nats"
version = "mine"
[client."nats.errors.NoRespondersError"]
reason = "protocol.configuration"
recovery = "modify"
terminal = false
effect = "not_applied"
reach = "client"
source = "ours"
"""


def answers(exception: Exception) -> tuple[set[Reason], set[bool]]:
    """Ask everybody."""
    told: list[Fault] = []
    errors = Middleware(emitters=[told.append])
    reasons = {errnorm.normalize(exception, "nats").reason, errors.normalize(exception, "nats").reason}
    retries = {
        errnorm.is_retryable(exception),
        errnorm.normalize(exception).retryable,
        errnorm.decide(exception, idempotent=True).retry,
    }
    with pytest.raises(type(exception)), errors.guard("nats", idempotent=True):
        raise exception
    reasons |= {errnorm.normalize(exception).reason, errors.normalize(exception).reason}
    retries |= {errnorm.is_retryable(exception), errnorm.decide(exception, idempotent=True).retry}
    return reasons, retries


def test_a_group_has_the_answer_of_its_member_that_forbids_most_wherever_it_is_asked() -> None:
    refused, too_large = ConnectionRefusedError(111, "refused"), nats.errors.MaxPayloadError()
    for members in ([refused, too_large], [too_large, refused], [ExceptionGroup("inner", [refused]), too_large]):
        assert answers(ExceptionGroup("both", members)) == ({Reason.LIMITS_SIZE}, {False})


def test_a_group_of_what_may_pass_may_pass() -> None:
    group = ExceptionGroup("both", [ConnectionRefusedError(111, "refused"), nats.errors.NoRespondersError()])
    assert answers(group)[1] == {True}


MEMBERS: tuple[Callable[[], Exception], ...] = (
    lambda: ConnectionRefusedError(111, "refused"),
    lambda: TimeoutError("timed out"),
    lambda: KeyError("the application's own"),
    nats.errors.MaxPayloadError,
    nats.errors.NoRespondersError,
    nats.errors.TimeoutError,
    nats.errors.AuthorizationError,
    nats.errors.StaleConnectionError,
    nats.errors.FlushTimeoutError,
    lambda: nats.errors.Error("a text that no table knows"),
    lambda: slixmpp.exceptions.XMPPError("resource-constraint", etype="wait"),
    lambda: slixmpp.exceptions.XMPPError("not-authorized", etype="auth"),
)


@given(makers=lists(sampled_from(MEMBERS), min_size=1, max_size=4))
def test_a_group_means_the_same_before_and_after_a_guard_saw_it(makers: list[Callable[[], Exception]]) -> None:
    group = ExceptionGroup("all", [make() for make in makers])
    before = errnorm.normalize(group, "nats")
    with pytest.raises(ExceptionGroup), Middleware(emitters=[]).guard("nats"):
        raise group
    after = errnorm.normalize(group, "nats")
    assert (after.reason, after.retryable) == (before.reason, before.retryable)


def test_what_a_guard_with_tables_of_its_own_has_seen_keeps_their_answer(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text(OVERLAY)
    errors = Middleware(Normalizer([overlay]), emitters=[])
    exception = nats.errors.NoRespondersError()
    assert errors.normalize(exception, "nats").reason is Reason.PROTOCOL_CONFIGURATION
    with pytest.raises(nats.errors.NoRespondersError), errors.guard("nats"):
        raise exception
    assert errnorm.normalize(exception).reason is Reason.PROTOCOL_CONFIGURATION
    assert not errnorm.is_retryable(exception)
    assert not errnorm.decide(exception, idempotent=True).retry


def stanza_error(number: int) -> Any:
    """Return an error with an application condition that a peer made up."""
    return slixmpp.exceptions.XMPPError(
        "undefined-condition", extension=f"made-up-{number}", extension_ns=f"urn:made:up:{number}"
    )


def test_a_wrapper_is_told_once_however_many_other_errors_came_in_between() -> None:
    told: list[Fault] = []
    errors = Middleware(emitters=[told.append])
    inner = nats.errors.NoRespondersError()
    with pytest.raises(nats.errors.NoRespondersError), errors.guard("nats"):
        raise inner
    for number in range(6000):
        errnorm.normalize(stanza_error(number), "xmpp")
        errnorm.normalize(f"-ERR 'Made Up {number}'", "nats")
    with pytest.raises(RuntimeError), errors.guard("nats"):
        raise RuntimeError from inner
    assert [fault.error.reason for fault in told] == [Reason.TRANSPORT_UNAVAILABLE]
