"""nats-py on a real server: each fault is told once, whichever way it gets out, with what the client does about it."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest
from nats.aio.client import Client

import errnorm
import errnorm_adapters.nats
from errnorm import Middleware, Reason
from errnorm_adapters.nats.client import frames
from errnorm_adapters.nats.client.callbacks import _taken
from errnorm_adapters.nats.client.frames import NOBODY, caller
from tests.adapters.nats.client.kit import ANN, USERS, connected, since, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.adapters.nats.client.kit import StartNats, Told

# A client that is dropped while it connects leaves its socket to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_every_callback_is_one_that_nats_py_takes(errors: Middleware) -> None:
    taken = set(inspect.signature(Client.connect).parameters)
    given = errnorm_adapters.nats.attach(errors, discovered_server_cb=lambda: None).callbacks
    assert set(given) <= taken
    assert {name for name in taken if name.endswith("_cb")} - set(given) <= {"signature_cb", "user_jwt_cb"}


def test_a_client_of_nats_py_is_attached_to_by_its_callbacks(errors: Middleware) -> None:
    with pytest.raises(TypeError, match="callbacks"):
        errnorm_adapters.nats.attach(errors, Client())


def test_what_called_the_callbacks_may_not_be_a_client_of_nats_py() -> None:
    assert caller(0) == NOBODY


@pytest.mark.parametrize(
    ("callback", "taken"), [(lambda: None, 0), (lambda error: error, 1), (lambda *all_of_it: all_of_it, 2), (max, 1)]
)
def test_a_callback_gets_as_many_arguments_as_it_takes(callback: Callable[..., object], taken: int) -> None:
    assert _taken(callback) == taken


async def test_a_refused_publish_is_told_once_and_the_client_lives(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"authorization": USERS})
    client = await connected(server.url, errnorm_adapters.nats.attach(errors, abort=True), **ANN)
    await client.publish("closed.door", b"")
    await client.flush()
    await until(lambda: told)
    assert (told.reasons(), told[0].client, client.is_connected) == ([Reason.AUTH_FORBIDDEN], "nothing", True)
    await client.close()
    assert len(told) == 1


async def test_what_stands_only_in_last_error_is_told_once(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"max_subscriptions": 2})
    client = await connected(server.url, errnorm_adapters.nats.attach(errors))
    for subject in ("a", "b", "c"):
        await client.subscribe(subject)
    await client.flush()
    await until(lambda: client.is_closed)
    await until(lambda: told)
    await asyncio.sleep(0.1)
    assert (told.reasons(), told[0].client) == ([Reason.LIMITS_SUBSCRIPTIONS], "closed")
    # The server would have gone on: the error says what the protocol means, the fault what this client did.
    assert not told[0].error.terminal


async def test_a_server_that_is_killed_is_told_once_and_the_client_comes_back(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    client = await connected(server.url, errnorm_adapters.nats.attach(errors, abort=True))
    server.kill()
    await until(lambda: told)
    server.start()
    await until(lambda: client.is_connected)
    lost = [fault for fault in told if fault.error.reason is not Reason.TRANSPORT_REFUSED]
    assert [(fault.error.reason, fault.client) for fault in lost] == [(Reason.TRANSPORT_LOST, "reconnecting")]
    await until(lambda: told.outages)
    assert len(told.outages) == 1
    assert told.outages[0] > 0
    await client.close()


@since(2, 15, "hears that its server is about to end")
async def test_an_end_that_was_announced_is_an_orderly_shutdown(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"lame_duck_grace_period": "1s", "lame_duck_duration": "30s"})
    client = await connected(server.url, errnorm_adapters.nats.attach(errors))
    server.lame_duck()
    await until(lambda: told, 15)
    assert told.reasons()[0] is Reason.SHUTDOWN_SERVER
    await client.close()


async def test_a_client_that_gives_up_says_why(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({})
    closed: list[object] = []

    async def closed_cb(error: object) -> None:
        closed.append(error)

    callbacks = errnorm_adapters.nats.attach(errors, closed_cb=closed_cb)
    client = await connected(server.url, callbacks, max_reconnect_attempts=2)
    server.kill()
    await until(lambda: client.is_closed and closed)
    assert told.reasons()[0] is Reason.TRANSPORT_LOST
    assert (told[-1].error.reason, told[-1].client) == (Reason.TRANSPORT_REFUSED, "closed")
    assert isinstance(closed[0], errnorm.NormalizedError)


async def test_who_closes_the_client_is_told_nothing(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await connected(start_nats({}).url, errnorm_adapters.nats.attach(errors))
    await client.close()
    assert told == []


async def test_a_connection_that_went_stale_is_told_though_nats_py_says_nothing(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    callbacks = errnorm_adapters.nats.attach(errors)
    client = await connected(server.url, callbacks, ping_interval=0.2, max_outstanding_pings=1)
    import signal  # noqa: PLC0415 - beside its use

    server.signal(signal.SIGSTOP)
    try:
        await until(lambda: told)
    finally:
        server.signal(signal.SIGCONT)
    assert (told.reasons()[0], told[0].client) == (Reason.TRANSPORT_STALE, "reconnecting")
    await client.close()


async def test_callbacks_of_the_application_run_and_may_take_the_normalized_error(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    seen: list[object] = []

    def error_cb(error: Exception, normalized: errnorm.NormalizedError) -> None:
        seen.append((str(error), normalized.reason))
        raise RuntimeError

    server = start_nats({"authorization": USERS})
    callbacks = errnorm_adapters.nats.attach(errors, error_cb=error_cb)
    client = await connected(server.url, callbacks, **ANN)
    await client.publish("closed.door", b"")
    await client.flush()
    await until(lambda: seen)
    assert seen == [('nats: permissions violation for publish to "closed.door"', Reason.AUTH_FORBIDDEN)]
    assert client.is_connected
    await client.close()
    assert len(told) == 1


async def test_a_callback_of_the_application_that_takes_its_time_does_not_change_what_is_told(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    called = asyncio.Event()

    async def error_cb(_: Exception) -> None:
        called.set()
        await asyncio.sleep(0.3)

    client = await connected(
        start_nats({"authorization": USERS}).url, errnorm_adapters.nats.attach(errors, error_cb=error_cb), **ANN
    )
    await client.publish("closed.door", b"")
    await called.wait()
    assert told.rows() == [("auth.forbidden", "serve", "nothing", False)]
    await client.close()
    assert len(told) == 1


async def test_nothing_that_goes_wrong_in_a_callback_of_ours_reaches_nats_py(
    start_nats: StartNats, errors: Middleware, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_nats({})
    client = await connected(server.url, errnorm_adapters.nats.attach(errors))

    def broken(_: object) -> frozenset[str]:
        raise ZeroDivisionError

    monkeypatch.setattr(frames, "pool_of", broken)
    server.kill()
    await until(lambda: "ZeroDivisionError" in caplog.text)
    server.start()
    await until(lambda: client.stats["reconnects"] == 1)
    await client.close()


async def test_a_callback_that_a_stranger_calls_does_nothing(errors: Middleware, told: Told) -> None:
    callbacks = errnorm_adapters.nats.attach(errors).callbacks
    await callbacks["error_cb"](RuntimeError())
    await callbacks["disconnected_cb"]()
    assert told == []


def test_callbacks_can_be_looked_at_where_no_loop_runs(errors: Middleware) -> None:
    assert "error_cb" in dict(errnorm_adapters.nats.attach(errors).callbacks)
