"""aioxmpp on a real Prosody: for each thing that goes wrong, what is told (once), what is decided, what the client does."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import errnorm
from errnorm import Middleware, Reason, RetryPolicy
from errnorm_adapters.xmpp import attach
from tests.adapters.xmpp.client.kit import PATIENCE, QUIET, Memory, scripted
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from errnorm_adapters.xmpp.client import XmppAttachment
    from tests.servers.certificates import Certificates
    from tests.servers.prosody import ProsodyServer

aioxmpp = pytest.importorskip("aioxmpp", reason="aioxmpp is not installed; it runs on Python 3.11 and 3.12 only")
resolver, name = pytest.importorskip("dns.resolver"), pytest.importorskip("dns.name")
ssl = pytest.importorskip("OpenSSL.SSL")

# It uses what Python and its own dependencies have deprecated, and leaves futures behind that nobody asks.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NO_RESUMPTION = 'modules_disabled = { "smacks" }'
SECRET = "secret"  # noqa: S105 - of servers that live for one test


@asynccontextmanager
async def opened(
    port: int, password: str = SECRET, *, trusting: bool = True, **options: Any
) -> AsyncGenerator[tuple[Any, Memory, XmppAttachment]]:
    """Start a client under a middleware that remembers, and close it in the end; it trusts any certificate, or the usual ones."""
    memory = Memory()
    client = aioxmpp.Client(
        aioxmpp.JID.fromstr("alice@localhost/desk"),
        aioxmpp.make_security_layer(password, no_verify=trusting),
        override_peer=[(HOST, port, aioxmpp.connector.STARTTLSConnector())],
    )
    errors = Middleware(emitters=[memory], policy=RetryPolicy(attempts=None))
    options = {"login_within": PATIENCE, **options}
    attachment = attach(errors, client, **options)
    client.start()
    try:
        yield client, memory, attachment
    finally:
        await attachment.close()
        await asyncio.sleep(0.1)
        gc.collect()


async def ended(attachment: XmppAttachment) -> object:
    """Wait until the session has ended, and a little longer for what may still be told."""
    async with asyncio.timeout(PATIENCE):
        error = await attachment.ended()
    await asyncio.sleep(QUIET)
    return error


@pytest.fixture
def server(start_prosody: Callable[..., ProsodyServer], issued: Certificates) -> ProsodyServer:
    """A Prosody that knows Alice."""
    return start_prosody(users={"alice": SECRET}, tls=issued)


async def test_a_wrong_password_is_told_once_and_ends_the_client(server: ProsodyServer) -> None:
    async with opened(server.port, "wrong") as (client, memory, attachment):
        await ended(attachment)
        assert memory.reasons == ["auth.rejected"]
        assert memory.rows[0][2:] == ("abort", "closed")
        assert not client.running


async def test_who_is_replaced_is_told_so_once_and_the_client_gives_up(server: ProsodyServer) -> None:
    async with opened(server.port) as (client, memory, attachment):
        await attachment.started(within=PATIENCE)
        async with opened(server.port) as (_, _, other):
            await other.started(within=PATIENCE)
            await ended(attachment)
        assert memory.rows == [("serve", "stream:conflict", "abort", "closed")]
        assert not client.running


async def test_a_server_that_dies_is_told_once_and_the_client_connects_again(server: ProsodyServer) -> None:
    async with opened(server.port) as (client, memory, attachment):
        await attachment.started(within=PATIENCE)
        await asyncio.to_thread(server.kill)
        async with asyncio.timeout(PATIENCE):
            while not memory.rows:  # noqa: ASYNC110 - an emitter is no coroutine
                await asyncio.sleep(0.01)
        await asyncio.sleep(QUIET)
        assert memory.rows[0][0] == "serve"
        assert memory.rows[0][2:] == ("retry", "reconnecting")
        assert [row[0] for row in memory.rows].count("serve") == 1
        assert client.running


async def test_an_account_that_is_removed_stops_the_client_although_it_would_connect_again(server: ProsodyServer) -> None:
    async with opened(server.port, abort=True) as (client, memory, attachment):
        await attachment.started(within=PATIENCE)
        await asyncio.to_thread(server.shell, 'user:delete("alice@localhost")')
        await ended(attachment)
        assert len(memory.rows) == 1
        assert memory.rows[0][2:] == ("abort", "closed")
        assert not client.running


async def test_a_password_that_is_changed_ends_the_client_for_the_refusal_and_not_for_the_reset_before_it(
    server: ProsodyServer,
) -> None:
    async with opened(server.port) as (client, memory, attachment):
        await attachment.started(within=PATIENCE)
        await asyncio.to_thread(server.shell, 'user:password("alice@localhost", "other")')
        await ended(attachment)
        assert memory.rows == [
            ("serve", "stream:reset", "retry", "reconnecting"),
            ("connect", "sasl:not-authorized", "abort", "closed"),
        ]
        assert not client.running


async def test_attempts_to_connect_that_fail_are_told_although_nothing_is_signalled_and_so_is_giving_up(
    reserved_port: int,
) -> None:
    async with opened(reserved_port, abort=True) as (client, memory, attachment):
        client.backoff_start = timedelta(milliseconds=10)
        await ended(attachment)
        assert set(memory.reasons) == {"transport.refused"}
        assert {row[2:] for row in memory.rows[:-1]} == {("retry", "reconnecting")}
        assert memory.rows[-1][2:] == ("abort", "closed")
        assert not client.running


async def test_a_session_that_this_side_ends_is_no_fault(server: ProsodyServer) -> None:
    async with opened(server.port) as (client, memory, attachment):
        await attachment.started(within=PATIENCE)
        client.stop()
        assert await ended(attachment) is None
        assert not memory.rows


async def test_a_supervised_session_leaves_telling_to_whoever_decides(server: ProsodyServer) -> None:
    async with opened(server.port, supervised=True) as (client, memory, attachment):
        await attachment.started(within=PATIENCE)
        await asyncio.to_thread(server.stop)
        assert await ended(attachment) is not None
        assert not memory.rows
        assert not client.running


@asynccontextmanager
async def cuttable(port: int) -> AsyncGenerator[tuple[int, Callable[[], None]]]:
    """Stand between a client and a server; it yields a port, and a function that cuts all connections through it."""
    writers: list[asyncio.StreamWriter] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, port)
        writers.extend((writer, back))
        await asyncio.gather(copy(reader, back), copy(there, writer))

    def cut() -> None:
        while writers:
            writers.pop().transport.abort()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], cut
        cut()


@asynccontextmanager
async def answering(port: int, answer: Callable[[], Awaitable[object]]) -> AsyncGenerator[None]:
    """Let Bob answer questions about his features once a coroutine has returned."""
    bob = aioxmpp.Client(
        aioxmpp.JID.fromstr("bob@localhost/desk"),
        aioxmpp.make_security_layer(SECRET, no_verify=True),
        override_peer=[(HOST, port, aioxmpp.connector.STARTTLSConnector())],
    )

    async def answered(_: object) -> object:
        await answer()
        return aioxmpp.disco.xso.InfoQuery()

    async with bob.connected():
        bob.stream.register_iq_request_handler(aioxmpp.IQType.GET, aioxmpp.disco.xso.InfoQuery, answered)
        yield


def asked(client: Any, errors: Middleware) -> asyncio.Task[object]:
    """Ask Bob under a guard, and return a task with the exception or the answer."""

    async def ask() -> object:
        question = aioxmpp.IQ(
            type_=aioxmpp.IQType.GET, to=aioxmpp.JID.fromstr("bob@localhost/desk"), payload=aioxmpp.disco.xso.InfoQuery()
        )
        try:
            async with errors.guard("xmpp", operation="ask", idempotent=True):
                return await client.send(question)
        except (OSError, ssl.Error) as error:
            return error

    return asyncio.create_task(ask())


async def test_a_client_stops_although_its_library_loses_the_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real loss is a race: the answer that an attempt waits for and the cancellation come in the same round of the event loop.
    async def loses(_client: object) -> None:
        connecting.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise ConnectionResetError

    connecting = asyncio.Event()
    monkeypatch.setattr(aioxmpp.Client, "_main_impl", loses)
    async with asyncio.timeout(PATIENCE), opened(9) as (client, memory, attachment):
        await connecting.wait()
        await attachment.close()
        assert not client.running
        assert memory.rows == []


@pytest.fixture
def two(start_prosody: Callable[..., ProsodyServer], issued: Certificates) -> Callable[[str], ProsodyServer]:
    """Start a Prosody that knows Alice and Bob, with other settings."""
    return lambda settings: start_prosody(users={"alice": SECRET, "bob": SECRET}, tls=issued, settings=settings)


@pytest.mark.parametrize("supervised", [False, True])
@pytest.mark.parametrize("settings", ["", NO_RESUMPTION], ids=["with resumption", "without"])
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_requests_that_wait_when_the_server_goes_end_for_the_reason_of_the_session(
    how: str, settings: str, two: Callable[[str], ProsodyServer], *, supervised: bool
) -> None:
    server, never = two(settings), asyncio.Event()
    async with opened(server.port, supervised=supervised) as (client, memory, attachment), answering(server.port, never.wait):
        await attachment.started(within=PATIENCE)
        assert client.stream.sm_enabled is not bool(settings)
        asking = [asked(client, attachment._middleware) for _ in range(2)]
        await asyncio.sleep(QUIET)
        await asyncio.to_thread(getattr(server, how))
        async with asyncio.timeout(PATIENCE):
            ends = await asyncio.gather(*asking)
        end = attachment.end if supervised else memory.faults[0].error
        assert [errnorm.normalize(error).reason for error in ends] == [errnorm.normalize(end, "xmpp").reason] * 2
        assert [row[0] for row in memory.rows].count("serve") == (0 if supervised else 1)
        assert {row[0] for row in memory.rows} <= {"serve", "connect"}


async def test_a_request_lives_on_where_the_stream_is_resumed(two: Callable[[str], ProsodyServer]) -> None:
    server, up_again = two(""), asyncio.Event()
    async with (
        cuttable(server.port) as (port, cut),
        opened(port) as (client, memory, attachment),
        answering(server.port, up_again.wait),
    ):
        client.backoff_start = timedelta(milliseconds=10)
        await attachment.started(within=PATIENCE)
        asking = asked(client, attachment._middleware)
        await asyncio.sleep(QUIET)
        cut()
        async with asyncio.timeout(PATIENCE):
            while not memory.rows:  # noqa: ASYNC110 - an emitter is no coroutine
                await asyncio.sleep(0.01)
            await attachment.started()
            up_again.set()
            assert isinstance(await asking, aioxmpp.disco.xso.InfoQuery)
        assert [row[0] for row in memory.rows] == ["serve"]


async def test_what_is_sent_while_it_connects_waits_for_the_connection_and_no_longer_than_the_client(reserved_port: int) -> None:
    async with opened(reserved_port) as (client, _, attachment):
        asking = asked(client, attachment._middleware)
        await asyncio.sleep(QUIET)
        assert not asking.done()
        await attachment.close()
        asking.cancel()


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (resolver.NXDOMAIN(), "transport.dns"),
        (name.EmptyLabel(), "protocol.misaddressed"),
        (ssl.Error([("SSL routines", "", "certificate verify failed")]), "auth.untrusted"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "transport.refused"),
    ],
    ids=["no such name", "no name", "untrusted", "no route"],
)
def test_of_all_addresses_that_failed_a_certificate_or_a_name_says_most(member: Exception, reason: str) -> None:
    several = aioxmpp.errors.MultiOSError("failed", [ConnectionRefusedError(errno.ECONNREFUSED, "refused"), member])
    assert errnorm.normalize(several, "xmpp").reason == reason
    if not isinstance(member, OSError):
        assert errnorm.normalize(member, "xmpp").reason == reason


async def test_a_server_that_offers_no_mechanism_in_common_is_not_a_wrong_password(
    start_prosody: Callable[..., ProsodyServer], issued: Certificates
) -> None:
    server = start_prosody(tls=issued, settings='authentication = "anonymous"')
    async with opened(server.port, abort=True) as (client, memory, attachment):
        await ended(attachment)
        assert memory.reasons == ["auth.mechanism"]
        assert memory.rows[0][2:] == ("abort", "closed")
        assert memory.faults[0].error.terminal
        assert not client.running


async def test_a_certificate_that_nobody_trusts_is_told_as_that(server: ProsodyServer) -> None:
    async with opened(server.port, trusting=False, abort=True) as (client, memory, attachment):
        await ended(attachment)
        assert memory.reasons == ["auth.untrusted"]
        assert memory.rows[0][2:] == ("abort", "closed")
        assert memory.faults[0].error.terminal
        assert not client.running


async def test_a_server_that_says_nothing_is_told() -> None:
    async with scripted(("never", "")) as port, opened(port, supervised=True, login_within=0.05) as (client, memory, attachment):
        assert isinstance(await ended(attachment), TimeoutError)
        assert not client.running
        assert not memory.rows


async def test_an_attempt_that_takes_too_long_is_told_once_although_it_fails_later() -> None:
    async with scripted(("never", "")) as port, opened(port, login_within=0.1) as (client, memory, _):
        client.negotiation_timeout = timedelta(seconds=0.3)
        async with asyncio.timeout(PATIENCE):
            while len(memory.rows) < 3:  # noqa: ASYNC110 - an emitter is no coroutine
                await asyncio.sleep(0.01)
        assert client.running
        assert [type(fault.exception) for fault in memory.faults] == [TimeoutError] * 3
        assert {fault.error.reason for fault in memory.faults} == {Reason.TRANSPORT_TIMEOUT}
