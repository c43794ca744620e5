"""
A bridge: it sends each message of a NATS subject to an XMPP room, and publishes each message of the room.

    export NATS_URL=nats://localhost NATS_SUBJECT=hall
    export XMPP_JID=bridge@example.org/nats XMPP_PASSWORD=… XMPP_ROOM=hall@rooms.example.org
    python bridge.py

Either server may go away at any time, and so may the bridge: a stream keeps each message until the room has it. If waiting does
not help (credentials that were revoked, a room that admits nobody), the bridge stops and logs why. One middleware reports the
errors, one policy sets the pauses, `settle` acknowledges the messages, and one supervisor decides for both sides. The XMPP
address has a resource, so that a new session replaces an old one that the server still believes to be alive.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nats
from nats.js.api import ConsumerConfig
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

OURS = {"Via": "bridge"}
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    said: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(1000))
    room_is_open: asyncio.Event = field(default_factory=asyncio.Event)
    say: Callable[[str], Awaitable[None]] = field(init=False)
    head: str | None = None

    async def run(self) -> None:
        """Run until one side stops for good; raises `errnorm.StoppedError`s, in a group."""
        both: dict[str, Any] = {"middleware": self.errors, "policy": self.policy}
        async with asyncio.TaskGroup() as sides:
            of_nats = errnorm.supervise(self.connect_nats, self.serve_nats, attach=errnorm_adapters.nats.attach, **both)
            of_xmpp = errnorm.supervise(self.connect_xmpp, self.serve_xmpp, attach=errnorm_adapters.xmpp.attach, **both)
            for side in (of_nats, of_xmpp):
                sides.create_task(side)

    async def connect_nats(self, attach: Callable[[], NatsAttachment]) -> Client:
        """Connect to NATS, and leave all reconnecting to the supervisor."""
        return await nats.connect(self.nats_url, **attach().callbacks, **self.login())

    async def serve_nats(self, client: Client) -> None:
        """Send the messages of the stream to the room, one by one, and publish the messages of the room."""
        stream = client.jetstream()
        await stream.add_stream(name=self.subject.upper(), subjects=[self.subject], max_msgs=1000)

        @errnorm_adapters.nats.settled(self.errors, policy=self.policy, operation="say")
        async def hear(message: Msg) -> None:
            await self.room_is_open.wait()
            if OURS.items().isdisjoint((message.headers or {}).items()):
                await self.say(message.data.decode(errors="replace"))

        in_turn = ConsumerConfig(durable_name="bridge", max_ack_pending=1)
        await stream.subscribe(self.subject, cb=hear, manual_ack=True, config=in_turn)
        while True:
            self.head = self.head or await self.said.get()
            await stream.publish(self.subject, self.head.encode(), headers=OURS)
            self.head = None

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
        """Join the room, allow the other side to send to it, and read its messages."""
        client, room, nick = session.client, JID(self.room), JID(self.jid).user
        answers: dict[str, asyncio.Future[Any]] = {}

        async def say(text: str) -> None:
            message = client.make_message(room, NOT_IN_XML.sub("\ufffd", text), mtype="groupchat")
            message["id"] = client.new_id()
            returned = answers[message["id"]] = asyncio.Future()
            message.send()
            answer = await asyncio.wait_for(returned, 30)  # a room returns each message to its author
            if answer["type"] == "error":
                raise IqError(answer)  # type: ignore[no-untyped-call] # built from a message, because it holds the stanza

        async def hear(message: Message) -> None:
            if (returned := answers.pop(message["id"], None)) is not None:
                returned.set_result(message)
            elif message["type"] == "groupchat" and message["mucnick"] != nick:
                await self.said.put(message["body"])

        client.add_event_handler("groupchat_message", hear)
        client.add_event_handler("message_error", hear)
        await client.plugin["xep_0045"].join_muc_wait(room, nick, maxstanzas=0, timeout=30)
        self.say = say
        self.room_is_open.set()
        try:
            await session.ended()
        finally:
            self.room_is_open.clear()
            for returned in answers.values():
                returned.set_exception(ConnectionResetError())


def main() -> None:
    """Run one bridge with the settings in the environment."""
    get = os.environ.__getitem__
    bridge = Bridge(get("NATS_URL"), get("NATS_SUBJECT"), get("XMPP_JID"), get("XMPP_ROOM"), lambda: get("XMPP_PASSWORD"))
    try:
        asyncio.run(bridge.run())
    except ExceptionGroup as stopped:
        sys.exit("\n".join(map(str, stopped.exceptions)))


if __name__ == "__main__":
    main()
