"""
Read the events of nats-server about its clients, streams and consumers, and decide which of them are errors.

* The server sends `$SYS.ACCOUNT.*.DISCONNECT` to the system account when a client's connection ends, with the close reason.
* The server sends `$SYS.SERVER.*.CLIENT.AUTH.ERR` to the system account when it refuses a login. It then also sends a disconnect
  of the same connection, with the reason `Authentication Failure`; this module ignores that second event.
* The server sends `$JS.EVENT.ADVISORY.>` to the account of the stream.

A notice is not an error, and neither is the end of a connection that its client has closed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

__all__ = ["ADVISORIES", "SYSTEM", "Event", "is_error", "read"]

SYSTEM = ("$SYS.ACCOUNT.*.DISCONNECT", "$SYS.SERVER.*.CLIENT.AUTH.ERR")
ADVISORIES = ("$JS.EVENT.ADVISORY.>",)

_TWICE = "Authentication Failure"
_LONGEST = 128


class Event(NamedTuple):
    """
    One event.

    Attributes:
        document: The decoded event.

        server: The name of the server.

        account: The account of the client or stream.

        client: The name that the client gave itself; for an advisory, the stream or consumer. A peer has chosen this name.
    """

    document: Mapping[str, object]
    server: str
    account: str
    client: str


def read(subject: str, data: bytes) -> Event | None:
    """Return an event; `None` if the message is not an event, or repeats another event."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, Mapping) or (subject.endswith(".DISCONNECT") and document.get("reason") == _TWICE):
        return None
    server, client = document.get("server"), document.get("client")
    about = client if isinstance(client, Mapping) else {}
    names = [document.get(name) for name in ("stream", "consumer")]
    name = about.get("name") or " > ".join(one for one in names if isinstance(one, str))
    return Event(
        document,
        _text(server.get("name") if isinstance(server, Mapping) else server),
        _text(about.get("acc") or document.get("account")),
        _text(name),
    )


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def is_error(error: NormalizedError) -> bool:
    """Return whether an event is an error, and not a notice or an intended end."""
    return error.reason not in {Reason.PROTOCOL_NOTICE, Reason.SHUTDOWN_CLIENT}
