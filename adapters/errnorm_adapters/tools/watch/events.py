"""
Events of nats-server about its clients, streams and consumers, and what of them is an error.

* `$SYS.ACCOUNT.*.DISCONNECT` reaches the system account when the connection of a client ends, with the close reason.
* `$SYS.SERVER.*.CLIENT.AUTH.ERR` reaches it when a login is refused. The same connection is then also told as a disconnect with
  the reason `Authentication Failure`, which therefore counts for nothing.
* `$JS.EVENT.ADVISORY.>` reaches the account that the stream belongs to.

An event that is a notice, or the end of a connection as its client wanted it, is no error.
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
        document: The event as it came, decoded.

        server: The name of the server.

        account: The account it happened in.

        client: What the client calls itself; for an advisory, the stream or consumer. A peer has chosen it.
    """

    document: Mapping[str, object]
    server: str
    account: str
    client: str


def read(subject: str, data: bytes) -> Event | None:
    """Return an event; `None` if the message is none, or tells what another event tells."""
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
    """Tell whether an event is an error, and no notice or wanted end."""
    return error.reason not in {Reason.PROTOCOL_NOTICE, Reason.SHUTDOWN_CLIENT}
