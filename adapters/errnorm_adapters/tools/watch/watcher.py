"""The watcher: a supervised connection that subscribes to the events, and reports each error once."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

import errnorm_adapters.nats
from errnorm.cli.arguments import UnusableError
from errnorm.cli.style import printable
from errnorm.privacy import without_credentials
from errnorm.supervisor import supervise
from errnorm_adapters.tools.watch.events import ADVISORIES, SYSTEM, Event, is_error, read
from errnorm_adapters.tools.watch.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["QUEUE", "Watcher"]

QUEUE = "errnorm-watch"
"""The queue group of the watchers: each event reaches one of them."""

_PING = "$SYS.REQ.SERVER.PING"
_PATIENCE = 2.0


class Watcher:
    """
    Watches one account of a NATS system.

    Attributes:
        summary: The counts of the errors.
    """

    def __init__(
        self,
        middleware: Middleware,
        *,
        system: bool = True,
        summary: Summary | None = None,
        told: Callable[[Event, NormalizedError], object] | None = None,
    ) -> None:
        """
        Create a watcher that is not connected yet.

        Args:
            middleware: Emits each error, with the outcome `background`.
            system: Whether the account is the system account; otherwise only advisories are watched.
            summary: Counts the errors; by default a new summary.
            told: Called with each event and its error, after the error was emitted.
        """
        self._middleware = middleware
        self._system = system
        self._told = told
        self.summary = summary or Summary()

    async def run(self, servers: Sequence[str], **options: Any) -> None:  # noqa: ANN401 - the options of nats-py
        """
        Watch until cancelled. The connection is supervised: it is opened again after every temporary error.

        Args:
            servers: The addresses of the servers.
            options: Options of `nats.connect`, such as `user_credentials`.

        Raises:
            UnusableError: If the account is not the system account, or nats-py is not installed.
            StoppedError: If the connection cannot be opened again, for example because the credentials were refused.
        """
        connect = _connect()

        async def open_client(attach: Any) -> Any:  # noqa: ANN401 - of the supervisor, and a client of nats-py
            return await connect(list(servers), name=QUEUE, **options, **attach().callbacks)

        async def serve(client: Any) -> None:  # noqa: ANN401 - a client of nats-py
            await self._serve(client, servers)

        await supervise(open_client, serve, attach=errnorm_adapters.nats.attach, middleware=self._middleware)

    async def _serve(self, client: Any, servers: Sequence[str]) -> None:  # noqa: ANN401 - a client of nats-py
        if self._system:
            await _check_system(client, servers)
        for subject in (*SYSTEM, *ADVISORIES) if self._system else ADVISORIES:
            await client.subscribe(subject, queue=QUEUE, cb=self._received)
        await client.flush()
        await asyncio.Event().wait()

    async def _received(self, message: Any) -> None:  # noqa: ANN401 - a message of nats-py
        self.summary.events += 1
        event = read(message.subject, message.data)
        if event is not None:
            self.tell(event)

    def tell(self, event: Event) -> None:
        """Emit and count an event if it is an error."""
        error = self._middleware.normalize(event.document, "nats")
        if not is_error(error):
            return
        self._middleware.report(error, "nats", operation="watch", peer=event.server or None)
        self.summary.add(event, error)
        if self._told is not None:
            self._told(event, error)


def _connect() -> Callable[..., Any]:
    try:
        connect: Callable[..., Any] = import_module("nats").connect
    except ImportError:
        message = "watching needs nats-py: pip install 'errnorm[nats]'"
        raise UnusableError(message) from None
    return connect


async def _check_system(client: Any, servers: Sequence[str]) -> None:  # noqa: ANN401 - a client of nats-py
    """Send a request that only the system account may send: other accounts can subscribe to its subjects, but get no events."""
    try:
        await client.request(_PING, b"", timeout=_PATIENCE)
    except Exception as error:
        if type(error).__name__ not in {"NoRespondersError", "TimeoutError"}:
            raise
        where = printable(", ".join(map(without_credentials, servers)))
        message = (
            f"{where}: this user does not belong to the system account, so the server sends it no events about other "
            "connections. Use a user of the account that system_account names in the configuration of the server (with an "
            "operator: the .creds file of a user of the account SYS), or --advisories to watch this account's advisories only"
        )
        raise UnusableError(message) from None
