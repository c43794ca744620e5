"""
nats-py under a middleware: everything its callbacks report, and what they keep to themselves, each fault once.

    session = errnorm_adapters.nats.attach(errors, abort=True, error_cb=mine)
    nc = await nats.connect(url, **session.callbacks)

nats-py reports a fault in four ways (nats/aio/client.py of 2.16): through `error_cb`; only as `last_error`, when it closes for
good; only as a disconnect, when a connection went stale; and only as `NoServersError`, when it has given up. Here they become
the facts of one session. What a request raises is reported by a guard around the request, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.session import Session
from errnorm_adapters.nats.client.attachment import NatsAttachment
from errnorm_adapters.nats.client.callbacks import UserCallbacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.middleware import Middleware
    from errnorm_adapters.nats.client.callbacks import Callback

__all__ = ["NatsAttachment", "attach"]


def attach(  # noqa: PLR0913 - two things of ours, and the six callbacks of nats-py
    middleware: Middleware,
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
) -> NatsAttachment:
    """
    Begin a session, and return it; its `callbacks` go into `nats.connect`.

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
        discovered_server_cb: Yours; called without arguments.
        lame_duck_mode_cb: Yours; called without arguments; nats-py before 2.15 never does.

    All six may be functions or coroutine functions. What they raise is logged, and does not reach the client.

    Raises:
        TypeError: If a callback is not callable.
    """
    users = UserCallbacks(
        {
            "error_cb": error_cb,
            "disconnected_cb": disconnected_cb,
            "closed_cb": closed_cb,
            "reconnected_cb": reconnected_cb,
            "discovered_server_cb": discovered_server_cb,
            "lame_duck_mode_cb": lame_duck_mode_cb,
        }
    )
    session = Session(abort=abort and not supervised, single=supervised)
    return NatsAttachment(middleware, session, users, peer=peer, record=record)
