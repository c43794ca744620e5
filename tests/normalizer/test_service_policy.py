"""A thousand clients of a server that was away: soon back, and not all at once."""

from __future__ import annotations

import random
from collections import Counter
from statistics import median

import pytest

from errnorm.decision import SERVICE, RetryPolicy
from errnorm.taxonomy import Reason, Recovery
from tests.normalizer.session.kit import error, unreachable

CLIENTS = 1000


def late(outage: float, first: Reason, seed: int) -> list[float]:
    """Return how long after the server each client was back, in seconds: a simulation without waiting."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    ended = error(first, Recovery.RECONNECT)
    refused = unreachable()
    back = []
    for _ in range(CLIENTS):
        attempts = SERVICE.start(random=chance.random)
        now = attempts.decide(ended, idempotent=True).delay or 0.0
        while now < outage:
            now += attempts.decide(refused, idempotent=True).delay or 0.0
        back.append(now - outage)
    return back


@pytest.mark.parametrize("outage", [1.0, 5.0, 20.0, 60.0, 300.0])
@pytest.mark.parametrize("first", [Reason.TRANSPORT_LOST, Reason.SHUTDOWN_SERVER])
def test_half_are_back_within_five_seconds_and_all_soon_after(outage: float, first: Reason) -> None:
    back = sorted(late(outage, first, seed=1))
    assert median(back) < 5
    assert back[-1] <= SERVICE.cap


@pytest.mark.parametrize("outage", [5.0, 20.0, 60.0, 300.0])
def test_they_do_not_come_back_all_at_once(outage: float) -> None:
    seconds = Counter(int(moment) for moment in late(outage, Reason.TRANSPORT_LOST, seed=2))
    assert max(seconds.values()) < CLIENTS / 3
    tenths = Counter(int(moment * 10) for moment in late(outage, Reason.TRANSPORT_LOST, seed=3))
    assert max(tenths.values()) < CLIENTS / 20


def test_a_server_that_says_goodbye_is_not_dialled_by_all_at_once() -> None:
    tenths = Counter(int(moment * 10) for moment in late(0.0, Reason.SHUTDOWN_SERVER, seed=4))
    assert max(tenths.values()) < CLIENTS / 20


def test_a_call_that_somebody_waits_for_is_given_up_and_a_service_is_not() -> None:
    call, service = RetryPolicy().start(), SERVICE.start()
    assert [call.decide(unreachable(), idempotent=True).retry for _ in range(6)] == [True] * 5 + [False]
    assert all(service.decide(unreachable(), idempotent=True).retry for _ in range(10_000))
