"""
One client of nats-core: what its callbacks report, and what it keeps to itself, as facts of its session.

nats-core 0.2 hands `-ERR` to callbacks and goes on (nats/client/__init__.py `_handle_error`). It says that it was disconnected
only if it will reconnect, and says nothing when it gives up or must not reconnect (`_force_disconnect`); the end of its tasks
says so. It takes itself for connected once it has sent its credentials, so a round trip decides whether it is. Dials that fail
are only logged. `tests/adapters/nats/client/test_core.py` holds the installed version to every private name that stands here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypedDict

from errnorm.exceptions import class_names
from errnorm.session import Closed, Closing, Ended, Next, Said, State, Up
from errnorm.session.attachment import Attachment

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.session import Close, Health

__all__ = ["CoreAttachment", "is_of_core"]

_CLIENT = "nats.client.Client"
_LEAVES = {"draining", "drained", "closing"}
# How long a server may take to accept or refuse a login, in seconds.
_LOGIN_WITHIN = 10.0
_LOST = "nats: unexpected EOF"
_STALE = "nats: stale connection"


def is_of_core(client: object) -> bool:
    """Tell whether a client is one of nats-core."""
    return _CLIENT in class_names(client)


class _Where(TypedDict):
    server: str
    pool: frozenset[str]


class CoreAttachment(Attachment):
    """One session of a client of nats-core, from the moment at which it was attached to."""

    def __init__(self, client: Any, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - those of `Attachment`
        """Begin the session of a client that is connected."""
        super().__init__(*arguments, **options)
        self.client = client
        self._tasks: set[asyncio.Future[Any]] = set()
        client.add_error_callback(self._on_error)
        client.add_disconnected_callback(self._on_disconnected)
        client.add_reconnected_callback(self._on_reconnected)
        self._watch(self._hidden("read_task"))
        self.feed(Up(server=self._where()["server"]))

    def health(self) -> Health:
        """Return how the session is, since when, and why: for a liveness probe."""
        if self._status == "closed" and not self.is_over:
            self.feed(Closed())
        return super().health()

    @property
    def is_ending(self) -> bool:
        """Whether the session is over, or its client is about to say so."""
        return self.is_over or self._status != "connected"

    async def close(self) -> None:
        """Close the client. That is not a fault."""
        self.feed(Closing())
        await self.client.close()
        self.feed(Closed())

    def _close_client(self, order: Close) -> None:  # noqa: ARG002 - there is no `connect` that could raise it
        # The task that reads may stand here, and closing ends it.
        self._keep(asyncio.ensure_future(self.client.close()))

    # What nats-core calls

    def _on_error(self, error: Exception | str) -> None:
        raw = f"-ERR '{error}'\r\n" if isinstance(error, str) else error
        cause = None if isinstance(error, str) else error
        self.feed(Said(error=self._judged(raw), cause=cause, next=self._next, **self._where()))

    def _on_disconnected(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(self._on_reconnecting_over)  # it is the one that reconnects
        unanswered = self._hidden("pings_outstanding") >= self._hidden("max_outstanding_pings")
        self._end(_STALE if unanswered else _LOST, Next.RECONNECTING)

    def _on_reconnected(self) -> None:
        self._watch(self._hidden("read_task"))
        self._keep(asyncio.ensure_future(self._log_in()))

    async def _log_in(self) -> None:
        """Wait until the server has accepted the credentials; that it refused them is reported otherwise."""
        server = self._where()["server"]
        try:
            await self.client.rtt(timeout=_LOGIN_WITHIN)
        except Exception:  # noqa: BLE001 - how this connection ends is reported otherwise
            return
        if self._status == "connected" and self.state is not State.CLOSED:
            self.feed(Up(server=server))

    # What nats-core does not say

    def _watch(self, reader: asyncio.Task[Any]) -> None:
        reader.add_done_callback(self._on_reader_over)

    def _on_reader_over(self, _: asyncio.Task[Any]) -> None:
        if self._status in _LEAVES:
            self.feed(Closing())
            self.feed(Closed())
        elif self._status == "closed" and self.state is State.UP:
            self._end(_LOST, Next.CLOSED)
            self.feed(Closed())

    def _on_reconnecting_over(self, _: asyncio.Task[Any]) -> None:
        if self._status in _LEAVES:
            self.feed(Closed())
        elif self._status == "closed":
            self.feed(Closed(error=self._judged(_LOST)))

    # The rest

    def _end(self, words: str, following: Next) -> None:
        self.feed(Ended(error=self._judged(words), next=following, **self._where()))

    def _judged(self, raw: object) -> NormalizedError:
        return self._middleware.normalize(raw, "nats")

    @property
    def _status(self) -> str:
        return str(self.client.status.value)

    @property
    def _next(self) -> Next:
        return Next.RECONNECTING if self._hidden("allow_reconnect") else Next.CLOSED

    def _where(self) -> _Where:
        pool = [str(server) for server in self._hidden("server_pool")]
        server = str(self._hidden("last_server") or (pool or [""])[0])
        return _Where(server=server, pool=frozenset({server, *pool}))

    def _hidden(self, name: str) -> Any:  # noqa: ANN401 - of a library that is not imported
        return getattr(self.client, f"_{name}")

    def _keep(self, task: asyncio.Future[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
