"""
nats-py under a middleware: everything its callbacks tell of failure, and what they keep to themselves, each thing once.

    nc = await nats.connect(url, **errnorm_adapters.nats.callbacks(errors, abort=True, error_cb=mine))

nats-py lets a fault out in four ways (nats/aio/client.py of 2.16): through `error_cb`; only as `last_error`, when it closes for
good; only as a disconnect, when a connection went stale; and only as `NoServersError`, when it has given up. Here they come
together. What a request raises is not told here but where it is made, by a guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from errnorm_adapters.nats.client.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.middleware import Middleware

__all__ = ["Callbacks", "callbacks"]

# Told by the client and of no concern to a middleware: a new server in the cluster is no fault.
_PASSED_ON = ("discovered_server_cb",)

# Where a server cannot be reached, nats-py dials as often as this says, whether it may reconnect or not.
_ONE_SESSION = {"allow_reconnect": False, "max_reconnect_attempts": 1}


def callbacks(
    middleware: Middleware,
    *,
    abort: bool = False,
    supervised: bool = False,
    operation: str = "connection",
    peer: str | None = None,
    **users: Callable[..., Any],
) -> Callbacks:
    """
    Return what `nats.connect` takes as callbacks: each fault of the connection is told once, and what nats-py hides is found.

    What is told of a fault says what the protocol means (`error.terminal`: the connection is over because of it) and what this
    client does about it by itself (`client`): `"reconnecting"`, so do not reconnect beside it; `"closed"`, for good, which
    nats-py does also where the server would have gone on; `"nothing"`, it stays connected. While `nats.connect` tries for the
    first time, each attempt that fails is a fault.

    What a request, a `fetch` or any other call raises is told by a guard around the call, not here. But where this middleware's
    guard sees a time-out of this client that was in truth a denied subject or a deleted consumer, or a `NoServersError`, it
    says what was behind it (`errnorm.normalize`), and tells nothing twice.

    Make new ones for each client: they remember what happened to it.

    Args:
        middleware: Whom to tell.
        abort: Whether a decision to abort closes the client. nats-py by itself tries sixty times, or for ever, whatever the
            server says. Credentials get a second chance, since nats-py reads them anew; what no time can mend does not.
        supervised: True if somebody else decides, as `errnorm.supervise`: how a session ends is neither decided nor told here,
            but raised by `nats.connect` and returned by `ended()`; and the client does not connect again by itself
            (`allow_reconnect` and `max_reconnect_attempts` are among what is returned, and must not be given beside it).
        operation: What the told faults were doing, in a word of few possible values.
        peer: Whom with, in few possible values.
        users: Callbacks of your own, by the names nats-py gives them: functions or coroutine functions. `error_cb` gets the
            exception and, if it takes two arguments, the normalized error; `disconnected_cb` and `closed_cb` get the
            normalized error of what ended the connection, or `None`, if they take one. What they raise is logged, and does
            not reach the client.

    Returns:
        A dictionary to `**` into `nats.connect`. Its `ended()` waits for the end of a supervised session.
    """
    watch = Watch(middleware, users, abort=abort, supervised=supervised, operation=operation, peer=peer)
    middleware.add_resolver(watch.behind)
    return Callbacks(watch)


class Callbacks(dict[str, Any]):
    """Callbacks, and where a session is supervised what keeps it to one, by the names that `nats.connect` gives them."""

    def __init__(self, watch: Watch) -> None:
        """Name the callbacks of one connection."""
        super().__init__(
            error_cb=watch.error_cb,
            disconnected_cb=watch.disconnected_cb,
            closed_cb=watch.closed_cb,
            reconnected_cb=watch.reconnected_cb,
            lame_duck_mode_cb=watch.lame_duck_mode_cb,
            **{name: watch.users[name] for name in _PASSED_ON if name in watch.users},
            **(_ONE_SESSION if watch.supervised else {}),
        )
        self._watch = watch

    def bind(self, client: object) -> None:
        """
        Say which client these are the callbacks of.

        It is found without: nats-py calls them itself. To say it helps only where something else calls them.
        """
        self._watch.client = client

    async def ended(self) -> object:
        """
        Wait until the session has ended; for a supervised one.

        Returns:
            What it ended with, an exception or anything else that `normalize` takes; `None` if this side closed it.
        """
        await self._watch.is_over.wait()
        return self._watch.end
