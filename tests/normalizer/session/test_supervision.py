"""A session that is watched: what it ended with wins over what serving raised or returned, and serving ends with it."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import nats.errors
import pytest

from errnorm.middleware import Middleware
from errnorm.session import Close, Closed, Closing, DialFailed, Ended, Session, Up
from errnorm.session.attachment import Attachment
from errnorm.supervisor import StoppedError, supervise
from errnorm.supervisor.runs import Opener
from errnorm.taxonomy import Reason
from tests.normalizer.session import kit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from errnorm.error import NormalizedError
    from errnorm.fault import Fault

USER: ContextVar[str] = ContextVar("user")


class Attached(Attachment):
    """An attachment to nothing: a test says what happens."""

    def __init__(self, middleware: Middleware, *, supervised: bool = False, **options: Any) -> None:
        super().__init__(middleware, "nats", Session(single=supervised), **options)
        self.orders: list[Close] = []
        self.leaving = False

    @property
    def is_ending(self) -> bool:
        return self.leaving or super().is_ending

    async def close(self) -> None:
        self.feed(Closing())
        self.feed(Closed())

    def _close_client(self, order: Close) -> None:
        self.orders.append(order)


class World:
    """Whoever connects and serves, and remembers how often."""

    def __init__(self) -> None:
        self.sessions: list[Attached] = []
        self.closed = 0
        self.told: list[Fault] = []
        self.errors = Middleware(emitters=[self.told.append])

    async def connect(self, attach: Callable[..., Attached]) -> World:
        session = attach()
        self.sessions.append(session)
        session.feed(Up())
        return self

    async def close(self) -> None:
        self.closed += 1

    def lose(self) -> None:
        """Lose the connection of the present session."""
        lost = nats.errors.UnexpectedEOF()
        self.sessions[-1].feed(Ended(error=self.errors.normalize(lost, "nats"), cause=lost))

    async def run(self, serve: Callable[[World], Awaitable[object]], **options: Any) -> NormalizedError | None:
        async def soon(_: float) -> None:
            """Go on at once."""

        options = {"attach": Attached, "middleware": self.errors, "sleep": soon, **options}
        async with asyncio.timeout(120):
            return await supervise(self.connect, serve, **options)

    def losing(self, how: Callable[[World], Awaitable[object]]) -> Callable[[World], Awaitable[object]]:
        """Serve so in the first session, and be done in the second."""

        async def serve(world: World) -> object:
            return await how(world) if len(self.sessions) == 1 else None

        return serve


async def waits_for_ever(world: World) -> None:
    world.lose()
    await asyncio.Event().wait()


async def returns_when_the_iteration_ends(world: World) -> None:
    asyncio.get_running_loop().call_later(0.05, world.lose)
    world.sessions[-1].leaving = True


async def raises_what_a_call_raised(world: World) -> None:
    world.lose()
    raise nats.errors.ConnectionClosedError


async def raises_in_a_group(world: World) -> None:
    world.lose()
    async with asyncio.TaskGroup() as workers:
        workers.create_task(raises_what_a_call_raised(world))


async def ignores_that_it_is_cancelled(world: World) -> None:
    world.lose()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise KeyError from None


@pytest.mark.parametrize(
    "how",
    [
        waits_for_ever,
        returns_when_the_iteration_ends,
        raises_what_a_call_raised,
        raises_in_a_group,
        ignores_that_it_is_cancelled,
    ],
)
async def test_the_end_of_a_session_opens_another_one_however_it_was_served(how: Callable[[World], Awaitable[object]]) -> None:
    world = World()
    assert await world.run(world.losing(how)) is None
    assert len(world.sessions) == world.closed == 2
    assert [(fault.error.reason, fault.operation, fault.outcome) for fault in world.told] == [
        (Reason.TRANSPORT_LOST, "serve", "retried")
    ]


async def test_what_cannot_be_mended_stops_it_with_the_original_as_the_cause() -> None:
    world, cause = World(), nats.errors.AuthorizationError()

    async def serve(_: World) -> None:
        world.sessions[-1].feed(Ended(error=kit.untrusted(), cause=cause))
        await asyncio.Event().wait()

    with pytest.raises(StoppedError) as stopped:
        await world.run(serve)
    assert stopped.value.__cause__ is cause
    assert world.sessions[-1].orders


async def test_closing_it_oneself_is_the_end_without_a_fault() -> None:
    world = World()

    async def serve(_: World) -> None:
        await world.sessions[-1].close()
        await asyncio.Event().wait()

    assert await world.run(serve) is None
    assert (world.told, world.closed) == ([], 1)


async def test_what_is_not_of_the_protocol_passes_while_the_session_is_well() -> None:
    world = World()

    async def serve(_: World) -> None:
        raise ConnectionRefusedError(111, "the database")

    with pytest.raises(ConnectionRefusedError):
        await world.run(serve)
    assert (world.told, world.closed) == ([], 1)


async def test_what_is_of_the_protocol_is_judged_while_the_session_is_well() -> None:
    world = World()

    async def serve(_: World) -> None:
        if len(world.sessions) == 1:
            raise nats.errors.TimeoutError

    assert await world.run(serve) is None
    assert [fault.error.reason for fault in world.told] == [Reason.TRANSPORT_TIMEOUT]


async def test_what_ends_the_program_passes() -> None:
    world = World()

    class Halt(BaseException):
        """Not an error."""

    async def serve(_: World) -> None:
        raise Halt

    with pytest.raises(Halt):
        await world.run(serve)
    assert world.closed == 1


async def test_a_session_that_could_not_be_opened_says_more_than_what_connect_raised() -> None:
    world = World()
    cause = ConnectionRefusedError(111, "refused")

    async def connect(attach: Callable[..., Attached]) -> World:
        world.sessions.append(attach())
        if len(world.sessions) == 2:
            return world
        world.sessions[-1].feed(DialFailed(error=world.errors.normalize(cause, "nats"), cause=cause))
        raise nats.errors.NoServersError

    world.connect = connect  # type: ignore[method-assign]

    async def serve(_: World) -> None:
        """Be done."""

    assert await world.run(serve) is None
    assert [(fault.error.reason, fault.exception) for fault in world.told] == [(Reason.TRANSPORT_REFUSED, cause)]


async def test_without_a_supervisor_a_session_reports_in_an_empty_context() -> None:
    seen: list[object] = []
    errors = Middleware(emitters=[lambda _: seen.append(USER.get("nobody"))])
    token = USER.set("alice")
    try:
        Attached(errors).feed(DialFailed(error=kit.lost()))
    finally:
        USER.reset(token)
    assert seen == ["nobody"]


async def test_nothing_that_goes_wrong_here_reaches_the_client(caplog: pytest.LogCaptureFixture) -> None:
    session = Attached(Middleware(emitters=[]))

    def fails(_: object) -> list[object]:
        raise ZeroDivisionError

    session._session.receive = fails  # type: ignore[assignment,method-assign]
    session.feed(Up())
    assert "ZeroDivisionError" in caplog.text


async def test_a_trace_that_cannot_be_written_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def full(_: str) -> None:
        raise OSError(28, "No space left on device")

    session = Attached(Middleware(emitters=[]), record=full)
    session.feed(Up())
    assert session.health().up
    assert session.health().since <= time.time()
    assert "OSError" in caplog.text


async def test_the_health_of_a_service_spans_its_sessions() -> None:
    world, seen = World(), []
    connect = world.connect

    async def connecting(attach: Any) -> World:
        seen.append(attach.health())
        client = await connect(attach)
        world.health = attach.health  # type: ignore[attr-defined]
        return client

    async def pause(_: float) -> None:
        seen.append(world.health())  # type: ignore[attr-defined]

    world.connect = connecting  # type: ignore[method-assign]

    async def serve(_: World) -> None:
        seen.append(world.health())  # type: ignore[attr-defined]
        if len(world.sessions) == 1:
            world.lose()
            seen.append(world.health())  # type: ignore[attr-defined]
            await asyncio.Event().wait()

    assert await world.run(serve, sleep=pause) is None
    seen.append(world.health())  # type: ignore[attr-defined]
    assert [str(health.status) for health in seen] == [
        "recovering",
        "up",
        "recovering",
        "recovering",
        "recovering",
        "up",
        "closed",
    ]
    lost = seen[3]
    assert lost.why.startswith("transport.lost")
    assert lost.decision is not None
    assert seen[4].since == lost.since


async def test_only_what_is_attached_while_connecting_is_watched() -> None:
    errors = Middleware(emitters=[])
    opener = Opener(None, errors, None)
    opener.arguments(())
    first, second = Attached(errors, supervised=True), Attached(errors, supervised=True)
    opener.watch(first)
    opener.connected()
    opener.watch(second)
    assert opener.session is first
