"""The bridge of the examples, between a real nats-server and a real Prosody."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
import pytest
import slixmpp

from errnorm import Middleware, RetryPolicy, StoppedError
from tests.adapters.xmpp.client.kit import Memory
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from tests.servers.certificates import Certificates
    from tests.servers.nats import NatsServer
    from tests.servers.process import Server
    from tests.servers.prosody import ProsodyServer

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "bridge.py"
# nats-py leaves sockets open where connecting fails; they are collected in the test that made them, not in another.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

SECRET = "secret"  # noqa: S105 - of servers that live for one test
ROOM = "hall@rooms.localhost"
HURRIED = RetryPolicy(attempts=None, base=0.05, cap=0.2, spread=0.1)
PATIENCE = 60.0


def users(*names: str) -> str:
    """Return a configuration in which these users may log in."""
    return json.dumps({"authorization": {"users": [{"user": name, "password": "secret"} for name in names]}})


def example() -> Any:
    """Import the example, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("bridge_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bridge_example"] = module
    spec.loader.exec_module(module)
    return module


class Street:
    """Both servers, the bridge between them, and somebody who listens on either side."""

    def __init__(self, nats_server: NatsServer, prosody: ProsodyServer, authorities: Path) -> None:
        self.nats_server = nats_server
        self.prosody = prosody
        self.memory = Memory()
        self.authorities = authorities
        self.bridge = example().Bridge(
            nats_server.url,
            "hall",
            "bridge@localhost/nats",
            ROOM,
            password=lambda: "secret",
            login=lambda: {"user": "bridge", "password": "secret"},
            host=HOST,
            port=prosody.port,
            authorities=authorities,
            policy=HURRIED,
            errors=Middleware(emitters=[self.memory]),
        )
        self.crossing: asyncio.Task[None] | None = None

    async def published(self, *texts: str) -> None:
        """Publish on the subject as somebody else."""
        client = await nats.connect(self.nats_server.url, user="guest", password=SECRET)
        for text in texts:
            await client.publish("hall", text.encode())
        await client.flush()
        await client.close()

    @asynccontextmanager
    async def guest(self) -> AsyncGenerator[tuple[slixmpp.ClientXMPP, asyncio.Queue[str]]]:
        """Be somebody in the room who hears what the bridge says."""
        heard: asyncio.Queue[str] = asyncio.Queue()
        client = slixmpp.ClientXMPP("guest@localhost/desk", "secret")
        client.enable_direct_tls = False
        client.ca_certs = self.authorities
        client.register_plugin("xep_0045")
        client.add_event_handler("groupchat_message", lambda m: heard.put_nowait(m["body"]) if m["mucnick"] == "bridge" else None)
        client.connect(HOST, self.prosody.port)
        await client.wait_until("session_start", 60)
        await client.plugin["xep_0045"].join_muc_wait(slixmpp.JID(ROOM), "guest", maxstanzas=0, timeout=60)
        try:
            yield client, heard
        finally:
            client.abort()
            await asyncio.sleep(0.05)

    async def crossed(self, text: str) -> None:
        """Wait until a text that is published again and again is heard in the room."""
        async with asyncio.timeout(PATIENCE), self.guest() as (_, heard):
            while True:
                await self.published(text)
                try:
                    async with asyncio.timeout(0.5):
                        while await heard.get() != text:
                            pass
                except TimeoutError:
                    continue
                return

    async def returned(self, text: str) -> None:
        """Wait until a text that is said in the room again and again is published."""
        client = await nats.connect(self.nats_server.url, user="guest", password=SECRET)
        subscription = await client.subscribe("hall")
        async with asyncio.timeout(PATIENCE), self.guest() as (guest, _):
            while True:
                guest.send_message(slixmpp.JID(ROOM), text, mtype="groupchat")
                try:
                    while (await subscription.next_msg(timeout=0.5)).data.decode() != text:
                        pass
                except TimeoutError:
                    continue
                break
        await client.close()

    async def stopped(self) -> StoppedError:
        """Wait until the bridge has stopped, and return why."""
        assert self.crossing is not None
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(PATIENCE):
                await self.crossing
        (error,) = caught.value.exceptions
        assert isinstance(error, StoppedError)
        return error


@pytest.fixture
async def street(
    start_nats: Callable[..., NatsServer], start_prosody: Callable[..., ProsodyServer], issued: Certificates
) -> AsyncIterator[Street]:
    """Both servers, with the bridge crossing."""
    prosody = start_prosody(
        users={"bridge": "secret", "guest": "secret"},
        hosts='Component "rooms.localhost" "muc"\nmuc_room_locking = false',
        tls=issued,
    )
    one = Street(start_nats(users("bridge", "guest"), jetstream=True), prosody, issued.authority)
    one.crossing = asyncio.create_task(one.bridge.run())
    yield one
    one.crossing.cancel()
    await asyncio.wait({one.crossing}, timeout=10)
    await asyncio.sleep(0.1)
    gc.collect()


async def test_what_is_published_is_said_and_what_is_said_is_published(street: Street) -> None:
    await street.crossed("to the room")
    await street.returned("to the subject")
    # On a busy machine, nats-py's first attempts to connect may take longer than it waits.
    assert {row[0] for row in street.memory.rows} <= {"connect"}


@pytest.mark.parametrize("side", ["nats_server", "prosody"])
async def test_either_server_may_be_killed_and_traffic_flows_again(street: Street, side: str) -> None:
    await street.crossed("before")
    street.memory.faults.clear()  # on a busy machine the first attempts to connect may come to nothing
    server: Server = getattr(street, side)
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(server.start)
    await street.crossed("after")
    await street.returned("and back")
    protocols = {fault.error.protocol for fault in street.memory.faults}
    assert protocols == {"nats" if side == "nats_server" else "xmpp"}
    assert all(fault.decision is not None and fault.decision.retry for fault in street.memory.faults)
    assert street.memory.rows[0][0] == "serve"
    assert {row[0] for row in street.memory.rows[1:]} <= {"connect"}


async def test_what_was_published_while_the_room_was_gone_is_said_once_and_in_order_when_it_is_back(street: Street) -> None:
    await street.crossed("before")
    await asyncio.to_thread(street.prosody.kill)
    await street.published("one", "two", "three")
    await asyncio.to_thread(street.prosody.start)
    async with asyncio.timeout(PATIENCE), street.guest() as (_, heard):
        said = [await heard.get()]
        while said[-1] != "three":
            said.append(await heard.get())
    assert said == ["one", "two", "three"][-len(said) :]  # the guest may have come after the first
    assert not street.crossing.done()  # type: ignore[union-attr]


async def test_what_was_published_while_there_was_no_bridge_is_said_when_there_is_one(street: Street) -> None:
    await street.crossed("before")
    assert street.crossing is not None
    street.crossing.cancel()
    await asyncio.wait({street.crossing})
    await street.published("meanwhile")
    async with asyncio.timeout(PATIENCE), street.guest() as (_, heard):
        street.crossing = asyncio.create_task(street.bridge.run())
        while await heard.get() != "meanwhile":
            pass


async def test_a_password_that_was_changed_stops_the_bridge_and_it_says_why(street: Street) -> None:
    await street.crossed("before")
    await asyncio.to_thread(street.prosody.shell, 'user:password("bridge@localhost", "other")')
    error = await street.stopped()
    assert "auth.rejected (xmpp: not-authorized)" in str(error)
    assert "the same credentials were refused twice in a row" in str(error)


async def test_a_user_that_was_removed_stops_the_bridge_and_it_says_why(street: Street) -> None:
    await street.crossed("before")
    await asyncio.to_thread(street.nats_server.reload, users("guest"))
    error = await street.stopped()
    assert "auth.rejected (nats: " in str(error)
    assert "the same credentials were refused twice in a row" in str(error)
