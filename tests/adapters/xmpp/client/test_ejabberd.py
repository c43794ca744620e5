"""slixmpp on a real ejabberd: for each thing that goes wrong, what is told (once), what is decided, what the client does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import slixmpp
from slixmpp.exceptions import PresenceError

from tests.adapters.xmpp.client.kit import desk
from tests.servers import ejabberd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers.ejabberd import EjabberdServer

pytestmark = pytest.mark.server

WRONG = "wrong"
NAMES = ("alice", "bob", "carol", "dave", "eve", "frank")
ROOM = slixmpp.JID("hall@conference.localhost")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EjabberdServer]:
    """One ejabberd for all tests that do not end it: each takes a user of its own where it does harm to it."""
    if ejabberd.libraries() is None:
        pytest.skip("ejabberd is not installed: apt-get install ejabberd")
    directory = tmp_path_factory.mktemp("ejabberd")
    users: dict[str, str] = dict.fromkeys(NAMES, "secret")
    with ejabberd.EjabberdServer(directory, c2s={"max_stanza_size": 65_536}, users=users) as one:
        yield one


async def test_a_wrong_password_is_told_once(server: EjabberdServer) -> None:
    async with desk(server.port, password=WRONG, abort=True) as one:
        one.client.add_event_handler("disconnected", lambda _: one.connect())
        one.connect()
        await one.end()
        assert one.rows == [("connect", "sasl:not-authorized", "abort", "closed")]
        assert not one.client.is_connecting()


async def test_an_unknown_host_is_told_once(server: EjabberdServer) -> None:
    async with desk(server.port, "alice@nowhere.example/desk") as one:
        one.connect()
        await one.end()
        assert one.rows == [("connect", "stream:host-unknown", "abort", "closed")]


async def test_a_stanza_before_the_login_ends_the_stream(server: EjabberdServer) -> None:
    async with desk(server.port) as one:
        loop = asyncio.get_running_loop()
        early = b"<message to='bob@localhost'><body>early</body></message>"
        one.client.add_event_handler("connected", lambda _: loop.call_soon(lambda: one.client.transport.write(early)))  # type: ignore[union-attr]
        one.connect()
        await one.end()
        assert one.rows == [("connect", "stream:not-authorized", "abort", "closed")]


async def test_a_stanza_that_is_too_big_ends_the_session(server: EjabberdServer) -> None:
    async with desk(server.port, "alice@localhost/big") as one:
        await one.start()
        one.client.send_message(slixmpp.JID("bob@localhost"), "x" * 100_000)
        await one.end()
        assert one.rows == [("serve", "stream:policy-violation", "abort", "closed")]


async def test_who_is_replaced_is_told_so_once(server: EjabberdServer) -> None:
    async with desk(server.port) as old, desk(server.port) as new:
        await old.start()
        await new.start()
        await old.end()
        assert old.rows == [("serve", "stream:conflict", "abort", "closed")]
        assert not new.rows


async def test_a_kick_by_an_administrator_is_told_once(server: EjabberdServer) -> None:
    async with desk(server.port, "carol@localhost/desk") as one:
        await one.start()
        await asyncio.to_thread(server.call, "kick_user", user="carol", host="localhost")
        await one.end()
        assert one.rows == [("serve", "stream:policy-violation", "abort", "closed")]


async def test_a_changed_password_is_refused_only_at_the_next_login(server: EjabberdServer) -> None:
    async with desk(server.port, "dave@localhost/desk", abort=True) as one:
        await one.start()
        await asyncio.to_thread(server.call, "change_password", user="dave", host="localhost", newpass="other")
        assert one.client.is_connected()
        one.client.disconnect()
        assert await one.end() is None
        one.connect()
        await one.end()
        assert one.rows == [("connect", "sasl:not-authorized", "abort", "closed")]


async def test_a_removed_account_ends_its_session_once(server: EjabberdServer) -> None:
    async with desk(server.port, "eve@localhost/desk") as one:
        await one.start()
        await asyncio.to_thread(server.call, "unregister", user="eve", host="localhost")
        await one.end()
        assert one.rows == [("serve", "stream:conflict", "abort", "closed")]


async def test_a_room_refuses_each_thing_once(server: EjabberdServer) -> None:
    async with desk(server.port) as alice, desk(server.port, "bob@localhost/desk") as bob:
        await alice.start()
        await bob.start()
        await alice.rooms().join_muc_wait(ROOM, "alice", timeout=5)
        bob.client.send_message(ROOM, "knock", mtype="groupchat")
        await bob.told()
        with pytest.raises(PresenceError):
            async with bob.errors.guard("xmpp", operation="join"):
                await bob.rooms().join_muc_wait(ROOM, "alice", timeout=5)
        assert bob.rows == [
            ("message", "stanza:not-acceptable", "abort", "nothing"),
            ("join", "stanza:conflict", "abort", None),
        ]


async def test_a_session_that_cannot_be_resumed_is_told_and_another_begins(server: EjabberdServer) -> None:
    async with desk(server.port, "frank@localhost/desk") as one:
        one.client.register_plugin("xep_0198")
        await one.start()
        await one.client.wait_until("sm_enabled", 5)
        one.client.abort()
        await one.end()
        one.client.plugin["xep_0198"].sm_id = "never given"
        await one.start()
        await one.told()
        assert one.rows == [("resume", "sm:item-not-found", "abort", "nothing")]
        assert one.client.is_connected()


async def test_a_resource_that_is_taken_is_told_and_an_end_of_the_server_too(
    start_ejabberd: Callable[..., EjabberdServer],
) -> None:
    server = start_ejabberd({"resource_conflict": "closenew"}, users={"alice": "secret"})
    async with desk(server.port) as old, desk(server.port, abort=True) as new:
        await old.start()
        new.connect()
        await new.end()
        assert new.rows == [("connect", "stanza:conflict", "abort", "closed")]
        await asyncio.to_thread(server.stop)
        await old.end()
        # One that is busy cuts the connection before it has said why.
        assert old.memory.reasons in (["shutdown.server"], ["transport.lost"])
        assert old.rows[0][2:] == ("retry", "closed")


async def test_a_server_that_dies_is_a_lost_connection(start_ejabberd: Callable[..., EjabberdServer]) -> None:
    server = start_ejabberd(users={"alice": "secret"})
    async with desk(server.port) as one:
        await one.start()
        await asyncio.to_thread(server.kill)
        await one.end()
        assert one.memory.reasons == ["transport.lost"]
        assert one.rows[0][2:] == ("retry", "closed")
