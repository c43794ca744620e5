"""
aioxmpp: what its signals say, and the attempts to connect of which it says nothing.

aioxmpp connects again by itself: at once after most stream errors, after a pause where the network failed, and never after a
conflict, a refused login or a failed negotiation. Only the last is signalled together with its reason; an attempt that fails
and is repeated is not signalled at all, so the method that makes one attempt is watched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from errnorm_adapters.xmpp.client.session import Attachment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["AioxmppAttachment"]

# aioxmpp.node.Client: the method behind one attempt, and what it gives up for (`on_failure` follows).
_ATTEMPT = "_main_impl"
_GIVES_UP_ON = {"StreamNegotiationFailure", "SASLError"}
_PAUSE = 0.02
_PATIENCE = 100


class AioxmppAttachment(Attachment):
    """A client of aioxmpp under a middleware."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of `Attachment`
        """Attach."""
        super().__init__(*args, **options)
        handlers: dict[str, Callable[..., None]] = {
            "on_stream_established": self._has_started,
            "on_stream_resumed": self._has_started,
            "on_stream_suspended": self._on_lost,
            "on_failure": self._has_ended,
            "on_stopped": self._on_stopped,
        }
        self._tokens = {name: getattr(self.client, name).connect(handler) for name, handler in handlers.items()}
        self._attempt: Callable[[], Awaitable[object]] | None = getattr(self.client, _ATTEMPT, None)
        if self._attempt is not None:
            setattr(self.client, _ATTEMPT, self._watched)

    def detach(self) -> None:
        """Take everything off the client that was put on it. What the user put there stays."""
        for name, token in self._tokens.items():
            getattr(self.client, name).disconnect(token)
        self._tokens = {}
        vars(self.client).pop(_ATTEMPT, None)

    async def close(self) -> None:
        """Close the client, and detach."""
        from asyncio import sleep  # noqa: PLC0415 - who runs this has it loaded; who only normalizes should not need it

        self.stop()
        for _ in range(_PATIENCE):
            if not self.client.running:
                break
            await sleep(_PAUSE)
        self.detach()

    def stop(self) -> None:
        """Make the client give up: neither connected nor about to connect."""
        self.client.stop()

    async def _watched(self) -> object:
        """Make one attempt, and serve; note what it ends with, unless the client gives up over it and says so."""
        self._begins()
        attempt = self._attempt
        try:
            return None if attempt is None else await attempt()
        except Exception as error:
            if not _GIVES_UP_ON & {each.__name__ for each in type(error).__mro__}:
                self._on_lost(error)
            raise

    def _on_lost(self, reason: Exception) -> None:
        error = self._middleware.normalize(reason, "xmpp")
        replaced = (error.section, error.code) == ("stream", "conflict")
        self._has_ended(reason, client="closed" if replaced else "reconnecting")

    def _on_stopped(self) -> None:
        self._has_ended(None)
