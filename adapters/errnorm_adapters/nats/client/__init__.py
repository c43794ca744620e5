"""
Attach a middleware to a NATS client: report every fault of its connection once, even if the client calls no callback for it.

    session = errnorm_adapters.nats.attach(errors, abort=True, error_cb=mine)
    nc = await nats.connect(url, **session.callbacks)

    client = await nats.client.connect(url)                     # nats-core
    session = errnorm_adapters.nats.attach(errors, client)

nats-py shows a fault in one of four ways (nats/aio/client.py of 2.16): it calls `error_cb`; it sets only `last_error`, when it
closes for good; it calls only `disconnected_cb`, when the server did not answer pings; or it raises only `NoServersError`, when
it has given up. The attachment turns all four into facts of one session. A guard around a request reports its exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, overload

from errnorm.session import Session
from errnorm_adapters.nats.client.attachment import NatsAttachment
from errnorm_adapters.nats.client.callbacks import UserCallbacks
from errnorm_adapters.nats.client.core import CoreAttachment, is_of_core

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from errnorm.middleware import Middleware
    from errnorm_adapters.nats.client.callbacks import Callback

__all__ = ["CoreAttachment", "NatsAttachment", "attach"]


class Options(TypedDict, total=False):
    """The keyword arguments of `attach`, which describes each of them."""

    abort: bool
    supervised: bool
    peer: str | None
    record: Callable[[str], object] | None
    error_cb: Callback | None
    disconnected_cb: Callback | None
    closed_cb: Callback | None
    reconnected_cb: Callback | None
    discovered_server_cb: Callback | None
    lame_duck_mode_cb: Callback | None


@overload
def attach(middleware: Middleware, **options: Unpack[Options]) -> NatsAttachment: ...


@overload
def attach(middleware: Middleware, client: object, **options: Unpack[Options]) -> CoreAttachment: ...


def attach(  # noqa: PLR0913 - the options of errnorm, and the six callbacks of nats-py
    middleware: Middleware,
    client: object = None,
    *,
    abort: bool = False,
    supervised: bool = False,
    peer: str | None = None,
    record: Callable[[str], object] | None = None,
    error_cb: Callback | None = None,
    disconnected_cb: Callback | None = None,
    closed_cb: Callback | None = None,
    reconnected_cb: Callback | None = None,
    discovered_server_cb: Callback | None = None,
    lame_duck_mode_cb: Callback | None = None,
) -> NatsAttachment | CoreAttachment:
    """
    Attach a middleware to a client of nats-py or nats-core, and return the session.

    For nats-py, pass the `callbacks` of the session to `nats.connect`. For nats-core, pass the connected client to this function.

    Each fault of the connection is reported once. The report contains, as `client`, what the client does by itself:

    * `"reconnecting"`: the client reconnects; the application must not reconnect as well.
    * `"closed"`: the client has closed for good. nats-py also does this after some errors that the server meant to be survived.
    * `"nothing"`: the client stays connected.

    During the first `nats.connect`, each connection attempt that fails is a fault.

    If a message handler of the application raises, and the exception belongs to NATS or to the network below it, the exception
    is reported with the handler's name as the operation. Any other exception of a handler is logged with its traceback, as
    nats-py does, unless an `error_cb` is given.

    A guard of the same middleware gets the reason why a call failed, and the reason is reported once. This covers a request on a
    subject for which the client lacks the permission, a wait for the future of such a `publish_async`, a request that waited
    while the session ended, and a call on a closed client. A `fetch` that finds no message is not a fault.

    Args:
        middleware: The middleware that reports the faults.
        client: A connected client of nats-core. Leave it out for nats-py, whose client does not exist yet.
        abort: Whether to close the client once the session is hopeless: every server of the pool refuses the client, and waiting
            cannot help. Until then `nats.connect` and the reconnecting of nats-py go on as configured. When the session becomes
            hopeless during `nats.connect`, it raises the last error. Refused credentials are tried once more, because nats-py
            reads them again for each connection.
        supervised: Whether other code opens the next session; `errnorm.supervise` sets it. One pass over the pool of servers is
            then one attempt, the client does not reconnect, and `ended()` returns the end of the session instead of reporting it.
        peer: A name for the other side, for the reports; use few different values.
        record: Called with each line of the session's trace (`errnorm.session.trace`).
        error_cb: Your callback. It is called with the exception and, if it takes two arguments, the normalized error.
        disconnected_cb: Your callback. If it takes an argument, that is the error that ended the connection, or `None`.
        closed_cb: Your callback. If it takes an argument, that is the error that closed the client, or `None`.
        reconnected_cb: Your callback. It is called without arguments.
        discovered_server_cb: Your callback. It is called without arguments; nats-py before 2.10 never calls it.
        lame_duck_mode_cb: Your callback. It is called without arguments; nats-py before 2.15 never calls it.

    Each callback may be a function or a coroutine function. Exceptions that a callback raises are logged and do not reach the
    client.

    Returns:
        The session.

    Raises:
        TypeError: If a callback is not callable, if `client` is not a client of nats-core, or if callbacks are given together
            with a client of nats-core.
        ImportError: If no client is given, and nats-py is not installed.
    """
    given = {
        "error_cb": error_cb,
        "disconnected_cb": disconnected_cb,
        "closed_cb": closed_cb,
        "reconnected_cb": reconnected_cb,
        "discovered_server_cb": discovered_server_cb,
        "lame_duck_mode_cb": lame_duck_mode_cb,
    }
    session = Session(abort=abort and not supervised, single=supervised)
    if client is None:
        return NatsAttachment(middleware, session, UserCallbacks(given), peer=peer, record=record)
    if not is_of_core(client):
        message = (
            "attach takes a client of nats-core only; for nats-py, pass the callbacks to connect: connect(**attach(…).callbacks)"
        )
        raise TypeError(message)
    if any(given.values()):
        message = "attach takes no callbacks for a client of nats-core: add them with the client's add_…_callback methods"
        raise TypeError(message)
    return CoreAttachment(client, middleware, "nats", session, peer=peer, record=record)
