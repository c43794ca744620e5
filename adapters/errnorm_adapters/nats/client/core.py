"""
Attach a middleware to a client of nats-core: turn its callbacks, and the changes it reports nowhere, into facts of a session.

The behaviour of nats-core 0.2 (nats/client/__init__.py) that this module handles:

* It passes an `-ERR` to its error callbacks and stays connected (`_handle_error`).
* It calls the disconnected callbacks only if it will reconnect. When it gives up or may not reconnect (`_force_disconnect`), it
  calls none; the end of its tasks shows it.
* It counts as connected as soon as it has sent its credentials, so this module waits for a round trip.
* It only logs connection attempts that fail (`errnorm_adapters.nats.client.core_dials`).
* While it reconnects, it waits without a limit for a server that accepts a connection and says nothing.
* It passes the text of an `-ERR` and no exception. A request that the server denied, or that waits when the connection ends,
  raises `TimeoutError`; so what was reported is kept as marked exceptions, for the resolver.

`tests/adapters/nats/client/test_core.py` checks that the installed version has every private name used here.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypedDict

from errnorm.decision import decide
from errnorm.exceptions import class_names
from errnorm.marks import Mark, claim
from errnorm.session import Closed, Closing, DialFailed, Ended, Next, Said, State, Up
from errnorm.session.attachment import Attachment
from errnorm_adapters.nats.client import core_dials
from errnorm_adapters.nats.client.denials import Denials
from errnorm_adapters.nats.client.resolver import resolver_of

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.session import Close, Fact, Health

__all__ = ["CoreAttachment", "is_of_core"]

_CLIENT = "nats.client.Client"
_LEAVES = {"draining", "drained", "closing"}
# How long a server may take to accept or refuse a login, in seconds.
_LOGIN_WITHIN = 10.0
_LOST = "nats: unexpected EOF"
_STALE = "nats: stale connection"


def is_of_core(client: object) -> bool:
    """Return whether a client is a client of nats-core."""
    return _CLIENT in class_names(client)


class _Where(TypedDict):
    server: str
    pool: frozenset[str]


class _Reported(Exception):  # noqa: N818 - never raised
    """A marker for a fault that was already reported."""


class CoreAttachment(Attachment):
    """
    One session of a client of nats-core. It begins when `attach` is called.

    Attributes:
        denials: The permissions that the server recently denied.

        last_fault: A marker for the last fault that ended a connection or a connection attempt, with its time on the clock of
            `time.monotonic`, in seconds; `None` if there was none.
    """

    def __init__(self, client: Any, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the arguments of `Attachment`
        """Attach to a connected client: add callbacks to it, and begin a session that is up."""
        super().__init__(*arguments, **options)
        self.client = client
        self.denials = Denials()
        self.last_fault: tuple[BaseException, float] | None = None
        resolver_of(self._middleware).add(client, self)
        self._tasks: set[asyncio.Future[Any]] = set()
        self._silence: asyncio.TimerHandle | None = None
        client.add_error_callback(self._on_error)
        client.add_disconnected_callback(self._on_disconnected)
        client.add_reconnected_callback(self._on_reconnected)
        self._watch(self._hidden("read_task"))
        self.feed(Up(server=self._where()["server"]))

    def health(self) -> Health:
        """Return the status of the session, since when it has that status, and why; for a liveness probe."""
        if self._status == "closed" and not self.is_over:
            self.feed(Closed())
        return super().health()

    @property
    def is_ending(self) -> bool:
        """Whether the session is over, or the client is no longer connected."""
        return self.is_over or self._status != "connected"

    async def close(self) -> None:
        """Close the client. This is not a fault."""
        self.feed(Closing())
        await self.client.close()
        self.feed(Closed())

    def _close_client(self, order: Close) -> None:  # noqa: ARG002 - the client is connected, so no `connect` can raise the reason
        # The current task may be the client's read task, which closing the client cancels. So another task closes it.
        self._keep(asyncio.ensure_future(self.client.close()))

    # Callbacks that nats-core calls

    def _on_error(self, error: Exception | str) -> None:
        raw = f"-ERR '{error}'\r\n" if isinstance(error, str) else error
        cause = None if isinstance(error, str) else error
        judged = self._judged(raw)
        self.feed(Said(error=judged, cause=cause, next=self._next, **self._where()))
        self.denials.remember(_reported(judged), judged)

    def _on_disconnected(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(self._on_reconnecting_over)  # nats-core reconnects in this task
            core_dials.watch(task, self._on_dial_failed)
        unanswered = self._hidden("pings_outstanding") >= self._hidden("max_outstanding_pings")
        self._end(_STALE if unanswered else _LOST, Next.RECONNECTING)
        self._limit()

    def _on_reconnected(self) -> None:
        self._watch(self._hidden("read_task"))
        self._keep(asyncio.ensure_future(self._log_in()))

    async def _log_in(self) -> None:
        """Wait until the server has accepted the credentials. Other callbacks report a refusal."""
        server = self._where()["server"]
        try:
            await self.client.rtt(timeout=_LOGIN_WITHIN)
        except Exception:  # noqa: BLE001 - other callbacks report the end of this connection
            return
        if self._status == "connected" and self.state is not State.CLOSED:
            self.feed(Up(server=server))

    # Changes that nats-core does not report

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

    def _on_dial_failed(self, failure: Exception, server: str) -> None:
        pool = self._where()["pool"]
        self.feed(DialFailed(error=self._judged(failure), cause=failure, server=server, pool=pool | {server}))
        self._limit()

    def _limit(self) -> None:
        """Start the timer that limits the pause before the next connection attempt, and the attempt."""
        self._unlimit()
        pause = self._hidden("reconnect_time_wait_max") * (1 + self._hidden("reconnect_jitter"))
        limit = pause + self._hidden("reconnect_timeout") + _LOGIN_WITHIN
        self._silence = asyncio.get_running_loop().call_later(limit, self._on_silence)

    def _unlimit(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _on_silence(self) -> None:
        if self._status == "reconnecting":
            silence = TimeoutError("the server accepted the connection and said nothing")
            self.feed(DialFailed(error=self._judged(silence), cause=silence, next=Next.NOTHING, **self._where()))

    # What the resolver asks for

    def meet(self, client: object) -> None:
        """Do nothing: the client is known from the beginning."""

    def feed(self, fact: Fact) -> None:
        """Pass a fact to the session, and keep the fault that ended the connection as the reason of calls that fail then."""
        before = self._session.failure
        super().feed(fact)
        failure = self._session.failure
        if failure is not None and failure is not before and failure.error is not None:
            self.last_fault = (failure.cause or _reported(failure.error), time.monotonic())
        if isinstance(fact, Ended):
            self.denials.forget()
        if isinstance(fact, Up | Closing | Closed):
            self._unlimit()

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


def _reported(error: NormalizedError) -> _Reported:
    marker = _Reported()
    claim(marker, Mark(error, decide(error, idempotent=True), idempotent=True, told="background"))
    return marker
