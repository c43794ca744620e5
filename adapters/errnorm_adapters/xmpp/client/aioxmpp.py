"""
aioxmpp under a middleware: what its signals say, and the attempts to connect of which it says nothing.

aioxmpp connects again by itself: at once after most stream errors, after a pause where the network failed, and never after a
conflict, a refused login or a failed negotiation. Only the last is signalled together with its reason; an attempt that fails
and is repeated is not signalled at all, so the method that makes one attempt is watched.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from errnorm.engine import ended
from errnorm.session import Closed, Closing, DialFailed, Dialling, Next, State, Up
from errnorm_adapters.xmpp.client.attachment import XmppAttachment
from errnorm_adapters.xmpp.client.methods import Methods, safely

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.middleware import Middleware
    from errnorm.session import Close
    from errnorm_adapters.xmpp.client.attachment import Options

__all__ = ["AioxmppAttachment"]

# aioxmpp.node.Client: the method behind one attempt. It is private, and nothing public says that an attempt failed.
_ATTEMPT = "_main_impl"
# What it gives up for; `on_failure` follows.
_GIVES_UP_ON = {"StreamNegotiationFailure", "SASLError"}


class AioxmppAttachment(XmppAttachment):
    """A client of aioxmpp, and the session that it is in."""

    def __init__(self, middleware: Middleware, client: Any, options: Options) -> None:  # noqa: ANN401 - of a library that is not imported
        """Attach."""
        super().__init__(middleware, client, options)
        handlers: dict[str, Callable[..., None]] = {
            "on_stream_established": safely(self._on_up),
            "on_stream_resumed": safely(self._on_up),
            "on_stream_suspended": safely(self._on_lost),
            "on_failure": safely(self._on_failure),
            "on_stopped": safely(self._on_stopped),
        }
        self._tokens = {name: getattr(client, name).connect(handler) for name, handler in handlers.items()}
        self._stopping = self._was_up = False
        self._unsettled: Exception | None = None
        self._methods = Methods(client, **({_ATTEMPT: self._attempt} if hasattr(client, _ATTEMPT) else {}))

    def detach(self) -> None:
        """Take everything off the client that was put on it. What the user put there stays."""
        for name, token in self._tokens.items():
            getattr(self.client, name).disconnect(token)
        self._tokens = {}
        self._disarm()
        self._methods.restore()

    async def close(self) -> None:
        """Close the client. That is not a fault. If it is started again, that is another session."""
        self.feed(Closing())
        if self.client.running:
            stopped = asyncio.get_running_loop().create_future()
            self.client.on_stopped.connect(stopped, self.client.on_stopped.AUTO_FUTURE)
            self.client.stop()
            await asyncio.wait({stopped})
        self.feed(Closed())

    def stop(self) -> None:
        """Make the client give up: neither connected nor about to connect."""
        self._stopping = True
        self.client.stop()

    @property
    def is_busy(self) -> bool:
        """Whether the client is connected, or about to connect."""
        return bool(self.client.running)

    def _close_client(self, order: Close) -> None:  # noqa: ARG002 - why is told by others
        safely(self.stop)()

    async def _attempt(self) -> object:
        """Make one attempt, and serve; note what it ends with, unless the client gives up over it and says so."""
        if self.is_over:
            self._begin_again(self._options.session(by_hand=False))
        self._stopping = self._was_up = False
        self.feed(Dialling())
        self._arm()
        try:
            return await self._methods.hidden[_ATTEMPT]()
        except Exception as error:
            if not _GIVES_UP_ON & {each.__name__ for each in type(error).__mro__}:
                self._failed(error)
            raise
        finally:
            self._disarm()

    def _is_silent(self) -> None:
        silence = TimeoutError("no session was started in time")
        self.feed(DialFailed(error=self.judged(silence), cause=silence, next=Next.RECONNECTING))

    def _failed(self, error: Exception) -> None:
        if self._was_up:
            self._on_lost(error)
        elif not self._stopping:
            # Whether it tries again shows when its task goes on, or is done (`on_failure` follows, with the same exception).
            self._unsettled = error
            self._loop.call_soon(self._loop.call_soon, safely(self._goes_on), error)

    def _goes_on(self, error: Exception) -> None:
        if self._unsettled is error:
            self._unsettled = None
            self.feed(DialFailed(error=self.judged(error), cause=error, next=Next.RECONNECTING))

    def _on_up(self) -> None:
        self._was_up = True
        self._disarm()
        self.feed(Up())

    def _on_lost(self, reason: Exception | None) -> None:
        if self._stopping or self.state is not State.UP:
            return
        error = None if reason is None else self.judged(reason)
        replaced = error is not None and (error.section, error.code) == ("stream", "conflict")
        self.feed(self._ended(reason, Next.CLOSED if replaced else Next.RECONNECTING))

    def _on_failure(self, reason: Exception) -> None:
        self._unsettled = None
        self.feed(Closed(error=ended(self.judged(reason)), cause=reason))

    def _on_stopped(self) -> None:
        self.feed(Closing())
        self.feed(Closed())
