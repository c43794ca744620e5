"""One connection to a real server, one life: what is told of it is what happens, and nothing outlives what it belongs to."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest

import errnorm
from errnorm import Middleware, Reason
from errnorm.session import Status
from errnorm.session.trace import replay
from errnorm.settings import Settings
from errnorm_adapters.nats import attach
from tests.adapters.nats.client.kit import ANN, USERS, WRONG, Told, connected, since, until
from tests.servers.credentials import Operator
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nats.aio.client import Client

    from tests.adapters.nats.client.kit import StartNats

# A client that is dropped while it connects leaves its socket to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

USER: ContextVar[str] = ContextVar("user", default="nobody")
OTHERS = {"authorization": {"users": [{"user": "ann", "password": "other"}]}}


@pytest.fixture
def hole() -> Iterator[str]:
    """Return where somebody accepts connections and says nothing."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen(50)
        yield f"nats://{HOST}:{listening.getsockname()[1]}"


def reasons(told: Told, operation: str) -> list[str]:
    """Return why, of what was told with one operation, each once for each time in a row."""
    said = [str(fault.error.reason) for fault in told if fault.operation == operation]
    return [reason for index, reason in enumerate(said) if said[index - 1 : index] != [reason]]


# State dies with what it belongs to


@pytest.mark.parametrize("how", ["killed", "silent"])
async def test_the_first_loss_after_refused_dials_is_told(
    how: str, start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    server.stop()
    options = {"ping_interval": 0.2, "max_outstanding_pings": 1} if how == "silent" else {}
    connecting = asyncio.create_task(connected(server.url, attach(errors), **options))
    await until(lambda: len(told) >= 3)
    await asyncio.to_thread(server.start)
    client = await connecting
    assert reasons(told, "connect") == ["transport.refused"]
    told.clear()
    if how == "silent":
        server.signal(signal.SIGSTOP)
    else:
        server.kill()
    await until(lambda: told)
    server.signal(signal.SIGCONT)
    assert told.rows()[0] == (f"transport.{'stale' if how == 'silent' else 'lost'}", "serve", "reconnecting", True)
    assert told[0].attempt == 1
    await client.close()


async def test_attempts_are_counted(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({})
    client = await connected(server.url, attach(errors))
    server.kill()
    await until(lambda: len(told) >= 4)
    assert [fault.attempt for fault in told[:4]] == [1, 2, 3, 4]
    await client.close()


async def test_the_lines_of_an_outage_name_the_server_and_end_with_the_recovery(
    start_nats: StartNats, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_nats({})
    session = attach(Middleware(settings=Settings(log_with="logging")))
    with caplog.at_level(logging.INFO, "errnorm"):
        client = await connected(server.url, session)
        server.kill()
        await until(lambda: "connect to" in caplog.text)
        await asyncio.to_thread(server.start)
        await until(lambda: session.health().up)
        await client.close()
    where = server.url.removeprefix("nats://")
    said = [record.getMessage() for record in caplog.records if record.name == "errnorm"]

    assert said[0] == f"nats connection to {where} error: transport.lost: the connection broke (the client reconnects)"
    assert said[1].startswith(f"nats connect to {where} error: transport.refused: ")
    assert any(line.startswith(f"nats connection to {where}: connected again after ") for line in said)
    told = vars(caplog.records[0])
    assert (told["server.address"], told["server.port"]) == ("localhost", int(where.split(":")[1]))


async def test_requests_that_fail_in_an_outage_have_lines_of_their_own_and_may_have_been_executed(
    start_nats: StartNats, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_nats({})
    errors = Middleware(settings=Settings(log_with="logging"))
    session = attach(errors)
    with caplog.at_level(logging.ERROR, "errnorm"):
        client = await connected(server.url, session)
        await client.subscribe("orders", cb=slow)
        asked = [asyncio.create_task(ask(errors, client, idempotent=number > 0)) for number in range(20)]
        await asyncio.sleep(0.1)
        server.kill()
        await until(lambda: "refused" in str(session.health().why))
        failed = await asyncio.gather(*asked)
        failed.append(await ask(errors, client, idempotent=False))  # the client keeps it for the next connection
        errors.flush()
        # nats-py tries to send what it has kept on the transport that is gone; on Python 3.12 that is a TypeError.
        with suppress(ConnectionResetError, TypeError):
            await client.close()
    said = [record.getMessage() for record in caplog.records if record.name == "errnorm"]

    assert {str(errnorm.normalize(one).reason) for one in failed} == {"transport.refused"}
    assert {str(errnorm.normalize(one).effect) for one in failed} == {"unknown"}
    head = "nats request failed: transport.refused"
    assert said[0] == f"{head} (already reported; abort: the operation may already have been executed)"
    assert said[1:5] == [f"{head} (already reported; it may succeed on a new connection)"] * 4
    assert [line.partition(" more in ")[0] for line in said[5:]] == [f"{head}: 16"]


async def ask(errors: Middleware, client: Client, *, idempotent: bool) -> Exception:
    """Return the exception of a request that nobody answers."""
    try:
        with errors.guard("nats", operation="request", idempotent=idempotent):
            await client.request("orders", b"", timeout=1)
    except Exception as failure:  # noqa: BLE001 - whichever it is
        return failure
    raise AssertionError


async def slow(_: object) -> None:
    """Answer nobody."""
    await asyncio.sleep(60)


# Handlers


class Failing:
    """A handler that fails as it is told."""

    def __init__(self, failure: Callable[[], Exception]) -> None:
        self.failure = failure

    async def on_order(self, _: object) -> None:
        raise self.failure()


def refused_by_the_database() -> Exception:
    return ConnectionRefusedError(111, "Connection refused")


def refused_by_another_server() -> Exception:
    return nats.errors.Error("nats: 'Authorization Violation'")


@pytest.mark.parametrize(
    ("failure", "reason"), [(refused_by_the_database, "transport.refused"), (refused_by_another_server, "auth.rejected")]
)
async def test_what_a_handler_raises_is_the_handlers_and_hides_no_loss(
    failure: Callable[[], Exception], reason: str, start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    session = attach(errors, abort=True)
    client = await connected(server.url, session)
    await client.subscribe("orders", cb=Failing(failure).on_order)
    for _ in range(3):
        await client.publish("orders", b"")
    await until(lambda: len(told) == 3)
    assert told.rows() == [(reason, "on_order", None, told[0].decision is not None and told[0].decision.retry)] * 3
    assert {fault.outcome for fault in told} == {"failed"}
    assert session.health().up
    assert client.is_connected
    told.clear()
    server.kill()
    await until(lambda: told)
    assert told.rows()[0] == ("transport.lost", "serve", "reconnecting", True)
    await client.close()


async def test_what_a_handler_raises_that_is_not_of_nats_is_logged_and_not_counted(
    start_nats: StartNats, errors: Middleware, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connected(start_nats({}).url, attach(errors))
    await client.subscribe("orders", cb=Failing(lambda: KeyError("price")).on_order)
    await client.publish("orders", b"")
    await until(lambda: "on_order" in caplog.text)
    assert told == []
    await client.close()


async def test_a_supervised_session_survives_its_handlers(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    session = attach(errors, supervised=True)
    client = await nats.connect(start_nats({}).url, **session.callbacks)
    await client.subscribe("orders", cb=Failing(refused_by_the_database).on_order)
    await client.publish("orders", b"")
    await until(lambda: told)
    assert not session.is_over
    await client.close()


# A pool of servers


@pytest.mark.parametrize("bad", ["refuses the login", "does not resolve", "is not trusted"])
async def test_one_bad_server_of_a_pool_is_not_the_end_and_no_option_is_changed(
    bad: str, start_nats: StartNats, errors: Middleware, told: Told, issued: Any
) -> None:
    good = start_nats({"authorization": USERS})
    urls: dict[str, Callable[[], str]] = {
        "refuses the login": lambda: start_nats(OTHERS).url,
        "does not resolve": lambda: "nats://no.such.host.invalid:4222",
        "is not trusted": lambda: start_nats({"authorization": USERS}, tls=issued).url.replace("tls:", "nats:"),
    }
    pool = [urls[bad](), good.url]
    session = attach(errors, abort=True)
    client = await connected(pool, session, **ANN, dont_randomize=True)
    assert client.connected_url is not None
    assert client.connected_url.port == good.port
    assert (client.options["allow_reconnect"], client.options["max_reconnect_attempts"]) == (True, 20)
    assert [fault.client for fault in told] == ["reconnecting"]
    told.clear()
    await asyncio.to_thread(good.kill)
    await until(lambda: len(told) >= 5)  # two more of the bad one at least
    assert session.health().status is Status.RECOVERING
    await asyncio.to_thread(good.start)
    await until(lambda: client.is_connected)
    assert {fault.client for fault in told} == {"reconnecting"}
    assert all(fault.decision is not None and fault.decision.retry for fault in told)
    await client.close()


async def test_where_all_servers_of_a_pool_refuse_it_is_hopeless(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    first, second = start_nats(OTHERS), start_nats({"authorization": USERS})
    session = attach(errors, abort=True)
    with pytest.raises(nats.errors.Error, match="Authorization Violation"):
        await connected([first.url, second.url], session, **WRONG, dont_randomize=True)
    assert [server.log().count("authentication error") for server in (first, second)] == [2, 2]
    assert [fault.client for fault in told] == ["reconnecting"] * 3 + ["closed"]
    assert session.health().status is Status.CLOSED
    assert session.health().why.startswith("auth.rejected")


DNS = """
protocol = "transport"
version = "0"

[dns.EAI_NONAME]
reason = "transport.dns"
recovery = "reconnect"
terminal = true
effect = "not_applied"
reach = "client"
evidence = "specification"
source = "a name that is gone for a while (a Kubernetes service without a ready pod) comes back"
"""


async def test_a_name_that_is_gone_for_a_while_ends_nothing(
    start_nats: StartNats, told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dns.toml").write_text(DNS)
    errors = Middleware(errnorm.Normalizer([tmp_path / "dns.toml"]), emitters=[told])
    loop = asyncio.get_running_loop()
    real, gone = loop.getaddrinfo, asyncio.Event()

    async def resolve(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "nats.shop.svc":
            if gone.is_set():
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = HOST
        return await real(host, *arguments, **options)

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    server = start_nats({})
    client = await connected(f"nats://nats.shop.svc:{server.port}", attach(errors, abort=True))
    gone.set()
    server.kill()
    await until(lambda: len(told) >= 4 or client.is_closed)
    gone.clear()
    await asyncio.to_thread(server.start)
    await until(lambda: client.is_connected)
    assert reasons(told, "connect")[0] == "transport.dns"
    await client.close()


# Dials


@pytest.mark.parametrize("abort", [False, True])
async def test_a_dial_that_nobody_answers_is_another_connection_away(
    abort: bool,
    hole: str,
    errors: Middleware,
    told: Told,
) -> None:
    with pytest.raises(nats.errors.NoServersError) as caught:
        await connected(hole, attach(errors, abort=abort), max_reconnect_attempts=1, connect_timeout=0.2)
    assert told.rows() == [
        ("transport.timeout", "connect", "reconnecting", True),
        ("transport.timeout", "connect", "closed", False),
    ]
    assert {str(fault.decision.step) for fault in told if fault.decision} == {"reconnect"}
    assert errors.normalize(caught.value, "nats").reason is Reason.TRANSPORT_TIMEOUT


async def test_credentials_that_cannot_be_read_are_tried_twice(
    start_nats: StartNats, errors: Middleware, told: Told, tmp_path: Path
) -> None:
    operator = Operator()
    operator.account("A")
    with pytest.raises(FileNotFoundError):
        await connected(
            start_nats(operator.config()).url, attach(errors, abort=True), user_credentials=str(tmp_path / "absent.creds")
        )
    assert [(str(fault.error.recovery), fault.client) for fault in told] == [
        ("reauthenticate", "reconnecting"),
        ("reauthenticate", "closed"),
    ]


async def test_giving_up_is_told_by_the_last_dial_and_not_once_more(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    session = attach(errors)
    client = await connected(server.url, session, max_reconnect_attempts=2)
    server.kill()
    await until(lambda: client.is_closed)
    await until(lambda: session.is_over)
    lost, *dials, last = told.rows()
    assert lost == ("transport.lost", "serve", "reconnecting", True)
    assert set(dials) == {("transport.refused", "connect", "reconnecting", True)}
    assert last == ("transport.refused", "connect", "closed", False)
    assert len(dials) == 2
    assert isinstance(await session.ended(), ConnectionRefusedError)


# What ends a connection is told once, whoever fails of it


async def test_a_request_that_closes_its_connection_is_told_once(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await connected(start_nats({"max_payload": 1024}).url, attach(errors))
    for _ in range(2):
        with pytest.raises(nats.errors.Error) as caught:
            async with errors.guard("nats", operation="ask", idempotent=True):
                await client.request("a", b"x" * 1000, headers={"H": "y" * 500}, timeout=0.3)
        assert errnorm.normalize(caught.value).reason is Reason.LIMITS_SIZE
    assert told.rows() == [("limits.size", "serve", "closed", False)]


async def test_requests_that_wait_when_the_server_is_killed_are_the_same_fault(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    client = await connected(server.url, attach(errors))
    await client.subscribe("silent")

    async def ask() -> Reason:
        with pytest.raises(nats.errors.TimeoutError) as caught:
            async with errors.guard("nats", operation="ask", idempotent=True):
                await client.request("silent", b"", timeout=0.6)
        return errnorm.normalize(caught.value).reason

    asking = [asyncio.create_task(ask()) for _ in range(5)]
    await client.flush()
    server.kill()
    # Whichever it was that the request failed of: the loss, or that it has not come back since.
    assert set(await asyncio.gather(*asking)) <= {Reason.TRANSPORT_LOST, Reason.TRANSPORT_REFUSED}
    assert {fault.operation for fault in told} == {"serve", "connect"}
    await client.close()


async def test_what_is_called_after_the_end_says_why_it_ended(
    start_nats: StartNats, errors: Middleware, told: Told, tmp_path: Path
) -> None:
    operator = Operator()
    account = operator.account("A")
    user = account.user()
    server = start_nats(operator.config())
    client = await connected(server.url, attach(errors), user_credentials=str(user.write(tmp_path / "user.creds")))
    account.revoke(user)
    server.reload(operator.config())
    await until(lambda: client.is_closed)
    await until(lambda: told)
    with pytest.raises(nats.errors.ConnectionClosedError) as caught:
        async with errors.guard("nats", operation="publish"):
            await client.publish("a", b"")
    assert errnorm.normalize(caught.value).reason is Reason.AUTH_REVOKED
    assert told.rows() == [("auth.revoked", "serve", "closed", False)]


async def test_what_is_called_while_the_client_closes_is_the_same_fault(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    session = attach(errors)
    client = await connected(start_nats({}).url, session, pedantic=True)
    # It is refused, and the client begins to close. Whether that nobody answers arrives before is a matter of chance.
    with pytest.raises((nats.errors.NoRespondersError, nats.errors.TimeoutError)):
        await client.request("no.*", b"")
    with pytest.raises(nats.errors.ConnectionClosedError) as caught:
        async with errors.guard("nats", operation="publish", idempotent=True):
            await client.publish("a", b"")
    assert errnorm.normalize(caught.value).reason is Reason.PROTOCOL_MISADDRESSED
    await session.ended()
    assert told.rows() == [("protocol.misaddressed", "serve", "closed", False)]


async def test_draining_that_takes_too_long_closes_the_client_and_is_told_so(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    async def slow(_: object) -> None:
        await asyncio.sleep(5)

    client = await connected(start_nats({}).url, attach(errors), drain_timeout=0.2)
    await client.subscribe("a", cb=slow)
    await client.publish("a", b"")
    await client.flush()
    await client.drain()
    assert told.rows() == [("shutdown.client", "serve", "closed", False)]
    assert client.is_closed


async def test_what_is_called_after_closing_it_oneself_is_this_sides_doing(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    session = attach(errors)
    client = await connected(start_nats({}).url, session)
    await session.close()
    with pytest.raises(nats.errors.ConnectionClosedError):
        async with errors.guard("nats", operation="publish"):
            await client.publish("a", b"")
    assert told.rows() == [("shutdown.client", "publish", None, False)]
    assert str(told[0].error.effect) == "not_applied"
    assert await session.ended() is None
    assert session.health().error is None


@since(2, 15, "can be told to reconnect")
async def test_reconnecting_by_hand_is_not_a_fault(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    session = attach(errors)
    client = await connected(start_nats({}).url, session)
    await client.flush()
    await asyncio.sleep(0.1)  # nothing more arrives
    await client.force_reconnect()
    await until(lambda: client.stats["reconnects"] == 1)
    assert told == []
    assert session.health().up
    await client.close()


@pytest.mark.filterwarnings("ignore:parameter 'timeout':DeprecationWarning")  # of aiohttp, about nats-py
async def test_what_a_websocket_says_is_told_once(
    start_nats: StartNats, errors: Middleware, told: Told, reserved_port: int
) -> None:
    start_nats({"websocket": {"listen": f"{HOST}:{reserved_port}", "no_tls": True}, "max_payload": 1024})
    client = await connected(f"ws://{HOST}:{reserved_port}", attach(errors))
    await client.publish("a", b"x" * 1000, headers={"H": "y" * 500})
    await until(lambda: client.is_closed)
    await until(lambda: told)
    await asyncio.sleep(0.1)
    assert told.rows() == [("limits.size", "serve", "closed", False)]


# In whose context


async def test_the_faults_of_a_connection_are_nobodys(start_nats: StartNats) -> None:
    seen: list[tuple[str | None, str]] = []
    errors = Middleware(emitters=[lambda fault: seen.append((fault.operation, USER.get()))])
    server = start_nats({"authorization": USERS})
    USER.set("alice")
    client = await connected(server.url, attach(errors), **ANN)
    USER.set("bob")
    await client.publish("closed.door", b"")
    await until(lambda: seen)
    assert seen == [("serve", "nobody")]
    await client.close()


# Health


async def test_health_from_the_first_moment_to_the_last(start_nats: StartNats, errors: Middleware) -> None:
    server = start_nats({})
    session = attach(errors)
    assert (session.health().status, session.health().alive) == (Status.RECOVERING, True)
    before = time.time()
    client = await connected(server.url, session)
    assert (session.health().status, session.health().error) == (Status.UP, None)
    server.kill()
    await until(lambda: session.health().status is Status.RECOVERING)
    assert session.health().since >= before
    assert session.health().why.startswith("transport.")
    await asyncio.to_thread(server.start)
    await until(lambda: session.health().up)
    await client.close()
    assert (session.health().status, session.health().why) == (Status.CLOSED, "")


async def test_health_is_hopeless_where_nobody_aborts(start_nats: StartNats, errors: Middleware) -> None:
    session = attach(errors)
    connecting = asyncio.create_task(connected(start_nats({"authorization": USERS}).url, session, **WRONG))
    await until(lambda: session.health().status is Status.HOPELESS)
    assert not session.health().alive
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting


async def test_health_knows_that_connect_gave_up(start_nats: StartNats, errors: Middleware) -> None:
    server = start_nats({})
    server.stop()
    for options in ({"max_reconnect_attempts": 1}, {"allow_reconnect": False, "max_reconnect_attempts": 1}):
        session = attach(errors)
        with pytest.raises(nats.errors.NoServersError):
            await connected(server.url, session, **options)
        assert session.health().status is Status.CLOSED
        assert session.health().why.startswith("transport.refused")


@since(2, 16, "takes a function that returns the password")
@pytest.mark.parametrize("abort", [False, True])
async def test_a_client_that_stopped_trying_is_hopeless(
    abort: bool,
    start_nats: StartNats,
    errors: Middleware,
    told: Told,
) -> None:
    server = start_nats({"authorization": USERS})
    sealed = asyncio.Event()

    def password() -> str:
        if sealed.is_set():
            raise RuntimeError
        return "good"

    session = attach(errors, abort=abort)
    client = await connected(server.url, session, user=lambda: "ann", password=password)
    sealed.set()
    await asyncio.to_thread(server.restart)
    await until(lambda: session.health().status is (Status.CLOSED if abort else Status.HOPELESS))
    assert told[-1].client == ("closed" if abort else "nothing")
    assert isinstance(told[-1].exception, RuntimeError)
    if abort:
        await until(lambda: client.is_closed)
    await client.close()


# Misuse


@pytest.mark.parametrize("users", [{"error_callback": print}, {"allow_reconnect": False}, {"closed_cb": "print"}])
def test_what_is_misspelt_or_not_a_callback_is_refused_at_once(users: dict[str, Any], errors: Middleware) -> None:
    with pytest.raises(TypeError):
        attach(errors, **users)


async def test_a_session_for_two_clients_is_an_error_that_says_so(
    start_nats: StartNats, errors: Middleware, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_nats({"authorization": USERS})
    session = attach(errors)
    callbacks = dict(session.callbacks)
    with pytest.raises(TypeError, match="belongs to one client"):
        await nats.connect(server.url, **session.callbacks, **ANN)
    first, second = [await nats.connect(server.url, **callbacks, **ANN) for _ in range(2)]
    for client in (first, second):
        await client.publish("closed.door", b"")
        await client.flush()
    await until(lambda: "two clients" in caplog.text)
    assert len(told) == 1
    await first.close()
    await second.close()


@since(2, 10, "awaits what it calls when a server is discovered")
async def test_callbacks_of_any_kind_harm_nothing(
    start_nats: StartNats, errors: Middleware, caplog: pytest.LogCaptureFixture, reserved_port: int
) -> None:
    def discovered() -> None:
        raise ValueError

    async def lame_duck() -> None:
        raise ValueError

    def cluster(name: str) -> dict[str, Any]:
        return {"server_name": name, "cluster": {"name": "C", "listen": f"{HOST}:{reserved_port}"}}

    server = start_nats(cluster("a"))
    client = await connected(
        server.url, attach(errors, discovered_server_cb=discovered, lame_duck_mode_cb=lame_duck, reconnected_cb=None)
    )
    other = {"server_name": "b", "cluster": {"name": "C", "listen": f"{HOST}:-1", "routes": [f"nats://{HOST}:{reserved_port}"]}}
    start_nats(other)
    await until(lambda: "discovered_server_cb" in caplog.text)
    await client.flush()
    await client.close()


# A trace


async def test_what_a_real_session_was_told_can_be_lived_again(start_nats: StartNats, errors: Middleware) -> None:
    lines: list[str] = []
    server = start_nats({"authorization": USERS})
    client = await connected(server.url, attach(errors, record=lines.append), **ANN)
    await client.publish("closed.door", b"")
    await client.flush()
    await asyncio.to_thread(server.restart)
    await until(lambda: client.stats["reconnects"] == 1)
    await client.close()
    kinds = [json.loads(line).get("fact") for line in lines[1:]]
    assert {"Up", "Said", "Ended", "Closed"} <= set(kinds)
    for told, again in replay(lines):
        assert told == again
    assert "closed.door" not in "".join(lines)
    assert str(server.port) not in "".join(lines)
