"""What becomes of a message is decided once, and nothing is given up by mistake."""

from __future__ import annotations

import asyncio
from typing import Any

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

import errnorm
from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm_adapters.nats.messages import DOWN, MESSAGES, Settlement, fate_of
from errnorm_adapters.nats.messages.fate import Delivery, Rules
from tests.mappings import rows

OURS = type("OrderError", (Exception,), {})
POISON = type("PoisonError", (OURS,), {})
HTTPX = type("ConnectError", (type("TransportError", (Exception,), {"__module__": "httpx"}),), {"__module__": "httpx"})
FAILURES: list[Exception] = [
    OURS("x"), POISON("x"), HTTPX("x"), OSError(28, "No space left on device"), TimeoutError(), KeyError("a"), ValueError(),
    nats.errors.NoRespondersError(), nats.errors.MaxPayloadError(), nats.errors.ConnectionClosedError(),
    nats.errors.Error("nats: 'Authorization Violation'"), ExceptionGroup("both", [KeyError("a"), TimeoutError()]),
    ExceptionGroup("poisoned", [TimeoutError(), POISON("x")]),
]  # fmt: skip
RULES = Rules(poison=(POISON,))


def settlement(exception: Exception, delivery: Delivery | None = None, rules: Rules = RULES) -> Settlement:
    return fate_of(exception, errnorm.normalize(exception), delivery or Delivery(), rules).settlement


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        (POISON("x"), Settlement.TERM),
        (ExceptionGroup("poisoned", [TimeoutError(), POISON("x")]), Settlement.TERM),
        (OURS("x"), Settlement.NAK),
        (HTTPX("x"), Settlement.NAK),
        (nats.errors.MaxPayloadError(), Settlement.TERM),
        (nats.errors.ConnectionClosedError(), Settlement.LEAVE),
        (nats.errors.Error("nats: 'Authorization Violation'"), Settlement.LEAVE),
        (asyncio.IncompleteReadError(b"", 4), Settlement.NAK),
    ],
)
def test_each_way_to_fail_has_its_settlement(exception: Exception, expected: Settlement) -> None:
    assert settlement(exception) is expected


@given(st.sampled_from(FAILURES), st.integers(1, 10**6), st.none() | st.integers(-1, 50), st.floats(0, 1, exclude_max=True))
def test_what_nobody_knows_is_given_up_at_the_last_delivery_alone(
    exception: Exception, number: int, most: int | None, chance: float
) -> None:
    error = errnorm.normalize(exception)
    fate = fate_of(exception, error, Delivery(number, most), Rules(poison=(POISON,), random=lambda: chance))
    last = most is not None and 0 < most <= number
    if fate.settlement is Settlement.TERM:
        assert last or error.recovery is errnorm.Recovery.MODIFY or "the message is bad" in fate.why
    assert (fate.delay is not None) is (fate.settlement is Settlement.NAK)
    assert fate.delay is None or 0 < fate.delay <= MESSAGES.cap


def test_two_failing_messages_are_delivered_a_few_times_in_four_seconds() -> None:
    for chance in (0.0, 0.5, 0.999):
        error = errnorm.normalize(TimeoutError())
        rules, clock, deliveries = Rules(random=lambda: chance), 0.0, 0  # noqa: B023 - used at once
        while clock <= 4.0:
            deliveries += 1
            clock += fate_of(TimeoutError(), error, Delivery(deliveries), rules).delay or 0.0
        assert deliveries <= 4


def test_a_function_of_the_caller_that_fails_decides_nothing() -> None:
    def broken(_: Exception) -> Any:
        raise RuntimeError

    assert settlement(POISON("x"), rules=Rules(poison=(POISON,), classify=broken)) is Settlement.TERM


def test_the_caller_has_the_first_word() -> None:
    assert settlement(POISON("x"), rules=Rules(poison=(POISON,), classify=lambda _: Settlement.NAK)) is Settlement.NAK


def test_each_settlement_says_what_it_means() -> None:
    assert all(one.about.endswith(".") for one in Settlement)


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_the_pause_that_a_peer_asks_for_is_kept_and_bounded(hint: float, number: int, chance: float) -> None:
    def delay_of(hint: float | None) -> float:
        signal = Signal("transport", "python", "builtins.TimeoutError", retry_after=hint)
        error = Engine(rows.table("transport")).judge(signal)
        delay = fate_of(TimeoutError(), error, Delivery(number), Rules(random=lambda: chance)).delay
        assert delay is not None
        return delay

    assert 0 < delay_of(hint) <= MESSAGES.longest_hint
    assert delay_of(hint) >= delay_of(None)
    if 0 <= hint <= MESSAGES.longest_hint:
        assert hint <= delay_of(hint) <= max(hint + MESSAGES.base, delay_of(None))


@pytest.mark.parametrize("name", DOWN)
def test_each_exception_that_is_known_to_mean_that_something_is_down_exists(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    found = getattr(pytest.importorskip(module, reason=f"{module.partition('.')[0]} is not installed"), attribute)
    assert f"{found.__module__}.{found.__qualname__}" == name
    assert issubclass(found, Exception)
