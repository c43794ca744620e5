"""A session that ends: opened again, opened elsewhere, or given up with a reason; and the client always closed."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from slixmpp import ClientXMPP

import errnorm
from errnorm.decision import RetryPolicy
from errnorm.middleware import Middleware
from errnorm.supervisor import StoppedError, supervise
from errnorm.taxonomy import Reason, Recovery
from tests.normalizer.desk import CODES, DeskError, DeskNormalizer, error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from errnorm.fault import Fault
    from tests.servers.nats import NatsServer
    from tests.servers.prosody import ProsodyServer

EVERY_SECOND = RetryPolicy(attempts=None, base=1, cap=1, spread=20)
DONE = object()


class Session:
    """A client, a server and a clock in one: each session ends as the script says."""

    def __init__(self, *script: object, lasting: float = 0.0) -> None:
        """Each entry is a code raised while serving, an exception, what `serve` returns, or `("connect", code)`."""
        self.script = list(script)
        self.lasting = lasting
        self.now = 0.0
        self.pauses: list[float] = []
        self.connected: list[tuple[str, ...]] = []
        self.open = 0
        self.most_open = 0
        self.told: list[Fault] = []

    async def connect(self, *where: str) -> Session:
        self.connected.append(where)
        if self.script and isinstance(self.script[0], tuple):
            raise DeskError(self.script.pop(0)[1])  # type: ignore[index]
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        return self

    async def serve(self, client: Session) -> object:
        assert client is self
        self.now += self.lasting
        end = self.script.pop(0) if self.script else None
        if isinstance(end, str):
            raise DeskError(end, address="b.example" if end == "moved" else None)
        if isinstance(end, BaseException):
            raise end
        return None if end is DONE else end

    async def close(self) -> None:
        self.open -= 1

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def supervise(self, **known: Any) -> errnorm.NormalizedError | None:
        known.setdefault("policy", EVERY_SECOND)
        known.setdefault("random", lambda: 0.5)
        return await supervise(
            self.connect,
            self.serve,
            protocol="desk",
            middleware=Middleware(DeskNormalizer(), [self.told.append]),
            sleep=self.sleep,
            clock=lambda: self.now,
            **known,
        )

    @property
    def records(self) -> list[tuple[str | None, str | None, bool]]:
        return [(fault.error.code, fault.operation, fault.outcome == "retried") for fault in self.told]


async def test_ends_when_serving_is_done() -> None:
    session = Session(DONE)

    assert await session.supervise() is None
    assert (session.connected, session.open, session.told) == ([()], 0, [])


async def test_opens_the_session_again_for_what_time_can_mend() -> None:
    session = Session("lost", ("connect", "busy"), "silent", DONE)

    assert await session.supervise() is None
    assert session.records == [("lost", "serve", True), ("busy", "connect", True), ("silent", "serve", True)]
    assert session.pauses == [0.5, 0.5, 0.5]


async def test_never_has_two_clients_open() -> None:
    session = Session("lost", "lost", "lost", DONE)
    await session.supervise()

    assert (session.most_open, session.open) == (1, 0)


async def test_an_error_that_is_returned_counts_like_one_that_is_raised() -> None:
    session = Session(error("lost"), DeskError("lost"), "lost", DONE)
    await session.supervise()

    assert session.records == [("lost", "serve", True)] * 3


async def test_waits_long_after_a_shutdown_of_the_server_and_then_normally() -> None:
    session = Session("closing", ("connect", "lost"), DONE)
    await session.supervise()

    assert session.pauses == [10.0, 0.5]


@pytest.mark.parametrize("code", ["denied", "wrong", "never heard of"])
async def test_stops_with_the_reason_where_somebody_must_act(code: str) -> None:
    session = Session(code, DONE)
    with pytest.raises(StoppedError) as stopped:
        await session.supervise()

    assert isinstance(stopped.value.__cause__, DeskError)
    assert stopped.value.error.code == error(code).code
    assert stopped.value.attempts == 1
    assert str(stopped.value.error.reason) in str(stopped.value)
    assert (session.open, session.pauses) == (0, [])
    assert [fault.outcome for fault in session.told] == ["failed"]


async def test_a_mistake_of_the_application_is_raised_as_it_is() -> None:
    session, mistake = Session(ZeroDivisionError()), None
    mistake = session.script[0]
    with pytest.raises(ZeroDivisionError) as raised:
        await session.supervise()

    assert raised.value is mistake
    assert (session.open, session.told) == (0, [])


async def test_an_end_as_it_should_be_is_returned() -> None:
    ended = await Session("over").supervise()

    assert ended is not None
    assert ended.recovery is Recovery.NONE


async def test_refused_credentials_get_one_more_chance_and_not_two() -> None:
    session = Session(*[("connect", "password")] * 9)
    with pytest.raises(StoppedError, match=r"2 times in a row: auth\.rejected.* twice in a row") as stopped:
        await session.supervise()

    assert len(session.connected) == 2
    assert stopped.value.decision.step is Recovery.REAUTHENTICATE
    assert [fault.outcome for fault in session.told] == ["retried", "failed"]


async def test_a_refusal_after_an_outage_is_still_the_second_one() -> None:
    session = Session(("connect", "password"), ("connect", "lost"), ("connect", "password"), DONE)
    with pytest.raises(StoppedError):
        await session.supervise()

    assert len(session.connected) == 3


async def test_fresh_credentials_are_asked_for_and_then_it_goes_on() -> None:
    asked = []

    async def credentials(refused: errnorm.NormalizedError) -> None:
        asked.append(refused.reason)

    session = Session(("connect", "expired"), "lost", DONE)
    await session.supervise(credentials=credentials)

    assert asked == [Reason.AUTH_EXPIRED]
    assert session.pauses == [0.5, 0.5]


def none_left(about: object) -> bool:
    return about is None


def broken(about: object) -> bool:
    raise DeskError("busy") from (about if isinstance(about, BaseException) else None)


async def test_refused_credentials_are_waited_for_until_there_are_others() -> None:
    answers = iter([False, False, False, True])
    session = Session(("connect", "password"), ("connect", "password"), DONE)
    await session.supervise(credentials=lambda _: next(answers), credentials_every=30)

    assert len(session.connected) == 3
    assert session.pauses == [0.5, 30, 30, 0.0]
    assert [fault.decision.why for fault in session.told if fault.decision] == [
        "the error may pass with time",
        "the same credentials were refused twice; waiting for other ones",
    ]


async def test_credentials_are_not_waited_for_without_end() -> None:
    session = Session(*[("connect", "password")] * 9)
    with pytest.raises(StoppedError, match="no other credentials came"):
        await session.supervise(credentials=none_left, credentials_every=30, credentials_within=100)

    assert len(session.connected) == 2
    assert session.pauses == [0.5, 30, 30, 30, 30]
    assert [fault.outcome for fault in session.told] == ["retried", "retried", "failed"]


async def test_a_hook_that_always_has_other_credentials_does_not_make_a_service_hammer() -> None:
    session = Session(*[("connect", "password")] * 9)
    with pytest.raises(StoppedError):
        await session.supervise(credentials=lambda _: True, credentials_every=30, credentials_within=100)

    assert session.pauses == [0.5, 30, 30, 30, 30]


async def test_a_hook_that_fails_has_no_credentials_and_its_failure_is_reported() -> None:
    session = Session(("connect", "password"), ("connect", "password"), DONE)
    with pytest.raises(StoppedError):
        await session.supervise(credentials=broken, credentials_within=0)

    assert [(fault.error.code, fault.operation) for fault in session.told] == [
        ("busy", "credentials"),
        ("password", "connect"),
        ("busy", "credentials"),
        ("password", "connect"),
    ]


async def test_a_hook_that_fails_while_it_is_waited_for_is_the_end() -> None:
    answers = iter([False, False])
    session = Session(*[("connect", "password")] * 9)

    def vault(_: object) -> bool:
        try:
            return next(answers)
        except StopIteration:
            raise DeskError("busy") from None

    with pytest.raises(StoppedError):
        await session.supervise(credentials=vault)

    assert len(session.connected) == 2


async def test_a_file_that_changes_holds_other_credentials(tmp_path: Path) -> None:
    file = tmp_path / "user.creds"
    file.write_text("old")
    session = Session(*[("connect", "password")] * 2, ("connect", "lost"), *[("connect", "password")] * 2, DONE)
    sleep = session.sleep

    async def rotate(seconds: float) -> None:
        await sleep(seconds)
        if len(session.pauses) in {3, 7}:
            file.write_text(f"new {session.pauses}")

    session.sleep = rotate  # type: ignore[method-assign]
    await session.supervise(credentials=file, credentials_every=30)

    assert session.pauses == [0.5, 30, 30, 0.0, 0.5, 0.5, 30, 0.0]


async def test_a_file_that_is_not_there_holds_none(tmp_path: Path) -> None:
    session = Session(*[("connect", "password")] * 9)
    with pytest.raises(StoppedError):
        await session.supervise(credentials=str(tmp_path / "absent"), credentials_within=50)

    assert len(session.connected) == 2


async def test_nobody_is_asked_for_credentials_where_they_do_not_help() -> None:
    asked: list[object] = []
    session = Session("lost", "denied")
    with pytest.raises(StoppedError):
        await session.supervise(credentials=asked.append)

    assert asked == []


@pytest.mark.parametrize("trusts", [None, none_left, broken])
async def test_a_redirect_is_not_followed_unless_the_caller_trusts_the_address(trusts: Callable[[str], bool] | None) -> None:
    session = Session("moved", DONE)
    with pytest.raises(StoppedError):
        await session.supervise(redirect=trusts)

    assert session.connected == [()]


async def test_a_trusted_redirect_is_followed_once() -> None:
    session = Session("moved", "lost", DONE)
    await session.supervise(redirect=lambda address: address == "b.example")

    assert session.connected == [(), ("b.example",), ()]


async def test_an_address_that_comes_with_another_error_is_not_gone_to() -> None:
    session = Session(error("lost", address="c.example"), DONE)
    await session.supervise(redirect=bool)

    assert session.connected == [(), ()]


async def test_the_reason_of_an_end_that_nobody_raised_can_be_asked_and_is_not_told_again() -> None:
    session, denied = Session(), error("denied")
    session.script.append(denied)
    errors = Middleware(DeskNormalizer(), [session.told.append])
    with pytest.raises(StoppedError) as stopped, errors.guard("desk"):
        await session.supervise()

    assert errnorm.normalize(stopped.value) is denied
    assert len(session.told) == 1


async def test_the_policy_limits_the_attempts() -> None:
    session = Session(*["lost"] * 9)
    with pytest.raises(StoppedError, match="it was tried 3 times"):
        await session.supervise(policy=RetryPolicy(attempts=3))

    assert len(session.connected) == 3


async def test_a_session_that_lasted_makes_what_failed_before_forgotten() -> None:
    session = Session(*["lost"] * 9, DONE, lasting=61)
    await session.supervise(policy=RetryPolicy(attempts=2), healthy_after=60)

    assert len(session.connected) == 10


async def test_a_session_that_flaps_is_no_success() -> None:
    session = Session(*["lost"] * 9, DONE, lasting=59)
    with pytest.raises(StoppedError):
        await session.supervise(policy=RetryPolicy(attempts=2), healthy_after=60)


async def test_members_of_a_group_are_told_and_the_worst_decides() -> None:
    session = Session(ExceptionGroup("two", [DeskError("lost"), DeskError("denied")]), DONE)
    with pytest.raises(StoppedError) as stopped:
        await session.supervise()

    assert stopped.value.error.code == "denied"
    assert [fault.error.code for fault in session.told] == ["lost", "denied"]


async def test_what_a_guard_inside_has_told_is_not_told_again() -> None:
    session = Session()
    errors = Middleware(DeskNormalizer(), [session.told.append])

    @errors.wrap("desk")
    async def serve(client: Session) -> None:
        del client
        raise DeskError("denied")

    session.serve = serve  # type: ignore[method-assign]
    with pytest.raises(StoppedError) as stopped, errors.guard("desk"):
        await session.supervise()

    assert len(session.told) == 1
    assert errnorm.normalize(stopped.value) is session.told[0].error


async def test_cancellation_closes_the_client_and_passes() -> None:
    session = Session()
    started = asyncio.Event()

    async def serve(client: Session) -> None:
        del client
        started.set()
        await asyncio.sleep(60)

    session.serve = serve  # type: ignore[method-assign]
    task = asyncio.create_task(session.supervise())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (session.open, session.told) == (0, [])


async def test_cancellation_ends_a_pause() -> None:
    paused = asyncio.Event()

    async def sleep(seconds: float) -> None:
        del seconds
        paused.set()
        await asyncio.sleep(60)

    session = Session("lost")
    session.sleep = sleep  # type: ignore[method-assign]
    task = asyncio.create_task(session.supervise())
    await paused.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert len(session.connected) == 1


async def hanging(client: object) -> None:
    del client
    await asyncio.sleep(60)


def failing(client: object) -> None:
    raise OSError(client)


@pytest.mark.parametrize("close", [hanging, failing])
async def test_a_client_that_cannot_be_closed_does_not_stop_it(close: Callable[[object], Awaitable[None] | None]) -> None:
    session = Session("lost", DONE)
    await session.supervise(close=close, close_within=0.01)

    assert session.records == [("lost", "serve", True)]


class Plain:
    """Cannot be closed at all."""


class Disconnecting:
    """Closes as slixmpp does: with a future."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[bool] | None = None

    def disconnect(self) -> asyncio.Future[bool]:
        self.closed = asyncio.get_running_loop().create_future()
        self.closed.set_result(True)
        return self.closed


@pytest.mark.parametrize("kind", [Plain, Disconnecting])
async def test_closes_clients_in_the_way_they_have(kind: type[Plain | Disconnecting]) -> None:
    client = kind()

    async def connect() -> Plain | Disconnecting:
        return client

    async def serve(served: Plain | Disconnecting) -> None:
        assert served is client

    await supervise(connect, serve, middleware=Middleware(emitters=[]))

    assert isinstance(client, Plain) or client.closed is not None


async def test_the_reason_travels_to_another_process_as_its_message() -> None:
    with pytest.raises(StoppedError) as stopped:
        await Session("denied").supervise()

    assert str(pickle.loads(pickle.dumps(stopped.value))) == str(stopped.value)  # noqa: S301 - our own


@given(st.lists(st.sampled_from((*CODES, "never heard of")), max_size=20), st.integers(1, 6))
def test_whatever_happens_it_ends_in_bounds_with_everything_told_and_closed(codes: list[str], most: int) -> None:
    session = Session(*codes)
    with contextlib.suppress(StoppedError):
        asyncio.run(session.supervise(policy=RetryPolicy(attempts=most)))

    assert len(session.connected) <= most
    assert session.open == 0
    assert len(session.told) == len(codes) - len(session.script)
    assert [fault.outcome for fault in session.told[:-1]] == ["retried"] * (len(session.told) - 1 if session.told else 0)


# With a real server and a real client


SOON = RetryPolicy(attempts=None, base=0.1, cap=0.2, spread=0.2)


class NatsSession:
    """What a caller of `supervise` writes around nats-py."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.connected: asyncio.Queue[Client] = asyncio.Queue()
        self.tries = 0

    async def connect(self) -> Client:
        self.tries += 1
        self.gone = asyncio.Event()
        client = Client()
        try:
            await client.connect(
                allow_reconnect=False, connect_timeout=2, error_cb=self.ignore, disconnected_cb=self.lost, **self.options
            )
        except BaseException:
            await client.close()
            raise
        return client

    async def serve(self, client: Client) -> object:
        self.connected.put_nowait(client)
        await self.gone.wait()
        return client.last_error or ConnectionResetError(104, "Connection reset by peer")

    async def lost(self) -> None:
        self.gone.set()

    async def ignore(self, error: Exception) -> None:
        """Leave the error to the one who reads it later."""


async def test_a_server_that_is_killed_and_started_again_is_found_again(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats()
    told: list[Fault] = []
    session = NatsSession(servers=[server.url])
    errors = Middleware(emitters=[told.append])
    task = asyncio.create_task(supervise(session.connect, session.serve, protocol="nats", middleware=errors, policy=SOON))
    await asyncio.wait_for(session.connected.get(), 100)
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(server.start)
    again = await asyncio.wait_for(session.connected.get(), 100)

    assert again.is_connected
    assert told
    assert all(fault.outcome == "retried" and fault.error.category == "transport" for fault in told)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert again.is_closed


async def test_a_wrong_password_costs_two_attempts_and_says_so(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({"authorization": {"user": "a", "password": "right"}})
    told: list[Fault] = []
    session = NatsSession(servers=[server.url], user="a", password="wrong")  # noqa: S106 - as wrong as can be
    errors = Middleware(emitters=[told.append])
    kept = supervise(session.connect, session.serve, protocol="nats", middleware=errors, policy=SOON)

    with pytest.raises(StoppedError, match=r"auth\.rejected.*twice in a row"):
        await asyncio.wait_for(kept, 100)

    assert session.tries == 2
    assert [(fault.error.reason, fault.operation, fault.outcome == "retried") for fault in told] == [
        (Reason.AUTH_REJECTED, "connect", True),
        (Reason.AUTH_REJECTED, "connect", False),
    ]


class XmppSession:
    """What a caller of `supervise` writes around slixmpp."""

    def __init__(self, port: int, password: str) -> None:
        self.port = port
        self.password = password
        self.connected: asyncio.Queue[ClientXMPP] = asyncio.Queue()
        self.tries = 0

    async def connect(self) -> ClientXMPP:
        self.tries += 1
        self.ended: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.settled = asyncio.Event()
        client = ClientXMPP("juliet@localhost", self.password)
        client.plugin["feature_mechanisms"].unencrypted_plain = True
        client.enable_direct_tls = client.enable_starttls = False
        client.enable_plaintext = True
        client.add_event_handler("stream_error", lambda stanza: self.end(stanza.xml))
        client.add_event_handler("failed_auth", lambda stanza: self.end(stanza.xml))
        client.add_event_handler("disconnected", lambda _: self.end(ConnectionResetError(104, "Connection reset by peer")))
        client.add_event_handler("connection_failed", self.end)
        client.add_event_handler("session_start", lambda _: self.settled.set())
        client.connect("127.0.0.1", self.port)
        await self.settled.wait()
        return client

    async def serve(self, client: ClientXMPP) -> object:
        if not self.ended.done():
            self.connected.put_nowait(client)
        return await self.ended

    def end(self, reason: object) -> None:
        self.settled.set()
        if not self.ended.done():
            self.ended.set_result(reason)


async def test_keeps_a_client_of_xmpp_in_the_same_way(start_prosody: Callable[..., ProsodyServer]) -> None:
    server = start_prosody(users={"juliet": "right"})
    told: list[Fault] = []
    session = XmppSession(server.port, "right")
    errors = Middleware(emitters=[told.append])
    kept = supervise(session.connect, session.serve, protocol="xmpp", middleware=errors, policy=SOON)
    task = asyncio.create_task(kept)
    await asyncio.wait_for(session.connected.get(), 100)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await asyncio.wait_for(session.connected.get(), 100)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert told
    assert all(fault.outcome == "retried" and fault.error.retryable for fault in told)


async def test_a_wrong_password_of_xmpp_costs_two_attempts_too(start_prosody: Callable[..., ProsodyServer]) -> None:
    server = start_prosody(users={"juliet": "right"})
    session = XmppSession(server.port, "wrong")
    kept = supervise(session.connect, session.serve, protocol="xmpp", middleware=Middleware(emitters=[]), policy=SOON)

    with pytest.raises(StoppedError, match=r"auth\.rejected.*twice in a row"):
        await asyncio.wait_for(kept, 100)

    assert session.tries == 2
