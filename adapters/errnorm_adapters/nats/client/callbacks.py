"""Callbacks on their way into `nats.connect`, and those of the application behind them."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator, KeysView, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["Callback", "Callbacks", "UserCallbacks"]

_log = logging.getLogger("errnorm")

Callback = Callable[..., Any]


class Callbacks(Mapping[str, Callback]):
    """
    What `**` puts into `nats.connect`, for one client.

    Attributes:
        loop: The event loop that the client runs in; `None` until the callbacks were taken.
    """

    def __init__(self, callbacks: Mapping[str, Callback]) -> None:
        """Hold them."""
        self.loop: AbstractEventLoop | None = None
        self._callbacks = callbacks
        self._taken = False

    def __getitem__(self, name: str) -> Callback:
        """Return a callback by the name that nats-py gives it."""
        return self._callbacks[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._callbacks)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._callbacks)

    def keys(self) -> KeysView[str]:
        """
        Return the names; `**` asks for them, so this is where a second client shows.

        Raises:
            TypeError: If they were taken before.
        """
        if self._taken:
            message = "a session is of one client: call attach() again, beside each nats.connect()"
            raise TypeError(message)
        self._taken = True
        with suppress(RuntimeError):  # somebody looks at them where no loop runs
            self.loop = asyncio.get_running_loop()
        return super().keys()


class UserCallbacks:
    """The callbacks of the application: what they raise is logged, and goes no further."""

    def __init__(self, callbacks: Mapping[str, object]) -> None:
        """
        Hold those that were given.

        Raises:
            TypeError: If one is not callable.
        """
        self._callbacks: dict[str, Callback] = {}
        for name, callback in callbacks.items():
            if callable(callback):
                self._callbacks[name] = callback
            elif callback is not None:
                message = f"{name} must be a function or a coroutine function, not {type(callback).__name__}"
                raise TypeError(message)

    def __contains__(self, name: str) -> bool:
        """Tell whether a callback was given."""
        return name in self._callbacks

    async def call(self, name: str, *arguments: object) -> None:
        """Call one of them with as many of the arguments as it takes, if it was given."""
        callback = self._callbacks.get(name)
        if callback is None:
            return
        try:
            result = callback(*arguments[: _taken(callback)])
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - it is the application's, and nats-py's read loop would end with it
            _log.exception("errnorm: the callback %s of the application failed", name)


def _taken(callback: Callback) -> int:
    """Return how many positional arguments a callback takes."""
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return 2
    return sum(one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD} for one in parameters)
