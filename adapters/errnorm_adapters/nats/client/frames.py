"""
Read from the frames of nats-py what it does not pass to its callbacks: the client, the server and the reason of the call.

nats-py (2.9 to 2.16) calls `error_cb` with an exception, and the other callbacks without arguments. It passes neither the client
nor the server. It calls the same `error_cb` for faults of the connection and for exceptions of the application's handlers
(nats/aio/subscription.py `_wait_for_msgs`). No public attribute or hook gives this information.
`tests/adapters/nats/client/test_frames.py` checks that the installed version has every name used here.
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
    from types import FrameType

__all__ = [
    "Caller",
    "caller",
    "closed_cb_of",
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
DRAINS = "drain"
RECONNECTS = "_attempt_reconnect"
READS = "_read_loop"
_MOST_BETWEEN = 3


class Caller(NamedTuple):
    """
    The code that called a callback.

    Attributes:
        client: The client; `None` if nats-py did not call the callback.

        method: The name of the method of nats-py that called the callback.

        server: The server that the call is about, as `host:port`; `""` if the client has not dialled one yet.

        handler: The name of the application's message handler that raised; `None` if no handler did.
    """

    client: Any
    method: str
    server: str
    handler: str | None


NOBODY = Caller(None, "", "", None)


def caller(depth: int) -> Caller:
    """
    Return the code that called a callback.

    Args:
        depth: How many frames above this function's caller to begin. A framework may wrap the callback in a function of its own
            (FastStream does), so a few more frames are searched.
    """
    frame = sys._getframe(depth + 1)  # noqa: SLF001 - see above
    for _ in range(_MOST_BETWEEN):
        found = _of_frame(frame)
        if found is not NOBODY or frame.f_back is None:
            return found
        frame = frame.f_back
    return NOBODY


def _of_frame(frame: FrameType) -> Caller:
    owner = frame.f_locals.get("self")
    method = frame.f_code.co_name
    client = owner if CLIENT in class_names(owner) else getattr(owner, "_conn", None)
    if CLIENT not in class_names(client):
        return NOBODY
    handler = _name(getattr(owner, "_cb", None)) if method == HANDLES else None
    # `_select_next_server` holds the server that it dials only in its local variable `s` until the dial has succeeded.
    return Caller(client, method, server_of(client, frame.f_locals.get("s")), handler)


def knows_lame_duck_mode() -> bool:
    """
    Return whether the installed nats-py has a callback for the lame duck mode of a server (since 2.15).

    Raises:
        ImportError: If nats-py is not installed.
    """
    try:
        client = import_module(_MODULE).Client
    except ImportError as error:
        message = "attach needs nats-py, or a client of nats-core as its argument: pip install 'errnorm[nats]'"
        raise ImportError(message) from error
    return "lame_duck_mode_cb" in inspect.signature(client.connect).parameters


def is_of_server_handler(exception: Exception, by: Caller) -> bool:
    """Return whether the application's `reconnect_to_server_handler` raised, or chose a server that is not in the pool."""
    if by.method != RECONNECTS:
        return False
    trace = traceback_of(exception)
    inner = None if trace is None else trace.tb_next
    named = class_names(exception)[0] == "nats.errors.ServerNotInPoolError"
    return named or (inner is not None and not str(inner.tb_frame.f_globals.get("__name__")).startswith("nats."))


def server_of(client: Any, dialled: object = None) -> str:  # noqa: ANN401 - of a library that is not imported
    """Return the server that a client is connected to or dialled last, as `host:port`."""
    server = dialled or getattr(client, "_current_server", None)
    return _address(getattr(server, "uri", None))


def pool_of(client: Any) -> frozenset[str]:  # noqa: ANN401 - as above
    """Return all servers that a client may dial, as `host:port`."""
    return frozenset(_address(uri) for uri in client.servers)


def _address(uri: Any) -> str:  # noqa: ANN401 - a `ParseResult`
    # Never `netloc`: it may contain a password.
    return "" if uri is None else f"{uri.hostname}:{uri.port}"


def gives_up(by: Caller) -> bool:
    """Return whether nats-py will not dial again: it drops a server after too many failed dials (`_select_next_server`)."""
    client = by.client
    most = client.options["max_reconnect_attempts"]
    current = getattr(client, "_current_server", None)
    # For a server that accepted the connection, nats-py counts the failure only after it has called the callback.
    late = current if by.method in {CONNECTS, RECONNECTS} else None
    servers = getattr(client, "_server_pool", [])
    return most > 0 and all(server.reconnects + (server is late) > most for server in servers)


def was_silent(client: Any) -> bool:  # noqa: ANN401 - as above
    """Return whether the client gave the connection up because the server did not answer pings."""
    unanswered = getattr(client, "_pings_outstanding", 0)
    return bool(unanswered > client.options["max_outstanding_pings"])


def read_on(client: Any) -> bool:  # noqa: ANN401 - as above
    """
    Return whether the read task saw no fault: then the application ended the connection with `force_reconnect()`.

    The result can be false if data arrived at that very moment; the connection then counts as lost.
    """
    reader = getattr(client, "_reading_task", None)
    # A read task that ended by itself cannot be cancelled later. The task suppresses the `CancelledError`, so `cancelled()` is
    # false, but `cancelling()` still counts the request.
    return reader is not None and bool(reader.cancelling())


def connected_client(closed_cb: Callable[..., object], loop: AbstractEventLoop | None) -> Any:  # noqa: ANN401 - as above
    """
    Return the connected client that has this callback but has not called it yet; `None` if no such client is found.

    A first connect that succeeds at once calls nothing, but it starts a task that reads. FastStream puts functions of its own
    around `error_cb` and `reconnected_cb`, and hands `closed_cb` on as it is.
    """
    if loop is None or loop.is_closed():
        return None
    for task in asyncio.all_tasks(loop):
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame.f_code.co_name == READS:
            client = frame.f_locals.get("self")
            if closed_cb_of(client) is closed_cb:
                return client
    return None


def closed_cb_of(client: Any) -> Any:  # noqa: ANN401 - as above
    """Return the client's `closed_cb`, which identifies the attachment of the client."""
    return getattr(client, "_closed_cb", None)


def _name(handler: Any) -> str:  # noqa: ANN401 - whatever was given to `subscribe`
    return str(getattr(getattr(handler, "func", handler), "__name__", "handler"))
