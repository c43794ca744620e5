"""What becomes of an operation is told as it was: failed, retried, handled, or in the background of none."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import subprocess
import sys
from typing import TYPE_CHECKING, Any

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


QUICK = {"attempts": 3, "wait_initial": 0, "wait_max": 0, "wait_jitter": 0}


def with_stamina_and_a_guard(errors: Middleware) -> None:
    stamina.retry(on=for_stamina("desk"), **QUICK)(guarded)(errors)


def with_stamina_a_guard_and_a_middleware(errors: Middleware) -> None:
    stamina.retry(on=for_stamina("desk", middleware=errors), **QUICK)(guarded)(errors)


def with_a_context_of_stamina(errors: Middleware) -> None:
    for attempt in stamina.retry_context(on=for_stamina("desk"), **QUICK):
        with attempt:
            guarded(errors)


def with_a_caller_of_stamina(errors: Middleware) -> None:
    stamina.RetryingCaller(**QUICK)(for_stamina("desk"), guarded, errors)


def with_stamina_and_a_coroutine(errors: Middleware) -> None:
    @stamina.retry(on=for_stamina("desk"), **QUICK)
    async def ask() -> None:
        await asyncio.sleep(0)
        async with errors.guard("desk", operation="ask"):
            await asyncio.sleep(0)
            raise DeskError("busy")

    asyncio.run(ask())


def with_stamina_and_a_generator(errors: Middleware) -> None:
    @stamina.retry(on=for_stamina("desk"), **QUICK)
    def ask() -> Iterator[None]:
        yield
        guarded(errors)

    list(ask())


LOOPS = [
    own_loop,
    with_stamina,
    with_stamina_and_a_guard,
    with_stamina_a_guard_and_a_middleware,
    with_a_context_of_stamina,
    with_a_caller_of_stamina,
    with_stamina_and_a_coroutine,
    with_stamina_and_a_generator,
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


def a_group(errors: Middleware) -> None:
    try:
        guarded(errors)
    except DeskError as error:
        raise ExceptionGroup("of a task group", [error]) from None  # noqa: TRY003 - as asyncio does


def a_wrapper(errors: Middleware) -> None:
    try:
        guarded(errors)
    except DeskError as error:
        raise LookupError from error


@pytest.mark.parametrize("fail", [a_group, a_wrapper])
@pytest.mark.parametrize("loop", ["retrying", "stamina", "tenacity"])
def test_a_loop_tells_what_leaves_an_attempt_inside_another_exception(
    errors: Middleware, told: Told, loop: str, fail: Callable[[Middleware], None]
) -> None:
    loops: dict[str, Any] = {
        "retrying": errors.retrying("desk"),
        "stamina": stamina.retry(on=for_stamina("desk"), **QUICK),
        "tenacity": tenacity.retry(**for_tenacity("desk", policy=POLICY)),
    }
    with pytest.raises((ExceptionGroup, LookupError)):
        loops[loop](fail)(errors)

    assert told.outcomes == ["retried", "retried", "failed"]
    assert [fault.attempt for fault in told] == [1, 2, 3]


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


def test_what_an_attempt_of_stamina_has_handled_by_itself_is_told_as_well(errors: Middleware, told: Told) -> None:
    @stamina.retry(on=for_stamina("desk"), **QUICK)
    def order() -> None:
        with contextlib.suppress(DeskError):
            guarded(errors)

    order()

    assert [(fault.operation, fault.outcome) for fault in told] == [("ask", "failed")]


def test_a_guard_after_a_loop_of_stamina_tells_its_failure_itself(errors: Middleware, told: Told) -> None:
    attempt = None
    for attempt in stamina.retry_context(on=for_stamina("desk"), **QUICK):
        with attempt:
            pass
    with pytest.raises(DeskError):
        guarded(errors)

    assert (getattr(attempt, "num", None), told.outcomes) == (1, ["failed"])


def test_a_guard_in_a_loop_of_stamina_with_a_hook_of_the_application_tells_its_failure_itself(
    errors: Middleware, told: Told
) -> None:
    for_stamina("desk")
    with pytest.raises(DeskError):
        stamina.retry(on=DeskError, **QUICK)(guarded)(errors)

    assert told.outcomes == ["failed"] * 3


def test_the_innermost_of_two_loops_tells_what_a_guard_has_left_to_it(errors: Middleware, told: Told) -> None:
    @stamina.retry(on=for_stamina("desk", operation="inner"), **{**QUICK, "attempts": 2})
    def inner() -> None:
        guarded(errors)

    with pytest.raises(DeskError):
        for attempt in errors.retrying("desk", operation="outer"):
            with attempt:
                inner()

    assert [(fault.operation, fault.outcome) for fault in told] == [("inner", "retried"), ("outer", "retried")] * 2 + [
        ("inner", "retried"),
        ("outer", "failed"),
    ]


def test_the_pause_that_is_told_is_the_one_that_stamina_makes(
    errors: Middleware, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    hook = for_stamina("desk", middleware=errors)
    with pytest.raises(DeskError):
        stamina.retry(on=hook, attempts=4, wait_initial=0.3, wait_max=9, wait_jitter=5)(ask)()

    assert [fault.decision.delay for fault in told if fault.decision] == [*slept, None]


def test_a_wait_of_the_application_leaves_the_pause_untold(errors: Middleware, told: Told) -> None:
    hooks = for_tenacity("desk", policy=RetryPolicy(attempts=2, base=7), middleware=errors)
    with pytest.raises(DeskError):
        tenacity.retry(retry=hooks["retry"], stop=hooks["stop"], wait=tenacity.wait_none(), reraise=True)(ask)()

    assert [fault.decision.delay for fault in told if fault.decision] == [None, None]


@pytest.mark.parametrize("loop", [retrying, with_stamina])
def test_stamina_does_not_log_what_the_middleware_has_told(
    errors: Middleware, loop: Callable[[Middleware], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stamina.instrumentation.set_on_retry_hooks(None)  # the default of stamina, which logs the original text
    with pytest.raises(DeskError):
        loop(errors)
    assert "retry_scheduled" not in "".join(capsys.readouterr())

    with pytest.raises(DeskError):
        stamina.retry(on=DeskError, **QUICK)(ask)()
    assert "".join(capsys.readouterr()).count("retry_scheduled") == 2


def test_a_retry_does_not_move_the_lines_to_another_output() -> None:
    # stamina imports structlog for its own hooks, which does not show that the application writes with it.
    program = """if True:
        import errnorm, nats.errors
        errors = errnorm.Middleware(policy=errnorm.RetryPolicy(attempts=2, base=0.001))
        for _ in range(2):
            try:
                for attempt in errors.retrying("nats", operation="fetch", idempotent=True):
                    with attempt:
                        raise nats.errors.NoRespondersError
            except nats.errors.Error:
                pass
    """
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == ""
    assert [line.partition(":")[0] for line in ran.stderr.splitlines()] == ["nats fetch failed"] * 4


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
