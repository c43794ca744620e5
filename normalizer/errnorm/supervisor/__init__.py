"""
Supervise a service: open a session, serve, and when the session ends decide by the error whether to open another.

    async def connect(attach):
        return await nats.connect(url, user_credentials=path, **attach().callbacks)

    async def serve(client):
        subscription = await client.subscribe("orders")
        async for message in subscription.messages:
            ...

    await errnorm.supervise(connect, serve, attach=errnorm_adapters.nats.attach, middleware=errors)

`connect` gets `attach`, already told who supervises: what it returns is the session that is watched. `serve` runs until the
session ends or until it returns. A session that ends wins over what `serve` raises or returns because of it.

What happens next follows from the error. What time can mend (a restart, a lost network, a name that is gone) is waited out, with
pauses up to ten seconds, however often it takes. Credentials that were refused are tried once more, then only if they are new.
A redirect is followed only if the caller trusts the address. Anything else raises `StoppedError`.
"""

from __future__ import annotations

import asyncio
import time
from random import random as _random
from typing import TYPE_CHECKING, TypeVar

from errnorm.decision import SERVICE
from errnorm.marks import Mark, claim
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
    A session is over and will not be opened again. `str()` says why; `__cause__` is the exception it ended with.

    Attributes:
        error: The error it ended with.

        decision: The verdict, which is abort, the step that would help, and why.

        attempts: How many times in a row it had failed, this time included.
    """

    def __init__(self, error: NormalizedError, decision: Decision, attempts: int) -> None:
        """Say why in one line. Nothing in it comes from a peer."""
        times = "once" if attempts == 1 else f"{attempts} times in a row"
        # The code of a row may be a template, but never the text of a peer.
        what = f"{error.reason} ({error.protocol}: {error.code})" if error.known else str(error.reason)
        super().__init__(f"stopped after failing {times}: {what}: {decision.why}. {error.advice}")
        self.error = error
        self.decision = decision
        self.attempts = attempts

    def __reduce__(self) -> tuple[type[RuntimeError], tuple[str]]:
        """Travel to another process as its message alone."""
        return RuntimeError, (str(self),)


async def supervise(  # noqa: PLR0913 - two functions, and a safe default for everything else
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
    Open a client, serve with it, and open it again when that is right.

    The client is closed before the next one is opened, and when this is cancelled. How each session ends is reported once, with
    `connect` or `serve` as its operation, and with what was decided.

    Args:
        connect: Returns a new, connected client; raises if that fails. It is called with `attach`, if that is given, and after a
            redirect that was allowed with the address. It reads its credentials anew each time, if it can.
        serve: Uses the client until it is done or the session ends; then it is cancelled. What it raises while the session is
            well is judged if it is of the protocol, and otherwise raised on as the application's own.
        attach: The `attach` of the client's adapter. What `connect` gets has a `health()` besides: that of the service, across
            its sessions. Without it only `serve` can say that a session has ended: by raising or returning the error (an
            exception, or anything that `normalize` takes).
        close: Closes a client; may be a coroutine function. Otherwise its `aclose`, `close` or `disconnect` is called.
        protocol: `"nats"` or `"xmpp"`; `attach` knows by itself.
        middleware: Reports everything; one with the default emitters if not given.
        policy: How patient to be.
        credentials: A file with credentials, or a hook that gets the refusal, gets others, and returns `False` if there are none
            yet; it may be a coroutine function. Then refused credentials are waited for until they are new. Without it the
            second refusal is the end.
        credentials_every: How long to wait from one look at the credentials to the next, in seconds.
        credentials_within: How long to wait for other credentials in all, in seconds.
        redirect: Gets the address that the peer points to, which is its claim and nothing more; returns whether to go there.
            May be a coroutine function. Without it no redirect is followed.
        peer: Whom with, in few possible values; it is reported along.
        healthy_after: A session that lasted this long, in seconds, was a success: what failed before it is forgotten.
        close_within: How long closing may take, in seconds.
        sleep: Waits for some seconds.
        clock: Returns seconds that only grow.
        random: Chance: returns a number from 0 up to 1.

    Returns:
        `None` when `serve` was done or this side closed the client, or the error with which a session ended as it should, if
        there is nothing to recover.

    Raises:
        StoppedError: If the decision is to abort.
        Exception: What `connect` or `serve` raised that is not of the protocol, nor of the network under it.
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
                return _stopped(over, error, decision, attempts.failed)
            where = (error.address,) if decision.step is Recovery.REDIRECT and error.address else ()
            await sleep(decision.delay or 0.0)
    finally:
        opener.stopped()


def _stopped(ended: object, error: NormalizedError, decision: Decision, attempts: int) -> NormalizedError:
    if error.known and decision.step is Recovery.NONE:
        return error
    stopped = StoppedError(error, decision, attempts)
    # It has been reported: a guard around all of this has nothing to add.
    claim(stopped, Mark(error, decision))
    raise stopped from (ended if isinstance(ended, BaseException) else None)
