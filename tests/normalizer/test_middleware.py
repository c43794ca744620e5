"""Guards: the same exception goes on, and each fault is told once, whatever it is wrapped in and wherever it passes."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

import errnorm
from errnorm.decision import RetryPolicy, Verdict
from errnorm.middleware import Middleware
from errnorm.taxonomy import Reason
from tests.normalizer.desk import DeskError, DeskNormalizer, error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from errnorm.fault import Fault

PASSING = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, StopIteration, StopAsyncIteration]


class Told(list["Fault"]):
    """Remembers what it was told."""

    __call__ = list.append

    @property
    def codes(self) -> list[str | None]:
        return [fault.error.code for fault in self]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def errors(told: Told) -> Middleware:
    return Middleware(DeskNormalizer(), [told])


class BusyError(DeskError):
    """One that a row knows."""

    def __init__(self) -> None:
        super().__init__("busy")


@dataclass(frozen=True)
class FrozenError(Exception):
    """Refuses to have attributes set."""

    number: int = 0


class SlottedError(Exception):
    """Has slots, like some exceptions of other people."""

    __slots__ = ("number",)


class HidingError(Exception):
    """Has no attributes to be found."""

    __dict__ = property(lambda self: self.nonsense)  # pyright: ignore[reportAssignmentType] - the trap


class HostileError(Exception):
    """Answers every question with an exception."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(name)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise RuntimeError


EXCEPTIONS = st.sampled_from(
    [
        BusyError,
        FrozenError,
        SlottedError,
        HostileError,
        OSError,
        TimeoutError,
        RecursionError,
        MemoryError,
        *PASSING,
    ]
).map(lambda kind: kind())
ANYTHING = st.recursive(
    EXCEPTIONS,
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda members: BaseExceptionGroup("group", members)),
    max_leaves=4,
)


def guarded(errors: Middleware, exception: BaseException, depth: int = 1) -> BaseException:
    with pytest.raises(BaseException) as caught, ExitStack() as guards:  # noqa: PT011 - any exception, by intent
        for _ in range(depth):
            guards.enter_context(errors.guard("desk", operation="ask"))
        raise exception
    return caught.value


@given(ANYTHING, st.integers(1, 4))
def test_the_very_same_exception_leaves_the_guard(exception: BaseException, depth: int) -> None:
    assert guarded(Middleware(emitters=[]), exception, depth) is exception


@given(ANYTHING, st.integers(1, 4))
def test_every_fault_is_told_once_however_many_guards_it_passes(exception: BaseException, depth: int) -> None:
    told = Told()
    faults = [leaf for leaf in leaves(exception) if isinstance(leaf, Exception) and type(leaf) not in PASSING]
    expected = [leaf for leaf in faults if errnorm.normalize(leaf, "desk").claimed]
    guarded(Middleware(emitters=[told]), exception, depth)

    assert list(map(id, (fault.exception for fault in told))) == list(map(id, expected))


def leaves(exception: BaseException) -> list[BaseException]:
    if isinstance(exception, BaseExceptionGroup):
        return [leaf for member in exception.exceptions for leaf in leaves(member)]
    return [exception]


@pytest.mark.parametrize("kind", PASSING)
def test_what_is_no_fault_passes_untold_and_unmarked(errors: Middleware, told: Told, kind: type[BaseException]) -> None:
    exception = guarded(errors, kind())

    assert told == []
    assert vars(exception) == {}


@pytest.mark.parametrize("kind", PASSING)
def test_a_callback_that_is_handed_no_fault_tells_nothing(errors: Middleware, told: Told, kind: type[BaseException]) -> None:
    errors.report(kind(), "desk")

    assert told == []


async def test_a_success_tells_nothing(errors: Middleware, told: Told) -> None:
    with errors.guard("desk"):
        pass
    async with errors.guard("desk"):
        pass

    assert told == []


async def test_guards_asynchronous_blocks(errors: Middleware, told: Told) -> None:
    with pytest.raises(DeskError):
        async with errors.guard("desk", operation="ask"):
            raise DeskError("busy")

    assert told.codes == ["busy"]


async def test_cancellation_passes_and_nothing_is_told(errors: Middleware, told: Told) -> None:
    @errors.wrap("desk")
    async def wait() -> None:
        async with errors.guard("desk"):
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert task.cancelled()
    assert told == []


def test_a_fault_carries_what_is_known_around_it(errors: Middleware, told: Told) -> None:
    exception = DeskError("silent")
    with pytest.raises(DeskError), errors.guard("desk", operation="ask", idempotent=True, peer="front", handled=True):
        raise exception
    (fault,) = told

    assert (fault.exception, fault.operation, fault.peer, fault.outcome) == (exception, "ask", "front", "handled")
    assert fault.decision is not None
    assert fault.decision.verdict is Verdict.RETRY


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        ({}, Verdict.ABORT),
        ({"idempotent": True}, Verdict.RETRY),
        ({"idempotent": True, "attempt": 2}, Verdict.ABORT),
        ({"idempotent": True, "previous": error("silent")}, Verdict.RETRY),
    ],
    ids=str,
)
def test_the_decision_that_is_told_follows_from_what_the_guard_knows(told: Told, known: dict[str, Any], verdict: Verdict) -> None:
    errors = Middleware(DeskNormalizer(), [told], RetryPolicy(attempts=2))
    with pytest.raises(DeskError), errors.guard("desk", **known):
        raise DeskError("silent")

    assert told[0].decision is not None
    assert told[0].decision.verdict is verdict


@pytest.mark.parametrize("kind", [FrozenError, SlottedError, OSError, ValueError])
def test_what_was_made_of_it_can_be_asked_of_the_exception(errors: Middleware, told: Told, kind: type[Exception]) -> None:
    exception = kind()
    errors.report(exception, "desk")
    assert errnorm.normalize(exception) is told[0].error


def test_the_predicates_go_by_what_a_guard_made_of_it(errors: Middleware) -> None:
    exception = guarded(errors, DeskError("lost"))

    assert errnorm.is_retryable(exception)
    assert errnorm.is_terminal(exception)
    assert errnorm.is_retryable(error("busy"))


def test_an_exception_that_cannot_be_marked_is_told_all_the_same(errors: Middleware, told: Told) -> None:
    exception = HidingError()
    errors.report(exception, "desk")

    assert len(told) == 1
    assert not errnorm.normalize(exception).known


def test_an_attribute_of_somebody_else_is_no_mark(errors: Middleware, told: Told) -> None:
    exception = DeskError("busy")
    vars(exception)["__errnorm__"] = "scribbled over"

    assert errnorm.normalize(guarded(errors, exception)) is told[0].error


def test_an_exception_that_no_guard_has_seen_can_be_asked_too() -> None:
    assert errnorm.normalize(ConnectionRefusedError(111, "refused")).reason is Reason.TRANSPORT_REFUSED


def test_a_wrapper_is_the_same_fault_under_another_name(errors: Middleware, told: Told) -> None:
    def ask() -> None:
        try:
            with errors.guard("desk"):
                raise DeskError("busy")
        except DeskError as inner:
            message = "the application's own"
            raise LookupError(message) from inner

    with pytest.raises(LookupError) as caught, errors.guard("desk"):
        ask()

    assert told.codes == ["busy"]
    assert errnorm.normalize(caught.value) is told[0].error


def test_a_wrapper_of_something_unknown_is_the_same_fault_too(errors: Middleware, told: Told) -> None:
    def ask() -> None:
        try:
            with errors.guard("desk"):
                raise DeskError("unheard")
        except DeskError as inner:
            raise LookupError from inner

    with pytest.raises(LookupError), errors.guard("desk"):
        ask()

    assert len(told) == 1


@pytest.mark.parametrize("bug", [KeyError("k"), TypeError(), AttributeError(), AssertionError(), ZeroDivisionError()], ids=repr)
@pytest.mark.parametrize("handling", [False, True], ids=["alone", "while a fault is handled"])
def test_a_bug_of_the_application_passes_untold_and_unmarked(told: Told, bug: Exception, handling: bool) -> None:
    errors = Middleware(emitters=[told])
    with pytest.raises(type(bug)), errors.guard("nats", operation="publish"):
        if handling:
            try:
                raise ConnectionRefusedError(111, "refused")
            except ConnectionRefusedError:
                raise bug  # noqa: B904 - the point
        raise bug

    assert (told, vars(bug)) == ([], {})
    assert not errnorm.is_retryable(bug)


def test_a_bug_of_the_application_that_is_reported_is_told(told: Told) -> None:
    Middleware(emitters=[told]).report(KeyError("k"), "nats", operation="handler", outcome="failed")

    assert [(fault.operation, fault.error.known) for fault in told] == [("handler", False)]


def test_a_member_of_a_group_that_is_a_bug_of_the_application_forbids_a_retry(told: Told) -> None:
    errors = Middleware(emitters=[told])
    group = guarded(errors, ExceptionGroup("two", [ConnectionRefusedError(111, "refused"), KeyError("k")]))

    assert [fault.error.reason for fault in told] == [Reason.TRANSPORT_REFUSED]
    assert not errnorm.is_retryable(group)


@pytest.mark.parametrize("second", ["busy", "lost"])
def test_what_fails_while_a_fault_is_handled_is_a_fault_of_its_own(errors: Middleware, told: Told, second: str) -> None:
    with pytest.raises(DeskError), errors.guard("desk"):
        try:
            with errors.guard("desk"):
                raise DeskError("busy")
        except DeskError:
            raise DeskError(second)  # noqa: B904 - the point

    assert told.codes == ["busy", second]


def test_of_two_unknown_faults_the_second_is_not_taken_for_a_wrapper_of_the_first(errors: Middleware, told: Told) -> None:
    with pytest.raises(DeskError), errors.guard("desk"):
        try:
            with errors.guard("desk"):
                raise DeskError("unheard")
        except DeskError:
            raise DeskError("unseen")  # noqa: B904 - the point

    assert len(told) == 2


def test_a_repetition_is_a_new_fault(errors: Middleware, told: Told) -> None:
    for _ in range(3):
        guarded(errors, DeskError("busy"))

    assert told.codes == ["busy"] * 3


def test_members_of_a_group_are_told_one_by_one(errors: Middleware, told: Told) -> None:
    guarded(errors, ExceptionGroup("two", [DeskError("busy"), ExceptionGroup("inner", [DeskError("denied")])]))

    assert told.codes == ["busy", "denied"]


def test_a_group_is_as_bad_as_its_worst_member(errors: Middleware) -> None:
    group = ExceptionGroup("two", [DeskError("busy"), DeskError("denied")])

    assert errnorm.normalize(guarded(errors, group)).code == "denied"
    assert errors.normalize(ExceptionGroup("new", [DeskError("busy"), DeskError("denied")])).code == "denied"


async def test_what_tasks_have_told_is_not_told_again_of_their_group(errors: Middleware, told: Told) -> None:
    @errors.wrap("desk", operation="task")
    async def fail(code: str) -> None:
        raise DeskError(code)

    async def run() -> None:
        async with errors.guard("desk", operation="all"), asyncio.TaskGroup() as tasks:
            tasks.create_task(fail("busy"))
            tasks.create_task(fail("lost"))

    with pytest.raises(ExceptionGroup):
        await run()

    assert sorted(told.codes, key=str) == ["busy", "lost"]
    assert {fault.operation for fault in told} == {"task"}


def test_one_exception_seen_by_many_threads_is_told_once(errors: Middleware, told: Told) -> None:
    exception = DeskError("busy")
    barrier = threading.Barrier(8)

    def see() -> None:
        barrier.wait()
        errors.saw(exception, errors.guard("desk"))

    threads = [threading.Thread(target=see) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told.codes == ["busy"]


def test_a_callback_and_a_guard_tell_one_exception_once(errors: Middleware, told: Told) -> None:
    exception = DeskError("lost")
    errors.report(exception, "desk", client="reconnecting", outcome="failed")
    guarded(errors, exception)

    assert [(fault.client, fault.outcome) for fault in told] == [("reconnecting", "failed")]


def test_a_text_is_told_each_time_it_comes(errors: Middleware, told: Told) -> None:
    assert [errors.report("busy", "desk").code for _ in range(2)] == ["busy", "busy"]
    assert told.codes == ["busy", "busy"]


def test_a_normalized_error_is_told_as_it_is_with_the_exception_it_came_as(errors: Middleware, told: Told) -> None:
    lost, exception = error("lost"), OSError("gone")

    assert errors.report(lost, exception=exception) is lost
    assert (told[0].error, told[0].exception) == (lost, exception)
    assert errnorm.normalize(exception) is lost


def test_the_decision_of_the_caller_is_the_one_that_is_told(errors: Middleware, told: Told) -> None:
    decided = errnorm.decide(error("denied"))
    errors.report("busy", decision=decided)

    assert told[0].decision is decided


@given(st.none() | st.binary() | st.text() | st.integers() | ANYTHING)
def test_observing_never_raises(raw: object) -> None:
    told = Told()
    Middleware(emitters=[told]).report(raw)

    assert len(told) <= (len(leaves(raw)) if isinstance(raw, BaseException) else 1)


def test_an_emitter_that_fails_hides_neither_the_fault_nor_the_others(told: Told) -> None:
    def broken(fault: Fault) -> None:
        raise RuntimeError(fault)

    exception = DeskError("busy")
    errors = Middleware(DeskNormalizer(), [broken, told])

    assert guarded(errors, exception) is exception
    assert told.codes == ["busy"]
    assert exception.__context__ is None


def test_a_normalizer_that_fails_does_not_hide_the_exception(told: Told) -> None:
    class Broken:
        def normalize(self, raw: object, protocol: str | None = None) -> NoReturn:
            raise RuntimeError(raw, protocol)

    errors = Middleware(Broken(), [told])  # type: ignore[arg-type]
    exception = DeskError("busy")

    assert guarded(errors, exception) is exception
    assert not errors.report(exception).known


def test_a_flush_reaches_the_emitters_that_hold_something_back() -> None:
    class Holding:
        flushed = 0

        def __call__(self, fault: Fault) -> None:
            """Tell nobody."""

        def flush(self) -> None:
            self.flushed += 1

    holding = Holding()
    Middleware(emitters=[holding]).flush()

    assert holding.flushed == 1


def test_a_marked_exception_can_go_to_another_process_and_be_copied(errors: Middleware) -> None:
    exception = guarded(errors, OSError(5, "io"))
    sent = pickle.loads(pickle.dumps(exception))  # noqa: S301 - our own

    assert sent.args == exception.args
    assert copy.deepcopy(exception).args == exception.args


def test_an_exception_is_not_kept_alive_by_its_mark(errors: Middleware, told: Told) -> None:
    exception = guarded(errors, DeskError("busy"))
    told.clear()

    assert all(not isinstance(getattr(vars(exception)["__errnorm__"], name), BaseException) for name in ("error", "decision"))


# Functions of every kind


def test_wraps_functions(errors: Middleware, told: Told) -> None:
    @errors.wrap("desk", idempotent=True)
    def ask(code: str, *, twice: bool = False) -> str:
        """Ask."""
        raise DeskError(code if not twice else "lost")

    with pytest.raises(DeskError):
        ask("busy")

    assert (ask.__name__, ask.__doc__, told[0].operation) == ("ask", "Ask.", "ask")
    assert inspect.signature(ask).parameters.keys() == {"code", "twice"}


def test_wraps_methods(errors: Middleware, told: Told) -> None:
    class Clerk:
        @errors.wrap("desk", operation="ask")
        def ask(self, code: str) -> str:
            raise DeskError(code)

        @classmethod
        @errors.wrap("desk")
        def greet(cls) -> str:
            return cls.__name__

    with pytest.raises(DeskError):
        Clerk().ask("busy")

    assert Clerk.greet() == "Clerk"
    assert told[0].operation == "ask"


async def _ask(code: str) -> str:
    if code != "fine":
        raise DeskError(code)
    return code


class _Asking:
    async def __call__(self, code: str) -> str:
        return await _ask(code)


@pytest.mark.parametrize("function", [_ask, functools.partial(_ask), _Asking()], ids=["function", "partial", "object"])
async def test_wraps_coroutines_of_every_make(errors: Middleware, told: Told, function: Callable[..., Any]) -> None:
    ask = errors.wrap("desk")(function)

    assert await ask("fine") == "fine"
    with pytest.raises(DeskError):
        await ask("busy")
    assert told.codes == ["busy"]
    assert inspect.iscoroutinefunction(ask)


async def test_calls_at_the_same_time_do_not_disturb_one_another(errors: Middleware, told: Told) -> None:
    ask = errors.wrap("desk")(_ask)
    results = await asyncio.gather(*(ask(code) for code in ("busy", "fine", "lost") * 20), return_exceptions=True)

    assert [str(result) for result in results] == ["busy", "fine", "lost"] * 20
    assert len(told) == 40


def test_wraps_generators_with_all_they_can_do(errors: Middleware, told: Told) -> None:
    @errors.wrap("desk")
    def talk() -> Generator[str, str, str]:
        heard = yield "hello"
        try:
            yield heard
        except KeyError:
            yield "caught"
        return "done"

    talking = talk()

    assert next(talking) == "hello"
    assert talking.send("what") == "what"
    assert talking.throw(KeyError()) == "caught"
    with pytest.raises(StopIteration, match="done"):
        next(talking)
    assert inspect.isgeneratorfunction(talk)
    assert told == []


def test_tells_what_a_generator_raises_and_not_what_its_consumer_does(errors: Middleware, told: Told) -> None:
    @errors.wrap("desk")
    def talk() -> Iterator[str]:
        yield "hello"
        raise DeskError("busy")

    with pytest.raises(KeyError):
        for _ in talk():
            raise KeyError
    assert told == []
    with pytest.raises(DeskError):
        list(talk())
    assert told.codes == ["busy"]


def test_a_wrapped_generator_still_makes_a_context_manager(errors: Middleware, told: Told) -> None:
    @contextmanager
    @errors.wrap("desk")
    def at_the_desk() -> Generator[None, None, None]:
        yield

    with pytest.raises(DeskError), at_the_desk():
        raise DeskError("busy")

    assert told.codes == ["busy"]


async def test_wraps_asynchronous_generators_with_all_they_can_do(errors: Middleware, told: Told) -> None:
    closed = []

    @errors.wrap("desk")
    async def talk() -> AsyncGenerator[str, str]:
        try:
            heard = yield "hello"
            try:
                yield heard
            except KeyError:
                yield "caught"
        finally:
            closed.append(True)

    talking = talk()

    assert await anext(talking) == "hello"
    assert await talking.asend("what") == "what"
    assert await talking.athrow(KeyError()) == "caught"
    with pytest.raises(StopAsyncIteration):
        await anext(talking)
    assert closed == [True]
    assert inspect.isasyncgenfunction(talk)
    assert told == []


async def test_closing_a_wrapped_asynchronous_generator_closes_the_one_inside_at_once(errors: Middleware, told: Told) -> None:
    closed = []

    @errors.wrap("desk")
    async def talk() -> AsyncGenerator[str, None]:
        try:
            yield "hello"
        finally:
            closed.append(True)

    talking = talk()
    await anext(talking)
    await talking.aclose()

    assert closed == [True]
    assert told == []


async def test_tells_what_an_asynchronous_generator_raises(errors: Middleware, told: Told) -> None:
    @errors.wrap("desk")
    async def talk() -> AsyncGenerator[str, None]:
        yield "hello"
        raise DeskError("busy")

    with pytest.raises(DeskError):
        async for _ in talk():
            pass

    assert told.codes == ["busy"]


def test_importing_the_package_brings_nothing_that_only_telling_or_retrying_needs() -> None:
    heavy = "structlog opentelemetry stamina tenacity nats slixmpp errnorm.middleware errnorm.supervisor"
    code = f"import sys, errnorm; print([name for name in {heavy.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert all(getattr(errnorm, name) is not None for name in errnorm.__all__)
    with pytest.raises(AttributeError, match="no attribute"):
        _ = errnorm.nonsense
