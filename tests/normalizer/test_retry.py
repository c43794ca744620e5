"""With the real libraries: how often, after how long, and what is told."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors
import pytest
import redress
import stamina
import tenacity

import errnorm
from errnorm.decision import RetryPolicy
from errnorm.middleware import Middleware
from errnorm.retry import Hook, for_redress, for_stamina, for_tenacity
from tests.normalizer.desk import DeskError, DeskNormalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.fault import Fault

QUICK = RetryPolicy(attempts=4, base=0, cap=0, spread=0, longest_hint=0)
WIDE = RetryPolicy(base=1, spread=20)


def half() -> float:
    return 0.5


class Desk:
    """Fails as it was told, then succeeds."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.asked = 0

    def ask(self) -> str:
        self.asked += 1
        if self.codes:
            raise DeskError(self.codes.pop(0))
        return "done"

    async def ask_later(self) -> str:
        return self.ask()


@pytest.fixture
def told() -> list[Fault]:
    return []


@pytest.fixture
def errors(told: list[Fault]) -> Middleware:
    return Middleware(DeskNormalizer(), [told.append], QUICK)


@pytest.fixture(autouse=True)
def _no_observers() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks([])
    yield
    stamina.instrumentation.set_on_retry_hooks(None)


def judgements(told: list[Fault]) -> list[tuple[str | None, str, bool]]:
    return [(fault.error.code, str(fault.decision and fault.decision.verdict), fault.outcome == "retried") for fault in told]


# stamina


@pytest.mark.parametrize(("code", "answer"), [("busy", True), ("denied", False), ("silent", False), ("never heard of", False)])
def test_stamina_gets_a_yes_or_no_where_the_error_asks_for_no_pause(errors: Middleware, code: str, answer: bool) -> None:
    assert for_stamina("desk", middleware=errors)(DeskError(code)) is answer


def test_stamina_gets_the_pause_that_the_peer_asked_for(errors: Middleware) -> None:
    hook = for_stamina("desk", middleware=errors, policy=WIDE, random=half)

    assert hook(DeskError("busy", retry_after=7)) == 7.5


def test_stamina_gets_a_wide_pause_after_a_shutdown_of_the_server(errors: Middleware) -> None:
    assert for_stamina("desk", middleware=errors, policy=WIDE, random=half)(DeskError("closing")) == 10


def test_the_limit_of_attempts_is_the_business_of_stamina(errors: Middleware) -> None:
    assert for_stamina("desk", middleware=errors, policy=RetryPolicy(attempts=1))(DeskError("busy")) is True


@pytest.mark.parametrize(("idempotent", "answer"), [(None, True), (True, True), (False, False)])
def test_what_the_guard_knows_of_repeating_need_not_be_said_twice(
    errors: Middleware, idempotent: bool | None, answer: bool
) -> None:
    exception = DeskError("silent")
    with pytest.raises(DeskError), errors.guard("desk", idempotent=True):
        raise exception

    assert for_stamina("desk", idempotent=idempotent)(exception) is answer


def test_works_without_a_middleware() -> None:
    hook = for_stamina("nats", idempotent=True)

    assert hook(ConnectionRefusedError(111, "refused")) is True
    assert hook(ExceptionGroup("two", [ConnectionRefusedError(111, "refused"), ValueError("x")])) is False


async def test_stamina_tries_again_with_the_hook(errors: Middleware) -> None:
    desk = Desk("busy", "lost")
    ask = stamina.retry(on=for_stamina("desk", middleware=errors), wait_initial=0, wait_max=0, wait_jitter=0)(desk.ask_later)

    assert await ask() == "done"
    assert desk.asked == 3


def test_stamina_stops_with_the_hook(errors: Middleware) -> None:
    desk = Desk("busy", "denied", "busy")
    ask = stamina.retry(on=for_stamina("desk", middleware=errors), wait_initial=0, wait_max=0, wait_jitter=0)(desk.ask)

    with pytest.raises(DeskError, match="denied"):
        ask()
    assert desk.asked == 2


def test_the_predicate_alone_is_enough_for_stamina() -> None:
    desk = Desk("busy")
    ask = stamina.retry(on=errnorm.is_retryable, wait_initial=0, wait_max=0, wait_jitter=0)(desk.ask)

    with pytest.raises(DeskError):
        ask()
    assert desk.asked == 1


def test_a_hook_with_a_memory_counts_by_the_policy(errors: Middleware) -> None:
    hook = Hook(errors, errors.guard("desk"), RetryPolicy(attempts=3, base=1), random=half)

    assert [hook(DeskError("busy")) for _ in range(3)] == [0.5, 1.0, False]


# Middleware.retrying


async def test_retrying_tries_again_and_tells_each_failure_with_what_became_of_it(errors: Middleware, told: list[Fault]) -> None:
    desk = Desk("busy", "closing", "denied", "busy")
    with pytest.raises(DeskError, match="denied"):
        async for attempt in errors.retrying("desk", operation="ask"):
            with attempt:
                await desk.ask_later()

    assert judgements(told) == [("busy", "retry", True), ("closing", "retry", True), ("denied", "abort", False)]
    assert {fault.operation for fault in told} == {"ask"}
    assert [fault.attempt for fault in told] == [1, 2, 3]


def test_retrying_ends_by_the_policy_and_tells_the_last_as_an_abort(errors: Middleware, told: list[Fault]) -> None:
    desk = Desk(*["busy"] * 9)
    with pytest.raises(DeskError):
        for attempt in errors.retrying("desk"):
            with attempt:
                desk.ask()

    assert desk.asked == QUICK.attempts
    assert [fault.outcome for fault in told] == ["retried"] * 3 + ["failed"]


@pytest.mark.parametrize(("idempotent", "asked"), [(True, 2), (False, 1)])
def test_retrying_never_does_twice_what_must_not_be(errors: Middleware, idempotent: bool, asked: int) -> None:
    desk = Desk("silent")
    try:
        for attempt in errors.retrying("desk", idempotent=idempotent):
            with attempt:
                desk.ask()
    except DeskError:
        assert not idempotent

    assert desk.asked == asked


def test_retrying_stops_at_a_refusal_that_time_cannot_mend(errors: Middleware) -> None:
    desk = Desk("late", "lost", "password", "busy")
    with pytest.raises(DeskError, match="password"):
        for attempt in errors.retrying("desk"):
            with attempt:
                desk.ask()

    assert desk.asked == 3


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_no_loop_repeats_an_interrupt_that_is_in_a_group_with_a_retryable_error(interrupt: type[BaseException]) -> None:
    def fail() -> None:
        tries.append(1)
        raise BaseExceptionGroup("both", [ConnectionRefusedError(111, "Connection refused"), interrupt()])

    tries: list[int] = []
    for loop in (
        stamina.retry(on=for_stamina(idempotent=True), attempts=3),
        tenacity.retry(**for_tenacity(idempotent=True)),
        errnorm.Middleware(emitters=()).retrying(idempotent=True),
    ):
        with pytest.raises(BaseExceptionGroup):
            loop(fail)()

    assert len(tries) == 3


def test_retrying_leaves_an_interrupt_alone(errors: Middleware, told: list[Fault]) -> None:
    with pytest.raises(KeyboardInterrupt):
        for attempt in errors.retrying("desk"):
            with attempt:
                raise KeyboardInterrupt

    assert told == []


# tenacity


def tenacious(ask: Callable[[], str], errors: Middleware, **known: bool) -> Callable[[], str]:
    return tenacity.retry(**for_tenacity("desk", middleware=errors, policy=QUICK, **known))(ask)  # type: ignore[arg-type]


def test_tenacity_tries_again_until_it_works(errors: Middleware, told: list[Fault]) -> None:
    desk = Desk("busy", "lost")

    assert tenacious(desk.ask, errors)() == "done"
    assert judgements(told) == [("busy", "retry", True), ("lost", "retry", True)]


async def test_tenacity_tries_again_for_coroutines(errors: Middleware) -> None:
    desk = Desk("busy", "lost")
    ask = tenacity.retry(**for_tenacity("desk", middleware=errors, policy=QUICK))(desk.ask_later)

    assert await ask() == "done"


@pytest.mark.parametrize(
    ("codes", "asked"),
    [(["denied"], 1), (["silent"], 1), (["busy", "wrong"], 2), (["late", "busy", "password"], 3), (["busy"] * 9, 4)],
    ids=["final", "done already", "later", "refused", "often enough"],
)
def test_tenacity_stops_and_raises_the_last_error_itself(
    errors: Middleware, told: list[Fault], codes: list[str], asked: int
) -> None:
    desk = Desk(*codes)
    with pytest.raises(DeskError, match=codes[asked - 1]):
        tenacious(desk.ask, errors)()

    assert desk.asked == asked
    assert [fault.outcome for fault in told] == ["retried"] * (asked - 1) + ["failed"]


def test_tenacity_leaves_an_interrupt_alone(errors: Middleware, told: list[Fault]) -> None:
    def ask() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tenacious(ask, errors)()
    assert told == []


def test_calls_under_way_at_the_same_time_do_not_count_together(errors: Middleware) -> None:
    hooks = for_tenacity("desk", middleware=errors, policy=QUICK)
    for _ in range(3):
        desk = Desk("busy", "busy", "busy")
        assert tenacity.retry(**hooks)(desk.ask)() == "done"


def test_nothing_is_kept_of_calls_that_are_over() -> None:
    hooks = for_tenacity("desk", middleware=Middleware(DeskNormalizer(), []), policy=QUICK)
    ask = tenacity.retry(**hooks)(Desk(*["busy"] * 9).ask)
    for _ in range(3):
        with contextlib.suppress(DeskError):
            ask()
    gc.collect()

    # tenacity itself remembers the last call of each thread.
    assert len(hooks["retry"].__self__._under_way) <= 1  # type: ignore[attr-defined]


def state(exception: BaseException | None, attempt: int = 1) -> tenacity.RetryCallState:
    made = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    made.attempt_number = attempt
    if exception is None:
        made.set_result("done")
    else:
        made.set_exception((type(exception), exception, exception.__traceback__))
    return made


def test_each_of_the_three_works_alone(errors: Middleware) -> None:
    hooks = for_tenacity("desk", middleware=errors, policy=RetryPolicy(attempts=3, base=1), random=half)

    assert hooks["retry"](state(DeskError("busy")))
    assert hooks["wait"](state(DeskError("busy"), attempt=2)) == 1.0
    assert [hooks["stop"](state(DeskError("busy"), attempt=attempt)) for attempt in (1, 2, 3)] == [False, False, True]


def test_a_success_and_an_interrupt_are_nothing_to_retry(errors: Middleware) -> None:
    hooks = for_tenacity("desk", middleware=errors)

    assert [hooks["retry"](state(end)) for end in (None, KeyboardInterrupt())] == [False, False]
    assert [hooks["wait"](state(end)) for end in (None, DeskError("denied"))] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ConnectionRefusedError(111, "x"), "TRANSIENT"),
        (TimeoutError(), "TRANSIENT"),
        (nats.errors.Error("nats: 'Authorization Violation'"), "AUTH"),
        (nats.errors.Error('nats: permissions violation for publish to "a"'), "PERMISSION"),
        (nats.errors.MaxPayloadError(), "PERMANENT"),
        (nats.js.errors.TooManyStalledMsgsError(), "RATE_LIMIT"),
        (KeyError("ours"), "PERMANENT"),
        (KeyboardInterrupt(), "PERMANENT"),
    ],
)
def test_redress_is_told_the_class_by_the_judgement(raised: BaseException, expected: str) -> None:
    assert for_redress(idempotent=True)(raised).klass.name == expected


def test_redress_repeats_what_time_can_mend_and_nothing_else() -> None:
    def counted(raised: Exception, *, idempotent: bool) -> int:
        tries: list[int] = []

        def call() -> None:
            tries.append(1)
            raise raised

        policy = redress.RetryPolicy(
            classifier=for_redress(idempotent=idempotent), strategy=redress.decorrelated_jitter(0.001, 0.002), max_attempts=3
        )
        with contextlib.suppress(Exception):  # the error itself, or what redress makes of it
            policy.call(call)
        return len(tries)

    assert counted(TimeoutError(), idempotent=True) == 3
    assert counted(TimeoutError(), idempotent=False) == 1
    assert counted(nats.errors.MaxPayloadError(), idempotent=True) == 1
    assert counted(KeyError("ours"), idempotent=True) == 1
