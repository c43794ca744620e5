"""
Clients of NATS under a middleware: everything their callbacks report, and what they keep to themselves, each fault once.

    session = errnorm_adapters.nats.attach(errors, abort=True, error_cb=mine)
    nc = await nats.connect(url, **session.callbacks)

    client = await nats.client.connect(url)                     # nats-core
    session = errnorm_adapters.nats.attach(errors, client)

nats-py reports a fault in four ways (nats/aio/client.py of 2.16): through `error_cb`; only as `last_error`, when it closes for
good; only as a disconnect, when a connection went stale; and only as `NoServersError`, when it has given up. Here they become
the facts of one session. What a request raises is reported by a guard around the request, not here.
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
    """What `attach` takes by name; it says what each means."""

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


def attach(  # noqa: PLR0913 - three things of ours, and the six callbacks of nats-py
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
    Begin a session, and return it: of nats-py, whose `nats.connect` takes its `callbacks`, or of a client of nats-core.

    Each fault of the connection is reported once, with what nats-py does about it by itself (`client`): `"reconnecting"`, so do
    not reconnect beside it; `"closed"`, for good, which nats-py does also where the server would have gone on; `"nothing"`, it
    stays connected. While `nats.connect` tries for the first time, each dial that fails is a fault.

    What a handler of the application raises is reported with the handler's name as its operation if it is NATS's or lies under
    it. If it is not, and there is no `error_cb` of yours, it is logged with its traceback, as nats-py does.

    A guard of the same middleware learns from here why a call failed. A request on a denied subject, one that was under way when
    the session ended, and a call on a closed client have the reason that is behind them; it is reported once. A `fetch` that
    found nothing is not a fault.

    Args:
        middleware: Whom faults are reported to.
        client: A client of nats-core that is connected. Of nats-py there is none yet; leave it out.
        abort: Whether the client is closed once the session is hopeless: no server of its pool lets it in, for reasons that
            time does not mend. Until then `nats.connect` and nats-py's reconnecting go on as they are configured; then
            `nats.connect` raises the last error. Credentials get a second chance, since nats-py reads them anew.
        supervised: Whether somebody else opens the next session; `errnorm.supervise` sets it. Then one pass over the pool is
            an attempt, the client does not connect again, and how the session ends is returned by `ended()`, not reported.
        peer: Whom with, in few possible values; it is reported along.
        record: Writes a line of the session's trace (`errnorm.session.trace`).
        error_cb: Yours; called with the exception and, if it takes two arguments, the normalized error.
        disconnected_cb: Yours; called with the error that ended the connection, or `None`, if it takes an argument.
        closed_cb: Yours; called with the error that closed the client, or `None`, if it takes an argument.
        reconnected_cb: Yours; called without arguments.
        discovered_server_cb: Yours; called without arguments; nats-py before 2.10 never runs it.
        lame_duck_mode_cb: Yours; called without arguments; nats-py before 2.15 never does.

    All six may be functions or coroutine functions. What they raise is logged, and does not reach the client.

    Raises:
        TypeError: If a callback is not callable, or a client is given that is not one of nats-core, or callbacks beside it.
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
        message = "a client of nats-py is attached to by the callbacks that its connect() takes: connect(**attach(…).callbacks)"
        raise TypeError(message)
    if any(given.values()):
        message = "a client of nats-core takes callbacks itself, by its add_…_callback methods"
        raise TypeError(message)
    return CoreAttachment(client, middleware, "nats", session, peer=peer, record=record)
