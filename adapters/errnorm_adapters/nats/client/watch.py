"""One client of nats-py: what its callbacks say together, which of it is news, and what is to be done about it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

from errnorm.decision import decide
from errnorm.error import NormalizedError
from errnorm.exceptions import class_names, is_a
from errnorm.taxonomy import Category, Reason, Recovery
from errnorm_adapters.nats.client.denials import Denials
from errnorm_adapters.nats.client.traces import Wait, caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.middleware import Middleware

__all__ = ["Watch"]

_log = logging.getLogger("errnorm")

_EOF = "nats.errors.UnexpectedEOF"
_GAVE_UP = "nats.errors.NoServersError"

# What a disconnect means that nothing was said about (nats/aio/client.py _process_op_err, which drops its argument).
_STALE = "nats: stale connection"
_LOST = "nats: unexpected EOF"
_SHUT_DOWN = {"close_reason": "Server Shutdown"}


class Watch:
    """What is known of one connection: whether it was said to end, and what was told since it began."""

    def __init__(
        self,
        middleware: Middleware,
        users: dict[str, Callable[..., Any]],
        *,
        abort: bool,
        supervised: bool,
        operation: str,
        peer: str | None,
    ) -> None:
        """Start to watch; `callbacks` says what each argument means."""
        self.middleware = middleware
        self.users = users
        self.abort = abort and not supervised
        self.supervised = supervised
        self.end: object = None
        self.is_over = asyncio.Event()
        self.operation = operation
        self.peer = peer
        self.client: Any = None
        self._leaving = False
        self._ended: NormalizedError | None = None
        self._refused: BaseException | None = None
        self._previous: NormalizedError | None = None
        self._hopeless = False
        self._credentials_refused = False
        self._stopped = False
        self._over = False
        self._closing: asyncio.Task[None] | None = None
        self._denials = Denials()

    def behind(self, exception: BaseException, error: NormalizedError) -> object:
        """Return what is behind a time-out, or behind giving up: what the server said to somebody else meanwhile."""
        if class_names(exception)[0] == _GAVE_UP:
            return self._refused if self.client is not None and Wait(exception).client is self.client else None
        if error.reason is not Reason.TRANSPORT_TIMEOUT:
            return None
        wait = Wait(exception)
        if self.client is not None and wait.client is self.client and (denial := self._denials.behind(wait)) is not None:
            return denial
        return wait.status

    async def error_cb(self, error: Exception) -> None:
        """Tell an error, unless it is only what became of a socket after one that was told."""
        if self._is_aftermath(self._find(), error):
            await self._user("error_cb", error, self._ended or self.middleware.normalize(error, "nats"))
            return
        names = class_names(error)
        raw: object = _SHUT_DOWN if self._leaving and names[0] == _EOF else error
        told = self._tell(raw, error)
        if told.terminal:
            self._ended = told
            self._refused = error
            self._over = _is_of_socket(error) and getattr(self.client, "is_connected", False)
        self._denials.remember(error, told)
        await self._user("error_cb", error, told)
        self._stop_if_hopeless(told)

    async def lame_duck_mode_cb(self) -> None:
        """Expect an end that the server has announced."""
        self._find()
        self._leaving = True
        await self._user("lame_duck_mode_cb")

    async def disconnected_cb(self) -> None:
        """Tell why it was disconnected, if nobody has."""
        self._find()
        self._hear_last_error()
        if self._ended is None and not getattr(self.client, "is_closed", False):
            self._ended = self._tell(self._silence(), None)
        self._denials.forget()
        self._over = False
        await self._user("disconnected_cb", self._ended)
        if self._ended is not None:
            self._stop_if_hopeless(self._ended)

    async def closed_cb(self) -> None:
        """Tell why it was closed for good, if nobody has."""
        self._find()
        self._hear_last_error()
        self._ends(None)
        await self._user("closed_cb", self._ended)

    async def reconnected_cb(self) -> None:
        """Let bygones be bygones."""
        self._leaving = False
        self._credentials_refused = False
        self._ended = self._refused = self._previous = None
        await self._user("reconnected_cb")

    def _is_aftermath(self, method: str, error: Exception) -> bool:
        """Tell whether an error is that of a socket which is closed because of another one, or because it was asked to."""
        over = self._over and _is_of_socket(error)
        if method == "_attempt_reconnect":
            self._over = False  # it tells one such error, and from then on those of new connections
        return over or method == "_close"

    def _hear_last_error(self) -> None:
        # Told already? Then it is marked, and the middleware leaves it alone.
        error = getattr(self.client, "last_error", None)
        if not isinstance(error, BaseException) or error is self._refused:
            return
        if self._stopped and class_names(error)[0] == _GAVE_UP:
            return  # it gave up because it was told to, and that was told
        if class_names(error)[0] == _GAVE_UP:
            # Why it cannot connect was told at each attempt; that there will be no further one is news, and is told as such.
            error.__cause__ = error.__cause__ or self._refused
            self._ended = self._tell(self.middleware.normalize(error, "nats"), None)
        else:
            self._ended = self._tell(error, error)
        self._refused = error

    def _silence(self) -> object:
        if self._leaving:
            return _SHUT_DOWN
        options = getattr(self.client, "options", {})
        unanswered = getattr(self.client, "_pings_outstanding", 0)
        return _STALE if unanswered > options.get("max_outstanding_pings", unanswered) else _LOST

    def _tell(self, raw: object, exception: BaseException | None) -> NormalizedError:
        error = raw if isinstance(raw, NormalizedError) else self.middleware.normalize(raw, "nats")
        if self.supervised and (error.terminal or getattr(self.client, "is_closed", False)):
            self._ends(raw)
            return error
        decision = decide(error, idempotent=True, previous=self._previous)
        if error.terminal:
            self._hopeless = _is_hopeless(error, refused_before=self._credentials_refused)
            self._credentials_refused |= error.category is Category.AUTH
            self._previous = error
        return self.middleware.report(
            raw,
            "nats",
            operation=self.operation,
            idempotent=True,
            peer=self.peer,
            client=self._own_step(error),
            decision=decision,
            exception=exception,
        )

    def _ends(self, raw: object) -> None:
        # Before it was connected there is no session to end: what failed is raised by `connect`, or was overcome by it.
        client = self.client
        if not self.is_over.is_set() and (client is None or client.is_connected or client.is_closed):
            self.end = raw
            self.is_over.set()

    def _own_step(self, error: NormalizedError) -> str | None:
        client = self.client
        if client is None:
            return None
        if client.is_closed or (self.abort and self._hopeless and error.terminal):
            return "closed"
        if client.is_reconnecting:
            return "reconnecting"
        if not error.terminal:
            return "nothing"
        return "reconnecting" if client.options["allow_reconnect"] else "closed"

    def _stop_if_hopeless(self, error: NormalizedError) -> None:
        client = self.client
        if not (self.abort and self._hopeless and error.terminal) or client is None or client.is_closed:
            return
        self._stopped = True
        # While it connects for the first time, whoever called `connect` gets the error as soon as no other try is allowed.
        client.options["allow_reconnect"] = False
        client.options["max_reconnect_attempts"] = 1
        if getattr(client, "_reconnection_task", None) is not None:
            self._closing = asyncio.get_running_loop().create_task(client.close())

    async def _user(self, name: str, *arguments: object) -> None:
        callback = self.users.get(name)
        if callback is None:
            return
        try:
            result = callback(*arguments[: _taken(callback)])
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - it is the application's, and nats-py would die of it
            _log.exception("errnorm: the callback %s of the application failed", name)

    def _find(self) -> str:
        client, method = caller(2)
        if self.client is None:
            self.client = client
        return method


def _is_of_socket(error: Exception) -> bool:
    names = class_names(error)
    return names[0] == _EOF or (is_a(error, OSError) and "nats.errors.Error" not in names)


def _is_hopeless(error: NormalizedError, *, refused_before: bool) -> bool:
    """Tell whether trying again is no use: nothing that time mends, nor credentials that were refused before."""
    if error.retryable or error.recovery is Recovery.NONE:
        return False
    return error.recovery is not Recovery.REAUTHENTICATE or refused_before


def _taken(callback: Callable[..., Any]) -> int:
    """Return how many positional arguments a callback takes."""
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return 2
    return sum(one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD} for one in parameters)
