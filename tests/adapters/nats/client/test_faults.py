"""What goes wrong between nats-py and a real server: told once, with the decision, what the client did, and how soon it ended."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any

import nats.errors
import pytest

import errnorm
from errnorm import Middleware
from errnorm.emitters import default_emitters
from errnorm_adapters.nats import attach
from tests.adapters.nats.client.kit import ANN, USERS, WRONG, Told, connected, until
from tests.servers.credentials import Operator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from nats.aio.client import Client

    from tests.adapters.nats.client.kit import StartNats
    from tests.servers.certificates import Certificates
    from tests.servers.nats import NatsServer

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

LOST = ("transport.lost", "serve", "reconnecting", True)
REFUSED = ("auth.rejected", "connect", "reconnecting", True)
REFUSED_AGAIN = ("auth.rejected", "connect", "closed", False)


async def ended(client: Client) -> None:
    """Wait until a client is closed for good and nothing more is said."""
    await until(lambda: client.is_closed)
    await asyncio.sleep(0.3)


def dialled(server: NatsServer) -> int:
    """Return how many connections a server has seen; the one that asks whether it is up is among them."""
    total: int = server.monitoring("varz")["total_connections"]
    return total - 1


def refused(server: NatsServer) -> int:
    """Return how many logins a server has refused."""
    return server.log().count("authentication error")


async def test_a_wrong_password_costs_the_server_two_logins(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"authorization": USERS})
    with pytest.raises(nats.errors.Error) as caught:
        async with errors.guard("nats", operation="connect"):
            await connected(server.url, attach(errors, abort=True), **WRONG)
    assert refused(server) == dialled(server) == 2
    assert told.rows() == [REFUSED, REFUSED_AGAIN]
    assert errnorm.normalize(caught.value) is told[-1].error


async def test_a_password_that_is_changed_ends_it_at_once(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"authorization": USERS})
    client = await connected(server.url, attach(errors, abort=True), **ANN)
    server.reload({"authorization": {"users": [{"user": "ann", "password": "other"}]}})
    await ended(client)
    assert told.rows() == [("auth.rejected", "serve", "closed", False)]
    assert dialled(server) == 1


async def test_a_user_that_is_removed_costs_two_logins_more(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"authorization": USERS})
    client = await connected(server.url, attach(errors, abort=True), **ANN)
    server.reload({"authorization": {"users": [{"user": "bob", "password": "good"}]}})
    await ended(client)
    assert told.rows() == [LOST, REFUSED, REFUSED_AGAIN]
    assert (refused(server), dialled(server)) == (2, 3)


@pytest.mark.parametrize("how", ["expired", "revoked"])
async def test_a_jwt_that_ends_while_connected_closes_the_client(
    how: str, start_nats: StartNats, errors: Middleware, told: Told, tmp_path: Path
) -> None:
    operator = Operator()
    account = operator.account("A")
    server = start_nats(operator.config())
    user = account.user(expires=time.time() + 3 if how == "expired" else None)
    path = str(user.write(tmp_path / "user.creds"))
    client = await connected(server.url, attach(errors, abort=True), user_credentials=path)
    if how == "revoked":
        account.revoke(user)
        server.reload(operator.config())
    await ended(client)
    assert told.rows() == [(f"auth.{how}", "serve", "closed", False)]
    assert dialled(server) == 1


async def test_a_jwt_that_expired_before_costs_two_logins(
    start_nats: StartNats, errors: Middleware, told: Told, tmp_path: Path
) -> None:
    operator = Operator()
    user = operator.account("A").user(expires=time.time() - 5)
    server = start_nats(operator.config())
    with pytest.raises(nats.errors.Error, match="Authorization Violation"):
        await connected(server.url, attach(errors, abort=True), user_credentials=str(user.write(tmp_path / "user.creds")))
    assert told.rows() == [REFUSED, REFUSED_AGAIN]
    assert dialled(server) == 2


async def test_an_account_that_is_full_is_told_at_each_attempt_and_giving_up_is_the_last_refusal(
    start_nats: StartNats, errors: Middleware, told: Told, tmp_path: Path
) -> None:
    operator = Operator()
    user = operator.account("A", conn=1).user()
    server = start_nats(operator.config())
    path = str(user.write(tmp_path / "user.creds"))
    first = await connected(server.url, None, user_credentials=path)
    with pytest.raises(nats.errors.NoServersError) as caught:
        async with errors.guard("nats", operation="connect"):
            await connected(server.url, attach(errors, abort=True), user_credentials=path, max_reconnect_attempts=2)
    again, last = ("limits.connections", "connect", "reconnecting", True), ("limits.connections", "connect", "closed", False)
    assert told.rows() == [again, again, last]
    assert errnorm.normalize(caught.value) is told[-1].error
    await first.close()


async def test_a_server_that_is_full_is_told_once_at_each_attempt(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"max_connections": 1})
    first = await connected(server.url, None)
    with pytest.raises(nats.errors.NoServersError):
        await connected(server.url, attach(errors, abort=True), max_reconnect_attempts=2)
    # On loopback nats-py mostly loses the words that come before it has said CONNECT.
    assert len(told) == 3
    assert [row[1:] for row in told.rows()] == [("connect", "reconnecting", True)] * 2 + [("connect", "closed", False)]
    assert set(told.reasons()) <= {"limits.connections", "transport.lost"}
    await first.close()


async def test_one_subscription_too_many_of_an_account_closes_the_client(
    start_nats: StartNats, errors: Middleware, told: Told, tmp_path: Path
) -> None:
    operator = Operator()
    user = operator.account("A", subs=1).user()
    server = start_nats(operator.config())
    path = str(user.write(tmp_path / "user.creds"))
    client = await connected(server.url, attach(errors, abort=True), user_credentials=path)
    for subject in "abc":
        await client.subscribe(subject)
    await ended(client)
    assert told.rows() == [("limits.subscriptions", "serve", "closed", False)]


async def too_large(client: Client) -> None:
    client._max_payload = 10**6  # as with headers, which nats-py does not count
    await client.publish("a", b"x" * 2000)


async def too_long(client: Client) -> None:
    await client.publish("a" * 600, b"")


@pytest.mark.parametrize("sent", [too_large, too_long])
async def test_what_is_too_large_is_told_once_and_closes_the_client(
    sent: Callable[[Client], Awaitable[None]], start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({"max_payload": 1024, "max_control_line": 512})
    client = await connected(server.url, attach(errors, abort=True))
    await sent(client)
    await ended(client)
    assert told.rows() == [("limits.size", "serve", "closed", False)]
    assert dialled(server) == 1


async def test_a_consumer_that_is_too_slow_for_the_server_loses_its_connection_and_gets_another(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({"max_payload": 100000, "max_pending": 200000, "write_deadline": "300ms"})
    client = await connected(server.url, attach(errors, abort=True))
    slow = client.client_id
    assert slow is not None
    await client.subscribe("flood")
    await client.flush()
    other = await connected(server.url, None)
    socket = client._transport._io_reader._transport  # type: ignore[union-attr]
    socket.pause_reading()
    for _ in range(300):
        await other.publish("flood", b"x" * 90000)
    await other.flush()
    reason = await asyncio.to_thread(server.closed_reason, slow)
    assert reason.startswith("Slow Consumer")
    socket.resume_reading()
    await until(lambda: client.stats["reconnects"] == 1)
    assert told.rows() == [LOST]
    await client.close()
    await other.close()


async def test_what_a_slow_subscription_drops_is_told_and_the_client_goes_on(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({}).url, attach(errors, abort=True))
    await client.subscribe("flood", pending_msgs_limit=2)
    for _ in range(5):
        await client.publish("flood", b"")
    await until(lambda: len(told) >= 3)
    assert told.rows() == [("limits.slow_consumer", "serve", "nothing", False)] * 3  # they are lost
    assert client.is_connected
    await client.close()


async def test_a_client_that_did_not_answer_is_dropped_and_comes_back(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({"ping_interval": "200ms", "ping_max": 1})
    client = await connected(server.url, attach(errors, abort=True))
    stale = client.client_id
    assert stale is not None
    assert server.closed_reason(stale) == "Stale Connection"  # it waits without letting the client read
    await until(lambda: client.stats["reconnects"] == 1)
    assert len(told) == 1
    assert told.rows()[0][1:] == ("serve", "reconnecting", True)
    await client.close()


async def test_a_client_that_was_kicked_is_told_of_it_once_and_comes_back(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    accounts = {"A": {"users": [ANN]}, "SYS": {"users": [{"user": "sys", "password": "good"}]}}
    server = start_nats({"accounts": accounts, "system_account": "SYS"})
    client = await connected(server.url, attach(errors, abort=True), **ANN)
    kicked = client.client_id
    assert kicked is not None
    system = await connected(server.url, None, user="sys", password="good")  # noqa: S106 - of a server for one test
    name = server.monitoring("varz")["server_id"]
    await system.request(f"$SYS.REQ.SERVER.{name}.KICK", json.dumps({"cid": kicked}).encode(), timeout=2)
    await until(lambda: client.stats["reconnects"] == 1)
    assert await asyncio.to_thread(server.closed_reason, kicked) == "Kicked"
    assert told.rows() == [LOST]
    await client.close()
    await system.close()


async def test_a_restart_is_one_loss_and_each_failed_dial_and_then_it_is_over(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    client = await connected(server.url, attach(errors, abort=True))
    server.stop()
    await asyncio.sleep(0.3)
    server.start()
    await until(lambda: client.is_connected)
    assert told.rows()[0] == LOST
    assert set(told.rows()[1:]) <= {("transport.refused", "connect", "reconnecting", True)}
    before = len(told)
    await client.flush()
    await client.close()
    assert len(told) == before


async def test_a_certificate_that_nobody_trusts_ends_at_once(
    start_nats: StartNats, errors: Middleware, told: Told, issued: Certificates
) -> None:
    server = start_nats({}, tls=issued)
    with pytest.raises(OSError, match="certificate"):
        await connected(server.url, attach(errors, abort=True))
    assert told.rows() == [("auth.untrusted", "connect", "closed", False)]


async def test_a_server_that_requires_tls_gets_it_from_a_client_that_trusts_it(
    start_nats: StartNats, errors: Middleware, told: Told, issued: Certificates
) -> None:
    server = start_nats({}, tls=issued)
    client = await connected(server.url, attach(errors, abort=True), tls=issued.client_context())
    await client.close()
    assert told == []


async def test_a_server_that_has_no_tls_refuses_who_insists_on_it(
    start_nats: StartNats, errors: Middleware, told: Told, issued: Certificates
) -> None:
    # Only who shakes hands first insists: otherwise nats-py goes on without TLS, and says nothing.
    server = start_nats({})
    with pytest.raises(ssl.SSLError):
        await connected(server.url, attach(errors, abort=True), tls=issued.client_context(), tls_handshake_first=True)
    assert told.rows() == [("transport.tls", "connect", "closed", False)]


async def told_of(errors: Middleware, doing: Awaitable[object]) -> None:
    with pytest.raises(nats.errors.Error):
        async with errors.guard("nats", operation="ask"):
            await doing


async def test_where_jetstream_is_off_nobody_is_there(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await connected(start_nats({}).url, attach(errors))
    stream = client.jetstream()
    await told_of(errors, stream.publish("a", b""))
    await told_of(errors, stream.stream_info("S"))
    assert told.rows() == [("transport.unavailable", "ask", None, True)] * 2
    await client.close()


async def test_what_a_stream_refuses_is_told_by_the_guard(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await connected(start_nats({}, jetstream=True).url, attach(errors))
    stream = client.jetstream()
    await told_of(errors, stream.stream_info("NO_SUCH_STREAM"))
    await stream.add_stream(name="S", subjects=["s"])
    await told_of(errors, stream.publish("s", b"", headers={"Nats-Expected-Last-Sequence": "9"}))
    assert told.rows() == [("protocol.not_found", "ask", None, False), ("protocol.conflict", "ask", None, False)]
    assert [fault.error.code for fault in told] == ["10059", "10071"]
    await client.close()


async def test_a_line_of_the_log_says_what_the_protocol_means_and_what_the_client_did(start_nats: StartNats) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Lines())
    logger = logging.getLogger("errnorm")
    logger.addHandler(handler)
    try:
        errors = Middleware(emitters=default_emitters())
        client = await connected(start_nats({"max_subscriptions": 2}).url, attach(errors))
        for subject in "abc":
            await client.subscribe(subject)
        await ended(client)
    finally:
        logger.removeHandler(handler)
    (line,) = [line for line in out.getvalue().splitlines() if "limits.subscriptions" in line]
    assert "'errnorm.terminal': False" in line
    assert "'errnorm.client': 'closed'" in line


class Lines(logging.Formatter):
    """Write all that a record holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        told: dict[str, Any] = vars(record)
        return str({key: value for key, value in told.items() if key.startswith(("err", "msg"))})
