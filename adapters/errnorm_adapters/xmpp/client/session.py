"""
One client's sessions: how each of them ended is decided and told once, or handed to whoever decides.

What a client library says, and in how many events, differs; what is done with it does not. The modules beside this one know
the clients, each one by its events, and tell this one three things: a session has started, it has ended (and of what), and
something went wrong that the session survived. No client library is imported, here or there.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from errnorm.decision import decide
from errnorm.error import Signal
from errnorm.marks import Mark, claim, mark_of
from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable

    from errnorm.decision import Decision, RetryPolicy
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["Attachment", "SessionError"]

_NAME = re.compile(r"[a-z0-9-]{1,64}").fullmatch
_CLOSED_HERE = "slixmpp.xmlstream.xmlstream.NotConnectedError"


class SessionError(Exception):
    """
    What a session ended with, where the client raised nothing: an element of the stream, or words of the client.

    Attributes:
        signal: What was seen; `errnorm.normalize` of this exception judges it.
    """

    def __init__(self, signal: Signal) -> None:
        """Hold what was seen. Nothing that a peer wrote freely gets into the message."""
        code = signal.code or ""
        super().__init__(f"the XMPP session ended: {signal.section} {code if _NAME(code) else 'error'}")
        self.signal = signal

    def __reduce__(self) -> tuple[type[RuntimeError], tuple[str]]:
        """Travel to another process as its message alone."""
        return RuntimeError, (str(self),)


class Attachment(ABC):
    """
    A client under a middleware: what `attach` returns.

    Attributes:
        client: The client.

        stopped: The decision by which the client was stopped; `None` as long as it was not.
    """

    def __init__(  # noqa: PLR0913 - what `attach` was given
        self,
        middleware: Middleware,
        client: Any,  # noqa: ANN401 - of a library that is not imported
        loop: AbstractEventLoop,
        *,
        abort: bool,
        supervised: bool,
        redirect: Callable[[str], bool] | None,
        policy: RetryPolicy | None,
        peer: str | None,
        healthy_after: float,
    ) -> None:
        """Prepare; `attach` says what each argument means."""
        self.client = client
        self.stopped: Decision | None = None
        self._middleware = middleware
        self._loop = loop
        self._abort = abort
        self._supervised = supervised
        self._redirect = redirect
        self._attempts = (policy or middleware.policy).start()
        self._peer = peer
        self._healthy_after = healthy_after
        self._since: float | None = None
        self._starting: Future[Exception | None] = loop.create_future()
        self._ending: Future[Exception | None] = loop.create_future()

    @abstractmethod
    def detach(self) -> None:
        """Take everything off the client that was put on it. What the user put there stays."""

    @abstractmethod
    async def close(self) -> None:
        """Close the client, and detach."""

    @abstractmethod
    def stop(self) -> None:
        """Make the client give up: neither connected nor about to connect."""

    async def started(self, within: float | None = None) -> None:
        """
        Wait until a session has started; if it does not, the client gives up.

        Args:
            within: How long to wait, in seconds.

        Raises:
            SessionError: If it did not, and the client raised nothing; `errnorm.normalize` says what it was.
            TimeoutError: If the time is up.
            Exception: If it did not start, what the client had raised.
        """
        from asyncio import timeout  # noqa: PLC0415 - who runs this has it loaded; who only normalizes should not need it

        try:
            async with timeout(within):
                error = await self._unless_cancelled(self._starting)
        except BaseException:
            self.stop()
            raise
        if error is not None:
            raise error

    async def ended(self) -> Exception | None:
        """
        Wait until the session has ended.

        Returns:
            What it ended with; `None` if this side closed it.
        """
        return await self._unless_cancelled(self._ending)

    async def _unless_cancelled(self, future: Future[Exception | None]) -> Exception | None:
        from asyncio import shield  # noqa: PLC0415 - as above

        return await shield(future)

    def _begins(self) -> None:
        """Note that the client sets out to connect."""
        if self._starting.done():
            self._starting = self._loop.create_future()

    def _has_started(self) -> None:
        """Note that a session has started."""
        self._since = time.monotonic()
        if self._ending.done():
            self._ending = self._loop.create_future()
        if not self._starting.done():
            self._starting.set_result(None)

    def _has_ended(self, raw: Exception | None, *, client: str = "closed") -> None:
        """
        Note that a session, or an attempt to start one, has ended.

        Args:
            raw: What it ended with; `None` if this side wanted it.
            client: What the client does about it by itself.
        """
        operation = "connect" if self._since is None else "serve"
        if self._since is not None and time.monotonic() - self._since >= self._healthy_after:
            self._attempts.succeeded()
        self._since = None
        if self._supervised:
            self.stop()
        elif raw is not None and mark_of(raw) is None:
            self._decide(raw, operation, client)
        self._settle(raw)

    def _settle(self, raw: Exception | None) -> None:
        if not self._starting.done():
            self._starting.set_result(raw or SessionError(Signal("xmpp", "client", _CLOSED_HERE)))
        if not self._ending.done():
            self._ending.set_result(raw)

    def _decide(self, raw: Exception, operation: str, client: str) -> None:
        error = self._middleware.normalize(raw, "xmpp")
        decision = self._attempts.decide(error, idempotent=True, redirects=self._follows(error))
        stops = self._abort and not decision.retry
        self._middleware.report(
            raw,
            "xmpp",
            operation=operation,
            idempotent=True,
            peer=self._peer,
            attempt=self._attempts.failed,
            client="closed" if stops else client,
            decision=decision,
        )
        if stops:
            self.stopped = decision
            self.stop()

    def _follows(self, error: NormalizedError) -> bool:
        """Tell whether a redirect is followed: by consent, or, where nobody was asked, because the client just does it."""
        if error.recovery is not Recovery.REDIRECT or not error.address:
            return False
        if self._redirect is None:
            return not self._abort and not self._supervised
        with suppress(Exception):
            return bool(self._redirect(error.address))
        return False

    def _survived(self, raw: object, operation: str, *, holder: object = None) -> None:
        """
        Decide about and tell what the session survived.

        Args:
            raw: What went wrong.
            operation: What was being done.
            holder: The stanza that came with it; an exception made of it later on is then not told again.
        """
        if holder is not None and mark_of(holder) is not None:
            return
        error = self._middleware.normalize(raw, "xmpp")
        decision = decide(error, policy=self._middleware.policy)
        if holder is not None:
            claim(holder, Mark(error, decision))
        self._middleware.report(error, "xmpp", operation=operation, peer=self._peer, client="nothing", decision=decision)
