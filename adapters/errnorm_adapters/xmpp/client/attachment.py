"""The part of an attachment to an XMPP client that slixmpp and aioxmpp share."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from errnorm.error import Signal
from errnorm.session import Ended, Next, Said, Session, State, Status
from errnorm.session.attachment import Attachment
from errnorm.taxonomy import Category
from errnorm_adapters.xmpp.client.methods import safely
from errnorm_adapters.xmpp.session_error import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.decision import RetryPolicy
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware
    from errnorm.session import Fact, Health

__all__ = ["Options", "XmppAttachment", "closed_here"]

# If the application does not reconnect a closed client within the pause and these seconds, the session counts as hopeless.
_FORGOTTEN_AFTER = 30.0
_CLOSED_HERE = "client shut down by user request"


def closed_here() -> SessionError:
    """Return the exception for a session that this side closed."""
    return SessionError(Signal("xmpp", "client", _CLOSED_HERE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `attach`, which describes each of them."""

    abort: bool
    supervised: bool
    redirect: Callable[[str], object] | None
    policy: RetryPolicy
    login_within: float
    peer: str | None
    record: Callable[[str], object] | None

    def session(self, *, by_hand: bool) -> Session:
        """Return a new session that has received no fact yet."""
        abort = self.abort and not self.supervised
        return Session(abort=abort, single=self.supervised, by_hand=by_hand, rereads=False, policy=self.policy)


class XmppAttachment(Attachment):
    """A middleware attached to one XMPP client, with the client's current session."""

    by_hand = False
    """Whether the application reconnects the client, because the client does not reconnect by itself."""

    def __init__(self, middleware: Middleware, client: Any, options: Options) -> None:  # noqa: ANN401 - of a library that is not imported
        """Create the session of the client."""
        session = options.session(by_hand=self.by_hand)
        super().__init__(middleware, "xmpp", session, peer=options.peer, record=options.record)
        self.client = client
        self._options = options
        # The application may connect a slixmpp client before its event loop runs.
        self._loop: asyncio.AbstractEventLoop = getattr(client, "loop", None) or asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._told_silence = False
        self._starting: set[asyncio.Future[BaseException | None]] = set()

    @abstractmethod
    def detach(self) -> None:
        """Remove all handlers and replaced methods from the client. The application's own handlers stay."""

    @abstractmethod
    def stop(self) -> None:
        """Disconnect the client, or cancel its connection attempts. An implementation must not raise."""

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether the client is connected or tries to connect."""

    async def started(self, within: float | None = None) -> None:
        """
        Wait until the session is up. If the session does not start, the client is stopped and an exception is raised.

        While the client retries by itself, this method keeps waiting, unless the session is supervised.

        Args:
            within: How long to wait, in seconds; `None` waits without a limit.

        Raises:
            errnorm_adapters.xmpp.SessionError: If the login failed and the client raised no exception; `errnorm.normalize`
                returns the error behind it.
            TimeoutError: If the session has not started after `within` seconds.
            Exception: Any exception with which the client failed to connect.
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
        """Report a connection attempt or a login that took longer than `login_within` as failed."""

    def _is_told(self, error: NormalizedError, following: Next) -> bool:
        """
        Return whether a failed attempt was already reported, because it took longer than `login_within`.

        The client ends such an attempt later, when its own time-out or that of the operating system is over.
        """
        told, self._told_silence = self._told_silence, False
        return told and following is Next.RECONNECTING and error.category is Category.TRANSPORT and error.retryable

    def _arm(self) -> None:
        """Start the timer that limits a connection attempt or a login."""
        self._disarm()
        self._timer = self._loop.call_later(self._options.login_within, safely(self._is_silent))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def health(self) -> Health:
        """Return the status of the session, since when it has that status, and why; for a liveness probe."""
        health = super().health()
        if health.status is not Status.RECOVERING or self.is_busy:
            return health
        pause = 0.0 if health.decision is None else health.decision.delay or 0.0
        forgotten = time.time() - health.since > pause + _FORGOTTEN_AFTER
        return replace(health, status=Status.HOPELESS) if forgotten else health

    def feed(self, fact: Fact) -> None:
        """Pass a fact to the session, and carry out the actions that the session returns. Never raises."""
        before = self._session.failure
        super().feed(fact)
        failure = self._session.failure
        failed = failure is not None and failure is not before and failure.next is not Next.RECONNECTING
        if self.state is State.UP or failed or self.is_over:
            self._settle()

    def _settle(self) -> None:
        """Wake every caller of `started()` with the result: `None` if the session is up, otherwise the exception to raise."""
        failure = self._session.failure
        ended = None
        if self.state is not State.UP:
            cause = None if failure is None else failure.cause
            ended = cause or closed_here()
        for starting in self._starting:
            if not starting.done():
                starting.set_result(ended)

    def judged(self, raw: object) -> NormalizedError:
        """Return the normalized error of a raw error of XMPP."""
        return self._middleware.normalize(raw, "xmpp")

    def _said(self, raw: object, operation: str | None = None) -> Said:
        """Return the fact that an error occurred that the session survives."""
        return Said(error=self.judged(raw), next=Next.NOTHING, operation=operation)

    def _ended(self, cause: Exception | None, following: Next) -> Ended:
        """Return the fact that a connection has ended."""
        error = None if cause is None else self.judged(cause)
        return Ended(error=error, cause=cause, next=following)

    def _consents(self, address: str | None) -> bool:
        """Return whether a redirect may be followed: the `redirect` callback decides; without one, only `abort` forbids it."""
        if not address or self._options.supervised:
            return False
        if self._options.redirect is None:
            return not self._options.abort
        try:
            return bool(self._options.redirect(address))
        except Exception:  # noqa: BLE001 - a callback that raises has not agreed
            return False
