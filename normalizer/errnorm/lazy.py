"""A property that is computed on first use, without a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["lazy"]

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - it is used as a decorator, like `property`
    """
    Like `functools.cached_property` since Python 3.12.

    In Python 3.11, that holds a lock while it computes. A child that is forked off meanwhile waits for the lock for ever, because
    the thread that held it does not exist in the child. Without the lock, two threads may compute the value, which must be the
    same each time.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        """Store the method that computes the value."""
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        """Store the name under which an object keeps the value."""
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object, kind: type) -> Self | T:
        """Compute the value and keep it. Python calls this method only if the object does not have the value yet."""
        if owner is None:
            return self
        value = owner.__dict__[self._name] = self._compute(owner)
        return value
