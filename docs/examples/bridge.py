"""
A bridge: what is published on a NATS subject is said in an XMPP room, and what is said in the room is published.

    export NATS_URL=nats://localhost NATS_SUBJECT=hall
    export XMPP_JID=bridge@example.org/nats XMPP_PASSWORD=… XMPP_ROOM=hall@rooms.example.org
    python bridge.py

Either server may go away at any time: the bridge waits for it, and what was to be carried waits with it. Where waiting is no
use (credentials that were revoked, a room that admits nobody), it stops and says why. One middleware tells what happened, one
policy says how patient to be, and one supervisor, `errnorm.supervise`, decides for both sides. The address has a resource, so
that a session the server has not missed yet makes way for the next one.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nats
from slixmpp import JID, ClientXMPP
from slixmpp.exceptions import IqError

import errnorm
import errnorm_adapters.nats
import errnorm_adapters.xmpp
from errnorm.decision import SERVICE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from slixmpp.stanza import Message

    from errnorm_adapters.nats.client import NatsAttachment
    from errnorm_adapters.xmpp.client import XmppAttachment

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Lane:
    """One direction. A message stays at its head until the other side is known to have it."""

    def __init__(self) -> None:
        """Start empty."""
        self.waiting: asyncio.Queue[str] = asyncio.Queue(1000)
        self.head: str | None = None

    async def carry(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send one message after the other, until that fails."""
        while True:
            self.head = self.head or await self.waiting.get()
            await send(self.head)
            self.head = None


@dataclass
class Bridge:
    """Both sides. `login` and `password` are asked anew for each connection, so that fresh credentials are used."""

    nats_url: str
    subject: str
    jid: str
    room: str
    password: Callable[[], str]
    login: Callable[[], dict[str, Any]] = dict
    host: str | None = None
    port: int | None = None
    authorities: Path | None = None
    policy: errnorm.RetryPolicy = SERVICE
    errors: errnorm.Middleware = field(default_factory=errnorm.Middleware)
    to_room: Lane = field(default_factory=Lane)
    to_subject: Lane = field(default_factory=Lane)

    async def run(self) -> None:
        """Run until one side stops for good; raises `errnorm.StoppedError`s, in a group."""
        both: dict[str, Any] = {"middleware": self.errors, "policy": self.policy}
        async with asyncio.TaskGroup() as sides:
            for connect, serve, attach in (
                (self.connect_nats, self.serve_nats, errnorm_adapters.nats.attach),
                (self.connect_xmpp, self.serve_xmpp, errnorm_adapters.xmpp.attach),
            ):
                sides.create_task(errnorm.supervise(connect, serve, attach=attach, **both))

    async def connect_nats(self, attach: Callable[[], NatsAttachment]) -> Client:
        """Connect to NATS, and leave all reconnecting to the supervisor."""
        return await nats.connect(self.nats_url, no_echo=True, **attach().callbacks, **self.login())

    async def serve_nats(self, client: Client) -> None:
        """Hear the subject, and publish what was said in the room."""

        async def send(text: str) -> None:
            await client.publish(self.subject, text.encode())
            await client.flush()  # the server has it

        async def hear(message: Msg) -> None:
            await self.to_room.waiting.put(message.data.decode(errors="replace"))

        await client.subscribe(self.subject, cb=hear)
        await self.to_subject.carry(send)

    async def connect_xmpp(self, attach: Callable[[ClientXMPP], XmppAttachment]) -> XmppAttachment:
        """Log in to XMPP, and leave all reconnecting to the supervisor."""
        client = ClientXMPP(self.jid, self.password())
        client.ca_certs = self.authorities
        client.register_plugin("xep_0045")
        session = attach(client)
        client.connect(self.host, self.port)
        await session.started()
        return session

    async def serve_xmpp(self, session: XmppAttachment) -> None:
        """Join the room, and say there what was published."""
        client, room, nick = session.client, JID(self.room), JID(self.jid).user
        answers: dict[str, asyncio.Future[Any]] = {}

        async def send(text: str) -> None:
            message = client.make_message(room, NOT_IN_XML.sub("\ufffd", text), mtype="groupchat")
            message["id"] = client.new_id()
            returned = answers[message["id"]] = asyncio.get_running_loop().create_future()
            message.send()
            async with asyncio.timeout(30):
                answer = await returned  # a room returns each message to its author
            if answer["type"] == "error":
                raise IqError(answer)  # type: ignore[no-untyped-call] # of a message, but it holds the stanza, which was told

        async def hear(message: Message) -> None:
            if (returned := answers.pop(message["id"], None)) is not None:
                returned.set_result(message)
            elif message["type"] == "groupchat" and message["mucnick"] != nick:
                await self.to_subject.waiting.put(message["body"])

        client.add_event_handler("groupchat_message", hear)
        client.add_event_handler("message_error", hear)
        await client.plugin["xep_0045"].join_muc_wait(room, nick, maxstanzas=0, timeout=30)
        await self.to_room.carry(send)


def main() -> None:
    """Run one bridge, as the environment says."""
    get = os.environ.__getitem__
    bridge = Bridge(get("NATS_URL"), get("NATS_SUBJECT"), get("XMPP_JID"), get("XMPP_ROOM"), lambda: get("XMPP_PASSWORD"))
    try:
        asyncio.run(bridge.run())
    except ExceptionGroup as stopped:
        sys.exit("\n".join(map(str, stopped.exceptions)))


if __name__ == "__main__":
    main()
