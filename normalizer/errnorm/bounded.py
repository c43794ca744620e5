"""A cache of bounded size, for results that can be computed again and keys that a peer or a caller may choose."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["BoundedCache"]

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(dict[K, V]):
    """
    A dictionary that is emptied when it is full. A look-up costs as much as a look-up in a dictionary.

    A key that is used often is soon cached again, and a peer that sends a thousand new keys a second cannot make the cache grow.
    """

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        """
        Create an empty cache.

        Args:
            most: The maximum number of entries.
        """
        super().__init__()
        self._most = most

    def remember(self, key: K, value: V) -> V:
        """Store a value, and return it."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
