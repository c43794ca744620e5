"""
Attach a middleware to a client of aioxmpp: turn its signals and its failed connection attempts into facts of a session.

aioxmpp reconnects by itself: at once after most stream errors, and after a pause if the network failed. It does not reconnect
after a conflict, a refused login or a failed negotiation. aioxmpp emits a signal with the reason only when it gives up. It emits
no signal for an attempt that fails and is repeated, so the attachment replaces the method that makes one attempt.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from errnorm.engine import ended
from errnorm.session import Closed, Closing, DialFailed, Dialling, Next, State, Up
from errnorm_adapters.xmpp.client.attachment import XmppAttachment, closed_here
from errnorm_adapters.xmpp.client.methods import Methods, safely
from errnorm_adapters.xmpp.client.sends import Sends

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.middleware import Middleware
    from errnorm.session import Close
    from errnorm_adapters.xmpp.client.attachment import Options

__all__ = ["AioxmppAttachment"]

# aioxmpp.node.Client: the method that makes one attempt. It is private, but nothing public shows that an attempt failed.
_ATTEMPT = "_main_impl"
# After an exception of these classes aioxmpp gives up and emits `on_failure`.
_GIVES_UP_ON = {"StreamNegotiationFailure", "SASLError"}


class AioxmppAttachment(XmppAttachment):
    """A middleware attached to a client of aioxmpp, with the client's current session."""

    def __init__(self, middleware: Middleware, client: Any, options: Options) -> None:  # noqa: ANN401 - of a library that is not imported
        """Connect handlers to the signals of the client, and replace the method that makes one attempt."""
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
        self._sends = Sends(client, self.judged(closed_here()))
        self._methods = Methods(client, **({_ATTEMPT: self._attempt} if hasattr(client, _ATTEMPT) else {}))

    def detach(self) -> None:
        """Remove all handlers and replaced methods from the client. The application's own handlers stay."""
        for name, token in self._tokens.items():
            getattr(self.client, name).disconnect(token)
        self._tokens = {}
        self._disarm()
        self._sends.detach()
        self._methods.restore()

    async def close(self) -> None:
        """Close the client and wait until it has stopped. This is not a fault. Starting the client again begins a new session."""
        self.feed(Closing())
        if self.client.running:
            stopped = asyncio.get_running_loop().create_future()
            self.client.on_stopped.connect(stopped, self.client.on_stopped.AUTO_FUTURE)
            self.client.stop()
            await asyncio.wait({stopped})
        self.feed(Closed())

    def _configured(self) -> str:
        return str(self.client.local_jid.domain)

    def stop(self) -> None:
        """Stop the client: disconnect it, or cancel its connection attempts."""
        self._stopping = True
        self.client.stop()

    @property
    def is_busy(self) -> bool:
        """Whether the client is connected or tries to connect."""
        return bool(self.client.running)

    def _close_client(self, order: Close) -> None:  # noqa: ARG002 - other code reports the reason
        safely(self.stop)()

    async def _attempt(self) -> object:
        """Run one attempt and the connection that follows; record the exception, unless `on_failure` will report it."""
        if self.is_over:
            self._begin_again(self._options.session(by_hand=False))
        self._stopping = self._was_up = self._told_silence = False
        self.feed(Dialling())
        self._arm()
        try:
            return await self._methods.hidden[_ATTEMPT]()
        except Exception as error:
            if not _GIVES_UP_ON & {each.__name__ for each in type(error).__mro__}:
                self._failed(error)
            if _is_cancelled():
                # aioxmpp has lost the cancellation by which it was stopped, and would connect again and again.
                raise asyncio.CancelledError from error
            raise
        finally:
            self._disarm()

    def _is_silent(self) -> None:
        silence = TimeoutError("no session was started in time")
        self.feed(DialFailed(error=self.judged(silence), cause=silence, next=Next.RECONNECTING))
        self._sends.end()
        self._told_silence = True

    def _failed(self, raised: Exception) -> None:
        error = _behind(raised)
        if self._was_up:
            self._on_lost(error)
        elif not self._stopping:
            # Either the client tries again, or its task ends and `on_failure` follows with the same exception. It is known which
            # of the two happened only after the task has run on, so the check comes two rounds of the event loop later.
            self._unsettled = error
            self._loop.call_soon(self._loop.call_soon, safely(self._goes_on), error)

    def _goes_on(self, error: Exception) -> None:
        if self._unsettled is error:
            self._unsettled = None
            judged = self.judged(error)
            if not self._is_told(judged, Next.RECONNECTING):
                self.feed(DialFailed(error=judged, cause=error, next=Next.RECONNECTING))
            self._sends.end()

    def _on_up(self) -> None:
        self._was_up = True
        self._disarm()
        self.feed(Up())
        self._sends.connected()

    def _on_lost(self, reason: Exception | None) -> None:
        error = None if reason is None else self.judged(reason)
        # Before the session is told, because it may close the client, and aioxmpp then ends what waits.
        self._sends.lost(error)
        if self._stopping or self.state is not State.UP:
            return
        replaced = error is not None and (error.section, error.code) == ("stream", "conflict")
        self.feed(self._ended(reason, Next.CLOSED if replaced else Next.RECONNECTING))

    def _on_failure(self, raised: Exception) -> None:
        reason = _behind(raised)
        error = ended(self.judged(reason))
        self._unsettled = None
        if self.state is not State.UP:
            # aioxmpp gives up because of this attempt, and not because of an earlier attempt or the last connection.
            self.feed(DialFailed(error=error, cause=reason, next=Next.CLOSED))
        self.feed(Closed(error=error, cause=reason))
        self._sends.end()

    def _on_stopped(self) -> None:
        self.feed(Closing())
        self.feed(Closed())
        self._sends.lost(None)
        self._sends.end()


def _behind(error: Exception) -> Exception:
    """
    Return the error behind an exception: for a failed TLS handshake, the error of the handshake.

    aioopenssl (0.6, `_tls_do_handshake`) sets that error on a future that is already done, and so raises `InvalidStateError`.
    """
    handshake = error.__context__
    return handshake if isinstance(error, asyncio.InvalidStateError) and isinstance(handshake, Exception) else error


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
