"""The callbacks that an attachment passes to `nats.connect`, and the application's callbacks that they call."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator, KeysView, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["Callback", "Callbacks", "UserCallbacks", "running_loop"]

_log = logging.getLogger("errnorm")

Callback = Callable[..., Any]


class Callbacks(Mapping[str, Callback]):
    """
    The keyword arguments for `nats.connect`, for one client.

    Attributes:
        loop: The event loop of the client; `None` until `**` has read the callbacks.
    """

    def __init__(self, callbacks: Mapping[str, Callback]) -> None:
        """Store the callbacks, by the names of nats-py."""
        self.loop: AbstractEventLoop | None = None
        self._callbacks = callbacks
        self._taken = False

    def __getitem__(self, name: str) -> Callback:
        """Return a callback by the name of nats-py."""
        return self._callbacks[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._callbacks)

    def __len__(self) -> int:
        """Return the number of callbacks."""
        return len(self._callbacks)

    def keys(self) -> KeysView[str]:
        """
        Return the names. `**` calls this method, so it can detect a second client.

        Raises:
            TypeError: If the method was called before.
        """
        if self._taken:
            message = "a session belongs to one client: call attach() once for each nats.connect()"
            raise TypeError(message)
        self._taken = True
        self.loop = running_loop()
        return super().keys()


def running_loop() -> AbstractEventLoop | None:
    """Return the event loop that runs in this thread; `None` if none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class UserCallbacks:
    """The callbacks of the application. Exceptions that they raise are logged, and not raised."""

    def __init__(self, callbacks: Mapping[str, object]) -> None:
        """
        Store the callbacks that are not `None`.

        Raises:
            TypeError: If one of them is not callable.
        """
        self._callbacks: dict[str, Callback] = {}
        for name, callback in callbacks.items():
            if callable(callback):
                self._callbacks[name] = callback
            elif callback is not None:
                message = f"{name} must be a function or a coroutine function, not {type(callback).__name__}"
                raise TypeError(message)

    def __contains__(self, name: str) -> bool:
        """Return whether the application gave a callback of this name."""
        return name in self._callbacks

    async def call(self, name: str, *arguments: object) -> None:
        """Call the callback of this name, if there is one, with as many of the arguments as it takes."""
        callback = self._callbacks.get(name)
        if callback is None:
            return
        try:
            result = callback(*arguments[: _taken(callback)])
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - an exception of the application would end nats-py's read loop
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
