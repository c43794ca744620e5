"""One client of XMPP under a middleware: what is the same for slixmpp and aioxmpp."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from errnorm.error import Signal
from errnorm.session import Ended, Next, Said, Session, State, Status
from errnorm.session.attachment import Attachment
from errnorm_adapters.xmpp.client.methods import safely
from errnorm_adapters.xmpp.session_error import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.decision import RetryPolicy
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware
    from errnorm.session import Fact, Health

__all__ = ["Options", "XmppAttachment", "closed_here"]

# How long nobody may connect a client that has closed by itself before it counts as forgotten, in seconds, beyond the pause.
_FORGOTTEN_AFTER = 30.0
_CLOSED_HERE = "client shut down by user request"


def closed_here() -> SessionError:
    """Return how a session ended that this side has closed."""
    return SessionError(Signal("xmpp", "client", _CLOSED_HERE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `attach` was given; it says what each field means."""

    abort: bool
    supervised: bool
    redirect: Callable[[str], object] | None
    policy: RetryPolicy
    login_within: float
    peer: str | None
    record: Callable[[str], object] | None

    def session(self, *, by_hand: bool) -> Session:
        """Return a session with nothing received."""
        abort = self.abort and not self.supervised
        return Session(abort=abort, single=self.supervised, by_hand=by_hand, rereads=False, policy=self.policy)


class XmppAttachment(Attachment):
    """One client of XMPP, and the session that it is in."""

    by_hand = False
    """Whether it is the application that connects a client again, and not the client."""

    def __init__(self, middleware: Middleware, client: Any, options: Options) -> None:  # noqa: ANN401 - of a library that is not imported
        """Begin a session."""
        session = options.session(by_hand=self.by_hand)
        super().__init__(middleware, "xmpp", session, peer=options.peer, record=options.record)
        self.client = client
        self._options = options
        # One of slixmpp may be connected before its loop runs.
        self._loop: asyncio.AbstractEventLoop = getattr(client, "loop", None) or asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._starting: set[asyncio.Future[BaseException | None]] = set()

    @abstractmethod
    def detach(self) -> None:
        """Take everything off the client that was put on it. What the user put there stays."""

    @abstractmethod
    def stop(self) -> None:
        """Make the client give up: neither connected nor about to connect. Must not raise."""

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether the client is connected, or about to connect."""

    async def started(self, within: float | None = None) -> None:
        """
        Wait until the session is up. If it does not get there, the client gives up.

        As long as the client tries again by itself, this waits, unless it is supervised.

        Args:
            within: How long to wait, in seconds.

        Raises:
            SessionError: If the login failed and the client raised nothing; `errnorm.normalize` says what it was.
            TimeoutError: If the time is up.
            Exception: If it did not start, what the client had raised.
        """
        if self.state is State.UP:
            return
        starting: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self._starting.add(starting)
        try:
            if not self.is_busy:
                self._settle()
            async with asyncio.timeout(within):
                failure = await starting
        except BaseException:
            self.stop()
            raise
        finally:
            self._starting.discard(starting)
        if failure is not None:
            self.stop()
            raise failure

    @abstractmethod
    def _is_silent(self) -> None:
        """Take it that nothing will come of a dial, or of a connection."""

    def _arm(self) -> None:
        """Give a dial, or a login, as long as it may take."""
        self._disarm()
        self._timer = self._loop.call_later(self._options.login_within, safely(self._is_silent))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def health(self) -> Health:
        """Return how the session is, since when, and why: for a liveness probe."""
        health = super().health()
        if health.status is not Status.RECOVERING or self.is_busy:
            return health
        pause = 0.0 if health.decision is None else health.decision.delay or 0.0
        forgotten = time.time() - health.since > pause + _FORGOTTEN_AFTER
        return replace(health, status=Status.HOPELESS) if forgotten else health

    def feed(self, fact: Fact) -> None:
        """Take a fact in, and carry out what follows from it. Never raises."""
        before = self._session.failure
        super().feed(fact)
        failure = self._session.failure
        failed = failure is not None and failure is not before and failure.next is not Next.RECONNECTING
        if self.state is State.UP or failed or self.is_over:
            self._settle()

    def _settle(self) -> None:
        """Tell everybody who waits for the start what has come of it."""
        failure = self._session.failure
        ended = None
        if self.state is not State.UP:
            cause = None if failure is None else failure.cause
            ended = cause or closed_here()
        for starting in self._starting:
            if not starting.done():
                starting.set_result(ended)

    def judged(self, raw: object) -> NormalizedError:
        """Say what something means."""
        return self._middleware.normalize(raw, "xmpp")

    def _said(self, raw: object, operation: str | None = None) -> Said:
        """Return the fact that the session survived something."""
        return Said(error=self.judged(raw), next=Next.NOTHING, operation=operation)

    def _ended(self, cause: Exception | None, following: Next) -> Ended:
        """Return the fact that a connection has ended."""
        error = None if cause is None else self.judged(cause)
        return Ended(error=error, cause=cause, next=following)

    def _consents(self, address: str | None) -> bool:
        """Tell whether a redirect may be followed: by consent, or, where nobody was asked, because the client just does it."""
        if not address or self._options.supervised:
            return False
        if self._options.redirect is None:
            return not self._options.abort
        try:
            return bool(self._options.redirect(address))
        except Exception:  # noqa: BLE001 - a hook that fails has not agreed
            return False
