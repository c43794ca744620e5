"""
Keep the messages that a stream stops delivering: those that were terminated, and those that reached `max_deliver`.

    NATS_URL=nats://localhost python dead_letters.py ORDERS

The server does not keep dead letters. It publishes one advisory for each message that it stops delivering. So this program stores
the advisories in a stream of their own. It copies each message to `dead.ORDERS` before it is purged, with the reason in a header.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

import nats
from nats.js.errors import NotFoundError

import errnorm
import errnorm_adapters.nats

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

ADVISORIES = "$JS.EVENT.ADVISORY.CONSUMER"


async def keep_dead_letters(errors: errnorm.Middleware, stream: JetStreamContext, name: str) -> None:
    """
    Begin to copy what is given up of a stream. It goes on until the client is closed.

    Args:
        errors: The middleware that tells failures.
        stream: The JetStream of the client.
        name: The stream whose messages are to be kept. No consumer may give up the copies: there would be no end of them.
    """
    subjects = [f"{ADVISORIES}.{kind}.{name}.*" for kind in ("MSG_TERMINATED", "MAX_DELIVERIES")]
    await stream.add_stream(name=f"{name}-ADVISORIES", subjects=subjects)
    await stream.add_stream(name=f"{name}-DEAD", subjects=[f"dead.{name}"])

    @errnorm_adapters.nats.settled(errors, operation="bury")
    async def bury(advisory: Msg) -> None:
        told = json.loads(advisory.data)
        try:
            message = await stream.get_msg(name, told["stream_seq"])
        except NotFoundError:
            return  # purged, or of a work queue, which drops a message that is terminated
        headers = {
            "Reason": told.get("reason", "it used up its deliveries"),
            "Deliveries": str(told["deliveries"]),
            "Consumer": told["consumer"],
            "Nats-Msg-Id": told["id"],  # an advisory that is delivered twice makes one copy
        }
        await stream.publish(f"dead.{name}", message.data or b"", headers=headers)

    await stream.subscribe(f"{ADVISORIES}.>", stream=f"{name}-ADVISORIES", durable="dead-letters", cb=bury, manual_ack=True)


async def main() -> None:
    """Keep the dead letters of one stream."""
    errors = errnorm.Middleware()
    session = errnorm_adapters.nats.attach(errors, abort=True)
    client = await nats.connect(os.environ["NATS_URL"], **session.callbacks)
    await keep_dead_letters(errors, client.jetstream(), sys.argv[1])
    await session.ended()


if __name__ == "__main__":
    asyncio.run(main())
