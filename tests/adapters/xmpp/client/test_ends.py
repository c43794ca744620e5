"""What a session ends with: for whoever waits for an answer, for whoever connects again, and for whoever supervises."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import slixmpp
from slixmpp.exceptions import IqTimeout

import errnorm
import errnorm_adapters.xmpp
from errnorm import RetryPolicy, StoppedError
from errnorm.session import Status
from tests.adapters.xmpp.client.kit import HEADER, LOGIN, MECHANISMS, PATIENCE, QUIET, Desk, desk, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.prosody import ProsodyServer

    Start = Callable[..., ProsodyServer]

USERS = {"alice": "secret", "bob": "secret"}
ROOMS = 'Component "rooms.localhost" "muc"\nmuc_room_locking = false'
ROOM = slixmpp.JID("hall@rooms.localhost")
SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
STREAMS = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'"
TLS = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
CLOSE = "</stream:stream>"
SCRAM_AND_PLAIN = MECHANISMS.replace("<mechanism>", "<mechanism>SCRAM-SHA-1</mechanism><mechanism>", 1)
FAILURE = f"<failure {SASL}><not-authorized/></failure>"
HURRIED = RetryPolicy(attempts=None, base=0.01, cap=0.05, spread=0.05)
WRONG = "wrong"


@pytest.fixture
def start(start_prosody: Callable[..., ProsodyServer]) -> Callable[..., ProsodyServer]:
    """Start a Prosody that knows Alice and Bob."""
    return lambda **options: start_prosody(users=USERS, **options)


# Whoever waits for an answer


async def ask(one: Desk, count: int = 2) -> list[BaseException | None]:
    """Send requests that nobody answers, each under a guard; return what they raised."""
    one.client.add_filter("out", lambda stanza: None if stanza["id"].startswith("nobody") else stanza)

    async def request(number: int) -> None:
        iq: Any = one.client.make_iq_get("urn:example:weather", slixmpp.JID("localhost"))
        iq["id"] = f"nobody-{number}"
        async with one.errors.guard("xmpp", operation="ask"):
            await iq.send(timeout=300)

    return await asyncio.gather(*(request(number) for number in range(count)), return_exceptions=True)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_requests_end_with_the_session_and_for_its_reason_which_is_told_once(start: Start, how: str) -> None:
    server = start()
    async with desk(server.port) as one:
        await one.start()
        asking = asyncio.ensure_future(ask(one))
        await asyncio.sleep(0)
        await asyncio.to_thread(getattr(server, how))
        async with asyncio.timeout(PATIENCE):
            raised = await asking
        assert [type(each) for each in raised] == [IqTimeout, IqTimeout]
        [reason] = one.memory.reasons
        assert [str(errnorm.normalize(each).reason) for each in raised] == [reason, reason]
        assert one.rows[0][0] == "serve"
        with pytest.raises(IqTimeout) as caught:
            async with one.errors.guard("xmpp", operation="afterwards"):
                await one.client.make_iq_get("urn:example:weather").send(timeout=0.05)  # type: ignore[no-untyped-call]
        assert errnorm.normalize(caught.value).reason == reason
        assert len(one.rows) == 1


async def test_who_ends_the_session_here_hears_of_that_and_not_of_a_time_out(start: Start) -> None:
    async with desk(start().port) as one:
        await one.start()
        asking = asyncio.ensure_future(ask(one, 1))
        await asyncio.sleep(0)
        one.client.disconnect()
        async with asyncio.timeout(PATIENCE):
            [raised] = await asking
        assert errnorm.normalize(raised).reason == "shutdown.client"
        assert one.rows == []


async def test_a_join_ends_with_the_session_and_for_its_reason(start: Start) -> None:
    server = start(hosts=ROOMS)
    async with desk(server.port) as one:
        await one.start()
        one.client.add_filter("out", lambda stanza: None if stanza["to"] == f"{ROOM}/alice" else stanza)
        rooms = one.rooms()

        async def join() -> None:
            async with one.errors.guard("xmpp", operation="join"):
                await rooms.join_muc_wait(ROOM, "alice", timeout=300)

        joining = asyncio.ensure_future(join())
        await asyncio.sleep(0)
        await asyncio.to_thread(server.kill)
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(PATIENCE):
                await joining
        assert errnorm.normalize(caught.value).reason == "transport.lost"
        assert one.memory.reasons == ["transport.lost"]


# A login that fails


def refusing(failure: str) -> tuple[tuple[str, str], ...]:
    """Return the script of a server that refuses every login."""
    return (("<stream:stream", HEADER + MECHANISMS), ("<auth", failure))


@pytest.mark.parametrize(
    "afterwards",
    [*(f"<stream:error><{name} {STREAMS}/></stream:error>{CLOSE}" for name in ("policy-violation", "connection-timeout")), CLOSE],
    ids=["policy-violation", "connection-timeout", "closed"],
)
async def test_a_refused_login_is_final_however_the_stream_ends(afterwards: str) -> None:
    script = (("<stream:stream", HEADER + SCRAM_AND_PLAIN), ("<auth", FAILURE + afterwards))
    async with scripted(*script) as port, desk(port, abort=True) as one:
        one.client.plugin["feature_mechanisms"].unencrypted_scram = True
        one.client.add_event_handler("disconnected", lambda _: one.connect())
        one.connect()
        await one.end()
        assert one.rows == [("connect", "sasl:not-authorized", "abort", "closed")]
        assert one.starts == 1


async def test_a_user_database_that_is_away_is_waited_for() -> None:
    failure = f"<failure {SASL}><temporary-auth-failure/></failure>{CLOSE}"
    async with scripted(*refusing(failure)) as port, desk(port, abort=True, policy=HURRIED) as one:
        one.client.add_event_handler("disconnected", lambda _: one.connect())
        one.connect()
        await one.told(3)
        assert set(one.rows) == {("connect", "sasl:temporary-auth-failure", "retry", "closed")}


@pytest.mark.parametrize(
    ("features", "row"),
    [
        (f"<starttls {TLS}><required/></starttls>", "sasl:encryption-required"),
        (f"<mechanisms {SASL}/>", "sasl:no-common-mechanism"),
        ("", "sasl:no-common-mechanism"),
    ],
)
async def test_a_server_that_offers_nothing_usable_is_told_at_once(features: str, row: str) -> None:
    script = (("<stream:stream", f"{HEADER}<stream:features>{features}</stream:features>"),)
    async with scripted(*script) as port, desk(port, abort=True) as one:
        one.connect()
        await one.end()
        assert one.rows == [("connect", row, "abort", "closed")]


async def test_a_server_that_says_nothing_is_told_and_given_up() -> None:
    async with scripted(("never", "")) as port, desk(port, login_within=0.05) as one:
        one.connect()
        await one.end()
        assert one.memory.reasons == ["transport.timeout"]
        assert one.rows[0][2:] == ("retry", "closed")


async def test_an_attempt_that_takes_too_long_is_told_once_although_it_fails_later() -> None:
    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await failing.wait()
        writer.transport.abort()

    failing, failed = asyncio.Event(), asyncio.Event()
    server = await asyncio.start_server(late, "127.0.0.1", 0)
    async with server, desk(server.sockets[0].getsockname()[1], login_within=0.05) as one:
        one.client.enable_direct_tls, one.client.enable_plaintext = True, False
        one.client.add_event_handler("connection_failed", lambda _: failed.set())
        one.connect()
        await one.told()
        failing.set()
        async with asyncio.timeout(PATIENCE):
            await failed.wait()
        await asyncio.sleep(QUIET)
        assert one.memory.reasons == ["transport.timeout"]
        assert one.rows[0][2:] == ("retry", "reconnecting")


def no_authorities(one: Desk) -> None:
    one.client.ca_certs = Path("/nonexistent/ca.pem")
    one.client.enable_direct_tls, one.client.enable_plaintext = True, False
    one.connect()


def no_name(one: Desk) -> None:
    one.client.connect("foo..bar", 5222)


def no_port(one: Desk) -> None:
    one.client.connect("127.0.0.1", 99_999)


def no_resolver(one: Desk) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    one.client.get_dns_records = fail  # type: ignore[method-assign, assignment]
    one.client.connect()


@pytest.mark.parametrize(
    ("connect", "reason", "following"),
    [
        (no_authorities, "protocol.configuration", ("abort", "closed")),
        (no_name, "protocol.misaddressed", ("abort", "closed")),
        (no_port, "protocol.misaddressed", ("abort", "closed")),
        (no_resolver, "transport.refused", ("retry", "closed")),
    ],
)
async def test_what_the_connect_loop_raises_in_silence_is_told(
    connect: Callable[[Desk], None], reason: str, following: tuple[str, str]
) -> None:
    async with desk(1, abort=True) as one:
        connect(one)
        await one.end()
        assert one.memory.reasons == [reason]
        assert one.rows[0][2:] == following
        assert not one.client.is_connecting()


async def test_authorities_that_are_missing_for_starttls_are_told() -> None:
    offer = f"{HEADER}<stream:features><starttls {TLS}><required/></starttls></stream:features>"
    script = (("<stream:stream", offer), ("<starttls", f"<proceed {TLS}/>"))
    async with scripted(*script) as port, desk(port, abort=True) as one:
        one.client.enable_starttls = True
        one.client.ca_certs = Path("/nonexistent/ca.pem")
        one.connect()
        await one.end()
        assert one.memory.reasons == ["protocol.configuration"]


# Whoever supervises, and whoever connects again


def opened(one: Desk, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return what connects a client for a supervisor."""

    async def connect(attach: Callable[..., Any]) -> Any:
        session = attach(one.client, **options)
        one.connect()
        await session.started()
        return session

    return connect


async def serve(_: object) -> None:
    await asyncio.Event().wait()


async def test_a_session_that_is_supervised_again_is_alive_and_told(start: Start) -> None:
    server = start()
    async with desk(server.port) as one:
        session = errnorm_adapters.xmpp.attach(one.errors, one.client, supervised=True)

        async def connect() -> Any:
            one.connect()
            await session.started()
            return session

        watching = errnorm.supervise(connect, lambda each: each.ended(), protocol="xmpp", middleware=one.errors, policy=HURRIED)
        running = asyncio.ensure_future(watching)
        for times in (1, 2):
            async with asyncio.timeout(PATIENCE):
                while one.starts < times or not session.health().up:  # noqa: ASYNC110 - looked at from outside
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(server.shell, 'c2s:close("alice@localhost")')
            await one.told(times)
        assert [row[0] for row in one.rows] == ["serve", "serve"]
        running.cancel()


async def test_a_login_that_was_aborted_stops_the_supervisor_with_an_error() -> None:
    challenge = base64.b64encode(b"r=not-yours,s=c2FsdA==,i=4096").decode()
    script = (
        ("<stream:stream", HEADER + MECHANISMS.replace("PLAIN", "SCRAM-SHA-1")),
        ("<auth", f"<challenge {SASL}>{challenge}</challenge>"),
        ("<abort", f"<failure {SASL}><aborted/></failure>"),
    )
    async with scripted(*script) as port, desk(port) as one:
        one.client.plugin["feature_mechanisms"].unencrypted_scram = True
        with pytest.raises(StoppedError):
            await errnorm.supervise(
                opened(one), serve, attach=errnorm_adapters.xmpp.attach, middleware=one.errors, policy=HURRIED
            )


async def test_slixmpp_does_not_connect_again_by_itself_where_somebody_supervises() -> None:
    async with scripted(*LOGIN) as port, desk(port, supervised=True) as one:
        await one.start()
        one.client.reconnect(0.0, "Ping timeout after 30s")
        ended = await one.end()
        assert errnorm.normalize(ended).code == "ping-timeout"
        assert one.starts == 1
        assert not one.rows


async def test_pings_end_with_the_connection_and_begin_with_the_next_one() -> None:
    async with scripted(*LOGIN) as port, desk(port, supervised=True) as one:
        one.client.register_plugin("xep_0199")
        events: list[object] = []
        one.client.add_event_handler("disconnected", events.append)
        one.client.plugin["xep_0199"].enable_keepalive(interval=100.0, timeout=100.0)
        for times in (1, 2):
            await one.start()
            assert "Ping keepalive" in one.client.scheduled_events
            one.client.reconnect(0.0, "Ping timeout after 100s")
            await one.end()
            one.client.reconnect(0.0, "Ping timeout after 100s")
            assert "Ping keepalive" not in one.client.scheduled_events
            assert len(events) == times


async def test_who_connects_again_by_hand_finds_the_pause(start: Start) -> None:
    server = start()
    async with desk(server.port, policy=RetryPolicy(base=7.0, spread=7.0)) as one:
        pauses: list[float | None] = []

        def disconnected(_: object) -> None:
            decision = one.attachment.health().decision
            assert decision is not None
            pauses.append(decision.delay)

        one.client.add_event_handler("disconnected", disconnected)
        await one.start()
        await asyncio.to_thread(server.kill)
        await one.end()
        assert len(pauses) == 1
        assert pauses[0] is not None
        assert 0 < pauses[0] < 7


async def test_who_connects_again_at_once_is_held_back_for_the_pause() -> None:
    failure = f"<failure {SASL}><temporary-auth-failure/></failure>{CLOSE}"
    slow = RetryPolicy(base=1000.0, cap=1000.0)
    async with scripted(*refusing(failure)) as port, desk(port, abort=True, policy=slow) as one:
        again: list[object] = []

        def reconnect(_: object) -> None:
            one.connect()
            again.append(one.attachment.is_busy)

        one.client.add_event_handler("disconnected", reconnect)
        one.connect()
        await one.told()
        assert again == [True]
        assert one.starts == 1
        assert one.attachment.health().alive
        await one.attachment.close()
        assert not one.attachment.is_busy


async def test_other_credentials_let_a_client_connect_that_was_stopped(start: Start) -> None:
    async with desk(start().port, password=WRONG, abort=True) as one:
        one.connect()
        await one.end()
        assert one.attachment.health().status is Status.CLOSED
        one.connect()
        assert not one.client.is_connecting()
        one.client.password = "secret"  # noqa: S105 - of a server that lives for one test
        await one.start()
        assert one.attachment.health().up
