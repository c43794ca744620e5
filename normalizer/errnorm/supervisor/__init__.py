"""
Supervise a service: open a session, serve with it, and decide by the error that ended it whether to open another one.

    async def connect(attach):
        return await nats.connect(url, user_credentials=path, **attach().callbacks)

    async def serve(client):
        subscription = await client.subscribe("orders")
        async for message in subscription.messages:
            ...

    await errnorm.supervise(connect, serve, attach=errnorm_adapters.nats.attach, middleware=errors)

`connect` receives the `attach` of the adapter, bound to this supervisor: calling it returns the session that is watched. `serve`
runs until the session ends or until it returns. If the session ends, its error counts, not what `serve` raises or returns because
of that end.

The error decides what happens next. After an error that can pass with time (a restart, a lost network, a name that is missing), a
new session is opened after a pause of up to ten seconds, without a limit of attempts. Refused credentials are tried once more,
and after that only if they are new. A redirect is followed only if the caller trusts the address. Any other error raises
`StoppedError`.
"""

from __future__ import annotations

import asyncio
import time
from random import random as _random
from typing import TYPE_CHECKING, TypeVar

from errnorm.decision import SERVICE
from errnorm.middleware import Middleware
from errnorm.supervisor.credentials import Credentials
from errnorm.supervisor.decider import Decider
from errnorm.supervisor.runs import Opener, Runs
from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from errnorm.decision import Decision, RetryPolicy
    from errnorm.error import NormalizedError
    from errnorm.session.attachment import Attachment
    from errnorm.supervisor.credentials import Source

__all__ = ["StoppedError", "supervise"]

C = TypeVar("C")


class StoppedError(Exception):
    """
    A session has ended and will not be opened again. The message says why; `__cause__` is the exception that ended it.

    Attributes:
        error: The error that ended the session.

        decision: The decision to abort, with the step that would help and the reason.

        attempts: The number of failures in a row, this one included.
    """

    def __init__(self, error: NormalizedError, decision: Decision, attempts: int) -> None:
        """Build the message: one line that contains no text from a peer."""
        times = "once" if attempts == 1 else f"{attempts} times in a row"
        # The code of a row may be a template, but never the text of a peer.
        what = f"{error.reason} ({error.protocol}: {error.code})" if error.known else str(error.reason)
        super().__init__(f"stopped after failing {times}: {what}: {decision.why}. {error.advice}")
        self.error = error
        self.decision = decision
        self.attempts = attempts

    def __reduce__(self) -> tuple[type[RuntimeError], tuple[str]]:
        """Pickle as a `RuntimeError` with the message, because the attributes cannot be pickled."""
        return RuntimeError, (str(self),)


async def supervise(  # noqa: PLR0913 - everything but the two functions has a safe default
    connect: Callable[..., Awaitable[C]],
    serve: Callable[[C], Awaitable[object]],
    *,
    attach: Callable[..., Attachment] | None = None,
    close: Callable[[C], object] | None = None,
    protocol: str | None = None,
    middleware: Middleware | None = None,
    policy: RetryPolicy = SERVICE,
    credentials: Source | None = None,
    credentials_every: float = 30.0,
    credentials_within: float = 3600.0,
    redirect: Callable[[str], object] | None = None,
    peer: str | None = None,
    healthy_after: float = 60.0,
    close_within: float = 5.0,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = _random,
) -> NormalizedError | None:
    """
    Open a client, serve with it, and open a new one whenever the decision about the error is to retry.

    The client is closed before the next one is opened, and when the supervisor is cancelled. The end of each session is emitted
    once, with the operation `connect` or `serve` and with the decision.

    Args:
        connect: A coroutine function that returns a new, connected client, and raises if it cannot connect. Its arguments are
            `attach`, if that is given, and, after a redirect that was allowed, the address. It should read the credentials
            again on each call.
        serve: A coroutine function that uses the client. It returns when the work is done, and is cancelled when the session
            ends. If it raises an error of the protocol while the session is up, the supervisor decides about that error;
            any other exception belongs to the application and is re-raised.
        attach: The `attach` of the client's adapter. `connect` receives a wrapper that also has a method `health()`, which
            describes the service across its sessions. Without `attach`, only `serve` can report the end of a session: it
            raises or returns the error (an exception, or anything that `normalize` takes).
        close: A function or coroutine function that closes a client. If not given, the client's method `aclose`, `close` or
            `disconnect` is called.
        protocol: `"nats"` or `"xmpp"`. It is not needed if `attach` is given.
        middleware: Emits the end of each session; a new middleware with the default emitters if not given.
        policy: How often and how long to retry.
        credentials: A file with credentials, or a hook: a function or coroutine function that receives the error, gets other
            credentials, and returns `False` if there are none yet. After a refusal the supervisor waits for new credentials.
            Without this argument the second refusal raises `StoppedError`.
        credentials_every: The pause between two checks for new credentials, in seconds.
        credentials_within: The longest time to wait for new credentials, in seconds.
        redirect: A function or coroutine function that receives the address of a redirect and returns whether to connect to
            it. The address comes from the peer and is not validated. Without this argument no redirect is followed.
        peer: A name of the server or cluster, with few possible values; it is emitted with each error.
        healthy_after: The number of seconds after which a session counts as a success, which resets the failed attempts.
        close_within: The longest time that closing a client may take, in seconds.
        sleep: A coroutine function that waits for a number of seconds.
        clock: A function that returns seconds of a monotonic clock.
        random: A function that returns a random number from 0 up to 1.

    Returns:
        `None` if `serve` has returned without an error or this side has closed the client. If a session ended as intended and
        there is nothing to recover, the error that it ended with.

    Raises:
        StoppedError: If the decision about an error is to abort.
        Exception: An exception of `connect` or `serve` that belongs neither to the protocol nor to the network below it.
    """
    middleware = middleware or Middleware()
    keys = Credentials(credentials, every=credentials_every, within=credentials_within, clock=clock, sleep=sleep)
    opener = Opener(attach, middleware, peer)
    runs = Runs(connect, serve, close, opener, middleware, close_within=close_within, clock=clock)
    attempts = policy.start(random=random)
    decider = Decider(middleware, opener, runs, attempts, keys, redirect, protocol=protocol, peer=peer)
    where: tuple[str, ...] = ()
    try:
        while True:
            keys.use()
            over = await runs.once(where)
            if over is None:
                return None
            if runs.lasted >= healthy_after:
                attempts.succeeded()
                keys.accepted()
            error, decision = await decider.decided(over)
            if not decision.retry:
                return _stopped(middleware, over, error, decision, attempts.failed)
            where = (error.address,) if decision.step is Recovery.REDIRECT and error.address else ()
            await sleep(decision.delay or 0.0)
    finally:
        opener.stopped()


def _stopped(middleware: Middleware, ended: object, error: NormalizedError, decision: Decision, attempts: int) -> NormalizedError:
    if error.known and decision.step is Recovery.NONE:
        return error
    stopped = StoppedError(error, decision, attempts)
    middleware.same_fault(stopped, error, decision)
    raise stopped from (ended if isinstance(ended, BaseException) else None)
