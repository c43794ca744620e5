"""
What nats-py does not hand to its callbacks, read from the one frame that calls them, and from one of its tasks.

nats-py (2.9 to 2.16) calls `error_cb` with an exception and the other callbacks with nothing: neither the client nor the server,
and the same `error_cb` for a fault of the connection and for what a handler of the application raised
(nats/aio/subscription.py `_wait_for_msgs`). No public attribute or hook says which. `tests/adapters/nats/client/test_frames.py`
holds the installed version to every name that stands here.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from errnorm.exceptions import class_names, traceback_of

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

__all__ = [
    "Caller",
    "caller",
    "connected_client",
    "gives_up",
    "is_of_server_handler",
    "knows_lame_duck_mode",
    "pool_of",
    "read_on",
    "server_of",
    "was_silent",
]

_MODULE = "nats.aio.client"
CLIENT = f"{_MODULE}.Client"
HANDLES = "_wait_for_msgs"
CLOSES = "_close"
CONNECTS = "connect"
RECONNECTS = "_attempt_reconnect"
READS = "_read_loop"


class Caller(NamedTuple):
    """
    Who called a callback.

    Attributes:
        client: The client; `None` if it was not nats-py that called.

        method: The method of nats-py that called.

        server: The server it was about; `""` if none was dialled yet.

        handler: The name of the application's handler, if it is one of a subscription that failed; otherwise `None`.
    """

    client: Any
    method: str
    server: str
    handler: str | None


NOBODY = Caller(None, "", "", None)


def caller(depth: int) -> Caller:
    """Return who called a callback, so many frames above: one frame is looked at."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001 - see above
    owner = frame.f_locals.get("self")
    method = frame.f_code.co_name
    client = owner if CLIENT in class_names(owner) else getattr(owner, "_conn", None)
    if CLIENT not in class_names(client):
        return NOBODY
    handler = _name(getattr(owner, "_cb", None)) if method == HANDLES else None
    # `_select_next_server` keeps the server that it dials to itself until the dial has succeeded.
    return Caller(client, method, server_of(client, frame.f_locals.get("s")), handler)


def knows_lame_duck_mode() -> bool:
    """Tell whether the installed version has a callback for a server that is about to end; since 2.15."""
    client = import_module(_MODULE).Client
    return "lame_duck_mode_cb" in inspect.signature(client.connect).parameters


def is_of_server_handler(exception: Exception, by: Caller) -> bool:
    """Tell whether `reconnect_to_server_handler` of the application failed, or named a server that does not exist."""
    if by.method != RECONNECTS:
        return False
    trace = traceback_of(exception)
    inner = None if trace is None else trace.tb_next
    named = class_names(exception)[0] == "nats.errors.ServerNotInPoolError"
    return named or (inner is not None and not str(inner.tb_frame.f_globals.get("__name__")).startswith("nats."))


def server_of(client: Any, dialled: object = None) -> str:  # noqa: ANN401 - of a library that is not imported
    """Return the server that a client is connected to, or dialled last."""
    server = dialled or getattr(client, "_current_server", None)
    return _address(getattr(server, "uri", None))


def pool_of(client: Any) -> frozenset[str]:  # noqa: ANN401 - as above
    """Return all servers that a client may dial."""
    return frozenset(_address(uri) for uri in client.servers)


def _address(uri: Any) -> str:  # noqa: ANN401 - a `ParseResult`
    # Never `netloc`: a password may stand in it.
    return "" if uri is None else f"{uri.hostname}:{uri.port}"


def gives_up(by: Caller) -> bool:
    """Tell whether nats-py will dial no more: it drops a server that it dialled in vain too often (`_select_next_server`)."""
    client = by.client
    most = client.options["max_reconnect_attempts"]
    current = getattr(client, "_current_server", None)
    # Of the server that it got through to, it counts the failure only after it has called back.
    late = current if by.method in {CONNECTS, RECONNECTS} else None
    servers = getattr(client, "_server_pool", [])
    return most > 0 and all(server.reconnects + (server is late) > most for server in servers)


def was_silent(client: Any) -> bool:  # noqa: ANN401 - as above
    """Tell whether a connection was given up because the server did not answer pings."""
    unanswered = getattr(client, "_pings_outstanding", 0)
    return bool(unanswered > client.options["max_outstanding_pings"])


def read_on(client: Any) -> bool:  # noqa: ANN401 - as above
    """
    Tell whether the connection was good as far as its reader knows: somebody else ended it, by `force_reconnect()`.

    False at times where something arrived in the very moment; then it is taken for lost.
    """
    reader = getattr(client, "_reading_task", None)
    # One that had ended by itself could not be cancelled any more. It swallows that it was, but not that it was asked to.
    return reader is not None and bool(reader.cancelling())


def connected_client(error_cb: Callable[..., object], loop: AbstractEventLoop | None) -> Any:  # noqa: ANN401 - as above
    """
    Return the client whose callback this is, if it is connected and has had no reason to call back.

    A first connect that succeeds at once calls nothing, but it starts a task that reads.
    """
    if loop is None or loop.is_closed():
        return None
    for task in asyncio.all_tasks(loop):
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame.f_code.co_name == READS:
            client = frame.f_locals.get("self")
            if getattr(client, "_error_cb", None) == error_cb:
                return client
    return None


def _name(handler: Any) -> str:  # noqa: ANN401 - whatever was given to `subscribe`
    return str(getattr(getattr(handler, "func", handler), "__name__", "handler"))
