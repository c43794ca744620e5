"""natsio and natsrpy on a real server: what they raise means what the same failure means in nats-py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import errnorm
from errnorm.adapters import ReportedException
from tests.adapters.nats.client.kit import ANN
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from errnorm import NormalizedError
    from tests.servers.nats import NatsServer

    Call = Callable[[], Awaitable[object]]


NOWHERE = f"nats://{HOST}:1"

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

EXPECTED = {
    "refused": ("transport.refused", "reconnect"),
    "wrong password": ("auth.rejected", "reauthenticate"),
    "nobody there": ("transport.unavailable", "wait"),
    "too large": ("limits.size", "modify"),
    "no such stream": ("protocol.not_found", "modify"),
}


def url(server: NatsServer, user: str, password: str) -> str:
    return f"nats://{user}:{password}@localhost:{server.port}"


async def raised(call: Call) -> NormalizedError:
    try:
        async with asyncio.timeout(60):
            await call()
    except Exception as error:  # noqa: BLE001 - whatever the client raises
        return errnorm.normalize(error)
    pytest.fail("it did not fail")


@pytest.fixture
def server(start_nats: Callable[..., NatsServer]) -> NatsServer:
    return start_nats({"authorization": {"users": [{"user": "ann", "password": "good"}]}, "max_payload": 1000}, jetstream=True)


async def test_natsio_says_what_nats_py_says(server: NatsServer) -> None:
    natsio: Any = pytest.importorskip("natsio", reason="natsio needs Python 3.13")
    client = await natsio.connect(url(server, **ANN))
    found = {
        "refused": await raised(lambda: natsio.connect(NOWHERE)),
        "wrong password": await raised(lambda: natsio.connect(url(server, "ann", "bad"))),
        "nobody there": await raised(lambda: client.request("nobody", b"")),
        "too large": await raised(lambda: client.publish("open", b"x" * 2000)),
        "no such stream": await raised(lambda: client.jetstream().stream("none")),
    }
    await client.close()
    assert {name: (error.reason, error.recovery) for name, error in found.items()} == EXPECTED
    assert all(error.protocol in {"nats", "transport"} and error.known for error in found.values())
    assert (await raised(lambda: client.publish("open", b""))).reason == "transport.lost"


async def test_natsrpy_says_what_nats_py_says(server: NatsServer) -> None:
    natsrpy: Any = pytest.importorskip("natsrpy", reason="natsrpy has wheels for the common platforms only")
    address = [f"nats://localhost:{server.port}"]
    client = natsrpy.Nats(address, user_and_pass=("ann", "good"))
    await client.startup()
    stream = await client.jetstream()
    found = {
        "refused": await raised(lambda: natsrpy.Nats([NOWHERE]).startup()),
        "wrong password": await raised(lambda: natsrpy.Nats(address, user_and_pass=("ann", "bad")).startup()),
        "nobody there": await raised(lambda: client.request("nobody", b"")),
        "too large": await raised(lambda: client.publish("open", b"x" * 2000)),
        "no such stream": await raised(lambda: stream.streams.get("none")),
    }
    await client.shutdown()
    assert {name: (error.reason, error.recovery) for name, error in found.items()} == EXPECTED
    assert all(error.known for error in found.values())


def natsio_says(name: str, text: str, *bases: str) -> NormalizedError:
    return errnorm.normalize(ReportedException((f"natsio.errors.{name}", *bases, "natsio.errors.NATSError"), text))


def test_the_text_of_the_server_decides_before_the_class_that_groups_it() -> None:
    base = "natsio.errors.ServerError"
    assert natsio_says("ServerError", "Unknown Protocol Operation").reason == "protocol.malformed"
    assert natsio_says("ServerError", "words of tomorrow").code == "natsio.errors.ServerError"
    denied = natsio_says("PermissionsViolationError", 'Permissions Violation for Publish to "a.b"', base)
    assert (denied.reason, denied.params["subject"]) == ("auth.forbidden", "a.b")
    assert natsio_says("PermissionsViolationError", "", base).reason == "auth.forbidden"


def test_words_of_a_peer_inside_the_words_of_natsrpy_decide_nothing() -> None:
    def said(text: str) -> NormalizedError:
        return errnorm.normalize(
            ReportedException(("natsrpy.exceptions.NatsrpySessionError", "natsrpy.exceptions.NatsrpyBaseError"), text)
        )

    assert said("no responders: no responders").reason == "transport.unavailable"
    assert said("something else: no responders").code == "natsrpy.exceptions.NatsrpySessionError"
    assert said("(code 404, error code 10059) is what they said").code == "natsrpy.exceptions.NatsrpySessionError"


def test_a_class_of_the_application_finds_the_row_of_the_one_it_refines() -> None:
    ours = ReportedException(("shop.LateError", "natsio.errors.TimeoutError", "natsio.errors.NATSError"), "late")
    assert errnorm.normalize(ours).code == "natsio.errors.TimeoutError"
