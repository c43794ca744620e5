"""nats-core on a real server: the same session, from the moment at which it is attached to."""

from __future__ import annotations

import asyncio
import inspect
import signal
from typing import TYPE_CHECKING, Any

import pytest

import errnorm
from errnorm import RetryPolicy
from errnorm.session import Status
from errnorm_adapters.nats import attach
from errnorm_adapters.nats.client import core_dials
from tests.adapters.nats.client.kit import ANN, USERS, until
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm import Middleware
    from errnorm_adapters.nats.client import CoreAttachment
    from tests.adapters.nats.client.kit import StartNats, Told

core: Any = pytest.importorskip("nats.client")  # from Python 3.13 on

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FAST = {"reconnect_time_wait": 0.1, "reconnect_time_wait_max": 0.1, "reconnect_max_attempts": 100}


@pytest.mark.parametrize(
    "name",
    [
        "_read_task",
        "_server_pool",
        "_last_server",
        "_allow_reconnect",
        "_pings_outstanding",
        "_max_outstanding_pings",
        "_reconnect_time_wait_max",
        "_reconnect_jitter",
        "_reconnect_timeout",
        "status",
    ],
)
async def test_a_client_has_what_is_read_of_it(name: str, start_nats: StartNats) -> None:
    client = await core.connect(start_nats({}).url)
    assert hasattr(client, name)
    await client.close()


async def test_a_refused_publish_is_told_once_and_the_client_lives(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await core.connect(start_nats({"authorization": USERS}).url, **ANN)
    session = attach(errors, client, abort=True)
    await client.publish("closed.door", b"")
    await client.flush()
    await until(lambda: told)
    assert told.rows() == [("auth.forbidden", "serve", "nothing", False)]
    assert session.health().up
    await session.close()
    assert session.health().status is Status.CLOSED


async def test_a_restart_is_one_loss_and_then_it_is_up(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({})
    client = await core.connect(server.url, **FAST)
    session = attach(errors, client, abort=True)
    await asyncio.to_thread(server.kill)
    await until(lambda: session.health().status is Status.RECOVERING)
    await asyncio.to_thread(server.start)
    await until(lambda: session.health().up)
    assert told.rows()[0] == ("transport.lost", "serve", "reconnecting", True)
    assert {row[1:] for row in told.rows()[1:]} <= {("connect", "reconnecting", True)}
    count = len(told)
    await client.close()
    await until(lambda: session.is_over)
    assert len(told) == count


async def test_attempts_to_connect_that_fail_are_told_although_they_are_only_logged(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    client = await core.connect(server.url, **FAST)
    other = await core.connect(start_nats({}).url)
    session = attach(errors, client)
    attach(errors, other)
    await asyncio.to_thread(server.kill)
    await until(lambda: len(told) >= 4)
    assert told.rows()[1:4] == [("transport.refused", "connect", "reconnecting", True)] * 3
    assert [fault.attempt for fault in told[:4]] == [1, 2, 3, 4]
    assert session.health().why.startswith("transport.refused")
    await session.close()
    await other.close()


async def test_a_server_that_accepts_and_says_nothing_is_told_because_the_client_waits_for_ever(
    start_nats: StartNats, errors: Middleware, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errnorm_adapters.nats.client.core._LOGIN_WITHIN", 0.2)
    server = start_nats({})
    client = await core.connect(server.url, **FAST, reconnect_timeout=0.2)
    session = attach(errors, client, abort=True)
    accepted: list[Any] = []
    await asyncio.to_thread(server.kill)
    silent = await asyncio.start_server(lambda *streams: accepted.extend(streams), HOST, server.port)
    async with silent:
        await until(lambda: session.is_over)
        assert accepted
        assert told.rows()[-1] == ("transport.timeout", "connect", "closed", False)
        await until(lambda: str(client.status.value) == "closed")
        accepted[1].close()


def test_what_is_logged_of_attempts_that_fail_has_these_words() -> None:
    source = inspect.getsource(core)
    assert f'getLogger("{core_dials.LOGGER}")' in source
    for words in core_dials.FAILED:
        assert f'"{words}"' in source


async def test_a_refused_request_is_told_once_as_what_it_is(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await core.connect(start_nats({"authorization": USERS}).url, **ANN)
    attach(errors, client)
    with pytest.raises(TimeoutError) as caught:
        async with errors.guard("nats", operation="ask"):
            await client.request("closed.door", b"", timeout=0.3)
    assert errnorm.normalize(caught.value).reason == "auth.forbidden"
    assert told.rows() == [("auth.forbidden", "serve", "nothing", False)]
    await client.close()


async def test_a_request_that_waits_when_the_server_is_killed_is_the_same_fault(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    client = await core.connect(server.url, allow_reconnect=False)
    attach(errors, client)
    await client.subscribe("silent")
    await client.flush()
    asking = asyncio.create_task(client.request("silent", b"", timeout=1))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(server.kill)
    with pytest.raises(TimeoutError) as caught:
        async with errors.guard("nats", operation="ask"):
            await asking
    assert errnorm.normalize(caught.value).reason == "transport.lost"
    assert told.rows() == [("transport.lost", "serve", "closed", False)]


@pytest.mark.parametrize(("by", "reason"), [("this side", "shutdown.client"), ("the server", "transport.lost")])
async def test_what_is_called_after_the_end_says_which_side_ended_it(
    by: str, reason: str, start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    client = await core.connect(server.url, allow_reconnect=False)
    session = attach(errors, client)
    if by == "this side":
        await client.close()
    else:
        await asyncio.to_thread(server.kill)
        await until(lambda: session.is_over)
        told.clear()
    with pytest.raises(RuntimeError) as caught:
        async with errors.guard("nats", operation="publish"):
            await client.publish("a", b"")
    assert errnorm.normalize(caught.value).reason == reason
    assert told.reasons() == ([reason] if by == "this side" else [])


async def test_a_subscription_on_which_nothing_is_published_is_not_a_fault(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await core.connect(start_nats({}).url)
    attach(errors, client)
    subscription = await client.subscribe("quiet")
    with pytest.raises(TimeoutError):
        async with errors.guard("nats", operation="next"):
            await subscription.next(timeout=0.05)
    assert told == []
    await client.close()


async def test_a_user_that_is_removed_is_hopeless_after_two_logins(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"authorization": USERS})
    client = await core.connect(server.url, **FAST, **ANN)
    session = attach(errors, client, abort=True)
    server.reload({"authorization": {"users": [{"user": "bob", "password": "good"}]}})
    await until(lambda: session.is_over)
    assert [(row[0], row[2]) for row in told.rows()] == [
        ("transport.lost", "reconnecting"),
        ("auth.rejected", "reconnecting"),
        ("auth.rejected", "closed"),
    ]
    await until(lambda: str(client.status.value) == "closed")
    assert server.log().count("authentication error") == 2


async def test_a_server_that_stops_answering_is_stale(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({})
    client = await core.connect(server.url, **FAST, ping_interval=0.2, max_outstanding_pings=1)
    attach(errors, client)
    server.signal(signal.SIGSTOP)
    try:
        await until(lambda: told)
    finally:
        server.signal(signal.SIGCONT)
    assert told.rows()[0] == ("transport.stale", "serve", "reconnecting", True)
    await client.close()


@pytest.mark.parametrize("options", [{"allow_reconnect": False}, {**FAST, "reconnect_max_attempts": 1}])
async def test_a_client_that_gives_up_is_closed_and_says_so(
    options: dict[str, Any], start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    client = await core.connect(server.url, **options)
    session = attach(errors, client)
    await asyncio.to_thread(server.kill)
    await until(lambda: session.is_over)
    assert told.rows()[-1][2:] == ("closed", False)
    assert session.health().status is Status.CLOSED
    assert session.health().why.startswith(("transport.lost", "transport.refused"))


async def test_closing_it_during_an_outage_is_not_a_fault(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({})
    client = await core.connect(server.url, **FAST)
    session = attach(errors, client)
    await asyncio.to_thread(server.kill)
    await until(lambda: session.health().status is Status.RECOVERING)
    await session.close()
    assert (session.health().status, session.end, len(told)) == (Status.CLOSED, None, 1)


async def test_what_closed_it_unseen_shows_in_its_health(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await core.connect(start_nats({}).url)
    await client.close()
    assert attach(errors, client).health().status is Status.CLOSED
    assert told == []


async def test_a_service_on_nats_core_survives_its_server(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({})
    serving: list[Any] = []

    async def connect(attach: Callable[[Any], CoreAttachment]) -> Any:
        client = await core.connect(server.url)
        attach(client)
        return client

    async def serve(client: Any) -> None:
        serving.append(client)
        async for _ in await client.subscribe("orders"):
            pass

    hurried = RetryPolicy(attempts=None, base=0.1, cap=0.2, spread=0.1)
    service = asyncio.create_task(errnorm.supervise(connect, serve, attach=attach, middleware=errors, policy=hurried))
    await until(lambda: serving)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await until(lambda: len(serving) > 1)
    assert told.rows()[0][:2] == ("transport.lost", "serve")
    assert not service.done()
    service.cancel()
    with pytest.raises(asyncio.CancelledError):
        await service


async def test_a_client_of_nats_core_takes_its_callbacks_itself(start_nats: StartNats, errors: Middleware) -> None:
    client = await core.connect(start_nats({}).url)
    with pytest.raises(TypeError, match="add_"):
        attach(errors, client, error_cb=print)
    await client.close()
