"""
Keep a session alive: connect, serve, and when it ends decide by the error whether to connect again.

    async def connect():
        return await nats.connect(url, allow_reconnect=False, user_credentials=path)

    async def serve(client):
        ...                                   # subscribe, work; raises when the session ends

    await errnorm.supervise(connect, serve, protocol="nats", middleware=errors)

It is the same for every client, because it asks for so little: something that opens one, something that uses it until the
session ends, something that closes it. Leave no reconnecting to the client itself: two that reconnect get in each other's way.

What happens at the end of a session follows from the error. What time can mend (a restart, a lost network) is waited out,
with growing pauses. Credentials that were refused get one more chance, after a hook had the opportunity to get others;
the same refusal again is the end. A redirect is followed only if the caller's predicate trusts the address. Anything else
stops it, by a `StoppedError` that says why.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from dataclasses import dataclass
from random import random as _random
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from errnorm.decision import RetryPolicy
from errnorm.marks import Mark, claim
from errnorm.middleware import Middleware
from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from errnorm.decision import Decision, RetryState
    from errnorm.error import NormalizedError

__all__ = ["PATIENT", "StoppedError", "supervise"]

C = TypeVar("C")

_log = logging.getLogger("errnorm")

PATIENT = RetryPolicy(attempts=None, base=1.0, cap=60.0, spread=15.0)
"""The policy of a service: what time can mend is waited out, however long it takes."""

_CLOSERS = ("aclose", "close", "disconnect")


class StoppedError(Exception):
    """
    A session is over and will not be opened again. `str()` says why; the exception it ended with is the cause.

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
    close: Callable[[C], object] | None = None,
    protocol: str | None = None,
    middleware: Middleware | None = None,
    policy: RetryPolicy = PATIENT,
    credentials: Callable[[NormalizedError], object] | None = None,
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

    The client is always closed before the next one is opened, and when this is cancelled. Every failure is told once, with
    `connect` or `serve` as its operation, and with what was decided.

    Args:
        connect: Returns a new, connected client; raises if that fails. It is called without arguments, or with the address
            of a redirect that was allowed; it reads its credentials anew each time, if it can.
        serve: Uses the client until the session ends. It raises or returns the error that the session ended with (an
            exception, or anything that `normalize` takes), or returns `None` when its work is done and all is to end.
        close: Closes a client; may be a coroutine. Otherwise its `aclose`, `close` or `disconnect` is called.
        protocol: `"nats"` or `"xmpp"`, whichever the client speaks.
        middleware: Told of everything; one with the default emitters if not given.
        policy: How patient to be. By default it has no limit of attempts.
        credentials: Asked when credentials were refused; gets the error, gets others, and returns `False` if there are none.
            May be a coroutine. Without it, `connect` is tried once more, since it may read its credentials anew.
        redirect: Asked when the peer points to another address, with that address, which is its claim and nothing more;
            returns whether to go there. May be a coroutine. Without it no redirect is followed.
        peer: Whom with, in few possible values; it is told along.
        healthy_after: A session that lasted this long, in seconds, was a success: what failed before it is forgotten.
        close_within: How long closing may take, in seconds.
        sleep: Waits for some seconds.
        clock: Returns seconds that only grow.
        random: Chance: returns a number from 0 up to 1.

    Returns:
        `None` when `serve` was done, or the error with which a session ended as it should, if there is nothing to recover.

    Raises:
        StoppedError: If the decision is to abort.
    """
    keeper = _Keeper(
        connect=connect,
        serve=serve,
        close=close or _close,
        protocol=protocol,
        middleware=middleware or Middleware(),
        credentials=credentials,
        redirect=redirect,
        peer=peer,
        healthy_after=healthy_after,
        close_within=close_within,
        clock=clock,
    )
    attempts = policy.start(random=random)
    where: tuple[str, ...] = ()
    while True:
        ended = await keeper.session(where)
        if ended is None:
            return None
        if keeper.was_healthy:
            attempts.succeeded()
        decision = await keeper.decided(ended, attempts)
        error = keeper.told(ended, decision)
        if not decision.retry:
            return _stopped(ended, error, decision, attempts.failed)
        where = (error.address,) if decision.step is Recovery.REDIRECT and error.address else ()
        await sleep(decision.delay or 0.0)


def _stopped(ended: object, error: NormalizedError, decision: Decision, attempts: int) -> NormalizedError:
    if error.known and decision.step is Recovery.NONE:
        return error
    stopped = StoppedError(error, decision, attempts)
    # It has been told: a guard around all of this has nothing to add.
    claim(stopped, Mark(error, decision))
    raise stopped from (ended if isinstance(ended, BaseException) else None)


@dataclass(slots=True, kw_only=True)
class _Keeper(Generic[C]):
    """One session after the other, and what is asked between them; `keep` says what each field means."""

    connect: Callable[..., Awaitable[C]]
    serve: Callable[[C], Awaitable[object]]
    close: Callable[[C], object]
    protocol: str | None
    middleware: Middleware
    credentials: Callable[[NormalizedError], object] | None
    redirect: Callable[[str], object] | None
    peer: str | None
    healthy_after: float
    close_within: float
    clock: Callable[[], float]
    operation: str = "connect"
    was_healthy: bool = False

    async def session(self, where: tuple[str, ...]) -> object:
        """Open a client, serve with it, close it; return what it ended with."""
        self.operation, self.was_healthy = "connect", False
        try:
            client = await self.connect(*where)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is judged and told
            return error
        self.operation, began = "serve", self.clock()
        try:
            return await self.serve(client)
        except Exception as error:  # noqa: BLE001 - as above
            return error
        finally:
            self.was_healthy = self.clock() - began >= self.healthy_after
            await self._closed(client)

    async def _closed(self, client: C) -> None:
        try:
            async with asyncio.timeout(self.close_within):
                await _settled(self.close(client))
        except Exception:  # noqa: BLE001 - the session is over; why it ended is what matters
            _log.debug("errnorm: a client could not be closed", exc_info=True)

    async def decided(self, ended: object, attempts: RetryState) -> Decision:
        """Decide about the end of a session, and ask the caller what only the caller knows."""
        error = self.middleware.normalize(ended, self.protocol)
        follow = error.recovery is Recovery.REDIRECT and await self._trusts(error.address)
        # Where even other credentials would not make it go on, nobody is asked for them, and that is the reason given.
        likely = attempts.preview(error, idempotent=True, redirects=follow, fresh_credentials=True)
        needed = likely.retry and likely.step is Recovery.REAUTHENTICATE
        fresh = not needed or await self._has_credentials(error)
        return attempts.decide(error, idempotent=True, redirects=follow, fresh_credentials=fresh)

    async def _trusts(self, address: str | None) -> bool:
        if self.redirect is None or not address:
            return False
        return bool(await self._asked(self.redirect, address, "redirect"))

    async def _has_credentials(self, error: NormalizedError) -> bool:
        return self.credentials is None or await self._asked(self.credentials, error, "credentials") is not False

    async def _asked(self, hook: Callable[[Any], object], about: object, operation: str) -> object:
        try:
            return await _settled(hook(about))
        except Exception as error:  # noqa: BLE001 - a hook that fails has said no, and why it failed is told
            self.middleware.report(error, self.protocol, operation=operation, peer=self.peer, outcome="failed")
            return False

    def told(self, ended: object, decision: Decision) -> NormalizedError:
        """Tell what a session ended with."""
        return self.middleware.report(
            ended,
            self.protocol,
            operation=self.operation,
            idempotent=True,
            peer=self.peer,
            decision=decision,
            outcome="retried" if decision.retry else "failed",
        )


async def _settled(value: object) -> object:
    return await value if inspect.isawaitable(value) else value


def _close(client: object) -> object:
    closer = next((found for name in _CLOSERS if callable(found := getattr(client, name, None))), None)
    return None if closer is None else closer()
