"""Wrap a function of any kind in a guard: plain functions, coroutine functions, generators and asynchronous generators."""

from __future__ import annotations

import functools
import inspect
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextlib import AbstractContextManager

__all__ = ["wrapped"]

P = ParamSpec("P")
R = TypeVar("R")


def wrapped(function: Callable[P, R], guard: AbstractContextManager[object]) -> Callable[P, R]:
    """
    Return a function of the same kind that runs the given function inside the guard.

    Args:
        function: Any callable.
        guard: The guard. Each call enters it, so several calls may be inside it at the same time.
    """
    if inspect.isasyncgenfunction(function):
        wrapper = _asynchronous_generator(function, guard)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, guard)
    elif _is_coroutine(function):
        wrapper = _coroutine(function, guard)
    else:
        wrapper = _plain(function, guard)
    return cast("Callable[P, R]", functools.wraps(function)(wrapper))


def _is_coroutine(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _plain(function: Callable[..., Any], guard: AbstractContextManager[object]) -> Callable[..., Any]:
    def wrapper(*args: object, **kwargs: object) -> object:
        with guard:
            return function(*args, **kwargs)

    return wrapper


def _coroutine(function: Callable[..., Any], guard: AbstractContextManager[object]) -> Callable[..., Any]:
    async def wrapper(*args: object, **kwargs: object) -> object:
        with guard:
            return await function(*args, **kwargs)

    return wrapper


def _generator(function: Callable[..., Any], guard: AbstractContextManager[object]) -> Callable[..., Any]:
    def wrapper(*args: object, **kwargs: object) -> Generator[Any, Any, Any]:
        with guard:
            return (yield from function(*args, **kwargs))

    return wrapper


def _asynchronous_generator(function: Callable[..., Any], guard: AbstractContextManager[object]) -> Callable[..., Any]:
    async def wrapper(*args: object, **kwargs: object) -> AsyncGenerator[Any, Any]:
        with guard:
            async with aclosing(function(*args, **kwargs)) as inner:
                step = inner.asend(None)
                while True:
                    try:
                        value = await step
                    except StopAsyncIteration:
                        return
                    try:
                        step = inner.asend((yield value))
                    except GeneratorExit:
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - the consumer threw it into the generator, whatever it is
                        step = inner.athrow(thrown)

    return wrapper
