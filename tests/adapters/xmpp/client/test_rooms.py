"""Rooms of a real Prosody: who is refused, renamed in vain or taken out is told so, once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import slixmpp
from slixmpp.exceptions import PresenceError

import errnorm
from tests.adapters.xmpp.client.kit import PATIENCE, Desk, desk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.servers.prosody import ProsodyServer

ROOM = slixmpp.JID("hall@rooms.localhost")
BOB = slixmpp.JID("bob@localhost")


@pytest.fixture
def port(start_prosody: Callable[..., ProsodyServer]) -> int:
    """A Prosody with rooms."""
    rooms = 'Component "rooms.localhost" "muc"\nmuc_room_locking = false'
    return start_prosody(users={"alice": "secret", "bob": "secret"}, hosts=rooms).port


@asynccontextmanager
async def hall(port: int) -> AsyncGenerator[tuple[Any, Desk]]:
    """Have a room that Alice owns and Bob is in; yield her plugin, and Bob."""
    async with desk(port) as alice, desk(port, "bob@localhost/desk") as bob:
        await alice.start()
        await bob.start()
        await alice.rooms().join_muc_wait(ROOM, "alice", timeout=5)
        await bob.rooms().join_muc_wait(ROOM, "bob", timeout=5)
        yield alice.rooms(), bob
        assert bob.client.is_connected()


async def kick(rooms: Any) -> None:
    await rooms.set_role(ROOM, "bob", "none")


async def ban(rooms: Any) -> None:
    await rooms.set_affiliation(ROOM, "outcast", jid=BOB)


async def close_to_members(rooms: Any) -> None:
    form = await rooms.get_room_config(ROOM)
    form["type"] = "submit"
    form.set_values({"muc#roomconfig_membersonly": True})
    await rooms.set_room_config(ROOM, form)


async def destroy(rooms: Any) -> None:
    await rooms.destroy(ROOM, "", slixmpp.JID("elsewhere@rooms.localhost"))


@pytest.mark.parametrize(
    ("take_out", "code", "reason"),
    [
        (kick, "kicked-from-room", "shutdown.kicked"),
        (ban, "banned-from-room", "auth.forbidden"),
        (close_to_members, "room-members-only", "auth.forbidden"),
        (destroy, "room-destroyed", "protocol.misaddressed"),
    ],
)
async def test_who_is_taken_out_of_a_room_is_told_why(
    port: int, take_out: Callable[[Any], Awaitable[None]], code: str, reason: str
) -> None:
    async with hall(port) as (rooms, bob):
        await take_out(rooms)
        await bob.told()
        assert bob.rows == [("room", f"app:{code}", "abort", "nothing")]
        assert bob.memory.reasons == [reason]
        address = "elsewhere@rooms.localhost" if take_out is destroy else None
        assert bob.memory.faults[0].error.address == address


async def test_who_leaves_a_room_is_told_nothing(port: int) -> None:
    async with hall(port) as (_, bob):
        left = asyncio.ensure_future(bob.client.wait_until("groupchat_presence", PATIENCE))
        await asyncio.sleep(0)
        bob.rooms().leave_muc(ROOM, "bob")
        await left
        assert bob.rows == []


async def test_a_name_that_is_taken_is_told_to_who_is_in_the_room(port: int) -> None:
    async with hall(port) as (_, bob):
        bob.client.send_presence(pto=slixmpp.JID(f"{ROOM}/alice"))
        await bob.told()
        assert bob.rows == [("presence", "stanza:conflict", "abort", "nothing")]


async def test_who_comes_back_after_a_ban_is_told_where_it_waits_and_nowhere_else(port: int) -> None:
    async with hall(port) as (rooms, bob):
        await ban(rooms)
        await bob.told()
        with pytest.raises(PresenceError):
            async with bob.errors.guard("xmpp", operation="join", peer="rooms"):
                await bob.rooms().join_muc_wait(ROOM, "bob", timeout=5)
        with pytest.raises(PresenceError):
            await bob.rooms().join_muc_wait(ROOM, "bob", timeout=5)
        await bob.told(3)
        assert bob.rows[1:] == [("join", "stanza:forbidden", "abort", None), ("join", "stanza:forbidden", "abort", "nothing")]
        assert bob.memory.faults[1].peer == "rooms"


async def test_a_room_that_refuses_something_else_does_not_end_the_session_nor_the_wait(port: int) -> None:
    async with hall(port) as (_, bob):
        other = slixmpp.JID("attic@rooms.localhost")
        joining = asyncio.ensure_future(bob.rooms().join_muc_wait(other, "bob", timeout=5))
        asking = asyncio.ensure_future(bob.client.make_iq_get("urn:example:weather", other).send(timeout=5))  # type: ignore[no-untyped-call]
        answers = await asyncio.gather(joining, asking, return_exceptions=True)
        assert not isinstance(answers[0], BaseException)
        assert errnorm.normalize(answers[1], "xmpp").known
