"""What becomes of an operation is told as it was: failed, retried, handled, or in the background of none."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING

import pytest
import stamina
import tenacity

import errnorm
from errnorm.decision import RetryPolicy
from errnorm.middleware import Middleware
from errnorm.retry import for_stamina, for_tenacity
from tests.normalizer.desk import DeskError, DeskNormalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.fault import Fault

POLICY = RetryPolicy(attempts=3, base=0, cap=0, spread=0, longest_hint=0)


class Told(list["Fault"]):
    """Remembers what it was told, and in whose context."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    def __call__(self, fault: Fault) -> None:
        self.append(fault)
        self.requests.append(REQUEST.get())

    @property
    def outcomes(self) -> list[str]:
        return [fault.outcome for fault in self]


REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def errors(told: Told) -> Middleware:
    return Middleware(DeskNormalizer(), [told], POLICY)


@pytest.fixture(autouse=True)
def _no_observers() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks([])
    yield
    stamina.instrumentation.set_on_retry_hooks(None)


def ask() -> None:
    raise DeskError("busy")


def guarded(errors: Middleware, **known: object) -> None:
    with errors.guard("desk", operation="ask", **known):  # type: ignore[arg-type]
        ask()


def own_loop(errors: Middleware) -> None:
    for attempt in (1, 2, 3):
        try:
            guarded(errors, attempt=attempt)
        except DeskError:
            if attempt == 3:
                raise


def shorter_loop(errors: Middleware) -> None:
    for attempt in (1, 2):
        try:
            guarded(errors, attempt=attempt, attempts=2)
        except DeskError:
            if attempt == 2:
                raise


def with_stamina(errors: Middleware) -> None:
    hook = for_stamina("desk", operation="ask", middleware=errors)
    stamina.retry(on=hook, attempts=3, wait_initial=0, wait_max=0, wait_jitter=0)(ask)()


def with_tenacity(errors: Middleware) -> None:
    tenacity.retry(**for_tenacity("desk", operation="ask", policy=POLICY, middleware=errors))(ask)()


def with_tenacity_and_a_guard(errors: Middleware) -> None:
    tenacity.retry(**for_tenacity("desk", policy=POLICY))(lambda: guarded(errors))()


def with_tenacity_a_guard_and_a_middleware(errors: Middleware) -> None:
    tenacity.retry(**for_tenacity("desk", policy=POLICY, middleware=errors))(lambda: guarded(errors))()


def with_tenacity_that_stops_earlier(errors: Middleware) -> None:
    hooks = for_tenacity("desk", operation="ask", policy=RetryPolicy(attempts=9, base=0), middleware=errors)
    tenacity.retry(retry=hooks["retry"], stop=tenacity.stop_after_attempt(3), reraise=True)(ask)()


def retrying(errors: Middleware) -> None:
    for attempt in errors.retrying("desk", operation="ask"):
        with attempt:
            ask()


def retrying_with_a_guard(errors: Middleware) -> None:
    for attempt in errors.retrying("desk", operation="ask"):
        with attempt:
            guarded(errors)


def retrying_as_a_decorator(errors: Middleware) -> None:
    errors.retrying("desk")(ask)()


def retrying_coroutines(errors: Middleware) -> None:
    @errors.retrying("desk")
    async def ask() -> None:
        await asyncio.sleep(0)
        guarded(errors)

    asyncio.run(ask())


LOOPS = [
    own_loop,
    with_stamina,
    with_tenacity,
    with_tenacity_and_a_guard,
    with_tenacity_a_guard_and_a_middleware,
    with_tenacity_that_stops_earlier,
    retrying,
    retrying_with_a_guard,
    retrying_as_a_decorator,
    retrying_coroutines,
]


@pytest.mark.parametrize("loop", LOOPS)
def test_every_loop_tells_its_last_attempt_as_the_failure(
    errors: Middleware, told: Told, loop: Callable[[Middleware], None]
) -> None:
    with pytest.raises(DeskError):
        loop(errors)

    assert told.outcomes == ["retried", "retried", "failed"]
    assert [fault.attempt for fault in told] == [1, 2, 3]
    assert [fault.decision.verdict if fault.decision else None for fault in told] == ["retry", "retry", "abort"]
    assert {fault.operation for fault in told} == {"ask"}


def test_a_loop_that_is_shorter_than_the_policy_says_so(errors: Middleware, told: Told) -> None:
    with pytest.raises(DeskError):
        shorter_loop(errors)

    assert told.outcomes == ["retried", "failed"]


def test_a_guard_that_says_nothing_of_retries_tells_a_failure(errors: Middleware, told: Told) -> None:
    with pytest.raises(DeskError):
        guarded(errors)

    assert (told.outcomes, told[0].attempt) == (["failed"], None)


def test_what_was_to_be_retried_and_leaves_all_the_same_is_told_as_a_failure(errors: Middleware, told: Told) -> None:
    with pytest.raises(DeskError), errors.guard("desk", operation="order"):
        guarded(errors, attempt=1)

    assert [(fault.operation, fault.outcome) for fault in told] == [("ask", "retried"), ("order", "failed")]


def test_what_a_callback_has_told_is_not_told_again_when_it_leaves_a_guard(errors: Middleware, told: Told) -> None:
    exception = DeskError("busy")
    errors.report(exception, "desk")
    with pytest.raises(DeskError), errors.guard("desk"):
        raise exception

    assert told.outcomes == ["background"]


def test_a_success_after_failures_tells_no_failure(errors: Middleware, told: Told) -> None:
    calls = []
    for attempt in errors.retrying("desk", operation="ask"):
        with attempt:
            calls.append(attempt.num)
            if attempt.num < 3:
                guarded(errors)

    assert (calls, told.outcomes) == ([1, 2, 3], ["retried", "retried"])


def test_what_an_attempt_has_handled_by_itself_is_told_though_the_loop_never_sees_it(errors: Middleware, told: Told) -> None:
    for attempt in errors.retrying("desk", operation="order"):
        with attempt:
            try:
                guarded(errors)
            except DeskError:
                continue

    assert [(fault.operation, fault.outcome) for fault in told] == [("ask", "failed")]


def test_a_loop_that_was_left_by_return_holds_nothing_back(errors: Middleware, told: Told) -> None:
    def first() -> str:
        for attempt in tenacity.Retrying(**for_tenacity("desk", policy=POLICY)):
            with attempt:
                return "done"
        return "never"

    assert first() == "done"
    with pytest.raises(DeskError):
        guarded(errors)
    assert told.outcomes == ["failed"]


def test_a_loop_inside_a_loop_leaves_its_failure_to_the_outer_one(errors: Middleware, told: Told) -> None:
    with pytest.raises(DeskError):
        for attempt in errors.retrying("desk", operation="order"):
            with attempt:
                retrying(errors)

    assert told.outcomes == (["retried"] * 3) * 2 + ["retried", "retried", "failed"]


def test_a_guard_inside_the_hook_of_stamina_reports_each_attempt_as_failed(errors: Middleware, told: Told) -> None:
    # stamina has no public way to know that it will try again before the exception has left the function. The guide says so.
    hook = for_stamina("desk", middleware=errors)
    with pytest.raises(DeskError):
        stamina.retry(on=hook, attempts=2, wait_initial=0, wait_max=0, wait_jitter=0)(guarded)(errors)
    assert told.outcomes == ["failed", "failed"]


@pytest.mark.parametrize("switched", ["off", "testing"])
def test_stamina_that_is_switched_off_still_has_the_failure_told(errors: Middleware, told: Told, switched: str) -> None:
    try:
        if switched == "off":
            stamina.set_active(False)
        else:
            stamina.set_testing(True, attempts=1)
        with pytest.raises(DeskError):
            retrying_with_a_guard(errors)
    finally:
        stamina.set_active(True)
        stamina.set_testing(False)

    assert told.outcomes == ["failed"]


async def test_an_interrupt_in_a_loop_is_no_failure(errors: Middleware, told: Told) -> None:
    with pytest.raises(asyncio.CancelledError):
        async for attempt in errors.retrying("desk", operation="ask"):
            with attempt:
                raise asyncio.CancelledError

    assert told.outcomes == []


def test_a_callback_is_told_in_an_empty_context(errors: Middleware, told: Told) -> None:
    REQUEST.set("a stranger's")
    errors.report("busy", "desk")
    errors.report("busy", "desk", outcome="failed")

    assert list(zip(told.outcomes, told.requests, strict=True)) == [("background", "none"), ("failed", "a stranger's")]


def test_retrying_without_stamina_says_which_extra_brings_it(errors: Middleware, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "stamina", None)

    with pytest.raises(ImportError, match=r"errnorm\[retry\]"):
        errors.retrying("desk")


def test_a_loop_can_be_run_many_times(errors: Middleware, told: Told) -> None:
    loop = errors.retrying("desk", operation="ask")
    for _ in range(2):
        with pytest.raises(DeskError):
            loop(ask)()

    assert told.outcomes == ["retried", "retried", "failed"] * 2
    assert errnorm.is_retryable(told[-1].error)
